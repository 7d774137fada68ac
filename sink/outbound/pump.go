package outbound

import (
	"errors"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"tributary/schemas/events"
)

// retryShare: of so many calls of a destination that has both, one is for what was tried before.
const retryShare = 8

// lookEvery is how often a destination that may not be called is looked at: what expires meanwhile is ended.
const lookEvery = time.Second

// maxEnded bounds what is ended without a call in one look.
const maxEnded = 1024

// pump begins what a destination may be told now, and says when to look again.
func (l *lane) pump(q *queue, now time.Time) error {
	l.retarget(q)
	ended := 0
	for {
		wakeMS, blocked := l.mayCall(q, now)
		c, ready, err := l.choose(q, now)
		if err != nil {
			return err
		}
		switch {
		case blocked:
			if ready && q.waiting > int64(len(q.claimed)) {
				if err := l.sweep(q, now); err != nil {
					return err
				}
			}
			l.sleepUntil(q, wakeMS)
			return nil
		case !ready && len(q.splits) == 0:
			if due := q.dueMS(); due >= 0 {
				l.sleepUntil(q, due)
			}
			return nil
		}
		group, n, err := l.take(q, c, now)
		if err != nil {
			return err
		}
		if ended += n; len(group) == 0 {
			if ended > maxEnded {
				l.touch(q)
				l.signal()
				return nil
			}
			if n == 0 {
				return errors.New("nothing could be taken from a line that is not empty")
			}
			continue
		}
		if err := l.call(q, group, now); err != nil {
			return err
		}
	}
}

// mayCall tells whether another call may begin; if not, when to look again unless something happens.
func (l *lane) mayCall(q *queue, now time.Time) (wakeMS int64, blocked bool) {
	soon := now.Add(lookEvery).UnixMilli()
	until := func(at time.Time) (int64, bool) { return min(soon, max(now.UnixMilli(), at.UnixMilli())+1), true }
	switch {
	case q.paused() != "":
		return soon, true
	case now.Before(q.holdUntil):
		return until(q.holdUntil)
	case q.calls >= q.target.Concurrency:
		return soon, true
	case !q.openUntil.IsZero() && q.calls > 0: // what it comes to decides
		return soon, true
	case time.Now().Before(q.openUntil):
		return until(q.openUntil)
	case len(l.unrecorded) >= l.e.config.Unrecorded || len(l.unrecorded) > 0 && now.Sub(l.unrecorded[0]) > l.e.config.RecordWithin:
		return soon, true
	case !l.e.mayCall(q.calls):
		return now.Add(10 * time.Millisecond).UnixMilli(), true
	}
	if q.limiter != nil {
		if tokens := q.limiter.TokensAt(now); tokens < 1 {
			return until(now.Add(time.Duration((1 - tokens) / float64(q.limiter.Limit()) * float64(time.Second))))
		}
	}
	return 0, false
}

// dueMS is when the first of what waits is due; -1: nothing waits in lines.
func (q *queue) dueMS() int64 {
	due := int64(-1)
	for c := range q.lines {
		if head := q.lines[c].head; len(head) > 0 && (due < 0 || head[0].turn.dueMS < due) {
			due = head[0].turn.dueMS
		}
	}
	return due
}

// choose says which line is next, and whether anything of it is due.
func (l *lane) choose(q *queue, now time.Time) (c class, ready bool, err error) {
	var due [classes]bool
	for c := range classes {
		if err := l.refill(q, c); err != nil {
			return 0, false, err
		}
		head := q.lines[c].head
		due[c] = len(head) > 0 && head[0].turn.dueMS <= now.UnixMilli()
	}
	if due[retries] && (!due[fresh] || q.turns%retryShare == retryShare-1) {
		return retries, true, nil
	}
	return fresh, due[fresh], nil
}

// refill reads the next turns of a line whose beginning in memory is used up.
func (l *lane) refill(q *queue, c class) error {
	n := &q.lines[c]
	if len(n.head) > 0 || !n.more {
		return nil
	}
	prefix := l.keys.line(q.name, c)
	from := prefix
	if n.upto.offset >= 0 {
		from = append(l.keys.turn(q.name, c, n.upto), 0)
	}
	it, err := l.e.store.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: after(prefix)})
	if err != nil {
		return err
	}
	valid := it.First()
	for ; valid && len(n.head) < headItems; valid = it.Next() {
		t := turnOf(it.Key())
		n.upto = t
		if q.claimed[t.offset] == nil {
			n.head = append(n.head, &item{turn: t, progress: progress{class: c, dueMS: t.dueMS, line: true}})
		}
	}
	n.more = valid
	return it.Close()
}

// fetch reads an item's request and what became of it, where that is not in memory.
func (l *lane) fetch(it *item) error {
	if it.request != nil {
		return nil
	}
	r, p, found, err := l.find(it.offset)
	if err != nil {
		return err
	}
	if !found {
		return errStore
	}
	it.request, it.progress, it.tries = r, p, p.try
	return nil
}

