package verify

import (
	"context"
	"errors"
	"fmt"
	"strings"

	kafkago "github.com/segmentio/kafka-go"

	"tributary/schemas"
	"tributary/schemas/events"
)

// maxRefused bounds the memory of rows that ClickHouse refused.
const maxRefused = 1_000_000

// refusedRows are, by topic, partition and offset, the records whose rows ClickHouse refused, as dead letters say, and whether
// each was replayed: then it is in its topic once more, and only there it counts.
type refusedRows map[string]map[int]map[int64]bool

// replayed tells whether the record came again at a later offset.
func (r refusedRows) replayed(topic string, partition int, offset int64) bool {
	return r[topic][partition][offset]
}

// has tells whether the record need not have a row.
func (r refusedRows) has(topic string, partition int, offset int64) bool {
	_, ok := r[topic][partition][offset]
	return ok
}

// readRefused collects the rows that were refused, before the topics are read.
func (a *auditor) readRefused(ctx context.Context) error {
	a.refused = refusedRows{}
	all, replayed := 0, 0
	take := func(again bool) func(int64, []byte) error {
		return func(_ int64, value []byte) error {
			var l events.DeadLetter
			if l.UnmarshalVT(value) != nil || l.Kind != events.DeadLetter_KIND_ROW || l.Place != "sink" {
				return nil
			}
			topic, partition := strings.TrimPrefix(l.SourceTopic, a.options.TopicPrefix), int(l.SourcePartition)
			before, known := a.refused[topic][partition][l.SourceOffset]
			if !known && all == maxRefused {
				return nil // what is left out is reported as missing
			}
			if !known {
				all++
			}
			if again && !before {
				replayed++
			}
			if a.refused[topic] == nil {
				a.refused[topic] = map[int]map[int64]bool{}
			}
			if a.refused[topic][partition] == nil {
				a.refused[topic][partition] = map[int64]bool{}
			}
			a.refused[topic][partition][l.SourceOffset] = before || again
			return nil
		}
	}
	for partition, e := range a.topics[schemas.TopicDeadLetters].extents {
		if err := a.log.scan(ctx, schemas.TopicDeadLetters, partition, e.start, e.end, take(false)); err != nil {
			return err
		}
	}
	extents, err := a.log.extents(ctx, []string{schemas.TopicReplays})
	if err != nil && !errors.Is(err, kafkago.UnknownTopicOrPartition) {
		return err
	}
	for partition, e := range extents[schemas.TopicReplays] {
		if err := a.log.scan(ctx, schemas.TopicReplays, partition, e.start, e.end, take(true)); err != nil {
			return err
		}
	}
	if all > 0 {
		a.report.Notes = append(a.report.Notes, fmt.Sprintf("ClickHouse refused %s, %d of them replayed since; the others are dead letters only (tributary dlq list --kind row)", plural(all, "row"), replayed))
	}
	return nil
}
