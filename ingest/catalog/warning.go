package catalog

import (
	"fmt"
	"slices"
	"strings"
)

// Warnings are what a right configuration may be meant otherwise in, each beginning with the path of the key inside the section.
func (c *Config) Warnings() (list []string) {
	for i := range c.Campaigns {
		list = append(list, c.costBehindPages(i)...)
	}
	return list
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
