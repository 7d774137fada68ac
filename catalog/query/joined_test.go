package query

import (
	"bytes"
	"strings"
	"testing"

	"tributary/schemas/fuzzbound"
)

// knownNames are those of a reader in these tests.
func knownNames(name []byte) bool {
	switch string(name) {
	case "click_id", "payout", "status", "txid", "currency", "timestamp", "param1", "region", "notify", "order":
		return true
	}
	return false
}

func pairs(scan Scanner) string {
	var all []string
	for key, value, ok := scan.Next(); ok; key, value, ok = scan.Next() {
		all = append(all, string(Decode(nil, key))+":"+string(Decode(nil, value)))
	}
	return strings.Join(all, " ")
}

// TestAmpersands: whatever stands for an ampersand between two parameters, both are read.
func TestAmpersands(t *testing.T) {
	for raw, want := range map[string]string{
		"click_id=C&amp;payout=12.5&amp;status=rejected": "click_id:C payout:12.5 status:rejected",
		"click_id=C&AMP;payout=1":                        "click_id:C payout:1",
		"click_id=C&amp%3Bpayout=1":                      "click_id:C payout:1",
		"click_id=C&amp%3bpayout=1":                      "click_id:C payout:1",
		"click_id=C&amp;amp;payout=1":                    "click_id:C payout:1",
		"click_id=C&#38;payout=1":                        "click_id:C payout:1",
		"click_id=C&#038;payout=1":                       "click_id:C payout:1",
		"click_id=C&#x26;payout=1":                       "click_id:C payout:1",
		"click_id=C&%2338%3Bpayout=1":                    "click_id:C payout:1",
		"&amp;click_id=C&amp;":                           "click_id:C",
		"amp;click_id=C":                                 "click_id:C",
		// In a value, only where a known name follows.
		"click_id=C;payout=1;status=x;a=b": "click_id:C payout:1 status:x;a=b",
		"txid=T1¤cy=EUR&payout=1":          "txid:T1 currency:EUR payout:1",
		"txid=T1%C2%A4cy=EUR":              "txid:T1 currency:EUR",
		"txid=T1%A4cy=EUR":                 "txid:T1 currency:EUR",
		"txid=T1×tamp=5":                   "txid:T1 timestamp:5",
		"txid=T1%c3%97tamp=5":              "txid:T1 timestamp:5",
		"txid=T1¶m1=x®ion=y":               "txid:T1 param1:x region:y",
		"txid=T1¬ify=1":                    "txid:T1 notify:1",
		"foo;payout=1":                     "foo: payout:1",
		// As JSON and scripts escape it, once or more often.
		`click_id=C\u0026payout=1\u0026status=x`:      "click_id:C payout:1 status:x",
		`click_id=C\x26payout=1\\u0026amp;status=x`:   "click_id:C payout:1 status:x",
		`foo=C\u0026payout=1&a=b`:                     "foo:C payout:1 a:b",
		`click_id=C%5Cu0026payout=1`:                  `click_id:C\u0026payout=1`,
		`sub1=a\u0026b=c&sub2=\u0026&sub3=D:\x\u00e4`: `sub1:a\u0026b=c sub2:\u0026 sub3:D:\x\u00e4`,
		// What its sender encoded is text, whatever it looks like.
		"click_id=C%26payout=1":                     "click_id:C&payout=1",
		"click_id=C%26amp;payout=1":                 "click_id:C&amp;payout=1",
		"click_id=C%26amp%3Bpayout=1&a=b":           "click_id:C&amp;payout=1 a:b",
		"click_id=C%26amp;amp;payout=1;a=b":         "click_id:C&amp;amp;payout=1;a=b",
		"click_id=C%26#38;payout=1&payout=2":        "click_id:C&#38;payout=1 payout:2",
		"click_id=C%3Bpayout=1":                     "click_id:C;payout=1",
		"click_id=C%3bpayout=1;status=x":            "click_id:C;payout=1 status:x",
		"sub1=Tom%26payout=99&click_id=C":           "sub1:Tom&payout=99 click_id:C",
		"sub1=Tom%2526payout=99&click_id=C":         "sub1:Tom%26payout=99 click_id:C",
		"sub1=%26status=rejected%26currency=JPY":    "sub1:&status=rejected&currency=JPY",
		"ref=http://x.example/?payout=9&click_id=C": "ref:http://x.example/?payout=9 click_id:C",
		// What only looks like it stays.
		"sub1=a;b=c":              "sub1:a;b=c",
		"sub1=Tom%26amp%3BJerry":  "sub1:Tom&amp;Jerry",
		"sub1=Tom%26Jerry":        "sub1:Tom&Jerry",
		"sub1=x%26payout%3D1":     "sub1:x&payout=1",
		"sub1=10¤cy":              "sub1:10¤cy",
		"sub1=a;payout":           "sub1:a;payout",
		"sub1=%D0%B7%D0%B0%D0%B9": "sub1:зай",
		"amp=5&ampere=6&a=7":      "amp:5 ampere:6 a:7",
		"sub1=a;=5":               "sub1:a;=5",
	} {
		if got := pairs(ScanFor([]byte(raw), knownNames)); got != want {
			t.Errorf("%q reads as %q, want %q", raw, got, want)
		}
	}
	if got := pairs(Scan([]byte("click_id=C;payout=1&amp;status=x"))); got != "click_id:C;payout=1 status:x" {
		t.Errorf("a plain scan reads %q", got)
	}
}

