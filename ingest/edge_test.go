package ingest

import (
	"bytes"
	"strings"
	"testing"

	"tributary/schemas"
	"tributary/schemas/events"
)

func TestLinkRedirectsOnceDurable(t *testing.T) {
	b := newBench(t, nil)
	got := b.get("/c/summer?keyword=red+shoes%26&sub2=two&source=pushads&cost=0.5")
	if got.status != 302 || got.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("answer %+v", got)
	}
	clicks := b.clicks()
	if len(clicks) != 1 {
		t.Fatalf("%d clicks are durable", len(clicks))
	}
	c := clicks[0]
	if c.ClickId != got.header.Get("X-Click-Id") {
		t.Errorf("X-Click-Id is %q, the click %q", got.header.Get("X-Click-Id"), c.ClickId)
	}
	want := "https://offer.example/land?sub=" + c.ClickId + "&c=&s=pushads&k=red%20shoes%26&p=0.5&s1=&s2=two"
	if location := got.header.Get("Location"); location != want {
		t.Errorf("redirects to\n%s, want\n%s", location, want)
	}
	if c.Campaign != "summer" || c.SourceId != 1 || c.CostMicros != 500_000 || c.CostBaseMicros != 500_000 || c.OfferPayoutMicros != 25_000_000 ||
		c.OfferPayoutBaseMicros != 30_000_000 || c.Keyword != "red shoes&" || len(c.Subs) != 2 || c.Browser != "Chrome" || c.IpClicksPerMinute != 1 || c.EventMs != testNow.UnixMilli() {
		t.Errorf("the click is %v", c)
	}
}

func TestPostbackAnsweredOnceDurable(t *testing.T) {
	b := newBench(t, nil)
	click := clickID(t, testSecret, 1, 2)
	got := b.get("/postback?network=acme&click_id=" + strings.ToUpper(click) + "&payout=12.5&currency=eur&txid=t1&status=HOLD&ts=1772359200")
	if got.status != 200 || !strings.Contains(got.body, `"status":"accepted"`) {
		t.Fatalf("answer %+v", got)
	}
	records := b.records(schemas.TopicPostbacks)
	if len(records) != 1 || string(records[0].Key) != click {
		t.Fatalf("records %v", records)
	}
	p := &events.Postback{}
	if err := p.UnmarshalVT(records[0].Value); err != nil {
		t.Fatal(err)
	}
	if p.ClickId != click || p.Event != "sale" || p.Status != events.Status_STATUS_PENDING || p.OriginalStatus != "HOLD" || p.Txid != "t1" || !p.HasPayout ||
		p.PayoutMicros != 12_500_000 || p.Currency != "EUR" || p.PayoutBaseMicros != 15_000_000 || p.EventMs != 1772359200000 || p.Campaign != "summer" || p.Source != "euroads" ||
		!strings.Contains(got.body, p.ReceiptId) || !bytes.HasPrefix(p.Raw, []byte("network=acme&")) {
		t.Errorf("the postback is %v", p)
	}
}
