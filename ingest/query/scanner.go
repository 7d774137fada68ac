package query

import (
	"bytes"
)

// Scanner walks over the pairs of a raw query ("a=1&b=2") or an application/x-www-form-urlencoded body in order. Empty pairs
// are passed over; a pair without "=" has an empty value. Key and value are still encoded and point into the query.
type Scanner struct{ rest []byte }

// Scan starts at the first pair of raw, which must not change meanwhile.
func Scan(raw []byte) Scanner { return Scanner{rest: raw} }

// Next answers the next pair, or ok == false at the end.
func (s *Scanner) Next() (key, value []byte, ok bool) {
	for len(s.rest) > 0 {
		pair := s.rest
		if i := bytes.IndexByte(pair, '&'); i >= 0 {
			pair, s.rest = pair[:i], pair[i+1:]
		} else {
			s.rest = nil
		}
		if len(pair) == 0 {
			continue
		}
		if i := bytes.IndexByte(pair, '='); i >= 0 {
			return pair[:i], pair[i+1:], true
		}
		return pair, nil, true
	}
	return nil, nil, false
}

// Encoded tells whether Decode would change raw.
func Encoded(raw []byte) bool {
	for _, c := range raw {
		if c == '%' || c == '+' {
			return true
		}
	}
	return false
}

// Decode appends the decoded raw to dst: %XX is a byte, + a space. A percent sign without two hexadecimal digits behind it
// stands for itself, as browsers do it (WHATWG URL, percent-decode).
func Decode(dst, raw []byte) []byte { return decode(dst, raw, ' ') }

// DecodePath is Decode for a path, where + is a plus.
func DecodePath(dst, raw []byte) []byte { return decode(dst, raw, '+') }

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
