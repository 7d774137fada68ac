package trust

import (
	"bytes"
	"maps"
	"net/url"
	"strings"
	"testing"
)

func testSecrets() *Secrets {
	return SecretsOf(maps.All(map[string]*Policy{
		"a": NewPolicy("a", Rules{Tokens: map[string][]byte{"1": []byte("the token: 100% + \"more\"")}}),
		"b": NewPolicy("b", Rules{Tokens: map[string][]byte{"1": []byte("k7Qz1_x"), "2": []byte("k7Qz1_x, and longer by far")}}),
		"c": NewPolicy("c", Rules{HMACKeys: map[string][]byte{"1": bytes.Repeat([]byte{0xab}, 16)}}),
		"d": nil,
	}))
}

func TestRedact(t *testing.T) {
	s := testSecrets()
	for _, c := range []struct{ raw, want string }{
		{`the token: 100% + "more"`, strings.Repeat("*", 24)},
		{"GET /x?a=the+token%3A+100%25+%2B+%22more%22&b=1", "GET /x?a=" + strings.Repeat("*", len("the+token%3A+100%25+%2B+%22more%22")) + "&b=1"},
		{"GET /x?a=the%20token:%20100%25%20%2b%20%22more%22&b=1", "GET /x?a=" + strings.Repeat("*", len("the%20token:%20100%25%20%2b%20%22more%22")) + "&b=1"},
		{`{"x":"the token: 100% + \"more\""}`, `{"x":"` + strings.Repeat("*", 26) + `"}`},
		{`{"x":"\u0074he token: 100% + \u0022more\u0022"}`, `{"x":"` + strings.Repeat("*", 39) + `"}`},
		{"POST /k7Qz1_x/postback?k=k7Qz1_x", "POST /*******/postback?k=*******"},
		{"?k=k7Qz1_x2&k=ak7Qz1_x&k=k7Qz1_", "?k=k7Qz1_x2&k=ak7Qz1_x&k=******"},
		{"?k=k7Qz1_x,%20and%20longer+by+far", "?k=" + strings.Repeat("*", 30)},
		{"?k=" + strings.Repeat("ab", 16) + strings.Repeat("AB", 16), "?k=" + strings.Repeat("*", 64)},
		{"prefix-the token: 100% + \"more\"suffix", "prefix-" + strings.Repeat("*", 24) + "suffix"},
		{"?cut=the+tok", "?cut=*******"},
		{"?cut=the", "?cut=the"},
		{"?payout=12.50&click_id=abc", "?payout=12.50&click_id=abc"},
		{"%", "%"}, {"%4", "%4"}, {`\u00`, `\u00`}, {"", ""},
	} {
		raw := []byte(c.raw)
		s.Redact(raw)
		if string(raw) != c.want {
			t.Errorf("%s became %s, want %s", c.raw, raw, c.want)
		}
	}
	var none *Secrets
	none.Redact([]byte("x"))
	raw := []byte("GET /postback?network=acme&click_id=0123456789abcdef0123456789abcdef01234567&payout=12.50&txid=1")
	if n := testing.AllocsPerRun(100, func() { s.Redact(raw) }); n != 0 && !raceEnabled {
		t.Errorf("%v allocations", n)
	}
}

// FuzzRedact: no secret is left, however it is written, and nothing else changes its length.
func FuzzRedact(f *testing.F) {
	s := testSecrets()
	const secret = `the token: 100% + "more"`
	f.Add([]byte("a="), []byte("&b=%4"))
	f.Add([]byte("%"), []byte("\\u"))
	f.Fuzz(func(t *testing.T, before, after []byte) {
		for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret), strings.ReplaceAll(secret, `"`, `\"`)} {
			raw := append(append(bytes.Clone(before), '&'), form...)
			raw = append(append(raw, '&'), after...)
			n := len(raw)
			s.Redact(raw)
			if len(raw) != n || bytes.Contains(raw, []byte("token")) && !bytes.Contains(before, []byte("token")) && !bytes.Contains(after, []byte("token")) {
				t.Fatalf("%q is left with %q", raw, form)
			}
		}
	})
}

func TestHideOther(t *testing.T) {
	for _, c := range []struct {
		policy *Policy
		want   string
	}{
		{nil, "token=a&security_token=b&x=c"},
		{NewPolicy("open", Rules{HMACKeys: map[string][]byte{"1": bytes.Repeat([]byte{1}, 16)}}), "token=a&security_token=b&x=c"},
		{NewPolicy("own", Rules{Tokens: map[string][]byte{"1": []byte("a long enough token")}, TokenParameter: "token"}), "token=a&security_token=*&x=c"},
	} {
		raw := []byte("token=a&security_token=b&x=c")
		for _, name := range []string{"token", "security_token"} {
			c.policy.HideOther(raw, name)
		}
		if string(raw) != c.want {
			t.Errorf("%s, want %s", raw, c.want)
		}
	}
}

func BenchmarkRedact(b *testing.B) {
	s := testSecrets()
	raw := []byte("GET /postback?network=acme&click_id=0123456789abcdef0123456789abcdef01234567&payout=12.50&txid=1")
	b.ReportAllocs()
	for b.Loop() {
		s.Redact(raw)
	}
}
