package catalog

import (
	"os"
	"regexp"
	"strconv"
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

// TestUnprovedNetworks: each network that is believed without proof is told of once, with what to write.
func TestUnprovedNetworks(t *testing.T) {
	secret := map[string]Secret{"a": "long enough, sixteen bytes"}
	c := Config{BaseCurrency: "USD", Networks: []NetworkConfig{
		{Name: "signs", Trust: TrustConfig{HMACKeys: secret}},
		{Name: "open"},
		{Name: "shows", Trust: TrustConfig{Tokens: secret}},
		{Name: "limited", Trust: TrustConfig{PostbacksPerSecond: 5}, MaxPayout: "150", MaxConversions: 2},
		{Name: "listed", Trust: TrustConfig{Allow: []string{"203.0.113.7"}}},
	}}
	got := c.Warnings()
	if len(got) != 2 {
		t.Fatalf("%q", got)
	}
	for i, wants := range [][]string{
		{"networks[1].trust: ", "network open ", "1000", "up to 1000000000 each", `trust: {tokens: {first: "…"}}`, "openssl rand -hex 16", "allow: [203.0.113.0/24]", `max_payout: "150", max_conversions_per_click: 10, which must have room for all its events of one visitor`},
		{"networks[3].trust: ", "network limited ", "max_conversions_per_click (2) conversions", "max_payout (150 USD) each"},
	} {
		for _, want := range wants {
			if !strings.Contains(got[i], want) {
				t.Errorf("%q is not in %s", want, got[i])
			}
		}
	}
	if strings.Contains(got[1], "in any case") {
		t.Errorf("a bounded network is told to bound itself: %s", got[1])
	}
	// What it says to write must not be right as it stands there: everybody could read that token.
	if _, err := Build(trusting(TrustConfig{Tokens: map[string]Secret{"first": "…"}})); err == nil {
		t.Error("the example's token is taken")
	}
}

// TestBoundsAgree: a network with a registration and a sale needs two conversions of a click, and one with deposits more.
// The example, the roles' file of docker-compose.yml and the page name the number that the warning does.
func TestBoundsAgree(t *testing.T) {
	for _, file := range []string{"../deploy/tributary.example.yaml", "../deploy/docker/tributary.yaml", "../docs/trust.md"} {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(`max_conversions_per_click: *(\d+)`).FindAllSubmatch(raw, -1)
		if len(found) == 0 {
			t.Errorf("%s bounds no network", file)
		}
		for _, match := range found {
			if string(match[1]) != strconv.Itoa(sensibleConversions) {
				t.Errorf("%s says %s, %d would be right", file, match[0], sensibleConversions)
			}
		}
	}
}

// TestGoalless: who has offers of several event types is told once to say which of them count.
func TestGoalless(t *testing.T) {
	events := map[string]string{"1": "reg", "2": "ftd", "3": "ftd"}
	secret := TrustConfig{Tokens: map[string]Secret{"a": "long enough, sixteen bytes"}}
	c := Config{
		Offers:   []OfferConfig{{Name: "counted", Goal: []string{"ftd"}}, {Name: "a"}, {Name: "b"}},
		Networks: []NetworkConfig{{Name: "one", Events: map[string]string{"7": "sale"}, Trust: secret}, {Name: "casino", Events: events, Trust: secret}},
	}
	got := c.Warnings()
	if len(got) != 1 {
		t.Fatalf("%q", got)
	}
	for _, want := range []string{"offers[1].goal: ", "networks[1].events has the event types ftd, reg", "mix them: a, b.", "goal: [ftd]"} {
		if !strings.Contains(got[0], want) {
			t.Errorf("%q is not in %s", want, got[0])
		}
	}
	c.Networks = c.Networks[:1]
	if got := c.Warnings(); len(got) != 0 {
		t.Errorf("one event type is warned of: %q", got)
	}
	c.Networks[0].Events["8"] = "rebill"
	if got := c.Warnings(); len(got) != 0 {
		t.Errorf("payments again are warned of: %q", got)
	}
	c.Networks = []NetworkConfig{{Name: "casino", Events: events, Trust: secret}}
	c.Offers = c.Offers[:1]
	if got := c.Warnings(); len(got) != 0 {
		t.Errorf("offers with goals are warned of: %q", got)
	}
}
