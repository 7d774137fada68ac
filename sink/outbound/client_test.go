package outbound

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"code.dny.dev/ssrf"

	"tributary/catalog/destination"
	"tributary/sink/outbound/protocol"
)

func open(t *testing.T) *Target {
	t.Helper()
	return &Target{Destination: &destination.Destination{Name: "d"}, Timeout: 5 * time.Second, PlainHTTP: true, AnyPort: true,
		Private: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
}

// TestClientRefuses: what is not a public address of the destination is not called, whatever the URL looks like.
func TestClientRefuses(t *testing.T) {
	called := false
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	for _, c := range []struct {
		name, url string
		change    func(*Target)
		want      error
	}{
		{"loopback", "http://127.0.0.1:" + port, func(t *Target) { t.Private = nil }, ssrf.ErrProhibitedIP},
		{"loopback by name", "http://localhost:" + port, func(t *Target) { t.Private = nil }, nil},
		{"loopback in IPv6 text", "http://[::ffff:127.0.0.1]:" + port, func(t *Target) { t.Private = nil }, ssrf.ErrProhibitedIP},
		{"loopback of IPv6", "http://[::1]:" + port, func(t *Target) { t.Private = nil }, ssrf.ErrProhibitedIP},
		{"decimal", "http://2130706433:" + port, func(t *Target) { t.Private = nil }, nil},
		{"metadata", "http://169.254.169.254/latest", func(t *Target) {}, ssrf.ErrProhibitedIP},
		{"NAT64", "http://[64:ff9b::a9fe:a9fe]/", func(t *Target) {}, ssrf.ErrProhibitedIP},
		{"CGNAT", "http://100.64.0.1/", func(t *Target) {}, ssrf.ErrProhibitedIP},
		{"private", "http://10.0.0.1/", func(t *Target) {}, ssrf.ErrProhibitedIP},
		{"unspecified", "http://0.0.0.0:" + port, func(t *Target) {}, ssrf.ErrProhibitedIP},
		{"port", "http://127.0.0.1:" + port, func(t *Target) { t.AnyPort = false }, ssrf.ErrProhibitedPort},
		{"plain", "http://127.0.0.1:" + port, func(t *Target) { t.PlainHTTP = false }, ErrNotSent},
		{"other host", "http://127.0.0.1:" + port, func(t *Target) { t.Hosts = []string{"postback.example"} }, ErrNotSent},
		{"user", "http://postback.example@127.0.0.1:" + port, func(t *Target) {}, ErrNotSent},
		{"file", "file:///etc/passwd", func(t *Target) {}, ErrNotSent},
		{"nothing", "http:///x", func(t *Target) {}, ErrNotSent},
	} {
		t.Run(c.name, func(t *testing.T) {
			called = false
			target := open(t)
			c.change(target)
			client := NewClient()
			defer client.Close()
			ctx, cancel := context.WithTimeout(t.Context(), target.Timeout)
			defer cancel()
			_, err := client.Send(ctx, target, &protocol.Call{Method: "GET", URL: c.url})
			if err == nil || called || !errors.Is(err, ErrNotSent) || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("called: %v, error: %v, want %v", called, err, c.want)
			}
		})
	}
}

// TestClientDoesNotFollow: a redirect is an answer, a proxy of the environment is not asked, an answer is capped, and an error has no URL.
func TestClientDoesNotFollow(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	inner := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	defer inner.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, inner.URL, http.StatusFound)
		case "/long":
			_, _ = io.WriteString(w, strings.Repeat("x", 2*protocol.MaxAnswerBytes))
		case "/hangs":
			_, _ = io.Copy(io.Discard, r.Body) // else nobody sees that the client has gone
			<-r.Context().Done()
		}
	}))
	defer server.Close()
	client := NewClient()
	defer client.Close()
	send := func(path string, timeout time.Duration) (*protocol.Answer, error) {
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		defer cancel()
		return client.Send(ctx, open(t), &protocol.Call{Method: "POST", URL: server.URL + path, Body: []byte("x")})
	}
	if a, err := send("/redirect", 5*time.Second); err != nil || a.Status != http.StatusFound {
		t.Errorf("%v %v", a, err)
	}
	if a, err := send("/long", 5*time.Second); err != nil || len(a.Body) != protocol.MaxAnswerBytes || !a.Cut {
		t.Errorf("%v", err)
	}
	if _, err := send("/hangs?key=secret", 50*time.Millisecond); err == nil || errors.Is(err, ErrNotSent) || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
}
