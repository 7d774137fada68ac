package attributor

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"tributary/schemas"
	"tributary/schemas/events"
	"tributary/schemas/id"
	"tributary/schemas/state"
)

const (
	hourMS  = int64(3_600_000)
	clickMS = int64(1_795_000_000_000)
)

var (
	rules     = Rules{WindowMS: 30 * 24 * hourMS, Scoring: DefaultScoring()}
	keyring   = mustKeyring()
	ourID     = id.NewMinter().Click(keyring, clickMS, 5, 6)
	ourIDText = ourID.String()
)

func mustKeyring() *id.Keyring {
	k, err := id.NewKeyring(1, map[uint8][]byte{1: []byte("a key of the tests alone")})
	if err != nil {
		panic(err)
	}
	return k
}

func testClick() *events.Click {
	return &events.Click{ClickId: ourIDText, EventMs: clickMS, ReceivedMs: clickMS, CampaignId: 5, Campaign: "summer", SourceId: 6, Source: "push",
		OfferId: 7, Offer: "casino", OfferPayoutMicros: 25_000_000, OfferCurrency: "EUR", OfferPayoutBaseMicros: 27_500_000,
		Country: "DE", Device: "mobile", Os: "Android", Browser: "Chrome", Subs: []string{"a", "", "c"}, ExternalId: "x1", IpClicksPerMinute: 1}
}

// post is a postback one hour after the click: "status txid payout", a payout of "-" meaning none.
func post(spec string) *events.Postback {
	f := strings.Fields(spec)
	pb := &events.Postback{ReceiptId: "r-" + spec, ClickId: ourIDText, Network: "acme", Event: "sale", EventMs: clickMS + hourMS, ReceivedMs: clickMS + hourMS,
		CampaignId: 5, Campaign: "summer", SourceId: 6, Source: "push", OriginalStatus: f[0]}
	pb.Status = events.Status(events.Status_value["STATUS_"+strings.ToUpper(f[0])])
	if f[1] != "-" {
		pb.Txid = f[1]
	}
	if f[2] != "-" {
		pb.HasPayout, pb.Currency = true, "USD"
		fmt.Sscan(f[2], &pb.PayoutMicros)
		pb.PayoutMicros *= schemas.Micros
		pb.PayoutBaseMicros = pb.PayoutMicros
	}
	return pb
}

