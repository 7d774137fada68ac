package ingest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"tributary/catalog"
	"tributary/catalog/dialect"
	"tributary/schemas"
	"tributary/schemas/events"
)

// dialectCatalog declares a network of the dialect beside a native one, and a campaign under its alias in the other tracker.
func dialectCatalog(tb testing.TB, d *dialect.Dialect, alias string, change func(*catalog.Config)) *catalog.Catalog {
	tb.Helper()
	c := testCatalog()
	c.Networks = c.Networks[:1]
	if d != &dialect.Native {
		c.Networks = append(c.Networks, catalog.NetworkConfig{Name: "theirs", Currency: "USD", Dialect: d.Name})
	}
	if alias != "" {
		c.Campaigns[0].Aliases = []string{alias}
	}
	if change != nil {
		change(&c)
	}
	cat, err := catalog.Build(c)
	if err != nil {
		tb.Fatal(err)
	}
	return cat
}

func (b *bench) postbacks() []*events.Postback {
	b.tb.Helper()
	var list []*events.Postback
	for _, r := range b.records(schemas.TopicPostbacks) {
		p := &events.Postback{}
		if err := p.UnmarshalVT(r.Value); err != nil {
			b.tb.Fatal(err)
		}
		if string(r.Key) != p.ClickId {
			b.tb.Errorf("postback of %s has the key %q", p.ClickId, r.Key)
		}
		list = append(list, p)
	}
	return list
}

// clickFields is what a link said, without what is empty.
func clickFields(c *events.Click) string {
	text := fmt.Sprintf("source=%s external_id=%s keyword=%s creative=%s cost=%d", c.Source, c.ExternalId, c.Keyword, c.Creative, c.CostMicros)
	for i, sub := range c.Subs {
		if sub != "" {
			text += fmt.Sprintf(" sub%d=%s", i+1, sub)
		}
	}
	return text
}

func postbackFields(p *events.Postback) string {
	payout := "none"
	if p.HasPayout {
		payout = fmt.Sprint(p.PayoutMicros, " ", p.Currency)
	}
	return fmt.Sprintf("network=%s event=%s status=%s txid=%s payout=%s", p.Network, p.Event, strings.ToLower(strings.TrimPrefix(p.Status.String(), "STATUS_")), p.Txid, payout)
}

const nativeReply = `{"receipt_id":"RECEIPT","status":"accepted"}` + "\n"

