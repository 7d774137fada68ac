package ingest

import (
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// The first after a pause goes at once; what comes within linger of it goes together, in order, when linger is over.
func TestGatheringWaitsOnlyForCompany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const linger = 2 * time.Millisecond
		start := time.Now()
		var given []*delivery
		var at []time.Duration
		var g gathering
		g.start(linger, func(d *delivery) {
			given = append(given, d)
			at = append(at, time.Since(start))
		})
		var sent []*delivery
		for _, pause := range []time.Duration{0, 500 * time.Microsecond, 0, time.Millisecond, 10 * time.Millisecond, time.Millisecond, time.Hour} {
			time.Sleep(pause)
			d := &delivery{sent: time.Now()}
			sent = append(sent, d)
			g.add(d)
			synctest.Wait()
		}
		us := time.Microsecond
		want := []time.Duration{0, 2000 * us, 2000 * us, 2000 * us, 11500 * us, 13500 * us, time.Hour + 12500*us}
		if !slices.Equal(given, sent) || !slices.Equal(at, want) {
			t.Errorf("given after %v, want %v and in order", at, want)
		}
	})
}

// However many come at once, each is given once, none before one that the same goroutine sent earlier, and few are kept back.
func TestGatheringKeepsOrderAndBound(t *testing.T) {
	for _, linger := range []time.Duration{time.Minute, 20 * time.Microsecond} {
		const senders, each = 8, 3 * gatherLimit
		var g gathering
		var mu sync.Mutex
		given, next := 0, [senders]uint64{}
		g.start(linger, func(d *delivery) {
			if d.use%16 == 0 {
				runtime.Gosched() // lets others overtake who can
			}
			mu.Lock()
			defer mu.Unlock()
			if sender := d.topic; d.use != next[sender] {
				t.Errorf("linger %v: sender %d's record %d was given in place of %d", linger, sender, d.use, next[sender])
			}
			next[d.topic]++
			given++
		})
		var all sync.WaitGroup
		for sender := range senders {
			all.Go(func() {
				for n := range each {
					g.add(&delivery{topic: topic(sender), use: uint64(n), sent: time.Now()})
				}
			})
		}
		all.Wait()
		mu.Lock()
		if given < senders*each-2*gatherLimit {
			t.Errorf("linger %v: %d of %d are kept back, more than %d", linger, senders*each-given, senders*each, 2*gatherLimit)
		}
		mu.Unlock()
		g.flush()
		if given != senders*each {
			t.Errorf("linger %v: %d of %d were given", linger, given, senders*each)
		}
	}
}
