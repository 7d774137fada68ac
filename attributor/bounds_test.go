package attributor

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"tributary/schemas"
	"tributary/schemas/events"
	"tributary/schemas/state"
)

// TestNetworkMayMakeSoMany: a network's bound counts its own conversions of the click, whatever became of them, and its
// corrections by themselves.
func TestNetworkMayMakeSoMany(t *testing.T) {
	book := &state.Book{}
	for i, step := range []struct {
		network, spec string
		most          uint32
		want          string
	}{
		{"acme", "approved t1 10", 2, "CREATED"},
		{"zeta", "approved z1 10", 1, "CREATED"}, // another's do not count
		{"acme", "rejected t2 10", 2, "CREATED"},
		{"acme", "approved t3 10", 2, "too_many_conversions"},
		{"acme", "approved t2 10", 2, "STATUS"}, // what is booked may still change
		{"acme", "approved t1 -10", 1, "CORRECTION"},
		{"acme", "approved t2 -10", 1, "too_many_conversions"},
		{"acme", "approved t3 10", 3, "CREATED"}, // the bound was raised
		{"zeta", "approved z2 10", 1, "too_many_conversions"},
		{"before", "approved o1 10", 0, "CREATED"},            // of an edge that knew no bound, before the network was of the identity: nobody's
		{"late", "approved l1 10", 1, "too_many_conversions"}, // and counts for all
		{"late", "approved l1 10", 2, "CREATED"},
		{"owner", "rejected o1 10", 1, "STATUS"}, // until somebody takes it
		{"free", "approved f0 10", 1, "CREATED"},
		{"free", "approved f1 10", 1000, "CREATED"}, // of a network without a bound of its own,
		{"free", "approved f2 10", 1000, "CREATED"},
		{"last", "approved a1 10", 2, "CREATED"}, // which are not nobody's
	} {
		pb := post(step.spec)
		pb.Network, pb.MaxConversions, pb.ReceiptId = step.network, step.most, fmt.Sprint("r", i)
		decisions := schemas.Decisions
		if step.network == "before" {
			decisions = schemas.DecisionsByTransaction
		}
		got := describe(Attribute(Input{pb, testClick(), book, &state.SourceStats{}, decisions}, &rules))
		if word, _, _ := strings.Cut(got, " "); word != step.want {
			t.Errorf("step %d, %s %s: %s, want %s", i, step.network, step.spec, got, step.want)
		}
	}
}

// TestBoundTakesBothOrNeither: a conversion and its correction are both booked or both refused, in every order, so that
// what the bound refuses is missing from the revenue once and not twice. Both letters, replayed after the bound was
// raised, book both.
func TestBoundTakesBothOrNeither(t *testing.T) {
	pairs := func(words ...string) (specs []string) {
		for _, word := range words {
			sign := ""
			if strings.HasPrefix(word, "-") {
				sign, word = "-", word[1:]
			}
			specs = append(specs, "approved "+word+" "+sign+"10")
		}
		return specs
	}
	for name, c := range map[string]struct {
		specs    []string
		refused  int
		revenue  int64 // below the bound, and
		replayed int64 // after it was raised
	}{
		"the sixth and its correction":   {pairs("k1", "k2", "k3", "k4", "k5", "k6", "-k6"), 2, 50, 50},
		"its correction first":           {pairs("k1", "k2", "k3", "k4", "k5", "-k6", "k6"), 2, 50, 50},
		"its correction below the bound": {pairs("k1", "k2", "k3", "k4", "-k6", "k5", "k6"), 1, 40, 50},
		"a correction of the fifth":      {pairs("k1", "k2", "k3", "k4", "k5", "k6", "-k5"), 1, 40, 50},
		"corrections of all":             {pairs("k1", "k2", "k3", "k4", "k5", "-k1", "-k2", "-k3", "-k4", "-k5", "k6"), 1, 0, 10},
		"corrections of all first":       {pairs("-k1", "-k2", "-k3", "-k4", "-k5", "k6", "k5", "k4", "k3", "k2", "k1"), 1, 0, 10},
	} {
		book := &state.Book{}
		revenue := int64(0)
		send := func(specs []string, most uint32) (refused []string) {
			for _, spec := range specs {
				pb := post(spec)
				pb.Network, pb.MaxConversions, pb.ReceiptId = "acme", most, spec
				out := Attribute(Input{pb, testClick(), book, &state.SourceStats{}, schemas.Decisions}, &rules)
				if out.Entry != nil {
					revenue += out.Entry.RevenueConfirmedDeltaMicros / schemas.Micros
				} else if refused = append(refused, spec); out.Reject != schemas.RejectTooMany || !strings.Contains(out.Detail, "max_conversions_per_click") {
					t.Errorf("%s, %s: %s %s", name, spec, describe(out), out.Detail)
				}
			}
			return refused
		}
		refused := send(c.specs, 5)
		if len(refused) != c.refused || revenue != c.revenue {
			t.Errorf("%s: %q are refused, the revenue is %d; want %d and %d", name, refused, revenue, c.refused, c.revenue)
		}
		if again := send(refused, 6); len(again) > 0 || revenue != c.replayed {
			t.Errorf("%s, replayed: %q are refused, the revenue is %d; want %d", name, again, revenue, c.replayed)
		}
	}
	// Without transaction IDs, where each is new, a correction is of any conversion.
	book := &state.Book{}
	for i, want := range []string{"CREATED", "too_many_conversions", "CORRECTION", "too_many_conversions"} {
		pb := post([]string{"approved - 10", "approved - 10", "approved - -10", "approved - -10"}[i])
		pb.Network, pb.MaxConversions, pb.ReceiptId, pb.Txid, pb.BlankTxidIsNew = "acme", 1, fmt.Sprint("r", i), "", true
		got := describe(Attribute(Input{pb, testClick(), book, &state.SourceStats{}, schemas.Decisions}, &rules))
		if word, _, _ := strings.Cut(got, " "); word != want {
			t.Errorf("without transaction IDs, step %d: %s, want %s", i, got, want)
		}
	}
}

