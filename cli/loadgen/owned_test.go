package loadgen

import (
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"tributary/catalog"
)

// TestSourcesSubs: a click has its source's zone and ad where the source says, an ad's name changes beside its number,
// and what nobody names is where it always was.
func TestSourcesSubs(t *testing.T) {
	scenario := DefaultScenario(time.Now())
	of := func(name string) *Source {
		for i := range scenario.Sources {
			if scenario.Sources[i].Name == name {
				return &scenario.Sources[i]
			}
		}
		t.Fatalf("there is no source %s", name)
		return nil
	}
	for _, c := range []struct {
		source, want string
		atMS         int64
	}{
		{"push-harbor", "zone7||ad3|Banner 3, version 1", 0},
		{"push-harbor", "zone7||ad3|Banner 3, version 2", renamedEvery},
		{"native-river", "ad3|||zone7", 0},
		{"popwave", "|zone7", 0},
		{FraudSource, "zone7", 0},
		{"search-plus", "zone7||ad3", 0},
	} {
		if got := strings.Join(of(c.source).subs("zone7", 3, c.atMS), "|"); got != c.want {
			t.Errorf("%s: %s, %s would be right", c.source, got, c.want)
		}
	}
}

// TestCatalogTrusts: where it is known who sends the postbacks, the catalog that a scenario prints takes them from
// nobody else, and the edge has nothing to warn of.
func TestCatalogTrusts(t *testing.T) {
	scenario := DefaultScenario(time.Now())
	for _, from := range [][]string{nil, {"127.0.0.1", "10.0.0.0/8"}} {
		scenario.From = from
		var file struct{ Catalog catalog.Config }
		if err := yaml.Unmarshal([]byte(scenario.CatalogYAML()), &file); err != nil {
			t.Fatal(err)
		}
		if _, err := catalog.Build(file.Catalog); err != nil {
			t.Fatal(err)
		}
		want := 0
		if from == nil {
			want = len(scenario.Networks)
		}
		if list := file.Catalog.Warnings(); len(list) != want {
			t.Errorf("postbacks from %q: warned of %q, %d lines would be right", from, list, want)
		}
	}
}

// TestCatalogOwned: the catalog that a scenario prints says whose campaigns are, what counts, and what names mean.
func TestCatalogOwned(t *testing.T) {
	var file struct{ Catalog catalog.Config }
	if err := yaml.Unmarshal([]byte(DefaultScenario(time.Now()).CatalogYAML()), &file); err != nil {
		t.Fatal(err)
	}
	built, err := catalog.Build(file.Catalog)
	if err != nil {
		t.Fatal(err)
	}
	campaign := func(name string) *catalog.Campaign { return built.Campaign([]byte(name)) }
	if c := campaign("de-reels-push"); c.Owner.Buyer != "ben" || c.Owner.Team != "core" ||
		strings.Join(c.Owner.Tags, "+") != "de+push" {
		t.Errorf("de-reels-push is of %+v", c.Owner)
	}
	if c := campaign("moved-from-old-tracker"); c.Owner.Buyer != "" || c.Owner.Team != "" || len(c.Owner.Tags) != 0 {
		t.Errorf("moved-from-old-tracker is of %+v", c.Owner)
	}
	if s := built.Source([]byte("native-river")); len(s.NamedSubs) != 2 ||
		s.NamedSubs[0] != (catalog.NamedSub{Sub: 0, Name: catalog.Ad}) ||
		s.NamedSubs[1] != (catalog.NamedSub{Sub: 3, Name: catalog.Zone}) {
		t.Errorf("native-river has the names %v", s.NamedSubs)
	}
	goals := map[string]string{}
	for _, o := range file.Catalog.Offers {
		goals[o.Name] = strings.Join(o.Goal, "+")
	}
	if goals["lucky-reels"] != "ftd" || goals["aposta-certa"] != "" || goals["credit-check"] != "lead" {
		t.Errorf("the goals are %v", goals)
	}
	for _, n := range file.Catalog.Networks {
		if (n.Revenue == "confirmed") != (n.Name == "leadbay") {
			t.Errorf("%s has revenue %q", n.Name, n.Revenue)
		}
	}
}
