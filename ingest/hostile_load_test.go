package ingest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// visitor clicks over a connection of its own and answers how long the longest wait was.
func (b *bench) visitor(clicks int) (longest time.Duration, err error) {
	conn, err := net.Dial("tcp", b.edge.Addr().String())
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	r := bufio.NewReader(conn)
	for range clicks {
		start := time.Now()
		if _, err := io.WriteString(conn, "GET /c/summer HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			return longest, err
		}
		if status, err := readAnswer(r); err != nil || status != http.StatusFound {
			return longest, fmt.Errorf("a visitor is answered %d, %v", status, err)
		}
		longest = max(longest, time.Since(start))
	}
	return longest, nil
}

// eventually waits for what happens without the test.
func eventually(t *testing.T, what string, limit time.Duration, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

// TestHostileClientsHoldNobodyUp opens connections that send their request a byte at a time, stop within the body, never read
// their answers, or say nothing, and lets visitors click meanwhile. The edge ends each of those connections itself, and what
// they cost is what Config says a connection costs.
func TestHostileClientsHoldNobodyUp(t *testing.T) {
	b := newBench(t, func(cfg *Config, _ *Deps) {
		cfg.ReadTimeout, cfg.WriteTimeout, cfg.IdleTimeout = time.Second, time.Second, time.Second
	})
	waitReady(t, b.edge)
	if _, err := b.visitor(10); err != nil {
		t.Fatal(err)
	}
	before := inUse()
	kinds := []struct {
		name, first, drip string
		n                 int
	}{
		{"slow headers", "GET /c/summer HTTP/1.1\r\nX-A: ", "a", 50},
		{"slow body", "POST /postback HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nclick_id=", "a", 50},
		{"slow chunks", "POST /v1/clicks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\n[\r\n", 50},
		{"half a request", "GET /c/summer HTTP/1.1\r\nHost: x\r\n", "", 50},
		{"never reads", strings.Repeat("GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", 40_000), "", 4},
		{"says nothing", "", "", 50},
	}
	stop := make(chan struct{})
	var hostile sync.WaitGroup
	type ending struct {
		name string
		over chan struct{}
	}
	var endings []ending
	for _, kind := range kinds {
		for range kind.n {
			conn, err := net.Dial("tcp", b.edge.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10) // who never reads is soon full
			over := make(chan struct{})
			endings = append(endings, ending{kind.name, over})
			hostile.Go(func() {
				defer close(over)
				conn.SetDeadline(time.Now().Add(time.Minute))
				if _, err := io.WriteString(conn, kind.first); err != nil {
					return
				}
				for kind.drip != "" {
					select {
					case <-stop:
						return
					case <-time.After(50 * time.Millisecond):
					}
					if _, err := io.WriteString(conn, kind.drip); err != nil {
						return
					}
				}
				_, _ = io.Copy(io.Discard, conn)
			})
		}
	}
	var visitors sync.WaitGroup
	for range 4 {
		visitors.Go(func() {
			longest, err := b.visitor(100)
			if err != nil {
				t.Error(err)
			}
			// As long as a request may take where nobody is hostile.
			if longest > b.edge.cfg.AckTimeout {
				t.Errorf("a visitor waited %v", longest)
			}
		})
	}
	visitors.Wait()
	if grown, limit := inUse()-before, int64(len(endings)*(b.edge.cfg.MaxHeaderBytes+perConnectionBytes)+16<<20); grown > limit {
		t.Errorf("%d hostile connections take %d bytes, at most %d are allowed", len(endings), grown, limit)
	}
	for _, e := range endings {
		select {
		case <-e.over:
		case <-time.After(30 * time.Second):
			t.Fatalf("the edge keeps a connection of the kind %s", e.name)
		}
	}
	close(stop)
	hostile.Wait()
	eventually(t, "all hostile connections are closed at the edge", 30*time.Second, func() bool { return b.edge.server.GetOpenConnectionsCount() <= 1 })
}

// perConnectionBytes is what Config says that a connection takes besides its read buffer.
const perConnectionBytes = 20 << 10

// inUse is the memory that the process holds, after a collection, in bytes.
func inUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// TestConnectionsOverTheLimit: who comes when max_connections are served is told so at once, and a place that becomes free is given
// away again.
func TestConnectionsOverTheLimit(t *testing.T) {
	const limit = 8
	b := newBench(t, func(cfg *Config, _ *Deps) { cfg.MaxConnections = limit })
	waitReady(t, b.edge)
	held := make([]net.Conn, limit)
	for i := range held {
		conn, err := net.Dial("tcp", b.edge.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		held[i] = conn
	}
	eventually(t, "all places are taken", 10*time.Second, func() bool { return b.edge.server.GetOpenConnectionsCount() == limit })
	for range 3 {
		text := b.exchange("")
		if statuses, _ := readAnswers(t, text); len(statuses) != 1 || statuses[0] != http.StatusServiceUnavailable {
			t.Errorf("one too many is answered %q", text)
		}
	}
	// Those who have a place are served.
	if _, err := io.WriteString(held[0], "GET /c/summer HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	held[0].SetDeadline(time.Now().Add(10 * time.Second))
	if status, err := readAnswer(bufio.NewReader(held[0])); err != nil || status != http.StatusFound {
		t.Errorf("a visitor with a place is answered %d, %v", status, err)
	}
	eventually(t, "the place is free again", 10*time.Second, func() bool {
		_, err := b.visitor(1)
		return err == nil
	})
}
