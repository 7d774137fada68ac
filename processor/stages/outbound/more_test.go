package outbound

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"tributary/catalog/destination"
	"tributary/schemas"
	"tributary/schemas/events"
)

// TestWhoeverIsDeclaredLater hears of nothing that came before.
func TestWhoeverIsDeclaredLater(t *testing.T) {
	w := newWorld(t, get("a", nil))
	early := w.conversion(1)
	if got := early.created(func(e *events.Conversion) { e.Status = pending }); got != "" {
		t.Fatalf("told %q", got)
	}
	w.nowMS += 1000
	w.declare(get("a", nil), get("b", nil))
	if got := early.status(approved); got != "a created sale 10USD" {
		t.Errorf("told %q of a conversion from before", got)
	}
	late := w.conversion(2)
	if got := late.created(nil); got != "a created sale 10USD; b created sale 10USD" {
		t.Errorf("told %q of a conversion from after", got)
	}
	w.restart()
	w.declare(get("b", nil))
	if got := late.status(rejected); got != "b retracted sale 10USD" {
		t.Errorf("told %q by whom a destination is no more", got)
	}
	w.declare(get("a", nil), get("b", nil))
	if got := early.payout(12 * schemas.Micros); got != "a restated sale 12USD" {
		t.Errorf("told %q once it is declared again", got)
	}
	if got := w.conversion(3).created(nil); got != "a created sale 10USD; b created sale 10USD" {
		t.Errorf("told %q", got)
	}
}

// TestASample is of the size that is declared, the same for whoever asks, and never half of a conversion's story.
func TestASample(t *testing.T) {
	w := newWorld(t, get("half", func(c *destination.Config) { c.Sample = "50" }), get("tenth", func(c *destination.Config) { c.Sample = "10%" }))
	told := map[string]int{}
	const n = 2000
	for i := range n {
		l := w.conversion(i)
		first := l.created(nil)
		then := l.status(rejected)
		for _, name := range []string{"half", "tenth"} {
			created := strings.Contains(first, name+" created sale 10USD")
			if created {
				told[name]++
			}
			if created != strings.Contains(then, name+" retracted") || created == strings.Contains(first, name+" created sale not_sampled") {
				t.Fatalf("%q and then %q", first, then)
			}
		}
	}
	if told["half"] < n*45/100 || told["half"] > n*55/100 || told["tenth"] < n*7/100 || told["tenth"] > n*13/100 {
		t.Errorf("told of %d conversions: %v", n, told)
	}
	if !sampled("x", allPPM) || sampled("x", 0) {
		t.Error("all and nothing")
	}
}

// TestPart holds the share and the conversion against what a person reckons.
func TestPart(t *testing.T) {
	for _, c := range []struct {
		micros   int64
		ppm      uint32
		up, down int64
		want     int64
		fits     bool
	}{
		{10_000_000, 850_000, 1, 1, 8_500_000, true},
		{1, 500_000, 1, 1, 0, true},
		{3, 500_000, 1, 1, 2, true},
		{-3, 500_000, 1, 1, -2, true},
		{-1, 500_000, 1, 1, 0, true},
		{1, 500_001, 1, 1, 1, true},
		{10_000_000, 1_000_000, rateUnit, 1_250_000_000_000, 8_000_000, true},
		{10_000_000, 333_333, rateUnit, 1_250_000_000_000, 2_666_664, true},
		{schemas.MaxMoneyMicros, 1_000_000, 1, 1, schemas.MaxMoneyMicros, true},
		{schemas.MaxMoneyMicros, 1_000_000, rateUnit, 1, 0, false},
		{-schemas.MaxMoneyMicros, 1_000_000, rateUnit, 500_000_000_000, 0, false},
	} {
		if got, ok := part(c.micros, c.ppm, c.up, c.down); got != c.want || ok != c.fits {
			t.Errorf("%d at %d, %d/%d: %d %v, want %d %v", c.micros, c.ppm, c.up, c.down, got, ok, c.want, c.fits)
		}
	}
}

