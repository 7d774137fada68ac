package broker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// EachVisible visits the committed records of one partition from offset from until before end, which is no further than
// where its committed records end, or until visit says that it has seen enough. A record is the visitor's. It returns visit's error,
// Kafka's, or that Kafka answered nothing for about 10 s.
func (a Abilities) EachVisible(ctx context.Context, client *kgo.Client, topic string, id int32, from, end int64,
	visit func(*kgo.Record) (more bool, err error)) error {
	p, err := a.Partition(ctx, client, topic, id)
	if err != nil {
		return err
	}
	for empty := 0; from < end; {
		visible, err := p.Fetch(ctx, from, fetchWait)
		if errors.Is(err, kerr.OffsetOutOfRange) && visible.Next > from {
			from = visible.Next // retention took the records away meanwhile
			continue
		}
		if err != nil {
			return err
		}
		for _, r := range visible.Records {
			if r.Offset >= end {
				return nil
			}
			if more, err := visit(r); err != nil || !more {
				return err
			}
		}
		if empty++; visible.Next > from {
			from, empty = visible.Next, 0
		}
		if empty == emptyFetches {
			return fmt.Errorf("reading %s partition %d: the broker has nothing at offset %d, although its committed records "+
				"end at %d",
				topic, id, from, end)
		}
	}
	return nil
}

// emptyFetches, each of fetchWait, are how long a partition may answer nothing of what it says it has.
const (
	fetchWait    = 100 * time.Millisecond
	emptyFetches = 100
)

// Idle is how long a consumer that reads up to an end waits for a record before it looks by EachVisible whether one is
// left at all.
const Idle = 2 * time.Second

// EachLeft is EachVisible for what a consumer has not had: from the offsets in open until before those in ends, by
// partition. It makes a client of its own, for the consumer's waits for records; limits that hold on any engine.
func EachLeft(ctx context.Context, kafka []kgo.Opt, topic string, open, ends map[int32]int64,
	visit func(*kgo.Record) (more bool, err error)) error {
	client, err := kgo.NewClient(kafka...)
	if err != nil {
		return fmt.Errorf("making a Kafka client: %w", err)
	}
	defer client.Close()
	more := true
	for _, id := range slices.Sorted(maps.Keys(open)) {
		err := Embedded().EachVisible(ctx, client, topic, id, open[id], ends[id], func(r *kgo.Record) (_ bool, err error) {
			more, err = visit(r)
			return more, err
		})
		if err != nil || !more {
			return err
		}
	}
	return nil
}
