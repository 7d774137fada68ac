package ingest

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/valyala/fasthttp"
	"github.com/valyala/fastjson"
	"google.golang.org/protobuf/proto"

	"tributary/catalog"
	"tributary/catalog/query"
	"tributary/schemas"
	"tributary/schemas/events"
	"tributary/schemas/fuzzbound"
)

// deafEdge is an edge that is not run and has no broker.
func deafEdge(tb testing.TB) *Edge {
	tb.Helper()
	cat, err := catalog.Build(testCatalog())
	if err != nil {
		tb.Fatal(err)
	}
	cfg := Defaults()
	cfg.Listen = "127.0.0.1:0"
	e, err := New(cfg, Deps{Kafka: []kgo.Opt{kgo.SeedBrokers("127.0.0.1:1")}, Catalog: cat})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { e.Close() })
	return e
}

// FuzzLink holds that every link of a campaign makes a click within the limits, that any protobuf reader reads, and a redirect to the
// offer's host in one header line.
func FuzzLink(f *testing.F) {
	e := deafEdge(f)
	for _, raw := range []string{"source=pushads&sub1=a&cost=0.02&currency=EUR", "keyword=%ff%0d%0aX:y&cost={cost}", "sub20=%e2%82&external_id=" + strings.Repeat("%41", 300), "source=%00&cost=9e9&currency=us"} {
		f.Add([]byte(raw), []byte(chrome), []byte("de-DE,de;q=0.9"))
	}
	cat := e.catalog.Load()
	f.Fuzz(func(t *testing.T, raw, agent, language []byte) {
		v := &visit{}
		var refused *refusal
		// The text grows by doubling, and the link has nine bytes a byte at most: three for each of its encoded values.
		fuzzbound.Hold(t, 16*(len(raw)+len(agent)+len(language)), func() {
			v.reset()
			v.addr = netip.MustParseAddr("8.8.8.8")
			e.readLink(v, raw)
			v.userAgent = e.clean(v, agent, schemas.MaxUserAgent, fieldUserAgent)
			v.setLanguage(language)
			if refused = e.fill(v, cat, cat.Campaign([]byte("summer")), testNow, false); refused == nil {
				v.link()
				v.out = v.out[:0]
			}
		})
		if refused != nil {
			t.Fatalf("the click is lost: %+v", refused)
		}
		checkClick(t, &v.event)
		u, err := url.Parse(string(v.link()))
		if err != nil || u.Host != "offer.example" || u.Query().Get("sub") != v.event.ClickId || u.Query().Get("k") != v.event.Keyword {
			t.Fatalf("redirects to %s (%v)", v.out, err)
		}
		for _, c := range v.out {
			if c <= ' ' || c >= 0x7f {
				t.Fatalf("redirects to %q", v.out)
			}
		}
	})
}

func checkClick(t *testing.T, c *events.Click) {
	t.Helper()
	type bound struct {
		text  string
		limit int
	}
	bounds := []bound{
		{c.ClickId, schemas.MaxClickIDBytes}, {c.Source, schemas.MaxNameBytes}, {c.ExternalId, schemas.MaxExternalID}, {c.Keyword, schemas.MaxKeywordBytes}, {c.Creative, schemas.MaxKeywordBytes},
		{c.UserAgent, schemas.MaxUserAgent}, {c.Referrer, schemas.MaxReferrer}, {c.Language, schemas.MaxLanguage}, {c.Currency, schemas.MaxCurrency},
	}
	for _, sub := range c.Subs {
		bounds = append(bounds, bound{sub, schemas.MaxSubBytes})
	}
	for _, b := range bounds {
		if len(b.text) > b.limit || !query.IsText([]byte(b.text)) {
			t.Fatalf("%q has more than %d bytes or is no text", b.text, b.limit)
		}
	}
	if c.CostMicros < 0 || c.CostMicros > schemas.MaxMoneyMicros || c.CostBaseMicros < 0 || c.CostBaseMicros > schemas.MaxMoneyMicros || len(c.Subs) > schemas.MaxSubs || c.ClickId == "" {
		t.Fatalf("out of bounds: %v", c)
	}
	value, err := c.MarshalVT()
	if err != nil || len(value) > schemas.MaxRecordBytes {
		t.Fatalf("%d bytes, %v", len(value), err)
	}
	if err := proto.Unmarshal(value, &events.Click{}); err != nil {
		t.Fatalf("another reader cannot read the click: %v", err)
	}
}

