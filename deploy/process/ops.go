package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tributary/ingest/trust"
)

// The operations server's routes; the edge has the same ones on its own port.
const (
	RouteMetrics = "/metrics"
	RouteHealth  = "/healthz"
	RouteReady   = "/readyz"
	// RouteProfile has Go's profiles, for go tool pprof: a slow process is asked where its time goes while it is slow.
	RouteProfile = "/debug/pprof/"
)

// Ops is the operations HTTP server. It is a Runner, so that the supervisor starts and stops it like a role; add it
// first, so that it answers while the others start and drain.
type Ops struct {
	listener net.Listener
	server   *http.Server
}

// A Note is a fact that /readyz shows without making the process unready, such as a refused reload.
type Note func() (name, text string)

// NewOps listens on address at once. gather feeds /metrics; states feeds /readyz.
func NewOps(address string, gather prometheus.Gatherer, states func(func(string, error) bool), notes ...Note) (*Ops, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening for /metrics and /readyz: %w; set ops.listen to a free address", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET "+RouteMetrics, promhttp.HandlerFor(gather, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET "+RouteHealth, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintln(w, `{"status":"alive"}`)
	})
	mux.HandleFunc("GET "+RouteReady, func(w http.ResponseWriter, _ *http.Request) {
		answer := readiness{Status: "ready", Units: map[string]string{}, Notes: map[string]string{}}
		code := http.StatusOK
		for name, err := range states {
			answer.Units[name] = "ready"
			if err != nil {
				answer.Units[name], answer.Status, code = err.Error(), "not ready", http.StatusServiceUnavailable
			}
		}
		for _, note := range notes {
			if name, text := note(); text != "" {
				answer.Notes[name] = text
			}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		_ = encoder.Encode(answer) // a client that went away is no news
	})
	mux.HandleFunc("GET "+RouteProfile, pprof.Index)
	mux.HandleFunc("GET "+RouteProfile+"profile", pprof.Profile)
	return &Ops{listener: listener, server: &http.Server{
		Handler: refuseForeign(mux), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, MaxHeaderBytes: 16 << 10,
	}}, nil
}

// RequireToken lets in only requests with Authorization: Bearer token, compared in constant time. /healthz stays open: who
// restarts a process that hangs needs no secret. Call it before Run.
func (o *Ops) RequireToken(token string) {
	tokens, open := trust.NewToken(token), o.server.Handler
	o.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if r.URL.Path != RouteHealth && !tokens.Match([]byte(given)) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "give the token of ops.token as Authorization: Bearer TOKEN", http.StatusUnauthorized)
			return
		}
		open.ServeHTTP(w, r)
	})
}

type readiness struct {
	Status string            `json:"status"`
	Units  map[string]string `json:"units"`
	Notes  map[string]string `json:"notes,omitempty"`
}

// Addr is the address it listens on.
func (o *Ops) Addr() net.Addr { return o.listener.Addr() }

// Run serves until ctx is done.
func (o *Ops) Run(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- o.server.Serve(o.listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serving %s: %w", o.listener.Addr(), err)
	case <-ctx.Done():
	}
	// A scrape under way is finished; a connection kept open by a client is not waited for.
	limited, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	err := o.server.Shutdown(limited)
	if errors.Is(err, context.DeadlineExceeded) {
		err = o.server.Close()
	}
	<-served
	if err != nil {
		return fmt.Errorf("closing the operations server: %w", err)
	}
	return nil
}

// Ready answers nil: it listens since NewOps.
func (o *Ops) Ready() error { return nil }
