package loadgen

import (
	"math"
	"strings"
	"testing"
	"time"

	"tributary/schemas"
)

func testOptions() Options {
	o := DefaultOptions()
	o.Clicks, o.Postbacks = 20_000, 1_000
	o.Salt = "test"
	o.WindowMS = 30 * 24 * 60 * 60 * 1000
	o.End = time.Date(2026, 3, 4, 15, 0, 0, 0, time.UTC)
	return o
}

func collect(t *testing.T, o Options) []Step {
	t.Helper()
	g, err := NewGenerator(DefaultScenario(o.End), o)
	if err != nil {
		t.Fatal(err)
	}
	var steps []Step
	for {
		step, more := g.Next()
		if !more {
			return steps
		}
		if steps = append(steps, step); len(steps) > 10*(o.Clicks+o.Postbacks) {
			t.Fatal("the generator does not end")
		}
	}
}

func TestGeneratorKeepsItsPromises(t *testing.T) {
	o := testOptions()
	steps := collect(t, o)
	var clicks, clicksAgain, bad, postbacks, again, early, malformed, orphans, links, foreign, late int
	reasons := map[schemas.RejectReason]int{}
	seen := map[*Click]bool{}
	ids := map[string]bool{}
	sources := map[string]int{}
	for _, s := range steps {
		switch {
		case s.Bad != nil:
			bad++
		case s.Click != nil && s.Again:
			clicksAgain++
			if !seen[s.Click] {
				t.Fatal("a click was re-sent before it was sent")
			}
		case s.Click != nil:
			c := s.Click
			clicks++
			seen[c] = true
			sources[c.Source.Name]++
			if c.Link {
				links++
			} else if ids[c.ID] || c.ID == "" {
				t.Fatalf("click ID %q twice", c.ID)
			}
			ids[c.ID] = true
			if c.Foreign {
				foreign++
			}
			if c.EventMS > o.End.UnixMilli() {
				t.Fatalf("a click lies after the end: %d", c.EventMS)
			}
		default:
			p := s.Postback
			postbacks++
			switch {
			case s.Again:
				again++
			case p.Refusal != "":
				malformed++
				reasons[p.Refusal]++
			case p.Orphan:
				orphans++
			case p.Early:
				early++
				if p.Payout == "" {
					t.Error("an early postback leaves its payout to a click that may not be found")
				}
			}
			if p.Click != nil && p.Refusal == "" {
				if p.Early == seen[p.Click] && !s.Again {
					t.Fatalf("early %v, but its click was sent before: %v", p.Early, seen[p.Click])
				}
				if p.EventMS > o.End.UnixMilli() {
					t.Fatalf("postback %+v lies after the end", p)
				}
				if p.EventMS-p.Click.EventMS > o.WindowMS {
					late++
				}
			}
		}
	}
	near := func(what string, got int, want float64, tolerance float64) {
		t.Helper()
		if math.Abs(float64(got)-want) > tolerance {
			t.Errorf("%s: %d, want about %.0f", what, got, want)
		}
	}
	if clicks != o.Clicks || postbacks != o.Postbacks {
		t.Errorf("%d clicks and %d postbacks, want exactly %d and %d", clicks, postbacks, o.Clicks, o.Postbacks)
	}
	near("re-sent postbacks", again, 50, 2)
	near("malformed postbacks", malformed, 10, 1)
	near("orphans", orphans, 5, 1)
	near("early postbacks", early, 20, 4)
	near("re-sent clicks", clicksAgain, 200, 20)
	near("bad clicks", bad, 40, 2)
	near("clicks through the link", links, .05*20_000, 200)
	near("conversions after the window", late, 3, 6)
	if foreign == 0 || reasons[schemas.RejectForgedClickID] < malformed/3 {
		t.Errorf("%d foreign clicks, refusals %v", foreign, reasons)
	}
	if sources["push-harbor"] <= sources["long-tail"]*3 {
		t.Errorf("sources are not Zipf: %v", sources)
	}
}

func TestEveryMalformedKindIsUsed(t *testing.T) {
	o := testOptions()
	o.Malformed = .1
	seen := map[schemas.RejectReason]bool{}
	for _, s := range collect(t, o) {
		if s.Postback != nil {
			seen[s.Postback.Refusal] = true
		}
	}
	for _, kind := range malformedKinds {
		if !seen[kind.reason] {
			t.Errorf("no postback is made to be refused for %s", kind.reason)
		}
	}
}

func TestSameSeedSameTraffic(t *testing.T) {
	describe := func(seed uint64) string {
		o := testOptions()
		o.Clicks, o.Postbacks, o.Seed = 2000, 200, seed
		var b strings.Builder
		for _, s := range collect(t, o) {
			if s.Click != nil {
				b.WriteString(s.Click.Campaign.Name + s.Click.Source.Name + s.Click.IP + s.Click.UserAgent + s.Click.Cost + "\n")
			} else if s.Postback != nil {
				b.WriteString(s.Postback.Event + s.Postback.Word + s.Postback.Payout + s.Postback.TxID + "\n")
			}
		}
		return b.String()
	}
	if first, again := describe(7), describe(7); first != again {
		t.Error("the same seed made other traffic")
	}
	if describe(7) == describe(8) {
		t.Error("two seeds made the same traffic")
	}
}