// FuzzClickJSON holds the same of a click by JSON, or that it is refused with a listed reason.
func FuzzClickJSON(f *testing.F) {
	e := deafEdge(f)
	for _, body := range []string{
		`{"campaign":"summer","source":"x","sub1":"a","cost":0.02}`, `{"campaign":"migrated","click_id":"their","subs":["a",null]}`, `{"campaign":"summer","cost":1.2.3,"event_ms":1772366000000}`,
		`{"campaign":"summer","keyword":"\ud800","ip":"::1"}`, `[]`, `{"campaign":{}}`,
	} {
		f.Add(body)
	}
	cat := e.catalog.Load()
	f.Fuzz(func(t *testing.T, body string) {
		v := &visit{}
		var refused *refusal
		var err error
		// The parser keeps 200 bytes a value, and the shortest value has two bytes; its tables grow by doubling.
		fuzzbound.Hold(t, 512*len(body), func() {
			var parser fastjson.Parser
			var value *fastjson.Value
			if value, err = parseJSON(&parser, []byte(body)); err != nil {
				return
			}
			v.reset()
			var campaign *catalog.Campaign
			if campaign, refused = e.readClick(&fasthttp.RequestCtx{}, v, cat, value, testNow); refused == nil {
				refused = e.fill(v, cat, campaign, testNow, true)
			}
		})
		if err != nil {
			return
		}
		if refused != nil {
			checkRefusal(t, e, refused)
			return
		}
		checkClick(t, &v.event)
	})
}

func checkRefusal(t *testing.T, e *Edge, refused *refusal) {
	t.Helper()
	if e.metrics.rejects[refused.Reason] == nil || refused.Detail == "" || refused.WouldBeRight == "" || !utf8.ValidString(refused.Detail) || !utf8.ValidString(refused.Field) || len(refused.Detail) > schemas.MaxDetailBytes {
		t.Fatalf("the refusal is %+v", refused)
	}
}

// FuzzPostback holds that a postback is either an event within the limits or refused with a listed reason, and never read otherwise than
// by the first of its parameters.
func FuzzPostback(f *testing.F) {
	e := deafEdge(f)
	good := clickID(f, testSecret, 1, 1)
	for _, raw := range []string{"network=acme&click_id=" + good + "&payout=12.5&currency=eur&ts=1772359200", "click_id=x&network=legacy", "network=acme&payout=%7Bp%7D", "ts=2026-02-03T04:05:06+01:00&network=legacy&click_id=1", "network=acme&click_id=%ff",
		"network=refunds&payout=-5.00&click_id=" + good, "network=acme&payout=-0&click_id=" + good} {
		f.Add(raw, "")
	}
	f.Add("network=legacy", `{"click_id":"a","payout":1e5,"ts":true}`)
	cat := e.catalog.Load()
	f.Fuzz(func(t *testing.T, raw, body string) {
		var p *postback
		var badBody, refused *refusal
		fuzzbound.Hold(t, 512*(len(body)+len(raw)), func() {
			p = &postback{}
			p.event.EventMs = testNow.UnixMilli()
			var parser fastjson.Parser
			var object *fastjson.Object
			if body != "" {
				object, badBody = objectOf(&parser, []byte(body))
			}
			if badMember := p.read(cat, []byte(raw), nil, object); badBody == nil {
				badBody = badMember
			}
			refused = p.resolve(cat, testNow)
		})
		if badBody != nil {
			checkRefusal(t, e, badBody)
		}
		if refused != nil {
			checkRefusal(t, e, refused)
			return
		}
		v := &p.event
		if outOfBounds(cat, v) || len(v.Txid) > schemas.MaxTxIDBytes || len(v.Event) > schemas.MaxNameBytes ||
			len(v.ClickId) > schemas.MaxClickIDBytes || v.ClickId == "" || v.Network == "" || v.Event == "" || v.Status == events.Status_STATUS_UNSPECIFIED || v.EventMs <= 0 || v.EventMs > testNow.UnixMilli()+schemas.MaxClockSkewMS {
			t.Fatalf("out of bounds: %v", v)
		}
		value, err := v.MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		if err := proto.Unmarshal(value, &events.Postback{}); err != nil {
			t.Fatalf("another reader cannot read the postback: %v", err)
		}
	})
}

// outOfBounds tells of an amount that no postback of its network may have.
func outOfBounds(cat *catalog.Catalog, p *events.Postback) bool {
	least := int64(0)
	if n := cat.Network([]byte(p.Network)); n != nil && n.Corrects {
		least = -schemas.MaxMoneyMicros
	}
	return p.PayoutMicros < least || p.PayoutMicros > schemas.MaxMoneyMicros || p.PayoutBaseMicros < least || p.PayoutBaseMicros > schemas.MaxMoneyMicros ||
		p.PayoutMicros < 0 && p.PayoutBaseMicros > 0
}
