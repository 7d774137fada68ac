package trust

import (
	"bytes"
	"encoding/hex"
	"iter"

	"tributary/catalog/query"
)

// Secrets finds declared secrets in what is kept of requests, however they are written there. It is immutable; nil finds none.
type Secrets struct {
	// byFirst are the secrets by their first byte, so that a text is gone through once however many there are.
	byFirst [256][][]byte
}

const (
	// wholeBelow: a shorter secret, as some trackers have them, counts only where it stands as a word of its own.
	wholeBelow = 16
	// cutFrom is how much of a secret is told at the end of a text that was cut.
	cutFrom = 4
)

// SecretsOf are the tokens and signing keys of policies.
func SecretsOf(policies iter.Seq2[string, *Policy]) *Secrets {
	s := &Secrets{}
	for _, p := range policies {
		if p == nil {
			continue
		}
		for _, token := range p.rules.Tokens {
			s.Add(token)
		}
		for _, key := range p.rules.HMACKeys {
			s.Add(key)
			// Most are declared in hexadecimal digits.
			s.Add([]byte(hex.EncodeToString(key)))
			s.Add(bytes.ToUpper([]byte(hex.EncodeToString(key))))
		}
	}
	return s
}

// Add makes one more secret known. It is not for use at the same time as Redact.
func (s *Secrets) Add(secret []byte) {
	if len(secret) > 0 {
		s.byFirst[secret[0]] = append(s.byFirst[secret[0]], secret)
	}
}

// Redact writes asterisks over every secret in raw: as it is, percent-encoded or with the escapes of JSON. A text that was cut may end in
// the beginning of one.
func (s *Secrets) Redact(raw []byte) {
	if s == nil {
		return
	}
	before := byte('&')
	for i := 0; i < len(raw); {
		c, size := unit(raw[i:])
		// A plus sign is itself or a space.
		n := s.longest(raw[i:], c, before)
		if raw[i] == '+' {
			n = max(n, s.longest(raw[i:], '+', before))
		}
		if n > 0 {
			for j := range n {
				raw[i+j] = '*'
			}
			i, before = i+n, '*'
			continue
		}
		i, before = i+size, c
	}
}

// longest is how many bytes of raw, which begins with c behind before, are a secret.
func (s *Secrets) longest(raw []byte, c, before byte) (n int) {
	for _, secret := range s.byFirst[c] {
		length, rest := starts(raw, secret)
		switch {
		case rest > 0 && len(secret)-rest < cutFrom, length == 0:
			continue
		case len(secret) < wholeBelow && isWord(before):
			continue
		case len(secret) < wholeBelow && length < len(raw):
			if after, _ := unit(raw[length:]); isWord(after) {
				continue
			}
		}
		n = max(n, length)
	}
	return n
}

// starts answers how many bytes of raw are the secret, 0 when raw does not start with it, and how much of the secret lies behind raw's end.
func starts(raw, secret []byte) (length, rest int) {
	for i, want := range secret {
		if length == len(raw) {
			return length, len(secret) - i
		}
		c, size := unit(raw[length:])
		if c != want && (want != '+' || raw[length] != '+') {
			return 0, 0
		}
		length += size
	}
	return length, 0
}

// unit decodes the first byte of raw, and answers how many bytes it takes.
func unit(raw []byte) (c byte, size int) {
	switch c = raw[0]; {
	case c == '+':
		return ' ', 1
	case c == '%' && len(raw) > 2:
		if c, ok := query.HexByte(raw[1], raw[2]); ok {
			return c, 3
		}
	case c == '\\' && len(raw) > 5 && raw[1] == 'u' && raw[2] == '0' && raw[3] == '0':
		if c, ok := query.HexByte(raw[4], raw[5]); ok && c < 0x80 {
			return c, 6
		}
	case c == '\\' && len(raw) > 1 && (raw[1] == '"' || raw[1] == '/' || raw[1] == '\\'):
		return raw[1], 2
	}
	return c, 1
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

// HideOther overwrites every value of a parameter in a raw query or form unless it is the one that carries the network's own token. It does
// nothing for a network without tokens: a token that is declared later may be in any.
func (p *Policy) HideOther(raw []byte, name string) {
	if p != nil && len(p.tokens.sums) > 0 && name != p.rules.TokenParameter {
		hide(raw, name)
	}
}
