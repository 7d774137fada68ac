package clickhouse

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"tributary/schemas"
	"tributary/schemas/events"
)

// maxLetterRaw is how much of a record a letter quotes: all of it unless it is as long as a record may be.
const maxLetterRaw = schemas.MaxRecordBytes - 4<<10

// reportLetters makes the batch's undecodable records and refused rows dead letters. If there are any, it returns true when
// Kafka has them and, in the same transaction, the batch's confirmation.
func (o *owner) reportLetters(p plan) (confirmed bool, err error) {
	letters := o.newLetters()
	if len(letters) == 0 {
		return false, nil
	}
	records, err := o.encodeLetters(letters)
	if err != nil {
		return false, err
	}
	return true, o.confirmWith(p, records)
}

// newLetters are those about the batch's undecodable records and refused rows.
func (o *owner) newLetters() (letters []*events.DeadLetter) {
	for i := range o.batch.letters {
		u := &o.batch.letters[i]
		letters = append(letters, &events.DeadLetter{
			LetterId:   o.letterID("record", u.offset),
			Kind:       events.DeadLetter_KIND_RECORD,
			Reason:     string(schemas.RejectUndecodable),
			Detail:     u.detail,
			ReceivedMs: min(max(0, u.timestamp.UnixMilli()), schemas.MaxTimeMS-1),
			Raw:        u.value, SourceOffset: u.offset,
		})
	}
	o.metrics.letters.Add(float64(len(letters)))
	o.metrics.refused.Add(float64(len(o.refused)))
	for _, r := range o.refused {
		offset := o.batch.table.offset(r.row)
		if o.repeatsItself(r.row) {
			o.loader.log.Error("ClickHouse refuses the dead letter about a refused row; the row stays in Kafka only",
				zap.String("topic", o.topic), zap.Int32("partition", o.partition), zap.Int64("offset", offset), zap.Error(r.cause))
			continue
		}
		letters = append(letters, &events.DeadLetter{
			LetterId:   o.letterID("row", offset),
			Kind:       events.DeadLetter_KIND_ROW,
			Reason:     string(schemas.RejectRowRefused),
			Detail:     r.cause.Error(),
			ReceivedMs: o.batch.table.receivedMS(r.row),
			Raw:        o.batch.values[r.row], SourceOffset: offset,
		})
	}
	return letters
}

// repeatsItself says whether the row is a letter about a refused row: another about it would be refused alike, for ever.
func (o *owner) repeatsItself(row uint32) bool {
	t, ok := o.batch.table.(*deadLetters)
	return ok && t.col.Reason.at(row) == string(schemas.RejectRowRefused)
}

// letterID is the same in every replay.
func (o *owner) letterID(kind string, offset int64) string {
	return fmt.Sprintf("%s-%s-%d-%d", kind, o.topic, o.partition, offset)
}

// encodeLetters makes letters records.
func (o *owner) encodeLetters(letters []*events.DeadLetter) ([]*kgo.Record, error) {
	records := make([]*kgo.Record, len(letters))
	for i, letter := range letters {
		letter.Place, letter.SourceTopic, letter.SourcePartition = "sink", o.topic, o.partition
		letter.Detail = cut(strings.ToValidUTF8(letter.Detail, "?"), schemas.MaxDetailBytes)
		if n := len(letter.Raw); n > maxLetterRaw {
			letter.Detail = cut(fmt.Sprintf("of a record of %d bytes, sha256 %x, the first %d are kept; %s", n, sha256.Sum256(letter.Raw), maxLetterRaw, letter.Detail), schemas.MaxDetailBytes)
			letter.Raw = letter.Raw[:maxLetterRaw]
		}
		value, err := letter.MarshalVT()
		if err != nil {
			return nil, fmt.Errorf("encoding a dead letter: %w", err)
		}
		records[i] = &kgo.Record{Topic: o.loader.prefix + schemas.TopicDeadLetters, Value: value}
	}
	return records, nil
}

// cut shortens a text to at most n bytes without cutting a character.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}
