package ingest

import (
	"strings"
	"testing"

	"tributary/catalog"
	"tributary/schemas"
	"tributary/schemas/events"
)

// bounded is the tests' catalog with a network that may pay 10 EUR, 12 USD, for two conversions of a click.
func bounded(_ *Config, d *Deps) {
	c := testCatalog()
	c.Networks = append(c.Networks, catalog.NetworkConfig{Name: "bounded", Currency: "EUR", MaxPayout: "10", MaxConversions: 2, NegativePayout: "correct",
		TxIDScope: "click", Revenue: "confirmed"})
	d.Catalog, _ = catalog.Build(c)
}

// TestMaxPayout: a payout beyond its network's bound is refused with a row that has the money at stake, in whichever
// currency it is named, and one within carries the bounds to the processor.
func TestMaxPayout(t *testing.T) {
	b := newBench(t, bounded)
	id := clickID(t, testSecret, 1, 1)
	letters, accepted := 0, 0
	for _, c := range []struct {
		query  string
		over   bool
		micros int64 // of the row or the event
		base   int64
	}{
		{"payout=10", false, 10_000_000, 12_000_000},
		{"payout=10.000001", true, 10_000_001, 12_000_001},
		{"payout=1000000", true, 1_000_000_000_000, 1_200_000_000_000},
		{"payout=-10", false, -10_000_000, -12_000_000},
		{"payout=-10.5", true, -10_500_000, -12_600_000},
		{"payout=12&currency=USD", false, 12_000_000, 12_000_000},
		{"payout=12.000001&currency=USD", true, 12_000_001, 12_000_001},
		// Converted at the postback's date: in January 10 EUR were 11 USD.
		{"payout=11.5&currency=USD&ts=2026-01-15T00:00:00Z", true, 11_500_000, 11_500_000},
		{"payout=11&currency=USD&ts=2026-01-15T00:00:00Z", false, 11_000_000, 11_000_000},
		// Without a payout the offer's own counts, which its owner declares.
		{"status=approved", false, 0, 0},
	} {
		got := b.get("/postback?network=bounded&click_id=" + id + "&" + c.query)
		if !c.over {
			list := b.postbacks()
			if accepted++; got.status != 200 || len(list) != accepted {
				t.Fatalf("%s: %d %s", c.query, got.status, got.body)
			}
			e := list[len(list)-1]
			for _, one := range list {
				if one.ReceiptId > e.ReceiptId {
					e = one
				}
			}
			limit := int64(12_000_000)
			if strings.Contains(c.query, "2026-01-15") {
				limit = 11_000_000
			}
			if !e.HasPayout {
				limit = 0
			}
			if e.PayoutMicros != c.micros || e.PayoutBaseMicros != c.base || e.MaxConversions != 2 || e.MaxPayoutBaseMicros != limit {
				t.Errorf("%s: %v", c.query, e)
			}
			continue
		}
		list := b.letters()
		if letters++; got.status != 400 || !strings.Contains(got.body, `"reason":"over_max_payout"`) || len(list) != letters {
			t.Fatalf("%s: %d %s, %d rows", c.query, got.status, got.body, len(list))
		}
		found := false
		for _, l := range list {
			found = found || l.PayoutMicros == c.micros && l.PayoutBaseMicros == c.base && l.Network == "bounded" && l.Reason == string(schemas.RejectOverMaxPayout)
		}
		if !found {
			t.Errorf("%s: no row has the money at stake: %v", c.query, list)
		}
	}
	if got := b.get("/postback?network=acme&payout=1000000&click_id=" + id); got.status != 200 {
		t.Errorf("a network without a bound: %d %s", got.status, got.body)
	}
	if list := b.postbacks(); list[len(list)-1].MaxConversions == 0 {
		t.Error("a network without a bound of its own carries none")
	} else if list[len(list)-1].TxidScope != events.TxidScope_TXID_SCOPE_NETWORK {
		t.Errorf("how far its transaction IDs are unique: %v", list[len(list)-1])
	} else if list[len(list)-1].ConfirmedOnly {
		t.Errorf("a network that says nothing of its revenue: %v", list[len(list)-1])
	}
	if got := b.get("/postback?network=bounded&click_id=" + id + "&payout=1&currency=USD&ts=2025-06-01T00:00:00Z"); !strings.Contains(got.body, "no_exchange_rate") {
		t.Errorf("where the bound cannot be converted: %d %s", got.status, got.body)
	}
}

// TestBoundsOfAnUpload: the lines of an upload are held against them too.
func TestBoundsOfAnUpload(t *testing.T) {
	b := newBench(t, bounded)
	id := clickID(t, testSecret, 1, 1)
	_, answer := b.upload("bounded", "text/csv", "click_id,payout,txid\n"+id+",10,a\n"+id+",11,b\n")
	if answer.Accepted != 1 || answer.Refused != 1 || answer.Lines[1].Error.Reason != schemas.RejectOverMaxPayout {
		t.Fatalf("%+v", answer)
	}
	if list := b.postbacks(); list[0].TxidScope != events.TxidScope_TXID_SCOPE_CLICK || !list[0].ConfirmedOnly || list[0].MaxConversions != 2 || list[0].MaxPayoutBaseMicros != 12_000_000 {
		t.Errorf("%v", list[0])
	}
}
