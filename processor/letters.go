package processor

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"tributary/processor/stage"
	"tributary/schemas"
	"tributary/schemas/events"
)

// What a letter about a record of whatever size keeps of it at most. The key is kept whole or not at all: it says where the letter goes.
const (
	maxLetterKey = schemas.MaxDetailBytes
	maxLetterRaw = stage.MaxOutputBytes - 16<<10 // the rest of a letter is smaller
)

func (p *partition) recordFailed(f stage.Failure) {
	p.deadLetter(f, &events.DeadLetter{
		LetterId:   fmt.Sprintf("%s-%d-%d-%s", p.rec.Topic, p.id, p.rec.Offset, f.Stage),
		ReceivedMs: p.rec.TimestampMS, SourceTopic: p.rec.Topic, SourcePartition: p.id, SourceOffset: p.rec.Offset,
	}, p.rec.Key, p.rec.Value)
}

func (p *partition) timerFailed(f stage.Failure) {
	letterID := "timer-" + f.Stage + "-" + strconv.Itoa(int(p.id)) + "-" + strconv.FormatUint(p.meta.cycle.seq+1, 10)
	if p.timersFailed++; p.timersFailed > 1 { // each is a letter of its own
		letterID += "-" + strconv.Itoa(p.timersFailed)
	}
	p.deadLetter(f, &events.DeadLetter{LetterId: letterID, SourcePartition: p.id, ReceivedMs: p.stages.WatermarkMS()}, nil, nil)
}

// deadLetter sends a letter about a record, which may be anything: whatever its key, value and time, the letter is one that a broker and
// every reader of letters takes. It says what it leaves out, with length and hash, by which the record is known again in its topic.
func (p *partition) deadLetter(f stage.Failure, d *events.DeadLetter, key, value []byte) {
	var left []string
	if len(key) > maxLetterKey {
		left = append(left, leftOut("key", key, 0))
		key = nil
	}
	d.Raw = value
	if len(value) > maxLetterRaw {
		left = append(left, leftOut("value", value, schemas.MaxRawBytes))
		d.Raw = value[:schemas.MaxRawBytes]
	}
	detail := "stage " + f.Stage + ": " + f.Err.Error()
	if len(left) > 0 {
		detail = strings.Join(left, ", ") + "; " + detail
	}
	d.Kind = events.DeadLetter_KIND_RECORD
	reason := p.reasonOf(f)
	d.Reason, d.Stage = string(reason), f.Stage
	d.Detail = text([]byte(detail))
	d.ClickId = text(key)
	d.Place = "processor"
	d.ReceivedMs = min(max(d.ReceivedMs, 0), schemas.MaxTimeMS-1)
	d.DecidedMs = p.stages.NowMS()
	p.metrics.failed[reason].Inc()
	if reason == schemas.RejectStageFailed {
		p.failures.tell(f, d)
	}
	if err := p.stages.EmitMessage(schemas.TopicDeadLetters, key, d); err != nil {
		panic(fmt.Sprintf("a letter of bounded parts: %v", err)) // maxLetterRaw and the rest's limits contradict each other
	}
}

// reasonOf tells a record that is not what its topic carries, which the stages that come with the program find, from a stage
// that failed: whatever a stage of your own answers, and every panic.
func (p *partition) reasonOf(f stage.Failure) schemas.RejectReason {
	if f.Panicked || !slices.Contains(p.failures.builtIn, f.Stage) {
		return schemas.RejectStageFailed
	}
	return schemas.RejectUndecodable
}

// failureEvery is how often the failures of one stage are in the log: a stage that fails at every record would fill a disk.
const failureEvery = time.Minute

// failures writes into the log which stages fail, for all partitions.
type failures struct {
	log     *zap.Logger
	now     func() time.Time
	builtIn []string // names of the stages that come with the program

	mu     sync.Mutex
	told   map[string]time.Time
	silent map[string]int // failures since then, by stage
}

func newFailures(log *zap.Logger, now func() time.Time, builtIn []stage.Stage) *failures {
	f := &failures{log: log, now: now, told: map[string]time.Time{}, silent: map[string]int{}}
	for _, s := range builtIn {
		f.builtIn = append(f.builtIn, s.Name())
	}
	return f
}

func (f *failures) tell(what stage.Failure, letter *events.DeadLetter) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	if last, before := f.told[what.Stage]; before && now.Sub(last) < failureEvery {
		f.silent[what.Stage]++
		return
	}
	f.log.Error("a stage failed; the record is a dead letter, and the stream goes on: `tributary dlq list --reason stage_failed`",
		zap.String("stage", what.Stage), zap.Error(what.Err), zap.Bool("panic", what.Panicked), zap.String("letter", letter.LetterId),
		zap.String("topic", letter.SourceTopic), zap.Int32("partition", letter.SourcePartition), zap.Int64("offset", letter.SourceOffset),
		zap.Int("failed_since_last_told", f.silent[what.Stage]))
	f.told[what.Stage], f.silent[what.Stage] = now, 0
}

func leftOut(what string, b []byte, kept int) string {
	if kept == 0 {
		return fmt.Sprintf("a %s of %d bytes, sha256 %x, is left out", what, len(b), sha256.Sum256(b))
	}
	return fmt.Sprintf("of a %s of %d bytes, sha256 %x, the first %d are kept", what, len(b), sha256.Sum256(b), kept)
}

// text makes bytes of unknown origin fit for a protobuf string.
func text(b []byte) string {
	b = b[:min(len(b), schemas.MaxDetailBytes)]
	return string([]rune(string(b)))
}