// dialectCases are the documentation's own URLs (DIALECTS.md has the pages) with a click ID of ours in them.
var dialectCases = []struct {
	dialect     *dialect.Dialect
	alias, link string
	click       string
	params      map[string]string // of the source pushads
	postback    string            // CLICK is the click ID
	custom      func(*catalog.NetworkConfig)
	want        string
	status      int
	reply       string
}{
	{dialect: &dialect.Native, link: "/c/summer?source=push&sub1=a&cost=0.02&external_id=x", click: "source=push external_id=x keyword= creative= cost=20000 sub1=a",
		postback: "/postback?click_id=CLICK&status=approved&payout=12.50&currency=EUR&txid=t1&event=FTD",
		want:     "network=acme event=ftd status=approved txid=t1 payout=12500000 EUR", status: 200, reply: nativeReply},
	{dialect: &dialect.Keitaro, alias: "8JdJ4D", link: "/8JdJ4D?keyword=red+shoes&external_id=c1&creative_id=77&ad_campaign_id=42&source=site.example",
		click:    "source=site.example external_id=c1 keyword=red shoes creative=77 cost=20000 sub20=42",
		postback: "/e89bcbe/postback?subid=CLICK&payout=21.0&status=lead&tid=52949935&from=adcombo.com&lead_status=hold&sale_status=lead&rejected_status=reject,trash,cancelled",
		want:     "network=theirs event=conversion status=approved txid=52949935 payout=21000000 USD", status: 200, reply: nativeReply},
	{dialect: &dialect.Keitaro, alias: "8JdJ4D", link: "/8JdJ4D?cost=100&currency=usd", click: "source=pushads external_id= keyword= creative= cost=100000000",
		postback: "/e89bcbe/postback?subid=CLICK&status=reg&lead_status=reg,topup&return=OK", want: "network=theirs event=conversion status=pending txid= payout=none", status: 200, reply: "OK"},
	{dialect: &dialect.Voluum, alias: "0f6f8a04-1b7c-4a57-9d1c-2f1b5a3e7c90", link: "/0f6f8a04-1b7c-4a57-9d1c-2f1b5a3e7c90?creative_id=7&cost=0.5&externalid=e1&zoneid=9",
		params: map[string]string{"creative_id": "sub1", "zoneid": "sub2"}, click: "source=pushads external_id=e1 keyword= creative= cost=500000 sub1=7 sub2=9",
		postback: "/postback?cid=CLICK&payout=10.00&txid=120&et=Install", want: "network=theirs event=install status=approved txid=120 payout=10000000 USD", status: 200, reply: nativeReply},
	{dialect: &dialect.Voluum, postback: "/postback?cid=CLICK&payout=-10.00&txid=120&et=Refund", want: "network=theirs event=refund status=approved txid=120 payout=-10000000 USD", status: 200, reply: nativeReply},
	{dialect: &dialect.Binom, alias: "676zlthzbiagiyetab8v", link: "/click.php?camp_id=10&key=676zlthzbiagiyetab8v&bid=0.0031&t1=z", click: "source=pushads external_id= keyword= creative= cost=3100 sub1=z",
		postback: "/click.php?cnv_id=CLICK&payout=5&cnv_status=Hold&event1=15&cnv_currency=EUR", want: "network=theirs event=conversion status=pending txid= payout=5000000 EUR", status: 200, reply: nativeReply},
	{dialect: &dialect.RedTrack, alias: "5dad7416a0e11e000128870e", link: "/5dad7416a0e11e000128870e?sub1=t&sub10=u&cost=0.01&ref_id=r", click: "source=pushads external_id=r keyword= creative= cost=10000 sub1=t sub10=u",
		postback: "/postback?clickid=CLICK&sum=12&type=Deposit&status=declined&rdtk_event_id=o1", want: "network=theirs event=deposit status=rejected txid=o1 payout=12000000 USD", status: 200, reply: nativeReply},
	{dialect: &dialect.BeMob, alias: "fc973a20-e5c1-44d5-8943-2e0a7b0be551", link: "/go/fc973a20-e5c1-44d5-8943-2e0a7b0be551?zone=9&cost=1.25&visitor_id=v1", params: map[string]string{"zone": "sub1"},
		click: "source=pushads external_id=v1 keyword= creative= cost=1250000 sub1=9", postback: "/postback?cid=CLICK&payout=3.2&txid=t1&status=4",
		custom: func(n *catalog.NetworkConfig) { n.Statuses = map[string]string{"4": "chargeback"} },
		want:   "network=theirs event=conversion status=chargeback txid=t1 payout=3200000 USD", status: 200, reply: nativeReply},
	{dialect: &dialect.FunnelFlux, alias: "2nIemJxCKbFX-2n5JuOKWLTzd", link: "/fts/2nIemJxCKbFX-2n5JuOKWLTzd?campaign=camp_123&external=click_789&c1=US&c2=zone_456&c=cpm_12.34",
		click: "source=pushads external_id=click_789 keyword= creative= cost=12340 sub1=US sub2=zone_456 sub20=camp_123", postback: "/pb/?hit=CLICK&tx=main&rev=-1",
		want: "network=theirs event=conversion status=rejected txid=main payout=none", status: 200, reply: nativeReply},
	{dialect: &dialect.FunnelFlux, postback: "/pb/?hit=CLICK&tx=main&rev=-1.5", custom: func(n *catalog.NetworkConfig) { n.NegativePayout = "correct" },
		want: "network=theirs event=conversion status=approved txid=main payout=-1500000 USD", status: 200, reply: nativeReply},
	{dialect: &dialect.TUNE, alias: "1001", link: "/aff_c?offer_id=1001&aff_id=2002&source=awesomepub&aff_sub=109581A&aff_sub5=e&google_aid=g",
		click:    "source=2002 external_id= keyword= creative= cost=20000 sub1=109581A sub5=e sub6=awesomepub",
		postback: "/aff_lsr?transaction_id=CLICK&amount=99.90&adv_sub=o1&adv_unique2=x&goal_id=3",
		custom: func(n *catalog.NetworkConfig) {
			n.Params, n.Events = map[string]string{"adv_sub": "txid", "amount": "payout"}, map[string]string{"3": "ftd"}
		}, want: "network=theirs event=ftd status=approved txid=o1 payout=99900000 USD", status: 200, reply: "success=true;"},
	{dialect: &dialect.Prosper202, alias: "12345", link: "/tracking202/redirect/dl.php?t202id=12345&t202b=$0.35&C1=m&gclid=G&t202kw=AD1", click: "source=pushads external_id=G keyword=AD1 creative= cost=350000 sub1=m",
		postback: "/tracking202/static/gpb.php?amount=4.5&subid=CLICK", want: "network=theirs event=conversion status=approved txid= payout=4500000 USD",
		status: 202, reply: `{"error":false,"code":202,"msg":"Postback successful"}`},
	{dialect: &dialect.Everflow, postback: "/?nid=1&transaction_id=CLICK&amount=12,34&order_id=o&event_id=7",
		custom: func(n *catalog.NetworkConfig) {
			n.Params, n.Events = map[string]string{"amount": "payout"}, map[string]string{"7": "ftd"}
		}, want: "network=theirs event=ftd status=approved txid=o payout=12340000 USD", status: 200, reply: nativeReply},
	{dialect: &dialect.Everflow, postback: "/?nid=1&transaction_id=CLICK&amount=12,34&fraud=1", want: "network=theirs event=conversion status=rejected txid= payout=none", status: 200, reply: nativeReply},
	{dialect: &dialect.Affise, alias: "6", link: "/click?pid=5&offer_id=6&sub1=c1&sub8=z&sub30=q", click: "source=5 external_id= keyword= creative= cost=20000 sub1=c1 sub8=z",
		postback: "/postback?clickid=CLICK&sum=49.95&action_id=m1&goal=1&status=5", want: "network=theirs event=1 status=pending txid=m1 payout=49950000 USD", status: 200, reply: nativeReply},
}