func TestLifecycle(t *testing.T) {
	// Each step: postback → "kind conversions/pending/approved/rejected/chargeback hold confirmed" (units) or a reject reason.
	for name, steps := range map[string][][2]string{
		"approved at once":             {{"approved t1 10", "CREATED 1/0/1/0/0 0 10"}},
		"pending then approved":        {{"pending t1 10", "CREATED 1/1/0/0/0 10 0"}, {"approved t1 -", "STATUS 0/-1/1/0/0 -10 10"}},
		"approved with another payout": {{"pending t1 10", "CREATED 1/1/0/0/0 10 0"}, {"approved t1 12", "STATUS 0/-1/1/0/0 -10 12"}},
		"rejected":                     {{"pending t1 10", "CREATED 1/1/0/0/0 10 0"}, {"rejected t1 -", "STATUS -1/-1/0/1/0 -10 0"}},
		"approved, then rejected, then approved again": {{"approved t1 10", "CREATED 1/0/1/0/0 0 10"}, {"rejected t1 -", "STATUS -1/0/-1/1/0 0 -10"},
			{"approved t1 -", "STATUS 1/0/1/-1/0 0 10"}},
		"chargeback":           {{"approved t1 10", "CREATED 1/0/1/0/0 0 10"}, {"chargeback t1 -", "STATUS -1/0/-1/0/1 0 -10"}},
		"payout corrected":     {{"approved t1 10", "CREATED 1/0/1/0/0 0 10"}, {"approved t1 7", "PAYOUT 0/0/0/0/0 0 -3"}},
		"retry":                {{"approved t1 10", "CREATED 1/0/1/0/0 0 10"}, {"approved t1 10", "duplicate_postback"}, {"approved t1 -", "duplicate_postback"}},
		"late pending":         {{"approved t1 10", "CREATED 1/0/1/0/0 0 10"}, {"pending t1 10", "stale_status"}},
		"registered, pending":  {{"registered t1 -", "CREATED 1/0/0/0/0 0 0"}, {"pending t1 5", "STATUS 0/1/0/0/0 5 0"}, {"registered t1 -", "stale_status"}},
		"first word is no":     {{"rejected t1 10", "CREATED 0/0/0/1/0 0 0"}, {"approved t1 -", "STATUS 1/0/1/-1/0 0 10"}},
		"two transactions":     {{"approved t1 10", "CREATED 1/0/1/0/0 0 10"}, {"approved t2 10", "CREATED 1/0/1/0/0 0 10"}},
		"blank is an identity": {{"approved - 10", "CREATED 1/0/1/0/0 0 10"}, {"approved t1 10", "CREATED 1/0/1/0/0 0 10"}, {"approved - 10", "duplicate_postback"}},
		"the offer's payout":   {{"pending t1 -", "CREATED 1/1/0/0/0 27.5 0"}, {"approved t1 -", "STATUS 0/-1/1/0/0 -27.5 27.5"}},

		"corrected to nothing":       {{"approved t1 5", "CREATED 1/0/1/0/0 0 5"}, {"approved t1 -5", "CORRECTION 0/0/0/0/0 0 -5"}},
		"the correction comes first": {{"approved t1 -5", "CORRECTION 0/0/0/0/0 0 -5"}, {"approved t1 5", "CREATED 1/0/1/0/0 0 5"}},
		"corrected twice alike":      {{"approved t1 5", "CREATED 1/0/1/0/0 0 5"}, {"approved t1 -5", "CORRECTION 0/0/0/0/0 0 -5"}, {"approved t1 -5", "duplicate_postback"}},
		"another correction": {{"approved t1 -5", "CORRECTION 0/0/0/0/0 0 -5"}, {"approved t1 -7", "PAYOUT 0/0/0/0/0 0 -2"},
			{"approved t1 9", "CREATED 1/0/1/0/0 0 9"}, {"approved t1 -6", "PAYOUT 0/0/0/0/0 0 1"}},
		"a correction decided later": {{"pending t1 -5", "CORRECTION 0/0/0/0/0 -5 0"}, {"approved t1 -5", "STATUS 0/0/0/0/0 5 -5"}, {"pending t1 -5", "stale_status"},
			{"rejected t1 -5", "STATUS 0/0/0/0/0 0 5"}, {"approved t1 -4", "STATUS 0/0/0/0/0 0 -4"}, {"chargeback t1 -4", "STATUS 0/0/0/0/0 0 4"}},
		"a correction that is registered": {{"registered t1 -5", "CORRECTION 0/0/0/0/0 0 0"}, {"pending t1 -5", "STATUS 0/0/0/0/0 -5 0"}, {"registered t1 -5", "stale_status"}},
		"a correction that is rejected":   {{"rejected t1 -5", "CORRECTION 0/0/0/0/0 0 0"}, {"chargeback t1 -5", "STATUS 0/0/0/0/0 0 0"}},
		"a status is the conversion's": {{"approved t1 5", "CREATED 1/0/1/0/0 0 5"}, {"approved t1 -2", "CORRECTION 0/0/0/0/0 0 -2"}, {"rejected t1 -", "STATUS -1/0/-1/1/0 0 -5"},
			{"approved t1 -2", "duplicate_postback"}},
		"a status never finds a correction": {{"approved t1 -5", "CORRECTION 0/0/0/0/0 0 -5"}, {"approved t1 -", "CREATED 1/0/1/0/0 0 27.5"}},
		"a payout of zero is the conversion's": {{"approved t1 -5", "CORRECTION 0/0/0/0/0 0 -5"}, {"approved t1 0", "CREATED 1/0/1/0/0 0 0"},
			{"approved t1 3", "PAYOUT 0/0/0/0/0 0 3"}, {"approved t1 -5", "duplicate_postback"}},
		"a correction without a transaction": {{"approved - 5", "CREATED 1/0/1/0/0 0 5"}, {"approved - -5", "CORRECTION 0/0/0/0/0 0 -5"}, {"approved - -5", "duplicate_postback"},
			{"approved t1 -5", "CORRECTION 0/0/0/0/0 0 -5"}},
	} {
		t.Run(name, func(t *testing.T) {
			book, stats := &state.Book{}, &state.SourceStats{}
			for i, step := range steps {
				pb := post(step[0])
				pb.ReceiptId = fmt.Sprint("receipt-", i)
				out := Attribute(Input{Postback: pb, Click: testClick(), Book: book, Source: stats, Decisions: schemas.Decisions}, &rules)
				if got := describe(out); got != step[1] {
					t.Fatalf("step %d, %q: %s, want %s", i+1, step[0], got, step[1])
				}
			}
		})
	}
}

