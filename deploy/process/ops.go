package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tributary/catalog/trust"
)

// The operations server's routes. The edge has the first three on its own port too; of them it tells strangers only
// whether it is ready.
const (
	RouteMetrics = "/metrics"
	RouteHealth  = "/healthz"
	RouteReady   = "/readyz"
	// RouteProfile has Go's profiles, for go tool pprof: a slow process is asked where its time goes while it is slow.
	RouteProfile = "/debug/pprof/"
)

// Ops is the operations HTTP server. It is a Runner, so that the supervisor starts and stops it like a role; add it
// first, so that it answers while the others start and drain.
//
// Who may see what: /healthz and whether the process is ready, anyone who reaches it; the rest, who shows the token of
// RequireToken or, where there is none, programs on this machine: see guard.
type Ops struct {
	listener net.Listener
	server   *http.Server
	guard    guard
}

// A Note is a fact that /readyz shows without making the process unready, such as a refused reload.
type Note func() (name, text string)

// NewOps listens on address at once. gather feeds /metrics; states feeds /readyz.
func NewOps(address string, gather prometheus.Gatherer, states func(func(string, error) bool), notes ...Note) (*Ops, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening for /metrics and /readyz: %w; set ops.listen to a free address", err)
	}
	o := &Ops{listener: listener}
	if tcp, ok := listener.Addr().(*net.TCPAddr); ok {
		o.guard.loopback = tcp.IP.IsLoopback()
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+RouteHealth, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintln(w, `{"status":"alive"}`)
	})
	mux.HandleFunc("GET "+RouteReady, func(w http.ResponseWriter, r *http.Request) {
		o.serveReady(w, readinessOf(states, notes), o.guard.refuses(r) == nil)
	})
	told := func(pattern string, handler http.Handler) {
		mux.HandleFunc("GET "+pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := o.guard.refuses(r); err != nil {
				refuse(w, err)
				return
			}
			handler.ServeHTTP(w, r)
		})
	}
	told(RouteMetrics, promhttp.HandlerFor(gather, promhttp.HandlerOpts{}))
	told(RouteProfile, http.HandlerFunc(pprof.Index))
	told(RouteProfile+"profile", http.HandlerFunc(pprof.Profile))
	o.server = &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, MaxHeaderBytes: 16 << 10,
	}
	return o, nil
}

// RequireToken tells what is inside only to requests with Authorization: Bearer token, compared in constant time.
// /healthz, and whether the process is ready, stay open: who restarts a process that hangs needs no secret. Call it
// before Run.
func (o *Ops) RequireToken(token string) { o.guard.token = trust.NewToken(token) }

// Open tells what is inside to whoever reaches the listener, where no token is required, although it is not on
// loopback. Call it before Run.
func (o *Ops) Open() { o.guard.open = true }

func readinessOf(states func(func(string, error) bool), notes []Note) readiness {
	answer := readiness{Status: statusReady, Units: map[string]string{}, Notes: map[string]string{}}
	for name, err := range states {
		answer.Units[name] = statusReady
		if err != nil {
			answer.Units[name], answer.Status = err.Error(), statusNotReady
		}
	}
	for _, note := range notes {
		if name, text := note(); text != "" {
			answer.Notes[name] = text
		}
	}
	return answer
}

// serveReady answers whether the process is ready, and why not to whom is told.
func (o *Ops) serveReady(w http.ResponseWriter, answer readiness, told bool) {
	w.Header().Set("Content-Type", "application/json")
	if answer.Status != statusReady {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	if !told {
		answer.Units, answer.Notes = nil, nil
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(answer) // a client that went away is no news
}

const statusReady, statusNotReady = "ready", "not ready"

type readiness struct {
	Status string            `json:"status"`
	Units  map[string]string `json:"units,omitempty"`
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

// Ready returns nil: it listens since NewOps.
func (o *Ops) Ready() error { return nil }
