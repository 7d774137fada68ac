package trust

import (
	"crypto/sha256"
	"encoding/hex"

	"tributary/catalog/query"
	"tributary/schemas"
)

// The parameters of a signature. They belong to the query, also of a POST.
const (
	ParamSignature = "sig"
	ParamKey       = "sig_key"
	ParamTime      = "sig_ts"
	ParamNonce     = "sig_nonce"
)

// version begins every message, so that a later form cannot be taken for this one.
const version = "tributary-1"

const (
	minNonceBytes = 8
	maxNonceBytes = 64
)

// signed is what a signed request says of its signature. Its values point into the scratch.
type signed struct{ sig, key, time, nonce []byte }

// scratch is the memory of one verification.
type scratch struct {
	plain   []byte
	message []byte
	sum     digest
	given   digest
}

// canonical writes the message that a signature covers: version, network, query and body, a line each. The query's
// parameters are decoded and encoded again in one way, in their order and without sig; the body stands as its SHA-256 in
// hexadecimal digits, an empty body as an empty line. Requests whose parameters differ in a name, a value or their order have
// different messages. The problem is empty when the message could be written.
func (s *scratch) canonical(network string, rawQuery, body []byte) (got signed, problem string) {
	// Decoded text is never longer than raw. Values point into plain, so it must not grow on the way.
	if cap(s.plain) < len(rawQuery) {
		s.plain = make([]byte, 0, max(len(rawQuery), 1<<10))
	}
	s.plain = s.plain[:0]
	m := append(append(append(s.message[:0], version...), '\n'), network...)
	m = append(m, '\n')
	start := len(m)
	for scan := query.Scan(rawQuery); ; {
		rawName, rawValue, ok := scan.Next()
		if !ok {
			break
		}
		name, value := s.decode(rawName), s.decode(rawValue)
		var into *[]byte
		switch string(name) {
		case ParamSignature:
			into = &got.sig
		case ParamKey:
			into = &got.key
		case ParamTime:
			into = &got.time
		case ParamNonce:
			into = &got.nonce
		}
		if into != nil {
			if *into != nil {
				s.message = m
				return got, "a parameter of the signature stands twice"
			}
			*into = value
			if into == &got.sig {
				continue
			}
		}
		if len(m) > start {
			m = append(m, '&')
		}
		m = appendEncoded(m, name)
		m = append(m, '=')
		m = appendEncoded(m, value)
	}
	m = append(m, '\n')
	if len(body) > 0 {
		sum := sha256.Sum256(body)
		m = hex.AppendEncode(m, sum[:])
	}
	s.message = m
	return got, ""
}

func (s *scratch) decode(raw []byte) []byte {
	start := len(s.plain)
	s.plain = query.Decode(s.plain, raw)
	return s.plain[start:len(s.plain):len(s.plain)]
}

const upperHex = "0123456789ABCDEF"

// appendEncoded percent-encodes every byte but a-z A-Z 0-9 - . _ ~ (the unreserved ones of RFC 3986, section 2.3).
func appendEncoded(dst, text []byte) []byte {
	for _, c := range text {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~' {
			dst = append(dst, c)
			continue
		}
		dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
	}
	return dst
}

// isNonce tells whether text may be a nonce: 8 to 64 of a-z A-Z 0-9 _ -
func isNonce(text []byte) bool {
	if len(text) < minNonceBytes || len(text) > maxNonceBytes {
		return false
	}
	for _, c := range text {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}

// parseStamp reads Unix seconds, of ten digits, or milliseconds, of thirteen: every time from 2001 to 2286.
func parseStamp(text []byte) (atMS int64, ok bool) {
	if len(text) != 10 && len(text) != 13 {
		return 0, false
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		atMS = atMS*10 + int64(c-'0')
	}
	if len(text) == 10 {
		atMS *= 1000
	}
	return atMS, true
}

// find answers the first value of a parameter, still encoded; nil when there is none.
func find(raw []byte, name string) []byte {
	for scan := query.Scan(raw); ; {
		key, value, ok := scan.Next()
		if !ok {
			return nil
		}
		if len(value) > 0 && named(key, name) {
			return value
		}
	}
}

// named compares a name that may be encoded.
func named(key []byte, name string) bool {
	if !query.Encoded(key) {
		return string(key) == name
	}
	if len(key) > 3*schemas.MaxNameBytes {
		return false
	}
	var buf [3 * schemas.MaxNameBytes]byte
	return string(query.Decode(buf[:0], key)) == name
}

// hide overwrites every value of a parameter where it stands.
func hide(raw []byte, name string) {
	for scan := query.Scan(raw); ; {
		key, value, ok := scan.Next()
		if !ok {
			return
		}
		if named(key, name) {
			for i := range value {
				value[i] = '*'
			}
		}
	}
}
