package oracle

import (
	"fmt"
	"slices"
	"time"

	"tributary/schemas/events"
)

// own gives a click everything that the edge takes of the catalog and of the visit and that a ledger entry has of its
// click: owners, the offer's goal, the source's own names, place, machine, page. The owners, the goal and the names
// beside IDs are other ones in the second half of most runs, so that a postback comes when its click's are not in force
// any more.
func (g *generator) own(c *events.Click, at time.Duration) {
	r := g.owned
	c.OfferId = uint32(1 + r.IntN(3))
	c.Offer, c.Goals = g.name("offer", c.OfferId, at), g.goal(c.OfferId, at)
	if r.IntN(3) == 0 {
		c.LandingId = uint32(1 + r.IntN(2))
		c.Landing = g.name("landing", c.LandingId, at)
	}
	if c.CampaignId > 1 { // the first is nobody's
		c.Buyer, c.Team = g.name("buyer", c.CampaignId, at), g.name("team", c.CampaignId, at)
		c.Tags = []string{"tag", g.name("tag", c.CampaignId, at)}[:c.CampaignId-1]
		slices.Sort(c.Tags)
	}
	if c.Keyword == "" {
		c.Keyword = pick(r, "", "shoes", "red shoes")
	}
	c.Creative = pick(r, "", "banner1", "banner2")
	c.City, c.Region = pick(r, "", "Berlin", "Lyon"), pick(r, "", "Berlin", "Auvergne-Rhône-Alpes")
	c.Asn, c.AsOrg = uint32(r.IntN(3)), pick(r, "", "An Organisation", "Another")
	c.ConnectionType, c.Hosting = pick(r, "", "cellular", "cable_dsl"), r.IntN(8) == 0
	c.Os, c.OsVersion = pick(r, "Android", "iOS", ""), pick(r, "", "14", "17.1")
	c.Browser, c.BrowserVersion = pick(r, "Chrome", "Safari", ""), pick(r, "", "120", "17")
	if c.Bot != "" {
		c.BotClass = pick(r, "search", "ai")
	}
	c.Language, c.ReferrerDomain = pick(r, "", "de", "pt-br"), pick(r, "", "news.example", "blog.example")
	g.call(c, at)
}

// goal is what an offer declares: the first nothing, the third another goal in the second half of a run.
func (g *generator) goal(offer uint32, at time.Duration) []string {
	switch {
	case offer == 1:
		return nil
	case offer == 2:
		return []string{"ftd", "sale"}
	case at > g.s.Active/2:
		return []string{"lead", "reg"}
	}
	return []string{"ftd"}
}

// call fills in the source's own names. Source 0 is undeclared and has none, the first says of two of its subs what
// they are, the second has all of them, of subs or not.
func (g *generator) call(c *events.Click, at time.Duration) {
	r := g.owned
	switch c.SourceId {
	case 1:
		if len(c.Subs) > 1 {
			c.Zone, c.AdName = c.Subs[1], c.Subs[0]
		}
	case 2:
		c.Zone, c.ZoneName = fmt.Sprint("z", r.IntN(5)), g.name("zone", 1, at)
		c.Site, c.Placement = pick(r, "", "site.example", "a"), pick(r, "", "top", "side")
		c.AdCampaign, c.AdCampaignName = fmt.Sprint(10+r.IntN(2)), g.name("autumn", 2, at)
		c.Adset, c.AdsetName = fmt.Sprint(20+r.IntN(2)), g.name("adset", 3, at)
		c.Ad, c.AdName = fmt.Sprint(30+r.IntN(2)), g.name("ad", 4, at)
	}
}

// confirmed is what a network's owner chose at a time: one always counts confirmed money, two change their minds.
func (g *generator) confirmed(network string, at time.Duration) bool {
	switch network {
	case "zeta":
		return true
	case "casino":
		return (g.s.Seed%2 == 0) == (at > g.s.Active/2)
	case "acme":
		return g.s.Seed%3 == 0 && at > g.s.Active/2
	}
	return false
}

// funnel is what a casino sends of a player: a registration, a first deposit, deposits that follow and payments again,
// most of them on hold at first.
func (g *generator) funnel(c *events.Click, clickAt time.Duration) {
	r, at := g.owned, clickAt
	for _, event := range []string{"reg", "ftd", "redeposit", "rebill", "rebill"}[:1+r.IntN(5)] {
		g.txids++
		txid := fmt.Sprint("player", g.txids)
		for _, status := range [][]events.Status{{approved}, {pending, approved}, {pending, rejected}, {pending}}[r.IntN(4)] {
			at += between(r, 100*time.Millisecond, 40*time.Second)
			pb := &events.Postback{Network: "casino", Event: event, Txid: txid, Status: status, MaxConversions: 1000}
			if event != "reg" {
				pb.HasPayout, pb.PayoutMicros, pb.PayoutBaseMicros, pb.Currency = true, 3_000_000, 3_300_000, "EUR"
			}
			g.told(r, c, at, pb, "of a funnel")
		}
	}
}

const (
	pending  = events.Status_STATUS_PENDING
	approved = events.Status_STATUS_APPROVED
	rejected = events.Status_STATUS_REJECTED
)
