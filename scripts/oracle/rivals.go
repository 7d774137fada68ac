package oracle

import (
	"fmt"
	"math/rand/v2"
	"time"

	"tributary/schemas/events"
)

// rivals are several networks that tell of one click alike: the same event type, the same transaction ID or none,
// each in its own order.
func (g *generator) rivals(c *events.Click, clickAt time.Duration) {
	r := g.several
	event, txid := pick(r, "lead", "sale"), pick(r, "", "", "same", "other")
	networks := []string{"acme", "zeta", ""}[:2+r.IntN(2)]
	at := clickAt
	if r.IntN(4) == 0 { // before the click, within the grace
		at = max(0, clickAt-between(r, 0, g.s.Grace/5))
	}
	for range 3 + r.IntN(6) {
		at += between(r, 100*time.Millisecond, 15*time.Second)
		pb := &events.Postback{
			Network: pick(r, networks...), Event: event, Txid: txid, Status: events.Status(r.IntN(6)),
			MaxConversions: pick(r, uint32(0), 1, 2, 1000), BlankTxidIsNew: txid == "" && r.IntN(6) == 0,
		}
		if r.IntN(3) > 0 {
			pb.HasPayout, pb.PayoutMicros, pb.Currency = true, 1_000_000*(r.Int64N(6)-1), "EUR"
			pb.PayoutBaseMicros = pb.PayoutMicros
		}
		g.told(r, c, at, pb, "of rivals")
	}
}

// numbers are a network's transaction IDs that come on many clicks, such as the number of a click's conversion; at
// times it is declared otherwise, so that they are its network's.
func (g *generator) numbers(c *events.Click, clickAt time.Duration) {
	r := g.several
	const click = events.TxidScope_TXID_SCOPE_CLICK
	scope := pick(r, click, click, click, events.TxidScope_TXID_SCOPE_NETWORK, events.TxidScope_TXID_SCOPE_UNSPECIFIED)
	at := clickAt
	for i := range 1 + r.IntN(3) {
		at += between(r, 100*time.Millisecond, 30*time.Second)
		pb := &events.Postback{
			Network: "numbers", Event: "step", Txid: fmt.Sprint("step", i+1), Status: events.Status_STATUS_APPROVED,
			TxidScope: scope, MaxConversions: 1000,
			HasPayout: true, PayoutMicros: 1_000_000, PayoutBaseMicros: 1_000_000, Currency: "EUR",
		}
		g.told(r, c, at, pb, "of numbers")
	}
}

// told sends a postback of a click, at times twice, with what the edge adds to it.
func (g *generator) told(r *rand.Rand, c *events.Click, at time.Duration, pb *events.Postback, note string) {
	g.receipts++
	pb.ReceiptId, pb.ClickId = fmt.Sprintf("r%08d%017d", g.s.Seed, g.receipts), c.ClickId
	pb.Raw, pb.Foreign = []byte("raw"), c.Foreign
	pb.EventMs, pb.ReceivedMs, pb.ConfirmedOnly = g.unixMS(at), g.unixMS(at), g.confirmed(pb.Network, at)
	if !c.Foreign {
		pb.CampaignId, pb.Campaign, pb.SourceId, pb.Source = c.CampaignId, c.Campaign, c.SourceId, c.Source
	}
	value, _ := pb.MarshalVT()
	note = fmt.Sprintf("postback %s of %s: %s %s %s %s %d %s", pb.ReceiptId, c.ClickId, pb.Network, pb.Event, pb.Txid,
		statusWord(pb.Status), pb.PayoutMicros, note)
	g.s.Inputs = append(g.s.Inputs, Input{At: at, Topic: "postbacks", Key: c.ClickId, Value: value, Note: note})
	if r.IntN(12) == 0 {
		at += between(r, 0, 40*time.Second)
		g.s.Inputs = append(g.s.Inputs, Input{At: at, Topic: "postbacks", Key: c.ClickId, Value: value, Note: note + " again"})
	}
}
