package embedded

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// frameLimit is how long the rest of a request may take to come once its length is there.
	frameLimit = 30 * time.Second
	// Responses that wait for a sync are queued, so that the broker can work on the connection's next request
	// meanwhile: so many, of at most so many bytes each. A longer one waits by itself, and holds the connection.
	maxQueued      = 64
	maxQueuedBytes = 256 << 10
	frameChunk     = 64 << 10
)

// A conn is a connection as the broker sees it. The broker reads a request, handles it and writes the response, whole,
// before it handles the connection's next one; it reads one ahead.
//
// In: Read gives the broker only whole requests that it can read, and the next only when the response to the one before
// has been handed over, so that a response is known to belong to the last request.
//
// Out: Write sends a response when nothing has failed by then and, where the broker syncs, when what the response says
// or shows is on disk. Until then it is queued, in order, and Write returns at once.
type conn struct {
	net.Conn
	gate   *gate
	reader *bufio.Reader
	body   bytes.Buffer
	left   []byte       // of the request that the broker is reading
	taken  atomic.Int64 // bytes of the body that the gate counts
	login  loginState
	hungUp atomic.Bool // nothing more can be read

	turn    chan struct{} // holds a token while the broker owes no response
	current *request      // owned by whoever took the token, until Write

	mu       sync.Mutex
	binding  bool       // the gate counts a request of this connection whose response acknowledges something
	owes     bool       // the gate counts a request of this connection that changes something and may still be under way
	changed  *sync.Cond // queue, sending or closed
	queue    []queued
	sending  bool // the writer has taken one from the queue
	hasQueue bool // the writer runs

	closing sync.Once
	closed  chan struct{}
}

type queued struct {
	frame  []byte
	ticket uint64
}

func newConn(raw net.Conn, g *gate) *conn {
	c := &conn{
		Conn: raw, gate: g, reader: bufio.NewReaderSize(raw, 32<<10),
		turn: make(chan struct{}, 1), closed: make(chan struct{}),
	}
	c.changed = sync.NewCond(&c.mu)
	c.turn <- struct{}{}
	return c
}

// Close ends the connection and drops what it holds back.
func (c *conn) Close() error {
	var err error
	c.closing.Do(func() {
		c.leaveLogin()
		close(c.closed)
		err = c.Conn.Close()
		c.gate.forget(c)
		c.release()
		c.leave()
		c.mu.Lock()
		c.changed.Broadcast()
		c.mu.Unlock()
		c.settle()
	})
	return err
}

// lastRequestLimit is longer than the broker takes for a request.
const lastRequestLimit = 10 * time.Second

// settle counts out a request that changes something and whose response will not come, once the broker has surely
// handled it.
func (c *conn) settle() {
	c.mu.Lock()
	owes := c.owes
	c.owes = false
	c.mu.Unlock()
	if !owes {
		return
	}
	time.AfterFunc(lastRequestLimit, func() {
		if c.gate.syncer != nil {
			c.gate.syncer.ticket()
		}
		c.gate.mutating.Add(-1)
	})
}

// Read gives the broker the next bytes of whole requests.
func (c *conn) Read(p []byte) (int, error) {
	if len(c.left) == 0 {
		if err := c.next(); err != nil {
			c.hungUp.Store(true)
			c.drain()
			return 0, err
		}
	}
	n := copy(p, c.left)
	c.left = c.left[n:]
	if len(c.left) == 0 {
		c.drain() // the broker has its own copy
	}
	return n, nil
}

// drain gives back the request's memory. Called by whoever reads.
func (c *conn) drain() {
	c.left = nil
	if c.body.Cap() > frameChunk {
		c.body = bytes.Buffer{}
	}
	c.release()
}

// release counts out the bytes of the body.
func (c *conn) release() {
	c.gate.metrics.frameBytes.Set(float64(c.gate.buffered.Add(-c.taken.Swap(0))))
}

// next receives a request and waits until it may be handed over. Those that the gate answers go before it.
func (c *conn) next() error {
	for {
		r, err := c.receive()
		if err != nil {
			return err
		}
		if err := c.awaitTurn(); err != nil {
			return err
		}
		if !r.answered {
			return c.pass(r)
		}
		if err := c.answer(r); err != nil {
			return err
		}
		c.turn <- struct{}{}
	}
}

// awaitTurn waits until the broker owes no response.
func (c *conn) awaitTurn() error {
	select {
	case <-c.gate.opened:
	case <-c.closed:
		return net.ErrClosed
	}
	select {
	case <-c.turn:
	case <-c.closed:
		return net.ErrClosed
	}
	return c.gate.failure.get()
}

