package ingest

import (
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

// However many come at once, each is given once and few are kept back.
func TestGatheringIsBounded(t *testing.T) {
	var g gathering
	var mu sync.Mutex
	given := map[*delivery]int{}
	g.start(time.Minute, func(d *delivery) {
		mu.Lock()
		given[d]++
		mu.Unlock()
	})
	const senders, each = 8, 3 * gatherLimit / 2
	var all sync.WaitGroup
	for range senders {
		all.Go(func() {
			for range each {
				g.add(&delivery{sent: time.Now()})
			}
		})
	}
	all.Wait()
	if len(given) < senders*each-gatherLimit {
		t.Errorf("%d of %d are kept back, more than %d", senders*each-len(given), senders*each, gatherLimit)
	}
	g.flush()
	for d, n := range given {
		if n != 1 {
			t.Errorf("%p was given %d times", d, n)
		}
	}
	if len(given) != senders*each {
		t.Errorf("%d of %d were given", len(given), senders*each)
	}
}
