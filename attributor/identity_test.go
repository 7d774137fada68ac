package attributor

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"tributary/schemas"
	"tributary/schemas/events"
	"tributary/schemas/state"
)

// told is what a network says of one click: "network status txid payout", the last two "-" for none.
func told(line string) *events.Postback {
	network, spec, _ := strings.Cut(line, " ")
	pb := post(spec)
	pb.Network, pb.MaxConversions = network, schemas.MaxConversionsPerClick
	return pb
}

// A step is what a network says, and what comes of it: "kind conversions/pending/approved/rejected/chargeback hold
// confirmed" or a reject reason.
type step struct {
	told, want string
	// before: it was decided when the network was no part of a conversion.
	before bool
}

// TestANetworkNeverChangesAnothers: conversions of several networks on one click, with the same transaction ID or
// none.
func TestANetworkNeverChangesAnothers(t *testing.T) {
	for name, steps := range map[string][]step{
		"no transaction": {
			{told: "usd approved - 30", want: "CREATED 1/0/1/0/0 0 30"},
			{told: "af approved - 8", want: "CREATED 1/0/1/0/0 0 8"},
			{told: "af rejected - -", want: "STATUS -1/0/-1/1/0 0 -8"},
			{told: "usd chargeback - -", want: "STATUS -1/0/-1/0/1 0 -30"},
			{told: "af approved - -", want: "STATUS 1/0/1/-1/0 0 8"},
		},
		"the same transaction": {
			{told: "usd pending 1 30", want: "CREATED 1/1/0/0/0 30 0"},
			{told: "af pending 1 30", want: "CREATED 1/1/0/0/0 30 0"},
			{told: "af pending 1 30", want: "duplicate_postback"},
			{told: "af approved 1 8", want: "STATUS 0/-1/1/0/0 -30 8"},
			{told: "usd pending 1 30", want: "duplicate_postback"},
			{told: "usd pending 1 31", want: "PAYOUT 0/0/0/0/0 1 0"},
			{told: "af pending 1 31", want: "stale_status"},
		},
		"corrections": {
			{told: "usd approved 1 30", want: "CREATED 1/0/1/0/0 0 30"},
			{told: "af approved 1 -30", want: "CORRECTION 0/0/0/0/0 0 -30"},
			{told: "usd approved 1 -2", want: "CORRECTION 0/0/0/0/0 0 -2"},
			{told: "af rejected 1 -30", want: "STATUS 0/0/0/0/0 0 30"},
			{told: "usd approved 1 -3", want: "PAYOUT 0/0/0/0/0 0 -1"},
		},
		"the network's name may be empty": {
			{told: " approved 1 30", want: "CREATED 1/0/1/0/0 0 30"},
			{told: "af approved 1 8", want: "CREATED 1/0/1/0/0 0 8"},
			{told: " rejected 1 -", want: "STATUS -1/0/-1/1/0 0 -30"},
		},
		"made before, by a network that is known": {
			{told: "usd approved - 30", want: "CREATED 1/0/1/0/0 0 30", before: true},
			{told: "af approved - 8", want: "PAYOUT 0/0/0/0/0 0 -22", before: true}, // as it was
			{told: "af rejected - -", want: "CREATED 0/0/0/1/0 0 0"},
			{told: "usd rejected - -", want: "STATUS -1/0/-1/1/0 0 -8"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			book := &state.Book{}
			for i, s := range steps {
				pb := told(s.told)
				pb.ReceiptId = fmt.Sprint("receipt-", i)
				decisions := schemas.Decisions
				if s.before {
					decisions = schemas.DecisionsByTransaction
				}
				in := Input{pb, testClick(), book, &state.SourceStats{}, decisions}
				if got := describe(Attribute(in, &rules)); got != s.want {
					t.Fatalf("step %d, %q: %s, want %s", i+1, s.told, got, s.want)
				}
			}
		})
	}
}