// pass hands a request to the broker.
func (c *conn) pass(r *request) (err error) {
	if err := c.enter(r); err != nil {
		return err
	}
	if end, ok := r.kmsg.(*kmsg.EndTxnRequest); ok && end.Commit {
		if r.commit, err = c.gate.transactions.commit(end); err != nil {
			return err
		}
	}
	return c.hand(r)
}

// enter counts the request in at the gate, until its response is there or the connection ends.
func (c *conn) enter(r *request) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	binding := r.binds && !r.silent
	if c.isClosed() || !c.gate.enter(binding) {
		return net.ErrClosed
	}
	c.binding = binding
	return nil
}

// leave counts it out.
func (c *conn) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.binding {
		c.binding = false
		c.gate.leave()
	}
}

// hand makes the request the connection's current one.
func (c *conn) hand(r *request) error {
	c.mu.Lock()
	if c.isClosed() {
		c.mu.Unlock()
		return net.ErrClosed
	}
	if r.mutates && !c.owes {
		c.owes = true
		c.gate.mutating.Add(1)
	}
	c.mu.Unlock()
	if _, ok := r.kmsg.(*kmsg.SASLAuthenticateRequest); ok {
		c.login.tried.Store(true)
	}
	c.current = r
	c.left = c.body.Bytes()
	if r.mended != nil {
		c.left, r.mended = r.mended, nil
	}
	if r.silent {
		c.turn <- struct{}{} // what it changes is counted until the next response
	}
	return nil
}

// paid counts out what the connection owes once a response is there, and returns the sync that covers it, 0: none.
func (c *conn) paid() (ticket uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.owes {
		return 0
	}
	// First the ticket, then the count: who looks between finds one of the two.
	if c.gate.syncer != nil {
		ticket = c.gate.syncer.ticket()
	}
	c.owes = false
	c.gate.mutating.Add(-1)
	return ticket
}

// receive reads a whole request from the client.
func (c *conn) receive() (*request, error) {
	head, err := c.reader.Peek(framePrefixBytes + 2)
	if err != nil {
		return nil, err
	}
	size := int64(int32(binary.BigEndian.Uint32(head)))
	limit := int64(MaxFrameBytes)
	key := int16(binary.BigEndian.Uint16(head[framePrefixBytes:]))
	if c.isStranger() {
		limit = MaxStrangerFrameBytes
		if !beforeLogin(key) {
			err := fmt.Errorf("it asked for %s before it showed the login", kmsg.NameForKey(key))
			c.gate.refuse(c, refusedLogin, err)
			return nil, err
		}
	} else if key == int16(kmsg.Produce) {
		limit = MaxProduceFrameBytes
	}
	if size < frameHeadBytes || size > limit {
		err := fmt.Errorf("it announced a request of %d bytes; %d to %d are right", uint32(size), frameHeadBytes, limit)
		c.gate.refuse(c, refusedSize, err)
		return nil, err
	}
	if err := c.fill(framePrefixBytes + size); err != nil {
		return nil, err
	}
	r, err := readRequest(c.body.Bytes()[framePrefixBytes:])
	if err != nil {
		c.gate.refuse(c, refusedRequest, err)
		return nil, err
	}
	return r, nil
}

// fill receives size bytes into the body. Memory is taken as bytes come, not as they are announced.
func (c *conn) fill(size int64) error {
	c.body.Reset()
	if err := c.SetReadDeadline(time.Now().Add(frameLimit)); err != nil {
		return err
	}
	for left := size; left > 0; {
		n := min(left, frameChunk)
		if c.gate.buffered.Add(n) > MaxBufferedBytes {
			c.gate.buffered.Add(-n)
			err := errors.New("requests that are being received or wait for their turn take too much memory")
			c.gate.refuse(c, refusedMemory, err)
			return err
		}
		c.taken.Add(n)
		c.gate.metrics.frameBytes.Set(float64(c.gate.buffered.Load()))
		if _, err := io.CopyN(&c.body, c.reader, n); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				c.gate.refuse(c, refusedSlow, fmt.Errorf("a request of %d bytes did not come within %s", size, frameLimit))
			}
			return err
		}
		left -= n
	}
	return c.SetReadDeadline(time.Time{})
}

// Write takes the response to the current request, whole, and returns when it is sent or queued.
func (c *conn) Write(frame []byte) (int, error) {
	r, taken := c.current, len(frame)
	c.current = nil
	ticket, err := c.settled(r, frame)
	if err == nil {
		err = c.gate.failure.get()
	}
	if err != nil {
		return 0, err
	}
	frame = c.gate.filled(r.kmsg, frame)
	if err := c.send(frame, ticket); err != nil {
		return 0, err
	}
	c.leave()
	select {
	case c.turn <- struct{}{}:
	case <-c.closed:
		return 0, net.ErrClosed
	}
	return taken, nil
}

