package loadgen

import (
	"fmt"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"tributary/catalog"
)

func collectFunnel(t *testing.T, o Options) []Step {
	t.Helper()
	g, err := NewGenerator(FunnelScenario(o.End), o)
	if err != nil {
		t.Fatal(err)
	}
	var steps []Step
	for step, more := g.Next(); more; step, more = g.Next() {
		steps = append(steps, step)
	}
	if total := g.Total(); total < len(steps)*9/10 || total > len(steps)*11/10 {
		t.Errorf("Total says %d steps, there are %d", total, len(steps))
	}
	return steps
}

func TestFunnelsStandAroundTheirClicks(t *testing.T) {
	o := testOptions()
	o.Impressions, o.Presses = 1, 1
	clicked, pressed, shown := map[*Click]bool{}, map[*Click]bool{}, map[*Campaign]int{}
	clicks, views, presses := map[*Campaign]int{}, map[*Campaign]int{}, map[*Campaign]int{}
	var own *Impression
	for _, s := range collectFunnel(t, o) {
		switch {
		case s.Impression != nil:
			shown[s.Impression.Campaign]++
			own = s.Impression
		case s.Press != nil:
			if !clicked[s.Press] || pressed[s.Press] {
				t.Fatal("a button was pressed before its click, or twice")
			}
			pressed[s.Press] = true
			presses[s.Press.Campaign]++
		case s.Click != nil && !s.Again:
			clicked[s.Click] = true
			clicks[s.Click.Campaign]++
			if s.Click.seesPage() {
				views[s.Click.Campaign]++
			}
			if s.Click.Campaign.CTR > 0 && (own == nil || own.Campaign != s.Click.Campaign || own.IP != s.Click.IP) {
				t.Fatalf("the showing before a click is %+v, not its visitor's own", own)
			}
		}
	}
	near := func(what string, part, of int, want, tolerance float64) {
		t.Helper()
		if got := float64(part) / float64(max(1, of)); got < want-tolerance || got > want+tolerance {
			t.Errorf("%s: %.3f (%d of %d), want about %.3f", what, got, part, of, want)
		}
	}
	seen := 0
	for c, n := range clicks {
		if c.CTR > 0 {
			seen++
			near(c.Name+"'s CTR", n, shown[c], c.CTR, .01)
		} else if shown[c] > 0 {
			t.Errorf("%s shows no ads that are counted, but has %d impressions", c.Name, shown[c])
		}
		if c.Landing != "" {
			seen++
			near(c.Name+"'s visits of the page", views[c], n, landingLinks, .06)
			near(c.Name+"'s presses", presses[c], views[c], c.PressRate, .06)
		} else if presses[c] > 0 {
			t.Errorf("%s has no landing page, but %d presses", c.Name, presses[c])
		}
	}
	if seen != 4 {
		t.Errorf("%d funnels, want 4", seen)
	}
}

func TestFunnelsAreOnDemandAndSeeded(t *testing.T) {
	describe := func(impressions, presses float64) string {
		o := testOptions()
		o.Clicks, o.Postbacks, o.Impressions, o.Presses = 3000, 150, impressions, presses
		text := ""
		for _, s := range collectFunnel(t, o) {
			switch {
			case s.Impression != nil:
				text += fmt.Sprintln("i", s.Impression.Campaign.Name, s.Impression.Source.Name, s.Impression.IP, s.Impression.UserAgent)
			case s.Press != nil:
				text += fmt.Sprintln("l", s.Press.Number)
			}
		}
		return text
	}
	if describe(0, 0) != "" {
		t.Error("funnels that nobody asked for")
	}
	first := describe(1, 1)
	if first == "" || first != describe(1, 1) {
		t.Error("the same seed made other funnels, or none")
	}
	if half := describe(.5, .5); len(half) < len(first)/3 || len(half) > len(first)*2/3 {
		t.Errorf("half the share made %d bytes of %d", len(half), len(first))
	}
	for _, share := range []float64{-.1, 1.1} {
		o := testOptions()
		o.Impressions = share
		if _, err := NewGenerator(FunnelScenario(o.End), o); err == nil {
			t.Errorf("a share of %v is accepted", share)
		}
	}
}

func TestCatalogsBuild(t *testing.T) {
	for name, s := range map[string]*Scenario{"default": DefaultScenario(time.Now()), "funnel": FunnelScenario(time.Now())} {
		var file struct{ Catalog catalog.Config }
		if err := yaml.Unmarshal([]byte(s.CatalogYAML()), &file); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		built, err := catalog.Build(file.Catalog)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, c := range s.Campaigns {
			page := ""
			if l := built.Campaign([]byte(c.Name)).Landing(1); l != nil {
				page = l.Name
			}
			if page != c.Landing {
				t.Errorf("%s: %s leads to page %q, want %q", name, c.Name, page, c.Landing)
			}
		}
	}
}

func TestTruthHoldsTrafficExactly(t *testing.T) {
	s := FunnelScenario(time.Now())
	truth := NewTruth(s, 0)
	c := &Click{Campaign: &s.Campaigns[6], Source: &s.Sources[0], Offer: s.offer(s.Campaigns[6].Offer), Cost: "0.10", Currency: "USD", EventMS: time.Now().UnixMilli(), Link: true}
	shown := &Impression{Campaign: c.Campaign, Source: c.Source}
	truth.impression(shown)
	truth.impression(shown)
	truth.click(c)
	truth.press(c)
	check := func(impressions, views, presses int64, want int) {
		t.Helper()
		got := truth.compareGroups(map[Group]*Totals{group(c): {Clicks: 1, CostMicros: 100_000, Impressions: impressions, LandingViews: views, LandingClicks: presses}})
		if len(got) != 2*want { // over all, and of the group
			t.Errorf("%d impressions, %d views, %d presses: %v, want %d differences", impressions, views, presses, got, want)
		}
	}
	check(2, 1, 1, 0)
	check(1, 1, 1, 1)
	check(3, 1, 1, 1)
	check(2, 0, 2, 2)
	truth.doubtImpression(shown)
	truth.doubtPress(c)
	check(3, 1, 2, 0)
	check(4, 1, 0, 2)
}
