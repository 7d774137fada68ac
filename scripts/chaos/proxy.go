package main

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A toxic is what a proxy does to what passes.
type toxic int

const (
	clean toxic = iota
	// cut resets every connection, and each new one at once.
	cut
	// blackHole passes nothing and says nothing: what was sent arrives when it ends, as after lost packets.
	blackHole
	// delay holds every piece back for a while.
	delay
	// deaf passes requests and swallows answers; its connections are reset when it ends.
	deaf
	// halfClose ends the answers' direction in an orderly way and lets requests through.
	halfClose
)

func (t toxic) String() string {
	return [...]string{"clean", "cut", "black-hole", "delay", "answers lost", "half-close"}[t]
}

const proxyBuffer = 64 << 10

// A proxy is one way between two members.
type proxy struct {
	listener net.Listener
	target   string
	sent     atomic.Int64 // bytes towards the target

	mu     sync.Mutex
	change *sync.Cond
	toxic  toxic
	delay  time.Duration
	pairs  map[*pair]bool
	closed bool
}

// pair is one client's connection and the one that was made for it.
type pair struct {
	client, server *net.TCPConn
	spoiled        bool // answers were lost: its ends no longer agree
}

// newProxy listens on a free port of its own.
func newProxy(target string) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{listener: l, target: target, pairs: map[*pair]bool{}}
	p.change = sync.NewCond(&p.mu)
	go p.accept()
	return p, nil
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

func (p *proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			continue
		}
		go p.serve(c.(*net.TCPConn))
	}
}

func (p *proxy) serve(client *net.TCPConn) {
	if p.gate(nil) == cut {
		reset(client)
		return
	}
	c, err := net.DialTimeout("tcp", p.target, 5*time.Second)
	if err != nil {
		reset(client)
		return
	}
	link := &pair{client: client, server: c.(*net.TCPConn)}
	p.mu.Lock()
	if p.closed || p.toxic == cut {
		p.mu.Unlock()
		link.reset()
		return
	}
	p.pairs[link] = true
	p.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { p.pump(link, link.client, link.server, false) })
	both.Go(func() { p.pump(link, link.server, link.client, true) })
	both.Wait()
	p.mu.Lock()
	delete(p.pairs, link)
	p.mu.Unlock()
	link.client.Close()
	link.server.Close()
}

// pump copies one direction. answers says that it is the one from the target.
func (p *proxy) pump(link *pair, from, to *net.TCPConn, answers bool) {
	buffer := make([]byte, proxyBuffer)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			switch t := p.gate(link); {
			case t == cut:
				link.reset()
				return
			case answers && (t == deaf || t == halfClose):
				p.mu.Lock()
				link.spoiled = true
				p.mu.Unlock()
				if t == halfClose {
					_ = to.CloseWrite()
				}
				continue
			}
			if !answers {
				p.sent.Add(int64(n))
			}
			if _, err := to.Write(buffer[:n]); err != nil {
				link.reset()
				return
			}
		}
		if err != nil {
			// The other direction may go on.
			_ = to.CloseWrite()
			return
		}
	}
}

// gate waits as the toxic in force says and answers the one to act on.
func (p *proxy) gate(link *pair) toxic {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.toxic == blackHole && !p.closed {
		p.change.Wait()
	}
	if p.closed || link != nil && !p.pairs[link] {
		return cut
	}
	if p.toxic == delay {
		d := p.delay
		p.mu.Unlock()
		time.Sleep(d)
		p.mu.Lock()
	}
	return p.toxic
}

// poison puts a toxic in force; clean ends it.
func (p *proxy) poison(t toxic, d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.toxic, p.delay = t, d
	for link := range p.pairs {
		if t == cut || t == clean && link.spoiled {
			delete(p.pairs, link)
			link.reset()
		}
	}
	p.change.Broadcast()
}

func (p *proxy) close() {
	p.listener.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for link := range p.pairs {
		link.reset()
	}
	p.change.Broadcast()
}

func (l *pair) reset() {
	reset(l.client)
	reset(l.server)
}

// reset closes as a crashed machine's kernel does: by RST instead of FIN.
func reset(c *net.TCPConn) {
	_ = c.SetLinger(0)
	c.Close()
}
