package catalog

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"tributary/catalog/dialect"
	"tributary/schemas"
	"tributary/schemas/events"
	"tributary/schemas/fuzzbound"
)

const example = `
base_currency: USD
click_id_keys: { active: 1, keys: { 1: "00112233445566778899aabbccddeeff", 2: plain text of sixteen or more } }
campaigns: [ {id: 1, name: summer, offers: [casino-de], cost: "0.02", source: pushads} ]
sources: [ {id: 1, name: pushads, currency: EUR} ]
offers: [ {id: 1, name: casino-de, url: "https://offer.example/land?sub={click_id}&c={country}", payout: "25.00", currency: EUR} ]
networks: [ {name: acme, currency: USD, default_event: sale, default_status: pending, statuses: {OK: approved, hold: pending}} ]
exchange_rates:
  - {currency: EUR, date: 2026-02-01, rate: "1.20"}
  - {currency: EUR, date: 2026-01-01, rate: "1.10"}
`

func parse(t *testing.T, text string) Config {
	t.Helper()
	var cfg Config
	if err := yaml.Unmarshal([]byte(text), &cfg); err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestBuildFromYAML(t *testing.T) {
	cat, err := Build(parse(t, example))
	if err != nil {
		t.Fatal(err)
	}
	c := cat.Campaign([]byte("summer"))
	if c == nil || cat.CampaignByID(1) != c || c.CostMicros != 20_000 || c.Currency.Code != "USD" || c.Source != cat.Source([]byte("pushads")) || c.Offers[0].PayoutMicros != 25_000_000 {
		t.Errorf("campaign %+v", c)
	}
	if cat.Campaign([]byte("winter")) != nil || cat.Source(nil) != nil || cat.Network([]byte("ACME")) != nil || cat.Currency([]byte("GBP")) != nil {
		t.Error("something undeclared was found")
	}
	n := cat.DefaultNetwork()
	if n == nil || n.Name != "acme" || cat.NetworkOf(&dialect.Native) != n {
		t.Fatalf("default network %+v", n)
	}
	for word, want := range map[string]events.Status{
		"": events.Status_STATUS_PENDING, "ok": events.Status_STATUS_APPROVED, "HOLD": events.Status_STATUS_PENDING, "rejected": events.Status_STATUS_REJECTED, "paid": 0,
	} {
		r := &dialect.Reading{}
		n.Postback.ReadQuery(r, []byte("status="+word))
		if got, problem := n.Postback.Interpret(r); (problem == nil) != (want != 0) || problem == nil && got.Status != want {
			t.Errorf("status word %q means %v, %v", word, got.Status, problem)
		}
	}
}

func TestRateOfTheDay(t *testing.T) {
	cat, err := Build(parse(t, example))
	if err != nil {
		t.Fatal(err)
	}
	eur := cat.Currency([]byte("EUR"))
	for _, c := range []struct {
		at    string
		want  int64
		dated bool
	}{
		{"2025-12-31T23:59:59.999Z", 1_100_000, false}, {"2026-01-01T00:00:00Z", 1_100_000, true},
		{"2026-01-31T23:59:59.999Z", 1_100_000, true}, {"2026-02-01T00:00:00Z", 1_200_000, true}, {"2036-01-01T00:00:00Z", 1_200_000, true},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		rate, dated := eur.Rate(at.UnixMilli())
		if got, _ := rate.Convert(1_000_000); got != c.want || dated != c.dated {
			t.Errorf("1 EUR at %s is %d, %v; want %d, %v", c.at, got, dated, c.want, c.dated)
		}
	}
	if rate, dated := cat.Base().Rate(-1); !dated || rate != 1_000_000_000_000 {
		t.Errorf("the base currency's rate is %d, %v", rate, dated)
	}
}

// TestBuildNamesEveryProblem breaks one thing after another, then all at once.
func TestBuildNamesEveryProblem(t *testing.T) {
	breaks := []struct {
		field string
		apply func(*Config)
	}{
		{"base_currency", func(c *Config) { c.BaseCurrency = "usd" }},
		{"click_id_keys.active", func(c *Config) { c.ClickIDKeys.Active = 9 }},
		{"click_id_keys.keys.2", func(c *Config) { c.ClickIDKeys.Keys[2] = "short" }},
		{"click_id_keys.keys.300", func(c *Config) { c.ClickIDKeys.Keys[300] = "long enough for a secret" }},
		{"exchange_rates[0].rate", func(c *Config) { c.ExchangeRates[0].Rate = "1,2" }},
		{"exchange_rates[0].date", func(c *Config) { c.ExchangeRates[0].Date = "01.02.2026" }},
		{"exchange_rates[1].currency", func(c *Config) { c.ExchangeRates[1].Currency = "euro" }},
		{"exchange_rates[1]", func(c *Config) { c.ExchangeRates[1] = c.ExchangeRates[0] }},
		{"sources[0].id", func(c *Config) { c.Sources[0].ID = 1 << 20 }},
		{"sources[1].name", func(c *Config) { c.Sources = append(c.Sources, SourceConfig{ID: 2, Name: "pushads"}) }},
		{"sources[0].currency", func(c *Config) { c.Sources[0].Currency = "GBP" }},
		{"offers[0].url", func(c *Config) { c.Offers[0].URL = "https://offer.example/{clickid}" }},
		{"offers[0].payout", func(c *Config) { c.Offers[0].Payout = "-1" }},
		{"offers[1].id", func(c *Config) { c.Offers = append(c.Offers, OfferConfig{ID: 1, Name: "b", URL: "https://b.example/"}) }},
		{"campaigns[0].offers[0]", func(c *Config) { c.Campaigns[0].Offers[0] = "casino" }},
		{"campaigns[0].offers", func(c *Config) { c.Campaigns[0].Offers = nil }},
		{"campaigns[0].source", func(c *Config) { c.Campaigns[0].Source = "nobody" }},
		{"campaigns[0].name", func(c *Config) { c.Campaigns[0].Name = "sommer & co" }},
		{"campaigns[0].cost", func(c *Config) { c.Campaigns[0].Cost = "cheap" }},
		{"networks[0].default_status", func(c *Config) { c.Networks[0].DefaultStatus = "paid" }},
		{"networks[0].default_event", func(c *Config) { c.Networks[0].DefaultEvent = "First Deposit" }},
		{"networks[0].statuses.hold", func(c *Config) { c.Networks[0].Statuses["hold"] = "on hold" }},
		{"networks[0].statuses.ok", func(c *Config) { c.Networks[0].Statuses["ok"] = "rejected" }},
	}
	for _, one := range breaks {
		cfg := parse(t, example)
		one.apply(&cfg)
		cat, err := Build(cfg)
		if fields := fieldsOf(err); cat != nil || !slices.Contains(fields, one.field) {
			t.Errorf("breaking %s is answered by %v", one.field, err)
		}
	}
	cfg := parse(t, example)
	cfg.BaseCurrency, cfg.ClickIDKeys.Active, cfg.Offers[0].Payout, cfg.Networks[0].DefaultStatus = "", 7, "x", "x"
	_, err := Build(cfg)
	for _, field := range []string{"base_currency", "click_id_keys.active", "offers[0].payout", "networks[0].default_status"} {
		if !slices.Contains(fieldsOf(err), field) {
			t.Errorf("%s is not among the problems: %v", field, err)
		}
	}
}

func fieldsOf(err error) (fields []string) {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return nil
	}
	for _, one := range joined.Unwrap() {
		var problem *schemas.FieldError
		if errors.As(one, &problem) {
			fields = append(fields, problem.Field)
		}
	}
	return fields
}

