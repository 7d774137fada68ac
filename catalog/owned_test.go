package catalog

import (
	"reflect"
	"strings"
	"testing"

	"tributary/schemas"
)

func TestOwnersAndNames(t *testing.T) {
	cfg := parse(t, example)
	cfg.Campaigns[0].Buyer, cfg.Campaigns[0].Team, cfg.Campaigns[0].Tags = "ann", "push", []string{"nutra", "de"}
	cfg.Sources[0].Names = map[string]string{"sub3": "ad", "sub1": "zone", "sub20": "ad_name"}
	cat, err := Build(cfg)
	if err != nil {
		t.Fatal(err)
	}
	campaign, source := cat.Campaign([]byte(cfg.Campaigns[0].Name)), cat.Source([]byte(cfg.Sources[0].Name))
	if want := (Owner{"ann", "push", []string{"de", "nutra"}}); !reflect.DeepEqual(campaign.Owner, want) {
		t.Errorf("the owner is %+v, %+v would be right", campaign.Owner, want)
	}
	if want := []NamedSub{{0, Zone}, {19, AdName}, {2, Ad}}; !reflect.DeepEqual(source.NamedSubs, want) {
		t.Errorf("the names are %+v, %+v would be right", source.NamedSubs, want)
	}
	for i, name := range SourceNames() {
		if SourceName(i).String() != name {
			t.Errorf("name %d is %s and %s", i, SourceName(i), name)
		}
	}
	if AdName.String() != "ad_name" || len(SourceNames()) != int(AdName)+1 {
		t.Errorf("the names are %q", SourceNames())
	}
}

func TestOwnersAndNamesRefuse(t *testing.T) {
	names := func(sub, name string) func(*Config) {
		return func(c *Config) { c.Sources[0].Names = map[string]string{"sub2": "zone", sub: name} }
	}
	tags := func(tags ...string) func(*Config) { return func(c *Config) { c.Campaigns[0].Tags = tags } }
	for _, c := range []struct {
		field, right string
		change       func(*Config)
	}{
		{"sources[0].names.sub21", "sub1 to sub20", names("sub21", "ad")},
		{"sources[0].names.sub0", "sub1 to sub20", names("sub0", "ad")},
		{"sources[0].names.sub01", "sub1 to sub20", names("sub01", "ad")},
		{"sources[0].names.zoneid", "sub1 to sub20", names("zoneid", "ad")},
		{"sources[0].names.sub1", "they are zone, zone_name", names("sub1", "Zone ID")},
		{"sources[0].names.sub3", "sub2 is zone already", names("sub3", "zone")},
		{"campaigns[0].buyer", "at most 64", func(c *Config) { c.Campaigns[0].Buyer = strings.Repeat("a", schemas.MaxNameBytes+1) }},
		{"campaigns[0].team", "nobody sees", func(c *Config) { c.Campaigns[0].Team = "a\u202eb" }},
		{"campaigns[0].buyer", "nobody sees", func(c *Config) { c.Campaigns[0].Buyer = " ann" }},
		{"networks[0].revenue", "gross (money on hold counts) or confirmed", func(c *Config) { c.Networks[0].Revenue = "net" }},
		{"offers[0].goal[0]", "a-z 0-9", func(c *Config) { c.Offers[0].Goal = []string{"First deposit"} }},
		{"offers[0].goal[0]", "never counts as a conversion", func(c *Config) { c.Offers[0].Goal = []string{"rebill"} }},
		{"offers[0].goal[1]", "twice", func(c *Config) { c.Offers[0].Goal = []string{"ftd", "ftd"} }},
		{"offers[0].goal", "at most 16", func(c *Config) { c.Offers[0].Goal = strings.Split(strings.Repeat("a ", 17), " ") }},
		{"campaigns[0].tags", "at most 16", tags(strings.Split(strings.Repeat("a ", 17), " ")...)},
		{"campaigns[0].tags[1]", "leave it out", tags("a", "")},
		{"campaigns[0].tags[2]", "twice", tags("a", "b", "a")},
	} {
		cfg := parse(t, example)
		c.change(&cfg)
		_, err := Build(cfg)
		if err == nil || !strings.Contains(err.Error(), c.field+": ") || !strings.Contains(err.Error(), c.right) {
			t.Errorf("%s is answered %v, which should say %s", c.field, err, c.right)
		}
	}
}