// find reads a request that waits.
func (l *lane) find(offset int64) (r *events.OutboundRequest, p progress, found bool, err error) {
	value, found, err := l.e.store.get(l.ofOffset('r', offset))
	if err != nil || !found {
		return nil, p, false, err
	}
	r = new(events.OutboundRequest)
	if len(value) < 8 || r.UnmarshalVT(value[8:]) != nil {
		return nil, p, false, errStore
	}
	r.DueMs, r.ExpiresMs = max(r.DueMs, 0), max(r.ExpiresMs, 0)
	p = progress{dueMS: r.DueMs, line: true}
	state, found, err := l.e.store.get(l.ofOffset('s', offset))
	if err == nil && found {
		p, err = decodeProgress(state)
	}
	return r, p, err == nil, err
}

// take claims what the next call tells, at most a batch; n is how many it ended instead.
func (l *lane) take(q *queue, c class, now time.Time) (group []*item, n int, err error) {
	if len(q.splits) > 0 {
		group = q.splits[0]
		if q.splits = q.splits[1:]; len(q.splits) == 0 {
			q.splits = nil
		}
		kept := group[:0]
		for _, it := range group {
			ended, err := l.endIfOver(q, it, now)
			if err != nil {
				return nil, n, err
			}
			if ended {
				n++
			} else {
				kept = append(kept, it)
			}
		}
		return kept, n, nil
	}
	for ; len(group) < q.target.Batch; c = (c + 1) % classes {
		taken := 0
		for len(group) < q.target.Batch && n < maxEnded {
			if err := l.refill(q, c); err != nil {
				return nil, n, err
			}
			head := q.lines[c].head
			if len(head) == 0 || head[0].turn.dueMS > now.UnixMilli() {
				break
			}
			if len(group) > 0 { // what cannot be told in one call with the others waits for the next
				if err := l.peek(head[0]); err != nil {
					return nil, n, err
				}
				if q.target.Protocol.Group(q.target.Destination, head[0].request) != q.target.Protocol.Group(q.target.Destination, group[0].request) {
					return group, n, nil
				}
			}
			it, err := l.claim(q, c)
			if err != nil {
				return nil, n, err
			}
			ended, err := l.endIfOver(q, it, now)
			if err != nil {
				return nil, n, err
			}
			taken++
			if ended {
				n++
			} else {
				group = append(group, it)
			}
		}
		if q.target.Batch == 1 || taken == 0 {
			break
		}
	}
	return group, n, nil
}

// claim takes the first item of a line.
func (l *lane) claim(q *queue, c class) (*item, error) {
	it := q.lines[c].pop()
	if it.request != nil {
		l.loaded--
	}
	if err := l.fetch(it); err != nil {
		return nil, err
	}
	q.claimed[it.offset] = it
	return it, nil
}

// peek reads the request of an item that stays in its line.
func (l *lane) peek(it *item) error {
	if it.request != nil {
		return nil
	}
	l.loaded++
	return l.fetch(it)
}

// sweep ends what expires at the front of lines while the destination may not be called.
func (l *lane) sweep(q *queue, now time.Time) error {
	for c := range classes {
		for range maxEnded {
			if err := l.refill(q, c); err != nil {
				return err
			}
			head := q.lines[c].head
			if len(head) == 0 {
				break
			}
			it := head[0]
			if err := l.peek(it); err != nil {
				return err
			}
			if !l.isOver(it, now) && !it.capped && it.request.Skip == "" {
				break
			}
			if it, err := l.claim(q, c); err != nil {
				return err
			} else if _, err := l.endIfOver(q, it, now); err != nil {
				return err
			}
		}
	}
	return nil
}

// isOver tells whether nothing may be sent of it any more.
func (l *lane) isOver(it *item, now time.Time) bool {
	return it.request.ExpiresMs > 0 && now.UnixMilli() >= it.request.ExpiresMs
}

// endIfOver ends a claimed item that is not to be sent, and says whether it did.
func (l *lane) endIfOver(q *queue, it *item, now time.Time) (bool, error) {
	r := it.request
	switch {
	case r.Skip != "":
		l.end(q, it, outcomeSkipped, r.Skip, now)
		return true, nil
	case it.capped:
		l.end(q, it, outcomeCapped, "the destination's cap of the day was reached", now)
		return true, nil
	case l.isOver(it, now):
		l.end(q, it, outcomeExpired, "the time is over in which the destination takes it", now)
		return true, nil
	case r.Seq > 1 && r.Resend == 0:
		untold, found, err := l.e.store.get(l.conversion('u', r.Destination, r.ConversionId))
		if err != nil {
			return false, err
		}
		if found && (r.Told == events.OutboundRequest_TOLD_RETRACTED || string(untold[min(8, len(untold)):]) == outcomeCapped) {
			l.end(q, it, outcomeSkipped, "what it changes was not told", now)
			return true, nil
		}
	}
	return false, nil
}
