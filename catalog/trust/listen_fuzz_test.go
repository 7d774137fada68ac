package trust

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"tributary/schemas/fuzzbound"
)

// A canned connection says what it was given and then ends.
type canned struct {
	net.Conn
	peer net.Addr
	text *bytes.Reader
}

func (c *canned) Read(b []byte) (int, error)         { return c.text.Read(b) }
func (c *canned) RemoteAddr() net.Addr               { return c.peer }
func (c *canned) LocalAddr() net.Addr                { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443} }
func (c *canned) SetReadDeadline(time.Time) error    { return nil }
func (c *canned) SetDeadline(time.Time) error        { return nil }
func (c *canned) Close() error                       { return nil }
func (c *canned) Write(b []byte) (int, error)        { return len(b), nil }
func (c *canned) SetWriteDeadline(t time.Time) error { return nil }

// one is a listener of one connection.
type one struct {
	net.Listener
	conn net.Conn
}

func (o *one) Accept() (net.Conn, error) { return o.conn, nil }

// FuzzPROXY holds that what stands before a request is a header of a declared proxy or ends the connection, and that not a byte of the
// request behind it is lost or added.
func FuzzPROXY(f *testing.F) {
	const request = "GET /c/summer HTTP/1.1\r\n\r\n"
	f.Add([]byte("PROXY TCP4 198.51.100.7 192.0.2.1 4711 443\r\n"+request), true)
	f.Add([]byte("PROXY UNKNOWN\r\n"+request), true)
	f.Add([]byte("\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc6\x33\x64\x07\xc0\x00\x02\x01\x12\x67\x01\xbb"+request), true)
	f.Add([]byte("\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"+request), true)
	f.Add([]byte(request), true)
	f.Add([]byte(request), false)
	f.Add([]byte("PROXY TCP4 198.51.100.7 192.0.2.1 4711 443\r\n"+request), false)
	declared, err := ParseProxies([]string{"10.0.0.0/8"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte, fromProxy bool) {
		peer := &net.TCPAddr{IP: net.IPv4(203, 0, 113, 9), Port: 1}
		if fromProxy {
			peer.IP = net.IPv4(10, 0, 0, 1)
		}
		var rest []byte
		var who net.Addr
		var readErr error
		fuzzbound.Hold(t, 16*len(raw)+16<<10, func() {
			conn, err := ListenPROXY(&one{conn: &canned{peer: peer, text: bytes.NewReader(raw)}}, declared, time.Second).Accept()
			if err != nil {
				rest, readErr = nil, err
				return
			}
			rest, readErr = io.ReadAll(conn)
			who = conn.RemoteAddr()
		})
		if readErr != nil {
			if len(rest) > 0 {
				t.Fatalf("%q was read before %v", rest, readErr)
			}
			return
		}
		if !bytes.HasSuffix(raw, rest) {
			t.Fatalf("%q is not the end of %q", rest, raw)
		}
		if !fromProxy && (!bytes.Equal(rest, raw) || who != net.Addr(peer)) {
			t.Fatalf("%q of somebody is read as %q of %v", raw, rest, who)
		}
		if fromProxy && len(raw) > 0 && len(rest) == len(raw) {
			t.Fatalf("a proxy without a header is served: %q", raw)
		}
		if addr := AddrOf(who); !addr.IsValid() || addr.Is4In6() {
			t.Fatalf("%q is of %v", raw, who)
		}
	})
}
