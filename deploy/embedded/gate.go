package embedded

import (
	"errors"
	"net"
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
	warnings     *rate.Limiter // what strangers send is not to fill the log

	opened   chan struct{} // closed when requests may come in
	buffered atomic.Int64  // bytes of requests being received
	mutating atomic.Int64  // requests that change something, from before the broker has them until their response is ready

	mu       sync.Mutex
	listener net.Listener
	conns    map[*conn]struct{}
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

// refuse says why a connection is closed, or a login refused.
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
		l.gate.mu.Lock()
		closed, full := l.gate.closed, len(l.gate.conns) >= MaxConnections
		if !closed && !full {
			l.gate.conns[c] = struct{}{}
			l.gate.metrics.connections.Set(float64(len(l.gate.conns)))
		}
		l.gate.mu.Unlock()
		switch {
		case closed:
			_ = raw.Close()
			return nil, net.ErrClosed
		case full:
			l.gate.refuse(raw, refusedConnections, errors.New("there are too many connections"))
			_ = raw.Close()
		default:
			return c, nil
		}
	}
}

// forget is called by each connection's end, and tells whether it is the gate's own.
func (g *gate) forget(c *conn) (ending bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.conns, c)
	g.metrics.connections.Set(float64(len(g.conns)))
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
