package catalog

import (
	"strings"
	"testing"
)

func TestIsCurrencyCode(t *testing.T) {
	for code, want := range map[string]bool{
		"USD": true, "EUR": true, "XCG": true, "ZWG": true, "HRK": true, "BGN": true,
		"": false, "USB": false, "EUT": false, "AAA": false, "XXX": false, "XTS": false, "BTC": false, "usd": false, "USDT": false, "840": false,
	} {
		if got := IsCurrencyCode(code); got != want {
			t.Errorf("%q: %t, want %t", code, got, want)
		}
	}
}

// TestCoinsAreNoCurrencies: a catalog with a coin is refused with every key that names one, and with what would be
// right; a code in small letters is told as such.
func TestCoinsAreNoCurrencies(t *testing.T) {
	c := Config{
		BaseCurrency: "USD", ClickIDKeys: KeysConfig{Active: 1, Keys: map[int]Secret{1: "0123456789abcdef"}},
		ExchangeRates: []RateConfig{{Currency: "BTC", Date: "2026-01-01", Rate: "60000"}},
		Sources:       []SourceConfig{{ID: 1, Name: "s", Currency: "BTC"}}, Offers: []OfferConfig{{ID: 1, Name: "o",
			URL: "https://o.example", Currency: "USDT"}},
		Campaigns: []CampaignConfig{{ID: 1, Name: "c", Offers: []string{"o"}, Currency: "BTC"}},
		Networks:  []NetworkConfig{{Name: "n", Currency: "USDT"}, {Name: "m", Currency: "eur"}},
	}
	_, err := Build(c)
	if err == nil {
		t.Fatal("a catalog with coins is taken")
	}
	for _, want := range []string{"exchange_rates[0].currency", "sources[0].currency", "offers[0].currency",
		"campaigns[0].currency", "networks[0].currency", "networks[1].currency"} {
		line := ""
		for _, l := range strings.Split(err.Error(), "\n") {
			if strings.Contains(l, want) {
				line = l
			}
		}
		right := "the currency that the coin is paid out in"
		if want == "networks[1].currency" {
			right = "right would be EUR"
		}
		if !strings.Contains(line, right) {
			t.Errorf("%s: %q", want, line)
		}
	}
	if got := RightCurrency("US$"); !strings.Contains(got, "such as USD") {
		t.Errorf("right would be %s", got)
	}
}

// Three letters are not enough, wherever a catalog names a currency.
func TestACatalogNamesRealCurrencies(t *testing.T) {
	keys := KeysConfig{Active: 1, Keys: map[int]Secret{1: "0123456789abcdef"}}
	for field, c := range map[string]Config{
		"base_currency":              {BaseCurrency: "UDS"},
		"exchange_rates[0].currency": {BaseCurrency: "USD", ExchangeRates: []RateConfig{{Currency: "EUT", Date: "2026-01-01", Rate: "1.1"}}},
		"networks[0].currency":       {BaseCurrency: "USD", Networks: []NetworkConfig{{Name: "acme", Currency: "ERU"}}},
	} {
		c.ClickIDKeys = keys
		_, err := Build(c)
		if err == nil || !strings.Contains(err.Error(), "is no ISO 4217 code") ||
			!strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}
