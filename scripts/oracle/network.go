package oracle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"
)

// A network joins hosts and listeners in memory. Everything that waits, waits on channels and timers, so that virtual time can
// pass; bytes written are delivered after the host's latency, in order, or never once the host is cut.
type network struct {
	mu        sync.Mutex
	listeners map[int]*listener
	hosts     []*host
}

func newNetwork() *network { return &network{listeners: map[int]*listener{}} }

// portAddr is an address on the network; there is one machine name for all.
type portAddr int

func (portAddr) Network() string  { return "oracle" }
func (a portAddr) String() string { return "127.0.0.1:" + strconv.Itoa(int(a)) }

type listener struct {
	network *network
	port    int
	backlog chan net.Conn
	closed  chan struct{}
	once    sync.Once

	mu    sync.Mutex
	away  bool
	conns []*link
}

// listen has the signature of net.Listen.
func (n *network) listen(_, address string) (net.Listener, error) {
	_, text, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", address, err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", address, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listeners[port] != nil {
		return nil, fmt.Errorf("listening on %s: the port is taken", address)
	}
	l := &listener{network: n, port: port, backlog: make(chan net.Conn, 64), closed: make(chan struct{})}
	n.listeners[port] = l
	return l, nil
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.backlog:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.network.mu.Lock()
		delete(l.network.listeners, l.port)
		l.network.mu.Unlock()
	})
	return nil
}

func (l *listener) Addr() net.Addr { return portAddr(l.port) }

// reset breaks every connection to the port.
func (n *network) reset(port int) {
	n.mu.Lock()
	l := n.listeners[port]
	n.mu.Unlock()
	if l != nil {
		l.breakAll()
	}
}

func (l *listener) breakAll() {
	l.mu.Lock()
	conns := l.conns
	l.conns = nil
	l.mu.Unlock()
	for _, c := range conns {
		c.abort()
	}
}

// setAway has the port refuse connections, and breaks those it has.
func (n *network) setAway(port int, away bool) {
	n.mu.Lock()
	l := n.listeners[port]
	n.mu.Unlock()
	if l == nil {
		return
	}
	l.mu.Lock()
	l.away = away
	l.mu.Unlock()
	if away {
		n.reset(port)
	}
}

// vanish ends the listener of a process that died, with every connection to it.
func (n *network) vanish(port int) {
	n.mu.Lock()
	l := n.listeners[port]
	n.mu.Unlock()
	if l != nil {
		_ = l.Close()
		l.breakAll()
	}
}

// A host is the network of one life of one process.
type host struct {
	network *network
	name    string

	mu     sync.Mutex
	random *rand.Rand
	cut    bool
	// thaw is when bytes held back by a freeze are delivered.
	thaw            time.Time
	latency, jitter time.Duration
	links           []*link
}

func (n *network) host(name string, seed uint64) *host {
	h := &host{network: n, name: name, random: rand.New(rand.NewPCG(seed, 0x6e6574))}
	n.mu.Lock()
	n.hosts = append(n.hosts, h)
	n.mu.Unlock()
	return h
}

var errRefused = errors.New("connection refused")

// refusedTakes is how long a refusal takes: what the deployment's dialer makes of it (see wiring.KafkaOptions), for a client may try
// again at once, and time would stand still.
const refusedTakes = 50 * time.Millisecond

// dial connects to a port of the network.
func (h *host) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := h.tryDial(ctx, network, address)
	if err != nil {
		timer := time.NewTimer(refusedTakes)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return conn, err
}

func (h *host) tryDial(ctx context.Context, _, address string) (net.Conn, error) {
	_, text, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, _ := strconv.Atoi(text)
	if err := h.awaitThaw(ctx); err != nil {
		return nil, h.dialError(port, err)
	}
	h.network.mu.Lock()
	l := h.network.listeners[port]
	h.network.mu.Unlock()
	if l == nil {
		return nil, h.dialError(port, errRefused)
	}
	c := newLink(h, port)
	l.mu.Lock()
	if l.away {
		l.mu.Unlock()
		return nil, h.dialError(port, errRefused)
	}
	l.conns = slices.DeleteFunc(l.conns, (*link).dead)
	l.conns = append(l.conns, c)
	l.mu.Unlock()
	h.mu.Lock()
	if h.cut {
		h.mu.Unlock()
		return nil, h.dialError(port, errRefused)
	}
	h.links = slices.DeleteFunc(h.links, (*link).dead)
	h.links = append(h.links, c)
	h.mu.Unlock()
	select {
	case l.backlog <- &end{c, &c.up, &c.down, portAddr(port), portAddr(0)}:
		return &end{c, &c.down, &c.up, portAddr(0), portAddr(port)}, nil
	case <-l.closed:
		return nil, h.dialError(port, errRefused)
	case <-ctx.Done():
		c.abort()
		return nil, h.dialError(port, ctx.Err())
	}
}

func (h *host) dialError(port int, err error) error {
	return &net.OpError{Op: "dial", Net: "oracle", Addr: portAddr(port), Err: err}
}

