package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
)

// An owner has one partition: its goroutine alone decodes, plans, inserts and confirms. Only mail is shared.
type owner struct {
	loader    *Loader
	topic     string // with prefix
	partition int32
	metrics   *topicMetrics
	insert    *inserter
	batch     batch
	// pending is the plan of an earlier life. Until it is carried out, exactly its records make up the batch.
	pending *plan
	// planned is when the current plan was last committed; zero while there is none.
	planned time.Time
	// landed is the last offset that is in ClickHouse and not confirmed yet, else -1.
	landed int64
	// offsetsInDoubt is set until a batch is found of which, and behind which, the table has nothing: the group's offsets, or
	// Kafka's, may have gone back.
	offsetsInDoubt bool
	// came is the offset of the last record that came, else -1.
	came int64
	// repeats is the last of the offsets that came before Kafka went back, else -1: up to it every batch is looked up.
	repeats int64
	// old is the end of the log when this owner began: records before it may have been inserted by others.
	old int64
	// slot is set while this owner has one of the loader's slots.
	slot bool
	// refused are the rows of the batch that ClickHouse does not take.
	refused []refusal

	ctx    context.Context
	cancel context.CancelFunc
	// lost is set before the partition may belong to another member.
	lost   atomic.Bool
	finish chan struct{}
	done   chan struct{}
	wake   chan struct{}

	mu   sync.Mutex
	mail []*kgo.Record
	held int // bytes in mail and batch
	// waiting are the records in mail and batch; to is the offset before which everything is in ClickHouse, seen the one after the last
	// that Kafka gave, markers of transactions included; -1 while it has given none.
	waiting  int
	to, seen int64
	// paused is what the client was told last. Both change in one hold of mu: a pause that is told after the decision could be told after
	// the resumption that follows it, and the partition would stand still for ever.
	paused bool
}

func newOwner(l *Loader, topic, base string, partition int32, pending *plan) *owner {
	o := &owner{loader: l, topic: topic, partition: partition, metrics: l.metrics.topics[base], pending: pending, landed: -1, came: -1, repeats: -1, to: -1, seen: -1, offsetsInDoubt: true,
		finish: make(chan struct{}), done: make(chan struct{}), wake: make(chan struct{}, 1)}
	o.batch.table = newTable(base, l.own...)
	o.batch.first, o.batch.last = -1, -1
	o.insert = newInserter(l.conn, l.http, l.config.Database, o.batch.table)
	o.ctx, o.cancel = context.WithCancel(l.crash)
	return o
}

// deliver takes records from the poll loop. Beyond limit bytes it pauses the partition: Kafka keeps the rest.
func (o *owner) deliver(records []*kgo.Record, limit int) {
	next := records[len(records)-1].Offset + 1
	records = slices.DeleteFunc(records, func(r *kgo.Record) bool { return r.Attrs.IsControl() })
	bytes := 0
	for _, record := range records {
		bytes += len(record.Value)
	}
	o.loader.buffer(bytes)
	o.mu.Lock()
	if o.waiting == 0 && len(records) > 0 {
		o.to = records[0].Offset
	}
	o.mail = append(o.mail, records...)
	o.held += bytes
	o.waiting += len(records)
	o.seen = next
	if !o.paused && o.held > limit && o.pending == nil {
		o.paused = true
		_ = o.loader.faults.at(pointPausing, o, plan{})
		o.loader.client.PauseFetchPartitions(map[string][]int32{o.topic: {o.partition}})
	}
	o.mu.Unlock()
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// release gives bytes of landed or abandoned records back and resumes a paused partition.
func (o *owner) release(bytes int) {
	o.loader.buffer(-bytes)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.held -= bytes
	if o.paused {
		o.paused = false
		o.loader.client.ResumeFetchPartitions(map[string][]int32{o.topic: {o.partition}})
	}
}

// run works until its context ends, or until finish is closed and everything decoded has landed. What has not is read
// from Kafka again by the next owner.
func (o *owner) run() {
	defer close(o.done)
	defer func() {
		o.mu.Lock()
		held := o.held
		o.mu.Unlock()
		o.release(held)
	}()
	if err := o.work(); err != nil && o.ctx.Err() == nil {
		o.loader.fail(fmt.Errorf("loading %s/%d: %w", o.topic, o.partition, err))
	}
}

func (o *owner) work() error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		switch {
		case o.batch.records() > 0 && o.pending == nil:
			timer.Reset(max(0, o.loader.config.BatchAge-time.Since(o.batch.since)))
		case o.landed >= 0:
			timer.Reset(o.loader.config.ConfirmAfter)
		default:
			timer.Stop()
		}
		var slots chan<- struct{}
		if o.due(time.Now()) {
			slots = o.loader.slots
			timer.Stop()
		}
		var err error
		select {
		case <-o.ctx.Done():
			return o.ctx.Err()
		case slots <- struct{}{}:
			o.slot = true
			err = o.flush()
		case <-o.finish:
			if o.pending == nil && o.batch.records() > 0 {
				if err := o.flush(); err != nil {
					return err
				}
			}
			return o.confirm()
		case <-o.wake:
			err = o.consume()
		case <-timer.C:
			if o.batch.records() == 0 || o.pending != nil {
				err = o.confirm()
			} // else it is due
		}
		if err != nil {
			return err
		}
	}
}