func TestJoined(t *testing.T) {
	for text, want := range map[string]bool{
		"C&payout=1": true, "C;payout=1": true, "C%26payout=1": true, "C&amp;payout=1": true, "C¤cy=EUR": true, "C?payout=1": true, "C??payout=1": true, "C?&payout=1": true, "C?p=1": false,
		`C\u0026payout=1`: true, `C\\u0026payout=1`: true, `C%5cu0026payout=1`: true, `C%5C%5Cx26payout=1`: true, `C\u0026p=1`: false, `C\u0027payout=1`: false, `C\`: false,
		"C": false, "C&p=1": false, "C&payout": false, "payout=1": false, "a=b=c": false, "Q29va2ll==": false, "": false, "C&=1": false,
	} {
		if got := Joined([]byte(text), knownNames); got != want {
			t.Errorf("Joined(%q) = %v", text, got)
		}
	}
	for text, want := range map[string]bool{
		"https://o.example/?a={click_id}&amp;b=1": true, "?a=1&#38;b=2": true, "?a=%26amp;b=2": true, "?a=%26AMP%3Bb": true, `?a=1\u0026b=2`: true, "?a=1%5Cx26b=2": true, `?a=\u0027`: false, "?a=1&b=2&ampere=1": false, "?a=%26b": false, "": false,
	} {
		if got := Escaped([]byte(text)); got != want {
			t.Errorf("Escaped(%q) = %v", text, got)
		}
	}
}

// TestDecodeID: a plus in an ID is one, unless its sender encoded another.
func TestDecodeID(t *testing.T) {
	for raw, want := range map[string]string{
		"a+b": "a+b", "a%2Bb": "a+b", "a+b%2Bc": "a b+c", "a+b%3D%3D": "a+b==", "a%20b": "a b", "+": "+", "": "", "a+%2b": "a +", "100%": "100%",
	} {
		if got := string(DecodeID(nil, []byte(raw))); got != want {
			t.Errorf("DecodeID(%q) = %q, want %q", raw, got, want)
		}
	}
}

// FuzzJoined holds that reading for known names loses no byte that a plain scan has, ends, and finds what it says it finds.
func FuzzJoined(f *testing.F) {
	for _, raw := range []string{"click_id=C&amp;payout=1", "txid=T1%C2%A4cy=EUR;payout=1", "a=%26amp%3Bpayout=1&#38;status=x", "a=\xc2", "a=%C2%", "amp;amp;", "a=;;;;payout=;", "%26%26payout=1", `a=1\u0026payout=1%5C\x26status=2`} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		before := bytes.Clone(raw)
		// A name that an entity took a part of is put together anew: at most its bytes and those of the entity, for each pair.
		fuzzbound.Hold(t, 16*len(raw), func() {
			for scan := ScanFor(raw, knownNames); ; {
				if _, _, ok := scan.Next(); !ok {
					break
				}
			}
		})
		found := 0
		for scan := ScanFor(raw, knownNames); ; {
			key, value, ok := scan.Next()
			if !ok {
				break
			}
			if found++; found > len(raw)+1 {
				t.Fatalf("%q has more pairs than bytes", raw)
			}
			if len(key) == 0 && len(value) == 0 && !bytes.Contains(raw, []byte("=")) {
				t.Fatalf("%q has an empty pair", raw)
			}
			if JoinedRaw(value, knownNames) {
				t.Fatalf("%q leaves %q, which has another parameter in it", raw, value)
			}
		}
		if !mayJoin(raw) && JoinedRaw(raw, func([]byte) bool { return true }) && !bytes.Contains(raw, []byte("&")) {
			t.Fatalf("%q is not looked at, and has another parameter in it", raw)
		}
		Escaped(raw)
		if !bytes.Equal(raw, before) {
			t.Fatal("the query was written to")
		}
	})
}
