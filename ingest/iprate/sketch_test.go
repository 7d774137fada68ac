package iprate

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"testing"
)

func ip(n uint64) (a [16]byte) {
	binary.BigEndian.PutUint64(a[8:], n)
	return a
}

const minute = int64(29_000_000) * msPerMinute

func TestCountsOneMinute(t *testing.T) {
	s := New()
	for want := uint32(1); want <= 100; want++ {
		if got := s.Observe(ip(1), minute+int64(want)); got != want {
			t.Fatalf("click %d counts as %d", want, got)
		}
	}
	if got := s.Observe(ip(2), minute); got != 1 {
		t.Errorf("another IP's first click counts as %d", got)
	}
	if got := s.Observe(ip(1), minute+msPerMinute); got != 1 {
		t.Errorf("the first click of the next minute counts as %d", got)
	}
	if got := s.Observe(ip(1), minute+msPerMinute-1); got != 101 {
		t.Errorf("a click that comes late into its minute counts as %d, want 101", got)
	}
	if got := s.Observe(ip(1), minute+2*msPerMinute); got != 1 {
		t.Errorf("a generation was not emptied: %d", got)
	}
	if got := s.Observe(ip(1), minute); got != 1 {
		t.Errorf("a click two minutes late counts as %d, want 1", got)
	}
	if got := s.Observe(ip(1), minute+2*msPerMinute); got != 2 {
		t.Errorf("the late click disturbed the new minute: %d", got)
	}
}

func TestStopsBeforeOverflow(t *testing.T) {
	s := New()
	var got uint32
	for range 70_000 {
		got = s.Observe(ip(1), minute)
	}
	if got > stop || got < stop-100 {
		t.Errorf("70,000 clicks of one IP count as %d", got)
	}
}

// TestBusyMinute holds what the signal needs: on an edge with many IPs a minute hardly any innocent one reaches 60, and one that
// makes 200 clicks is seen.
func TestBusyMinute(t *testing.T) {
	for _, ips := range []uint64{10_000, 1_000_000} {
		s := New()
		random := rand.New(rand.NewPCG(1, ips))
		over := 0
		for range ips {
			if s.Observe(ip(random.Uint64()), minute) > 60 {
				over++
			}
		}
		var loud uint32
		for range 200 {
			loud = s.Observe(ip(7), minute)
		}
		t.Logf("%d IPs: %d innocent ones above 60, an IP with 200 clicks counts as %d", ips, over, loud)
		if over*10_000 > int(ips) {
			t.Errorf("%d IPs: %d innocent ones above 60", ips, over)
		}
		if loud < 150 || loud > 280 {
			t.Errorf("%d IPs: 200 clicks count as %d", ips, loud)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	s := New()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				s.Observe(ip(1), minute)
			}
		})
	}
	wg.Wait()
	if got := s.Observe(ip(1), minute); got != 8001 {
		t.Errorf("8,001 clicks count as %d", got)
	}
	if n := testing.AllocsPerRun(100, func() { s.Observe(ip(3), minute) }); n != 0 {
		t.Errorf("a click makes %v allocations", n)
	}
}

func BenchmarkObserve(b *testing.B) {
	s := New()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for n := uint64(0); pb.Next(); n++ {
			s.Observe(ip(n&0xffff), minute)
		}
	})
}
