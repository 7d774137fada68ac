package processor

import (
	"fmt"
	"math/rand/v2"

	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/processor/stage"
	"tributary/processor/state"
	"tributary/schemas"
	"tributary/schemas/events"
)

// ownSpace is the namespace of the runtime itself.
const ownSpace = "!m"

var (
	metaKey   = []byte("meta")
	outboxKey = []byte("outbox")
	// settingsKey holds the settings of the last cycle in the state, an events.CycleSettings.
	settingsKey = []byte("settings")
)

// input is one input topic of one partition.
type input struct {
	topic string // without prefix
	// clocked inputs move the watermark; topics that the processor writes itself do not.
	clocked bool
	// position is the next offset to process; end is the log's end as last heard.
	position, end int64
	latestMS      int64 // largest timestamp seen
	records       []*kgo.Record
	paused        bool // no more is fetched while records wait for other inputs
}

// A partition is everything of one assigned partition. One goroutine owns it at a time.
type partition struct {
	id     int32
	state  *state.Partition
	own    *state.Namespace
	stages *stage.Partition
	inputs []input
	meta   meta
	// pending are the outputs since the last known commit; touched says that the state holds a cycle that is not known to be committed.
	pending []stage.Output
	touched bool
	// timersFailed counts those of the cycle at hand.
	timersFailed int
	// reached tells the watcher how far this partition is; nil where nobody watches.
	reached reached

	// decisions is the version of the rules that new cycles are decided by.
	decisions uint32
	settings  partitionSettings
	// group is the consumer group that new cycles tell.
	group string
	// shipped is the last cycle that a checkpoint was asked for.
	shipped cycleID
	cycle   events.Cycle // the one at hand, reused
	rec     stage.Record
	buf     []byte
	metrics *metrics
	// failures is shared by all partitions.
	failures *failures
}

func (p *Processor) newPartition(id int32) *partition {
	st := p.store.Partition(id)
	part := &partition{id: id, state: st, own: st.Namespace(ownSpace), stages: stage.NewPartition(id, st, p.stages), metrics: p.metrics, failures: p.failures,
		decisions: schemas.Decisions, group: p.cfg.Group, settings: partitionSettings{unsaid: p.deps.unsaid}}
	if p.deps.decisions != nil {
		part.decisions = *p.deps.decisions
	}
	for _, topic := range p.inputs {
		part.inputs = append(part.inputs, input{topic: topic, clocked: !p.isOutput[topic]})
	}
	return part
}

// load reads the state's own place; a fresh state has the zero meta.
func (p *partition) load() error {
	p.meta = meta{positions: map[string]int64{}}
	if err := p.loadSettings(); err != nil {
		return err
	}
	raw, ok, err := p.own.Get(metaKey)
	if err != nil || !ok {
		return err
	}
	p.meta, err = readMeta(raw)
	if err != nil {
		return fmt.Errorf("reading state of partition %d: %w", p.id, err)
	}
	if err := checkDecisions(p.meta.decisions); err != nil {
		return fmt.Errorf("taking over the state of partition %d: %w", p.id, err)
	}
	return nil
}

// begin readies the partition for records from its positions on.
func (p *partition) begin(nowMS int64) error {
	for i := range p.inputs {
		in := &p.inputs[i]
		in.position = p.meta.positions[in.topic]
		in.latestMS = p.meta.watermarkMS
		in.records, in.paused = nil, false
	}
	return p.stages.Open(p.meta.watermarkMS, nowMS)
}

// hasWork tells whether a cycle would do something.
func (p *partition) hasWork() bool {
	for i := range p.inputs {
		if len(p.inputs[i].records) > 0 {
			return true
		}
	}
	return false
}