func (o *owner) consume() error {
	o.mu.Lock()
	records := o.mail
	o.mail = nil
	o.mu.Unlock()
	now := time.Now()
	for _, record := range records {
		if record.Offset <= o.came {
			if err := o.goBack(record.Offset); err != nil {
				return err
			}
			now = time.Now()
		}
		o.came = record.Offset
		if o.pending != nil && record.Offset < o.pending.first {
			o.loader.log.Error("a batch plan is dropped: Kafka gives earlier records than the plan's; the topic was deleted and made again, or the group's offsets were set back",
				zap.String("topic", o.topic), zap.Int32("partition", o.partition), zap.Int64("planned_first", o.pending.first), zap.Int64("offset", record.Offset))
			o.setPending(nil)
		}
		if o.pending != nil && record.Offset > o.pending.last {
			// The plan's last record is gone from Kafka: what is left of the plan is all there is.
			if err := o.flush(); err != nil {
				return err
			}
			now = time.Now()
		}
		o.batch.add(record.Value, record.Timestamp, o.partition, record.Offset, now)
		if !o.full(record.Offset) {
			continue
		}
		if err := o.flush(); err != nil {
			return err
		}
		now = time.Now()
	}
	return nil
}

// goBack is called when Kafka gives an offset that came before: its log was cut short, as by an election of a leader that was
// not in sync, or the consumer's position was set back. A batch has ascending offsets, so what is there lands first; from then
// on the table is asked which rows it has.
func (o *owner) goBack(offset int64) error {
	o.loader.log.Error("Kafka gives records again: its log was cut short, or its offsets were set back; rows that the table has under the same offsets are not loaded again",
		zap.String("topic", o.topic), zap.Int32("partition", o.partition), zap.Int64("before", o.came), zap.Int64("offset", offset))
	if o.batch.records() > 0 {
		if err := o.flush(); err != nil {
			return err
		}
	}
	o.offsetsInDoubt, o.repeats, o.old = true, max(o.repeats, o.came), max(o.old, o.came+1)
	return nil
}

// full says whether the batch ends with the record just added.
func (o *owner) full(offset int64) bool {
	if o.pending != nil {
		return offset == o.pending.last
	}
	c := &o.loader.config
	return o.batch.records() >= c.BatchRows || o.batch.bytes >= c.BatchBytes
}

// due says whether the batch is old enough to land. It does when an insert may begin: until then it goes on growing, so that
// blocks are the larger the busier ClickHouse is.
func (o *owner) due(now time.Time) bool {
	return o.pending == nil && o.batch.records() > 0 && now.Sub(o.batch.since) >= o.loader.config.BatchAge
}

