package loadgen

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// CatalogYAML writes the scenario as the section `catalog:` of the configuration file, for a system that is to be fed with
// it.
func (s *Scenario) CatalogYAML() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("catalog:")
	line("  base_currency: %s", s.BaseCurrency)
	if s.Secret != "" {
		line("  click_id_keys: {active: %d, keys: {%d: %q}}", s.KeyID, s.KeyID, s.Secret)
	}
	line("  campaigns:")
	for _, c := range s.Campaigns {
		page := ""
		if c.Landing != "" {
			page = ", landings: [" + c.Landing + "]"
		}
		owner := ""
		if c.Buyer != "" || c.Team != "" || len(c.Tags) > 0 {
			owner = fmt.Sprintf(", buyer: %q, team: %q, tags: [%s]", c.Buyer, c.Team, strings.Join(c.Tags, ", "))
		}
		line("    - {id: %d, name: %s, offers: [%s]%s, cost: %q, currency: %s, allow_foreign_click_ids: %t%s}",
			c.ID, c.Name, c.Offer, page, c.Cost, c.Currency, c.AllowForeign, owner)
	}
	if len(s.Landings) > 0 {
		line("  landings:")
	}
	for _, l := range s.Landings {
		line("    - {id: %d, name: %s, url: %q}", l.ID, l.Name, l.URL)
	}
	line("  sources:")
	for _, src := range s.Sources {
		names := ""
		if len(src.Names) > 0 {
			var list []string
			for _, sub := range slices.Sorted(maps.Keys(src.Names)) {
				list = append(list, sub+": "+src.Names[sub])
			}
			names = ", names: {" + strings.Join(list, ", ") + "}"
		}
		line("    - {id: %d, name: %s, currency: %s%s}", src.ID, src.Name, src.Currency, names)
	}
	line("  offers:")
	for _, o := range s.Offers {
		goal := ""
		if len(o.Goal) > 0 {
			goal = ", goal: [" + strings.Join(o.Goal, ", ") + "]"
		}
		line("    - {id: %d, name: %s, url: %q, payout: %q, currency: %s%s}",
			o.ID, o.Name, o.URL, o.Payout, o.Currency, goal)
	}
	line("  networks:")
	for _, n := range s.Networks {
		line("    - name: %s", n.Name)
		line("      currency: %s", n.Currency)
		line("      default_event: %s", n.DefaultEvent)
		line("      default_status: %s", n.DefaultStatus)
		line("      allow_foreign_click_ids: %t", n.AllowForeign)
		line("      blank_txid_is_new: %t", n.BlankTxIDIsNew)
		if n.Corrects {
			line("      negative_payout: correct")
		}
		if n.ConfirmedOnly {
			line("      revenue: confirmed")
		}
		if len(s.From) > 0 {
			line("      trust: {allow: [%s]}", strings.Join(s.From, ", "))
		}
		line("      statuses:")
		for _, status := range slices.Sorted(maps.Keys(n.Words)) {
			line("        %q: %s", n.Words[status], status)
		}
	}
	line("  exchange_rates:")
	for _, r := range s.Rates {
		line("    - {currency: %s, date: %s, rate: %q}", r.Currency, r.Date, r.Rate)
	}
	return b.String()
}
