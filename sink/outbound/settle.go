package outbound

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/schemas/events"
)

// record takes attempts that are in Kafka now into the store, and what they say into the lines.
func (l *lane) record(acks []ack) error {
	if len(acks) == 0 {
		return nil
	}
	b := l.e.store.db.NewBatch()
	defer b.Close()
	touched := map[*queue]bool{}
	released := make([]*item, 0, 8)
	var of []*queue
	for _, a := range acks {
		l.attemptsAt = max(l.attemptsAt, a.offset+1)
		next, err := l.settle(b, a.it.request, a.it.offset, a.it.progress, a.attempt)
		if err != nil {
			return err
		}
		touched[a.q] = true
		if !a.attempt.Final {
			a.it.progress = next
			continue
		}
		a.q.waiting--
		successor, err := l.successor(b, a.it.request, a.it.offset)
		if err != nil {
			return err
		}
		if successor != nil {
			released, of = append(released, successor), append(of, a.q)
		}
	}
	if err := l.commit(b, touched); err != nil {
		return err
	}
	l.unrecorded = l.unrecorded[len(acks):]
	for _, a := range acks {
		l.touch(a.q)
		if a.split {
			continue
		}
		delete(a.q.claimed, a.it.offset)
		if !a.attempt.Final {
			a.it.turn = turn{a.it.progress.dueMS, a.it.offset}
			l.line(a.q, a.it)
		}
	}
	for i, it := range released {
		l.line(of[i], it)
	}
	return nil
}

// settle writes what an attempt makes of its request, of which p is in the store, and returns what is in the store then.
func (l *lane) settle(b *pebble.Batch, r *events.OutboundRequest, offset int64, p progress, a *events.OutboundAttempt) (progress, error) {
	if p.line {
		if err := b.Delete(l.turn(r.Destination, p.class, turn{p.dueMS, offset}), nil); err != nil {
			return p, err
		}
	}
	if !a.Final {
		next := p
		next.try, next.class, next.dueMS = max(p.try, a.Try), retries, max(a.NextDueMs, 0)
		next.uncertain = p.uncertain || mayHaveArrived(a)
		if err := b.Set(l.ofOffset('s', offset), next.encode(), nil); err != nil {
			return p, err
		}
		if p.line {
			return next, b.Set(l.turn(r.Destination, retries, turn{next.dueMS, offset}), nil, nil)
		}
		return next, nil
	}
	for _, key := range [][]byte{l.ofOffset('r', offset), l.inOrder(r, offset)} {
		if err := b.Delete(key, nil); err != nil {
			return p, err
		}
	}
	if p.try > 0 || !p.line || p.class != fresh {
		if err := b.Delete(l.ofOffset('s', offset), nil); err != nil {
			return p, err
		}
	}
	untold := l.conversion('u', r.Destination, r.ConversionId)
	switch {
	case a.Outcome == outcomeDelivered && (r.Resend > 0 || r.Seq > 1):
		return p, b.Delete(untold, nil)
	case a.Outcome != outcomeDelivered && r.Seq == 1 && r.Resend == 0 && r.Skip == "" && !p.uncertain && !mayHaveArrived(a):
		return p, b.Set(untold, append(appendInt64s(nil, a.ReceivedMs), a.Outcome...), nil)
	}
	return p, nil
}

// mayHaveArrived tells of a try that failed whether the destination may have taken what it told all the same.
func mayHaveArrived(a *events.OutboundAttempt) bool {
	return a.Batch > 0 && a.Outcome != outcomeRefused && (a.StatusCode == 0 || a.StatusCode >= 500)
}

// successor writes that what is told next of a conversion may go into its line, now that r is final.
func (l *lane) successor(b *pebble.Batch, r *events.OutboundRequest, offset int64) (*item, error) {
	prefix, own := l.conversion('c', r.Destination, r.ConversionId), l.inOrder(r, offset)
	it, err := l.e.store.db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
	if err != nil {
		return nil, err
	}
	next := int64(-1)
	if it.First() && string(it.Key()) == string(own) && it.Next() {
		next = offsetOf(it.Key())
	}
	if err := it.Close(); err != nil || next < 0 {
		return nil, err
	}
	request, p, found, err := l.find(next)
	if err != nil || !found || p.line {
		return nil, err
	}
	p.line = true
	s := l.ofOffset('s', next)
	if p.class == fresh {
		err = b.Delete(s, nil)
	} else {
		err = b.Set(s, p.encode(), nil)
	}
	t := turn{p.dueMS, next}
	return &item{turn: t, progress: p, tries: p.try, request: request}, errors.Join(err, b.Set(l.keys.turn(r.Destination, p.class, t), nil, nil))
}

