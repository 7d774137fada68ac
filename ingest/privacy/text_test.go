package privacy

import (
	"net/netip"
	"strings"
	"testing"
)

func TestHide(t *testing.T) {
	const v6, v4 = "2001:db8::a:0:77", "203.0.113.77"
	for _, c := range []struct{ addr, text, want string }{
		{v6, "GET /c/x?ip=2001:db8::a:0:77&b=1", "GET /c/x?ip=2001:db8::&b=1"},
		{v6, "GET /c/x?ip=2001%3Adb8%3A%3Aa%3A0%3A77&b=1", "GET /c/x?ip=2001%3Adb8%3A%3A&b=1"},
		{v6, "GET /c/x?ip=2001%3adb8%3a%3a%61%3a0%3a77", "GET /c/x?ip=2001%3Adb8%3A%3A"},
		{v6, "ip=2001:0DB8:0:0:0:A:0:0077", "ip=2001:db8::"},
		{v6, "ip=%5B2001%3Adb8%3A%3Aa%3A0%3A77%5D%3A443", "ip=%5B2001%3Adb8%3A%3A%5D%3A443"},
		{v6, `{"ip":"2001:DB8::A:0:77"}`, `{"ip":"2001:db8::"}`},
		{v6, "a=2001%3Adb8%3A%3Aa%3A0%3A77&b=2001:DB8::A:0:77.", "a=2001%3Adb8%3A%3A&b=2001:db8::."},
		{v6, "ip=2001%3Adb8%3A%3Aa%3A0%3A78", "ip=2001%3Adb8%3A%3Aa%3A0%3A78"},
		{v6, "100%", "100%"}, {v6, "%3", "%3"}, {v6, "%zz", "%zz"}, {v6, "", ""},
		{v4, "ip=203.0.113.77&x=1", "ip=203.0.113.0&x=1"},
		{v4, "ip=203%2E0%2E113%2E77", "ip=203.0.113.0"},
		{v4, "ip=%3A%3Affff%3A203.0.113.77", "ip=%3A%3Affff%3A203.0.113.0"},
		{v4, "ip=%3A%3Affff%3Acb00%3A714d", "ip=203.0.113.0"},
		{v4, "ip=%32%30%33.0.113.77%3A8080", "ip=203.0.113.0%3A8080"},
	} {
		if got := string(New(Config{IP: Truncated}).Hide([]byte(c.text), netip.MustParseAddr(c.addr))); got != c.want {
			t.Errorf("%s in %s: %s, want %s", c.addr, c.text, got, c.want)
		}
		if got := string(New(Defaults()).Hide([]byte(c.text), netip.MustParseAddr(c.addr))); got != c.text {
			t.Errorf("whole addresses: %s became %s", c.text, got)
		}
	}
	if got := string(New(Config{IP: Truncated}).Hide([]byte("x"), netip.Addr{})); got != "x" {
		t.Errorf("no address: %s", got)
	}
}

// FuzzHide: however much of it is percent-encoded, an address between separators is not left.
func FuzzHide(f *testing.F) {
	f.Add("a", "b", uint64(0))
	f.Add("%3", "%", uint64(1<<63|0x5555))
	f.Fuzz(func(t *testing.T, before, after string, encode uint64) {
		const addr = "2001:db8:1:2:3:4:5:6"
		var written strings.Builder
		for i := range len(addr) {
			if encode>>(i%64)&1 == 0 {
				written.WriteByte(addr[i])
				continue
			}
			written.WriteString("%" + string("0123456789abcdef"[addr[i]>>4]) + string("0123456789abcdef"[addr[i]&15]))
		}
		got := string(New(Config{IP: Truncated}).Hide([]byte(before+"&ip="+written.String()+"&"+after), netip.MustParseAddr(addr)))
		if strings.Contains(got, "&ip="+written.String()) && !strings.Contains(before+"&"+after, "ip=") {
			t.Fatalf("%s is left in %s", written.String(), got)
		}
	})
}
