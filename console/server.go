package console

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"tributary/catalog"
	"tributary/catalog/control"
	"tributary/console/access"
	"tributary/console/store"
	"tributary/report"
)

// A Reports answers questions: a report.Engine.
type Reports interface {
	Ask(ctx context.Context, q report.Question) (*report.Table, error)
	SQL(ctx context.Context, q report.Question) (string, error)
	Rows(ctx context.Context, q report.RowQuestion) (*report.Rows, error)
}

// Deps are what the console works with. It closes none of them.
type Deps struct {
	Store   *store.Store
	Reports Reports
	// Catalog returns what is in force.
	Catalog func() *catalog.Config
	// Control returns what is in force of the topic control; nil where nothing is known of it. Blocks changes it; nil: nobody may here.
	Control func() *control.State
	Blocks  Blocks
	// Health tells of each part of the process that the console runs in what keeps it from its work; nil error: nothing.
	Health func(yield func(part string, err error) bool)
	// BaseCurrency is that of all money.
	BaseCurrency string
	// Link is what a console of this process gave before: it stays while it can be used.
	Link string
	// Demo makes an owner of its own, whom the link signs in: for data that are nobody's.
	Demo       bool
	Logger     *zap.Logger
	Registerer prometheus.Registerer
	Now        func() time.Time
	Version    string
}

// A Server is the console.
type Server struct {
	cfg      Config
	deps     Deps
	store    *store.Store
	listener net.Listener
	handler  http.Handler
	loopback bool
	proxies  []netip.Prefix
	host     string // of public_url
	link     string
	metrics  *metrics
	openapi  []byte
	watching atomic.Int64 // live streams
}

// New listens at once. It makes the link that the first owner uses where nobody can sign in as one.
func New(ctx context.Context, cfg Config, deps Deps) (*Server, error) {
	s, err := newServer(cfg, deps)
	if err != nil {
		return nil, err
	}
	if s.listener, err = net.Listen("tcp", cfg.Listen); err != nil {
		return nil, fmt.Errorf("listening for the console: %w; set console.listen to a free address", err)
	}
	if tcp, ok := s.listener.Addr().(*net.TCPAddr); ok {
		s.loopback = tcp.IP.IsLoopback() && len(s.proxies) == 0 && cfg.PublicURL == ""
	}
	if cfg.TLS.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(cfg.TLS.CertFile, cfg.TLS.KeyFile)
		if err != nil {
			_ = s.listener.Close()
			return nil, fmt.Errorf("console.tls: %w", err)
		}
		s.listener = tls.NewListener(s.listener, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12,
			NextProtos: []string{"http/1.1"}})
	}
	if s.link, err = s.firstLink(ctx); err != nil {
		_ = s.listener.Close()
		return nil, err
	}
	return s, nil
}

func newServer(cfg Config, deps Deps) (*Server, error) {
	if deps.Now == nil {
		deps.Now = time.Now
	}
	if deps.Logger == nil {
		deps.Logger = zap.NewNop()
	}
	s := &Server{cfg: cfg, deps: deps, store: deps.Store, metrics: newMetrics(deps.Registerer)}
	for _, text := range cfg.Proxies {
		prefix, err := parsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("console.trusted_proxies: %w", err)
		}
		s.proxies = append(s.proxies, prefix)
	}
	if cfg.PublicURL != "" {
		u, err := url.Parse(cfg.PublicURL)
		if err != nil {
			return nil, fmt.Errorf("console.public_url: %w", err)
		}
		s.host = u.Hostname()
	}
	mux := http.NewServeMux()
	api := humago.New(mux, openAPI(deps.Version))
	s.reports(api)
	s.account(api)
	s.users(api)
	s.tokens(api)
	s.views(api)
	s.shares(api)
	s.operations(api)
	s.logs(api)
	s.declared(api)
	s.blocks(api)
	s.pages(mux)
	var err error
	if s.openapi, err = api.OpenAPI().MarshalJSON(); err != nil {
		return nil, fmt.Errorf("writing OpenAPI: %w", err)
	}
	mux.HandleFunc("GET "+route("openapi").Path, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(s.openapi) // a client that went away is no news
	})
	s.handler = s.guard(mux)
	return s, nil
}