// run processes the records at hand, by timestamp across the inputs, and flushes state, positions and outbox as one batch.
// idle says that nothing is left to read, so that the clock moves the watermark. replay rebuilds state and drops outputs.
func (p *partition) run(nowMS int64, idle, replay bool) error {
	p.stages.SetNow(nowMS)
	p.timersFailed = 0
	if !replay {
		if err := p.openCycle(nowMS, idle); err != nil {
			return err
		}
	}
	changed := false
	for {
		for i := range p.inputs {
			p.inputs[i].skip()
		}
		in := p.earliest()
		if in == nil || !replay && p.mustWait(in) {
			break
		}
		r := in.pop()
		if !changed && !replay {
			if err := p.configure(p.settings.offered, !p.settings.unsaid); err != nil {
				return err
			}
		}
		changed = true
		if err := p.process(in, r, nowMS); err != nil {
			return err
		}
	}
	if idle {
		if !changed && !replay {
			if err := p.configure(p.settings.offered, !p.settings.unsaid); err != nil {
				return err
			}
		}
		changed = true
		if err := p.stages.Advance(nowMS, func(f stage.Failure) { p.timerFailed(f) }); err != nil {
			return err
		}
	}
	if !changed {
		return nil
	}
	if replay {
		p.stages.DropOutputs()
		p.meta.settled = true
	} else {
		p.meta.cycle = cycleID{p.meta.cycle.seq + 1, rand.Uint64()}
		cycle, err := p.closeCycle(p.meta.cycle)
		if err != nil {
			return err
		}
		p.pending = append(p.stages.TakeOutputs(p.pending), cycle)
		if !p.touched {
			p.meta.sentMS = max(nowMS, p.meta.sentMS+1)
		}
		p.meta.settled = false
		p.touched = true
	}
	return p.flush()
}

func (in *input) pop() *kgo.Record {
	r := in.records[0]
	in.records[0] = nil
	in.records = in.records[1:]
	return r
}

// skip passes over what is no record to process: what is in the state already (its transaction aborted, its outputs are in the
// outbox), and the markers of transactions, without which a log's end would never be reached.
func (in *input) skip() {
	for len(in.records) > 0 && (in.records[0].Offset < in.position || in.records[0].Attrs.IsControl()) {
		in.position = max(in.position, in.pop().Offset+1)
	}
}

func (p *partition) process(in *input, r *kgo.Record, nowMS int64) error {
	ms := r.Timestamp.UnixMilli()
	// A clock ahead of ours would end the grace of every postback.
	in.latestMS = max(in.latestMS, min(ms, nowMS))
	p.rec = stage.Record{Topic: in.topic, Partition: p.id, Offset: r.Offset, Key: r.Key, Value: r.Value, TimestampMS: ms}
	failed := func(f stage.Failure) { p.recordFailed(f) }
	if err := p.stages.Advance(p.streamTimeMS(), failed); err != nil {
		return err
	}
	in.position = r.Offset + 1
	return p.stages.Process(&p.rec, failed)
}

// streamTimeMS is how far the stream has come: the least of the inputs that have more to read, or the most of all when
// none has. Without this a backlog of postbacks would outrun the clicks that belong to them.
func (p *partition) streamTimeMS() int64 {
	var least, most int64 = 1<<63 - 1, 0
	for i := range p.inputs {
		in := &p.inputs[i]
		if !in.clocked {
			continue
		}
		most = max(most, in.latestMS)
		if in.position < in.end {
			least = min(least, in.latestMS)
		}
	}
	return min(least, most)
}

// mustWait tells whether the next record has to wait for another input that has earlier ones to read. In a backlog, of two topics with
// as many bytes the one with fewer records an hour is read many hours ahead: its postbacks would all be parked, and beyond
// max_parked rejected, though their clicks lie in Kafka.
func (p *partition) mustWait(in *input) bool {
	if !in.clocked {
		return false
	}
	for i := range p.inputs {
		o := &p.inputs[i]
		if o != in && o.clocked && len(o.records) == 0 && o.position < o.end && in.records[0].Timestamp.UnixMilli() > o.latestMS {
			return true
		}
	}
	return false
}

func (p *partition) earliest() (first *input) {
	for i := range p.inputs {
		in := &p.inputs[i]
		if len(in.records) > 0 && (first == nil || in.records[0].Timestamp.Before(first.records[0].Timestamp)) {
			first = in
		}
	}
	return first
}

func (p *partition) flush() error {
	for i := range p.inputs {
		p.meta.positions[p.inputs[i].topic] = p.inputs[i].position
	}
	p.meta.watermarkMS, p.meta.decisions = p.stages.WatermarkMS(), max(p.meta.decisions, p.decisions)
	p.buf = p.meta.append(p.buf[:0])
	p.own.Put(metaKey, p.buf)
	p.buf = appendOutbox(p.buf[:0], p.pending)
	p.own.Put(outboxKey, p.buf)
	return p.state.Flush()
}

// committed notes that everything in the state is committed.
func (p *partition) committed() {
	p.meta.base = p.meta.cycle
	clear(p.pending)
	p.pending = p.pending[:0]
	p.touched = false
}

// settle writes down, before the partition is given up, that its state is a true prefix of the stream.
func (p *partition) settle() error {
	if p.touched || p.meta.settled {
		return nil
	}
	p.meta.settled = true
	return p.flush()
}