// TestDialects sends each documented link and postback through the edge: the record on Kafka and the answer are what its sender
// means and expects, by GET and by POST, at the other tracker's path and at /postback/{network}.
func TestDialects(t *testing.T) {
	seen := map[*dialect.Dialect]bool{}
	for _, c := range dialectCases {
		seen[c.dialect] = true
		t.Run(c.dialect.Name, func(t *testing.T) {
			b := newBench(t, func(_ *Config, d *Deps) {
				d.Catalog = dialectCatalog(t, c.dialect, c.alias, func(cfg *catalog.Config) {
					cfg.Sources[0].LinkParams = c.params
					if c.custom != nil {
						c.custom(&cfg.Networks[1])
					}
				})
			})
			id := clickID(t, testSecret, 1, 1)
			if c.link != "" {
				got := b.get(c.link)
				clicks := b.clicks()
				if got.status != http.StatusFound || len(clicks) != 1 {
					t.Fatalf("the link is answered %d %s, %d clicks", got.status, got.body, len(clicks))
				}
				if text := clickFields(clicks[0]); text != c.click || clicks[0].Campaign != "summer" {
					t.Errorf("the click of %s is\n%s\nwant\n%s", clicks[0].Campaign, text, c.click)
				}
				id = clicks[0].ClickId
			}
			path, rawQuery, _ := strings.Cut(strings.Replace(c.postback, "CLICK", id, 1), "?")
			values, err := url.ParseQuery(rawQuery)
			if err != nil {
				t.Fatal(err)
			}
			members := map[string]string{}
			for name := range values {
				members[name] = values.Get(name)
			}
			object, err := json.Marshal(members)
			if err != nil {
				t.Fatal(err)
			}
			network := "theirs"
			if c.dialect == &dialect.Native {
				network, path = "acme", "/postback"
			}
			ways := []struct{ name, method, path, kind, body string }{
				{"GET", "GET", path + "?" + rawQuery, "", ""},
				{"form", "POST", path, formType, rawQuery},
				{"json", "POST", path, jsonType, string(object)},
				{"GET /postback/{network}", "GET", "/postback/" + network + "?" + rawQuery, "", ""},
				{"form to /postback/{network}", "POST", "/postback/" + network, formType, rawQuery},
				{"json to /postback/{network}", "POST", "/postback/" + network, jsonType, string(object)},
			}
			for i, w := range ways {
				got := b.send(w.method, w.path, w.kind, w.body)
				if got.status != c.status || notTakenIn.ReplaceAllString(masked(got.body), "") != c.reply {
					t.Errorf("%s is answered %d %q, want %d %q", w.name, got.status, got.body, c.status, c.reply)
				}
				list := b.postbacks()
				if len(list) != i+1 {
					t.Fatalf("%s: %d postbacks, %d dead letters", w.name, len(list), len(b.letters()))
				}
				for _, p := range list {
					if want := strings.Replace(c.want, "conversion", map[bool]string{true: "sale", false: "conversion"}[network == "acme"], 1); postbackFields(p) != want || p.ClickId != id || p.Campaign != "summer" {
						t.Errorf("%s says %s of %s %s, want %s", w.name, postbackFields(p), p.ClickId, p.Campaign, want)
					}
				}
			}
		})
	}
	for _, d := range dialect.All {
		if !seen[d] {
			t.Errorf("%s is not tested", d.Name)
		}
	}
}

