package loadgen

import (
	"fmt"
	"net/url"
	"strings"

	"tributary/schemas"
)

// malformed answers a postback that the edge must refuse: each reason in turn, every other one a forged click ID of the
// fraudulent source.
func (g *Generator) malformed(like *Postback) Step {
	g.postbacks++
	p := &Postback{Number: g.postbacks, Network: like.Network}
	values := url.Values{"network": {"shopline"}, "event": {"sale"}, "status": {"ok"}, "payout": {"12.50"}, "currency": {"USD"},
		"txid": {fmt.Sprintf("m%s-%d", g.options.Salt, g.postbacks)}}
	good := g.minter.Click(g.ring, g.nowMS, g.scenario.Campaigns[0].ID, g.scenario.Sources[0].ID)
	values.Set("click_id", good.String())
	kind := g.malformedNext
	g.malformedNext++
	if kind%2 == 1 {
		p.Refusal = schemas.RejectForgedClickID
		values.Set("click_id", g.forgedID())
		p.Query = values.Encode()
		return Step{Postback: p, lane: g.random.Uint64()}
	}
	spoil := malformedKinds[kind/2%len(malformedKinds)]
	p.Refusal = spoil.reason
	spoil.do(p, values)
	if p.Query == "" && p.Body == "" {
		p.Query = values.Encode()
	}
	return Step{Postback: p, lane: g.random.Uint64()}
}

// forgedID is one of the fraudulent source with the end of its signature changed.
func (g *Generator) forgedID() string {
	source := g.scenario.Sources[0].ID
	for _, s := range g.scenario.Sources {
		if s.Fraud {
			source = s.ID
		}
	}
	text := g.minter.Click(g.ring, g.nowMS, g.scenario.Campaigns[g.random.IntN(len(g.scenario.Campaigns))].ID, source).String()
	last := "0"
	if text[len(text)-1] == '0' {
		last = "1"
	}
	return text[:len(text)-1] + last
}

var malformedKinds = []struct {
	reason schemas.RejectReason
	do     func(p *Postback, v url.Values)
}{
	{schemas.RejectMissingClickID, func(_ *Postback, v url.Values) { v.Del("click_id") }},
	{schemas.RejectUnknownNetwork, func(_ *Postback, v url.Values) { v.Set("network", "nobody") }},
	{schemas.RejectUnknownStatus, func(_ *Postback, v url.Values) { v.Set("status", "perhaps") }},
	{schemas.RejectBadEvent, func(_ *Postback, v url.Values) { v.Set("event", "first deposit!") }},
	{schemas.RejectBadPayout, func(_ *Postback, v url.Values) {
		v.Set("network", "leadbay") // which may not correct what it paid
		v.Del("status")
		v.Set("payout", "-12.50")
	}},
	{schemas.RejectBadPayout, func(_ *Postback, v url.Values) { v.Set("payout", "twelve") }},
	{schemas.RejectBadCurrency, func(_ *Postback, v url.Values) { v.Set("currency", "EURO") }},
	{schemas.RejectNoExchangeRate, func(_ *Postback, v url.Values) { v.Set("currency", "JPY") }},
	{schemas.RejectBadTimestamp, func(_ *Postback, v url.Values) { v.Set("ts", "yesterday") }},
	{schemas.RejectUnexpandedMacro, func(_ *Postback, v url.Values) { v.Set("payout", "{payout}") }},
	{schemas.RejectTooLong, func(_ *Postback, v url.Values) { v.Set("txid", strings.Repeat("9", schemas.MaxTxIDBytes+1)) }},
	{schemas.RejectBadText, func(p *Postback, v url.Values) { v.Del("txid"); p.Query = v.Encode() + "&txid=%FF%FE" }},
	{schemas.RejectBadBody, func(p *Postback, _ url.Values) {
		p.Query, p.Type, p.Body = "network=shopline", "application/json", `{"click_id": `
	}},
	{schemas.RejectMalformedClickID, func(_ *Postback, v url.Values) { v.Set("click_id", "wUUUUUUUUUUUUUUUUU123456") }},
}

// orphan answers a postback with another tracker's click ID that no click ever had.
func (g *Generator) orphan(like *Postback) Step {
	g.postbacks++
	p := &Postback{Number: g.postbacks, Network: "", Event: "sale", Status: "approved", Payout: "14.00", Currency: "USD",
		TxID: fmt.Sprintf("o%s-%d", g.options.Salt, g.postbacks), EventMS: g.nowMS, ClickID: g.foreignID(), Orphan: true}
	for _, n := range g.scenario.Networks {
		if n.AllowForeign {
			p.Network, p.Word = n.Name, n.Words["approved"]
		}
	}
	return Step{Postback: p, lane: g.random.Uint64()}
}
