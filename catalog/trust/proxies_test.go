package trust

import (
	"net/netip"
	"strings"
	"testing"

	"tributary/schemas/fuzzbound"
)

func TestClient(t *testing.T) {
	declared, err := ParseProxies([]string{"10.0.0.0/8", "192.0.2.1", "2001:db8::/32", "::ffff:172.16.0.0/108"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, peer, lines, want string }{
		{"direct", "203.0.113.7", "", "203.0.113.7"},
		{"direct, spoofed", "203.0.113.7", "198.51.100.1", "203.0.113.7"},
		{"direct, claims to be a proxy", "203.0.113.7", "10.0.0.1", "203.0.113.7"},
		{"behind one proxy", "10.0.0.1", "198.51.100.1", "198.51.100.1"},
		{"behind one proxy, spoofed", "10.0.0.1", "192.0.2.99, 198.51.100.1", "198.51.100.1"},
		{"behind two proxies, spoofed", "10.0.0.1", "192.0.2.99, 198.51.100.1, 10.0.0.2", "198.51.100.1"},
		{"the client claims a proxy before it", "10.0.0.1", "10.0.0.3, 198.51.100.1, 10.0.0.2", "198.51.100.1"},
		{"on several lines", "10.0.0.1", "192.0.2.99|198.51.100.1|10.0.0.2", "198.51.100.1"},
		{"proxies only", "10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"},
		{"no header", "10.0.0.1", "", "10.0.0.1"},
		{"rubbish", "10.0.0.1", "198.51.100.1, unknown", "10.0.0.1"},
		{"rubbish behind a proxy", "10.0.0.1", "198.51.100.1, , 10.0.0.2", "10.0.0.2"},
		{"a port", "10.0.0.1", "198.51.100.1:1234", "198.51.100.1"},
		{"IPv6 with a port", "2001:db8::1", "[2a00::1]:1234", "2a00::1"},
		{"IPv6 with a zone", "10.0.0.1", "fe80::1%eth0", "fe80::1"},
		{"IPv4 within IPv6", "10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"},
		{"a proxy as IPv4 within IPv6", "::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"},
		{"a network as IPv4 within IPv6", "172.16.0.1", "198.51.100.1", "198.51.100.1"},
		{"too long", "10.0.0.1", strings.Repeat("1", 65), "10.0.0.1"},
	} {
		var lines [][]byte
		if c.lines != "" {
			for _, line := range strings.Split(c.lines, "|") {
				lines = append(lines, []byte(line))
			}
		}
		if got := declared.Client(netip.MustParseAddr(c.peer), lines); got.Unmap() != netip.MustParseAddr(c.want) {
			t.Errorf("%s: %v, want %s", c.name, got, c.want)
		}
	}
	lines := [][]byte{[]byte("192.0.2.99, 198.51.100.1, 10.0.0.2")}
	if n := testing.AllocsPerRun(100, func() { declared.Client(netip.AddrFrom4([4]byte{10, 0, 0, 1}), lines) }); n != 0 {
		t.Errorf("a click behind a proxy makes %v allocations", n)
	}
	for _, text := range []string{"", "10.0.0.0/33", "proxy.example", "fe80::1%eth0", "10.0.0"} {
		if _, err := ParseProxies([]string{text}); err == nil {
			t.Errorf("%q is taken for a network", text)
		}
	}
}

// FuzzClient holds that nobody behind an undeclared address can say another one, and that what a client writes left of its own
// address changes nothing.
func FuzzClient(f *testing.F) {
	f.Add("198.51.100.1, 10.0.0.2", "192.0.2.99, ")
	f.Add("::ffff:10.1.2.3,x", ",,, ,[::1]:80")
	declared, err := ParseProxies([]string{"10.0.0.0/8", "2001:db8::/32"})
	if err != nil {
		f.Fatal(err)
	}
	proxy := netip.MustParseAddr("10.0.0.1")
	f.Fuzz(func(t *testing.T, line, spoof string) {
		lines := [][]byte{[]byte(line)}
		fuzzbound.Hold(t, 0, func() { declared.Client(proxy, lines) })
		if got := declared.Client(someone, lines); got != someone {
			t.Fatalf("%q from an undeclared address is believed: %v", line, got)
		}
		got := declared.Client(proxy, lines)
		if got.Is4In6() || got.Zone() != "" || !got.IsValid() {
			t.Fatalf("%q: the address %v is not in its one form", line, got)
		}
		if declared.Trust(got) {
			return
		}
		for _, more := range [][][]byte{{[]byte(spoof + "," + line)}, {[]byte(spoof), []byte(line)}} {
			if other := declared.Client(proxy, more); other != got {
				t.Fatalf("%q before %q makes %v of %v", spoof, line, other, got)
			}
		}
	})
}
