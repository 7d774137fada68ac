package processor

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"

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
	p.deadLetter(f, &events.DeadLetter{
		LetterId: "timer-" + f.Stage + "-" + strconv.Itoa(int(p.id)) + "-" + strconv.FormatUint(p.meta.cycle.seq+1, 10), SourcePartition: p.id, ReceivedMs: p.stages.WatermarkMS(),
	}, nil, nil)
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
	d.Reason = string(schemas.RejectUndecodable)
	d.Detail = text([]byte(detail))
	d.ClickId = text(key)
	d.Place = "processor"
	d.ReceivedMs = min(max(d.ReceivedMs, 0), schemas.MaxTimeMS-1)
	d.DecidedMs = p.stages.NowMS()
	p.metrics.undecodable.Inc()
	if err := p.stages.EmitMessage(schemas.TopicDeadLetters, key, d); err != nil {
		panic(fmt.Sprintf("a letter of bounded parts: %v", err)) // maxLetterRaw and the rest's limits contradict each other
	}
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
