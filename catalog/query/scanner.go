package query

import (
	"bytes"
	"net/url"
	"strings"
)

// Scanner walks over the pairs of a raw query ("a=1&b=2") or an application/x-www-form-urlencoded body in order. Empty
// pairs are passed over; a pair without "=" has an empty value. Key and value are still encoded and point into the
// query.
//
// A query that stood in a page keeps what HTML writes for an ampersand: "a=1&amp;b=2" and its like are read as
// "a=1&b=2". One that ScanFor reads is also separated where something else stands for the ampersand (see JoinedRaw).
// A percent-encoded one never separates: whoever sends a text with an ampersand in it writes it so, and what a
// visitor typed must not become a parameter.
type Scanner struct {
	rest  []byte
	known func(name []byte) bool
	// eaten begins the next pair's name: an entity took it away.
	eaten string
}

// Scan starts at the first pair of raw, which must not change meanwhile.
func Scan(raw []byte) Scanner { return Scanner{rest: raw} }

// ScanFor is Scan for a reader that knows the names for which known answers true: a pair that has another parameter of
// that reader in its value is two. A name is given as it stands in the query.
func ScanFor(raw []byte, known func(name []byte) bool) Scanner {
	if !mayJoin(raw) {
		known = nil
	}
	return Scanner{rest: raw, known: known}
}

// Next returns the next pair, or ok == false at the end.
func (s *Scanner) Next() (key, value []byte, ok bool) {
	for len(s.rest) > 0 {
		whole := s.rest
		switch whole[0] {
		case 'a', 'A', '#', '%':
			whole = whole[ampersand(whole):]
		}
		pair := whole
		if i := bytes.IndexByte(pair, '&'); i >= 0 {
			pair, s.rest = pair[:i], pair[i+1:]
		} else {
			s.rest = nil
		}
		eaten := s.eaten
		s.eaten = ""
		if s.known != nil {
			if at, behind, name := joined(pair, s.known, false); at >= 0 {
				pair, s.rest, s.eaten = pair[:at], whole[behind:], name
			}
		}
		if len(pair) == 0 {
			continue
		}
		key = pair
		if i := bytes.IndexByte(pair, '='); i >= 0 {
			key, value = pair[:i], pair[i+1:]
		}
		if eaten != "" {
			key = append([]byte(eaten), key...)
		}
		return key, value, true
	}
	return nil, nil, false
}

// Unequal cuts a name that nothing is said of and that has both in it, such as "payout:5", "payout=>5" whose equals
// sign is encoded: ok is false for any other.
func Unequal(key []byte) (name, value []byte, ok bool) {
	i := bytes.IndexAny(key, unequal)
	if i < 0 {
		return nil, nil, false
	}
	name, value = bytes.TrimSpace(key[:i]), bytes.Trim(key[i:], unequal+" ")
	return name, value, len(name) > 0 && len(value) > 0
}

// unequal is what people write for an equals sign.
const unequal = ":=>|;"

// Encoded tells whether Decode would change raw.
func Encoded(raw []byte) bool {
	for _, c := range raw {
		if c == '%' || c == '+' {
			return true
		}
	}
	return false
}

// Decode appends the decoded raw to dst: %XX is a byte, + a space. A percent sign without two hexadecimal digits behind
// it stands for itself, as browsers do it (WHATWG URL, percent-decode).
func Decode(dst, raw []byte) []byte { return decode(dst, raw, ' ') }

// DecodePath is Decode for a path, where + is a plus.
func DecodePath(dst, raw []byte) []byte { return decode(dst, raw, '+') }

// DecodeID is Decode for an ID. Hardly any has a space, and many have a plus that nobody encoded (those in base64): a
// plus is one, unless another in the same ID is encoded, whose sender then meant a space.
func DecodeID(dst, raw []byte) []byte {
	if bytes.IndexByte(raw, '+') >= 0 && (bytes.Contains(raw, []byte("%2B")) || bytes.Contains(raw, []byte("%2b"))) {
		return decode(dst, raw, ' ')
	}
	return decode(dst, raw, '+')
}

// EncodeID encodes an ID so that DecodeID and Decode read it alike: no plus stands for a space.
func EncodeID(id string) string { return strings.ReplaceAll(url.QueryEscape(id), "+", "%20") }

func decode(dst, raw []byte, plus byte) []byte {
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch {
		case c == '+':
			c = plus
		case c == '%' && i+2 < len(raw) && unhex[raw[i+1]]|unhex[raw[i+2]] < 16:
			c, _ = HexByte(raw[i+1], raw[i+2])
			i += 2
		}
		dst = append(dst, c)
	}
	return dst
}

// HexByte is the byte that two hexadecimal digits stand for; false for other characters.
func HexByte(high, low byte) (byte, bool) {
	return unhex[high]<<4 | unhex[low], unhex[high]|unhex[low] < 16
}

// unhex has the value of a hexadecimal digit, 255 for any other byte.
var unhex = func() (t [256]byte) {
	for i := range t {
		t[i] = 255
	}
	for i := range 10 {
		t['0'+i] = byte(i)
	}
	for i := range 6 {
		t['a'+i], t['A'+i] = byte(10+i), byte(10+i)
	}
	return t
}()