func describe(o Outcome) string {
	if o.Entry == nil {
		if o.Detail == "" {
			return "a reject without a detail"
		}
		return string(o.Reject)
	}
	e := o.Entry
	return fmt.Sprintf("%s %d/%d/%d/%d/%d %g %g", strings.TrimPrefix(e.Kind.String(), "KIND_"), e.ConversionsDelta, e.PendingDelta, e.ApprovedDelta,
		e.RejectedDelta, e.ChargebackDelta, float64(e.RevenueHoldDeltaMicros)/1e6, float64(e.RevenueConfirmedDeltaMicros)/1e6)
}

// TestCorrectionsInAnyOrder: a conversion and its corrections, with repeats, come to the same whichever way round they come.
func TestCorrectionsInAnyOrder(t *testing.T) {
	specs := []string{"approved t1 5", "approved t1 -5", "approved t1 -5", "approved t1 5", "approved t2 -3"}
	var visit func(order []int)
	visit = func(order []int) {
		if len(order) < len(specs) {
			for i := range specs {
				if !slices.Contains(order, i) {
					visit(append(slices.Clone(order), i))
				}
			}
			return
		}
		book, stats := &state.Book{}, &state.SourceStats{}
		var confirmed, conversions int64
		kinds, ids := map[events.Conversion_Kind]int{}, map[string]bool{}
		for _, i := range order {
			pb := post(specs[i])
			pb.ReceiptId = fmt.Sprint("receipt-", i)
			out := Attribute(Input{Postback: pb, Click: testClick(), Book: book, Source: stats, Decisions: schemas.Decisions}, &rules)
			if out.Entry == nil {
				if out.Reject != schemas.RejectDuplicate {
					t.Fatalf("%v: %s", order, describe(out))
				}
				continue
			}
			confirmed += out.Entry.RevenueConfirmedDeltaMicros
			conversions += int64(out.Entry.ConversionsDelta)
			kinds[out.Entry.Kind]++
			ids[out.Entry.ConversionId] = true
		}
		if confirmed != -3*schemas.Micros || conversions != 1 || kinds[events.Conversion_KIND_CREATED] != 1 || kinds[events.Conversion_KIND_CORRECTION] != 2 ||
			len(kinds) != 2 || len(ids) != 3 {
			t.Fatalf("%v: %d confirmed, %d conversions, entries %v of %d IDs", order, confirmed, conversions, kinds, len(ids))
		}
	}
	visit(nil)
}

// TestCorrectionIsNotJudged: what a network deducts is no evidence about the source, however fast it comes and whatever its click looked like.
func TestCorrectionIsNotJudged(t *testing.T) {
	click := testClick()
	click.Bot = "Googlebot"
	book, stats := &state.Book{}, &state.SourceStats{Timed: 7, Fast: 7, FastCusum: AlertLLR, Known: 9}
	before := proto.Clone(stats)
	for _, spec := range []string{"pending t1 -5", "approved t1 -5"} {
		pb := post(spec)
		pb.EventMs = clickMS + 1
		e := Attribute(Input{Postback: pb, Click: click, Book: book, Source: stats, Decisions: schemas.Decisions}, &rules).Entry
		if e == nil || e.Score != 0 || e.FlaggedDelta != 0 || len(e.Reasons) != 0 || len(Anomalies(e)) != 0 {
			t.Errorf("%s: %v", spec, e)
		}
	}
	if !proto.Equal(stats, before) {
		t.Errorf("the source's statistics are %v, they were %v", stats, before)
	}
	if e := Attribute(Input{Postback: post("approved t1 5"), Click: click, Book: book, Source: stats, Decisions: schemas.Decisions}, &rules).Entry; e.FlaggedDelta != 1 {
		t.Errorf("the conversion of the same transaction: %v", e)
	}
}

