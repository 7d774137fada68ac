package ingest

import (
	"bytes"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"tributary/schemas"
	"tributary/schemas/events"
)

var receiptID = regexp.MustCompile(`"receipt_id":"([0-9a-z]{26})"`)

const (
	formType = "application/x-www-form-urlencoded"
	jsonType = "application/json"
)

// TestPostbackRejects holds, for each reason, the status, the answer, and that the row of the dead letter is durable by then.
func TestPostbackRejects(t *testing.T) {
	b := newBench(t, nil)
	good, forgedID := clickID(t, testSecret, 1, 1), clickID(t, otherSecret, 2, 2)
	retired := good[:18] + "zz" + good[20:] // another key ID
	cases := []struct {
		name, method, query, contentType, body string
		reason                                 schemas.RejectReason
		status                                 int
		check                                  func(*testing.T, *events.DeadLetter)
	}{
		{"missing_click_id", "GET", "network=acme&payout=12.5&txid=T", "", "", schemas.RejectMissingClickID, 400, func(t *testing.T, l *events.DeadLetter) {
			if l.PayoutMicros != 12_500_000 || l.PayoutBaseMicros != 12_500_000 || l.Currency != "USD" || l.Txid != "T" || l.Network != "acme" {
				t.Errorf("the money at stake is not in the row: %v", l)
			}
		}},
		{"malformed_click_id", "GET", "network=acme&click_id=abc", "", "", schemas.RejectMalformedClickID, 400, func(t *testing.T, l *events.DeadLetter) {
			if l.ClickId != "abc" {
				t.Errorf("click ID %q", l.ClickId)
			}
		}},
		{"forged_click_id", "GET", "network=acme&click_id=" + forgedID, "", "", schemas.RejectForgedClickID, 403, nil},
		{"retired_key", "GET", "network=acme&click_id=" + retired, "", "", schemas.RejectForgedClickID, 403, nil},
		{"unknown_network", "GET", "network=nobody&click_id=" + good, "", "", schemas.RejectUnknownNetwork, 400, nil},
		{"no_network", "GET", "click_id=" + good, "", "", schemas.RejectUnknownNetwork, 400, nil},
		{"unknown_status", "GET", "network=acme&status=paid&click_id=" + good, "", "", schemas.RejectUnknownStatus, 400, func(t *testing.T, l *events.DeadLetter) {
			if l.OriginalStatus != "paid" {
				t.Errorf("status word %q", l.OriginalStatus)
			}
		}},
		{"bad_event", "GET", "network=acme&event=first+deposit&click_id=" + good, "", "", schemas.RejectBadEvent, 400, nil},
		{"bad_payout", "GET", "network=acme&payout=12,50&click_id=" + good, "", "", schemas.RejectBadPayout, 400, nil},
		{"negative_payout", "GET", "network=acme&payout=-1&currency=EUR&click_id=" + good, "", "", schemas.RejectBadPayout, 400, func(t *testing.T, l *events.DeadLetter) {
			if l.PayoutMicros != -1_000_000 || l.PayoutBaseMicros != -1_200_000 || l.Currency != "EUR" {
				t.Errorf("the money at stake is not in the row: %v", l)
			}
		}},
		{"negative_payout_of_a_form", "POST", "network=acme", formType, "payout=-1.50&click_id=" + good, schemas.RejectBadPayout, 400, nil},
		{"negative_payout_of_json", "POST", "network=acme", jsonType, `{"click_id":"` + good + `","payout":-1.5}`, schemas.RejectBadPayout, 400, nil},
		{"payout_with_a_plus", "GET", "network=acme&payout=%2B1&click_id=" + good, "", "", schemas.RejectBadPayout, 400, nil},
		{"payout_below_the_least", "GET", "network=refunds&payout=-1000000000.000001&click_id=" + good, "", "", schemas.RejectBadPayout, 400, nil},
		{"payout_below_the_least_in_base", "GET", "network=refunds&payout=-1000000000&currency=EUR&click_id=" + good, "", "", schemas.RejectBadPayout, 400, nil},
		{"payout_too_large_in_base", "GET", "network=acme&payout=1000000000&currency=EUR&click_id=" + good, "", "", schemas.RejectBadPayout, 400, nil},
		{"bad_currency", "GET", "network=acme&payout=1&currency=EURO&click_id=" + good, "", "", schemas.RejectBadCurrency, 400, nil},
		{"no_exchange_rate", "GET", "network=acme&payout=1&currency=GBP&click_id=" + good, "", "", schemas.RejectNoExchangeRate, 400, nil},
		{"rate_of_another_date", "GET", "network=acme&payout=1&currency=EUR&ts=1700000000&click_id=" + good, "", "", schemas.RejectNoExchangeRate, 400, nil},
		{"bad_timestamp", "GET", "network=acme&ts=yesterday&click_id=" + good, "", "", schemas.RejectBadTimestamp, 400, nil},
		{"timestamp_ahead", "GET", "network=acme&ts=2026-03-03T00:00:00Z&click_id=" + good, "", "", schemas.RejectBadTimestamp, 400, nil},
		{"macro_payout", "GET", "network=acme&payout=%7Bpayout%7D&click_id=" + good, "", "", schemas.RejectUnexpandedMacro, 400, nil},
		{"macro_click_id", "GET", "network=acme&click_id=[CLICK_ID]", "", "", schemas.RejectUnexpandedMacro, 400, nil},
		{"macro_txid", "GET", "network=acme&txid=$%7BTX%7D&click_id=" + good, "", "", schemas.RejectUnexpandedMacro, 400, nil},
		{"macro_status", "GET", "network=acme&status=%date%&click_id=" + good, "", "", schemas.RejectUnexpandedMacro, 400, nil},
		{"too_long", "GET", "network=acme&txid=" + strings.Repeat("x", schemas.MaxTxIDBytes+1) + "&click_id=" + good, "", "", schemas.RejectTooLong, 400, func(t *testing.T, l *events.DeadLetter) {
			if len(l.Txid) != schemas.MaxTxIDBytes {
				t.Errorf("the row's txid has %d bytes", len(l.Txid))
			}
		}},
		{"query_too_long", "GET", "network=acme&click_id=" + good + "&x=" + strings.Repeat("x", schemas.MaxURLBytes), "", "", schemas.RejectTooLong, 400, func(t *testing.T, l *events.DeadLetter) {
			if len(l.Raw) != schemas.MaxRawBytes {
				t.Errorf("the raw request has %d bytes", len(l.Raw))
			}
		}},
		{"bad_text", "GET", "network=acme&txid=%ff%00&click_id=" + good, "", "", schemas.RejectBadText, 400, nil},
		{"hidden_txid", "GET", "network=acme&txid=a%E2%80%AE1&click_id=" + good, "", "", schemas.RejectBadText, 400, func(t *testing.T, l *events.DeadLetter) {
			if l.Txid != "a\ufffd1" || !bytes.Contains(l.Raw, []byte("a%E2%80%AE1")) || strings.Contains(l.Detail, "\u202e") || !strings.Contains(l.Detail, "U+202E") {
				t.Errorf("the row is %v", l)
			}
		}},
		{"hidden_network", "GET", "network=ac%E2%80%8Bme&click_id=" + good, "", "", schemas.RejectBadText, 400, func(t *testing.T, l *events.DeadLetter) {
			if l.Network != "ac\ufffdme" {
				t.Errorf("the row is %v", l)
			}
		}},
		{"hidden_click_id", "GET", "network=legacy&click_id=%EF%BB%BFabc", "", "", schemas.RejectBadText, 400, nil},
		{"hidden_event", "GET", "network=acme&event=sa%C2%ADle&click_id=" + good, "", "", schemas.RejectBadText, 400, nil},
		{"hidden_status", "POST", "network=acme", jsonType, `{"click_id":"` + good + `","status":"ok\u2066"}`, schemas.RejectBadText, 400, nil},
		{"bad_body_json", "POST", "network=acme&click_id=" + good, jsonType, `{"payout":`, schemas.RejectBadBody, 400, func(t *testing.T, l *events.DeadLetter) {
			if l.ClickId != good || !bytes.HasSuffix(l.Raw, []byte("\n\n{\"payout\":")) {
				t.Errorf("the row is %v", l)
			}
		}},
		{"bad_body_member", "POST", "network=acme", jsonType, `{"click_id":{"a":1}}`, schemas.RejectBadBody, 400, nil},
		{"bad_body_type", "POST", "network=acme", "text/csv", "a;b", schemas.RejectBadBody, 400, nil},
		{"body_too_long", "POST", "network=acme", formType, "x=" + strings.Repeat("x", schemas.MaxBodyBytes), schemas.RejectTooLong, 400, nil},
	}
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			before := count(t, b.edge.metrics.rejects[c.reason])
			got := b.send(c.method, "/postback?"+c.query, c.contentType, c.body)
			if got.status != c.status || !strings.Contains(got.body, `"reason":"`+string(c.reason)+`"`) {
				t.Fatalf("answer %d %s", got.status, got.body)
			}
			receipt := receiptID.FindStringSubmatch(got.body)
			if receipt == nil {
				t.Fatalf("no receipt in %s", got.body)
			}
			golden(t, "postback/"+c.name+".json", masked(got.body))
			letters := b.letters()
			if len(letters) != i+1 {
				t.Fatalf("%d dead letters are durable, want %d", len(letters), i+1)
			}
			for _, l := range letters {
				if l.LetterId != receipt[1] {
					continue
				}
				if l.Reason != string(c.reason) || l.Kind != events.DeadLetter_KIND_POSTBACK || l.Place != "ingest" || l.Detail == "" || l.ReceivedMs != testNow.UnixMilli() ||
					len(l.Ip) != 16 || !bytes.HasPrefix(l.Raw, []byte(c.method+" /postback?"+c.query[:12])) {
					t.Errorf("the row is %v", l)
				}
				if c.check != nil {
					c.check(t, l)
				}
				if after := count(t, b.edge.metrics.rejects[c.reason]); after != before+1 {
					t.Errorf("the counter went from %v to %v", before, after)
				}
				return
			}
			t.Error("no dead letter has the receipt's ID")
		})
	}
	if n := len(b.records(schemas.TopicPostbacks)); n != 0 {
		t.Errorf("%d refused postbacks were accepted all the same", n)
	}
	anomalies := b.records(schemas.TopicAnomalies)
	if len(anomalies) != 2 {
		t.Fatalf("%d anomalies, want one for each of the two forged click IDs", len(anomalies))
	}
	for _, r := range anomalies {
		a := &events.Anomaly{}
		if err := a.UnmarshalVT(r.Value); err != nil {
			t.Fatal(err)
		}
		if a.ClickId != forgedID && a.ClickId != retired || a.Reason.GetCode() != schemas.SignalPBFake || a.Subject != "postback" || a.Network != "acme" || a.AnomalyId != a.ReceiptId || string(r.Key) != a.ClickId {
			t.Errorf("the anomaly is %v", a)
		}
		if a.ClickId == forgedID && (a.Campaign != "migrated" || a.Source != "euroads") {
			t.Errorf("the anomaly does not name whom the ID claims to be: %v", a)
		}
	}
}

