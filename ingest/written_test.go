package ingest

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"tributary/catalog"
	"tributary/catalog/dialect"
	"tributary/schemas"
	"tributary/schemas/events"
)

func writtenBench(t *testing.T) *bench {
	cfg := testCatalog()
	cfg.ExchangeRates = append(cfg.ExchangeRates, catalog.RateConfig{Currency: "PLN", Date: "2026-01-01", Rate: "0.25"})
	cfg.Networks = append(cfg.Networks,
		catalog.NetworkConfig{Name: "comma", Currency: "EUR", Decimal: "comma", TimeZone: "Europe/Berlin", Dates: "dmy",
			NegativePayout: "correct"},
		catalog.NetworkConfig{Name: "point", Decimal: "point", TimeZone: "America/New_York", Dates: "mdy"},
		catalog.NetworkConfig{Name: "flow", Dialect: "everflow", Decimal: "comma", Params: map[string]string{"amount": "payout"}},
		catalog.NetworkConfig{Name: "auto", Decimal: "auto", TimeZone: "Asia/Kolkata"})
	cat, err := catalog.Build(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return newBench(t, func(_ *Config, d *Deps) { d.Catalog = cat })
}

// TestMoneyAsWritten holds that an amount is read as its network's settings say, and that one which they leave open is refused with the
// setting's name, its dead letter showing what can be told of the money.
func TestMoneyAsWritten(t *testing.T) {
	b := writtenBench(t)
	id := clickID(t, testSecret, 1, 1)
	for i, c := range []struct {
		network, query string
		micros         int64
		currency       string
		reason         schemas.RejectReason
		right          string
	}{
		{"comma", "payout=12,50", 12_500_000, "EUR", "", ""}, {"comma", "payout=1.234,56", 1_234_560_000, "EUR", "",
			""}, {"comma", "payout=1.234", 1_234_000_000, "EUR", "", ""},
		{"comma", "payout=1%C2%A0234,56", 1_234_560_000, "EUR", "", ""}, {"comma", "payout=-5,5", -5_500_000, "EUR", "",
			""}, {"comma", "payout=%28%E2%82%AC5,5%29", -5_500_000, "EUR", "", ""},
		{"comma", "payout=12.50", 0, "", schemas.RejectBadPayout, "decimal"}, {"comma", "payout=$12", 0, "",
			schemas.RejectBadCurrency, "USD"}, {"comma", "payout=$12&currency=USD", 12_000_000, "USD", "", ""},
		{"comma", "payout=12,5+z%C5%82&currency=PLN", 12_500_000, "PLN", "", ""}, {"comma", "payout=12+USD", 12_000_000,
			"USD", "", ""}, {"comma", "payout=12+USD&currency=EUR", 0, "", schemas.RejectBadCurrency, "one currency"},
		{"comma", "payout=12+GBP", 0, "", schemas.RejectNoExchangeRate, "exchange_rates"}, {"comma", "payout=12+XYZ", 0,
			"", schemas.RejectBadCurrency, "ISO 4217"},
		{"flow", "amount=12,50&order_id=ORDER&transaction_id=CLICK", 12_500_000, "USD", "", ""},
		{"flow", "amount=1.234%2C5&order_id=ORDER&transaction_id=CLICK", 1_234_500_000, "USD", "", ""},
		{"point", "payout=1,234.50", 1_234_500_000, "USD", "", ""}, {"point", "payout=1,234", 1_234_000_000, "USD", "",
			""}, {"point", "payout=12,50", 0, "", schemas.RejectBadPayout, "decimal"},
		{"auto", "payout=12,50", 12_500_000, "USD", "", ""}, {"auto", "payout=1.234,56", 1_234_560_000, "USD", "",
			""}, {"auto", "payout=1,234", 0, "", schemas.RejectBadPayout, "decimal: comma"},
		{"acme", "payout=12,50", 0, "", schemas.RejectBadPayout, "decimal: comma"}, {"acme", "payout=1,234", 0, "",
			schemas.RejectBadPayout, "decimal: comma"}, {"acme", "payout=$12.50", 12_500_000, "USD", "", ""},
		{"acme", "payout=%E2%82%AC12.50", 0, "", schemas.RejectBadCurrency, "EUR"}, {"acme", "payout=1+234.50",
			1_234_500_000, "USD", "", ""}, {"acme", "payout=12.50+EUR", 12_500_000, "EUR", "", ""},
		{"acme", "payout=1'234.50", 1_234_500_000, "USD", "", ""}, {"acme", "payout=1+2", 0, "",
			schemas.RejectBadPayout, "decimal"}, {"acme", "payout=abc", 0, "", schemas.RejectBadPayout, "such as 12.50"},
	} {
		before, letters := len(b.postbacks()), len(b.letters())
		got := b.get("/postback/" + c.network + "?txid=" + fmt.Sprint("T", i) + "&click_id=" + id + "&" +
			strings.NewReplacer("ORDER", fmt.Sprint("T", i), "CLICK", id).Replace(c.query))
		if (got.status == 200) != (c.reason == "") || !strings.Contains(got.body, string(c.reason)) ||
			!strings.Contains(got.body, c.right) {
			t.Errorf("%s %s: %d %s", c.network, c.query, got.status, got.body)
			continue
		}
		if c.reason != "" {
			if n := len(b.letters()); n != letters+1 {
				t.Errorf("%s %s: %d dead letters", c.network, c.query, n-letters)
			}
			continue
		}
		found := false
		for _, p := range b.postbacks() {
			if p.Txid == fmt.Sprint("T", i) {
				found = p.PayoutMicros == c.micros && p.Currency == c.currency && p.HasPayout
			}
		}
		if !found || len(b.postbacks()) != before+1 {
			t.Errorf("%s %s is not %d %s", c.network, c.query, c.micros, c.currency)
		}
	}
	// A JSON number has a point whoever sends it; a text in JSON is written as the network writes.
	for body, micros := range map[string]int64{`{"payout":1.234,"txid":"n"}`: 1_234_000,
		`{"payout":"1.234","txid":"s"}`: 1_234_000_000, `{"payout":-1.5,"txid":"m"}`: -1_500_000} {
		got := b.send("POST", "/postback/comma", "application/json", `{"click_id":"`+id+`",`+body[1:])
		found := false
		for _, p := range b.postbacks() {
			found = found || p.PayoutMicros == micros && strings.Contains(got.body, p.ReceiptId)
		}
		if got.status != 200 || !found {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
	for _, l := range b.letters() {
		if strings.HasSuffix(l.Txid, "payout=12+USD&currency=EUR") &&
			(l.PayoutMicros != 12_000_000 || l.Currency != "EUR") {
			t.Errorf("at stake is %v", l)
		}
	}
}

// TestTimeAsWritten is the same of times.
func TestTimeAsWritten(t *testing.T) {
	b := writtenBench(t)
	id := clickID(t, testSecret, 1, 1)
	for i, c := range []struct{ network, ts, want, right string }{
		{"comma", "2026-02-20 05:40:00", "2026-02-20T04:40:00Z", ""}, {"comma", "20.02.2026 05:40",
			"2026-02-20T04:40:00Z", ""}, {"comma", "03/02/2026 05:40", "2026-02-03T04:40:00Z", ""},
		{"comma", "1772250000", "2026-02-28T03:40:00Z", ""}, {"comma", "2026-02-20T05:40:00Z", "2026-02-20T05:40:00Z",
			""}, {"comma", "02/20/2026 05:40", "", "dmy"},
		{"point", "02/03/2026 5:40 PM", "2026-02-03T22:40:00Z", ""}, {"point", "2026-02-20 05:40:00 EST", "",
			"RFC 3339"},
		{"auto", "2026-02-20 05:40:00", "2026-02-20T00:10:00Z", ""}, {"auto", "02/20/2026 05:40",
			"2026-02-20T00:10:00Z", ""}, {"auto", "02/03/2026 05:40", "", "dates for network auto"},
		{"acme", "2026-02-20 05:40:00", "", "time_zone for network acme"}, {"acme", "20.02.2026", "",
			"time_zone for network acme"}, {"acme", "2026-02-20T05:40:00+0300", "2026-02-20T02:40:00Z", ""},
		{"acme", "20260220", "", "time_zone"}, {"acme", "46000", "", "seconds"}, {"acme", "2027-02-20T05:40:00Z", "",
			"Unix"},
		// A day is over at its end, or now if it is today's: 2026-03-01 12:00 UTC is 17:30 in Kolkata.
		{"auto", "28.02.2026", "2026-02-28T18:29:59.999Z", ""}, {"auto", "01.03.2026", "2026-03-01T12:00:00Z",
			""}, {"point", "02/27/2026", "2026-02-28T04:59:59.999Z", ""},
	} {
		txid := string(rune('a' + i))
		got := b.get("/postback/" + c.network + "?payout=1&click_id=" + id + "&txid=" + txid + "&ts=" +
			url.QueryEscape(c.ts))
		if c.want == "" {
			if got.status != 400 || !strings.Contains(got.body, `"bad_timestamp"`) ||
				!strings.Contains(got.body, c.right) {
				t.Errorf("%s %s: %d %s", c.network, c.ts, got.status, got.body)
			}
			continue
		}
		at := ""
		for _, p := range b.postbacks() {
			if p.Txid == txid {
				at = time.UnixMilli(p.EventMs).UTC().Format(time.RFC3339Nano)
			}
		}
		if got.status != 200 || at != c.want {
			t.Errorf("%s %s is %s, want %s: %d %s", c.network, c.ts, at, c.want, got.status, got.body)
		}
	}
}

// TestCostAsWritten holds that a link's cost with a sign or marks that have one meaning is kept, and one with two gives way to the campaign's.
func TestCostAsWritten(t *testing.T) {
	b := writtenBench(t)
	for query, want := range map[string]string{
		"cost=$0.5": "500000 USD", "cost=1+234.5": "1234500000 USD", "cost=0.5+EUR": "500000 EUR", "cost=%E2%82%AC0.5": "20000 USD", "cost=%E2%82%AC0.5&source=euroads": "500000 EUR",
		"cost=1,234": "20000 USD", "cost=-1": "20000 USD", "cost=0.5+EUR&currency=USD": "20000 USD",
	} {
		got := b.get("/c/summer?" + query)
		var found *events.Click
		for _, c := range b.clicks() {
			if c.ClickId == got.header.Get("X-Click-Id") {
				found = c
			}
		}
		if found == nil {
			t.Fatalf("%s: %+v", query, got)
		}
		if is := fmt.Sprintf("%d %s", found.CostMicros, found.Currency); is != want {
			t.Errorf("%s costs %s, want %s", query, is, want)
		}
	}
}

// TestAcceptedAmounts holds that what was taken before is read again as it was taken: what the tracker wrote of it has a
// point, what the network wrote has its own mark.
func TestAcceptedAmounts(t *testing.T) {
	cat := writtenBench(t).edge.catalog.Load()
	id := clickID(t, testSecret, 1, 1)
	for _, c := range []struct {
		query, body string
		micros      int64
	}{
		{"payout=1.234", "", 1_234_000}, {"payout=1.234", "payout=1.234&txid=a", 1_234_000_000},
		{"payout=9", "payout=12,5&txid=b", 12_500_000}, {"payout=12.5", "txid=c", 12_500_000},
	} {
		j := JudgePostback(cat, PostbackRequest{Network: "comma", Query: []byte("click_id=" + id + "&" + c.query), Body: []byte(c.body),
			Arrived: testNow, IP: netip.MustParseAddr("127.0.0.1"), Proved: true}, testNow)
		if j.Postback == nil || j.Postback.PayoutMicros != c.micros {
			t.Errorf("%s %s is %+v, want %d", c.query, c.body, j, c.micros)
		}
	}
}

// TestAmountsTwice holds that two amounts of one postback are compared as their network writes them, and that one which stands for none
// says nothing beside one that is.
func TestAmountsTwice(t *testing.T) {
	b := writtenBench(t)
	id := clickID(t, testSecret, 1, 1)
	for i, c := range []struct {
		network, query string
		micros         int64 // -1: they are two
	}{
		{"comma", "payout=12,50&payout=12,5", 12_500_000}, {"comma", "payout=1.000&payout=1000,00", 1_000_000_000},
		{"comma", "payout=1.000&payout=1", -1}, {"comma", "payout=12,50&payout=12.50", -1},
		{"point", "payout=1,000&payout=1000.0", 1_000_000_000}, {"point", "payout=1,000&payout=1", -1},
		{"acme", "payout=1.000&payout=1", 1_000_000}, {"auto", "payout=1.234.000&payout=1.234", -1},
		{"acme", "payout=5&payout=null", 5_000_000}, {"acme", "payout=5&payout=%7Bpayout%7D", 5_000_000},
		{"acme", "payout=5&payout=0", -1}, {"acme", "payout=12+EUR&payout=12+USD", -1},
	} {
		before := len(b.postbacks())
		got := b.get(fmt.Sprint("/postback/", c.network, "?txid=T", i, "&click_id=", id, "&", c.query))
		if c.micros < 0 {
			if got.status != 400 || !strings.Contains(got.body, string(schemas.RejectTwoValues)) {
				t.Errorf("%s %s: %d %s", c.network, c.query, got.status, got.body)
			}
			continue
		}
		if list := b.postbacks()[before:]; len(list) != 1 || list[0].PayoutMicros != c.micros {
			t.Errorf("%s %s: %d %s, %v", c.network, c.query, got.status, got.body, list)
		}
	}
}

// TestDecimalOfDialectInJSON holds that a declared decimal counts before a dialect's own way of writing amounts in every body.
func TestDecimalOfDialectInJSON(t *testing.T) {
	b := writtenBench(t)
	id := clickID(t, testSecret, 1, 1)
	for i, amount := range []string{`"12,50"`, `12.50`, `"12,5"`} {
		body := fmt.Sprintf(`{"transaction_id":%q,"order_id":"F%d","amount":%s,"fraud":"false"}`, id, i, amount)
		got := b.send("POST", "/postback/flow", jsonType, body)
		if list := b.postbacks(); len(list) != i+1 || list[i].PayoutMicros != 12_500_000 {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
}

// TestCostsOfASource: a link's cost is read as its source writes it, whoever's link it is; what is posted has a point.
func TestCostsOfASource(t *testing.T) {
	b := newBench(t, func(_ *Config, d *Deps) {
		d.Catalog = dialectCatalog(t, &dialect.Voluum, "0f6f8a04-1b7c-4a57-9d1c-2f1b5a3e7c90", func(c *catalog.Config) {
			c.Sources = append(c.Sources, catalog.SourceConfig{ID: 3, Name: "comma", Currency: "EUR", Decimal: "comma",
				LinkParams: map[string]string{"bid": "cost"}},
				catalog.SourceConfig{ID: 4, Name: "auto", Decimal: "auto"}, catalog.SourceConfig{ID: 5, Name: "point",
					Decimal: "point"})
		})
	})
	for i, c := range []struct {
		target, currency string
		micros           int64
	}{
		{"/c/summer?source=comma&cost=12,50", "EUR", 12_500_000}, {"/c/summer?source=comma&cost=0%2C0125", "EUR", 12_500},
		{"/c/summer?source=comma&bid=1.234,5", "EUR", 1_234_500_000},
		{"/c/summer?source=comma&cost=1.234", "EUR", 1_234_000_000}, {"/0f6f8a04-1b7c-4a57-9d1c-2f1b5a3e7c90?cost=0,5",
			"USD", 20_000},
		{"/c/summer?source=auto&cost=0,5", "USD", 500_000}, {"/c/summer?source=auto&cost=0.5", "USD", 500_000},
		{"/c/summer?source=point&cost=1,234.5", "USD", 1_234_500_000},
		// Refused, and counted: the campaign's own.
		{"/c/summer?source=comma&cost=12.50", "USD", 20_000}, {"/c/summer?source=auto&cost=1,234", "USD", 20_000},
		{"/c/summer?cost=0,5", "USD", 20_000},
		{"/c/summer?source=pushads&cost=0,5", "USD", 20_000}, {"/c/summer?source=unknown&cost=0,5", "USD", 20_000},
	} {
		got := b.get(c.target)
		if got.status != http.StatusFound {
			t.Fatalf("%s is answered %d %s", c.target, got.status, got.body)
		}
		id, found := got.header.Get("X-Click-Id"), false
		list := b.clicks()
		for _, click := range list {
			if click.ClickId == id {
				found = true
				if click.CostMicros != c.micros || click.Currency != c.currency {
					t.Errorf("%s costs %d %s", c.target, click.CostMicros, click.Currency)
				}
			}
		}
		if !found || len(list) != i+1 {
			t.Fatalf("%d clicks", len(list))
		}
	}
	if n := b.counted("tributary_ingest_sanitized_total", "cost"); n != 6 {
		t.Errorf("%v costs are counted", n)
	}
	if got := b.get("/i/summer?source=comma&cost=1,5"); got.status != 200 {
		t.Fatalf("the image is answered %d", got.status)
	}
	for _, r := range b.records(schemas.TopicImpressions) {
		var shown events.Impression
		if err := shown.UnmarshalVT(r.Value); err != nil || shown.CostMicros != 1_500_000 || shown.Currency != "EUR" {
			t.Errorf("the impression costs %d %s, %v", shown.CostMicros, shown.Currency, err)
		}
	}
	for body, status := range map[string]int{`{"campaign":"summer","source":"comma","cost":"0.5"}`: 200,
		`{"campaign":"summer","source":"comma","cost":0.5}`:   200,
		`{"campaign":"summer","source":"comma","cost":"0,5"}`: 400} {
		got := b.send("POST", "/v1/clicks", jsonType, body)
		if got.status != status || strings.Contains(got.body, "decimal for its source") {
			t.Errorf("%s is answered %d %s", body, got.status, got.body)
		}
	}
	for _, c := range b.clicks() {
		if c.EventMs == c.ReceivedMs && c.Source == "comma" && c.CostMicros == 5_000_000 {
			t.Error("a posted cost with a point is read with a comma")
		}
	}
}
