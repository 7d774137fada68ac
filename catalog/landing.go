package catalog

import (
	"fmt"
	"maps"
	"math"
	"slices"
)

// LandingConfig is one landing page: what a visitor sees between the click and the offer.
type LandingConfig struct {
	ID   int    `yaml:"id" doc:"number of the landing page, 1 to 4294967295; never reuse it for another one"`
	Name string `yaml:"name" doc:"name, at most 64 bytes"`
	URL  string `yaml:"url" doc:"where clicks are sent, with macros such as {click_id}; the page's button leads to /l/{click_id}, with cost={cost} behind it if the offer's link has {cost}: else the button knows the campaign's cost only"`
}

// Landing is a declared landing page: ID, Name and URL. One rotation serves pages and offers, so that it is an offer without money.
type Landing Offer

// traffic is what a campaign declares beside its offers.
type traffic struct {
	// ImpressionCostMicros is what an impression costs when the link names no cost, in the campaign's currency.
	ImpressionCostMicros int64

	landings *Rotation // nil for none
}

// landingSalt keeps the rotation of pages apart from that of offers: campaign numbers are below it.
const landingSalt = 1 << 20

// Landing returns the landing page of a visitor, always the same, or nil when the campaign has none. It does not allocate.
func (c *Campaign) Landing(visitor uint64) *Landing {
	if c.landings == nil {
		return nil
	}
	var tried Tried
	return (*Landing)(c.landings.Pick(visitor, &tried))
}

// traffic reads what a campaign declares beside its offers. pages are the declared landing pages by name.
func (b *builder) traffic(field string, campaign uint32, cfg *CampaignConfig, pages map[string]*Offer) (t traffic) {
	mille := b.amount(field+".cost_per_mille", cfg.CostPerMille)
	if t.ImpressionCostMicros = mille / 1000; mille%1000 != 0 {
		b.problem(field+".cost_per_mille", "%q is not a multiple of 0.001: an impression's cost is kept to 0.000001", cfg.CostPerMille)
	}
	if len(cfg.Landings) > MaxRotation {
		b.problem(field+".landings", "has %d landing pages, at most %d are allowed", len(cfg.Landings), MaxRotation)
		return t
	}
	var list []*Offer
	var weights []int
	some := false
	for i, name := range cfg.Landings {
		at := fmt.Sprintf("%s.landings[%d]", field, i)
		page := pages[name]
		if page == nil {
			b.problem(at, "no landing page is named %q; the landing pages are %s", name, names(pages))
			continue
		}
		if slices.Contains(cfg.Landings[:i], name) {
			b.problem(at, "the landing page %q is there twice; give it a weight instead", name)
			continue
		}
		weight, weighted := cfg.LandingWeights[name]
		if !weighted {
			weight = 1
		}
		some = some || weight > 0
		list, weights = append(list, page), append(weights, weight)
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.LandingWeights)) {
		at := field + ".landing_weights." + name
		if !slices.Contains(cfg.Landings, name) {
			b.problem(at, "the landing page %q is not in the list landings; add it or leave its weight out", name)
		}
		if weight := cfg.LandingWeights[name]; weight < 0 || weight > maxWeight {
			b.problem(at, "the weight %d is not from 0 to %d", weight, maxWeight)
		}
	}
	if len(list) > 0 && !some {
		b.problem(field+".landing_weights", "every landing page has the weight 0; give one of them more")
	}
	if some {
		t.landings = newRotation(campaign|landingSalt, list, weights)
	}
	return t
}

// landings checks the declared landing pages and answers them by name.
func (b *builder) landings(list []LandingConfig) map[string]*Offer {
	pages, byID := map[string]*Offer{}, map[uint32]string{}
	for i, l := range list {
		field := fmt.Sprintf("landings[%d]", i)
		b.name(field, l.Name, false)
		b.number(field, l.ID, math.MaxUint32)
		out := &Offer{ID: uint32(l.ID), Name: l.Name}
		link, err := ParseTemplate(l.URL)
		if err != nil {
			b.problem(field+".url", "%v", err)
		}
		out.URL = link
		if _, taken := pages[l.Name]; taken {
			b.problem(field+".name", "another landing page is named %q", l.Name)
		}
		if other, taken := byID[out.ID]; taken {
			b.problem(field+".id", "landing page %q has the number %d already", other, l.ID)
		}
		pages[l.Name], byID[out.ID] = out, l.Name
	}
	return pages
}
