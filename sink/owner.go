package sink

import (
	"context"
	"errors"
	"fmt"
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
	landed  int64
	refused int

	ctx    context.Context
	cancel context.CancelFunc
	// lost is set before the partition may belong to another member.
	lost   atomic.Bool
	finish chan struct{}
	done   chan struct{}
	wake   chan struct{}

	mu     sync.Mutex
	mail   []*kgo.Record
	held   int // bytes in mail and batch
	paused bool
}

func newOwner(l *Loader, topic, base string, partition int32, pending *plan) *owner {
	o := &owner{loader: l, topic: topic, partition: partition, metrics: l.metrics.topics[base], pending: pending, landed: -1,
		finish: make(chan struct{}), done: make(chan struct{}), wake: make(chan struct{}, 1)}
	o.batch.table = newTable(base)
	o.batch.first, o.batch.last = -1, -1
	o.insert = newInserter(l.conn, l.http, l.config.Database, o.batch.table)
	o.ctx, o.cancel = context.WithCancel(l.crash)
	return o
}

// deliver takes records from the poll loop. Beyond limit bytes it pauses the partition: Kafka keeps the rest.
func (o *owner) deliver(records []*kgo.Record, limit int) {
	bytes := 0
	for _, record := range records {
		bytes += len(record.Value)
	}
	o.loader.buffer(bytes)
	o.mu.Lock()
	o.mail = append(o.mail, records...)
	o.held += bytes
	pause := !o.paused && o.held > limit && o.pending == nil
	o.paused = o.paused || pause
	o.mu.Unlock()
	if pause {
		o.loader.client.PauseFetchPartitions(map[string][]int32{o.topic: {o.partition}})
	}
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// release gives bytes of landed or abandoned records back and resumes a paused partition.
func (o *owner) release(bytes int) {
	o.loader.buffer(-bytes)
	o.mu.Lock()
	o.held -= bytes
	resume := o.paused
	o.paused = false
	o.mu.Unlock()
	if resume {
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
		var err error
		select {
		case <-o.ctx.Done():
			return o.ctx.Err()
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
			if o.batch.records() > 0 && o.pending == nil {
				err = o.flush()
			} else {
				err = o.confirm()
			}
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
		if o.pending != nil && record.Offset > o.pending.last {
			// The plan's last record is gone from Kafka: what is left of the plan is all there is.
			if err := o.flush(); err != nil {
				return err
			}
			now = time.Now()
		}
		o.batch.add(record.Value, record.Timestamp, o.partition, record.Offset, now)
		if !o.full(record.Offset, now) {
			continue
		}
		if err := o.flush(); err != nil {
			return err
		}
		now = time.Now()
	}
	return nil
}

// full says whether the batch ends with the record just added.
func (o *owner) full(offset int64, now time.Time) bool {
	if o.pending != nil {
		return offset == o.pending.last
	}
	c := &o.loader.config
	return o.batch.records() >= c.BatchRows || o.batch.bytes >= c.BatchBytes || now.Sub(o.batch.since) >= c.BatchAge
}

// flush plans and lands the batch.
func (o *owner) flush() error {
	defer func() { o.planned = time.Time{} }()
	p := plan{first: o.batch.first, last: o.batch.last, records: o.batch.records()}
	h := history{}
	if o.pending != nil {
		p = *o.pending
		h = history{check: true, sent: !p.split && o.batch.records() == p.records}
		o.loader.metrics.replays.Inc()
		if o.batch.records() != p.records {
			o.loader.log.Error("Kafka no longer has all records of a batch plan: its topic's retention is too short for this stop, or records were deleted",
				zap.String("topic", o.topic), zap.Int32("partition", o.partition), zap.Int64("first", p.first), zap.Int64("last", p.last),
				zap.Int("planned_records", p.records), zap.Int("left_records", o.batch.records()))
		}
	}
	if o.batch.records() > 0 {
		if err := o.announce(p); err != nil {
			return err
		}
		if err := o.loader.faults.at(pointPlanned, o, p); err != nil {
			return err
		}
		o.refused = 0
		for _, s := range o.batch.spans() {
			if err := o.land(&p, s, h); err != nil {
				return err
			}
		}
		if err := o.reportUndecodable(); err != nil {
			return err
		}
		if err := o.loader.faults.at(pointLanded, o, p); err != nil {
			return err
		}
		if len(o.batch.values) > 0 {
			o.metrics.freshness.Observe(max(0, o.loader.now().Sub(time.UnixMilli(o.batch.oldestMS)).Seconds()))
		}
	}
	bytes := o.batch.bytes
	o.landed = p.last
	o.setPending(nil)
	o.batch.reset()
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

// history is what is known of a span before an attempt.
type history struct {
	// check: an earlier attempt, of this life or another, may have landed some of it. The table is asked first.
	check bool
	// sent: if all of it is in the table, then by an insert of exactly this span, whose token is worth repeating. Otherwise
	// its rows came in pieces with tokens of their own, and the span's would let them in again.
	sent bool
}

// land inserts a span until it is in ClickHouse, whatever it takes.
func (o *owner) land(p *plan, s span, h history) error {
	pauses := o.loader.pauses()
	for {
		// While an insert is not repeated for long, another member may have taken over.
		if time.Since(o.planned) > o.loader.config.SessionTimeout/2 {
			if err := o.announce(*p); err != nil {
				return err
			}
		}
		sent, err := o.attempt(s, h)
		if err == nil {
			o.loader.insertSucceeded()
			return nil
		}
		if o.ctx.Err() != nil {
			return o.ctx.Err()
		}
		h.check, h.sent = true, h.sent || sent
		class := classify(err)
		if errors.Is(err, errPartial) || class == classRow && len(s.order) > 1 {
			return o.landHalves(p, s)
		}
		o.metrics.errors[class].Inc()
		if class == classRow && o.refused < maxRefused {
			o.refused++
			o.loader.insertSucceeded() // it answers, and its answer is about this row only
			return o.reportRefused(s.from, err)
		}
		o.loader.insertFailed(err, class)
		if err := sleep(o.ctx, pauses.NextBackOff()); err != nil {
			return err
		}
	}
}

// landHalves closes in on a refused row. The plan says so first: whoever replays it must not take pieces for the whole.
func (o *owner) landHalves(p *plan, s span) error {
	if !p.split {
		p.split = true
		if err := o.announce(*p); err != nil {
			return err
		}
	}
	low, high := s.halve()
	if err := o.land(p, low, history{check: true}); err != nil {
		return err
	}
	return o.land(p, high, history{check: true})
}

// maxRefused bounds the rows of one batch that are put aside. Where ClickHouse refuses more, it is the table that does not
// fit, and the loader waits for somebody to mend it.
const maxRefused = 1000

// errPartial: some rows of a span are in the table and some are not, because an earlier life inserted it in pieces.
var errPartial = errors.New("the table has a part of these rows")

// attempt is one try of one insert. sent says whether the insert itself was tried.
func (o *owner) attempt(s span, h history) (sent bool, err error) {
	l := o.loader
	select {
	case l.slots <- struct{}{}:
	case <-o.ctx.Done():
		return false, o.ctx.Err()
	}
	defer func() { <-l.slots }()
	l.metrics.running.Inc()
	defer l.metrics.running.Dec()
	ctx, cancel := context.WithTimeout(o.ctx, l.config.InsertTimeout)
	defer cancel()

	at := o.place(s)
	if h.check {
		landed, err := o.landedBefore(ctx, s, at, h.sent)
		if landed || err != nil {
			return false, err
		}
	}
	start := time.Now()
	if err := o.insert.insert(ctx, s.order, token(l.config.Group, o.topic, o.partition, at.first, at.last, s.month, o.batch.digest(s))); err != nil {
		return true, err
	}
	if err := l.faults.at(pointInserted, o, plan{first: at.first, last: at.last, records: len(s.order)}); err != nil {
		return true, err
	}
	o.metrics.landed(len(s.order), o.bytes(s), time.Since(start))
	return true, nil
}

// landedBefore asks the table for a span's rows. It answers false when the insert is to be made: nothing is there, or all
// of it with a token that is remembered. In the second case the insert changes nothing that is there, and adds what the
// materialized views miss if they did not run to their end.
func (o *owner) landedBefore(ctx context.Context, s span, at place, sent bool) (bool, error) {
	have, err := o.insert.present(ctx, at)
	switch {
	case err != nil:
		return false, err
	case have == 0:
		return false, nil
	case have < len(s.order):
		return false, errPartial
	case sent:
		holds, err := o.insert.tokenHolds(ctx, at)
		if holds || err != nil {
			return false, err
		}
	}
	o.loader.metrics.unsure.Inc()
	o.loader.log.Warn("replayed rows are in the table, and their insert cannot be repeated to make sure of the rollups; compare them with the table for these rows",
		zap.String("table", o.batch.table.name()), zap.Int32("partition", o.partition), zap.Int64("first", at.first), zap.Int64("last", at.last))
	return true, nil
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
