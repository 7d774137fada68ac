package catalog

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"tributary/catalog/trust"
)

func trusting(c TrustConfig) Config {
	return Config{BaseCurrency: "USD", ClickIDKeys: KeysConfig{Active: 1, Keys: map[int]Secret{1: "sixteen bytes of key"}}, Networks: []NetworkConfig{{Name: "acme", Trust: c}, {Name: "open"}}}
}

func TestTrustProblems(t *testing.T) {
	for _, c := range []struct {
		field, says string
		config      TrustConfig
	}{
		{"hmac_keys.2026", "at least 16", TrustConfig{HMACKeys: map[string]Secret{"2026": "too short"}}},
		{"hmac_keys.a b", "not a key ID", TrustConfig{HMACKeys: map[string]Secret{"a b": "long enough, sixteen bytes"}}},
		{"hmac_keys", "at most 16", TrustConfig{HMACKeys: func() map[string]Secret {
			m := map[string]Secret{}
			for i := range 17 {
				m[string(rune('a'+i))] = "long enough, sixteen bytes"
			}
			return m
		}()}},
		{"hmac_max_age", "15m", TrustConfig{HMACMaxAge: time.Hour}},
		{"hmac_max_nonces", "from 1", TrustConfig{HMACMaxNonces: -1}},
		{"tokens.a", "at least 16", TrustConfig{Tokens: map[string]Secret{"a": "short"}}},
		{"tokens", "is missing", TrustConfig{TokenHeader: "X-Token"}},
		{"token_parameter", "not a name", TrustConfig{TokenParameter: "payout", Tokens: map[string]Secret{"a": "long enough, sixteen bytes"}}},
		{"token_parameter", "not a name", TrustConfig{TokenParameter: "a&b", Tokens: map[string]Secret{"a": "long enough, sixteen bytes"}}},
		{"token_header", "not a header", TrustConfig{TokenHeader: "X Token", Tokens: map[string]Secret{"a": "long enough, sixteen bytes"}}},
		{"allow[1]", "neither a network", TrustConfig{Allow: []string{"10.0.0.0/8", "acme.example"}}},
		{"allow", "at most 256", TrustConfig{Allow: make([]string, 257)}},
		{"postbacks_per_second", "from 0", TrustConfig{PostbacksPerSecond: -1}},
		{"postbacks_burst", "from 1", TrustConfig{PostbacksBurst: -1}},
	} {
		_, err := Build(trusting(c.config))
		if err == nil || !strings.Contains(err.Error(), "networks[0].trust."+c.field) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.field, err)
		}
		if err != nil && strings.Contains(err.Error(), "long enough") {
			t.Errorf("%s: a secret is in the error %v", c.field, err)
		}
	}
}

func TestTrustCompiles(t *testing.T) {
	c, err := Build(trusting(TrustConfig{HMACKeys: map[string]Secret{"2026": "00112233445566778899aabbccddeeff"}, Allow: []string{"203.0.113.7"}, TokenHeader: "x-token", Tokens: map[string]Secret{"a": "long enough, sixteen bytes"}}))
	if err != nil {
		t.Fatal(err)
	}
	p := c.Network([]byte("acme")).Trust
	if p.TokenHeader() != "X-Token" || c.Network([]byte("open")).Trust != nil {
		t.Errorf("%+v", p)
	}
	secret := []byte{0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}
	now := time.Unix(1_770_000_000, 0)
	r := &trust.Request{Query: []byte(trust.Sign("acme", "payout=1&token=long+enough%2C+sixteen+bytes", nil, "2026", secret, now, "nonce-01")), Client: netip.MustParseAddr("203.0.113.7"), Now: now}
	if nonce, refused := p.Prove(r); refused != nil || nonce != "nonce-01" {
		t.Errorf("%+v", refused)
	}
	names := map[string]bool{}
	for name, policy := range c.Networks() {
		names[name] = policy != nil
	}
	if len(names) != 2 || !names["acme"] || names["open"] {
		t.Errorf("%v", names)
	}
}
