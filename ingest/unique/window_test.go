package unique

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const start = int64(1772366400_000)

func make8(t testing.TB, bytes int, window time.Duration) *Window {
	t.Helper()
	w, err := New(bytes, window)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestWindow(t *testing.T) {
	w := make8(t, MinBytes, time.Hour)
	for _, c := range []struct {
		key   uint64
		after time.Duration
		first bool
	}{
		{1, 0, true}, {1, 0, false}, {2, time.Second, true}, {1, time.Hour - time.Second, false},
		{1, -time.Minute, false}, // the clock went back
		{1, time.Hour, true},     // an hour after the first, whatever came between
		{1, time.Hour + time.Second, false},
		{2, time.Hour, false}, {2, time.Hour + time.Second, true},
		{3, 90 * 24 * time.Hour, true},
	} {
		if first, evicted := w.Observe(c.key, start+c.after.Milliseconds()); first != c.first || evicted {
			t.Errorf("key %d after %v is %v, %v", c.key, c.after, first, evicted)
		}
	}
}

// TestClockOfEntriesGoesRound looks at a window across the moment when an entry's 24 bits of seconds begin anew.
func TestClockOfEntriesGoesRound(t *testing.T) {
	w := make8(t, MinBytes, time.Hour)
	turn := (start/1000/(1<<timeBits) + 1) << timeBits * 1000
	if first, _ := w.Observe(1, turn-1000); !first {
		t.Error("not new")
	}
	if first, _ := w.Observe(1, turn+1000); first {
		t.Error("new after two seconds")
	}
	if first, _ := w.Observe(1, turn+3600_000); !first {
		t.Error("not new after an hour")
	}
}

// TestMemoryIsBounded shows half as many visitors as there is room for, then eight times as many as that.
func TestMemoryIsBounded(t *testing.T) {
	w := make8(t, 1<<20, time.Hour)
	room := 1 << 20 / EntryBytes
	random := rand.New(rand.NewPCG(1, 2))
	again, evictions := 0, 0
	keys := make([]uint64, room/2)
	for i := range keys {
		keys[i] = random.Uint64()
		first, evicted := w.Observe(keys[i], start)
		if !first {
			t.Fatal("a new visitor was taken for another")
		}
		if evicted {
			evictions++
		}
	}
	for _, key := range keys {
		if first, _ := w.Observe(key, start+1000); first {
			again++
		}
	}
	// Buckets with more than 8 of a mean of 4 (Poisson: 2.1 %) lose what is above.
	if limit := len(keys) * 2 / 100; again > limit || evictions > limit {
		t.Errorf("half full: of %d visitors %d are called new again, %d were evicted; at most %d may be", len(keys), again, evictions, limit)
	}
	overfull := 0
	for range 4 * room {
		if _, evicted := w.Observe(random.Uint64(), start+2000); evicted {
			overfull++
		}
	}
	if overfull < 2*room {
		t.Errorf("only %d evictions were told of", overfull)
	}
}

func TestConcurrently(t *testing.T) {
	w := make8(t, 1<<20, time.Hour)
	const keys, clicks = 2000, 4
	var firsts [keys]atomic.Int32
	var wg sync.WaitGroup
	for range clicks {
		wg.Go(func() {
			for k := range uint64(keys) {
				if first, _ := w.Observe(k, start); first {
					firsts[k].Add(1)
				}
			}
		})
	}
	wg.Wait()
	twice := 0
	for k := range firsts {
		switch firsts[k].Load() {
		case 0:
			t.Fatalf("key %d was never new", k)
		case 1:
		default:
			twice++
		}
	}
	if twice > keys/100 {
		t.Errorf("%d of %d keys were new twice", twice, keys)
	}
}

func TestBounds(t *testing.T) {
	for _, c := range []struct {
		bytes  int
		window time.Duration
	}{{MinBytes - 1, time.Hour}, {MaxBytes + 1, time.Hour}, {MinBytes, 0}, {MinBytes, MaxWindow + 1}} {
		if w, err := New(c.bytes, c.window); err == nil || w != nil {
			t.Errorf("%d bytes, %v is taken", c.bytes, c.window)
		}
	}
}

func TestObserveDoesNotAllocate(t *testing.T) {
	w := make8(t, MinBytes, time.Hour)
	key := uint64(0)
	if n := testing.AllocsPerRun(1000, func() { key++; w.Observe(key, start) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkObserve(b *testing.B) {
	w := make8(b, 16<<20, 24*time.Hour)
	b.ReportAllocs()
	var clicks atomic.Uint64
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			w.Observe(mix(clicks.Add(1)%1_500_000), start)
		}
	})
}
