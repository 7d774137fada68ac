package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttpadaptor"
	"github.com/valyala/fastjson"
	"go.uber.org/zap"

	"tributary/catalog"
	"tributary/catalog/trust"
	"tributary/ingest/accept"
	"tributary/ingest/geo"
	"tributary/ingest/iprate"
	"tributary/ingest/privacy"
	"tributary/ingest/spool"
	"tributary/ingest/unique"
	"tributary/ingest/useragent"
	"tributary/schemas/id"
)

// Deps is what the edge needs from the process around it.
type Deps struct {
	// Kafka has the options that all roles share: seed brokers, TLS, SASL, client ID.
	Kafka []kgo.Opt
	// TopicPrefix stands before every topic, "" or such as "acme.".
	TopicPrefix string
	// Registerer takes the metrics; nil for none.
	Registerer prometheus.Registerer
	// Gatherer is what /metrics shows; nil for Registerer itself when it can be gathered, else the process's default.
	Gatherer prometheus.Gatherer
	Logger   *zap.Logger
	// Now is the clock; nil for time.Now.
	Now func() time.Time
	// Catalog is the first one; SetCatalog replaces it. Nil keeps the edge unready.
	Catalog *catalog.Catalog
	// OpsToken is what a request for /metrics or the reasons of /readyz must show where Config.Trust.ManagementRoutes
	// serves them; empty for none.
	OpsToken string
	// Receipts answers GET /v1/receipts/{id}; nil turns it off.
	Receipts Receipts
	// Leases are what ingest.caps: shared takes from; not used otherwise.
	Leases Leases
	// Listen opens Config.Listen; nil for net.Listen.
	Listen func(network, address string) (net.Listener, error)
	// ReserveFiles is how many of the files that the process may open are for other things than the edge's
	// connections; 0 for those of an edge alone.
	ReserveFiles int
}

// reserveFiles is what an edge alone opens beside connections: brokers, spool, data files, and those who are told
// that there is no room.
const reserveFiles = 512

// Edge is the HTTP server that takes clicks and postbacks.
type Edge struct {
	cfg          Config
	log          *zap.Logger
	now          func() time.Time
	server       *fasthttp.Server
	listener     net.Listener
	producer     *producer
	spool        *spool.Spool // nil for none
	drainer      *drainer
	metrics      *metrics
	macros       *macros
	notTaken     *notTaken
	unproved     *unproved
	proxies      proxies
	gate         *trust.Gate
	clicksTokens *trust.Tokens      // nil for none
	opsToken     *trust.Tokens      // nil for none
	secrets      *trust.Secrets     // clicksTokens, to be found in what is kept
	certificate  *trust.Certificate // nil without TLS
	catalog      atomic.Pointer[catalog.Catalog]
	minter       *id.Minter
	rates        *iprate.Sketch
	agents       *useragent.Parser
	places       *geo.Locator
	privacy      *privacy.Masker
	visitors     *unique.Window
	caps         caps
	blocks       blocks
	visits       sync.Pool
	receipts     *receiptDesk
	parsers      fastjson.ParserPool
	scrape       fasthttp.RequestHandler
	kafka        readiness
	draining     atomic.Bool
	uploads      atomic.Int32 // being taken
	// connections is how many are served at the same time; files how many the process may open.
	connections, files int
	// cookieName is empty for no visitor cookie; cookieRest stands behind its value.
	cookieName, cookieRest []byte
}

// New makes an edge and opens its listener, so that Addr is known and a taken port is an error here. It does not wait for
// Kafka. An edge that is not run must be closed.
func New(cfg Config, deps Deps) (*Edge, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	listen := deps.Listen
	if listen == nil {
		listen = net.Listen
	}
	listener, err := listen("tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w; set ingest.listen to a free address, and to a port above 1023 where this user may not take others", cfg.Listen, err)
	}
	e, err := newEdge(cfg, deps, listener)
	if err != nil {
		listener.Close()
		return nil, err
	}
	return e, nil
}