// takeSlot waits until this owner may insert.
func (o *owner) takeSlot() error {
	if o.slot {
		return nil
	}
	select {
	case o.loader.slots <- struct{}{}:
		o.slot = true
		return nil
	case <-o.ctx.Done():
		return o.ctx.Err()
	}
}

func (o *owner) giveSlot() {
	if o.slot {
		o.slot = false
		<-o.loader.slots
	}
}

// flush plans and lands the batch.
func (o *owner) flush() error {
	defer func() { o.planned = time.Time{}; o.giveSlot() }()
	var confirmed bool
	var err error
	p := plan{first: o.batch.first, last: o.batch.last, records: o.batch.records()}
	spans := o.batch.spans()
	if err := o.markCopies(); err != nil {
		return err
	}
	again := o.pending != nil
	if again {
		p = *o.pending
		o.loader.metrics.replays.Inc()
		if o.batch.records() != p.records {
			if err := o.explainLoss(&p); err != nil {
				return err
			}
		}
	} else if err := o.prepare(&p, spans); err != nil {
		return err
	}
	o.offsetsInDoubt = o.offsetsInDoubt || p.last < o.repeats
	if o.batch.records() > 0 {
		if err := o.announce(p); err != nil {
			return err
		}
		if err := o.loader.faults.at(pointPlanned, o, p); err != nil {
			return err
		}
		for _, s := range spans {
			if err := o.landSpan(&p, s, again); err != nil {
				return err
			}
		}
		if err := o.loader.faults.at(pointLanded, o, p); err != nil {
			return err
		}
		if confirmed, err = o.reportLetters(p); err != nil {
			return err
		}
		if len(o.batch.values) > 0 {
			o.metrics.freshness.Observe(max(0, o.loader.now().Sub(time.UnixMilli(o.batch.oldestMS)).Seconds()))
		}
	}
	bytes := o.batch.bytes
	if !confirmed {
		o.landed = p.last
	}
	o.mu.Lock()
	o.waiting -= o.batch.records()
	o.to = p.last + 1
	o.mu.Unlock()
	o.setPending(nil)
	o.batch.reset()
	o.refused = o.refused[:0]
	o.release(bytes)
	return nil
}

func (o *owner) setPending(p *plan) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pending = p
}

// announce commits the plan. From here on, whoever owns the partition makes this insert next.
func (o *owner) announce(p plan) error {
	if err := o.commit(p.first, p.metadata()); err != nil {
		return err
	}
	o.planned = time.Now()
	return nil
}

// confirm commits the offset after what landed, without a plan.
func (o *owner) confirm() error {
	if o.landed < 0 {
		return nil
	}
	if err := o.commit(o.landed+1, ""); err != nil {
		return err
	}
	o.landed = -1
	return nil
}

// commit repeats until the broker takes it. A member that the group has left behind never gets further than this.
func (o *owner) commit(offset int64, metadata string) error {
	pauses := o.loader.pauses()
	for {
		err := o.loader.committer.commit(o.ctx, o, offset, metadata)
		switch {
		case err == nil:
			return nil
		case o.ctx.Err() != nil:
			return o.ctx.Err()
		case errors.Is(err, kerr.FencedInstanceID):
			return fmt.Errorf("another loader runs under instance_id %q: %w", o.loader.config.InstanceID, err)
		case fenced(err):
			o.loader.metrics.fenced.Inc()
		}
		if err := sleep(o.ctx, pauses.NextBackOff()); err != nil {
			return err
		}
	}
}

func (o *owner) place(s span) place {
	t := o.batch.table
	at := place{partition: o.partition, first: t.offset(s.from), last: t.offset(s.to - 1)}
	at.minMS, at.maxMS = o.batch.bounds(s)
	return at
}

func (o *owner) bytes(s span) int {
	bytes := 0
	for _, row := range s.order {
		bytes += len(o.batch.values[row])
	}
	return bytes
}

func (l *Loader) pauses() *backoff.ExponentialBackOff {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval = 100 * time.Millisecond
	pauses.Multiplier = 2
	pauses.MaxInterval = l.config.RetryMax
	pauses.Reset()
	return pauses
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