// TestDialectRefusals holds what is not booked, why, in whose words, and that its dead letter says the same when it is looked at
// again, and is booked once what was wrong is mended.
func TestDialectRefusals(t *testing.T) {
	cases := []struct {
		name     string
		dialect  *dialect.Dialect
		postback string
		reason   schemas.RejectReason
		field    string
		status   int
		reply    string // "" for the edge's own
	}{
		{"keitaro macro", &dialect.Keitaro, "/key/postback?subid=CLICK&payout=%7Brevenue%7D", schemas.RejectUnexpandedMacro, "payout", 400, ""},
		{"keitaro macro encoded twice", &dialect.Keitaro, "/key/postback?subid=%257Bsub4%257D", schemas.RejectUnexpandedMacro, "subid", 400, ""},
		{"keitaro ignored", &dialect.Keitaro, "/key/postback?subid=CLICK&status=ping&ignore_status=ping,test", schemas.RejectIgnoredStatus, "status", 200, ""},
		{"keitaro status", &dialect.Keitaro, "/key/postback?subid=CLICK&status=confirmed", schemas.RejectUnknownStatus, "status", 400, ""},
		{"voluum placeholder", &dialect.Voluum, "/postback?cid=CLICK&payout={}", schemas.RejectUnexpandedMacro, "payout", 400, ""},
		{"keitaro negative payout", &dialect.Keitaro, "/key/postback?subid=CLICK&payout=-3", schemas.RejectBadPayout, "payout", 400, ""},
		{"funnelflux negative payout", &dialect.FunnelFlux, "/pb?hit=CLICK&tx=main&rev=-3", schemas.RejectBadPayout, "rev", 400, ""},
		{"binom macro", &dialect.Binom, "/click.php?cnv_id={t1}&payout=1", schemas.RejectUnexpandedMacro, "cnv_id", 400, ""},
		{"binom macro in brackets", &dialect.Binom, "/click.php?cnv_id=CLICK&payout=[BID]", schemas.RejectUnexpandedMacro, "payout", 400, ""},
		{"binom foreign click ID", &dialect.Binom, "/click.php?cnv_id=e2f3he2tfe65a1", schemas.RejectMalformedClickID, "cnv_id", 400, ""},
		{"redtrack no click ID", &dialect.RedTrack, "/postback/theirs?sum=1", schemas.RejectMissingClickID, "clickid", 400, ""},
		{"redtrack currency is not read", &dialect.RedTrack, "/postback/theirs?sum=1&clickid=CLICK&type=" + url.QueryEscape("a/b"), schemas.RejectBadEvent, "type", 400, ""},
		{"funnelflux text", &dialect.FunnelFlux, "/pb?hit=CLICK&tx=%ff", schemas.RejectBadText, "tx", 400, ""},
		{"tune placeholder", &dialect.TUNE, "/aff_lsr?offer_id=26&transaction_id=TRANSACTION_ID", schemas.RejectUnexpandedMacro, "transaction_id", 200,
			`success=false; err_msg=unexpanded_macro: "TRANSACTION_ID" is still a macro that the network should have replaced;`},
		{"prosper202 payout", &dialect.Prosper202, "/tracking202/static/gpb.php?subid=CLICK&amount=lots", schemas.RejectBadPayout, "amount", 404, `{"error":true,"code":404,"msg":"bad_payout: `},
		{"affise status", &dialect.Affise, "/postback?clickid=CLICK&status=4", schemas.RejectUnknownStatus, "status", 200, ""},
		{"everflow too long", &dialect.Everflow, "/?nid=1&transaction_id=CLICK&order_id=" + strings.Repeat("o", schemas.MaxTxIDBytes+1), schemas.RejectTooLong, "order_id", 400, ""},
		{"nobody's dialect", &dialect.Keitaro, "/aff_lsr?transaction_id=CLICK", schemas.RejectUnknownNetwork, "network", 200, "success=false; err_msg=unknown_network: no network is declared that writes postbacks as tune does;"},
		{"unknown network in the path", &dialect.Keitaro, "/postback/nobody?subid=CLICK", schemas.RejectUnknownNetwork, "network", 400, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cat := dialectCatalog(t, c.dialect, "", nil)
			b := newBench(t, func(_ *Config, d *Deps) { d.Catalog = cat })
			target := strings.Replace(c.postback, "CLICK", clickID(t, testSecret, 1, 1), 1)
			got := b.get(target)
			if got.status != c.status || c.reply != "" && !strings.HasPrefix(got.body, c.reply) || c.reply == "" && !strings.Contains(got.body, `"reason":"`+string(c.reason)+`"`) {
				t.Errorf("answered %d %s", got.status, got.body)
			}
			letters := b.letters()
			if len(letters) != 1 || len(b.postbacks()) != 0 {
				t.Fatalf("%d dead letters, %d postbacks", len(letters), len(b.postbacks()))
			}
			l := letters[0]
			if l.Reason != string(c.reason) || string(l.Raw) != "GET "+target {
				t.Errorf("the dead letter is %v", l)
			}
			name := "theirs"
			if c.reason == schemas.RejectUnknownNetwork {
				name = ""
			}
			if n := count(t, b.edge.macros.ofNetwork(cat.Network([]byte(name)))); n != map[bool]float64{true: 1}[c.reason == schemas.RejectUnexpandedMacro] {
				t.Errorf("%v macros are counted for %q", n, name)
			}
			path, rawQuery, _ := strings.Cut(target, "?")
			j := JudgePostback(cat, PostbackRequest{Path: []byte(path), Query: []byte(rawQuery), ReceiptID: l.LetterId, Arrived: testNow, IP: netip.MustParseAddr("127.0.0.1"), Proved: true}, testNow)
			if j.Reason != c.reason || j.Field != c.field || j.Detail != l.Detail {
				t.Errorf("looked at again: %+v", j)
			}
		})
	}
}