func newEdge(cfg Config, deps Deps, listener net.Listener) (*Edge, error) {
	e := &Edge{cfg: cfg, log: deps.Logger, now: deps.Now, listener: listener, minter: id.NewMinter(), rates: iprate.New()}
	if e.log == nil {
		e.log = zap.NewNop()
	}
	if e.now == nil {
		e.now = time.Now
	}
	e.visits.New = func() any { return new(visit) }
	if deps.OpsToken != "" {
		e.opsToken = trust.NewToken(deps.OpsToken)
	}
	e.receipts = newReceiptDesk(cfg.Receipts, deps.Receipts)
	e.macros, e.notTaken, e.unproved = newMacros(), newNotTaken(), newUnproved(&cfg.Trust)
	e.files = accept.Files()
	e.connections = accept.Connections(cfg.MaxConnections, e.files, cmp.Or(deps.ReserveFiles, reserveFiles))
	var err error
	var collectors []prometheus.Collector
	refused := prometheus.NewCounter(prometheus.CounterOpts{Namespace: "tributary", Subsystem: "ingest", Name: "accept_errors_total",
		Help: "Tries to take a connection for which the process or the machine had no file or memory left. Those who connect wait meanwhile."})
	collectors = append(collectors, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "tributary", Subsystem: "ingest", Name: "blocks",
		Help: "Blocks in force at this edge, shadow ones included."}, e.inForce))
	collectors = append(collectors, refused, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "tributary", Subsystem: "ingest", Name: "max_connections",
		Help: "Connections served at the same time at most: ingest.max_connections, or fewer where the process may not open so many files."}, func() float64 { return float64(e.connections) }))
	listener = accept.Patiently(listener, refused.Inc, func(err error) {
		e.log.Error("ingest: no connection can be taken for want of files or memory; those that are open are served on. Raise the limit of open files (LimitNOFILE, ulimit -n)",
			zap.Error(err), zap.Int("files_allowed", e.files))
	})
	listener = listenLazily(listener, cfg.ReadTimeout, cfg.WriteTimeout, cfg.IdleTimeout)
	var more []prometheus.Collector
	if e.listener, more, err = e.trusting(&cfg, listener); err != nil {
		return nil, err
	}
	collectors = append(collectors, more...)
	e.caps.edges = cfg.Edges
	var damaged error
	if cfg.Caps == CapsShared {
		if e.caps.leases = deps.Leases; deps.Leases == nil {
			return nil, errNoLeases
		}
	}
	if cfg.CapsFile != "" && cfg.Caps != CapsShared {
		if damaged, err = e.caps.load(cfg.CapsFile, e.now().UnixMilli()); err != nil {
			return nil, err
		}
		if e.caps.fresh {
			e.log.Info("ingest: there is no file with the counts of caps: today's begin at 0", zap.String("file", cfg.CapsFile))
		}
	}
	e.SetCatalog(deps.Catalog)
	if cfg.VisitorCookie != "" {
		e.cookieName = []byte(cfg.VisitorCookie)
		e.cookieRest = fmt.Appendf(nil, "; Max-Age=%d; Path=/; HttpOnly; SameSite=Lax", int64(cfg.VisitorCookieAge/time.Second))
	}
	if e.agents, err = useragent.New(useragent.Config{CacheBytes: cfg.UserAgentCache}); err != nil {
		return nil, fmt.Errorf("making the user agent parser: %w", err)
	}
	if e.visitors, err = unique.New(cfg.UniqueBytes, cfg.UniqueWindow); err != nil {
		return nil, fmt.Errorf("making the memory of visitors: %w", err)
	}
	if e.places, err = geo.Open(cfg.Geo); err != nil {
		return nil, err
	}
	collectors = append(append(append(collectors, e.macros.collectors()...), e.notTaken.collectors()...), e.places.Collectors()...)
	collectors = append(collectors, e.unproved.collector)
	if e.metrics, err = newMetrics(deps.Registerer, collectors...); err != nil {
		return nil, fmt.Errorf("registering metrics: %w", err)
	}
	if note := e.crowded(); note != "" {
		e.log.Warn("ingest: " + note + "; raise the limit of open files (LimitNOFILE, ulimit -n), or lower ingest.max_connections")
	}
	if damaged != nil {
		e.metrics.capsDamaged.Inc()
		e.log.Warn("ingest: the counts of caps begin at 0: their file was damaged", zap.Error(damaged), zap.String("kept_as", cfg.CapsFile+damagedSuffix))
	}
	if cfg.Spool.Dir != "" {
		if e.spool, err = spool.Open(cfg.Spool, spool.Deps{Registerer: deps.Registerer, Logger: e.log}); err != nil {
			e.metrics.unregister()
			return nil, err
		}
	}
	if e.producer, err = newProducer(&cfg, &deps, e.metrics, e.spool); err != nil {
		e.closeSpool()
		e.metrics.unregister()
		return nil, err
	}
	if e.spool != nil {
		e.drainer = newDrainer(&cfg, &deps, e.producer, e.log, func() bool { return e.kafkaError() == nil })
	}
	gatherer := deps.Gatherer
	if gatherer == nil {
		gatherer, _ = deps.Registerer.(prometheus.Gatherer)
	}
	if gatherer == nil {
		gatherer = prometheus.DefaultGatherer
	}
	e.privacy = e.producer.privacy
	e.scrape = fasthttpadaptor.NewFastHTTPHandler(promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{}))
	e.server = &fasthttp.Server{
		Handler:                      e.handle,
		ErrorHandler:                 e.handleBroken,
		Logger:                       quiet{},
		Concurrency:                  e.connections,
		ReadBufferSize:               cfg.MaxHeaderBytes,
		WriteBufferSize:              4 << 10,
		ReadTimeout:                  cfg.ReadTimeout,
		WriteTimeout:                 cfg.WriteTimeout,
		IdleTimeout:                  cfg.IdleTimeout,
		MaxRequestBodySize:           cfg.MaxBodyBytes,
		HeaderReceived:               e.bodyLimit,
		DisablePreParseMultipartForm: true,
		LazyRequestTime:              true,
		NoDefaultServerHeader:        true,
		NoDefaultContentType:         true,
		CloseOnShutdown:              true,
		SecureErrorLogMessage:        true,
	}
	return e, nil
}

