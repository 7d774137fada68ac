package id

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
)

const (
	macBytes = 8
	// MinKeyBytes is the shortest secret that a keyring accepts.
	MinKeyBytes = 16
)

var (
	// ErrForged says that the MAC of a click ID does not fit its content.
	ErrForged = errors.New("forged click ID")
	// ErrUnknownKey says that a click ID names a key that the keyring lacks: forged, or its key was retired too early.
	ErrUnknownKey = errors.New("click ID signed with an unknown key")
)

// Keyring holds the secrets that sign click IDs. One is active and signs; every one verifies, so that a key can be
// retired after the lookback window has passed. A Keyring is immutable.
type Keyring struct {
	active uint8
	keys   [256]*key
}

// key holds the secret already combined with HMAC's two pads (RFC 2104, section 2). crypto/hmac allocates at every
// message; a fixed-size message on the stack needs no state at all. The test holds the result against crypto/hmac.
type key struct{ inner, outer [sha256.BlockSize]byte }

// NewKeyring makes a keyring of secrets by key ID. Each secret has at least MinKeyBytes; active must be among them.
func NewKeyring(active uint8, secrets map[uint8][]byte) (*Keyring, error) {
	if _, ok := secrets[active]; !ok {
		return nil, fmt.Errorf("active key %d is not among the %d declared keys", active, len(secrets))
	}
	r := &Keyring{active: active}
	for keyID, secret := range secrets {
		if len(secret) < MinKeyBytes {
			return nil, fmt.Errorf("key %d has %d bytes; a key has at least %d", keyID, len(secret), MinKeyBytes)
		}
		r.keys[keyID] = newKey(secret)
	}
	return r, nil
}

// Verify returns nil when the click ID was signed by one of the keys, else ErrForged or ErrUnknownKey. It compares in
// constant time and does not allocate.
func (r *Keyring) Verify(c *Click) error {
	k := r.keys[c.KeyID()]
	if k == nil {
		return ErrUnknownKey
	}
	var want [macBytes]byte
	k.mac(want[:], c[:signed])
	if subtle.ConstantTimeCompare(want[:], c[signed:]) != 1 {
		return ErrForged
	}
	return nil
}

func (r *Keyring) sign(c *Click) { r.keys[r.active].mac(c[signed:], c[:signed]) }

func newKey(secret []byte) *key {
	if len(secret) > sha256.BlockSize {
		sum := sha256.Sum256(secret)
		secret = sum[:]
	}
	k := &key{}
	copy(k.inner[:], secret)
	copy(k.outer[:], secret)
	for i := range k.inner {
		k.inner[i] ^= 0x36
		k.outer[i] ^= 0x5c
	}
	return k
}

// mac writes HMAC-SHA256 of msg, which has `signed` bytes, cut to macBytes. 64 bits are enough here: guessing is online
// only, and each wrong guess is a refused request.
func (k *key) mac(dst, msg []byte) {
	var in [sha256.BlockSize + signed]byte
	copy(in[:], k.inner[:])
	copy(in[sha256.BlockSize:], msg)
	sum := sha256.Sum256(in[:])
	var out [sha256.BlockSize + sha256.Size]byte
	copy(out[:], k.outer[:])
	copy(out[sha256.BlockSize:], sum[:])
	sum = sha256.Sum256(out[:])
	copy(dst, sum[:macBytes])
}
