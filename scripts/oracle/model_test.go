package oracle

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tributary/schemas/events"
)

// TestMutantsApply finds a seeded bug that the code has moved away from.
func TestMutantsApply(t *testing.T) {
	root, err := moduleRoot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all, err := Mutants()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 15 {
		t.Errorf("%d mutants, at least 15 would be right", len(all))
	}
	for _, m := range all {
		if _, err := m.apply(root); err != nil {
			t.Error(err)
		}
		switch {
		case m.What == "":
			t.Errorf("%s: it says nothing of itself", m.Name)
		case m.Test == nil && (m.Seeds < 1 || !inPipeline(m.Path)):
			t.Errorf("%s: it needs seeds and a path in attributor, catalog, ingest, processor or sink, or a test", m.Name)
		case m.Test != nil && (m.Seeds != 0 || m.Test.Package == "" || m.Test.Run == ""):
			t.Errorf("%s: its test needs a package and a name, and no seeds", m.Name)
		}
	}
}

func TestModel(t *testing.T) {
	id := nativeID(epoch.UnixMilli(), 7, 3, 1, 1)
	if got := nativeTimeMS(id); got != epoch.UnixMilli() {
		t.Fatalf("the click ID's time is %d", got)
	}
	click := func(c *events.Click) []byte { b, _ := c.MarshalVT(); return b }
	postback := func(p *events.Postback) []byte {
		p.ClickId, p.Event, p.EventMs = id, "sale", epoch.UnixMilli()+1000
		b, _ := p.MarshalVT()
		return b
	}
	log := []Accepted{
		{"postbacks", 0, 0, postback(&events.Postback{ReceiptId: "a", Txid: "1", Status: events.Status_STATUS_PENDING, HasPayout: true, PayoutMicros: 5, PayoutBaseMicros: 6, Currency: "EUR"})},
		{"postbacks", 0, 1, postback(&events.Postback{ReceiptId: "b", Txid: "1", Status: events.Status_STATUS_APPROVED})},
		{"postbacks", 0, 2, postback(&events.Postback{ReceiptId: "a", Txid: "1", Status: events.Status_STATUS_PENDING})},
		{"postbacks", 0, 3, postback(&events.Postback{ReceiptId: "c", Txid: "1", Status: events.Status_STATUS_REGISTERED})},
		{"postbacks", 0, 4, postback(&events.Postback{ReceiptId: "d", Txid: "1", Status: events.Status_STATUS_APPROVED, HasPayout: true, PayoutMicros: -3, PayoutBaseMicros: -4, Currency: "EUR"})},
		{"postbacks", 0, 5, postback(&events.Postback{ReceiptId: "e", Txid: "1", Status: events.Status_STATUS_APPROVED, HasPayout: true, PayoutMicros: -3, PayoutBaseMicros: -4, Currency: "EUR"})},
		{"clicks", 0, 1, click(&events.Click{ClickId: id, EventMs: epoch.UnixMilli(), CampaignId: 7})},
		{"clicks", 0, 0, click(&events.Click{ClickId: id, EventMs: epoch.UnixMilli(), CampaignId: 7})},
		{"clicks", 0, 2, []byte{0xff}},
	}
	x := model(log, 1<<40)
	if len(x.clicks) != 1 || len(x.conversions) != 3 || len(x.letters) != 5 {
		t.Fatalf("%d clicks, %d entries, letters %v", len(x.clicks), len(x.conversions), x.letters)
	}
	second := x.conversions[identity(id, "sale", "1", "", "", "")+"/2"]
	for column, want := range map[string]string{"status": "approved", "previous_status": "pending", "conversions_delta": "0", "pending_delta": "-1", "approved_delta": "1",
		"revenue_hold_delta": "-6", "revenue_confirmed_delta": "6", "match": "click", "campaign_id": "7"} {
		if second[column] != want {
			t.Errorf("%s is %q, %q would be right", column, second[column], want)
		}
	}
	correction := x.conversions[identity(id, "sale", "1", "", "correction", "")+"/1"]
	for column, want := range map[string]string{"kind": "correction", "status": "approved", "conversions_delta": "0", "approved_delta": "0", "revenue_confirmed_delta": "-4", "payout_original": "-3"} {
		if correction[column] != want {
			t.Errorf("of the correction, %s is %q, %q would be right", column, correction[column], want)
		}
	}
	if claims := x.claims["/1"]; len(claims) != 1 || claims[id] == correction["conversion_id"] {
		t.Errorf("the transaction is claimed by %v", claims)
	}
	for letter := range x.letters {
		if !strings.Contains(letter, "duplicate_") && !strings.Contains(letter, "stale_status") && !strings.Contains(letter, "undecodable") {
			t.Errorf("a letter %q", letter)
		}
	}
}