// masked hides what differs from run to run.
func masked(body string) string {
	body = receiptID.ReplaceAllString(body, `"receipt_id":"RECEIPT"`)
	body = regexp.MustCompile(`[0-9a-hjkmnp-tv-z]{40}`).ReplaceAllString(body, "CLICK_ID")
	return body
}

// notTakenIn is what an answer says of parameters that were left out.
var notTakenIn = regexp.MustCompile(`,"not_taken":\[[^]]*\]`)

func TestPostbackAccepted(t *testing.T) {
	b := newBench(t, nil)
	good := clickID(t, testSecret, 1, 1)
	for _, c := range []struct {
		name, method, query, contentType, body string
		check                                  func(*events.Postback) bool
	}{
		{"defaults", "GET", "network=acme&click_id=" + good, "", "", func(p *events.Postback) bool {
			return p.Event == "sale" && p.Status == events.Status_STATUS_APPROVED && !p.HasPayout && p.Currency == "USD" && p.Txid == "" && p.EventMs == testNow.UnixMilli() && p.OriginalStatus == ""
		}},
		{"zero payout is a payout", "GET", "network=acme&payout=0&click_id=" + good, "", "", func(p *events.Postback) bool { return p.HasPayout && p.PayoutMicros == 0 }},
		{"below zero by nothing", "GET", "network=acme&payout=-0.00&click_id=" + good, "", "", func(p *events.Postback) bool { return p.HasPayout && p.PayoutMicros == 0 }},
		{"correction", "GET", "network=refunds&payout=-5.00&currency=EUR&txid=t&click_id=" + good, "", "", func(p *events.Postback) bool {
			return p.HasPayout && p.PayoutMicros == -5_000_000 && p.PayoutBaseMicros == -6_000_000 && p.Currency == "EUR" && p.Txid == "t" && p.Status == events.Status_STATUS_APPROVED
		}},
		{"correction in a form", "POST", "network=refunds", formType, "payout=-5&click_id=" + good, func(p *events.Postback) bool { return p.PayoutMicros == -5_000_000 }},
		{"correction in json", "POST", "network=refunds", jsonType, `{"click_id":"` + good + `","payout":-5}`, func(p *events.Postback) bool { return p.PayoutMicros == -5_000_000 }},
		{"the largest correction", "GET", "network=refunds&payout=-1000000000&click_id=" + good, "", "", func(p *events.Postback) bool { return p.PayoutMicros == -schemas.MaxMoneyMicros }},
		{"a correcting network's payout", "GET", "network=refunds&payout=5&click_id=" + good, "", "", func(p *events.Postback) bool { return p.PayoutMicros == 5_000_000 }},
		{"the same twice", "GET", "network=acme&payout=1&payout=1.00&currency=usd&currency=USD&txid=a&txid=a&click_id=" + good + "&click_id=" + good, "", "",
			func(p *events.Postback) bool { return p.PayoutMicros == 1_000_000 && p.Txid == "a" }},
		{"event in capitals", "GET", "network=acme&event=FTD&click_id=" + good, "", "", func(p *events.Postback) bool { return p.Event == "ftd" }},
		{"foreign click ID", "GET", "network=legacy&click_id=Keitaro-77&payout=2", "", "", func(p *events.Postback) bool {
			return p.Foreign && p.ClickId == "Keitaro-77" && p.BlankTxidIsNew && p.Currency == "EUR" && p.PayoutBaseMicros == 2_400_000 && p.CampaignId == 0
		}},
		{"foreign click ID that looks like ours", "GET", "network=legacy&click_id=da39a3ee5e6b4b0d3255bfef95601890afd80709", "", "", func(p *events.Postback) bool { return p.Foreign }},
		{"our click ID from a network that may send others", "GET", "network=legacy&click_id=" + good, "", "", func(p *events.Postback) bool { return !p.Foreign && p.Campaign == "summer" }},
		{"form and query", "POST", "network=acme&payout=2&txid=q", formType, "payout=2&click_id=" + good, func(p *events.Postback) bool {
			return p.PayoutMicros == 2_000_000 && p.Txid == "q" && string(p.Raw) == "payout=2&click_id="+good
		}},
		{"json and query", "POST", "network=acme&payout=2.50", jsonType + "; charset=utf-8", `{"click_id":"` + good + `","payout":2.5,"txid":null,"more":[1]}`, func(p *events.Postback) bool { return p.PayoutMicros == 2_500_000 && p.Txid == "" }},
		{"RFC 3339 with a plus that was not encoded", "GET", "network=acme&ts=2026-02-03T04:05:06+01:00&click_id=" + good, "", "", func(p *events.Postback) bool { return p.EventMs == 1770087906000 }},
		{"milliseconds", "GET", "network=acme&ts=1770087906123&click_id=" + good, "", "", func(p *events.Postback) bool { return p.EventMs == 1770087906123 }},
		{"other parameters", "GET", "network=acme&foo={bar}&x=%ff&click_id=" + good, "", "", func(p *events.Postback) bool { return p.ClickId == good }},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := b.send(c.method, "/postback?"+c.query, c.contentType, c.body)
			receipt := receiptID.FindStringSubmatch(got.body)
			if got.status != http.StatusOK || receipt == nil {
				t.Fatalf("answer %d %s", got.status, got.body)
			}
			golden(t, "postback/accepted.json", notTakenIn.ReplaceAllString(masked(got.body), ""))
			for _, r := range b.records(schemas.TopicPostbacks) {
				p := &events.Postback{}
				if err := p.UnmarshalVT(r.Value); err != nil {
					t.Fatal(err)
				}
				if p.ReceiptId == receipt[1] {
					if !c.check(p) || string(r.Key) != p.ClickId {
						t.Errorf("the postback is %v", p)
					}
					return
				}
			}
			t.Error("the postback is not durable")
		})
	}
	if n := len(b.letters()); n != 0 {
		t.Errorf("%d dead letters of accepted postbacks", n)
	}
}
