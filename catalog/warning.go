package catalog

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tributary/schemas"
)

// Warnings are what a right configuration may be meant otherwise in, each beginning with the path of the key inside the section.
func (c *Config) Warnings() (list []string) {
	for i := range c.Campaigns {
		list = append(list, c.costBehindPages(i)...)
	}
	if warning := c.goalless(); warning != "" {
		list = append(list, warning)
	}
	for i := range c.Networks {
		if warning := c.unproved(i); warning != "" {
			list = append(list, warning)
		}
	}
	return list
}

// sensibleConversions is the bound that the warning, the example, docker-compose.yml and docs/trust.md name: room for
// every event of one visitor, a registration, a sale and some that come again, and far below the 1000 of no bound.
const sensibleConversions = 10

// unproved: a network that asks for no proof is believed by a click ID alone.
func (c *Config) unproved(at int) string {
	n := &c.Networks[at]
	if len(n.Trust.HMACKeys)+len(n.Trust.Tokens)+len(n.Trust.Allow) > 0 {
		return ""
	}
	count, most := "as many conversions as a click may have (1000)", "up to 1000000000 each"
	if n.MaxConversions > 0 {
		count = fmt.Sprintf("max_conversions_per_click (%d) conversions", n.MaxConversions)
	}
	if n.MaxPayout != "" {
		most = strings.TrimSpace("up to max_payout ("+n.MaxPayout+" "+cmp.Or(n.Currency, c.BaseCurrency)) + ") each"
	}
	bounds := ""
	if n.MaxConversions == 0 || n.MaxPayout == "" {
		bounds = fmt.Sprintf("; in any case bound it: max_payout: \"150\", max_conversions_per_click: %d, which must have room for all its events of one visitor: "+
			"a registration, a sale, deposits that come again", sensibleConversions)
	}
	return fmt.Sprintf("networks[%d].trust: is missing: network %s is believed without proof. Whoever has seen a click ID, as every visitor has in his address bar, can book %s of it, %s. "+
		"Right would be, in networks[%d], trust: {tokens: {first: \"…\"}} with what `openssl rand -hex 16` prints, which the network's postback URL then carries as token=… "+
		"(`tributary link postback --network %s --show-token`, with the same --config, writes it), or trust: {allow: [203.0.113.0/24]} with the addresses that it sends from%s",
		at, n.Name, count, most, at, n.Name, bounds)
}

// costBehindPages: the edge keeps nothing of a click, so that a button knows a cost that the click's link named only from its page.
func (c *Config) costBehindPages(at int) []string {
	const macro = "{cost}"
	campaign := &c.Campaigns[at]
	names := slices.Clone(campaign.Offers)
	for _, r := range campaign.Rules {
		names = append(names, r.Offers...)
	}
	names = append(names, campaign.FallbackOffer)
	var offers []string
	for _, o := range c.Offers {
		if slices.Contains(names, o.Name) && strings.Contains(o.URL, macro) {
			offers = append(offers, o.Name)
		}
	}
	if len(offers) == 0 {
		return nil
	}
	var list []string
	for i, name := range campaign.Landings {
		for _, page := range c.Landings {
			if page.Name == name && !strings.Contains(page.URL, macro) {
				list = append(list, fmt.Sprintf("campaigns[%d].landings[%d]: behind landing page %s the %s of offer %s is the campaign's cost, also of a click whose link names another; "+
					"right would be %s in the page's url, which its button passes on: /l/{click_id}?cost=…", at, i, name, macro, strings.Join(offers, ", "), macro))
			}
		}
	}
	return list
}

// goalless: a registration, a first deposit and the next one of a visitor are three conversions of an offer without a goal.
func (c *Config) goalless() string {
	var without []string
	first := -1
	for i, o := range c.Offers {
		if len(o.Goal) == 0 {
			without = append(without, o.Name)
			if first < 0 {
				first = i
			}
		}
	}
	if first < 0 {
		return ""
	}
	for i, n := range c.Networks {
		types := slices.Compact(slices.Sorted(maps.Values(n.Events)))
		types = slices.DeleteFunc(types, func(t string) bool { return t == schemas.EventRebill }) // it never counts
		if len(types) < 2 {
			continue
		}
		return fmt.Sprintf("offers[%d].goal: is missing, and networks[%d].events has the event types %s: each counts as a conversion of an offer without a goal, so that cr, ar and ap "+
			"of these offers mix them: %s. Right would be, in each, the event types that count, such as goal: [%s]; every other one then has a count of its own",
			first, i, strings.Join(types, ", "), strings.Join(without, ", "), types[0])
	}
	return ""
}
