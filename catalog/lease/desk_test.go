package lease

import (
	"testing"
	"time"
)

const noon = 20513*int64(dayMS) + dayMS/2

// one plays a desk and a grantor without faults, and returns how many transactions that took.
func one(t *testing.T, d *Desk, books map[Key]Book, g *Grantor, nowMS int64) (writes int) {
	t.Helper()
	for _, r := range d.Tick(nowMS) {
		if err := r.check(); err != nil {
			t.Fatal(err)
		}
		g.Take(r, nowMS, false)
	}
	changed, _ := g.Round(nowMS, func(k Key) (Book, error) {
		if b, ok := books[k]; ok {
			return b, nil
		}
		return Book{Key: k}, nil
	})
	g.Done(nowMS)
	for i := range changed {
		books[changed[i].Key] = changed[i]
		d.Hear(&changed[i], nowMS)
	}
	return min(len(changed), 1)
}

// The click's path: no allocation, and never a wait.
func TestTakeAllocatesNothing(t *testing.T) {
	var h Held
	h.add(7, 1_000_000, true)
	if n := testing.AllocsPerRun(1000, func() {
		if !h.Take(7) || h.Take(8) {
			t.Fatal("the lease of one day is not that of another")
		}
		h.GiveBack(7)
		h.Take(7)
	}); n != 0 {
		t.Errorf("a click allocates %v times", n)
	}
}

func BenchmarkTake(b *testing.B) {
	var h Held
	h.add(7, 1<<32-1, true)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			h.Take(7)
		}
	})
}

// The first click of a day finds a lease, and so does the first one after midnight.
func TestLeasesAreTakenAhead(t *testing.T) {
	d, g, books := NewDesk(nil), NewGrantor(noon), map[Key]Book{}
	d.Declare([]Offer{{ID: 1, Cap: 1000, Zone: time.UTC}})
	one(t, d, books, g, noon)
	if !d.Held(1).Has(20513) {
		t.Error("no lease before the first click")
	}
	if d.Held(1).Has(20514) {
		t.Error("a lease of tomorrow at noon")
	}
	midnight := 20514*int64(dayMS) - 1000
	one(t, d, books, g, midnight)
	if !d.Held(1).Has(20514) {
		t.Error("a second before midnight there is no lease of tomorrow")
	}
}

// A steady edge takes leases for half a minute at once, gets all of the cap, and no more; transactions are few.
func TestSteadyEdge(t *testing.T) {
	d, g, books := NewDesk(nil), NewGrantor(noon), map[Key]Book{}
	d.Declare([]Offer{{ID: 1, Cap: 20_000, Zone: time.UTC}})
	sent, missed, writes := 0, 0, 0
	for step := range 10 * 200 {
		now := noon + int64(step)*100
		writes += one(t, d, books, g, now)
		if now < noon+60_000 || step%2 == 0 { // 100 a second, then 50
			for range 10 {
				if d.Held(1).Take(20513) {
					sent++
				} else {
					missed++
				}
			}
		}
	}
	t.Logf("%d sent, %d missed, %d transactions", sent, missed, writes)
	if sent > 20_000 || sent+missed != 13_000 || missed > 100 {
		t.Errorf("%d sent, %d missed of 13,000 clicks under a cap of 20,000", sent, missed)
	}
	if writes > 60 {
		t.Errorf("%d transactions in 200 s", writes)
	}
	for step := range 10_000 {
		now := noon + 200_000 + int64(step)*100
		one(t, d, books, g, now)
		for range 10 {
			if d.Held(1).Take(20513) {
				sent++
			}
		}
	}
	if sent != 20_000 {
		t.Errorf("in the end %d of 20,000 are sent", sent)
	}
}

// An edge that stops gives back what it holds, and what it was granted meanwhile.
func TestCloseGivesBack(t *testing.T) {
	d, g, books := NewDesk(nil), NewGrantor(noon), map[Key]Book{}
	d.Declare([]Offer{{ID: 1, Cap: 1000, Zone: time.UTC}})
	one(t, d, books, g, noon)
	if !d.Held(1).Take(20513) {
		t.Fatal("no lease")
	}
	for range 10 {
		d.Held(1).Take(20513)
	}
	late := d.Tick(noon + 2000) // asks for more
	if len(late) == 0 || late[0].Upto == 0 {
		t.Fatalf("asks for nothing: %+v", late)
	}
	used := int64(1000) - int64(d.Held(1).left(20513)) // of what is granted, below
	d.Close()
	if d.Settled() {
		t.Error("settled before anybody knows")
	}
	for _, r := range late {
		g.Take(r, noon+2000, false)
	}
	for step := range 5 {
		one(t, d, books, g, noon+3000+int64(step)*1500)
	}
	b := books[Key{1, 20513}]
	if b.Committed() != 3 || !d.Settled() { // 1000/256 are held at first, all of them used
		t.Errorf("%d clicks stay granted (%v), used were %d; settled: %v", b.Committed(), b.Accounts, used, d.Settled())
	}
}

// An offer whose cap is taken out of the catalog gives back what is held of it, and is forgotten.
func TestUndeclared(t *testing.T) {
	d, g, books := NewDesk(nil), NewGrantor(noon), map[Key]Book{}
	d.Declare([]Offer{{ID: 1, Cap: 1000, Zone: time.UTC}})
	one(t, d, books, g, noon)
	d.Declare(nil)
	for step := range 5 {
		one(t, d, books, g, noon+int64(step+1)*1500)
	}
	if b := books[Key{1, 20513}]; b.Committed() != 0 || d.Held(1) != nil {
		t.Errorf("%d clicks stay granted; forgotten: %v", b.Committed(), d.Held(1) == nil)
	}
}

// A desk whose questions go unanswered says so; one that knows that nothing is left does not.
func TestUnanswered(t *testing.T) {
	d := NewDesk(nil)
	d.Declare([]Offer{{ID: 1, Cap: 10, Zone: time.UTC}})
	asked := 0
	for step := range 600 {
		asked += len(d.Tick(noon + int64(step)*100))
	}
	if s := d.Sums(); s.Unanswered != 1 || asked > 12 {
		t.Errorf("after a minute: %+v, asked %d times", s, asked)
	}
	d.Hear(&Book{Key: Key{1, 20513}, Spent: 10}, 1)
	for step := range 600 {
		d.Tick(noon + 60_000 + int64(step)*100)
	}
	if s := d.Sums(); s.Unanswered != 0 {
		t.Errorf("nothing is left, and it says %+v", s)
	}
}

// A cap that was lowered below what is granted: everybody gives back what is not used, and gets of the rest what is right.
func TestLoweredCap(t *testing.T) {
	d, g, books := NewDesk(nil), NewGrantor(noon), map[Key]Book{}
	d.Declare([]Offer{{ID: 1, Cap: 25_600, Zone: time.UTC}})
	one(t, d, books, g, noon) // 100 are held
	for range 20 {
		d.Held(1).Take(20513)
	}
	d.Declare([]Offer{{ID: 1, Cap: 50, Zone: time.UTC}})
	for step := range 50 {
		one(t, d, books, g, noon+int64(step+1)*200)
	}
	sent := 20
	for step := range 500 {
		one(t, d, books, g, noon+20_000+int64(step)*200)
		if d.Held(1).Take(20513) {
			sent++
		}
	}
	if sent != 50 {
		t.Errorf("%d were sent in all, the cap is 50", sent)
	}
}
