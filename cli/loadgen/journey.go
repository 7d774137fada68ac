package loadgen

import (
	"fmt"
	"math"
	"time"
)

// journey schedules the postbacks of one converting click. When it is this journey's turn to be early it answers the first
// postback instead, for the caller to send before the click, and for how long the click may be held back at most: until
// its second postback.
func (g *Generator) journey(c *Click) (first *Step, holdMS int64) {
	j := journey{g: g, c: c, n: g.scenario.network(c.Offer.Network), atMS: g.nowMS, secondMS: math.MaxInt64}
	bound := maxDelay / 4
	if c.Link {
		bound = maxLinkDelay / 4
	}
	delay := g.delay(c.Offer, bound)
	if c.Source.Fraud {
		delay = int64(900 + g.random.IntN(3000))
	}
	if c.late {
		delay = g.options.WindowMS + int64(1+g.random.IntN(30*60*1000))
	}
	// Only a first postback can be early; the share is of all.
	j.early = !c.Foreign && !c.Link && !c.late && g.dues["early"].take()
	j.delayMS = delay
	switch {
	case c.late:
		j.send("sale", "approved", j.payout(), j.txid())
	case c.Offer.Funnel == FunnelLead:
		j.lead()
	case c.Offer.Funnel == FunnelGaming:
		j.gaming()
	case c.Offer.Funnel == FunnelRebill:
		j.rebill()
	default:
		j.sale()
	}
	return j.first, max(1, j.secondMS-1)
}

type journey struct {
	g *Generator
	c *Click
	n *Network
	// atMS is the click's time on the generator's clock; delayMS the next postback's time after it.
	atMS, delayMS int64
	early         bool
	first         *Step
	// secondMS is the delay of the first postback that is not early.
	secondMS int64
}

func (j *journey) sale() {
	g := j.g
	txid := j.txid()
	payout := j.payout()
	// A named payout is varied; one in five leaves it to the offer, unless the click may not be known yet.
	if !j.early && g.random.IntN(5) == 0 {
		payout = ""
	}
	if g.random.IntN(3) > 0 {
		j.send("sale", "approved", payout, txid)
	} else {
		j.send("sale", "pending", payout, txid)
		j.wait(2 * time.Hour)
		if g.random.IntN(4) == 0 {
			j.send("sale", "rejected", "", txid)
			return
		}
		j.send("sale", "approved", "", txid)
	}
	switch g.random.IntN(25) {
	case 0:
		j.wait(3 * time.Hour)
		j.send("sale", "chargeback", "", txid)
	case 1:
		// The network corrects what it pays.
		j.wait(time.Hour)
		j.send("sale", "approved", j.payout(), txid)
	case 2:
		// An older status arrives after a newer one.
		j.wait(time.Minute)
		j.send("sale", "pending", "", txid)
	case 3:
		// The network takes back what it paid, more or less.
		if j.n.Corrects {
			j.wait(2 * time.Hour)
			j.send("sale", "approved", "-"+j.payout(), txid)
		}
	}
}

func (j *journey) lead() {
	payout := ""
	if j.early || j.g.random.IntN(2) == 0 {
		payout = j.payout()
	}
	j.send("lead", "pending", payout, "")
	switch n := j.g.random.IntN(10); {
	case n < 5:
		j.wait(3 * time.Hour)
		j.send("lead", "approved", "", "")
	case n < 8:
		j.wait(2 * time.Hour)
		j.send("lead", "rejected", "", "")
	}
}

func (j *journey) gaming() {
	g := j.g
	player := j.txid()
	payout := "0"
	j.send("reg", "registered", payout, player)
	if g.random.IntN(3) > 0 {
		return
	}
	j.wait(30 * time.Minute)
	j.send("ftd", "pending", j.payout(), player)
	j.wait(4 * time.Hour)
	switch g.random.IntN(5) {
	case 0:
		j.send("ftd", "rejected", "", player)
		return
	case 1:
		return
	}
	j.send("ftd", "approved", "", player)
	for range g.random.IntN(3) {
		j.wait(time.Hour)
		j.send("rdep", "approved", amountText(int64(5+g.random.IntN(60))*1_255_000), j.txid())
	}
	if g.random.IntN(20) == 0 {
		j.wait(2 * time.Hour)
		j.send("ftd", "chargeback", "", player)
	}
}

func (j *journey) rebill() {
	for n := range 1 + j.g.random.IntN(3) {
		if n > 0 {
			j.wait(3 * time.Hour)
		}
		j.send("rebill", "approved", j.payout(), "")
	}
}

func (j *journey) wait(median time.Duration) {
	bound := maxDelay
	if j.c.Link {
		median /= 20
		bound = maxLinkDelay
	}
	j.delayMS = min(j.delayMS+1000+j.g.later(median), bound.Milliseconds())
}

// payout varies the offer's payout around what was declared, as networks do.
func (j *journey) payout() string {
	declared := micros(j.c.Offer.Payout)
	return amountText(declared * int64(90+j.g.random.IntN(21)) / 100)
}

// txid answers a transaction ID of its own; the fraudulent source uses few on many clicks.
func (j *journey) txid() string {
	if j.c.Source.Fraud && j.g.random.IntN(3) == 0 {
		return j.g.fraudTxIDs[j.g.random.IntN(len(j.g.fraudTxIDs))]
	}
	j.g.transactions++
	return fmt.Sprintf("t%s-%d", j.g.options.Salt, j.g.transactions)
}

func (j *journey) send(event, status, payout, txid string) {
	g := j.g
	g.made++
	g.dues["early"].sum += g.dues["early"].share
	g.postbacks++
	p := &Postback{Number: g.postbacks, Click: j.c, Network: j.n.Name, Event: event, Status: status, Word: j.n.Words[status], Payout: payout, TxID: txid}
	if payout != "" {
		p.Currency = j.c.Offer.Currency
		if g.random.IntN(8) == 0 {
			p.Currency = "USD"
		}
	}
	if status == j.n.DefaultStatus && g.random.IntN(4) == 0 {
		p.Word = ""
	}
	if j.c.Link {
		p.AfterClickMS = j.delayMS
	} else {
		p.EventMS = j.c.EventMS + j.delayMS
	}
	step := Step{Postback: p, lane: uint64(j.c.Number)}
	if j.early && j.first == nil {
		p.Early = true
		j.first = &step
		return
	}
	at := j.atMS + j.delayMS
	j.secondMS = min(j.secondMS, j.delayMS)
	if j.c.late {
		at = j.atMS + int64(g.random.IntN(60_000))
	}
	g.schedule(step, at)
}
