package catalog

import (
	"strings"
	"testing"
)

// TestCostBehindPages: who wants a cost where only the page can bring it is told so.
func TestCostBehindPages(t *testing.T) {
	c := Config{
		Offers: []OfferConfig{{Name: "plain", URL: "https://o.example/"}, {Name: "priced", URL: "https://o.example/?c={cost}"}},
		Landings: []LandingConfig{
			{Name: "silent", URL: "https://l.example/?click={click_id}"}, {Name: "telling", URL: "https://l.example/?click={click_id}&cost={cost}"},
		},
		Campaigns: []CampaignConfig{
			{Name: "no page", Offers: []string{"priced"}},
			{Name: "no cost", Offers: []string{"plain"}, Landings: []string{"silent"}},
			{Name: "passed on", Offers: []string{"priced"}, Landings: []string{"telling"}},
			{Name: "lost", Offers: []string{"priced", "plain"}, Landings: []string{"telling", "silent"}},
			{Name: "by a rule", Offers: []string{"plain"}, Rules: []RuleConfig{{Offers: []string{"priced"}}}, Landings: []string{"silent"}},
			{Name: "by the fallback", Offers: []string{"plain"}, FallbackOffer: "priced", Landings: []string{"silent"}},
		},
	}
	var where []string
	for _, w := range c.Warnings() {
		path, text, _ := strings.Cut(w, ": ")
		where = append(where, path)
		if !strings.Contains(text, "landing page silent") || !strings.Contains(text, "offer priced") || !strings.Contains(text, "/l/{click_id}?cost=") {
			t.Error(w)
		}
	}
	if got, want := strings.Join(where, " "), "campaigns[3].landings[1] campaigns[4].landings[0] campaigns[5].landings[0]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
