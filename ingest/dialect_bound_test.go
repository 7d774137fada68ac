package ingest

import (
	"net/netip"
	"testing"

	"google.golang.org/protobuf/proto"

	"tributary/catalog"
	"tributary/catalog/dialect"
	"tributary/schemas"
	"tributary/schemas/events"
	"tributary/schemas/fuzzbound"
)

// everyDialect declares a network of each dialect, and a source whose links name parameters of their own.
func everyDialect(tb testing.TB) *catalog.Catalog {
	tb.Helper()
	c := testCatalog()
	c.Networks = nil
	for _, d := range dialect.All {
		c.Networks = append(c.Networks, catalog.NetworkConfig{Name: d.Name, Currency: "USD", Dialect: d.Name, AllowForeignClickIDs: d != &dialect.Native})
	}
	c.Campaigns[0].Aliases = []string{"8JdJ4D", "676zlthzbiagiyetab8v"}
	c.Sources[1].LinkParams = map[string]string{"zoneid": "sub3", "bid": "cost"}
	cat, err := catalog.Build(c)
	if err != nil {
		tb.Fatal(err)
	}
	return cat
}

// TestDialectAllocations holds that a link of another tracker, macros and own parameters included, allocates as little as one
// of our own: nothing from the request to the click.
func TestDialectAllocations(t *testing.T) {
	e, cat := deafEdge(t), everyDialect(t)
	e.SetCatalog(cat)
	path, rawQuery := []byte("/click.php"), []byte("key=676zlthzbiagiyetab8v&bid=%7Bbid%7D&t1=zone+7&t2=[t2]&zoneid=9&source=euroads&externalid=abc")
	v := &visit{}
	var name [64]byte
	work := func() {
		v.reset()
		v.addr = netip.MustParseAddr("8.8.8.8")
		m, ok := cat.Router().Match(path, rawQuery)
		if !ok {
			t.Fatal("the link is not matched")
		}
		campaign := cat.Campaign(m.AppendCampaign(name[:0]))
		e.readLinkOf(m.Dialect, v, cat, campaign, rawQuery)
		if refused := e.fill(v, cat, campaign, testNow, false); refused != nil {
			t.Fatal(refused)
		}
		e.observe(v)
	}
	work()
	if n := testing.AllocsPerRun(500, work); n > 0 && !raceEnabled {
		t.Errorf("a link in another dialect makes %v allocations", n)
	}
	if !v.unfilled || v.event.Subs[0] != "zone 7" {
		t.Errorf("the click is %v", &v.event)
	}
}

// FuzzDialectLink holds that what is matched as a link of a campaign makes a click within the limits.
func FuzzDialectLink(f *testing.F) {
	e, cat := deafEdge(f), everyDialect(f)
	e.SetCatalog(cat)
	for _, c := range dialectCases {
		f.Add([]byte(c.link))
	}
	f.Add([]byte("/8JdJ4D?cost={cost}&zoneid=%ff&source=euroads&bid=cpm_1"))
	f.Fuzz(func(t *testing.T, uri []byte) {
		var v *visit
		var refused *refusal
		read := false
		fuzzbound.Hold(t, 16*len(uri), func() {
			v = &visit{}
			v.reset()
			v.addr = netip.MustParseAddr("8.8.8.8")
			path, rawQuery := splitURI(uri)
			m, ok := cat.Router().Match(path, rawQuery)
			if read = ok && m.Kind == dialect.KindLink; !read {
				return
			}
			campaign := cat.Campaign(m.AppendCampaign(nil))
			if campaign == nil {
				campaign = cat.Campaign([]byte("summer"))
			}
			e.readLinkOf(m.Dialect, v, cat, campaign, rawQuery)
			refused = e.fill(v, cat, campaign, testNow, false)
		})
		if refused != nil {
			t.Fatalf("the click is lost: %+v", refused)
		}
		if read {
			checkClick(t, &v.event)
		}
	})
}

// FuzzDialectPostback holds that what is matched as a postback is an event within the limits or refused with a listed reason,
// whoever sends it, and that a macro never becomes money.
func FuzzDialectPostback(f *testing.F) {
	e, cat := deafEdge(f), everyDialect(f)
	for _, c := range dialectCases {
		f.Add([]byte(c.postback), []byte(nil))
		path, rawQuery := splitURI([]byte(c.postback))
		f.Add(path, rawQuery)
	}
	f.Add([]byte("/postback/tune"), []byte(`{"transaction_id":"a","amount":1}`))
	f.Fuzz(func(t *testing.T, uri, body []byte) {
		path, rawQuery := splitURI(uri)
		var j Judgement
		fuzzbound.Hold(t, 512*(len(body)+len(uri)), func() {
			j = JudgePostback(cat, PostbackRequest{Path: path, Query: rawQuery, Body: body, Arrived: testNow, IP: netip.MustParseAddr("8.8.8.8")}, testNow)
		})
		if j.Postback == nil {
			if e.metrics.rejects[j.Reason] == nil || j.Detail == "" || j.WouldBeRight == "" || len(j.Detail) > schemas.MaxDetailBytes {
				t.Fatalf("the refusal is %+v", j)
			}
			return
		}
		p := j.Postback
		if p.ClickId == "" || len(p.ClickId) > schemas.MaxClickIDBytes || p.Network == "" || p.Event == "" || len(p.Txid) > schemas.MaxTxIDBytes || p.Status == events.Status_STATUS_UNSPECIFIED ||
			outOfBounds(cat, p) || p.HasPayout && p.Currency == "" {
			t.Fatalf("out of bounds: %v", p)
		}
		value, err := p.MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		if err := proto.Unmarshal(value, &events.Postback{}); err != nil {
			t.Fatalf("another reader cannot read the postback: %v", err)
		}
	})
}

func splitURI(uri []byte) (path, rawQuery []byte) {
	for i, c := range uri {
		if c == '?' {
			return uri[:i:i], uri[i+1:]
		}
	}
	return uri, nil
}