// openAPI is the frame of the API's description.
func openAPI(version string) huma.Config {
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{Title: "Tributary console", Version: version,
				Description: "Errors are application/problem+json. Authorization: Bearer TOKEN, or the cookie of a session. A write may have an " +
					"Idempotency-Key: sent again within a day, it is answered as before and nothing is done twice. Times are Unix milliseconds; money is text."},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"token":   {Type: "http", Scheme: "bearer"},
					"session": {Type: "apiKey", In: "cookie", Name: cookie},
				},
			},
			Security: []map[string][]string{{"token": {}}, {"session": {}}},
		},
		Formats: huma.DefaultFormats, DefaultFormat: "application/json",
	}
}

// operation is a route of the API as huma takes it.
func operation(id string) huma.Operation {
	r := route(id)
	return huma.Operation{OperationID: r.ID, Method: r.Method, Path: r.Path, Summary: r.Summary,
		Description: "Needs the right " + string(r.Right) + ".", RejectUnknownQueryParameters: true}
}

// setupLasts is how long the link for the first owner can be used; a restart makes another one.
const setupLasts = 24 * time.Hour

// firstLink is what a person opens first: a link that makes the owner where there is none, else the address.
func (s *Server) firstLink(ctx context.Context) (string, error) {
	kind := ""
	owned, err := s.store.AnyOwner(ctx)
	switch {
	case err != nil:
		return "", err
	case s.deps.Demo:
		kind = store.LinkDemo
	case !owned:
		kind = store.LinkSetup
	}
	if kind == "" {
		return s.base() + "/", nil
	}
	if before, is := strings.CutPrefix(s.deps.Link, s.base()+"/link/"); is {
		if l, err := s.store.Link(ctx, before); err == nil && l.Kind == kind {
			return s.deps.Link, nil
		}
	}
	var shown string
	err = s.store.Change(ctx, store.Actor{Name: "console", Through: "start"}, func(tx *store.Tx) (err error) {
		l := &store.Link{Kind: kind}
		if kind == store.LinkDemo {
			u, err := s.demoOwner(ctx, tx)
			if err != nil {
				return err
			}
			l.UserID, l.Login = u.ID, u.Login
		}
		shown, err = tx.AddLink(l, setupLasts)
		return err
	})
	return s.base() + "/link/" + shown, err
}

// demoLogin is the demo's owner, who has no password.
const demoLogin = "demo"

func (s *Server) demoOwner(ctx context.Context, tx *store.Tx) (*store.User, error) {
	u, err := s.store.UserCalled(ctx, demoLogin)
	if !errors.Is(err, store.ErrNone) {
		return u, err
	}
	u = &store.User{Login: demoLogin, Name: "Demo", Role: access.Owner, Scope: access.Everything, Zone: "UTC"}
	return u, tx.AddUser(u, "")
}

// base is the address as a person types it.
func (s *Server) base() string {
	c := s.cfg
	if s.listener != nil {
		c.Listen = s.listener.Addr().String()
	}
	return c.Base()
}

// Link is what a person opens: it may have a secret in it, so do not log it.
func (s *Server) Link() string { return s.link }

// Addr is the address it listens on.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Run serves until ctx is done.
func (s *Server) Run(ctx context.Context) error {
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	server := &http.Server{
		Handler: s.handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 16 << 10, BaseContext: func(net.Listener) context.Context { return base },
		ErrorLog: zap.NewStdLog(s.deps.Logger),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(s.listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serving the console: %w", err)
	case <-ctx.Done():
	}
	// What is asked is finished; what is only watched ends with base.
	limited, stop := context.WithTimeout(context.Background(), 3*time.Second)
	defer stop()
	context.AfterFunc(limited, cancel)
	err := server.Shutdown(limited)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	<-served
	return err
}

// Ready answers nil when its database does.
func (s *Server) Ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	return s.store.Ping(ctx)
}

// address is the client's, by the connection or, behind a proxy that was named, by X-Forwarded-For.
func (s *Server) address(r *http.Request) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	at := peer.Addr().Unmap()
	list := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(list) - 1; i >= 0 && s.trusted(at); i-- {
		next, err := netip.ParseAddr(strings.TrimSpace(list[i]))
		if err != nil {
			break
		}
		at = next.Unmap()
	}
	return at.String()
}

func (s *Server) trusted(at netip.Addr) bool {
	for _, p := range s.proxies {
		if p.Contains(at) {
			return true
		}
	}
	return false
}