// catchUp makes the store the view that the topics had when the partition was taken over; then the lane is live.
func (l *lane) catchUp() error {
	requests, attempts, err := l.e.ends(l.calling, l.partition)
	if err != nil {
		return err
	}
	for l.requestsAt < requests {
		records, _, _ := l.collect()
		if err := l.intake(records); err != nil {
			return err
		}
		if len(records) > 0 {
			continue
		}
		select {
		case <-l.notify:
		case <-l.leave:
			return nil
		case <-l.e.crash.Done():
			return nil
		}
	}
	ctx, cancel := context.WithCancel(l.calling)
	defer cancel()
	go func() {
		select {
		case <-l.leave:
			cancel()
		case <-ctx.Done():
		}
	}()
	if l.attemptsAt < attempts {
		if err := l.e.readAttempts(ctx, l.partition, l.attemptsAt, attempts, l.replay); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
	l.live = true
	for _, q := range l.queues {
		l.touch(q)
	}
	return nil
}

// replay takes an attempt of the topic into the store.
func (l *lane) replay(record *kgo.Record) error {
	if record.Offset < l.attemptsAt {
		return nil
	}
	l.attemptsAt = record.Offset + 1
	a := new(events.OutboundAttempt)
	if record.Attrs.IsControl() || a.UnmarshalVT(record.Value) != nil {
		return nil
	}
	r, p, found, err := l.find(a.RequestOffset)
	if err != nil || !found || r.RequestId != a.RequestId || r.Resend != a.Resend {
		return err
	}
	b := l.e.store.db.NewBatch()
	defer b.Close()
	q := l.queue(r.Destination)
	if _, err := l.settle(b, r, a.RequestOffset, p, a); err != nil {
		return err
	}
	if a.Final {
		q.waiting--
		if _, err := l.successor(b, r, a.RequestOffset); err != nil {
			return err
		}
	}
	return l.commit(b, map[*queue]bool{q: true})
}

// markLow finds what another machine needs to go on without this one's store: the first offset of a request that is not final, and from
// which offset on attempts may be about it or later ones.
func (l *lane) markLow() error {
	prefix := l.begin('r', 0)
	it, err := l.e.store.db.NewIter(&pebble.IterOptions{LowerBound: l.ofOffset('r', l.low), UpperBound: after(prefix)})
	if err != nil {
		return err
	}
	mark := &[2]int64{l.requestsAt, l.attemptsAt}
	if it.First() {
		if len(it.Value()) < 8 {
			return errors.Join(errStore, it.Close())
		}
		mark[0], mark[1] = offsetOf(it.Key()), mustInt64(it.Value()[:8])
	}
	l.low = mark[0]
	for _, q := range l.queues { // who has a cap needs to count its day again
		if q.target != nil && q.target.CapPerDay > 0 && q.capCount > 0 && q.capDay >= q.target.day(l.e.now()) && q.capAt[0] < mark[0] {
			mark[0], mark[1] = q.capAt[0], min(mark[1], q.capAt[1])
		}
	}
	l.mark.Store(mark)
	return it.Close()
}

// tick is done once a second.
func (l *lane) tick() error {
	now := l.e.now()
	for _, q := range l.queues {
		l.observe(q, now)
	}
	return errors.Join(l.markLow(), l.prune(now))
}

// prunePerTick bounds how many marks of what was not told are looked at.
const prunePerTick = 1000

// untoldFor is how long it is known that something was not told: for as long as its request is in Kafka.
const untoldFor = 100 * 24 * time.Hour

// prune forgets what was not told so long ago that nothing follows any more.
func (l *lane) prune(now time.Time) error {
	prefix := l.begin('u', 0)
	if l.pruneFrom == nil {
		l.pruneFrom = prefix
	}
	it, err := l.e.store.db.NewIter(&pebble.IterOptions{LowerBound: l.pruneFrom, UpperBound: after(prefix)})
	if err != nil {
		return err
	}
	defer it.Close()
	seen := 0
	for valid := it.First(); ; valid = it.Next() {
		if !valid {
			l.pruneFrom = nil
			break
		}
		if seen++; seen > prunePerTick {
			l.pruneFrom = append([]byte(nil), it.Key()...)
			break
		}
		if v := it.Value(); len(v) < 8 || now.UnixMilli()-mustInt64(v[:8]) > untoldFor.Milliseconds() {
			if err := l.e.store.db.Delete(it.Key(), pebble.NoSync); err != nil {
				return fmt.Errorf("forgetting what was not told: %w", err)
			}
		}
	}
	return it.Error()
}