// TestTheRateIsOfTheConversion's day, and what is told later keeps it.
func TestTheRateOfThen(t *testing.T) {
	w := newWorld(t, get("d", func(c *destination.Config) { c.Currency = "EUR" }))
	l := w.conversion(1)
	if got := l.created(nil); got != "d created sale 8EUR" {
		t.Fatalf("told %q", got)
	}
	w.at(time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC).UnixMilli())
	if got := w.conversion(2).created(nil); got != "d created sale 5EUR" {
		t.Errorf("in the next year %q", got)
	}
	if got := l.payout(20 * schemas.Micros); got != "d restated sale 16EUR" {
		t.Errorf("restated %q", got)
	}
	euros := w.conversion(3)
	if got := euros.created(func(e *events.Conversion) { e.Currency, e.PayoutBaseMicros = "EUR", 20*schemas.Micros }); got != "d created sale 10EUR" {
		t.Errorf("paid in euros %q", got)
	}
}

// TestWhatTheBrowserSaid is remembered for clicks of the destinations that need it, no longer than it may be, and told by nobody else.
func TestWhatTheBrowserSaid(t *testing.T) {
	agent := func(c *destination.Config) { c.URL += "&ua={user_agent!}&ip={ip}"; c.Sources = []string{"push"} }
	w := newWorld(t, get("a", agent), get("b", func(c *destination.Config) { c.RetractURL = "" }))
	click := func(l *ledger) {
		w.process(schemas.TopicClicks, &events.Click{ClickId: l.last.ClickId, EventMs: l.last.ClickMs, Campaign: l.last.Campaign, Source: l.last.Source,
			Offer: l.last.Offer, Country: l.last.Country, UserAgent: "Mozilla/5.0 é", Ip: []byte{10: 0xff, 11: 0xff, 12: 192, 13: 0, 14: 2, 15: 1}})
	}
	l := w.conversion(1)
	click(l)
	w.restart()
	list := l.send(events.Conversion_KIND_CREATED, nil)
	if len(list) != 2 || list[0].Values["user_agent"] != "Mozilla/5.0 é" || list[0].Values["ip"] != "192.0.2.1" {
		t.Fatalf("told %v", list)
	}
	if list[1].Values["user_agent"] != "" || list[1].Values["ip"] != "" {
		t.Errorf("b hears %v", list[1].Values)
	}
	if got := w.conversion(2).created(nil); got != "a created sale no_value; b created sale 10USD" {
		t.Errorf("of a click that nobody saw %q", got)
	}
	other := w.conversion(3)
	other.last.Source = "native"
	click(other)
	old := w.conversion(4)
	click(old)
	count := func() (n int) {
		if err := w.view.Namespace("outbound").Scan([]byte{kindAgent}, nil, func(_, _ []byte) bool { n++; return true }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := count(); n != 2 {
		t.Errorf("%d clicks are remembered, want those two that a destination needs", n)
	}
	w.at(w.nowMS + agentKeptMS + 2*hourMS)
	click(w.conversion(5))
	if n := count(); n != 1 {
		t.Errorf("%d clicks are remembered after their time", n)
	}
	w.declare(get("b", nil))
	click(w.conversion(6))
	if n := count(); n != 1 {
		t.Errorf("%d clicks are remembered, though nobody needs another one", n)
	}
}

// TestItIsForgotten: what was told is remembered as long as another entry may come, and the state is empty then.
func TestItIsForgotten(t *testing.T) {
	w := newWorld(t, get("a", func(c *destination.Config) { c.WaitAtMost = time.Hour }))
	foreign := w.conversion(1)
	foreign.last.ConversionId = "not-of-ours\x00#" + strings.Repeat("x", 200)
	late := w.conversion(2)
	for _, l := range []*ledger{foreign, late} {
		if got := l.created(func(e *events.Conversion) { e.Score = 80 }); got != "a created sale under_suspicion" {
			t.Fatalf("told %q", got)
		}
	}
	w.at(w.nowMS + hourMS)
	if got := say(w.requests()); got != "a created sale 10USD; a created sale 10USD" {
		t.Fatalf("told %q", got)
	}
	w.at(noonMS + keptMS - hourMS)
	if got := late.status(rejected); got != "a retracted sale 10USD" {
		t.Fatalf("told %q", got)
	}
	w.at(noonMS + keptMS + hourMS)
	if got := late.status(approved); got != "a created sale under_suspicion" {
		t.Errorf("told %q", got)
	}
	if got := foreign.status(rejected); got != "" {
		t.Errorf("told %q of what is forgotten", got)
	}
	w.at(noonMS + 3*keptMS)
	n := 0
	if err := w.view.Namespace("outbound").Scan([]byte{kindBook}, nil, func(_, _ []byte) bool { n++; return true }); err != nil || n > 0 {
		t.Errorf("%d conversions are remembered: %v", n, err)
	}
}

// TestNothingSaidTwice plays random stories of conversions under destinations that come and go, with restarts, against what must hold
// whatever happens: no ID twice, nothing new of what was told and not taken back, nothing taken back that was not told, amounts by the
// share of the round.
func TestNothingSaidTwice(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 5))
		share := func() string { return []string{"100", "50", "25"}[rng.IntN(3)] }
		random := func(name string) destination.Config {
			return get(name, func(c *destination.Config) {
				c.Share = share()
				c.Suspicion = []string{"wait", "tell", "never"}[rng.IntN(3)]
				if c.Suspicion == "wait" && rng.IntN(2) == 0 {
					c.WaitAtMost = time.Hour
				}
				c.Delay = []time.Duration{0, 0, time.Minute}[rng.IntN(3)]
				c.Statuses = [][]string{{"approved"}, {"pending", "approved"}}[rng.IntN(2)]
				if rng.IntN(3) == 0 {
					c.RetractURL = ""
				}
			})
		}
		w := newWorld(t, random("a"), random("b"))
		var ledgers []*ledger
		type story struct {
			live   bool
			share  uint32
			amount int64
		}
		stories, ids := map[string]*story{}, map[string]bool{}
		check := func(list []*events.OutboundRequest) {
			for _, r := range list {
				if ids[r.RequestId] {
					t.Fatalf("seed %d: the request %v comes twice", seed, r)
				}
				ids[r.RequestId] = true
				if r.Skip != "" {
					continue
				}
				key := r.Destination + r.ConversionId
				s := stories[key]
				if s == nil {
					s = &story{}
					stories[key] = s
				}
				switch r.Told {
				case events.OutboundRequest_TOLD_CREATED:
					if s.live {
						t.Fatalf("seed %d: told as new again: %v", seed, r)
					}
					s.live, s.share = true, r.SharePpm
				default:
					if !s.live || s.share != r.SharePpm {
						t.Fatalf("seed %d: live %v, share %d: %v", seed, s.live, s.share, r)
					}
					if s.live = r.Told != events.OutboundRequest_TOLD_RETRACTED; !s.live && r.AmountMicros != s.amount {
						t.Fatalf("seed %d: %d was told, and %d is taken back", seed, s.amount, r.AmountMicros)
					}
				}
				s.amount = r.AmountMicros
			}
		}
		for range 150 {
			w.at(w.nowMS + rng.Int64N(2*60_000))
			check(w.requests())
			switch n := rng.IntN(12); {
			case n < 3 || len(ledgers) == 0:
				l := w.conversion(len(ledgers))
				ledgers = append(ledgers, l)
				check(l.send(events.Conversion_KIND_CREATED, func(e *events.Conversion) {
					e.Status, e.Score = []events.Status{pending, approved}[rng.IntN(2)], []uint32{0, 0, 70}[rng.IntN(3)]
				}))
			case n < 7:
				check(ledgers[rng.IntN(len(ledgers))].send(events.Conversion_KIND_STATUS, func(e *events.Conversion) {
					e.Status = []events.Status{approved, rejected, chargeback}[rng.IntN(3)]
				}))
			case n < 9:
				check(ledgers[rng.IntN(len(ledgers))].send(events.Conversion_KIND_PAYOUT, func(e *events.Conversion) {
					e.PayoutMicros = schemas.Micros * rng.Int64N(50)
					e.PayoutBaseMicros = e.PayoutMicros
				}))
			case n == 9:
				score := rng.Uint32N(100)
				e := ledgers[rng.IntN(len(ledgers))]
				was := e.last.Score
				check(e.send(events.Conversion_KIND_RESCORED, func(e *events.Conversion) { e.Score = score }))
				e.last.Score = was
			case n == 10:
				w.restart()
			default:
				w.declare([]destination.Config{random("a"), random("b"), random("c")}[:1+rng.IntN(3)]...)
			}
		}
		if len(ids) < 30 {
			t.Errorf("seed %d: %d requests show little", seed, len(ids))
		}
	}
}