// quiet drops what fasthttp would log for each broken connection; the counters have it.
type quiet struct{}

func (quiet) Printf(string, ...any) {}

// SetCatalog replaces the catalog. Requests under way keep the one they began with.
func (e *Edge) SetCatalog(c *catalog.Catalog) {
	e.knowNetworks(c)
	e.macros.use(c)
	e.notTaken.use(c)
	e.caps.declare(c)
	e.catalog.Store(c)
}

// Addr is the address that the edge listens on.
func (e *Edge) Addr() net.Addr { return e.listener.Addr() }

// Run serves until ctx is done, then lets open requests finish and answers nil. Any other return is a failure: make a new
// edge. Either way nothing of it is left running.
func (e *Edge) Run(ctx context.Context) error {
	watchCtx, stopWatch := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { e.watchKafka(watchCtx) })
	watching.Go(func() { e.watchCertificate(watchCtx) })
	watching.Go(func() { e.watchPlaces(watchCtx) })
	if e.caps.leases == nil {
		watching.Go(func() { e.caps.keep(watchCtx, e.cfg.CapsFile, e.log, e.metrics.capsUnkept) })
	}
	leaseCtx, endLeases := context.WithCancel(context.WithoutCancel(ctx)) // until no request is open
	defer endLeases()
	var leasing sync.WaitGroup
	if e.caps.leases != nil {
		leasing.Go(func() { e.caps.leases.Run(leaseCtx) })
	}
	drainCtx, stopDrain := context.WithCancel(context.Background())
	defer stopDrain()
	var draining sync.WaitGroup
	if e.drainer != nil {
		draining.Go(func() { e.drainer.run(drainCtx) })
	}
	// The library unpacks its table of IPv6 networks at the first look-up; no visitor should wait for that.
	watching.Go(func() { e.places.Locate(netip.MustParseAddr("2001:4860:4860::8888")) })
	served := make(chan error, 1)
	go func() { served <- e.server.Serve(e.listener) }()

	var err error
	select {
	case err = <-served:
		if err == nil {
			err = errors.New("the listener was closed")
		}
		err = fmt.Errorf("serving HTTP: %w", err)
		served <- nil
	case <-ctx.Done():
	}
	e.draining.Store(true)
	drain, cancel := context.WithTimeout(context.Background(), e.cfg.DrainTimeout)
	defer cancel()
	if stopErr := e.server.ShutdownWithContext(drain); err == nil && stopErr != nil {
		e.log.Warn("ingest: requests were still open when the drain timeout ended", zap.Error(stopErr))
	}
	e.listener.Close()
	<-served
	endLeases()
	stopWatch()
	watching.Wait()
	leasing.Wait()
	stopDrain()
	draining.Wait()
	e.closeSpool()
	// Every answered request's record is durable already; what is left belongs to requests answered 503, or is in the spool.
	if closeErr := e.producer.close(drain); closeErr != nil {
		e.log.Warn("ingest: unacknowledged records were dropped", zap.Error(closeErr))
	}
	e.metrics.unregister()
	return err
}

// closeSpool leaves what waits to the next start.
func (e *Edge) closeSpool() {
	if e.spool == nil {
		return
	}
	if d := e.spool.Depth(); d.Records > 0 {
		e.log.Warn("ingest: records stay in the spool for the next start", zap.Int64("records", d.Records), zap.Duration("oldest", d.Age))
	}
	if err := e.spool.Close(); err != nil {
		e.log.Warn("ingest: closing the spool", zap.Error(err))
	}
}

// Close gives up an edge that was never run.
func (e *Edge) Close() error {
	err := e.listener.Close()
	if e.caps.leases != nil {
		e.caps.leases.Discard()
	}
	e.closeSpool()
	e.producer.abandon()
	e.metrics.unregister()
	if err != nil {
		return fmt.Errorf("closing the listener: %w", err)
	}
	return nil
}
