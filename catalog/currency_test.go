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
