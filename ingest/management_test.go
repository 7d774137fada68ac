package ingest

import (
	"net/http"
	"strings"
	"testing"
)

// TestStrangersSeeNothingInside: on the public port nobody is told figures or reasons, whatever he shows, unless its
// owner put them there for who has the token.
func TestStrangersSeeNothingInside(t *testing.T) {
	const token = "a token of sixteen bytes"
	if Defaults().Trust.ManagementRoutes {
		t.Error("who declares nothing puts figures on the public port")
	}
	for name, c := range map[string]struct {
		routes  bool
		token   string
		header  [2]string
		metrics int
		reasons bool
	}{
		"the default":             {false, "", [2]string{}, 404, false},
		"the default, with token": {false, token, [2]string{"Authorization", "Bearer " + token}, 404, false},
		"declared, a stranger":    {true, token, [2]string{}, 401, false},
		"declared, a wrong token": {true, token, [2]string{"Authorization", "Bearer a token of sixteen bytez"}, 401, false},
		"declared, no Bearer":     {true, token, [2]string{"Authorization", token}, 401, false},
		"declared, the token":     {true, token, [2]string{"Authorization", "Bearer " + token}, 200, true},
		"open":                    {true, "", [2]string{}, 200, true},
		"open, another page's":    {true, "", [2]string{"Sec-Fetch-Site", "cross-site"}, 401, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(cfg *Config, d *Deps) {
				cfg.Trust.ManagementRoutes, d.OpsToken = c.routes, c.token
				d.TopicPrefix = "absent." // so that there is a reason to hide
			})
			ask := func(path string) reply {
				r := b.request(http.MethodGet, path, "", "")
				if c.header[0] != "" {
					r.Header.Set(c.header[0], c.header[1])
				}
				return b.do(r)
			}
			if got := ask("/metrics"); got.status != c.metrics || strings.Contains(got.body, "tributary_") != (c.metrics == 200) {
				t.Errorf("/metrics: %d", got.status)
			}
			if got := ask("/readyz"); got.status != 503 || strings.Contains(got.body, "reasons") != c.reasons {
				t.Errorf("/readyz: %d %s", got.status, got.body)
			}
			if got := ask("/healthz"); got.status != 200 || got.body != "{\"status\":\"ok\"}\n" {
				t.Errorf("/healthz: %d %s", got.status, got.body)
			}
			if got := ask("/nothing"); strings.Contains(got.body, "/metrics") || got.header.Get("Server") != "" {
				t.Errorf("a wrong path tells %s %v", got.body, got.header)
			}
			for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap"} {
				if got := ask(path); got.status != 404 {
					t.Errorf("%s: %d", path, got.status)
				}
			}
		})
	}
}

// TestStrangersLearnNoNetworks: an answer says what is wrong with what was sent and does not list what would have been
// right elsewhere.
func TestStrangersLearnNoNetworks(t *testing.T) {
	b := newBench(t, nil)
	for _, query := range []string{"network=nobody&click_id=x", "click_id=x", "network=acm&payout=1", "network=%00"} {
		got := b.get("/postback?" + query)
		for _, name := range []string{"acme", "legacy", "refunds"} {
			if strings.Contains(got.body, name) {
				t.Errorf("%s: the answer names network %s: %s", query, name, got.body)
			}
		}
	}
}

// TestGuardedPathsHaveOneSpelling: whoever lets nobody see /metrics by a rule in front of the edge has said all that
// there is to say.
func TestGuardedPathsHaveOneSpelling(t *testing.T) {
	b := newBench(t, nil)
	for _, path := range []string{"/metrics", "/readyz", "/healthz"} {
		if got := b.onWire(path); got != 200 {
			t.Errorf("%s: %d", path, got)
		}
		if got := b.onWire(path + "?x=1"); got != 200 {
			t.Errorf("%s?x=1: %d", path, got)
		}
		if got := b.onWire("http://t.example" + path); got != 200 {
			t.Errorf("%s of a whole URL: %d", path, got)
		}
		for _, odd := range []string{"/" + path, "//" + path, path + "%20", path + "&x=1", path + "%3Fx=1", path + "%26x=1",
			path + "#x", path + "/", path + "//", "/." + path, "/x/.." + path,
			"/%2e" + path, "/%6" + path[1:], strings.ToUpper(path), "/" + strings.ToUpper(path[1:2]) + path[2:], path + "%00",
			path + ";x", "http://t.example/" + path} {
			if got := b.onWire(odd); got < 400 {
				t.Errorf("%s: %d", odd, got)
			}
		}
	}
	for _, odd := range []string{"//v1/clicks", "/v1//clicks", "/v1/clicks%20", "/v1/clicks&x=1", "/v1/clicks%3Fx=1"} {
		if got := b.send(http.MethodPost, odd, jsonType, `{"campaign":"summer"}`); got.status != 404 {
			t.Errorf("%s: %d %s", odd, got.status, got.body)
		}
	}
	if n := len(b.clicks()); n != 0 {
		t.Errorf("%d clicks came in", n)
	}
}
