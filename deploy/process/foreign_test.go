package process

import (
	"context"
	"net/http"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// TestPagesReadNoOps asks the operations server as web pages do that are open in a browser on this machine.
func TestPagesReadNoOps(t *testing.T) {
	ops, err := NewOps("127.0.0.1:0", prometheus.NewRegistry(), func(func(string, error) bool) {})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- ops.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	}()
	for _, c := range []struct {
		header, value string
		status        int
	}{
		{"", "", 200},
		{"Host", "localhost:9090", 200},
		{"Host", "127.0.0.1:9090", 200},
		{"Host", "[::1]:9090", 200},
		{"Host", "tributary.localhost", 200},
		{"Sec-Fetch-Site", "none", 200},
		{"Sec-Fetch-Site", "same-origin", 200},
		{"Sec-Fetch-Site", "cross-site", 403},
		{"Sec-Fetch-Site", "same-site", 403},
		{"Origin", "https://evil.example", 403},
		{"Origin", "null", 403},
		{"Host", "evil.example:9090", 403},
		{"Host", "127.0.0.1.evil.example", 403},
	} {
		for _, route := range []string{RouteMetrics, RouteReady, RouteProfile} {
			req, err := http.NewRequest(http.MethodGet, "http://"+ops.Addr().String()+route, nil)
			if err != nil {
				t.Fatal(err)
			}
			if c.header == "Host" {
				req.Host = c.value
			} else if c.header != "" {
				req.Header.Set(c.header, c.value)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != c.status {
				t.Errorf("%s with %s: %s is answered %d, want %d", route, c.header, c.value, resp.StatusCode, c.status)
			}
		}
	}
	http.DefaultClient.CloseIdleConnections()
}
