package ingest

import (
	"bufio"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"tributary/catalog/trust"
)

// TestWhoMayBringClicks posts the same right click as different senders: whoever is refused must know how to be taken, and must
// leave nothing behind.
func TestWhoMayBringClicks(t *testing.T) {
	const first, second = "the first token of the tests", "the second token of the tests"
	for _, c := range []struct {
		name, client, authorization string
		headers                     map[string]string
		undeclared                  bool   // the proxy is
		contentType                 string // "-" for none, empty for JSON
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
		{name: "a page of another site, as a form", contentType: formType, status: 415},
		{name: "a page of another site, as text", contentType: "text/plain;charset=UTF-8", status: 415},
		{name: "a page of another site, without a type", contentType: "-", status: 415},
		{name: "JSON in capitals", contentType: "Application/JSON; charset=utf-8", status: 200},
		{name: "a page of another site, after it was allowed to", headers: map[string]string{"Origin": "https://evil.example"}, status: 403},
		{name: "a page that may not say where it is", headers: map[string]string{"Origin": "null"}, status: 403},
		{name: "a page under a name that was made to lead here", headers: map[string]string{"Host": "evil.example", "Origin": "http://evil.example"}, status: 403},
		{name: "a browser that says cross-site only", headers: map[string]string{"Sec-Fetch-Site": "cross-site"}, status: 403},
		{name: "a browser that says same-site only", headers: map[string]string{"Sec-Fetch-Site": "same-site"}, status: 403},
		{name: "a person's own tool in the browser", headers: map[string]string{"Sec-Fetch-Site": "none"}, status: 200},
		{name: "the public through Cloudflare", headers: map[string]string{"CF-Connecting-IP": "203.0.113.7"}, undeclared: true, status: 401},
		{name: "the public through Akamai", headers: map[string]string{"True-Client-IP": "203.0.113.7"}, undeclared: true, status: 401},
		{name: "the public through a declared proxy that says it otherwise", client: "10.0.0.5", headers: map[string]string{"CF-Connecting-IP": "203.0.113.7"}, status: 401},
		{name: "the public through a proxy that names nobody", headers: map[string]string{"Via": "1.1 cache"}, undeclared: true, status: 401},
		{name: "the public through a proxy that names its own name", headers: map[string]string{"X-Forwarded-Host": "t.example"}, undeclared: true, status: 401},
		{name: "a private network through a proxy that says more", client: "10.1.2.3", headers: map[string]string{"X-Forwarded-Proto": "http", "Via": "1.1 x"}, undeclared: true, status: 200},
		{name: "a page with a token", headers: map[string]string{"Origin": "https://own.example", "Sec-Fetch-Site": "cross-site"}, contentType: "text/plain", authorization: "Bearer " + first, tokens: map[string]trust.Secret{"a": first}, status: 200},
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
			switch c.contentType {
			case "":
				req.Header.Set("Content-Type", jsonType)
			case "-":
			default:
				req.Header.Set("Content-Type", c.contentType)
			}
			if c.client != "" {
				req.Header.Set("X-Forwarded-For", c.client)
			}
			for name, value := range c.headers {
				req.Header.Set(name, value)
				if name == "Host" {
					req.Host = value
				}
			}
			if c.authorization != "" {
				req.Header.Set("Authorization", c.authorization)
			}
			r := b.do(req)
			status, body, header := r.status, r.body, r.header
			if status != c.status {
				t.Fatalf("answered %d %s, want %d", status, body, c.status)
			}
			refused := status != http.StatusOK
			if refused != strings.Contains(body, "ingest.trust.clicks_tokens") || (status == http.StatusUnauthorized) != (header.Get("WWW-Authenticate") == "Bearer") || header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("answered %s with %v", body, header)
			}
			if refused && len(b.clicks())+len(b.letters()) > 0 {
				t.Error("something is left behind")
			}
		})
	}
}

// TestHeadersMakeNobodyLocal: only the connection says who is near. It is asked of a server in this process, which
// sees peers of any address.
func TestHeadersMakeNobodyLocal(t *testing.T) {
	for _, peer := range []string{"203.0.113.7", "2001:db8::1", "::ffff:203.0.113.7"} {
		for _, declared := range []bool{false, true} {
			e := newBench(t, func(cfg *Config, _ *Deps) {
				if declared {
					cfg.TrustedProxies = []string{peer}
				}
			}).edge
			for _, name := range append([]string{"Forwarded", "Host", "Origin", "X-Forwarded-Host"}, clientHeaders...) {
				for _, value := range []string{"127.0.0.1", "10.0.0.1", "localhost", "for=127.0.0.1", "::1"} {
					ctx := &fasthttp.RequestCtx{}
					ctx.Init(&fasthttp.Request{}, &net.TCPAddr{IP: net.ParseIP(peer)}, nil)
					ctx.Request.Header.SetMethod(http.MethodPost)
					ctx.Request.Header.SetContentType(jsonType)
					ctx.Request.Header.Set(name, value)
					if e.mayBringClicks(ctx) || isFromHere(ctx, e.proxies.client(ctx)) {
						t.Errorf("from %s, declared %v, with %s: %s: it counts as local", peer, declared, name, value)
					}
				}
			}
		}
	}
}

// TestEveryHeaderOfAProxyIsSeen: each alone, as the server reads it, in whatever case and after whatever else it came.
func TestEveryHeaderOfAProxyIsSeen(t *testing.T) {
	read := func(lines ...string) bool {
		t.Helper()
		var h fasthttp.RequestHeader
		raw := "POST /v1/clicks HTTP/1.1\r\nHost: t.example\r\nCookie: a=b\r\nX-Other: 203.0.113.7\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n"
		if err := h.Read(bufio.NewReader(strings.NewReader(strings.Replace(raw, "\r\n\r\n\r\n", "\r\n\r\n", 1)))); err != nil {
			t.Fatal(err)
		}
		return isForwarded(&h)
	}
	if read() {
		t.Error("a request without a proxy's headers")
	}
	if !read("forwarded: for=10.0.0.1") {
		t.Error("Forwarded is not seen")
	}
	for _, name := range clientHeaders {
		name = strings.ToLower(name)
		if !read(name+": 203.0.113.7") || !read(name+": 10.0.0.1", name+": 203.0.113.7") || !read(name+": 10.0.0.1, 203.0.113.7") || !read(name+":") {
			t.Errorf("%s with a stranger, or with nobody, is not seen", name)
		}
		if read(name+": 10.0.0.1") || read("Via: 1.1 x", name+": 127.0.0.1, 10.0.0.1") {
			t.Errorf("%s with a private network's client is taken for a stranger's", name)
		}
	}
	for _, name := range proxyHeaders {
		name = strings.ToUpper(name)
		if !read(name + ": x") {
			t.Errorf("%s, where nothing names the client, is not seen", name)
		}
		if read(name+": x", "X-Real-Ip: 10.0.0.1") {
			t.Errorf("%s is held against a client that is named", name)
		}
	}
}
