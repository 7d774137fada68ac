package stage

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"regexp"
	"runtime/debug"

	"tributary/processor/state"
	"tributary/schemas"
)

// timersSpace is the namespace of timers; "!" keeps it apart from every stage's.
const timersSpace = "!t"

const timerHead = 1 + 8

var nameRule = regexp.MustCompile(`^[a-z0-9_]{1,16}$`)

// CheckName says what is wrong with a stage's name.
func CheckName(name string) error {
	if !nameRule.MatchString(name) {
		return fmt.Errorf("stage name %q: 1 to 16 of a-z, 0-9 and _ would be right", name)
	}
	return nil
}

// A Partition runs the tasks of all stages on the records of one partition: state, timers and outputs, without Kafka. The
// processor drives it; a test of a stage can drive it too.
type Partition struct {
	id     int32
	state  *state.Partition
	tasks  []boundTask
	timers *state.Namespace
	// versions has the version of each Versioned stage's state, by the stage's name.
	versions *state.Namespace

	watermarkMS, nowMS, arrivalMS int64
	// decisions is the version of the rules of the coming calls; guessed: no cycle tells it.
	decisions uint32
	guessed   bool
	// published tells what the ledger knows of a postback's version, by its receipt; nil where nobody has looked.
	published func(receiptID string) (version uint32, known bool)
	// nextTimerMS is not after the earliest timer; firedMS not after any timer left.
	nextTimerMS, firedMS int64

	outputs  []Output
	mem      []byte
	timerBuf []byte
}

type boundTask struct {
	name   string
	inputs []string
	task   Task
	choosy Choosy // the task, where it is one
	ctx    Context
	// version is of its state; 0 when the stage tells none.
	version uint32
	// configured is the stage where it has settings, made the same where Make made it.
	configured Configured
	made       *made
	// settings are what the task decides by, once isConfigured.
	settings     []byte
	isConfigured bool
	// out: the stage did not run in the cycle at hand.
	out bool
}

// NewPartition makes the tasks of one partition over its state. Call Open before the first record.
func NewPartition(id int32, st *state.Partition, stages []Stage) *Partition {
	p := &Partition{id: id, state: st, timers: st.Namespace(timersSpace), versions: st.Namespace(versionsSpace), decisions: schemas.Decisions}
	for i, s := range stages {
		b := boundTask{name: s.Name(), inputs: s.Inputs(), ctx: Context{State: st.Namespace(s.Name()), partition: p, stage: uint8(i)}}
		b.configured, _ = s.(Configured)
		if b.made, _ = s.(*made); b.made != nil {
			s = b.made.Stage
		}
		b.task, b.version = s.Task(id), versionOf(s)
		b.choosy, _ = b.task.(Choosy)
		p.tasks = append(p.tasks, b)
	}
	return p
}

// Open has every task rebuild its memory.
func (p *Partition) Open(watermarkMS, nowMS int64) error {
	p.watermarkMS, p.arrivalMS, p.nowMS, p.nextTimerMS, p.firedMS = watermarkMS, watermarkMS, nowMS, 0, 0
	p.state.Mark()
	for i := range p.tasks {
		if err := p.bringUp(&p.tasks[i]); err != nil {
			return fmt.Errorf("opening stage %s of partition %d: %w", p.tasks[i].name, p.id, err)
		}
		if err := p.tasks[i].task.Open(&p.tasks[i].ctx); err != nil {
			return fmt.Errorf("opening stage %s of partition %d: %w", p.tasks[i].name, p.id, err)
		}
	}
	p.DropOutputs()
	key, err := p.firstTimer()
	if err != nil {
		return err
	}
	if p.nextTimerMS = math.MaxInt64; key != nil {
		p.nextTimerMS = int64(binary.BigEndian.Uint64(key[1:]))
		p.firedMS = p.nextTimerMS
	}
	return nil
}

// Close tells the tasks that implement Closer that the partition is given up.
func (p *Partition) Close() {
	for i := range p.tasks {
		if c, ok := p.tasks[i].task.(Closer); ok {
			c.Close()
		}
	}
}

// SetNow sets the wall clock of the coming calls.
func (p *Partition) SetNow(ms int64) { p.nowMS = ms }

// SetDecisions sets the version of the rules that the coming calls decide by: schemas.Decisions, which a new
// Partition has, or that of a cycle that is run again. known is false where no cycle tells what the records were
// decided by.
func (p *Partition) SetDecisions(version uint32, known bool) {
	p.decisions, p.guessed = version, !known
}

// SetPublished sets what is asked for a postback's version where no cycle tells it; nil for nothing.
func (p *Partition) SetPublished(of func(receiptID string) (version uint32, known bool)) {
	p.published = of
}

// NowMS is the wall clock of the calls under way.
func (p *Partition) NowMS() int64 { return p.nowMS }