// TestWhatIsNobodysIsTheFirstOnes: an item from before that does not know its network is the first one's that
// changes it, for ever, under its ID; a refusal takes nothing.
func TestWhatIsNobodysIsTheFirstOnes(t *testing.T) {
	book := &state.Book{}
	attribute := func(line, receipt string, decisions uint32) Outcome {
		pb := told(line)
		pb.ReceiptId, pb.MaxConversions = receipt, 0
		return Attribute(Input{pb, testClick(), book, &state.SourceStats{}, decisions}, &rules)
	}
	made := attribute("usd pending 1 30", "a", schemas.DecisionsByTransaction).Entry
	if made == nil || book.Items[0].Network != "" {
		t.Fatalf("%v", book)
	}
	out := attribute("af pending 1 30", "b", schemas.Decisions)
	if out.Reject != schemas.RejectDuplicate || book.Items[0].Network != "" {
		t.Fatalf("a repeat: %s, %v", describe(out), book)
	}
	if !Booked(book, told("zeta approved 1 30"), schemas.Decisions) {
		t.Error("what is nobody's is not found")
	}
	taken := attribute("usd approved 1 30", "c", schemas.Decisions).Entry
	if taken == nil || taken.ConversionId != made.ConversionId || taken.Seq != 2 || book.Items[0].Network != "usd" {
		t.Fatalf("%v, the book is %v", taken, book)
	}
	other := attribute("af approved 1 8", "d", schemas.Decisions).Entry
	if other == nil || other.Kind != events.Conversion_KIND_CREATED || other.ConversionId == made.ConversionId {
		t.Fatalf("another network: %v", other)
	}
	again := attribute("usd rejected 1 -", "e", schemas.Decisions).Entry
	if again == nil || again.ConversionId != made.ConversionId || again.RevenueConfirmedDeltaMicros != -30*schemas.Micros {
		t.Fatalf("the network that took it: %v", again)
	}
}

// TestConversionIDs: an ID that was given stays what it is, and a correction has one of its own. These are published.
func TestConversionIDs(t *testing.T) {
	for _, c := range []struct {
		told      string
		decisions uint32
		want      string
	}{
		{"acme approved t1 5", schemas.DecisionsByTransaction, "593aebbc979233a58de53a3fff679b28"},
		{"zeta approved t1 -", schemas.DecisionsByTransaction, "593aebbc979233a58de53a3fff679b28"},
		{"acme approved t1 -5", schemas.DecisionsByTransaction, "7ca8311ac0c701865134921996caa2c6"},
		{"zeta pending t1 -7", schemas.DecisionsByTransaction, "7ca8311ac0c701865134921996caa2c6"},
		{"acme approved t1 5", schemas.DecisionsByNetwork, "9cfa4e1709c818b0fd4cc71e33f3c08f"},
		{"acme rejected t1 -", schemas.DecisionsByNetwork, "9cfa4e1709c818b0fd4cc71e33f3c08f"},
		{"acme approved t1 -5", schemas.DecisionsByNetwork, "dc43084cc14ef72f6daaeb2463b61c81"},
		{"zeta approved t1 5", schemas.DecisionsByNetwork, "48ce6b94853b904c334abf1a506ebf24"},
	} {
		pb := told(c.told)
		pb.ClickId, pb.Foreign = "kt-77", true
		book := &state.Book{}
		made := Attribute(Input{pb, testClick(), book, &state.SourceStats{}, c.decisions}, &rules).Entry
		if made.ConversionId != c.want {
			t.Errorf("%s: %s, want %s", c.told, made.ConversionId, c.want)
		}
		// Whatever version changes it later.
		pb.ReceiptId, pb.Status = "later", events.Status_STATUS_CHARGEBACK
		later := Attribute(Input{pb, testClick(), book, &state.SourceStats{}, schemas.Decisions}, &rules).Entry
		if later == nil || later.ConversionId != made.ConversionId || later.Seq != 2 {
			t.Errorf("%s, changed: %v", c.told, later)
		}
	}
	// Parts that look like another identity's make another ID.
	ids := map[string]string{}
	for _, item := range []*state.Item{
		{Event: "a", Txid: "b", ReceiptId: "correction"}, {Event: "a", Txid: "b", Network: "correction", Decisions: 1},
		{Event: "a", Txid: "b", PayoutMicros: -1, PayoutSource: 1},
		{Event: "a", Txid: "b", PayoutMicros: -1, PayoutSource: 1, Decisions: 1},
		{Event: "a", Txid: "b", Decisions: 1}, {Event: "a", Txid: "b"}, {Event: "a", Network: "b", Decisions: 1},
	} {
		id := conversionID("c", item)
		if other, taken := ids[id]; taken {
			t.Errorf("%v has the ID of %s", item, other)
		}
		ids[id] = item.String()
	}
}

