package trust

import (
	"bytes"
	"encoding/hex"
	"net/url"
	"strings"
	"testing"

	"tributary/catalog/query"
	"tributary/schemas/fuzzbound"
)

// TestCanonical is the form that senders have to make, as documented.
func TestCanonical(t *testing.T) {
	for _, c := range []struct{ query, body, want string }{
		{"network=acme&payout=12.50", "", "tributary-1\nacme\nnetwork=acme&payout=12.50\n"},
		{"b=2&a=1&sig=ff&c=%2f+~%20%C3%A9", "", "tributary-1\nacme\nb=2&a=1&c=%2F%20~%20%C3%A9\n"},
		{"&&x&=&%zz=1%", "", "tributary-1\nacme\nx=&=&%25zz=1%25\n"},
		{"%73ig=ff&a=1", "", "tributary-1\nacme\na=1\n"},
		{"a=1%0ab=2%262=3", "", "tributary-1\nacme\na=1%0Ab%3D2%262%3D3\n"},
		{"", "x=1", "tributary-1\nacme\n\na90dd1a4c9cce9a9ff68f51a82ac7cb60e1d0fd6dee7fd2ff5fcc4d4e4a2d0b5"},
	} {
		var s scratch
		if _, problem := s.canonical("acme", []byte(c.query), []byte(c.body)); problem != "" {
			t.Errorf("%q: %s", c.query, problem)
		}
		got := string(s.message)
		if c.body != "" { // the digest is that of any SHA-256 tool; its length is what can go wrong
			got, c.want = got[:len(got)-64], c.want[:len(c.want)-64]
		}
		if got != c.want {
			t.Errorf("%q: %q, want %q", c.query, got, c.want)
		}
	}
}

// FuzzCanonical holds that a message says exactly what the reader of postbacks will read: names and values in their order,
// without sig, and that its own canonical form is a fixed point.
func FuzzCanonical(f *testing.F) {
	for _, seed := range []string{"network=acme&payout=12.50&sig=00", "a=%2f+~&&=&b", "%73ig_ts=1&x=%", "sig_nonce=a&sig_nonce=b"} {
		f.Add([]byte(seed), []byte("x"))
	}
	f.Fuzz(func(t *testing.T, raw, body []byte) {
		before := bytes.Clone(raw)
		var s scratch
		fuzzbound.Hold(t, 64*len(raw)+8*len(body), func() { s.canonical("acme", raw, body) })
		got, problem := s.canonical("acme", raw, body)
		if !bytes.Equal(before, raw) {
			t.Fatal("the query was changed")
		}
		if problem != "" {
			return
		}
		rest, ok := strings.CutPrefix(string(s.message), "tributary-1\nacme\n")
		canonical, digest, cut := strings.Cut(rest, "\n")
		if !ok || !cut || strings.Contains(digest, "\n") || len(digest) != 0 && len(digest) != hex.EncodedLen(len(s.sum)) {
			t.Fatalf("%q", s.message)
		}
		var want [][2]string
		for scan := query.Scan(raw); ; {
			name, value, ok := scan.Next()
			if !ok {
				break
			}
			n, v := string(query.Decode(nil, name)), string(query.Decode(nil, value))
			if n == ParamSignature {
				if v != string(got.sig) {
					t.Fatalf("the signature is %q, not %q", got.sig, v)
				}
				continue
			}
			want = append(want, [2]string{n, v})
		}
		var read [][2]string
		for _, pair := range strings.Split(canonical, "&") {
			if canonical == "" {
				break
			}
			name, value, _ := strings.Cut(pair, "=")
			n, err := url.QueryUnescape(name)
			if err != nil {
				t.Fatal(err)
			}
			v, err := url.QueryUnescape(value)
			if err != nil {
				t.Fatal(err)
			}
			read = append(read, [2]string{n, v})
		}
		if len(want) != len(read) {
			t.Fatalf("%q says %q, the reader %q", s.message, read, want)
		}
		for i := range want {
			if want[i] != read[i] {
				t.Fatalf("%q says %q, the reader %q", s.message, read, want)
			}
		}
		first := bytes.Clone(s.message)
		if _, problem := s.canonical("acme", []byte(canonical), body); problem != "" || !bytes.Equal(first, s.message) {
			t.Fatalf("%q of %q, and then %q", first, raw, s.message)
		}
	})
}
