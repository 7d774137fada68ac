package ingest

import (
	"net/netip"
	"testing"
	"time"

	"tributary/catalog"
	"tributary/schemas"
	"tributary/schemas/events"
)

// A postback that is looked at again gets what the same request gets over HTTP, but keeps its receipt and its time.
func TestJudgePostback(t *testing.T) {
	cat, err := catalog.Build(testCatalog())
	if err != nil {
		t.Fatal(err)
	}
	now := testNow
	arrived := now.Add(-36 * time.Hour)
	click := clickID(t, testSecret, 1, 1)
	for name, c := range map[string]struct {
		query, body string
		reason      schemas.RejectReason
		micros      int64
	}{
		"query":           {"network=acme&click_id=" + click + "&payout=12.50", "", "", 12_500_000},
		"form":            {"", "network=acme&click_id=" + click + "&payout=12.50", "", 12_500_000},
		"json":            {"network=acme", `{"click_id":"` + click + `","payout":12.5}`, "", 12_500_000},
		"body over query": {"network=acme&payout=1", "click_id=" + click + "&payout=12.50", "", 12_500_000},
		"correction":      {"network=refunds&click_id=" + click + "&payout=-12.50", "", "", -12_500_000},
		"negative payout": {"network=acme&click_id=" + click + "&payout=-12.50", "", schemas.RejectBadPayout, 0},
		"bad payout":      {"network=acme&payout=abc&click_id=" + click, "", schemas.RejectBadPayout, 0},
		"bad body":        {"network=acme", `{"click_id":`, schemas.RejectBadBody, 0},
		"no network":      {"network=nobody&click_id=" + click, "", schemas.RejectUnknownNetwork, 0},
	} {
		t.Run(name, func(t *testing.T) {
			j := JudgePostback(cat, PostbackRequest{Query: []byte(c.query), Body: []byte(c.body), ReceiptID: "r1", Arrived: arrived, IP: netip.MustParseAddr("203.0.113.7")}, now)
			if j.Reason != c.reason {
				t.Fatalf("%q (%s), want %q", j.Reason, j.Detail, c.reason)
			}
			if c.reason != "" {
				if j.Postback != nil || j.Detail == "" || j.WouldBeRight == "" {
					t.Errorf("a refusal without an explanation: %+v", j)
				}
				return
			}
			p := j.Postback
			if p.ReceiptId != "r1" || p.ClickId != click || p.PayoutMicros != c.micros || p.Status != events.Status_STATUS_APPROVED ||
				p.EventMs != arrived.UnixMilli() || p.ReceivedMs != now.UnixMilli() {
				t.Errorf("%v", p)
			}
		})
	}
}
