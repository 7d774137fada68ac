package catalog

import (
	"strings"
	"testing"

	"tributary/catalog/dialect"
	"tributary/schemas/events"
)

// TestDialectMistakes holds that each mistake names its key and says what would be right.
func TestDialectMistakes(t *testing.T) {
	for _, c := range []struct {
		field, right string
		change       func(*Config)
	}{
		{"networks[0].dialect", "keitaro", func(c *Config) { c.Networks[0].Dialect = "Keitarro" }},
		{"networks[0].params.commission", "payout", func(c *Config) { c.Networks[0].Params = map[string]string{"commission": "money"} }},
		{"networks[0].params.auth", "trust.token_parameter", func(c *Config) { c.Networks[0].Params = map[string]string{"auth": "token"} }},
		{"networks[0].params.network", "call it otherwise", func(c *Config) { c.Networks[0].Params = map[string]string{"network": "txid"} }},
		{"networks[0].params.", "1 to 64 bytes", func(c *Config) { c.Networks[0].Params = map[string]string{"": "txid"} }},
		{"networks[0].events.2", "a-z 0-9", func(c *Config) { c.Networks[0].Events = map[string]string{"2": "First deposit"} }},
		{"networks[0].unknown_status", "approved", func(c *Config) { c.Networks[0].UnknownStatus = "ignore" }},
		{"networks[0].decimal", "point (1,234.50), comma", func(c *Config) { c.Networks[0].Decimal = "dot" }},
		{"sources[0].decimal", "point (1,234.50), comma", func(c *Config) { c.Sources[0].Decimal = "dot" }},
		{"networks[0].time_zone", "Europe/Berlin", func(c *Config) { c.Networks[0].TimeZone = "MSK" }},
		{"networks[0].dates", "dmy (31/01/2026)", func(c *Config) { c.Networks[0].Dates = "ymd" }},
		{"networks[0].negative_payout", "correct or refuse", func(c *Config) { c.Networks[0].NegativePayout = "Correct" }},
		{"networks[0].txid_scope", "network (one", func(c *Config) { c.Networks[0].TxIDScope = "global" }},
		{"networks[0].txid_scope", "or click (it", func(c *Config) { c.Networks[0].TxIDScope = "Click" }},
		{"networks[0].statuses.ok", "approved", func(c *Config) { c.Networks[0].Statuses["ok"] = "" }},
		{"networks[0].trust.token_parameter", "another name", func(c *Config) {
			c.Networks[0].Dialect = "affise"
			c.Networks[0].Trust = TrustConfig{Tokens: map[string]Secret{"a": "a token of the tests"}, TokenParameter: "sum"}
		}},
		{"networks[0].trust.tokens.a", "at least 16", func(c *Config) {
			c.Networks[0].Dialect, c.Networks[0].Trust.Tokens = "tune", map[string]Secret{"a": "e89bcbe"}
		}},
		{"networks[0].trust.tokens.a", "at least 7", func(c *Config) {
			c.Networks[0].Dialect, c.Networks[0].Trust.Tokens = "keitaro", map[string]Secret{"a": "e89bcb"}
		}},
		{"sources[0].link_params.zone", "sub1", func(c *Config) { c.Sources[0].LinkParams = map[string]string{"zone": "sub21"} }},
		{"campaigns[0].aliases[1]", "a-z", func(c *Config) { c.Campaigns[0].Aliases = []string{"fine", "a/b"} }},
		{"campaigns[0].aliases[0]", `"summer"`, func(c *Config) { c.Campaigns[0].Aliases = []string{"summer"} }},
		{"campaigns[0].aliases[1]", "a path of the edge itself", func(c *Config) { c.Campaigns[0].Aliases = []string{"fine", "metrics"} }},
		{"campaigns[0].aliases", "at most 64", func(c *Config) { c.Campaigns[0].Aliases = strings.Split(strings.Repeat("a b ", 40), " ") }},
	} {
		cfg := parse(t, example)
		c.change(&cfg)
		_, err := Build(cfg)
		if err == nil || !strings.Contains(err.Error(), c.field+": ") || !strings.Contains(err.Error(), c.right) {
			t.Errorf("%s is answered %v, which should say %s", c.field, err, c.right)
		}
	}
}

