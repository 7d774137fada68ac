package embedded

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"tributary/ingest/accept"
)

var errClosed = errors.New("the embedded Kafka is closed")

// A gate stands between the broker and its clients. It hands requests in only when they can be read, and responses out
// only when what they say is kept: see conn.
type gate struct {
	logger       *zap.Logger
	metrics      *metrics
	failure      *failure
	syncer       *syncer // nil: nothing is synced
	transactions *transactions
	login        bool   // clients must log in
	dir          string // the broker's folder
	hasPartition func(topic string, part int32) bool
	warnings     *rate.Limiter // what strangers send is not to fill the log

	opened   chan struct{} // closed when requests may come in
	buffered atomic.Int64  // bytes of requests being received, or waiting for their turn
	mutating atomic.Int64  // requests that change something, from before the broker has them until their response is ready

	mu       sync.Mutex
	listener net.Listener
	conns    map[*conn]struct{}
	strange  []*conn // of conns those that have not shown the login yet, the oldest first
	closed   bool
	quiet    bool           // nothing more is handed to the broker
	binding  int            // requests handed to the broker whose response acknowledges something
	settled  chan struct{}  // closed when quiet and binding is 0
	ended    sync.WaitGroup // writers
}

// warningsAtOnce bounds the warnings about connections: one a second, ten at once.
const warningsAtOnce = 10

func newGate(logger *zap.Logger, m *metrics, f *failure) *gate {
	return &gate{
		logger: logger, metrics: m, failure: f, warnings: rate.NewLimiter(1, warningsAtOnce),
		opened: make(chan struct{}), settled: make(chan struct{}), conns: map[*conn]struct{}{},
	}
}

// listen is for kfake.ListenFn.
func (g *gate) listen(network, address string) (net.Listener, error) {
	l, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	// kfake takes any error of Accept for the listener's end.
	patient := accept.Patiently(l, func() {}, func(err error) {
		g.logger.Error("embedded Kafka: no connection can be taken for want of files or memory", zap.Error(err))
	})
	g.listener = patient
	return &gatedListener{patient, g}, nil
}

// open lets requests in.
func (g *gate) open() { close(g.opened) }

// enter counts in a request that is about to be handed to the broker; false: none may be.
func (g *gate) enter(binding bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.quiet {
		return false
	}
	if binding {
		g.binding++
	}
	return true
}

// leave counts out one whose response is there, or will not be sent.
func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.binding--; g.binding == 0 && g.quiet {
		close(g.settled)
	}
}

// quietLimit is longer than the broker takes for the requests it has.
const quietLimit = 5 * time.Second

// quiesce hands nothing more to the broker and waits until the responses that acknowledge something are there, or until
// stop: the broker acknowledges while it ends what it no longer writes.
func (g *gate) quiesce(stop <-chan struct{}) {
	g.mu.Lock()
	if !g.quiet {
		g.quiet = true
		if g.binding == 0 {
			close(g.settled)
		}
	}
	g.mu.Unlock()
	limit := time.NewTimer(quietLimit)
	defer limit.Stop()
	select {
	case <-g.settled:
	case <-stop:
	case <-limit.C:
		g.logger.Warn("the embedded Kafka ends before it has responded to all requests; those are not acknowledged", zap.Duration("waited", quietLimit))
	}
}

// close ends all connections; it may be called again.
func (g *gate) close() {
	g.mu.Lock()
	g.closed = true
	conns := make([]*conn, 0, len(g.conns))
	for c := range g.conns {
		conns = append(conns, c)
	}
	g.mu.Unlock()
	if g.listener != nil {
		_ = g.listener.Close() // the broker may have closed it
	}
	for _, c := range conns {
		_ = c.Close()
	}
	g.ended.Wait()
}

// refuse says why a connection is closed.
func (g *gate) refuse(c net.Conn, why refusal, err error) {
	g.metrics.refused[why].Inc()
	if g.warnings.Allow() {
		g.logger.Warn("closed a connection to the embedded Kafka", zap.String("reason", string(why)), zap.Stringer("client", c.RemoteAddr()), zap.Error(err))
	}
}

type gatedListener struct {
	net.Listener
	gate *gate
}

func (l *gatedListener) Accept() (net.Conn, error) {
	for {
		raw, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := newConn(raw, l.gate)
		oldest, err := l.gate.admit(c)
		if oldest != nil {
			l.gate.refuse(oldest, refusedConnections, fmt.Errorf("there are too many connections without a login; %d are right", MaxStrangers))
			_ = oldest.Close()
		}
		switch {
		case errors.Is(err, net.ErrClosed):
			_ = raw.Close()
			return nil, err
		case err != nil:
			l.gate.refuse(raw, refusedConnections, err)
			_ = raw.Close()
		default:
			c.expectLogin()
			return c, nil
		}
	}
}

// admit counts a connection in; oldest is one that must go for it.
func (g *gate) admit(c *conn) (oldest *conn, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	full := len(g.conns) >= MaxConnections
	switch {
	case g.closed:
		return nil, net.ErrClosed
	case len(g.strange) > 0 && (full || len(g.strange) >= MaxStrangers):
		oldest = g.strange[0]
		g.drop(oldest)
	case full:
		return nil, fmt.Errorf("there are too many connections; %d are right", MaxConnections)
	}
	g.conns[c] = struct{}{}
	if g.login {
		g.strange = append(g.strange, c)
	}
	g.metrics.connections.Set(float64(len(g.conns)))
	return oldest, nil
}

// drop counts a connection out. Called with the lock.
func (g *gate) drop(c *conn) {
	delete(g.conns, c)
	g.trust(c)
	g.metrics.connections.Set(float64(len(g.conns)))
}

// trust counts a connection out of those without a login. Called with the lock.
func (g *gate) trust(c *conn) {
	if at := slices.Index(g.strange, c); at >= 0 {
		g.strange = slices.Delete(g.strange, at, at+1)
	}
}

// loggedIn says that a connection has shown the login.
func (g *gate) loggedIn(c *conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.trust(c)
}

// forget is called by each connection's end.
func (g *gate) forget(c *conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.drop(c)
}

func (g *gate) isClosed() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed
}

// join counts a connection's writer in, unless the gate is closed.
func (g *gate) join() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		g.ended.Add(1)
	}
	return !g.closed
}
