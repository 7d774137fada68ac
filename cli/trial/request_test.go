package trial

import (
	"net/url"
	"strings"
	"testing"

	"tributary/catalog"
)

// TestPayoutAsWritten holds that a trial's payout is written with the mark of its network, so that what is asked for is booked.
func TestPayoutAsWritten(t *testing.T) {
	cfg := catalog.Config{
		BaseCurrency: "USD", ClickIDKeys: catalog.KeysConfig{Active: 1, Keys: map[int]catalog.Secret{1: "a secret of the tests, 32 bytes."}},
		Networks: []catalog.NetworkConfig{{Name: "comma", Decimal: "comma"}, {Name: "plain"}},
	}
	cat, err := catalog.Build(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ network, payout, want string }{
		{"comma", "1.00", "1,00"}, {"comma", "-1.5", "-1,5"}, {"comma", "12,5", "12,5"}, {"comma", "7", "7"}, {"plain", "1.00", "1.00"}, {"plain", "", ""},
	} {
		s, err := newSender(&Options{Config: cfg, Catalog: cat, Network: c.network, Payout: c.payout, Edge: "http://127.0.0.1:1"})
		if err != nil {
			t.Fatal(err)
		}
		text, err := s.url(strings.Repeat("0", 40), false)
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(text)
		if err != nil || u.Query().Get("payout") != c.want {
			t.Errorf("%s %q is sent as %s, %v", c.network, c.payout, text, err)
		}
	}
}
