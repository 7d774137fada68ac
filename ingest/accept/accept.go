// Package accept keeps a server alive that has no file descriptor left for another connection.
//
// Place in the flow: the innermost listener of the edge and of the embedded broker. Servers take an error of Accept
// for the end: one that passes would close every connection that is being served.
//
// Invariants: EMFILE, ENFILE, ENOBUFS and ENOMEM never leave Accept; the wait after one doubles from 5 ms to 1 s and
// ends at Close; who waits in the kernel's queue is taken when there is room.
//
// Concurrency: as the listener inside.
//
// Also here: how many files the process may open (Files).
//
// Not responsible for: which connections are served, and for how long (the server).
package accept

import (
	"errors"
	"net"
	"sync"
	"syscall"
	"time"
)

const (
	firstPause = 5 * time.Millisecond
	// LongestPause is the longest time between two tries.
	LongestPause = time.Second
	// tellEvery is how often it is told that there is no room.
	tellEvery = time.Minute
)

// Patiently makes a listener that waits where the machine has no room for another connection. failed is told of every
// such error; tell, which may be nil, of the first and then one a minute.
func Patiently(inner net.Listener, failed func(), tell func(error)) net.Listener {
	return &patient{Listener: inner, failed: failed, tell: tell, closed: make(chan struct{})}
}

type patient struct {
	net.Listener
	failed func()
	tell   func(error)
	once   sync.Once
	closed chan struct{}

	mu   sync.Mutex
	told time.Time
}

func (p *patient) Accept() (net.Conn, error) {
	for pause := firstPause; ; pause = min(2*pause, LongestPause) {
		c, err := p.Listener.Accept()
		if err == nil || !passes(err) {
			return c, err
		}
		p.failed()
		p.mu.Lock()
		due := time.Since(p.told) >= tellEvery
		if due {
			p.told = time.Now()
		}
		p.mu.Unlock()
		if due && p.tell != nil {
			p.tell(err)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-p.closed:
			timer.Stop()
			return nil, net.ErrClosed
		}
	}
}

func (p *patient) Close() error {
	p.once.Do(func() { close(p.closed) })
	return p.Listener.Close()
}

// passes tells of an error that is the machine's want, not the listener's end.
func passes(err error) bool {
	for _, code := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, code) {
			return true
		}
	}
	return false
}
