package dlq

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/cli/misuse"
	"tributary/schemas"
	"tributary/schemas/broker"
)

const (
	// maxIdentities bounds the memory of which letters were seen and replayed: about 300 MB.
	maxIdentities = 4_000_000
	// askTimeout bounds one question to Kafka.
	askTimeout = 15 * time.Second
	// clockSlack is how much later than its record an input may claim to have been received.
	clockSlack = time.Hour
)

// Progress is how far a long piece of work is.
type Progress struct {
	What        string
	Done, Total int64
	// Rate is in items a second, Left the time until the end at that rate; zero while unknown.
	Rate float64
	Left time.Duration
}

// Source is where letters are read.
type Source struct {
	// Kafka has seed brokers, TLS and SASL; TopicPrefix stands before every topic's name.
	Kafka       []kgo.Opt
	TopicPrefix string
	// Progress is called often; nil for never.
	Progress func(Progress)
}

// Seen is what a reading came across.
type Seen struct {
	// Letters were read, Repeated of them for the second time, Foreign were no letters.
	Letters, Repeated, Foreign int64
}

// each visits the letters that the filter takes, once each, partition by partition in the order they were written.
func (s *Source) each(ctx context.Context, f Filter, visit func(*Letter) error) (Seen, error) {
	var seen Seen
	since := int64(0)
	if f.sinceMS > 0 {
		since = max(1, f.sinceMS-clockSlack.Milliseconds())
	}
	replays, err := s.replays(ctx, since)
	if err != nil {
		return seen, err
	}
	known := map[identity]struct{}{}
	err = s.scan(ctx, schemas.TopicDeadLetters, since, func(r *kgo.Record) error {
		l, err := readLetter(r)
		if err != nil {
			seen.Foreign++
			return nil
		}
		seen.Letters++
		if !f.takes(l) {
			return nil
		}
		id := l.identity()
		if _, again := known[id]; again {
			seen.Repeated++
			return nil
		}
		if len(known) == maxIdentities {
			return misuse.Errorf("more than %d letters match: narrow it with --since, --until, --reason or --network", maxIdentities)
		}
		known[id] = struct{}{}
		l.Replayed = replays[id]
		return visit(l)
	})
	return seen, err
}

// replays answers when letters were replayed, from the notes written since then.
func (s *Source) replays(ctx context.Context, sinceMS int64) (map[identity][]time.Time, error) {
	out := map[identity][]time.Time{}
	err := s.scan(ctx, schemas.TopicReplays, sinceMS, func(r *kgo.Record) error {
		l, err := readLetter(r)
		if err != nil {
			return nil
		}
		if len(out) == maxIdentities {
			return misuse.Errorf("more than %d letters were replayed: narrow it with --since", maxIdentities)
		}
		id := l.identity()
		out[id] = append(out[id], printable(r.Timestamp.UnixMilli()))
		return nil
	})
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return out, nil // a deployment from before replays; sending says what to do
	}
	return out, err
}

// scan visits the committed records of a topic that were written since then and are there now. A record is the visitor's.
func (s *Source) scan(ctx context.Context, base string, sinceMS int64, visit func(*kgo.Record) error) error {
	topic := s.TopicPrefix + base
	// Markers are kept: they may be the last there is of a partition.
	client, err := kgo.NewClient(append(slices.Clone(s.Kafka), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())...)
	if err != nil {
		return fmt.Errorf("making a Kafka client: %w", err)
	}
	defer client.Close()
	starts, ends, err := extent(ctx, kadm.NewClient(client), topic, sinceMS)
	if err != nil {
		return err
	}
	// open has the next offset of every partition that is not at its end.
	open, assign := map[int32]int64{}, map[int32]kgo.Offset{}
	var total, done int64
	for partition, start := range starts {
		if start >= 0 && start < ends[partition] {
			open[partition] = start
			assign[partition] = kgo.NewOffset().At(start)
			total += ends[partition] - start
		}
	}
	if len(open) == 0 {
		return nil
	}
	client.AddConsumePartitions(map[string]map[int32]kgo.Offset{topic: assign})
	for len(open) > 0 {
		limited, cancel := context.WithTimeout(ctx, broker.Idle)
		fetches := client.PollFetches(limited)
		idle := fetches.NumRecords() == 0 && limited.Err() != nil
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if idle {
			// Where an aborted transaction has no marker behind it, the client will never tell of the end.
			return broker.EachLeft(ctx, s.Kafka, topic, open, ends, func(r *kgo.Record) (bool, error) { return true, visit(r) })
		}
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("reading topic %s: %w", topic, err)
		}
		for it := fetches.RecordIter(); !it.Done(); {
			r := it.Next()
			if open[r.Partition] = r.Offset + 1; r.Offset >= ends[r.Partition]-1 {
				delete(open, r.Partition)
			}
			if r.Offset >= ends[r.Partition] {
				continue
			}
			done++
			if r.Attrs.IsControl() {
				continue
			}
			if err := visit(r); err != nil {
				return err
			}
		}
		if s.Progress != nil {
			s.Progress(Progress{What: "reading " + base, Done: done, Total: total})
		}
	}
	return nil
}

// extent answers where each partition begins, at sinceMS when that is above 0, and where it ends now.
func extent(ctx context.Context, admin *kadm.Client, topic string, sinceMS int64) (starts, ends map[int32]int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var first kadm.ListedOffsets
	if sinceMS > 0 {
		first, err = admin.ListOffsetsAfterMilli(ctx, sinceMS, topic)
	} else {
		first, err = admin.ListStartOffsets(ctx, topic)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("asking Kafka for topic %s: %w", topic, err)
	}
	last, err := admin.ListCommittedOffsets(ctx, topic)
	if err == nil {
		err = errors.Join(first.Error(), last.Error())
	}
	if err != nil {
		return nil, nil, fmt.Errorf("asking Kafka for topic %s: %w; `tributary up` or `tributary migrate` makes the topics", topic, err)
	}
	starts, ends = map[int32]int64{}, map[int32]int64{}
	first.Each(func(l kadm.ListedOffset) { starts[l.Partition] = l.Offset })
	last.Each(func(l kadm.ListedOffset) { ends[l.Partition] = l.Offset })
	return starts, ends, nil
}
