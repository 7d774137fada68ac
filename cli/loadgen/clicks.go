package loadgen

import (
	"fmt"
	"strconv"
	"strings"

	"tributary/schemas"
)

// fraudBots are what the fraudulent source's robots call themselves when they do not lie: listed crawlers.
var fraudBots = []string{
	"Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
	"Mozilla/5.0 (compatible; SemrushBot/7~bl; +http://www.semrush.com/bot.html)",
	"python-requests/2.31.0",
}

var languages = map[string]string{"DE": "de", "AT": "de", "CH": "de", "BR": "pt-br", "MX": "es-mx", "AR": "es", "FR": "fr", "IT": "it", "ES": "es", "PL": "pl", "NL": "nl", "IN": "hi", "JP": "ja", "TH": "th", "GB": "en-gb"}

// click draws one visit at an event time.
func (g *Generator) click(atMS int64) *Click {
	campaign := &g.scenario.Campaigns[g.campaigns.draw(g.random)]
	source := &g.scenario.Sources[g.sources.draw(g.random)]
	c := &Click{Number: g.clicks, Campaign: campaign, Source: source, Offer: g.scenario.offer(campaign.Offer), EventMS: atMS}
	profile := g.agents.draw(g.random)
	c.UserAgent = profile.UA
	c.Country = g.countries[campaign].draw(g.random)
	c.IP = g.addresses.draw(g.random, c.Country, profile.DeviceCategory == "mobile")
	c.Language = languages[c.Country]
	if c.Language == "" || g.random.IntN(5) == 0 {
		c.Language = "en-us"
	}
	c.Subs = source.subs(fmt.Sprintf("zone%d", 100+g.random.IntN(400)), g.random.IntN(12), atMS)
	if g.random.IntN(3) > 0 {
		c.ExternalID = fmt.Sprintf("%016x", g.random.Uint64())
	}
	if strings.Contains(campaign.Name, "search") {
		c.Keyword = []string{"solar panels cost", "solaranlage förderung", "best solar quote", "免费 太阳能"}[g.random.IntN(4)]
	}
	c.Creative = fmt.Sprintf("creative-%d", g.random.IntN(6))
	// A third of the links carries no cost: the campaign's own counts.
	if g.random.IntN(3) > 0 {
		c.Currency = source.Currency
		c.Cost = amountText(g.scenario.roughly(micros(campaign.Cost), campaign.Currency, source.Currency) * int64(60+g.random.IntN(80)) / 100)
	}
	if source.Fraud {
		// Many clicks from few addresses, a part of them by listed robots.
		if g.random.IntN(2) == 0 {
			list := g.addresses.networks[c.Country]
			c.IP = ipv4(list[0] | uint32(1+g.random.IntN(2))).String()
		}
		if g.random.IntN(4) == 0 {
			c.UserAgent = fraudBots[g.random.IntN(len(fraudBots))]
		}
	}
	switch {
	case campaign.AllowForeign && g.options.Foreign > 0 && g.random.Float64() < min(.5, g.options.Foreign/.05):
		c.Foreign = true
		c.ID = g.foreignID()
	case g.random.Float64() < g.linkRate(campaign):
		c.Link = true
		c.EventMS = 0
	case g.dues["late"].share > 0 && g.options.WindowMS > 0 && g.random.Float64() < g.tooLateRate():
		c.EventMS = atMS - g.options.WindowMS - 60*60*1000
		minted := g.old.Click(g.ring, c.EventMS, campaign.ID, source.ID)
		c.ID, c.EventMS, c.late = minted.String(), minted.TimeMS(), true
	default:
		minted := g.minter.Click(g.ring, atMS, campaign.ID, source.ID)
		c.ID, c.EventMS = minted.String(), minted.TimeMS()
	}
	return c
}

// renamedEvery is how long an ad keeps its name; its number stays.
const renamedEvery = 10 * 60 * 1000

// subs are those of a link of the source.
func (s *Source) subs(zone string, adNumber int, atMS int64) []string {
	ad := fmt.Sprintf("ad%d", adNumber)
	if len(s.Names) == 0 {
		return []string{zone, "", ad}
	}
	name := fmt.Sprintf("Banner %d, version %d", adNumber, atMS/renamedEvery%2+1)
	own := map[string]string{"zone": zone, "ad": ad, "ad_name": name}
	var subs []string
	for i := range schemas.MaxSubs {
		subs = append(subs, own[s.Names["sub"+strconv.Itoa(i+1)]])
	}
	for subs[len(subs)-1] == "" {
		subs = subs[:len(subs)-1]
	}
	return subs
}

// tooLateRate is the part of the clicks that lie before the window, so that TooLate of the postbacks comes too late.
func (g *Generator) tooLateRate() float64 {
	perClick := .04
	if g.options.Postbacks > 0 {
		perClick = float64(g.options.Postbacks) / float64(g.options.Clicks)
	}
	return g.options.TooLate * perClick
}

// foreignID looks like another tracker's: shorter than ours, and with letters that ours lacks.
func (g *Generator) foreignID() string {
	return fmt.Sprintf("u%s%015x", g.options.Salt, g.random.Uint64()>>4)
}

// badClick answers a click request that the edge must refuse, each kind in turn.
func (g *Generator) badClick() Step {
	campaign, source := g.scenario.Campaigns[0].Name, g.scenario.Sources[0].Name
	kinds := []BadClick{
		{Refusal: schemas.RejectUnknownCampaign, Path: "/c/no-such-campaign?source=" + source},
		{Refusal: schemas.RejectUnknownCampaign, Body: fmt.Sprintf(`{"campaign":"no-such-campaign","source":%q}`, source)},
		{Refusal: schemas.RejectBadCost, Body: fmt.Sprintf(`{"campaign":%q,"source":%q,"cost":"1,5e"}`, campaign, source)},
		{Refusal: schemas.RejectBadCurrency, Body: fmt.Sprintf(`{"campaign":%q,"source":%q,"cost":"0.5","currency":"DOLLAR"}`, campaign, source)},
		{Refusal: schemas.RejectBadBody, Body: `{"campaign":`},
		{Refusal: schemas.RejectForeignClickID, Body: fmt.Sprintf(`{"campaign":%q,"source":%q,"click_id":"another-trackers-id"}`, campaign, source)},
		{Refusal: schemas.RejectForgedClickID, Body: fmt.Sprintf(`{"campaign":%q,"source":%q,"click_id":%q}`, campaign, source, g.forgedID())},
	}
	bad := kinds[g.badClickNext%len(kinds)]
	g.badClickNext++
	return Step{Bad: &bad, lane: g.random.Uint64()}
}