// TestLinkMacros holds that a click whose link was not filled in is served and counted by source, and that no cost is booked
// from a macro: the campaign's own is.
func TestLinkMacros(t *testing.T) {
	cat := dialectCatalog(t, &dialect.Keitaro, "8JdJ4D", func(c *catalog.Config) { c.Campaigns[0].Aliases = append(c.Campaigns[0].Aliases, "k1") })
	b := newBench(t, func(_ *Config, d *Deps) { d.Catalog = cat })
	for i, link := range []string{"/8JdJ4D?cost={cost}&sub_id_1={zone}&sub_id_2=kept", "/c/summer?cost=%7Bcost%7D&sub1=$%7BZONE%7D&sub2=kept", "/click.php?key=k1&bid=[BID]&t1={t1}&t2=kept"} {
		got := b.get(link)
		clicks := b.clicks()
		if got.status != http.StatusFound || len(clicks) != i+1 {
			t.Fatalf("%s is answered %d %s", link, got.status, got.body)
		}
		for _, c := range clicks {
			if text := clickFields(c); text != "source=pushads external_id= keyword= creative= cost=20000 sub2=kept" {
				t.Errorf("%s makes the click %s", link, text)
			}
		}
		if n := count(t, b.edge.macros.ofSource(1)); n != float64(i+1) {
			t.Errorf("%v clicks with macros are counted after %s", n, link)
		}
	}
	if got := b.get("/c/summer?sub1=fine"); got.status != http.StatusFound || count(t, b.edge.macros.ofSource(1)) != 3 {
		t.Errorf("a click without macros is counted")
	}
}

