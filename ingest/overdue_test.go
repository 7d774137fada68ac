package ingest

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func newWaiting(o *overdue) *delivery {
	d := &delivery{wake: make(chan struct{}, 1), sent: time.Now()}
	d.open()
	o.watch(d)
	return d
}

// Each is told when its own time is over, to the moment, unless Kafka answered before.
func TestOverdueTellsEachInItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bound := 50 * time.Millisecond
		var o overdue
		o.start(func() time.Duration { return bound })
		var all sync.WaitGroup
		for i := range 300 {
			answered := i%3 != 0
			d := newWaiting(&o)
			all.Go(func() {
				<-d.wake
				took := time.Since(d.sent)
				if state := d.state.Load() &^ (d.use << stateBits); answered && (state != stateSettled || took != 20*time.Millisecond) || !answered && (state != stateLate || took != bound) {
					t.Errorf("request %d woke after %v in state %d", i, took, state)
				}
			})
			if answered {
				all.Go(func() {
					time.Sleep(20 * time.Millisecond)
					d.end(d.use, stateSettled)
				})
			}
			time.Sleep(time.Millisecond)
		}
		all.Wait()
		time.Sleep(sweepPause)
		synctest.Wait()
		if o.n != 0 || !o.due.IsZero() {
			t.Errorf("%d are remembered when nobody waits any more", o.n)
		}
	})
}

// A bound that shrinks holds for who comes then, also behind one whose time is longer.
func TestOverdueFollowsTheBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bound := 50 * time.Millisecond
		var o overdue
		o.start(func() time.Duration { return bound })
		first := newWaiting(&o)
		time.Sleep(time.Millisecond)
		bound = 25 * time.Millisecond
		second := newWaiting(&o)
		<-second.wake
		if took := time.Since(second.sent); took != bound {
			t.Errorf("told after %v, want %v", took, bound)
		}
		<-first.wake
		if took := time.Since(first.sent); took > 50*time.Millisecond {
			t.Errorf("the one before was told after %v", took)
		}
	})
}

// A delivery that serves another record by now is not told for the one before.
func TestOverdueKnowsAnotherUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o overdue
		o.start(func() time.Duration { return 50 * time.Millisecond })
		d := newWaiting(&o)
		d.end(d.use, stateSettled)
		<-d.wake
		time.Sleep(40 * time.Millisecond)
		d.sent = time.Now()
		d.open()
		o.watch(d)
		<-d.wake
		if took := time.Since(d.sent); took != 50*time.Millisecond {
			t.Errorf("told after %v of its second use", took)
		}
	})
}

// What is remembered of those who are answered in time stays little, however long a request may wait.
func TestOverdueForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o overdue
		o.start(func() time.Duration { return time.Minute })
		most := 0
		for range 10_000 {
			d := newWaiting(&o)
			d.end(d.use, stateSettled)
			time.Sleep(100 * time.Microsecond)
			o.mu.Lock()
			most = max(most, o.n)
			o.mu.Unlock()
		}
		if limit := 1 + int(sweepPause/(100*time.Microsecond)); most > limit {
			t.Errorf("%d were remembered, want %d at most", most, limit)
		}
		time.Sleep(2 * sweepPause)
	})
}