// TestAmountsBeyondTheEdge: nobody who produces past the edge books more than a network could.
func TestAmountsBeyondTheEdge(t *testing.T) {
	const most = schemas.MaxMoneyMicros
	for _, c := range []struct {
		payout, base, limit int64
		refused             bool
	}{
		{most, most, 0, false}, {-most, -most, 0, false},
		{most + 1, 1, 0, true}, {1, most + 1, 0, true}, {-most - 1, -1, 0, true}, {-1, -most - 1, 0, true},
		{5 * most, 5 * most, 0, true}, {math.MinInt64, math.MinInt64, 0, true}, {math.MaxInt64, math.MaxInt64, math.MaxInt64, true},
		{5, 6, 6, false}, {5, 7, 6, true}, {-5, -6, 6, false}, {-5, -7, 6, true},
	} {
		for _, booked := range []bool{false, true} {
			book := &state.Book{}
			if booked { // as a new conversion, and as a change of one
				pb := post("pending t1 1")
				pb.ReceiptId = "first"
				if c.payout < 0 {
					pb.PayoutMicros, pb.PayoutBaseMicros = -pb.PayoutMicros, -pb.PayoutBaseMicros
				}
				if out := Attribute(Input{pb, testClick(), book, &state.SourceStats{}, schemas.Decisions}, &rules); out.Entry == nil {
					t.Fatal(describe(out))
				}
			}
			pb := post("approved t1 1")
			pb.PayoutMicros, pb.PayoutBaseMicros, pb.MaxPayoutBaseMicros = c.payout, c.base, c.limit
			out := Attribute(Input{pb, testClick(), book, &state.SourceStats{}, schemas.Decisions}, &rules)
			if (out.Reject == schemas.RejectAmountRange) != c.refused || out.Entry == nil != c.refused || c.refused == (out.Detail == "") {
				t.Errorf("%+v, booked before %v: %s %s", c, booked, describe(out), out.Detail)
			}
		}
	}
	for name, spoil := range map[string]func(*events.Click){
		"cost":           func(c *events.Click) { c.CostMicros = most + 1 },
		"cost in base":   func(c *events.Click) { c.CostBaseMicros = -most - 1 },
		"payout":         func(c *events.Click) { c.OfferPayoutMicros = math.MaxInt64 },
		"payout in base": func(c *events.Click) { c.OfferPayoutBaseMicros = most + 1 },
	} {
		c := testClick()
		if problem := ClickAmountProblem(c); problem != "" {
			t.Fatal(problem)
		}
		if spoil(c); ClickAmountProblem(c) == "" {
			t.Errorf("a %s beyond the bounds passes", name)
		}
	}
}

func TestUnits(t *testing.T) {
	for micros, want := range map[int64]string{0: "0", 1: "0.000001", -1_500_000: "-1.5", 12_000_000: "12", schemas.MaxMoneyMicros: "1000000000",
		math.MinInt64: "-9223372036854.775808"} {
		if got := units(micros); got != want {
			t.Errorf("%d: %s, want %s", micros, got, want)
		}
	}
}

func BenchmarkClickAmountProblem(b *testing.B) {
	click := testClick()
	b.ReportAllocs()
	for b.Loop() {
		if ClickAmountProblem(click) != "" {
			b.Fatal("a click as most are is refused")
		}
	}
}