func (h *host) awaitThaw(ctx context.Context) error {
	for {
		h.mu.Lock()
		wait, cut := time.Until(h.thaw), h.cut
		h.mu.Unlock()
		if cut {
			return errRefused
		}
		if wait <= 0 {
			return nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// kill cuts the host for good. What it has written is still delivered, as a kernel would; nothing reaches it any more.
func (h *host) kill() {
	h.mu.Lock()
	h.cut = true
	links := h.links
	h.links = nil
	h.mu.Unlock()
	for _, c := range links {
		c.up.close(false)
		c.down.close(true)
	}
}

// isCut tells whether the process is dead.
func (h *host) isCut() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.cut
}

// freeze holds back everything from and to the host for d.
func (h *host) freeze(d time.Duration) {
	h.mu.Lock()
	if t := time.Now().Add(d); t.After(h.thaw) {
		h.thaw = t
	}
	links := slices.Clone(h.links)
	h.mu.Unlock()
	for _, c := range links {
		c.up.signal()
		c.down.signal()
	}
}

// slow sets the time that bytes take.
func (h *host) slow(latency, jitter time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.latency, h.jitter = latency, jitter
}

func (h *host) arrival() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	d := h.latency
	if h.jitter > 0 {
		d += time.Duration(h.random.Int64N(int64(h.jitter)))
	}
	return time.Now().Add(d)
}

func (h *host) frozenUntil() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.thaw
}

// A link is one connection: up carries from the host to the listener, down the other way.
type link struct {
	host     *host
	up, down half
}

func newLink(h *host, port int) *link {
	c := &link{host: h}
	c.up.init(h)
	c.down.init(h)
	return c
}

func (c *link) abort() {
	c.up.close(true)
	c.down.close(true)
}

func (c *link) dead() bool { return c.up.finished() && c.down.finished() }

// half is one direction. It has one reader.
type half struct {
	host *host
	wake chan struct{}

	mu       sync.Mutex
	packets  []packet
	last     time.Time
	closed   bool // end of file after the packets
	broken   bool // nothing more is delivered
	deadline time.Time
}

type packet struct {
	data []byte
	at   time.Time
}

func (p *half) init(h *host) { p.host, p.wake = h, make(chan struct{}, 1) }

func (p *half) signal() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *half) close(broken bool) {
	p.mu.Lock()
	p.closed = true
	if broken {
		p.broken, p.packets = true, nil
	}
	p.mu.Unlock()
	p.signal()
}

func (p *half) finished() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed && len(p.packets) == 0
}

func (p *half) write(b []byte) (int, error) {
	at := p.host.arrival()
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return 0, &net.OpError{Op: "write", Net: "oracle", Err: errReset}
	}
	if at.Before(p.last) {
		at = p.last
	}
	p.last = at
	p.packets = append(p.packets, packet{slices.Clone(b), at})
	p.mu.Unlock()
	p.signal()
	return len(b), nil
}

var errReset = errors.New("connection reset by peer")

func (p *half) read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	for {
		thaw := p.host.frozenUntil()
		now := time.Now()
		p.mu.Lock()
		if !p.deadline.IsZero() && !now.Before(p.deadline) {
			p.mu.Unlock()
			return 0, os.ErrDeadlineExceeded
		}
		if p.broken {
			p.mu.Unlock()
			return 0, &net.OpError{Op: "read", Net: "oracle", Err: errReset}
		}
		next := p.deadline
		if len(p.packets) > 0 || p.closed {
			var at time.Time
			if len(p.packets) > 0 {
				at = p.packets[0].at
			}
			if at.Before(thaw) {
				at = thaw
			}
			if !at.After(now) {
				if len(p.packets) == 0 {
					p.mu.Unlock()
					return 0, io.EOF
				}
				n := copy(b, p.packets[0].data)
				if p.packets[0].data = p.packets[0].data[n:]; len(p.packets[0].data) == 0 {
					p.packets = p.packets[1:]
				}
				p.mu.Unlock()
				return n, nil
			}
			if next.IsZero() || at.Before(next) {
				next = at
			}
		}
		p.mu.Unlock()
		if next.IsZero() {
			<-p.wake
			continue
		}
		timer := time.NewTimer(next.Sub(now))
		select {
		case <-p.wake:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// end is one end of a link.
type end struct {
	link          *link
	in, out       *half
	local, remote net.Addr
}

func (e *end) Read(b []byte) (int, error)  { return e.in.read(b) }
func (e *end) Write(b []byte) (int, error) { return e.out.write(b) }

// Close ends both directions: the peer still gets what was written, this end reads no more.
func (e *end) Close() error {
	e.out.close(false)
	e.in.close(true)
	return nil
}

func (e *end) LocalAddr() net.Addr  { return e.local }
func (e *end) RemoteAddr() net.Addr { return e.remote }

func (e *end) SetDeadline(t time.Time) error { return e.SetReadDeadline(t) }

func (e *end) SetReadDeadline(t time.Time) error {
	e.in.mu.Lock()
	e.in.deadline = t
	e.in.mu.Unlock()
	e.in.signal()
	return nil
}

// SetWriteDeadline does nothing: a write never waits.
func (e *end) SetWriteDeadline(time.Time) error { return nil }

// loseAnswers breaks the way back of every connection to the port: what was asked is done, and the client never hears.
func (n *network) loseAnswers(port int) {
	n.mu.Lock()
	l := n.listeners[port]
	n.mu.Unlock()
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		c.down.close(true)
	}
}
