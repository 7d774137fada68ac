package ingest

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tributary/schemas/fuzzbound"
)

// FuzzConnection writes anything to a connection of a running edge and holds that all that comes back is answers that a client can read,
// with headers of ours alone, that redirects lead to declared offers, and that the connection ends.
func FuzzConnection(f *testing.F) {
	b := newBench(f, func(cfg *Config, _ *Deps) { cfg.Linger = 0 })
	waitReady(f, b.edge)
	for _, raw := range []string{
		"GET /c/summer?sub1=a HTTP/1.1\r\nHost: x\r\nUser-Agent: b\r\n\r\n",
		"POST /postback?network=legacy HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 17\r\n\r\n{\"click_id\":\"abc\"}",
		"POST /v1/clicks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n",
		"HEAD /c/summer HTTP/1.0\r\nConnection: keep-alive\r\n\r\nOPTIONS /postback HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET http://x/r/abc#d HTTP/1.1\r\nHost: x\r\nCookie: v=1\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n",
		"POST /postback HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 12\r\n\r\nclick_id=abc",
	} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		// Prometheus' handler is slow and not ours.
		if len(raw) > 1<<16 || bytes.Contains(raw, []byte("metrics")) {
			return
		}
		conn := &spoken{text: bytes.NewReader(raw)}
		_ = b.edge.server.ServeConn(conn) // what it thinks of the connection's end
		for r := bufio.NewReader(&conn.answers); ; {
			if _, err := r.Peek(1); err != nil {
				return
			}
			answer, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatalf("%q is answered %q: %v", raw, conn.answers.Bytes(), err)
			}
			checkAnswer(t, answer)
			if bytes.Contains(raw, []byte("HEAD")) {
				return // its answer has a length and no body
			}
			if _, err := io.Copy(io.Discard, answer.Body); err != nil {
				t.Fatalf("%q is answered with a body cut short: %v", raw, err)
			}
		}
	})
}

// A spoken connection has said all it says and takes the answers.
type spoken struct {
	net.Conn
	text    *bytes.Reader
	answers bytes.Buffer
}

func (c *spoken) Read(b []byte) (int, error)       { return c.text.Read(b) }
func (c *spoken) Write(b []byte) (int, error)      { return c.answers.Write(b) }
func (c *spoken) Close() error                     { return nil }
func (c *spoken) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(203, 0, 113, 9), Port: 1} }
func (c *spoken) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 80} }
func (c *spoken) SetDeadline(time.Time) error      { return nil }
func (c *spoken) SetReadDeadline(time.Time) error  { return nil }
func (c *spoken) SetWriteDeadline(time.Time) error { return nil }

// FuzzCapsFile holds that a damaged file of counts is read, or kept beside with its name told; never read half.
func FuzzCapsFile(f *testing.F) {
	f.Add([]byte(`[{"offer":1,"day":20000,"clicks":7}]`))
	f.Add([]byte(`[{"offer":-1}]`))
	f.Add([]byte(`{}`))
	path := filepath.Join(f.TempDir(), "caps.json")
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		defer os.Remove(path + damagedSuffix)
		var c *caps
		var err, damaged error
		fuzzbound.Hold(t, 64*len(content)+16<<10, func() {
			c = &caps{edges: 1}
			damaged, err = c.load(path, testNow.UnixMilli())
		})
		if err != nil || (damaged == nil) != (c.byOffer.Load() != nil) {
			t.Fatalf("%q is read as %v, %v, %v", content, c.byOffer.Load(), damaged, err)
		}
		kept, err := os.ReadFile(path + damagedSuffix)
		if (damaged == nil) != errors.Is(err, os.ErrNotExist) || damaged != nil && (!bytes.Equal(kept, content) || !strings.Contains(damaged.Error(), path)) {
			t.Fatalf("%q: kept beside is %q, %v; %v", content, kept, err, damaged)
		}
	})
}