func TestMoney(t *testing.T) {
	s := &Scenario{BaseCurrency: "USD", Rates: []Rate{{"EUR", "2026-01-01", "1.5"}, {"EUR", "2026-02-01", "2"}, {"BRL", "2026-01-01", "0.5"}}}
	january := time.Date(2026, 1, 31, 23, 59, 59, 0, time.UTC).UnixMilli()
	february := january + 1000
	for _, c := range []struct {
		amount   int64
		currency string
		atMS     int64
		want     int64
	}{{100, "USD", january, 100}, {101, "EUR", january, 152}, {103, "EUR", january, 154}, {101, "EUR", february, 202},
		{1, "BRL", january, 0}, {3, "BRL", january, 2}, {5, "BRL", january, 2},
		{-101, "EUR", january, -152}, {-3, "BRL", january, -2}, {-100, "USD", january, -100}} {
		if got := s.base(c.amount, c.currency, c.atMS); got != c.want {
			t.Errorf("%d %s is %d, want %d", c.amount, c.currency, got, c.want)
		}
	}
	for text, want := range map[string]int64{"12.50": 12_500_000, "0.000001": 1, "7": 7_000_000} {
		if got := micros(text); got != want {
			t.Errorf("%s is %d micros, want %d", text, got, want)
		}
		if got := micros(amountText(want)); got != want {
			t.Errorf("%d does not come back from %s", want, amountText(want))
		}
	}
}

