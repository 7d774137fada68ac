package attributor

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

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
	} {
		t.Run(name, func(t *testing.T) {
			book, stats := &state.Book{}, &state.SourceStats{}
			for i, step := range steps {
				pb := post(step[0])
				pb.ReceiptId = fmt.Sprint("receipt-", i)
				out := Attribute(Input{Postback: pb, Click: testClick(), Book: book, Source: stats}, &rules)
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

func TestBlankTransactionAsNew(t *testing.T) {
	book, stats := &state.Book{}, &state.SourceStats{}
	first, second := post("approved - 10"), post("approved - 10")
	first.BlankTxidIsNew, second.BlankTxidIsNew = true, true
	second.ReceiptId = "another"
	a := Attribute(Input{first, testClick(), book, stats}, &rules)
	b := Attribute(Input{second, testClick(), book, stats}, &rules)
	if a.Entry == nil || b.Entry == nil || a.Entry.ConversionId == b.Entry.ConversionId {
		t.Fatalf("two requests: %s and %s, want two conversions", describe(a), describe(b))
	}
	if again := Attribute(Input{second, testClick(), book, stats}, &rules); again.Reject != schemas.RejectDuplicate {
		t.Errorf("the same request delivered twice: %s", describe(again))
	}
}

func TestWithoutItsClick(t *testing.T) {
	out := Attribute(Input{post("approved t1 -"), nil, &state.Book{}, &state.SourceStats{}}, &rules)
	e := out.Entry
	if e == nil || e.Match != events.Conversion_MATCH_CLICK_ID || e.CampaignId != 5 || e.Source != "push" || e.ClickMs != clickMS ||
		e.PayoutSource != events.Conversion_PAYOUT_SOURCE_NONE || e.ConversionsDelta != 1 {
		t.Errorf("a signed click ID without its click: %v %s", e, out.Reject)
	}
	foreign := post("approved t1 5")
	foreign.Foreign, foreign.ClickId = true, "kt-77"
	if out := Attribute(Input{foreign, nil, &state.Book{}, &state.SourceStats{}}, &rules); out.Reject != schemas.RejectOrphan {
		t.Errorf("a foreign click ID without its click: %s", describe(out))
	}
}

func TestWindow(t *testing.T) {
	late := post("pending t1 5")
	late.EventMs = clickMS + rules.WindowMS + 1
	book := &state.Book{}
	if out := Attribute(Input{late, testClick(), book, &state.SourceStats{}}, &rules); out.Reject != schemas.RejectOutsideWindow || len(book.Items) != 0 {
		t.Errorf("a conversion after the window: %s", describe(out))
	}
	in := post("pending t1 5")
	in.EventMs = clickMS + rules.WindowMS
	if out := Attribute(Input{in, testClick(), book, &state.SourceStats{}}, &rules); out.Entry == nil {
		t.Errorf("a conversion at the end of the window: %s", describe(out))
	}
	decided := post("approved t1 5")
	decided.EventMs = clickMS + 3*rules.WindowMS
	if out := Attribute(Input{decided, testClick(), book, &state.SourceStats{}}, &rules); out.Entry == nil {
		t.Errorf("the decision on it after the window: %s", describe(out))
	}
}

func TestConversionsOfOneClickAreBounded(t *testing.T) {
	book, stats := &state.Book{}, &state.SourceStats{}
	for i := range schemas.MaxConversionsPerClick {
		if out := Attribute(Input{post(fmt.Sprintf("approved t%d 1", i)), testClick(), book, stats}, &rules); out.Entry == nil {
			t.Fatal(describe(out))
		}
	}
	if out := Attribute(Input{post("approved one-more 1"), testClick(), book, stats}, &rules); out.Reject != schemas.RejectTooMany {
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
			spec := fmt.Sprintf("%s t%d %d", statuses[rng.IntN(5)], rng.IntN(3), rng.IntN(4))
			if rng.IntN(3) == 0 {
				spec = spec[:strings.LastIndexByte(spec, ' ')] + " -"
			}
			out := Attribute(Input{post(spec), testClick(), book, stats}, &rules)
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
				switch e.Status {
				case events.Status_STATUS_REGISTERED:
					now.n++
				case events.Status_STATUS_PENDING:
					now.n++
					now.hold += e.PayoutBaseMicros
				case events.Status_STATUS_APPROVED:
					now.n++
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
		return Attribute(Input{Postback: pb, Click: testClick(), Book: book, Source: stats}, &rules)
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
