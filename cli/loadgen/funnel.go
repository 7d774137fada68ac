package loadgen

import (
	"cmp"
	"fmt"
	"time"
)

// A Landing is a page between a click and its offer.
type Landing struct {
	ID   uint32
	Name string
	URL  string
}

// landingLinks is the least part of a landing page's clicks that come through the link while presses are sent: the edge sends nobody to
// a page whose click was brought in long after it happened.
const landingLinks = .5

// FunnelScenario is [DefaultScenario] with showings that are counted in two campaigns and landing pages in two. The catalogs of both fit
// the same data.
func FunnelScenario(now time.Time) *Scenario {
	s := DefaultScenario(now)
	for i, name := range []string{"tea-story", "credit-quiz"} {
		s.Landings = append(s.Landings, Landing{ID: uint32(i + 1), Name: name, URL: "https://" + name + ".example/?click={click_id}"})
	}
	for i := range s.Campaigns {
		switch c := &s.Campaigns[i]; c.Name {
		case "us-tea-native":
			c.Landing, c.PressRate = "tea-story", .35
		case "uk-credit-native":
			c.CTR, c.Landing, c.PressRate = .11, "credit-quiz", .5
		case "fr-tea-social":
			c.CTR = .16
		}
	}
	return s
}

// funnel makes what stands around clicks: showings before them, presses after them. It draws from a sequence of its own.
type funnel struct {
	// showings spread each campaign's impressions; perClick is how many steps a click has beside itself, on average.
	showings map[*Campaign]*showings
	perClick float64
	// ahead are steps that were made and not given out.
	ahead []Step
	lane  uint64
}

// showings is the due impressions of one campaign.
type showings struct{ perClick, sum float64 }

func (g *Generator) prepareFunnel() error {
	o := &g.options
	for name, share := range map[string]float64{"impressions": o.Impressions, "landing pages' presses": o.Presses} {
		if share < 0 || share > 1 {
			return fmt.Errorf("the share of %s is %.2f; it must be from 0 to 1", name, share)
		}
	}
	g.funnel.showings = map[*Campaign]*showings{}
	all := g.campaigns.sums[len(g.campaigns.sums)-1]
	before := 0.0
	for i := range g.scenario.Campaigns {
		c := &g.scenario.Campaigns[i]
		share := (g.campaigns.sums[i] - before) / all
		before = g.campaigns.sums[i]
		if c.CTR > 0 && o.Impressions > 0 {
			g.funnel.showings[c] = &showings{perClick: o.Impressions / c.CTR}
			g.funnel.perClick += share * o.Impressions / c.CTR
		}
		g.funnel.perClick += share * g.linkRate(c) * c.PressRate * o.Presses
	}
	return nil
}

// linkRate is the part of a campaign's clicks that come through its link.
func (g *Generator) linkRate(c *Campaign) float64 {
	if c.Landing != "" && g.options.Presses > 0 && g.options.Links > 0 {
		return max(g.options.Links, landingLinks)
	}
	return g.options.Links
}

// around answers the first of a click's showings and keeps the others and the click for the next calls; its visitor's own is the
// last. Without any it answers the click.
func (g *Generator) around(step Step) Step {
	c := step.Click
	if c.seesPage() && g.visitors.Float64() < c.Campaign.PressRate*g.options.Presses {
		g.schedule(Step{Press: c, lane: step.lane}, g.nowMS+int64(3_000+g.visitors.IntN(60_000)))
	}
	due := g.funnel.showings[c.Campaign]
	if due == nil {
		return step
	}
	// Between a half and one and a half of the campaign's mean, so that its ratio is not the same in every hour.
	for due.sum += due.perClick * (.5 + g.visitors.Float64()); due.sum >= 2; due.sum-- {
		g.funnel.lane++
		g.funnel.ahead = append(g.funnel.ahead, Step{Impression: g.showing(c), lane: g.funnel.lane})
	}
	if due.sum >= 1 {
		due.sum--
		own := &Impression{Campaign: c.Campaign, Source: c.Source, IP: c.IP, UserAgent: c.UserAgent, Language: c.Language, Creative: c.Creative}
		g.funnel.ahead = append(g.funnel.ahead, Step{Impression: own, lane: step.lane})
	}
	g.funnel.ahead = append(g.funnel.ahead, step)
	return g.takeAhead()
}

func (g *Generator) takeAhead() Step {
	step := g.funnel.ahead[0]
	g.funnel.ahead = g.funnel.ahead[1:]
	return step
}

// showing is the same ad before somebody who does not click.
func (g *Generator) showing(c *Click) *Impression {
	profile := g.agents.draw(g.visitors)
	country := g.countries[c.Campaign].draw(g.visitors)
	return &Impression{Campaign: c.Campaign, Source: c.Source, UserAgent: profile.UA, Language: cmp.Or(languages[country], "en-us"),
		IP: g.addresses.draw(g.visitors, country, profile.DeviceCategory == "mobile"), Creative: c.Creative}
}

// seesPage tells whether the edge sends the click to a landing page.
func (c *Click) seesPage() bool { return c.Link && !c.Foreign && c.Campaign.Landing != "" }
