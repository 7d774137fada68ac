package catalog

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash"
	"sync"
)

// A pass is a link that the edge made for a click and signed, so that a second page can send the visitor there without being
// an open redirect: only links of declared offers were ever signed. Its text is base64url of key ID, time, MAC and link.

const (
	passMACBytes = 16
	passHead     = 1 + 4 + passMACBytes
	// MaxPassLink is the longest link, in bytes, that fits into a pass within schemas.MaxURLBytes.
	MaxPassLink = 4 << 10
	// passSeconds is how long a pass is good: a browser may let a page sleep.
	passSeconds = 24 * 60 * 60
	// passSkew is how far one edge's clock may lie behind another's, in seconds.
	passSkew = 60
	// passPurpose keeps these MACs apart from those of click IDs, whose secrets they share.
	passPurpose = "tributary pass"
)

var errPass = errors.New("no link that this tracker signed within a day")

// passKey makes MACs under one secret. hash.Hash keeps a state, so that each is used by one request at a time.
type passKey struct{ states sync.Pool }

func newPassKey(secret []byte) *passKey {
	derived := hmac.New(sha256.New, secret)
	derived.Write([]byte(passPurpose))
	key := derived.Sum(nil)
	return &passKey{states: sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

// appendMAC appends the MAC of a pass's head and link.
func (k *passKey) appendMAC(dst, head, link []byte) []byte {
	state := k.states.Get().(hash.Hash)
	defer k.states.Put(state)
	state.Reset()
	state.Write(head)
	state.Write(link)
	n := len(dst)
	return state.Sum(dst)[:n+passMACBytes]
}

// AppendPass appends the pass of a link of at most MaxPassLink bytes to dst, under the active key of click IDs. scratch is
// memory to work in, which it answers grown.
func (c *Catalog) AppendPass(dst, scratch, link []byte, nowMS int64) (pass, grown []byte) {
	start := len(scratch)
	scratch = append(scratch, c.passKeyID)
	scratch = binary.BigEndian.AppendUint32(scratch, uint32(nowMS/1000))
	scratch = c.passKeys[c.passKeyID].appendMAC(scratch, scratch[start:], link)
	scratch = append(scratch, link...)
	return base64.RawURLEncoding.AppendEncode(dst, scratch[start:]), scratch
}

// OpenPass appends the link of a pass to dst. The error is the same whatever is wrong with it.
func (c *Catalog) OpenPass(dst, pass []byte, nowMS int64) ([]byte, error) {
	if len(pass) > base64.RawURLEncoding.EncodedLen(passHead+MaxPassLink) {
		return dst, errPass
	}
	start := len(dst)
	dst, err := base64.RawURLEncoding.Strict().AppendDecode(dst, pass)
	raw := dst[start:]
	if err != nil || len(raw) <= passHead {
		return dst[:start], errPass
	}
	key := c.passKeys[raw[0]]
	if key == nil {
		return dst[:start], errPass
	}
	var mac [sha256.Size]byte
	if !hmac.Equal(key.appendMAC(mac[:0], raw[:5], raw[passHead:]), raw[5:passHead]) {
		return dst[:start], errPass
	}
	if age := nowMS/1000 - int64(binary.BigEndian.Uint32(raw[1:])); age < -passSkew || age > passSeconds {
		return dst[:start], errPass
	}
	return append(dst[:start], raw[passHead:]...), nil
}
