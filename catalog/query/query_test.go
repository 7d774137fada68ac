package query

import (
	"bytes"
	"net/url"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"tributary/schemas/fuzzbound"
)

func TestScan(t *testing.T) {
	scan := Scan([]byte("a=1&&b&=c&d=e=f&a=2&"))
	var got []string
	for key, value, ok := scan.Next(); ok; key, value, ok = scan.Next() {
		got = append(got, string(key)+":"+string(value))
	}
	if want := "a:1 b: :c d:e=f a:2"; strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDecode(t *testing.T) {
	for raw, want := range map[string]string{
		"red+shoes": "red shoes", "%41%6a%2B": "Aj+", "100%": "100%", "%4": "%4", "%zz": "%zz", "%payout%": "%payout%", "%e2%82%ac": "€", "%%41": "%A", "": "",
	} {
		if got := string(Decode(nil, []byte(raw))); got != want {
			t.Errorf("Decode(%q) = %q, want %q", raw, got, want)
		}
	}
	if got := string(DecodePath(nil, []byte("a+b%20c"))); got != "a+b c" {
		t.Errorf("DecodePath = %q", got)
	}
}

func TestIsMacro(t *testing.T) {
	for raw, want := range map[string]bool{
		"{payout}": true, "%7Bpayout%7D": true, "%257Bpayout%257D": true, "[BID]": true, "${SUBID}": true, "{{ad.id}}": true, "%payout%": true, "%date%": true,
		"%25payout%25": true, "##ZONE_ID##": true, "#clickid#": true, "%%CLICK%%": true, "__CID__": true, "zone-{zoneid}": true, "+{payout}+": true, "{sub1}-{sub2}": true,
		"": false, "12.50": false, "[shoes]": false, "[red+shoes]": false, "{}": false, "{ }": false, "{1}": false, `{"a":1}`: false, "50%25": false, "50%": false,
		"100%25+off": false, "a_b__c": false, "__init__": false, "#1": false, "$5": false, "{": false, "}": false, "{a": false, "[B": false, "{" + strings.Repeat("a", 65) + "}": false,
	} {
		if got := IsMacro([]byte(raw), Decode(nil, []byte(raw))); got != want {
			t.Errorf("IsMacro(%q) = %v, want %v", raw, got, want)
		}
	}
}

func TestClean(t *testing.T) {
	for _, c := range []struct {
		in      string
		limit   int
		want    string
		changed bool
	}{
		{"plain", 10, "plain", false}, {"grün", 10, "grün", false}, {"grün", 3, "gr", true}, {"a\x00b\r\nc\x7f", 10, "abc", true},
		{"a\xffb\xc3", 10, "ab", true}, {"\u0085x", 10, "x", true}, {"€€", 5, "€", true}, {"", 5, "", false},
	} {
		if got, changed := Clean([]byte(c.in), c.limit); string(got) != c.want || changed != c.changed {
			t.Errorf("Clean(%q, %d) = %q, %v; want %q, %v", c.in, c.limit, got, changed, c.want, c.changed)
		}
	}
}

// FuzzQuery holds the scanner against net/url where that one accepts the query, and the text rules against package unicode.
func FuzzQuery(f *testing.F) {
	for _, raw := range []string{"a=1&b=%7Bpayout%7D", "a=%&b=%f&=+&&", "k=%ff%00", "a=%da%te%"} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		before := bytes.Clone(raw)
		decoded := make([]byte, 0, len(raw))
		fuzzbound.Hold(t, 0, func() {
			scan := Scan(raw)
			for key, value, ok := scan.Next(); ok; key, value, ok = scan.Next() {
				decoded = Decode(Decode(decoded[:0], key), value)
				IsMacro(value, decoded)
				Clean(decoded, 20)
			}
		})
		want, err := url.ParseQuery(string(raw))
		seen := url.Values{}
		scan := Scan(raw)
		for key, value, ok := scan.Next(); ok; key, value, ok = scan.Next() {
			decoded := Decode(nil, value)
			if len(decoded) > len(value) {
				t.Fatalf("%q decodes to the longer %q", value, decoded)
			}
			if !Encoded(value) && !bytes.Equal(value, decoded) {
				t.Fatalf("%q is called plain but decodes to %q", value, decoded)
			}
			IsMacro(value, decoded)
			text, changed := Clean(bytes.Clone(decoded), 20)
			if !IsText(text) || len(text) > 20 || changed == bytes.Equal(text, decoded) {
				t.Fatalf("Clean(%q) = %q, %v", decoded, text, changed)
			}
			if plain := utf8.Valid(decoded) && strings.IndexFunc(string(decoded), unicode.IsControl) < 0; plain != IsText(decoded) {
				t.Fatalf("IsText(%q) = %v", decoded, !plain)
			}
			k := string(Decode(nil, key))
			seen[k] = append(seen[k], string(decoded))
		}
		// net/url knows nothing of ampersands that HTML escaped.
		escaped := Escaped(raw) || ampersand(raw) > 0
		if err == nil && !escaped && seen.Encode() != want.Encode() {
			t.Fatalf("%q reads as %v, net/url says %v", raw, seen, want)
		}
		if !bytes.Equal(raw, before) {
			t.Fatal("the query was written to")
		}
	})
}

func TestNoAllocations(t *testing.T) {
	raw := []byte("source=pushads&sub1=%7Bzone%7D&keyword=red+shoes&cost=0.02&x=%257By%257D")
	buf := make([]byte, 0, 256)
	if n := testing.AllocsPerRun(100, func() {
		for scan := Scan(raw); ; {
			_, value, ok := scan.Next()
			if !ok {
				return
			}
			decoded := Decode(buf[:0], value)
			IsMacro(value, decoded)
			IsText(decoded)
		}
	}); n != 0 {
		t.Errorf("reading a query makes %v allocations", n)
	}
}
