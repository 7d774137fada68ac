package embedded

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"

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
	login        bool          // clients must log in
	warnings     *rate.Limiter // what strangers send is not to fill the log

	opened   chan struct{} // closed when requests may come in
	buffered atomic.Int64  // bytes of requests being received, or waiting for their turn
	mutating atomic.Int64  // requests that change something, from before the broker has them until their response is ready

	mu       sync.Mutex
	listener net.Listener
	conns    map[*conn]struct{}
	strange  []*conn // of conns those that have not shown the login yet, the oldest first
	closed   bool
	ended    sync.WaitGroup // writers
}

// warningsAtOnce bounds the warnings about connections: one a second, ten at once.
const warningsAtOnce = 10

func newGate(logger *zap.Logger, m *metrics, f *failure) *gate {
	return &gate{
		logger: logger, metrics: m, failure: f, warnings: rate.NewLimiter(1, warningsAtOnce),
		opened: make(chan struct{}), conns: map[*conn]struct{}{},
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
