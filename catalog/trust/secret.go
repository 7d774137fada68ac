package trust

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"hash"
	"log/slog"
	"sync"
)

const redacted = "(redacted)"

// Secret is a text that is never printed: every way of formatting, logging or marshalling it answers "(redacted)".
type Secret string

// String implements fmt.Stringer.
func (s Secret) String() string { return redacted }

// GoString implements fmt.GoStringer, for %#v.
func (s Secret) GoString() string { return redacted }

// MarshalText implements encoding.TextMarshaler, for YAML and JSON.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// digest stands for a secret. Digests have one length, so that comparing them takes one time, and nothing of the secret can be
// read back from memory that is dumped.
type digest [sha256.Size]byte

// equal is the only comparison of digests.
func (d *digest) equal(other *digest) int { return subtle.ConstantTimeCompare(d[:], other[:]) }

// Tokens are shared tokens by key ID. The zero value has none and matches nothing.
type Tokens struct {
	ids  []string
	sums []digest
}

// Add makes one more token good. It is not for use at the same time as Match.
func (t *Tokens) Add(id, secret string) { t.add(id, []byte(secret)) }

func (t *Tokens) add(id string, secret []byte) {
	t.ids, t.sums = append(t.ids, id), append(t.sums, sha256.Sum256(secret))
}

// NewToken makes Tokens of one secret.
func NewToken(secret string) *Tokens {
	t := &Tokens{}
	t.add("", []byte(secret))
	return t
}

// match answers which token value is, -1 for none. Its time depends on the length of value and the number of tokens only.
func (t *Tokens) match(value []byte) int {
	sum := digest(sha256.Sum256(value))
	found := 0
	for i := range t.sums {
		found = subtle.ConstantTimeSelect(t.sums[i].equal(&sum), i+1, found)
	}
	return found - 1
}

// Match tells whether value is one of the tokens.
func (t *Tokens) Match(value []byte) bool { return t.match(value) >= 0 }

// key is one signing key. Its states are pooled: making one costs two rounds of SHA-256 and four allocations.
type key struct {
	id    string
	pool  sync.Pool
	proof proofIndex
}

func newKey(id string, secret []byte) *key {
	k := &key{id: id}
	k.pool.New = func() any { return hmac.New(sha256.New, secret) }
	return k
}

// sign writes the HMAC-SHA256 of message into sum.
func (k *key) sign(message []byte, sum *digest) {
	state := k.pool.Get().(hash.Hash)
	state.Reset()
	state.Write(message) // never fails, says hash.Hash
	state.Sum(sum[:0])
	k.pool.Put(state)
}