func TestTruthBooksTheLedger(t *testing.T) {
	scenario := DefaultScenario(time.Date(2026, 3, 4, 15, 0, 0, 0, time.UTC))
	clickMS := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	newClick := func() *Click {
		return &Click{Campaign: &scenario.Campaigns[1], Source: &scenario.Sources[0], Offer: scenario.offer("slim-tea"), Cost: "0.10", Currency: "USD", EventMS: clickMS}
	}
	type send struct{ status, payout, txid, network string }
	for name, c := range map[string]struct {
		sends []send
		want  Totals
		// reason of the dead letter expected, empty for none
		reason schemas.RejectReason
		lateMS int64
	}{
		"pending then approved": {sends: []send{{"pending", "10", "1", "shopline"}, {"approved", "", "1", "shopline"}},
			want: Totals{Clicks: 1, CostMicros: 100_000, Conversions: 1, Approved: 1, RevenueConfirmedMicros: 10_000_000, Entries: 2}},
		"offer's payout": {sends: []send{{"approved", "", "1", "shopline"}},
			want: Totals{Clicks: 1, CostMicros: 100_000, Conversions: 1, Approved: 1, RevenueConfirmedMicros: 18_400_000, Entries: 1}},
		"chargeback takes all back": {sends: []send{{"approved", "10", "1", "shopline"}, {"chargeback", "", "1", "shopline"}},
			want: Totals{Clicks: 1, CostMicros: 100_000, Chargeback: 1, Entries: 2}},
		"again": {sends: []send{{"approved", "10", "1", "shopline"}, {"approved", "10", "1", "shopline"}},
			want:   Totals{Clicks: 1, CostMicros: 100_000, Conversions: 1, Approved: 1, RevenueConfirmedMicros: 10_000_000, Entries: 1},
			reason: schemas.RejectDuplicate},
		"corrected payout": {sends: []send{{"approved", "10", "1", "shopline"}, {"approved", "12.5", "1", "shopline"}},
			want: Totals{Clicks: 1, CostMicros: 100_000, Conversions: 1, Approved: 1, RevenueConfirmedMicros: 12_500_000, Entries: 2}},
		"correction": {sends: []send{{"approved", "10", "1", "shopline"}, {"approved", "-4", "1", "shopline"}, {"approved", "-4", "1", "shopline"}},
			want:   Totals{Clicks: 1, CostMicros: 100_000, Conversions: 1, Approved: 1, RevenueConfirmedMicros: 6_000_000, Entries: 2},
			reason: schemas.RejectDuplicate},
		"correction before its conversion": {sends: []send{{"approved", "-4", "1", "shopline"}, {"approved", "", "1", "shopline"}, {"approved", "-5", "1", "shopline"}},
			want: Totals{Clicks: 1, CostMicros: 100_000, Conversions: 1, Approved: 1, RevenueConfirmedMicros: 13_400_000, Entries: 3}},
		"stale": {sends: []send{{"approved", "10", "1", "shopline"}, {"pending", "10", "1", "shopline"}},
			want:   Totals{Clicks: 1, CostMicros: 100_000, Conversions: 1, Approved: 1, RevenueConfirmedMicros: 10_000_000, Entries: 1},
			reason: schemas.RejectStaleStatus},
		"two transactions": {sends: []send{{"approved", "10", "1", "shopline"}, {"approved", "10", "2", "shopline"}},
			want: Totals{Clicks: 1, CostMicros: 100_000, Conversions: 2, Approved: 2, RevenueConfirmedMicros: 20_000_000, Entries: 2}},
		"blank is one": {sends: []send{{"approved", "10", "", "shopline"}, {"approved", "10", "", "shopline"}},
			want:   Totals{Clicks: 1, CostMicros: 100_000, Conversions: 1, Approved: 1, RevenueConfirmedMicros: 10_000_000, Entries: 1},
			reason: schemas.RejectDuplicate},
		"blank is new": {sends: []send{{"approved", "10", "", "subscribers"}, {"approved", "10", "", "subscribers"}},
			want: Totals{Clicks: 1, CostMicros: 100_000, Conversions: 2, Approved: 2, RevenueConfirmedMicros: 20_000_000, Entries: 2}},
		"on hold": {sends: []send{{"pending", "10", "1", "shopline"}},
			want: Totals{Clicks: 1, CostMicros: 100_000, Conversions: 1, Pending: 1, RevenueHoldMicros: 10_000_000, Entries: 1}},
		"on hold of confirmed revenue": {sends: []send{{"pending", "10", "1", "leadbay"}},
			want: Totals{Clicks: 1, CostMicros: 100_000, Conversions: 1, Pending: 1, RevenueHoldMicros: 10_000_000, Entries: 1}},
		"too late": {sends: []send{{"approved", "10", "1", "shopline"}}, lateMS: 1001,
			want: Totals{Clicks: 1, CostMicros: 100_000}, reason: schemas.RejectOutsideWindow},
	} {
		t.Run(name, func(t *testing.T) {
			truth := NewTruth(scenario, 1000)
			click := newClick()
			truth.click(click)
			for _, s := range c.sends {
				currency := ""
				if s.payout != "" {
					currency = "USD"
				}
				truth.postback(&Postback{Click: click, Network: s.network, Event: "sale", Status: s.status, Payout: s.payout, Currency: currency, TxID: s.txid}, clickMS+c.lateMS)
			}
			if !scenario.network(c.sends[0].network).ConfirmedOnly {
				c.want.RevenueMicros = c.want.RevenueHoldMicros
			}
			c.want.RevenueMicros += c.want.RevenueConfirmedMicros
			if got := truth.Total(); got != c.want {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
			want := map[Reject]int64{}
			if c.reason != "" {
				want[Reject{"postback", c.reason}] = 1
			}
			if got := truth.Rejects(); len(got) != len(want) || c.reason != "" && got[Reject{"postback", c.reason}] != 1 {
				t.Errorf("rejects %v, want %v", got, want)
			}
		})
	}
}

func TestCompareNamesWhatDiffers(t *testing.T) {
	scenario := DefaultScenario(time.Now())
	truth := NewTruth(scenario, 0)
	c := &Click{Campaign: &scenario.Campaigns[1], Source: &scenario.Sources[0], Cost: "0.10", Currency: "USD", EventMS: time.Now().UnixMilli()}
	truth.click(c)
	key := group(c)
	if got := truth.compareGroups(map[Group]*Totals{key: {Clicks: 1, CostMicros: 100_000}}); len(got) != 0 {
		t.Errorf("equal figures differ: %v", got)
	}
	got := truth.compareGroups(map[Group]*Totals{key: {Clicks: 1, CostMicros: 100_001}, {Campaign: "ghost"}: {Clicks: 1}})
	text := ""
	for _, d := range got {
		text += d.String() + "\n"
	}
	for _, want := range []string{"cost: ClickHouse has 100001, the truth is 100000 (+1)", `clicks of campaign "ghost", source "": ClickHouse has 1, the truth is 0 (+1)`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
	truth.doubtClick(c)
	if got := truth.compareRejects(map[Reject]int64{{"click", schemas.RejectDuplicateClick}: 1}); len(got) != 0 {
		t.Errorf("a possible duplicate is a difference: %v", got)
	}
	if got := truth.compareRejects(map[Reject]int64{{"click", schemas.RejectDuplicateClick}: 2}); len(got) != 1 {
		t.Errorf("an impossible duplicate is no difference: %v", got)
	}
}

func TestQuantiles(t *testing.T) {
	var s Stats
	for i := 1; i <= 1000; i++ {
		s.observe(time.Duration(i) * time.Millisecond)
	}
	for q, want := range map[float64]float64{.5: 500, .99: 990} {
		if got := float64(s.Quantile(q).Milliseconds()); got < want || got > want*1.13 {
			t.Errorf("quantile %v is %v ms, want %v to 13 %% above", q, got, want)
		}
	}
}

func TestOptionsRefused(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"shares above one": func(o *Options) { o.Malformed, o.Duplicates = .6, .6 },
		"no span":          func(o *Options) { o.Span = 0 },
		"endless":          func(o *Options) { o.Clicks = 0 },
	} {
		o := testOptions()
		change(&o)
		if _, err := NewGenerator(DefaultScenario(o.End), o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
