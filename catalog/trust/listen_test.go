package trust

import (
	"bufio"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"
)

// serve answers the first line that each connection sends with the address it is taken for.
func serve(t *testing.T, declared ...string) string {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	proxies, err := ParseProxies(declared)
	if err != nil {
		t.Fatal(err)
	}
	listener := ListenPROXY(inner, proxies, 200*time.Millisecond)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			line, err := bufio.NewReader(conn).ReadString('\n')
			if err == nil {
				conn.Write([]byte(AddrOf(conn.RemoteAddr()).String() + " " + line))
			}
			conn.Close()
		}
	}()
	t.Cleanup(func() { listener.Close(); <-ended })
	return inner.Addr().String()
}

// say sends text and answers what comes back, "" when the connection was ended.
func say(t *testing.T, address, text string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := conn.Write([]byte(text)); err != nil {
		return ""
	}
	line, _ := bufio.NewReader(conn).ReadString('\n')
	return strings.TrimSpace(line)
}

func TestPROXY(t *testing.T) {
	header := func(version byte, source string) string {
		h := proxyproto.HeaderProxyFromAddrs(version, &net.TCPAddr{IP: net.ParseIP(source), Port: 1}, &net.TCPAddr{IP: net.ParseIP("192.0.2.1"), Port: 2})
		b, err := h.Format()
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	local, err := (&proxyproto.Header{Version: 2, Command: proxyproto.LOCAL}).Format()
	if err != nil {
		t.Fatal(err)
	}
	behind, open := serve(t, "127.0.0.0/8"), serve(t, "10.0.0.0/8")
	for _, c := range []struct{ name, address, text, want string }{
		{"v1 from a declared proxy", behind, header(1, "203.0.113.7") + "hi\n", "203.0.113.7 hi"},
		{"v2 from a declared proxy", behind, header(2, "203.0.113.7") + "hi\n", "203.0.113.7 hi"},
		{"v2 health check", behind, string(local) + "hi\n", "127.0.0.1 hi"},
		{"v1 unknown", behind, "PROXY UNKNOWN\r\nhi\n", "127.0.0.1 hi"},
		{"a second header is the client's own", behind, header(1, "203.0.113.7") + header(1, "198.51.100.1"), "203.0.113.7 PROXY TCP4 198.51.100.1 192.0.2.1 1 2"},
		{"no header from a declared proxy", behind, "hi\n", ""},
		{"a broken header", behind, "PROXY TCP4 203.0.113.7\r\nhi\n", ""},
		{"an endless header", behind, "PROXY TCP4 " + strings.Repeat("1", 4000), ""},
		{"no header from anyone", open, "hi\n", "127.0.0.1 hi"},
		{"v1 spoofed", open, header(1, "203.0.113.7") + "hi\n", ""},
		{"v2 spoofed", open, header(2, "203.0.113.7") + "hi\n", ""},
	} {
		if got := say(t, c.address, c.text); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestAddrOf(t *testing.T) {
	for _, c := range []struct {
		peer net.Addr
		want string
	}{
		{&net.TCPAddr{IP: net.ParseIP("203.0.113.7")}, "203.0.113.7"}, {&net.TCPAddr{IP: net.ParseIP("2a00::1")}, "2a00::1"},
		{&net.TCPAddr{}, "0.0.0.0"}, {&net.UnixAddr{Name: "x"}, "0.0.0.0"}, {nil, "0.0.0.0"},
	} {
		if got := AddrOf(c.peer); got != netip.MustParseAddr(c.want) {
			t.Errorf("%v: %v, want %s", c.peer, got, c.want)
		}
	}
}
