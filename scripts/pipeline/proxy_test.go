package pipeline

import (
	"net"
	"sync"
	"testing"
	"time"
)

// proxy stands between a client and a server that it can take away: frozen, bytes go nowhere while connections stand; cut,
// connections end and new ones are refused.
type proxy struct {
	tb      testing.TB
	address string
	target  string

	mu       sync.Mutex
	listener net.Listener
	conns    map[net.Conn]struct{}
	thawed   chan struct{} // closed while bytes may pass
	on       sync.WaitGroup
}

func startProxy(tb testing.TB, target string) *proxy {
	tb.Helper()
	p := &proxy{tb: tb, address: "127.0.0.1:0", target: target, conns: map[net.Conn]struct{}{}, thawed: make(chan struct{})}
	close(p.thawed)
	p.Open()
	tb.Cleanup(func() { p.Cut(); p.on.Wait() })
	return p
}

// Open lets everything pass.
func (p *proxy) Open() {
	listener, err := net.Listen("tcp", p.address)
	if err != nil {
		p.tb.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listener, p.address = listener, listener.Addr().String()
	p.on.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			p.on.Go(func() { p.serve(conn) })
		}
	})
}

// Freeze stops every byte until Cut.
func (p *proxy) Freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.thawed = make(chan struct{})
}

// Cut ends every connection and refuses new ones until Open.
func (p *proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listener.Close()
	select {
	case <-p.thawed:
	default:
		close(p.thawed)
	}
	for conn := range p.conns {
		conn.Close()
	}
}

func (p *proxy) serve(client net.Conn) {
	server, err := net.DialTimeout("tcp", p.target, time.Second)
	if err != nil {
		client.Close()
		return
	}
	p.mu.Lock()
	p.conns[client], p.conns[server] = struct{}{}, struct{}{}
	p.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { p.pass(server, client) })
	both.Go(func() { p.pass(client, server) })
	both.Wait()
	p.mu.Lock()
	delete(p.conns, client)
	delete(p.conns, server)
	p.mu.Unlock()
}

func (p *proxy) pass(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		p.mu.Lock()
		thawed := p.thawed
		p.mu.Unlock()
		<-thawed
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
