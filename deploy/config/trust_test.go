package config

import (
	"errors"
	"strings"
	"testing"
)

const trustYAML = `ops: {token: "%OPS%"}
ingest:
  trust: {ip_postbacks_per_second: 100, tls_key_file: edge.key}
catalog:
  base_currency: USD
  click_id_keys: {active: 1, keys: {1: "a secret of sixteen bytes"}}
  campaigns: []
  networks:
    - name: acme
      trust:
        hmac_keys: {"2026": "a signing key of the network"}
        hmac_max_age: 2m
        tokens: {old: "%TOKEN%"}
        allow: [203.0.113.0/24]
        postbacks_per_second: 50
`

// TestTrustSettings holds that what is believed can be configured, that mistakes name field and line, and that secrets are never printed.
func TestTrustSettings(t *testing.T) {
	fill := func(ops, token string) string {
		return write(t, strings.NewReplacer("%OPS%", ops, "%TOKEN%", token).Replace(trustYAML))
	}
	_, err := Load(Sources{File: fill("short", "brief"), Sections: []string{SectionIngest, SectionCatalog}})
	var problems Problems
	if !errors.As(err, &problems) {
		t.Fatalf("error = %v, want Problems", err)
	}
	for _, want := range []string{
		`ops.token: has 5 bytes; at least 16 are needed`, `ingest.trust.tls_cert_file: is missing; give the certificate`,
		`:13:18: catalog.networks[0].trust.tokens.old: the secret has 5 bytes; at least 16 are needed`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("missing %q in\n%v", want, err)
		}
	}
	text := strings.Replace(trustYAML, ", tls_key_file: edge.key", "", 1)
	loaded, err := Load(Sources{File: write(t, strings.NewReplacer("%OPS%", "the token of operations", "%TOKEN%", "the token of the network").Replace(text)), Sections: []string{SectionIngest, SectionCatalog}})
	if err != nil {
		t.Fatal(err)
	}
	n := loaded.Config.Catalog.Networks[0].Trust
	if string(n.HMACKeys["2026"]) != "a signing key of the network" || n.HMACMaxAge.String() != "2m0s" || n.PostbacksPerSecond != 50 || loaded.Config.Ingest.Trust.IPPostbacksPerSecond != 100 {
		t.Errorf("%+v", n.Allow)
	}
	printed, err := loaded.Print()
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"the token of operations", "the token of the network", "a signing key of the network"} {
		if strings.Contains(string(printed), secret) {
			t.Errorf("%q is printed", secret)
		}
	}
}
