package catalog

import (
	"fmt"
	"math"
	"testing"
)

const landingExample = `
base_currency: USD
click_id_keys: {active: 1, keys: {1: a secret of sixteen bytes}}
landings:
  - {id: 1, name: quiz, url: "https://land.example/quiz?click={click_id}"}
  - {id: 2, name: story, url: "https://land.example/story"}
  - {id: 3, name: unused, url: "https://land.example/unused"}
offers:
  - {id: 1, name: a, url: "https://a.example/"}
  - {id: 2, name: b, url: "https://b.example/"}
campaigns:
  - {id: 1, name: main, offers: [a, b], landings: [quiz, story], landing_weights: {story: 3}, cost_per_mille: "1.5"}
  - {id: 2, name: direct, offers: [a]}
`

// TestLandingRotation: shares are by weight, sticky, and say nothing about the visitor's offer.
func TestLandingRotation(t *testing.T) {
	main, direct := campaignOf(t, landingExample, "main"), campaignOf(t, landingExample, "direct")
	if direct.Landing(7) != nil || direct.ImpressionCostMicros != 0 || main.ImpressionCostMicros != 1500 {
		t.Errorf("%v, %d and %d micros", direct.Landing(7), direct.ImpressionCostMicros, main.ImpressionCostMicros)
	}
	const visitors = 40_000
	seen := map[string]int{}
	for i := range uint64(visitors) {
		page := main.Landing(mix(i))
		if page != main.Landing(mix(i)) {
			t.Fatal("a visitor got another page")
		}
		var tried Tried
		seen[page.Name]++
		seen[page.Name+" "+main.Rotation(&Visitor{}).Pick(mix(i), &tried).Name]++
	}
	for name, want := range map[string]float64{"quiz": .25, "story": .75, "quiz a": .125, "quiz b": .125, "story a": .375, "story b": .375} {
		if share := float64(seen[name]) / visitors; math.Abs(share-want) > .01 {
			t.Errorf("%s has a share of %.3f, want %.3f", name, share, want)
		}
	}
	if n := testing.AllocsPerRun(100, func() { main.Landing(9) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestLandingBreaks(t *testing.T) {
	for i, one := range []struct {
		field string
		apply func(*Config)
	}{
		{"landings[0].url", func(c *Config) { c.Landings[0].URL = "ftp://x.example/" }},
		{"landings[0].url", func(c *Config) { c.Landings[0].URL = "{click_id}" }},
		{"landings[0].id", func(c *Config) { c.Landings[0].ID = 0 }},
		{"landings[1].id", func(c *Config) { c.Landings[1].ID = 1 }},
		{"landings[1].name", func(c *Config) { c.Landings[1].Name = "quiz" }},
		{"landings[0].name", func(c *Config) { c.Landings[0].Name = "" }},
		{"campaigns[0].landings[1]", func(c *Config) { c.Campaigns[0].Landings[1] = "nowhere" }},
		{"campaigns[0].landings[1]", func(c *Config) { c.Campaigns[0].Landings[1] = "quiz" }},
		{"campaigns[0].landings", func(c *Config) { c.Campaigns[0].Landings = make([]string, MaxRotation+1) }},
		{"campaigns[0].landing_weights.unused", func(c *Config) { c.Campaigns[0].LandingWeights["unused"] = 1 }},
		{"campaigns[0].landing_weights.story", func(c *Config) { c.Campaigns[0].LandingWeights["story"] = -1 }},
		{"campaigns[0].landing_weights", func(c *Config) { c.Campaigns[0].LandingWeights = map[string]int{"quiz": 0, "story": 0} }},
		{"campaigns[0].cost_per_mille", func(c *Config) { c.Campaigns[0].CostPerMille = "0.0005" }},
		{"campaigns[0].cost_per_mille", func(c *Config) { c.Campaigns[0].CostPerMille = "-1" }},
	} {
		t.Run(fmt.Sprint(i, " ", one.field), func(t *testing.T) {
			cfg := parse(t, landingExample)
			one.apply(&cfg)
			_, err := Build(cfg)
			for _, field := range fieldsOf(err) {
				if field == one.field {
					return
				}
			}
			t.Errorf("answered by %v", err)
		})
	}
}
