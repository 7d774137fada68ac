package privacy

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"tributary/catalog/trust"
)

const (
	first  = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	second = "another secret of the tests"
)

func hashed(active int) Config {
	return Config{IP: Hashed, IPKeys: KeysConfig{Active: active, Keys: map[int]trust.Secret{1: first, 2: second}}}
}

func TestMask(t *testing.T) {
	for _, test := range []struct {
		config     Config
		addr, want string
	}{
		{Defaults(), "203.0.113.77", "203.0.113.77"},
		{Defaults(), "2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6"},
		{Config{IP: Truncated}, "203.0.113.77", "203.0.113.0"},
		{Config{IP: Truncated}, "::ffff:203.0.113.77", "203.0.113.0"},
		{Config{IP: Truncated}, "2001:db8:1:2:3:4:5:6", "2001:db8:1::"},
		{Config{IP: Truncated}, "::", "::"},
		{hashed(1), "::", "::"},
		// Python: "fd01" + hmac.new(bytes(range(32)), ipaddress.ip_address("::ffff:203.0.113.77").packed, "sha256").hexdigest()[:28]
		{hashed(1), "203.0.113.77", "fd01:6f65:3e4:31ba:124c:8f8b:2585:e034"},
	} {
		if got := New(test.config).Text(netip.MustParseAddr(test.addr)); got != test.want {
			t.Errorf("%s of %s: got %s, want %s", test.config.IP, test.addr, got, test.want)
		}
	}
	if got := New(hashed(1)).Mask(netip.Addr{}); got != [16]byte{} {
		t.Errorf("no address became %x", got)
	}
	var none *Masker
	if addr := netip.MustParseAddr("203.0.113.77"); none.Mask(addr) != addr.As16() || !none.IsFull() {
		t.Error("a nil Masker masks")
	}
}

func TestHash(t *testing.T) {
	a, b := netip.MustParseAddr("203.0.113.77"), netip.MustParseAddr("203.0.113.78")
	one, two := New(hashed(1)), New(hashed(2))
	if one.Mask(a) != one.Mask(netip.AddrFrom16(a.As16())) || one.Mask(a) != New(hashed(1)).Mask(a) {
		t.Error("the same address has two hashes under one key")
	}
	if one.Mask(a) == one.Mask(b) || one.Mask(a) == two.Mask(a) {
		t.Error("two addresses, or two keys, have one hash")
	}
	for m, id := range map[*Masker]byte{one: 1, two: 2} {
		if got := m.Mask(a); got[0] != 0xfd || got[1] != id {
			t.Errorf("%x does not begin with fd and the key's ID", got)
		}
	}
}

// TestReusedState holds that a state shows nothing of the address that it hashed before.
func TestReusedState(t *testing.T) {
	addr := netip.MustParseAddr("203.0.113.7")
	want := New(hashed(1)).Mask(addr)
	m := New(hashed(1))
	fresh := m.pool.New
	m.pool.New = func() any {
		s := fresh().(*state)
		s.mac.Write([]byte("canary"))
		for i := range s.in {
			s.in[i], s.sum[i] = 77, 77
		}
		return s
	}
	if got := m.Mask(addr); got != want {
		t.Errorf("a reused state makes %v, a new one %v", got, want)
	}
}

func TestMaskDoesNotAllocate(t *testing.T) {
	addr := netip.MustParseAddr("203.0.113.77")
	for _, c := range []Config{Defaults(), {IP: Truncated}, hashed(1)} {
		m := New(c)
		if n := testing.AllocsPerRun(100, func() { m.Mask(addr) }); n != 0 && !raceEnabled {
			t.Errorf("%s: %v allocations", c.IP, n)
		}
	}
}

func TestValidate(t *testing.T) {
	for _, test := range []struct {
		config Config
		want   string
	}{
		{Defaults(), ""}, {Config{IP: Truncated}, ""}, {hashed(2), ""},
		{Config{IP: "none"}, "ip"}, {Config{}, "ip"}, {Config{IP: Hashed}, "ip_keys.active"}, {hashed(3), "ip_keys.active"},
		{Config{IP: Full, IPKeys: KeysConfig{Active: 256, Keys: map[int]trust.Secret{256: "short", -1: first}}}, "ip_keys.keys.-1 ip_keys.keys.256 ip_keys.keys.256"},
	} {
		var fields []string
		test.config.Validate(func(field, format string, args ...any) {
			fields = append(fields, field)
			if text := fmt.Sprintf(format, args...); strings.Contains(text, "short") || strings.Contains(text, first) {
				t.Errorf("a secret is printed: %s", text)
			}
		})
		if got := strings.Join(fields, " "); got != test.want {
			t.Errorf("%+v: problems with %q, want %q", test.config.IP, got, test.want)
		}
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, hashed(1)); strings.Contains(text, first) || strings.Contains(text, second) {
			t.Errorf("%s prints a secret: %s", format, text)
		}
	}
}

func BenchmarkMask(b *testing.B) {
	addr := netip.MustParseAddr("203.0.113.77")
	for _, c := range []Config{Defaults(), {IP: Truncated}, hashed(1)} {
		b.Run(c.IP, func(b *testing.B) {
			m := New(c)
			b.ReportAllocs()
			for b.Loop() {
				m.Mask(addr)
			}
		})
	}
}