// TestEachNetworkAsIfAlone: whatever several networks say of one click, each one's entries are those it would have
// made alone.
func TestEachNetworkAsIfAlone(t *testing.T) {
	statuses := []string{"registered", "pending", "approved", "rejected", "chargeback"}
	networks := []string{"usd", "af", ""}
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 3))
		together, apart := &state.Book{}, map[string]*state.Book{}
		for _, n := range networks {
			apart[n] = &state.Book{}
		}
		most := uint32(rng.IntN(4))
		for i := range 60 {
			network := networks[rng.IntN(len(networks))]
			pb := post(fmt.Sprintf("%s %s %d", statuses[rng.IntN(5)], []string{"-", "1", "2"}[rng.IntN(3)], rng.IntN(7)-3))
			pb.Network, pb.MaxConversions, pb.ReceiptId = network, most, fmt.Sprint("r", i-rng.IntN(2))
			pb.HasPayout = pb.HasPayout && rng.IntN(3) > 0
			pb.BlankTxidIsNew = rng.IntN(9) == 0
			got := Attribute(Input{pb, testClick(), together, &state.SourceStats{}, schemas.Decisions}, &rules)
			want := Attribute(Input{pb, testClick(), apart[network], &state.SourceStats{}, schemas.Decisions}, &rules)
			if got.Reject != want.Reject || !proto.Equal(got.Entry, want.Entry) {
				t.Fatalf("seed %d, postback %d of network %q: %s %v; alone %s %v", seed, i, network,
					got.Reject, got.Entry, want.Reject, want.Entry)
			}
		}
	}
}

// TestAnIDTellsItsVersion: of a conversion's first entry, whatever is said of it; of no other.
func TestAnIDTellsItsVersion(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 4))
	first := 0
	for i := range 3000 {
		book := &state.Book{}
		decisions := uint32(rng.IntN(int(schemas.Decisions) + 1))
		for j := range 4 {
			pb := post(fmt.Sprintf("approved %s %d", []string{"-", "1", "2"}[rng.IntN(3)], rng.IntN(7)-3))
			pb.Network, pb.ReceiptId, pb.MaxConversions = []string{"usd", "af", ""}[rng.IntN(3)], fmt.Sprint("r", i, j), uint32(rng.IntN(3))
			pb.HasPayout, pb.BlankTxidIsNew = pb.HasPayout && rng.IntN(3) > 0, rng.IntN(3) == 0
			e := Attribute(Input{pb, testClick(), book, &state.SourceStats{}, decisions}, &rules).Entry
			if e == nil {
				continue
			}
			version, told := DecisionsOf(e)
			if told != (e.Seq == 1) || told && version != decisions {
				t.Fatalf("%v tells %d %v, it was decided by %d", e, version, told, decisions)
			}
			if told {
				first++
			}
		}
	}
	if first < 3000 {
		t.Errorf("only %d conversions", first)
	}
	if _, told := DecisionsOf(&events.Conversion{Seq: 1, Kind: events.Conversion_KIND_CREATED, ConversionId: "of nobody"}); told {
		t.Error("an ID that no version makes tells one")
	}
}