// TestDialectPaths holds what is nobody's: a word that is no campaign leaves no dead letter, a link that certainly was one does.
func TestDialectPaths(t *testing.T) {
	b := newBench(t, func(_ *Config, d *Deps) { d.Catalog = dialectCatalog(t, &dialect.Keitaro, "8JdJ4D", nil) })
	for _, c := range []struct {
		method, path    string
		status, letters int
	}{
		{"GET", "/robots", 404, 0}, {"GET", "/favicon.ico", 404, 0}, {"GET", "/", 404, 0}, {"POST", "/nobody", 404, 0}, {"POST", "/8JdJ4D", 405, 0}, {"HEAD", "/8JdJ4D", 302, 0},
		{"GET", "/click.php?key=unknown", 404, 1}, {"GET", "/aff_c?offer_id=7", 404, 2}, {"HEAD", "/aff_c?offer_id=7", 404, 2}, {"OPTIONS", "/k/postback", 204, 2},
		{"DELETE", "/k/postback?subid=1", 405, 2}, {"GET", "/postback/theirs/more", 404, 2}, {"GET", "/postback/", 404, 2}, {"GET", "/postback/theirs/", 400, 3}, {"GET", "/postback/theirs/batch", 405, 3},
		{"GET", "/8JdJ4D/..%2fx", 404, 3}, {"GET", "/c/8JdJ4D", 302, 3},
	} {
		got := b.send(c.method, c.path, "", "")
		if n := len(b.letters()); got.status != c.status || n != c.letters {
			t.Errorf("%s %s: %d %s, %d dead letters", c.method, c.path, got.status, got.body, n)
		}
	}
}