// TestCorrectionsKeepTheRules: the rules of who may make a conversion are those of who may correct one.
func TestCorrectionsKeepTheRules(t *testing.T) {
	foreign := post("approved t1 -5")
	foreign.Foreign, foreign.ClickId = true, "kt-77"
	late := post("approved t1 -5")
	late.EventMs = clickMS + rules.WindowMS + 1
	full := &state.Book{Items: make([]*state.Item, schemas.MaxConversionsPerClick)}
	for i := range full.Items {
		full.Items[i] = &state.Item{Event: "sale", Txid: fmt.Sprint(i)}
	}
	for name, c := range map[string]struct {
		in   Input
		want string
	}{
		"foreign without its click": {Input{foreign, nil, &state.Book{}, &state.SourceStats{}, schemas.Decisions}, "orphan"},
		"after the window":          {Input{late, testClick(), &state.Book{}, &state.SourceStats{}, schemas.Decisions}, "outside_window"},
		"one too many":              {Input{post("approved t1 -5"), testClick(), full, &state.SourceStats{}, schemas.Decisions}, "too_many_conversions"},
		"ours without its click":    {Input{post("approved t1 -5"), nil, &state.Book{}, &state.SourceStats{}, schemas.Decisions}, "CORRECTION 0/0/0/0/0 0 -5"},
	} {
		if got := describe(Attribute(c.in, &rules)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	// Where a blank transaction ID is a conversion each time, it is a correction each time.
	book := &state.Book{}
	for i := range 3 {
		pb := post("approved - -5")
		pb.BlankTxidIsNew, pb.ReceiptId = true, fmt.Sprint("receipt-", i/2)
		if got := describe(Attribute(Input{pb, testClick(), book, &state.SourceStats{}, schemas.Decisions}, &rules)); (got == "duplicate_postback") != (i == 1) {
			t.Errorf("request %d: %s", i+1, got)
		}
	}
}

func TestBlankTransactionAsNew(t *testing.T) {
	book, stats := &state.Book{}, &state.SourceStats{}
	first, second := post("approved - 10"), post("approved - 10")
	first.BlankTxidIsNew, second.BlankTxidIsNew = true, true
	second.ReceiptId = "another"
	a := Attribute(Input{first, testClick(), book, stats, schemas.Decisions}, &rules)
	b := Attribute(Input{second, testClick(), book, stats, schemas.Decisions}, &rules)
	if a.Entry == nil || b.Entry == nil || a.Entry.ConversionId == b.Entry.ConversionId {
		t.Fatalf("two requests: %s and %s, want two conversions", describe(a), describe(b))
	}
	if again := Attribute(Input{second, testClick(), book, stats, schemas.Decisions}, &rules); again.Reject != schemas.RejectDuplicate {
		t.Errorf("the same request delivered twice: %s", describe(again))
	}
}

func TestWithoutItsClick(t *testing.T) {
	out := Attribute(Input{post("approved t1 -"), nil, &state.Book{}, &state.SourceStats{}, schemas.Decisions}, &rules)
	e := out.Entry
	if e == nil || e.Match != events.Conversion_MATCH_CLICK_ID || e.CampaignId != 5 || e.Source != "push" || e.ClickMs != clickMS ||
		e.PayoutSource != events.Conversion_PAYOUT_SOURCE_NONE || e.ConversionsDelta != 1 {
		t.Errorf("a signed click ID without its click: %v %s", e, out.Reject)
	}
	foreign := post("approved t1 5")
	foreign.Foreign, foreign.ClickId = true, "kt-77"
	if out := Attribute(Input{foreign, nil, &state.Book{}, &state.SourceStats{}, schemas.Decisions}, &rules); out.Reject != schemas.RejectOrphan {
		t.Errorf("a foreign click ID without its click: %s", describe(out))
	}
}

func TestWindow(t *testing.T) {
	late := post("pending t1 5")
	late.EventMs = clickMS + rules.WindowMS + 1
	book := &state.Book{}
	if out := Attribute(Input{late, testClick(), book, &state.SourceStats{}, schemas.Decisions}, &rules); out.Reject != schemas.RejectOutsideWindow || len(book.Items) != 0 {
		t.Errorf("a conversion after the window: %s", describe(out))
	}
	in := post("pending t1 5")
	in.EventMs = clickMS + rules.WindowMS
	if out := Attribute(Input{in, testClick(), book, &state.SourceStats{}, schemas.Decisions}, &rules); out.Entry == nil {
		t.Errorf("a conversion at the end of the window: %s", describe(out))
	}
	decided := post("approved t1 5")
	decided.EventMs = clickMS + 3*rules.WindowMS
	if out := Attribute(Input{decided, testClick(), book, &state.SourceStats{}, schemas.Decisions}, &rules); out.Entry == nil {
		t.Errorf("the decision on it after the window: %s", describe(out))
	}
}

func TestConversionsOfOneClickAreBounded(t *testing.T) {
	book, stats := &state.Book{}, &state.SourceStats{}
	for i := range schemas.MaxConversionsPerClick {
		if out := Attribute(Input{post(fmt.Sprintf("approved t%d 1", i)), testClick(), book, stats, schemas.Decisions}, &rules); out.Entry == nil {
			t.Fatal(describe(out))
		}
	}
	if out := Attribute(Input{post("approved one-more 1"), testClick(), book, stats, schemas.Decisions}, &rules); out.Reject != schemas.RejectTooMany {
		t.Error(describe(out))
	}
}

// TestSumsAreTheLastState holds the ledger's central promise against any history: after every postback the sums of deltas
// are what the conversions are worth now.
func TestSumsAreTheLastState(t *testing.T) {
	statuses := []string{"registered", "pending", "approved", "rejected", "chargeback"}
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		book, stats := &state.Book{}, &state.SourceStats{}
		type sums struct{ n, hold, confirmed int64 }
		var ledger sums
		last := map[string]*events.Conversion{}
		for range 40 {
			spec := fmt.Sprintf("%s t%d %d", statuses[rng.IntN(5)], rng.IntN(3), rng.IntN(7)-3)
			if rng.IntN(3) == 0 {
				spec = spec[:strings.LastIndexByte(spec, ' ')] + " -"
			}
			out := Attribute(Input{post(spec), testClick(), book, stats, schemas.Decisions}, &rules)
			if e := out.Entry; e != nil {
				if prev := last[e.ConversionId]; prev != nil && (e.Seq != prev.Seq+1 || e.PreviousStatus != prev.Status) {
					t.Fatalf("seed %d: entry %d (from %s) follows entry %d (%s)", seed, e.Seq, e.PreviousStatus, prev.Seq, prev.Status)
				}
				last[e.ConversionId] = e
				ledger.n += int64(e.ConversionsDelta)
				ledger.hold += e.RevenueHoldDeltaMicros
				ledger.confirmed += e.RevenueConfirmedDeltaMicros
			}
			var now sums
			for _, e := range last {
				one := int64(1)
				if e.PayoutMicros < 0 { // a correction
					one = 0
				}
				switch e.Status {
				case events.Status_STATUS_REGISTERED:
					now.n += one
				case events.Status_STATUS_PENDING:
					now.n += one
					now.hold += e.PayoutBaseMicros
				case events.Status_STATUS_APPROVED:
					now.n += one
					now.confirmed += e.PayoutBaseMicros
				}
			}
			if ledger != now {
				t.Fatalf("seed %d after %q: the ledger sums to %+v, the conversions are worth %+v", seed, spec, ledger, now)
			}
		}
	}
}

// TestAPostbackThatComesTwice: the edge promises a postback at least once. The second copy must not take back what came between.
func TestAPostbackThatComesTwice(t *testing.T) {
	book, stats := &state.Book{}, &state.SourceStats{}
	give := func(pb *events.Postback) Outcome {
		return Attribute(Input{Postback: pb, Click: testClick(), Book: book, Source: stats, Decisions: schemas.Decisions}, &rules)
	}
	first, second := post("approved t1 5"), post("approved t1 7")
	if out := give(first); out.Entry == nil {
		t.Fatal(out.Reject, out.Detail)
	}
	if out := give(second); out.Entry == nil || out.Entry.RevenueConfirmedDeltaMicros != 2*schemas.Micros {
		t.Fatal("a correction of the payout was not booked", out)
	}
	for _, again := range []*events.Postback{first, second, first} {
		if out := give(again); out.Entry != nil || out.Reject != schemas.RejectDuplicate {
			t.Errorf("%s came again and was booked as %v", again.ReceiptId, out.Entry)
		}
	}
	// The network may well go back to the first payout, in a postback of its own.
	back := post("approved t1 5")
	back.ReceiptId = "another"
	if out := give(back); out.Entry == nil || out.Entry.RevenueConfirmedDeltaMicros != -2*schemas.Micros {
		t.Error("a correction back was not booked", out)
	}
	// What is remembered is bounded.
	for i := range 100 {
		pb := post(fmt.Sprint("approved t1 ", 10+i))
		give(pb)
	}
	if n := len(book.Items[0].Receipts); n != receiptsKept {
		t.Errorf("%d receipts are remembered, want %d", n, receiptsKept)
	}
}

// TestTheKindOfRevenueStays: sums of revenue are right although the network's kind changes in a conversion's life, because all of
// its entries have the kind that the first postback had.
func TestTheKindOfRevenueStays(t *testing.T) {
	for _, first := range []bool{false, true} {
		book, stats := &state.Book{}, &state.SourceStats{}
		var revenue int64
		for i, spec := range []string{"pending t1 10", "pending t1 12", "approved t1 11", "rejected t1 -"} {
			pb := post(spec)
			pb.ReceiptId, pb.ConfirmedOnly = fmt.Sprint("receipt-", i), first == (i%2 == 0)
			e := Attribute(Input{Postback: pb, Click: testClick(), Book: book, Source: stats, Decisions: schemas.Decisions}, &rules).Entry
			if e == nil || e.ConfirmedOnly != first {
				t.Fatalf("entry %d of a conversion that began with %v is %v", i+1, first, e)
			}
			revenue += e.RevenueConfirmedDeltaMicros
			if !e.ConfirmedOnly {
				revenue += e.RevenueHoldDeltaMicros
			}
			want := map[bool][]int64{false: {10, 12, 11, 0}, true: {0, 0, 11, 0}}[first][i] * schemas.Micros
			if revenue != want {
				t.Errorf("after %q of a conversion that began with %v the revenue is %d, %d would be right", spec, first, revenue, want)
			}
		}
	}
}

// TestGoals: an event type beside the offer's goal says so, whatever its status.
func TestGoals(t *testing.T) {
	for _, c := range []struct {
		goals  []string
		event  string
		beside bool
	}{{nil, "reg", false}, {[]string{"ftd"}, "ftd", false}, {[]string{"ftd"}, "reg", true}, {[]string{"ftd", "reg"}, "reg", false}, {[]string{"ftd"}, "ft", true}} {
		click := testClick()
		click.Goals = c.goals
		book, stats := &state.Book{}, &state.SourceStats{}
		for i, spec := range []string{"pending t1 10", "approved t1 10"} {
			pb := post(spec)
			pb.ReceiptId, pb.Event = fmt.Sprint("receipt-", i), c.event
			e := Attribute(Input{Postback: pb, Click: click, Book: book, Source: stats, Decisions: schemas.Decisions}, &rules).Entry
			if e == nil || e.BesideGoal != c.beside {
				t.Errorf("%s of %q: %v", c.event, c.goals, e)
			}
		}
		pb := post("approved t9 10")
		pb.Event = c.event
		if e := Attribute(Input{Postback: pb, Book: &state.Book{}, Source: stats, Decisions: schemas.Decisions}, &rules).Entry; e == nil || e.BesideGoal {
			t.Errorf("without a click, %s of %q: %v", c.event, c.goals, e)
		}
	}
}
