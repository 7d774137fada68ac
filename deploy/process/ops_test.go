package process

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

const opsToken = "a token of sixteen bytes"

// inside runs an operations server with a reason to hide, and returns what asks it.
func inside(t *testing.T, address string, change func(*Ops)) func(path string, header map[string]string) (int, string) {
	t.Helper()
	s := NewSupervisor(zap.NewNop(), 10*time.Second)
	RegisterRuntime(s.Registry())
	s.Add(Unit{Name: "sink", New: func(context.Context, prometheus.Registerer) (Runner, error) { return nil, errors.New("away") }})
	o, err := NewOps(address, s, s.States(), func() (string, string) { return "configuration", "refused" })
	if err != nil {
		t.Fatal(err)
	}
	change(o)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- o.Run(ctx) }()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	url := "http://" + strings.Replace(o.Addr().String(), "[::]", "127.0.0.1", 1)
	return func(path string, header map[string]string) (int, string) {
		request, err := http.NewRequest(http.MethodGet, url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range header {
			if name == "Host" {
				request.Host = value
			} else {
				request.Header.Set(name, value)
			}
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(body)
	}
}

// TestWhoIsToldWhatIsInside: anyone may ask whether the process lives and is ready; the rest needs the token or,
// without one, a program on this machine.
func TestWhoIsToldWhatIsInside(t *testing.T) {
	const loopback, everywhere = "127.0.0.1:0", ":0"
	token := func(o *Ops) { o.RequireToken(opsToken) }
	open := func(o *Ops) { o.Open() }
	plain := func(*Ops) {}
	for name, c := range map[string]struct {
		address string
		change  func(*Ops)
		header  map[string]string
		code    int
	}{
		"loopback":                          {loopback, plain, nil, 200},
		"loopback as localhost":             {loopback, plain, map[string]string{"Host": "LOCALHOST:8081"}, 200},
		"loopback over IPv6":                {loopback, plain, map[string]string{"Host": "[::1]:8081"}, 200},
		"typed into a browser":              {loopback, plain, map[string]string{"Sec-Fetch-Site": "none"}, 200},
		"its own page":                      {loopback, plain, map[string]string{"Sec-Fetch-Site": "same-origin", "Host": "127.0.0.1:8081", "Origin": "http://127.0.0.1:8081"}, 200},
		"a name that points here":           {loopback, plain, map[string]string{"Host": "rebound.example:8081"}, 403},
		"an address that is not ours":       {loopback, plain, map[string]string{"Host": "203.0.113.7"}, 403},
		"another site's page":               {loopback, plain, map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		"a page of another port":            {loopback, plain, map[string]string{"Sec-Fetch-Site": "same-site"}, 403},
		"a page's origin":                   {loopback, plain, map[string]string{"Origin": "https://evil.example"}, 403},
		"a page without an origin":          {loopback, plain, map[string]string{"Origin": "null"}, 403},
		"open does not let pages in":        {loopback, open, map[string]string{"Host": "rebound.example"}, 403},
		"everywhere":                        {everywhere, plain, nil, 403},
		"everywhere, declared":              {everywhere, open, map[string]string{"Host": "process:8081"}, 200},
		"everywhere, declared, a page":      {everywhere, open, map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		"everywhere, token":                 {everywhere, token, map[string]string{"Authorization": "Bearer " + opsToken, "Host": "process:8081"}, 200},
		"everywhere, declared, but a token": {everywhere, func(o *Ops) { o.Open(); o.RequireToken(opsToken) }, nil, 401},
		"no token":                          {loopback, token, nil, 401},
		"a wrong token":                     {loopback, token, map[string]string{"Authorization": "Bearer wrong"}, 401},
		"an empty token":                    {loopback, token, map[string]string{"Authorization": "Bearer "}, 401},
		"a longer token":                    {loopback, token, map[string]string{"Authorization": "Bearer " + opsToken + "x"}, 401},
		"another scheme":                    {loopback, token, map[string]string{"Authorization": "Basic " + opsToken}, 401},
		"the token":                         {loopback, token, map[string]string{"Authorization": "Bearer " + opsToken}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			ask := inside(t, c.address, c.change)
			for _, path := range []string{RouteMetrics, RouteProfile, RouteProfile + "heap"} {
				code, body := ask(path, c.header)
				if code != c.code || strings.Contains(body, "goroutine") && c.code != 200 {
					t.Errorf("%s: %d, want %d", path, code, c.code)
				}
			}
			if code, _ := ask(RouteProfile+"cmdline", c.header); code == 200 { // it may have a password
				t.Error("the command line is told")
			}
			code, body := ask(RouteReady, c.header)
			if code != 503 || !strings.Contains(body, "not ready") || strings.Contains(body, "is starting") != (c.code == 200) || strings.Contains(body, "refused") != (c.code == 200) {
				t.Errorf("%s: %d %s", RouteReady, code, body)
			}
			if code, body := ask(RouteHealth, c.header); code != 200 || !strings.Contains(body, "alive") {
				t.Errorf("%s: %d %s", RouteHealth, code, body)
			}
		})
	}
}

// TestPathsAreNoWayInside: however a path is spelled, who is told what is inside stays the same.
func TestPathsAreNoWayInside(t *testing.T) {
	ask := inside(t, "127.0.0.1:0", func(o *Ops) { o.RequireToken(opsToken) })
	for _, path := range []string{
		"//metrics", "/x/../metrics", "/./metrics", "/%6detrics", "/metrics/", "/metrics%20", "/metrics%2F", "/METRICS",
		"/healthz/../metrics",
		"/healthz/%2e%2e/metrics", "//debug/pprof/heap", "/debug//pprof/heap", "/debug/pprof/../pprof/heap",
		"/%64ebug/pprof/heap",
	} {
		if code, body := ask(path, nil); code == 200 || strings.Contains(body, "go_goroutines") {
			t.Errorf("%s: %d", path, code)
		}
	}
	for _, path := range []string{"//readyz", "/x/../readyz", "/%72eadyz", "/readyz/"} {
		if _, body := ask(path, nil); strings.Contains(body, "is starting") || strings.Contains(body, "refused") {
			t.Errorf("%s tells %s", path, body)
		}
	}
}