// settled notes what the response tells of a transaction and returns the sync that it must wait for, 0: none.
func (c *conn) settled(r *request, frame []byte) (ticket uint64, err error) {
	syncs := c.gate.syncer
	ticket = c.paid()
	if syncs != nil && reveals(r.kmsg) && (c.gate.mutating.Load() > 0 || syncs.dirty()) {
		ticket = syncs.ticket()
	}
	switch req := r.kmsg.(type) {
	case *kmsg.ProduceRequest:
		if len(r.produced) > 0 {
			answer, err := readAnswer(req, frame)
			if err != nil {
				return 0, err
			}
			c.gate.transactions.produced(r.produced, answer.(*kmsg.ProduceResponse))
		}
	case *kmsg.TxnOffsetCommitRequest:
		answer, err := readAnswer(req, frame)
		if err != nil {
			return 0, err
		}
		c.gate.transactions.staged(req, answer.(*kmsg.TxnOffsetCommitResponse))
	case *kmsg.OffsetCommitRequest:
		c.gate.transactions.offsetCommitted()
	case *kmsg.SASLAuthenticateRequest:
		answer, err := readAnswer(req, frame)
		if err != nil {
			return 0, err
		}
		c.stepped(answer.(*kmsg.SASLAuthenticateResponse))
	case *kmsg.InitProducerIDRequest:
		answer, err := readAnswer(req, frame)
		if err != nil {
			return 0, err
		}
		c.gate.transactions.begun(answer.(*kmsg.InitProducerIDResponse).ProducerID)
	case *kmsg.EndTxnRequest:
		answer, err := readAnswer(req, frame)
		if err != nil {
			return 0, err
		}
		ticket = max(ticket, c.gate.transactions.ended(req, r.commit, answer.(*kmsg.EndTxnResponse)))
	}
	return ticket, nil
}

// send sends the response at once where it may, else puts it at the end of the queue.
func (c *conn) send(frame []byte, ticket uint64) error {
	c.mu.Lock()
	direct := ticket == 0 && len(c.queue) == 0 && !c.sending
	if !direct && len(frame) <= maxQueuedBytes {
		defer c.mu.Unlock()
		return c.enqueue(queued{bytes.Clone(frame), ticket})
	}
	c.mu.Unlock()
	if !direct {
		// Too long to keep a copy: wait for the sync and for all before it.
		c.gate.metrics.held.Inc()
		err := c.await(ticket)
		c.gate.metrics.held.Dec()
		if err != nil {
			return err
		}
	}
	_, err := c.Conn.Write(frame)
	return err
}

// enqueue is called with the lock.
func (c *conn) enqueue(q queued) error {
	for len(c.queue) >= maxQueued && !c.isClosed() {
		c.changed.Wait()
	}
	if c.isClosed() {
		return net.ErrClosed
	}
	if !c.hasQueue {
		if !c.gate.join() {
			return net.ErrClosed
		}
		c.hasQueue = true
		go c.writeQueue()
	}
	c.queue = append(c.queue, q)
	c.gate.metrics.held.Inc()
	c.changed.Broadcast()
	return nil
}

// await waits for a sync and for the queue to be empty.
func (c *conn) await(ticket uint64) error {
	if ticket > 0 {
		if err := c.gate.syncer.wait(ticket); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for (len(c.queue) > 0 || c.sending) && !c.isClosed() {
		c.changed.Wait()
	}
	if c.isClosed() {
		return net.ErrClosed
	}
	return c.gate.failure.get()
}

func (c *conn) isClosed() bool {
	select {
	case <-c.closed:
		return true
	default:
		return false
	}
}

// writeQueue sends what is queued, in order, until the connection is closed or one cannot be sent.
func (c *conn) writeQueue() {
	defer c.gate.ended.Done()
	for {
		q, ok := c.take()
		if !ok {
			return
		}
		err := c.gate.failure.get()
		if err == nil && q.ticket > 0 {
			err = c.gate.syncer.wait(q.ticket)
		}
		if err == nil {
			_, err = c.Conn.Write(q.frame)
		}
		c.gate.metrics.held.Dec()
		if err != nil {
			_ = c.Close()
		}
		c.mu.Lock()
		c.sending = false
		c.changed.Broadcast()
		c.mu.Unlock()
	}
}

// take returns the next of the queue; false once the connection is closed.
func (c *conn) take() (queued, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.queue) == 0 && !c.isClosed() {
		c.changed.Wait()
	}
	if c.isClosed() {
		c.gate.metrics.held.Sub(float64(len(c.queue)))
		c.queue, c.hasQueue = nil, false
		return queued{}, false
	}
	q := c.queue[0]
	c.queue = c.queue[1:]
	c.sending = true
	return q, true
}
