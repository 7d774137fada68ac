package ingest

import (
	"net/http"
	"strings"
	"testing"

	"tributary/ingest/trust"
)

// TestWhoMayBringClicks posts the same right click as different senders: whoever is refused must know how to be taken, and must
// leave nothing behind.
func TestWhoMayBringClicks(t *testing.T) {
	const first, second = "the first token of the tests", "the second token of the tests"
	for _, c := range []struct {
		name, client, authorization string
		headers                     map[string]string
		undeclared                  bool // the proxy is
		tokens                      map[string]trust.Secret
		status                      int
	}{
		{name: "this machine", status: 200},
		{name: "a private network", client: "10.1.2.3", status: 200},
		{name: "the public", client: "203.0.113.7", status: 401},
		{name: "the public through a proxy that is not declared", client: "203.0.113.7", undeclared: true, status: 401},
		{name: "the public through two proxies, the outer one not declared", client: "203.0.113.7, 10.0.0.5", status: 401},
		{name: "the public through a proxy that says it otherwise", headers: map[string]string{"X-Real-Ip": "203.0.113.7"}, undeclared: true, status: 401},
		{name: "the public through a proxy of RFC 7239", headers: map[string]string{"Forwarded": "for=203.0.113.7"}, undeclared: true, status: 401},
		{name: "a client whom the proxy does not know", client: "unknown", status: 401},
		{name: "a private network through a proxy that is not declared", client: "10.1.2.3", undeclared: true, status: 200},
		{name: "the public, with a token that nobody declared", client: "203.0.113.7", authorization: "Bearer " + first, status: 401},
		{name: "a token", client: "203.0.113.7", authorization: "Bearer " + first, tokens: map[string]trust.Secret{"old": first, "new": second}, status: 200},
		{name: "the token it rotates to", client: "203.0.113.7", authorization: "Bearer " + second, tokens: map[string]trust.Secret{"old": first, "new": second}, status: 200},
		{name: "a wrong token", client: "203.0.113.7", authorization: "Bearer " + first + ".", tokens: map[string]trust.Secret{"a": first}, status: 401},
		{name: "a token without Bearer", client: "203.0.113.7", authorization: first, tokens: map[string]trust.Secret{"a": first}, status: 401},
		{name: "this machine without the token", tokens: map[string]trust.Secret{"a": first}, status: 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, func(cfg *Config, _ *Deps) {
				cfg.Trust.ClicksTokens = c.tokens
				if !c.undeclared {
					cfg.TrustedProxies = []string{"127.0.0.0/8"}
				}
			})
			req, err := http.NewRequest(http.MethodPost, b.url+"/v1/clicks", strings.NewReader(`{"campaign":"summer"}`))
			if err != nil {
				t.Fatal(err)
			}
			if c.client != "" {
				req.Header.Set("X-Forwarded-For", c.client)
			}
			for name, value := range c.headers {
				req.Header.Set(name, value)
			}
			if c.authorization != "" {
				req.Header.Set("Authorization", c.authorization)
			}
			r := b.do(req)
			status, body, header := r.status, r.body, r.header
			if status != c.status {
				t.Fatalf("answered %d %s, want %d", status, body, c.status)
			}
			if refused := status == http.StatusUnauthorized; refused != strings.Contains(body, "ingest.trust.clicks_tokens") || refused != (header.Get("WWW-Authenticate") == "Bearer") {
				t.Errorf("answered %s with %v", body, header)
			}
		})
	}
}
