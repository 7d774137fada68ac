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

	"tributary/schemas"
)

const (
	// chunkLetters are sent and noted together.
	chunkLetters = 200
	// chunkEvery is about how long a chunk takes at a bounded rate, so that progress is seen.
	chunkEvery = 500 * time.Millisecond
	// sendTimeout bounds one chunk; its transaction must end even after a signal.
	sendTimeout = 30 * time.Second
)

// sender writes records and the notes that they were written.
type sender struct {
	// plain has no transactions: the topics it writes to are read by offsets, in which markers would be gaps.
	plain, transactional *kgo.Client
	prefix               string
}

func newSender(ctx context.Context, o *ReplayOptions) (*sender, error) {
	if o.TransactionalID == "" {
		return nil, errors.New("a sending replay needs a transactional ID")
	}
	shared := append(slices.Clone(o.Kafka), kgo.RequiredAcks(kgo.AllISRAcks()), kgo.RecordPartitioner(kgo.BasicConsistentPartitioner(partitionOf)),
		kgo.RecordDeliveryTimeout(sendTimeout), kgo.UnknownTopicRetries(2))
	s := &sender{prefix: o.TopicPrefix}
	var err error
	if s.plain, err = kgo.NewClient(shared...); err != nil {
		return nil, fmt.Errorf("making a Kafka client: %w", err)
	}
	if s.transactional, err = kgo.NewClient(append(shared, kgo.TransactionalID(o.TransactionalID))...); err != nil {
		s.plain.Close()
		return nil, fmt.Errorf("making a Kafka client: %w", err)
	}
	// Both before notes are read: the topic must be there, and whoever replays under this name must have ended.
	if _, _, err := extent(ctx, kadm.NewClient(s.plain), s.prefix+schemas.TopicReplays, 0); err != nil {
		s.close()
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	if _, _, err := s.transactional.ProducerID(limited); err != nil {
		s.close()
		return nil, fmt.Errorf("beginning to write as %s: %w", o.TransactionalID, err)
	}
	return s, nil
}

func (s *sender) close() {
	s.plain.Close()
	s.transactional.Close()
}

// partitionOf puts a record where it says, else where the edge would put its key.
func partitionOf(topic string) func(*kgo.Record, int) int {
	keyed := kgo.StickyKeyPartitioner(nil).ForTopic(topic)
	return func(r *kgo.Record, n int) int {
		if r.Partition >= 0 {
			return int(r.Partition)
		}
		return keyed.Partition(r, n)
	}
}

// send sends in order and answers how many were sent and noted. It ends between two chunks when ctx is done.
func (s *sender) send(ctx context.Context, list []*Plan, rate float64, progress func(Progress)) (int, error) {
	size := chunkLetters
	if rate > 0 {
		size = min(size, max(1, int(rate*chunkEvery.Seconds())))
	}
	began := time.Now()
	sent := 0
	show := func() {
		p := Progress{What: "replaying", Done: int64(sent), Total: int64(len(list))}
		if took := time.Since(began).Seconds(); took > 0 && sent > 0 {
			p.Rate = float64(sent) / took
			p.Left = time.Duration(float64(len(list)-sent) / p.Rate * float64(time.Second))
		}
		progress(p)
	}
	for sent < len(list) {
		show()
		if rate > 0 {
			if err := pause(ctx, time.Until(began.Add(time.Duration(float64(sent)/rate*float64(time.Second))))); err != nil {
				return sent, resumable(sent, len(list), err)
			}
		}
		if ctx.Err() != nil {
			return sent, resumable(sent, len(list), context.Cause(ctx))
		}
		chunk := list[sent:min(sent+size, len(list))]
		if err := s.chunk(context.WithoutCancel(ctx), chunk); err != nil {
			return sent, resumable(sent, len(list), err)
		}
		sent += len(chunk)
	}
	show()
	return sent, nil
}

// chunk writes first what a second writing does not harm, then the rest and all notes as one transaction.
func (s *sender) chunk(ctx context.Context, list []*Plan) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	var plain, together []*kgo.Record
	for _, p := range list {
		if p.Transactional {
			together = append(together, p.Record)
		} else {
			plain = append(plain, p.Record)
		}
		note, err := s.note(p)
		if err != nil {
			return err
		}
		together = append(together, note)
	}
	if err := s.plain.ProduceSync(ctx, plain...).FirstErr(); err != nil {
		return fmt.Errorf("sending to Kafka: %w", err)
	}
	if err := s.transactional.BeginTransaction(); err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	end := kgo.TryCommit
	err := s.transactional.ProduceSync(ctx, together...).FirstErr()
	if err != nil {
		end = kgo.TryAbort
	}
	if endErr := s.transactional.EndTransaction(ctx, end); err == nil {
		err = endErr
	}
	if taken(err) {
		return fmt.Errorf("%w (%w)", errTaken, err)
	}
	if err != nil {
		return fmt.Errorf("noting in Kafka what was replayed: %w", err)
	}
	return nil
}

func taken(err error) bool {
	for _, fenced := range []error{kerr.ProducerFenced, kerr.InvalidProducerEpoch, kerr.InvalidProducerIDMapping} {
		if errors.Is(err, fenced) {
			return true
		}
	}
	return false
}

func (s *sender) note(p *Plan) (*kgo.Record, error) {
	e := p.Letter.Event
	value, err := e.MarshalVT()
	if err != nil {
		return nil, fmt.Errorf("encoding a letter: %w", err)
	}
	return &kgo.Record{Topic: s.prefix + schemas.TopicReplays, Key: []byte(e.LetterId), Value: value, Partition: anyPartition,
		Headers: []kgo.RecordHeader{{Key: "to", Value: []byte(p.Topic)}}}, nil
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
