package catalog

import (
	"strings"
	"testing"
)

func TestRulesOfNetworks(t *testing.T) {
	campaign := func(rules ...RuleConfig) (*Campaign, error) {
		for i := range rules {
			rules[i].Offers = []string{"special"}
		}
		cat, err := Build(Config{BaseCurrency: "USD", ClickIDKeys: KeysConfig{Active: 1, Keys: map[int]Secret{1: "0123456789abcdef0123456789abcdef"}},
			Offers:    []OfferConfig{{ID: 1, Name: "usual", URL: "https://a.example/"}, {ID: 2, Name: "special", URL: "https://b.example/"}},
			Campaigns: []CampaignConfig{{ID: 1, Name: "main", Offers: []string{"usual"}, Rules: rules}}})
		if err != nil {
			return nil, err
		}
		return cat.Campaign([]byte("main")), nil
	}
	for _, test := range []struct {
		name string
		rule RuleConfig
		v    Visitor
		want bool
	}{
		{"its system", RuleConfig{ASNs: []int{7922, 3320}}, Visitor{ASN: 3320}, true},
		{"another system", RuleConfig{ASNs: []int{7922, 3320}}, Visitor{ASN: 1}, false},
		{"unknown is not a system", RuleConfig{ASNs: []int{7922}}, Visitor{}, false},
		{"unknown on purpose", RuleConfig{ASNs: []int{0}}, Visitor{}, true},
		{"a connection", RuleConfig{ConnectionTypes: []string{"cellular", "cable_dsl"}}, Visitor{ConnectionType: "cellular"}, true},
		{"another connection", RuleConfig{ConnectionTypes: []string{"cellular"}}, Visitor{ConnectionType: "corporate"}, false},
		{"no connection", RuleConfig{ConnectionTypes: []string{"unknown"}}, Visitor{}, true},
		{"hosting", RuleConfig{Hosting: "yes"}, Visitor{Hosting: true}, true},
		{"not hosting", RuleConfig{Hosting: "yes"}, Visitor{}, false},
		{"no hosting wanted", RuleConfig{Hosting: "no"}, Visitor{}, true},
		{"hosting not wanted", RuleConfig{Hosting: "no"}, Visitor{Hosting: true}, false},
		{"all of them", RuleConfig{ASNs: []int{5}, ConnectionTypes: []string{"cellular"}, Hosting: "no", Bot: "no"}, Visitor{ASN: 5, ConnectionType: "cellular"}, true},
		{"all but one", RuleConfig{ASNs: []int{5}, ConnectionTypes: []string{"cellular"}, Hosting: "no", Bot: "no"}, Visitor{ASN: 5, ConnectionType: "cellular", Bot: true}, false},
	} {
		c, err := campaign(test.rule)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		var tried Tried
		if got := c.Rotation(&test.v).Pick(1, &tried).Name == "special"; got != test.want {
			t.Errorf("%s: %+v fulfils the rule: %v", test.name, test.v, got)
		}
		if n := testing.AllocsPerRun(100, func() { c.Rotation(&test.v) }); n != 0 {
			t.Errorf("%s: %v allocations", test.name, n)
		}
	}
	for field, rule := range map[string]RuleConfig{
		"asns[1]":             {ASNs: []int{1, -1}},
		"asns[0]":             {ASNs: []int{1 << 32}},
		"connection_types[0]": {ConnectionTypes: []string{"Cable/DSL"}},
		"connection_types[1]": {ConnectionTypes: []string{"cellular", ""}},
		"hosting":             {Hosting: "maybe"},
	} {
		if _, err := campaign(rule); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestMacrosOfPlaces(t *testing.T) {
	template, err := ParseTemplate("https://a.example/{city}?r={region}&n={asn}&t={connection_type}")
	if err != nil {
		t.Fatal(err)
	}
	got := string(template.Append(nil, &Values{City: "São Paulo/..", Region: "a&b", ASN: "64496", ConnectionType: "cable_dsl"}))
	if want := "https://a.example/S%C3%A3o%20Paulo%2F?r=a%26b&n=64496&t=cable_dsl"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := string(template.Append(nil, &Values{})); got != "https://a.example/?r=&n=&t=" {
		t.Errorf("got %s", got)
	}
}