func TestSecretsAreNeverPrinted(t *testing.T) {
	cfg := parse(t, example)
	written, err := yaml.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	_, buildErr := Build(Config{BaseCurrency: "USD", ClickIDKeys: KeysConfig{Active: 1, Keys: map[int]Secret{1: "sixteen"}}})
	all := fmt.Sprintf("%v %+v %#v %s %s %v", cfg, cfg, cfg, cfg.ClickIDKeys.Keys[2], written, buildErr)
	for _, secret := range []string{"0011223344", "plain text of", "sixteen"} {
		if strings.Contains(all, secret) {
			t.Errorf("%q can be read in %s", secret, all)
		}
	}
}

func TestTemplate(t *testing.T) {
	values := &Values{ClickID: "id1", Keyword: "a b&c=d\r\nX: y", Source: "..", Subs: []string{"", "zwei/ü"}}
	for text, want := range map[string]string{
		"https://o.example/l?s={click_id}&k={keyword}": "https://o.example/l?s=id1&k=a%20b%26c%3Dd%0D%0AX%3A%20y",
		"http://o.example/{source}/{sub2}":             "http://o.example//zwei%2F%C3%BC",
		"https://o.example/?a={source}{sub1}{sub20}":   "https://o.example/?a=..",
		"https://o.example":                            "https://o.example",
		"https://o.example?x={click_id}":               "https://o.example?x=id1",
	} {
		tmpl, err := ParseTemplate(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := string(tmpl.Append(nil, values)); got != want {
			t.Errorf("%s becomes\n%s, want\n%s", text, got, want)
		}
	}
	for _, text := range []string{
		"", "offer.example/x", "ftp://o.example/", "https://{source}/", "https://o.example{keyword}", "https://o.example:{cost}/", "{click_id}", "https:///x",
		"javascript:alert(1)//{sub1}", "https://o.example/{nope}", "https://o.example/{", "https://o.example/}", "https://o.example/{sub21}", "https://o.example/{sub0}",
		"https://o.example/\r\nX: y", "https://o.example/a b", "https://o.example/ü", "https://o.example/%zz", "https://user:{sub1}@o.example/", "https://o.example/" + strings.Repeat("a", 3000),
		"https://o.example/?a={click_id}&amp;b=1", "https://o.example/?a={click_id}&amp%3Bb=1", "https://o.example/?a={click_id}%26amp;b=1", `https://o.example/?a={click_id}\u0026b=1`, "https://o.example/?a={click_id}%5Cu0026b=1",
		"https://o.example/?a={click_id}&#38;b=1",
	} {
		if _, err := ParseTemplate(text); err == nil {
			t.Errorf("%q is taken for a link", text)
		}
	}
}

// FuzzTemplate holds that whatever the template and the values are, the redirect is one header line that leads to the template's
// own host.
func FuzzTemplate(f *testing.F) {
	f.Add("https://o.example/{source}?k={keyword}#{sub1}", "..", "@evil.example/\r\n", "//x")
	f.Add("https://o.example?{sub1}", "", "", "\\evil")
	f.Fuzz(func(t *testing.T, text, source, keyword, sub string) {
		fuzzbound.Hold(t, 256*len(text)+16*(len(source)+len(keyword)+len(sub)), func() {
			if tmpl, err := ParseTemplate(text); err == nil {
				tmpl.Append(nil, &Values{Source: source, Keyword: keyword, Subs: []string{sub}})
			}
		})
		tmpl, err := ParseTemplate(text)
		if err != nil {
			return
		}
		plain, err := url.Parse(string(tmpl.Append(nil, &Values{})))
		if err != nil {
			t.Fatalf("%q without values: %v", text, err)
		}
		got := string(tmpl.Append(nil, &Values{Source: source, Keyword: keyword, Subs: []string{sub}}))
		u, err := url.Parse(got)
		if err != nil || u.Scheme != plain.Scheme || u.Host != plain.Host || u.User.String() != plain.User.String() {
			t.Fatalf("%q leads to %q (%v), not to the host of %q", text, got, err, plain)
		}
		for i := range len(got) {
			if got[i] <= ' ' || got[i] >= 0x7f {
				t.Fatalf("%q has the byte %#x", got, got[i])
			}
		}
	})
}

func TestLookUpsDoNotAllocate(t *testing.T) {
	cat, err := Build(parse(t, example))
	if err != nil {
		t.Fatal(err)
	}
	campaign, network, code := []byte("summer"), []byte("acme"), []byte("EUR")
	dst, values := make([]byte, 0, 256), &Values{ClickID: "id"}
	if n := testing.AllocsPerRun(100, func() {
		c := cat.Campaign(campaign)
		cat.NetworkOf(cat.Network(network).Postback.Dialect())
		cat.Currency(code).Rate(1_772_000_000_000)
		c.Offers[0].URL.Append(dst[:0], values)
	}); n != 0 {
		t.Errorf("a look-up makes %v allocations", n)
	}
}

func TestNetworkBounds(t *testing.T) {
	declare := func(n NetworkConfig) (*Catalog, error) {
		n.Name, n.Currency = "acme", "EUR"
		c := trusting(TrustConfig{})
		c.Networks, c.ExchangeRates = []NetworkConfig{n}, []RateConfig{{Currency: "EUR", Date: "2026-01-01", Rate: "1.2"}}
		return Build(c)
	}
	for want, n := range map[string]NetworkConfig{
		"networks[0].max_payout":                {MaxPayout: "much"},
		"lets no payout through":                {MaxPayout: "0"},
		"max_payout: \"-5\"":                    {MaxPayout: "-5"},
		"networks[0].max_conversions_per_click": {MaxConversions: -1},
		"is not from 1 to 1000":                 {MaxConversions: 1001},
	} {
		if _, err := declare(n); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", n, err, want)
		}
	}
	for _, c := range []struct {
		n      NetworkConfig
		micros int64
		count  uint32
	}{{NetworkConfig{}, 0, 1000}, {NetworkConfig{MaxPayout: "12.5", MaxConversions: 3}, 12_500_000, 3}} {
		cat, err := declare(c.n)
		if err != nil {
			t.Fatal(err)
		}
		if n := cat.Network([]byte("acme")); n.MaxPayoutMicros != c.micros || n.MaxConversions != c.count {
			t.Errorf("%+v: %d micros, %d conversions", c.n, n.MaxPayoutMicros, n.MaxConversions)
		}
	}
}