// TestWithoutDestinations a ledger entry and a click cost nothing: they do not reach the stage.
func TestWithoutDestinations(t *testing.T) {
	w := newWorld(t)
	task := w.stage.Task(0).(*task)
	if task.Wants(schemas.TopicConversions) || task.Wants(schemas.TopicClicks) {
		t.Error("it wants records that it has no use for")
	}
	if n := testing.AllocsPerRun(100, func() { task.Wants(schemas.TopicConversions) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	l := w.conversion(1)
	if got := l.created(nil); got != "" {
		t.Errorf("told %q", got)
	}
	n := 0
	if err := w.view.Namespace("outbound").Scan(nil, nil, func(_, _ []byte) bool { n++; return true }); err != nil || n > 0 {
		t.Errorf("%d keys: %v", n, err)
	}
	if got := len(w.stage.Settings()); got != 1 {
		t.Errorf("settings of %d bytes", got)
	}
}

// TestAllocationsOfAnEntry bounds what an entry costs that concerns none of the destinations, and one that is told.
func TestAllocationsOfAnEntry(t *testing.T) {
	for name, c := range map[string]struct {
		campaign string
		most     float64
	}{"concerns nobody": {"winter", 8}, "is told": {"summer", 24}} {
		w := newWorld(t, get("d", func(d *destination.Config) { d.Campaigns = []string{c.campaign} }))
		values := make([][]byte, 0, 2000)
		for i := range cap(values) {
			l := w.conversion(i)
			l.last.DecidedMs, l.last.Seq = w.nowMS, 1
			raw, err := l.last.MarshalVT()
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, raw)
		}
		i := 0
		n := testing.AllocsPerRun(500, func() {
			w.send(values[i])
			w.stages.DropOutputs()
			i++
		})
		t.Logf("an entry that %s: %v allocations", name, n)
		if n > c.most {
			t.Errorf("an entry that %s: %v allocations, at most %v are right", name, n, c.most)
		}
	}
}

// BenchmarkEntry is what an entry costs: with nobody to tell, when it concerns none of 20 destinations, and when one is told.
func BenchmarkEntry(b *testing.B) {
	for _, c := range []struct {
		name string
		list []destination.Config
	}{{"none", nil}, {"others", twenty("winter")}, {"told", append(twenty("winter"), get("told", nil))}} {
		b.Run(c.name, func(b *testing.B) {
			w := newWorld(b, c.list...)
			l := w.conversion(1)
			l.last.DecidedMs, l.last.Seq = w.nowMS, 1
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i++
				l.last.ConversionId = fmt.Sprintf("%032x", i)
				raw, err := l.last.MarshalVT()
				if err != nil {
					b.Fatal(err)
				}
				w.send(raw)
				if i%1000 == 0 {
					w.stages.DropOutputs()
					if err := w.view.Flush(); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

func twenty(campaign string) (list []destination.Config) {
	for i := range 20 {
		list = append(list, get(fmt.Sprint("d", i), func(c *destination.Config) { c.Campaigns = []string{campaign} }))
	}
	return list
}