// WatermarkMS is the stream time.
func (p *Partition) WatermarkMS() int64 { return p.watermarkMS }

// NextTimerMS is a time not after the earliest timer; math.MaxInt64 when there is none.
func (p *Partition) NextTimerMS() int64 { return p.nextTimerMS }

// A Failure is a record or timer that a stage could not process; its writes and outputs are taken back.
type Failure struct {
	Stage string
	Err   error
	// Panicked tells that the task did not answer Err by itself.
	Panicked bool
}

// Process gives the record to every task that reads its topic. It answers the failures, and an error only when the state storage failed.
func (p *Partition) Process(rec *Record, failed func(Failure)) error {
	p.arrivalMS = max(p.watermarkMS, min(rec.TimestampMS, p.nowMS))
	for i := range p.tasks {
		b := &p.tasks[i]
		if b.out || !b.reads(rec.Topic) || b.choosy != nil && !b.choosy.Wants(rec.Topic) {
			continue
		}
		if err := p.guard(b, failed, func() error { return b.task.Process(&b.ctx, rec) }); err != nil {
			return err
		}
	}
	return nil
}

// Advance moves the watermark to ms, if that is later, and calls the timers that are due.
func (p *Partition) Advance(ms int64, failed func(Failure)) error {
	p.watermarkMS = max(p.watermarkMS, ms)
	p.arrivalMS = p.watermarkMS
	for p.nextTimerMS <= p.watermarkMS {
		key, err := p.firstTimer()
		if err != nil {
			return err
		}
		if key == nil {
			p.nextTimerMS = math.MaxInt64
			return nil
		}
		at := int64(binary.BigEndian.Uint64(key[1:]))
		p.firedMS, p.nextTimerMS = at, at
		if at > p.watermarkMS {
			return nil
		}
		// Deleted outside of what a failure takes back: a timer that fails must not fire for ever.
		p.timers.Delete(key)
		name, user, _ := bytes.Cut(key[timerHead:], []byte{0})
		for i := range p.tasks {
			if b := &p.tasks[i]; b.name == string(name) && !b.out {
				if err := p.guard(b, failed, func() error { return b.task.OnTimer(&b.ctx, user, at) }); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (p *Partition) firstTimer() (key []byte, err error) {
	from := binary.BigEndian.AppendUint64([]byte{'t'}, uint64(max(min(p.firedMS, p.nextTimerMS), 0)))
	err = p.timers.Scan([]byte{'t'}, from, func(k, _ []byte) bool {
		key = append([]byte(nil), k...)
		return false
	})
	return key, err
}

// guard runs one call of a task so that its failure takes back what it did, and a failure of the state stops everything.
func (p *Partition) guard(b *boundTask, failed func(Failure), call func() error) error {
	p.state.Mark()
	before := len(p.outputs)
	err, panicked := recovered(call)
	if p.state.Err() != nil {
		return p.state.Err()
	}
	if err != nil {
		p.state.Rollback()
		clear(p.outputs[before:])
		p.outputs = p.outputs[:before]
		p.nextTimerMS = min(p.nextTimerMS, p.watermarkMS)
		failed(Failure{b.name, err, panicked})
	}
	return nil
}

func recovered(call func() error) (err error, panicked bool) {
	defer func() {
		if r := recover(); r != nil {
			err, panicked = fmt.Errorf("panic: %v\n%s", r, debug.Stack()), true
		}
	}()
	return call(), false
}

// EmitMessage produces an event of the runtime's own.
func (p *Partition) EmitMessage(topic string, key []byte, m Message) error {
	c := Context{partition: p}
	return c.EmitMessage(topic, key, m)
}

// TakeOutputs returns what was emitted since the last call. The memory is the caller's.
func (p *Partition) TakeOutputs(into []Output) []Output {
	into = append(into, p.outputs...)
	clear(p.outputs)
	p.outputs = p.outputs[:0]
	return into
}

// DropOutputs forgets what was emitted: a replay rebuilds state only.
func (p *Partition) DropOutputs() {
	clear(p.outputs)
	p.outputs = p.outputs[:0]
}

func (b *boundTask) reads(topic string) bool {
	for _, in := range b.inputs {
		if in == topic {
			return true
		}
	}
	return false
}

const outputChunkBytes = 64 << 10

// alloc hands out memory that the garbage collector takes back when no output refers to it any more: outputs outlive the
// cycle when their transaction aborts.
func (p *Partition) alloc(n int) []byte {
	if n > outputChunkBytes/4 {
		return make([]byte, n)
	}
	if len(p.mem)+n > cap(p.mem) {
		p.mem = make([]byte, 0, outputChunkBytes)
	}
	i := len(p.mem)
	p.mem = p.mem[:i+n]
	return p.mem[i : i+n : i+n]
}

func (p *Partition) copy(b []byte) []byte {
	out := p.alloc(len(b))
	copy(out, b)
	return out
}