// TestDialectTrust holds where each dialect carries its secret, and that nothing is kept of it.
func TestDialectTrust(t *testing.T) {
	const key, long = "e89bcbe", "0123456789abcdef0123"
	id := clickID(t, testSecret, 1, 1)
	for _, c := range []struct {
		name    string
		dialect *dialect.Dialect
		trust   catalog.TrustConfig
		path    string
		body    string
		status  int
		taken   bool
	}{
		{"keitaro key", &dialect.Keitaro, catalog.TrustConfig{Tokens: map[string]catalog.Secret{"a": key}}, "/" + key + "/postback?subid=" + id, "", 200, true},
		{"keitaro wrong key", &dialect.Keitaro, catalog.TrustConfig{Tokens: map[string]catalog.Secret{"a": key}}, "/e89bcbf/postback?subid=" + id, "", 403, false},
		{"keitaro right key, wrong payout", &dialect.Keitaro, catalog.TrustConfig{Tokens: map[string]catalog.Secret{"a": key}}, "/" + key + "/postback?payout=x&subid=" + id, "", 400, false},
		{"keitaro without the key", &dialect.Keitaro, catalog.TrustConfig{Tokens: map[string]catalog.Secret{"a": key}}, "/postback/theirs?subid=" + id, "", 403, false},
		{"tune", &dialect.TUNE, catalog.TrustConfig{Tokens: map[string]catalog.Secret{"a": long}}, "/aff_lsr?security_token=" + long + "&transaction_id=" + id, "", 200, true},
		{"tune without", &dialect.TUNE, catalog.TrustConfig{Tokens: map[string]catalog.Secret{"a": long}}, "/aff_lsr?transaction_id=" + id, "", 200, false},
		{"affise, named otherwise", &dialect.Affise, catalog.TrustConfig{Tokens: map[string]catalog.Secret{"a": long}, TokenParameter: "hash"}, "/postback?clickid=" + id + "&hash=" + long, "", 200, true},
		{"affise by JSON", &dialect.Affise, catalog.TrustConfig{Tokens: map[string]catalog.Secret{"a": long}}, "/postback/theirs", `{"clickid":"` + id + `","secure":"` + long + `"}`, 200, true},
		{"affise by JSON, refused", &dialect.Affise, catalog.TrustConfig{Tokens: map[string]catalog.Secret{"a": long}}, "/postback/theirs", `{"clickid":"` + id + `","secure":"` + long + `","sum":"x"}`, 200, false},
		{"native by JSON", &dialect.Native, catalog.TrustConfig{Tokens: map[string]catalog.Secret{"a": long}}, "/postback/acme", `{"click_id":"` + id + `","token":"` + long + `"}`, 200, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, func(_ *Config, d *Deps) {
				d.Catalog = dialectCatalog(t, c.dialect, "", func(cfg *catalog.Config) { cfg.Networks[len(cfg.Networks)-1].Trust = c.trust })
			})
			method, kind := "GET", ""
			if c.body != "" {
				method, kind = "POST", jsonType
			}
			got := b.send(method, c.path, kind, c.body)
			if n := len(b.postbacks()); got.status != c.status || (n == 1) != c.taken {
				t.Errorf("answered %d %s, %d postbacks", got.status, got.body, n)
			}
			for _, topic := range []string{schemas.TopicPostbacks, schemas.TopicDeadLetters} {
				for _, r := range b.records(topic) {
					if bytes.Contains(r.Value, []byte(key)) || bytes.Contains(r.Value, []byte(long)) {
						t.Errorf("the secret is kept: %q", r.Value)
					}
				}
			}
		})
	}
}

// TestJudgeAccepted holds that a postback which the edge took, of which only body and what is known of it was kept, is judged in
// its network's dialect.
func TestJudgeAccepted(t *testing.T) {
	cat := dialectCatalog(t, &dialect.TUNE, "", func(c *catalog.Config) {
		c.Networks[1].Params, c.Networks[1].Events = map[string]string{"amount": "payout"}, map[string]string{"3": "ftd"}
	})
	id := clickID(t, testSecret, 1, 1)
	for name, body := range map[string]string{"whole": "transaction_id=" + id + "&amount=9.5&goal_id=3", "the rest is known": "amount=9.5"} {
		j := JudgePostback(cat, PostbackRequest{Network: "theirs", Query: []byte("network=theirs&click_id=" + id + "&event=ftd&payout=7"), Body: []byte(body), Arrived: testNow, IP: netip.MustParseAddr("127.0.0.1"), Proved: true}, testNow)
		if j.Postback == nil || postbackFields(j.Postback) != "network=theirs event=ftd status=approved txid= payout=9500000 USD" {
			t.Errorf("%s: %+v", name, j)
		}
	}
}

// TestSeveralNetworksOfADialect holds that one that is not named is not guessed.
func TestSeveralNetworksOfADialect(t *testing.T) {
	id := clickID(t, testSecret, 1, 1)
	for _, c := range []struct{ name, second, query, want string }{
		{"not named", "others", "", "unknown_network"},
		{"named by parameter", "others", "&network=others", "others"},
		{"the default one", "default", "", "default"},
	} {
		b := newBench(t, func(_ *Config, d *Deps) {
			d.Catalog = dialectCatalog(t, &dialect.Voluum, "", func(cfg *catalog.Config) {
				cfg.Networks = append(cfg.Networks, catalog.NetworkConfig{Name: c.second, Currency: "EUR", Dialect: "voluum"})
			})
		})
		got := b.get("/postback?cid=" + id + "&payout=2" + c.query)
		list := b.postbacks()
		if len(list) == 1 && list[0].Network == c.want || len(list) == 0 && strings.Contains(got.body, c.want) {
			continue
		}
		t.Errorf("%s: %s, %v", c.name, got.body, list)
	}
}