// TestNegativePayout: a network's own word counts before its dialect's.
func TestNegativePayout(t *testing.T) {
	for _, d := range dialect.All {
		for word, want := range map[string]bool{"": d == &dialect.Voluum, "correct": true, "refuse": false} {
			cfg := parse(t, example)
			n := &cfg.Networks[0]
			n.Dialect, n.NegativePayout = d.Name, word
			cat, err := Build(cfg)
			if err != nil {
				t.Fatal(err)
			}
			if got := cat.Network([]byte(n.Name)).Corrects; got != want {
				t.Errorf("%s, negative_payout %q: corrects is %t", d.Name, word, got)
			}
		}
	}
}

// TestTxIDScope: a network's own word counts before its dialect's.
func TestTxIDScope(t *testing.T) {
	perClick := map[*dialect.Dialect]bool{&dialect.Keitaro: true, &dialect.Voluum: true, &dialect.FunnelFlux: true, &dialect.Prosper202: true}
	for _, d := range dialect.All {
		for word, want := range map[string]bool{"": perClick[d], "click": true, "network": false} {
			cfg := parse(t, example)
			n := &cfg.Networks[0]
			n.Dialect, n.TxIDScope = d.Name, word
			cat, err := Build(cfg)
			if err != nil {
				t.Fatal(err)
			}
			scope := events.TxidScope_TXID_SCOPE_NETWORK
			if want {
				scope = events.TxidScope_TXID_SCOPE_CLICK
			}
			if got := cat.Network([]byte(n.Name)).TxIDScope; got != scope {
				t.Errorf("%s, txid_scope %q: %s, want %s", d.Name, word, got, scope)
			}
		}
	}
}

// TestCustomPostback holds what a network's own section adds to its dialect.
func TestCustomPostback(t *testing.T) {
	cfg := parse(t, example)
	n := &cfg.Networks[0]
	n.Dialect, n.DefaultStatus, n.UnknownStatus = "tune", "pending", "registered"
	n.Params, n.Events = map[string]string{"amount": "payout", "adv_sub": "txid", "result": "status"}, map[string]string{"3": "ftd"}
	cat, err := Build(cfg)
	if err != nil {
		t.Fatal(err)
	}
	p := cat.NetworkOf(&dialect.TUNE).Postback
	for query, want := range map[string]struct {
		event, payout, txid string
		status              events.Status
	}{
		"transaction_id=a&amount=5&adv_sub=o&goal_id=3": {"ftd", "5", "o", events.Status_STATUS_PENDING},
		"transaction_id=a&result=strange&goal_id=4":     {"4", "", "", events.Status_STATUS_REGISTERED},
		"transaction_id=a&result=ok":                    {"", "", "", events.Status_STATUS_APPROVED},
	} {
		r := &dialect.Reading{}
		p.ReadQuery(r, []byte(query))
		v, problem := p.Interpret(r)
		if problem != nil || v.Event != want.event || string(v.Payout) != want.payout || string(v.TxID) != want.txid || v.Status != want.status {
			t.Errorf("%s is %+v, %v", query, v, problem)
		}
	}
	if cat.NetworkOf(&dialect.Native) != nil || cat.Speaks(&dialect.Keitaro) || !cat.Speaks(&dialect.TUNE) {
		t.Error("the dialects of the catalog are not those of its networks")
	}
}

// TestAliases holds that an alias leads to its campaign, also before a later campaign's name is known.
func TestAliases(t *testing.T) {
	cfg := parse(t, example)
	cfg.Campaigns = append(cfg.Campaigns, cfg.Campaigns[0])
	cfg.Campaigns[1].ID, cfg.Campaigns[1].Name = 2, "winter"
	cfg.Campaigns[0].Aliases = []string{"8JdJ4D", "0f6f8a04-1b7c-4a57-9d1c-2f1b5a3e7c90"}
	cat, err := Build(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, alias := range cfg.Campaigns[0].Aliases {
		if c := cat.Campaign([]byte(alias)); c == nil || c.Name != "summer" {
			t.Errorf("%s leads to %+v", alias, c)
		}
	}
	cfg.Campaigns[0].Aliases = []string{"winter"}
	if _, err := Build(cfg); err == nil || !strings.Contains(err.Error(), `campaigns[0].aliases[0]: "winter" leads to campaign "winter" already`) {
		t.Errorf("another campaign's name as an alias is answered %v", err)
	}
}