// TestModelBounds: what a network may do of one click, and what no edge writes.
func TestModelBounds(t *testing.T) {
	id := nativeID(epoch.UnixMilli(), 7, 3, 1, 1)
	offset := int64(0)
	post := func(network, txid string, most uint32, micros, base, limit int64) Accepted {
		offset++
		value, _ := (&events.Postback{ReceiptId: fmt.Sprint(offset), ClickId: id, Network: network, Event: "sale", Txid: txid, EventMs: epoch.UnixMilli() + 1000,
			HasPayout: true, PayoutMicros: micros, PayoutBaseMicros: base, Currency: "EUR", MaxConversions: most, MaxPayoutBaseMicros: limit}).MarshalVT()
		return Accepted{"postbacks", 0, offset, value}
	}
	click, _ := (&events.Click{ClickId: id, EventMs: epoch.UnixMilli(), CostBaseMicros: pastTheEdge}).MarshalVT()
	x := model([]Accepted{
		{"clicks", 0, 0, click},
		post("acme", "1", 1, 5, 6, 6),
		post("acme", "2", 1, 5, 6, 6),   // one too many
		post("acme", "1", 1, 5, 7, 6),   // beyond its network's bound
		post("acme", "2", 1, -5, -6, 6), // its correction
		post("acme", "1", 1, -5, -6, 6), // a correction of what is booked
		post("zeta", "4", 1, 5, 6, 0),
		post("", "5", 0, 5, 6, 0), // of an edge that knew no bound, and of no name: nobody else's
		post("new", "6", 1, 5, 6, 0),
		post("new", "7", 1, 5, 6, 0), // one too many
		post("acme", "7", 9, 5, pastTheEdge, 0),
	}, 1<<40)
	if len(x.clicks) != 0 || len(x.conversions) != 5 {
		t.Errorf("%d clicks, %d entries", len(x.clicks), len(x.conversions))
	}
	counts := map[string]int{}
	for letter, n := range x.letters {
		counts[strings.Fields(letter)[2]] += n
	}
	if counts["amount_out_of_range"] != 3 || counts["too_many_conversions"] != 3 || len(counts) != 2 {
		t.Errorf("letters %v", x.letters)
	}
}

// TestCompare sees that each kind of wrong table is told.
func TestCompare(t *testing.T) {
	base := func() tables {
		click := Row{"click_id": "c", "cost": "5", "_partition": "0", "_offset": "1"}
		return tables{rows: map[string][]Row{"clicks": {click}}}
	}
	x := model(nil, 0)
	x.clicks["c"] = Row{"click_id": "c", "cost": "5"}
	if d := compare(x, base()); len(d) > 0 {
		t.Fatalf("equal tables differ: %v", d)
	}
	for name, spoil := range map[string]func(*tables){
		"lost":        func(g *tables) { g.rows["clicks"] = nil },
		"twice":       func(g *tables) { g.rows["clicks"] = append(g.rows["clicks"], g.rows["clicks"][0]) },
		"money":       func(g *tables) { g.rows["clicks"][0]["cost"] = "6" },
		"dead letter": func(g *tables) { g.rows["dead_letters"] = []Row{{"letter_id": "x"}} },
		"anomaly":     func(g *tables) { g.rows["anomalies"] = []Row{{"anomaly_id": "x"}} },
		"postback":    func(g *tables) { g.rows["postbacks"] = []Row{{"receipt_id": "x", "_partition": "0", "_offset": "1"}} },
		"parked":      func(g *tables) { g.rows["parked"] = []Row{{"receipt_id": "x", "received_at": "1", "until_at": "2"}} },
	} {
		got := base()
		spoil(&got)
		if len(compare(x, got)) == 0 {
			t.Errorf("%s: not told", name)
		}
	}
}

func inPipeline(path string) bool {
	folder, _, _ := strings.Cut(path, "/")
	return slices.Contains([]string{"attributor", "catalog", "ingest", "processor", "sink"}, folder)
}
