package processor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"tributary/processor/stage"
	"tributary/schemas/broker"
)

// fillOutbox completes pending outputs that forward input records.
func (p *Processor) fillOutbox(ctx context.Context, part *partition) error {
	from, until := map[string]int64{}, map[string]int64{}
	missing := map[stage.Source][]int{}
	for i := range part.pending {
		s := part.pending[i].Source
		if s.Topic == "" || part.pending[i].Value != nil {
			continue
		}
		missing[s] = append(missing[s], i)
		if first, ok := from[s.Topic]; !ok || s.Offset < first {
			from[s.Topic] = s.Offset
		}
		until[s.Topic] = max(until[s.Topic], s.Offset+1)
	}
	if len(missing) == 0 {
		return nil
	}
	err := p.read(ctx, part.id, from, until, func(next map[string][]*kgo.Record, _ bool) error {
		for t, records := range next {
			for _, r := range records {
				s := stage.Source{Topic: t, Offset: r.Offset}
				for _, i := range missing[s] {
					o := &part.pending[i]
					o.Key, o.Value = r.Key, slices.Concat(r.Value, o.Suffix)
				}
				delete(missing, s)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("fetching forwarded records: %w", err)
	}
	if len(missing) > 0 {
		return fmt.Errorf("%d records to be forwarded are no longer in Kafka", len(missing))
	}
	return nil
}

// sent is what tells one output from another in the log. The outputs of a cycle carry its time as their timestamp, and a partition's
// cycles have different times.
type sent struct {
	topic      string
	key, value string
}

// dropVisible takes out of the outbox what readers can see already. A broker that cannot CommitWhole may have made some of a
// transaction visible and lost that it was committed.
func (p *Processor) dropVisible(ctx context.Context, part *partition) error {
	if p.deps.Broker.Can(broker.CommitWhole) || len(part.pending) == 0 || part.meta.sentMS == 0 {
		return nil
	}
	var topics []string
	left := map[sent]int{}
	for i := range part.pending {
		o := &part.pending[i]
		name := p.kafkaName(o.Topic)
		if !slices.Contains(topics, name) {
			topics = append(topics, name)
		}
		left[sent{name, string(o.Key), string(o.Value)}]++
	}
	visible := map[sent]int{}
	if err := p.readVisible(ctx, topics, part.meta.sentMS, func(r *kgo.Record) {
		if s := (sent{r.Topic, string(r.Key), string(r.Value)}); r.Timestamp.UnixMilli() == part.meta.sentMS && left[s] > 0 {
			left[s]--
			visible[s]++
		}
	}); err != nil {
		return fmt.Errorf("looking for outputs that are visible already: %w", err)
	}
	before := len(part.pending)
	part.pending = slices.DeleteFunc(part.pending, func(o stage.Output) bool {
		s := sent{p.kafkaName(o.Topic), string(o.Key), string(o.Value)}
		if visible[s] == 0 {
			return false
		}
		visible[s]--
		return true
	})
	if n := before - len(part.pending); n > 0 {
		p.metrics.unsent.Add(float64(n))
		p.log.Info("the broker died amid its commit: outputs that readers see already are not sent again",
			zap.Int32("partition", part.id), zap.Int("visible", n), zap.Int("of", before))
	}
	return nil
}

// readVisible visits every committed record of the topics from the first one on that is not older than sinceMS.
func (p *Processor) readVisible(ctx context.Context, topics []string, sinceMS int64, visit func(*kgo.Record)) error {
	starts, err := p.admin.ListOffsetsAfterMilli(ctx, sinceMS, topics...)
	if err != nil {
		return err
	}
	ends, err := p.admin.ListCommittedOffsets(ctx, topics...)
	if err != nil {
		return err
	}
	if err := errors.Join(starts.Error(), ends.Error()); err != nil {
		return err
	}
	for topic, partitions := range ends.Offsets() {
		for id, end := range partitions {
			start, ok := starts.Lookup(topic, id)
			if !ok || start.Offset < 0 || start.Offset >= end.At {
				continue
			}
			if err := p.eachVisible(ctx, topic, id, start.Offset, end.At, func(r *kgo.Record) (bool, error) {
				visit(r)
				return true, nil
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

// eachVisible visits the committed records of one partition from offset from until before end, or until visit says that it has seen
// enough, by a client of its own: behind the group's, a fetch would wait for that one's long poll.
func (p *Processor) eachVisible(ctx context.Context, topic string, id int32, from, end int64, visit func(*kgo.Record) (more bool, err error)) error {
	client, err := kgo.NewClient(p.deps.Kafka...)
	if err != nil {
		return fmt.Errorf("making the Kafka client: %w", err)
	}
	defer client.Close()
	return p.deps.Broker.EachVisible(ctx, client, topic, id, from, end, visit)
}

// newReader makes a client that reads committed records and markers of the given partitions, beside the group.
func (p *Processor) newReader(from map[string]map[int32]kgo.Offset) (*kgo.Client, error) {
	client, err := kgo.NewClient(append(p.fetching(),
		kgo.ConsumePartitions(from),
		kgo.KeepControlRecords(),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchMaxWait(100*time.Millisecond),
	)...)
	if err != nil {
		return nil, fmt.Errorf("making the Kafka client: %w", err)
	}
	return client, nil
}

// readError is what is wrong with a poll; records that retention took away meanwhile are no error.
func readError(ctx context.Context, fetches kgo.Fetches) (err error) {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	fetches.EachError(func(topic string, _ int32, e error) {
		var loss *kgo.ErrDataLoss
		if !errors.As(e, &loss) && !errors.Is(e, context.DeadlineExceeded) {
			err = fmt.Errorf("reading %s: %w", topic, e)
		}
	})
	return err
}
