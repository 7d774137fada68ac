package ingest

import (
	"sync"
	"time"
)

// sweepPause is the longest time between two looks at requests that wait; it bounds what is remembered of those that do not
// any more.
const sweepPause = 50 * time.Millisecond

// overdue tells requests that Kafka is late for them. One timer serves all: they are asked in the order in which they came, and
// nearly all were answered long before their time.
type overdue struct {
	bound func() time.Duration // how long a request may wait for Kafka now

	mu    sync.Mutex
	ring  []waiter
	first int
	n     int
	timer *time.Timer
	due   time.Time // the timer fires; zero for not set
}

// A waiter is a delivery in the use of it that was waited for. It may serve another record by now.
type waiter struct {
	delivery *delivery
	use      uint64
	sent     time.Time
}

func (o *overdue) start(bound func() time.Duration) {
	o.bound = bound
	o.timer = time.AfterFunc(time.Hour, o.sweep)
	o.timer.Stop()
}

// watch has the delivery told when its time is over.
func (o *overdue) watch(d *delivery) {
	until := d.sent.Add(o.bound())
	o.mu.Lock()
	if o.n == len(o.ring) {
		grown := make([]waiter, max(64, 2*o.n))
		for i := range o.n {
			grown[i] = o.ring[(o.first+i)%o.n]
		}
		o.ring, o.first = grown, 0
	}
	o.ring[(o.first+o.n)%len(o.ring)] = waiter{d, d.use, d.sent}
	o.n++
	if o.due.IsZero() || until.Before(o.due) {
		o.set(until, time.Now())
	}
	o.mu.Unlock()
}

// set sets the timer, under the lock.
func (o *overdue) set(until, now time.Time) {
	pause := min(until.Sub(now), sweepPause)
	o.due = now.Add(pause)
	o.timer.Reset(max(pause, 0))
}

// sweep forgets who was answered and tells who is late. The bound is what it is now: when it shrank, the disk became slow, and
// the spool needs its share of everybody's time.
func (o *overdue) sweep() {
	o.mu.Lock()
	defer o.mu.Unlock()
	now, bound := time.Now(), o.bound()
	for o.n > 0 {
		w := &o.ring[o.first]
		if until := w.sent.Add(bound); w.delivery.waits(w.use) && now.Before(until) {
			o.set(until, now)
			return
		}
		w.delivery.tellLate(w.use)
		*w = waiter{}
		o.first = (o.first + 1) % len(o.ring)
		o.n--
	}
	o.due = time.Time{}
}

// What a delivery's state says of the use that it is in: nobody knows yet, Kafka said what became of it, or it is late.
const (
	stateOpen = iota + 1
	stateSettled
	stateLate
	stateBits = 2
)

// open begins another use, of which whoever remembers an earlier one can do nothing.
func (d *delivery) open() {
	d.use++
	d.state.Store(d.use<<stateBits | stateOpen)
}

func (d *delivery) waits(use uint64) bool { return d.state.Load() == use<<stateBits|stateOpen }

// end ends the wait of a use and wakes its request, unless that happened already.
func (d *delivery) end(use, state uint64) {
	if d.state.CompareAndSwap(use<<stateBits|stateOpen, use<<stateBits|state) {
		d.wake <- struct{}{}
	}
}

func (d *delivery) tellLate(use uint64) { d.end(use, stateLate) }
