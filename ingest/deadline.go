package ingest

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// maxSlack and slackShare bound how much earlier than asked a connection's time may be over.
const (
	maxSlack   = time.Second
	slackShare = 8
)

// lazyListener has connections whose deadlines are set when they are first needed, and left alone while they are near enough:
// the server sets three a request, of which hardly any is ever waited for, and each would move a timer of the runtime's.
// A time is never over later than asked, and earlier by an eighth of the shortest timeout at most, or a second.
type lazyListener struct {
	net.Listener
	slackNS int64
}

func listenLazily(l net.Listener, timeouts ...time.Duration) net.Listener {
	slack := maxSlack
	for _, t := range timeouts {
		slack = min(slack, t/slackShare)
	}
	return &lazyListener{l, int64(slack)}
}

func (l *lazyListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &lazyConn{Conn: c, slackNS: l.slackNS}, nil
}

type lazyConn struct {
	net.Conn
	slackNS     int64
	read, write lazyDeadline
}

// A lazyDeadline is wanted by any goroutine and needed by the one that reads, or writes.
type lazyDeadline struct {
	wantedNS atomic.Int64 // Unix time, 0 for none
	setNS    atomic.Int64 // what the connection knows
	// needed: a read or write is under way, which must learn of a new deadline.
	needed atomic.Bool
	mu     sync.Mutex
}

// want takes a deadline, and sets it when somebody waits by the one before.
func (d *lazyDeadline) want(t time.Time, set func(time.Time) error) error {
	at := int64(0)
	if !t.IsZero() {
		at = t.UnixNano()
	}
	d.wantedNS.Store(at)
	if !d.needed.Load() {
		return nil
	}
	return d.apply(set)
}

// stale tells, at the begin of a read or write, whether what the connection knows will not do.
func (d *lazyDeadline) stale(slackNS int64) bool {
	d.needed.Store(true)
	wanted, set := d.wantedNS.Load(), d.setNS.Load()
	return wanted != set && (wanted == 0 || set == 0 || set > wanted || wanted-set > slackNS)
}

func (d *lazyDeadline) apply(set func(time.Time) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	wanted := d.wantedNS.Load()
	var at time.Time
	if wanted != 0 {
		at = time.Unix(0, wanted)
	}
	d.setNS.Store(wanted)
	return set(at)
}

func (c *lazyConn) Read(b []byte) (int, error) {
	defer c.read.needed.Store(false)
	if c.read.stale(c.slackNS) {
		if err := c.read.apply(c.Conn.SetReadDeadline); err != nil {
			return 0, err
		}
	}
	return c.Conn.Read(b)
}

func (c *lazyConn) Write(b []byte) (int, error) {
	defer c.write.needed.Store(false)
	if c.write.stale(c.slackNS) {
		if err := c.write.apply(c.Conn.SetWriteDeadline); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(b)
}

func (c *lazyConn) SetReadDeadline(t time.Time) error { return c.read.want(t, c.Conn.SetReadDeadline) }

func (c *lazyConn) SetWriteDeadline(t time.Time) error {
	return c.write.want(t, c.Conn.SetWriteDeadline)
}

func (c *lazyConn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}
