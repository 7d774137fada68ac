package privacy

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"net/netip"
	"slices"
	"sync"

	"tributary/catalog/trust"
)

// Forms of a kept address.
const (
	Full      = "full"
	Truncated = "truncated"
	Hashed    = "hashed"
)

// minKeyBytes is half of SHA-256's block that RFC 2104 asks for: 128 bits, against trying keys.
const minKeyBytes = 16

// Config is the section `ingest.privacy`.
type Config struct {
	IP     string     `yaml:"ip" doc:"form in which addresses are kept in clicks, postbacks and dead letters: full, truncated (IPv4 to /24, IPv6 to /48) or hashed (keyed HMAC-SHA256, an address of fd00::/8). Country, limits, unique clicks and trust see the whole one before"`
	IPKeys KeysConfig `yaml:"ip_keys"`
}

// KeysConfig is the keys of hashed addresses.
type KeysConfig struct {
	Active int                  `yaml:"active" doc:"ID of the key that hashes addresses from now on, 0 to 255; the hash carries it"`
	Keys   map[int]trust.Secret `yaml:"keys" doc:"secrets by key ID: at least 32 hexadecimal digits, or plain text of at least 16 bytes; only the active one is used, so a rotation is a new number"`
}

// Defaults keeps addresses whole.
func Defaults() Config { return Config{IP: Full} }

// Validate tells every problem with the field inside the section.
func (c *Config) Validate(problem func(field, format string, args ...any)) {
	if c.IP != Full && c.IP != Truncated && c.IP != Hashed {
		problem("ip", "%q is unknown; use %s, %s or %s", c.IP, Full, Truncated, Hashed)
	}
	for _, id := range slices.Sorted(maps.Keys(c.IPKeys.Keys)) {
		if id < 0 || id > 255 {
			problem(fmt.Sprintf("ip_keys.keys.%d", id), "the key ID %d is not from 0 to 255", id)
		}
		if n := len(secretBytes(c.IPKeys.Keys[id])); n < minKeyBytes {
			problem(fmt.Sprintf("ip_keys.keys.%d", id), "the secret has %d bytes, at least %d are needed; 64 hexadecimal digits of `openssl rand -hex 32` are good", n, minKeyBytes)
		}
	}
	if _, ok := c.IPKeys.Keys[c.IPKeys.Active]; !ok && (c.IP == Hashed || len(c.IPKeys.Keys) > 0) {
		problem("ip_keys.active", "there is no key %d in ip_keys.keys; declare it, or name one that is", c.IPKeys.Active)
	}
}

// secretBytes reads 32 hexadecimal digits and more as bytes, anything else as text.
func secretBytes(s trust.Secret) []byte {
	if b, err := hex.DecodeString(string(s)); err == nil && len(b) >= minKeyBytes {
		return b
	}
	return []byte(s)
}

// Masker gives addresses the form in which they are kept. The zero value keeps them whole.
type Masker struct {
	form  string
	keyID byte
	pool  sync.Pool // of *state
}

// state is a key's HMAC with the memory that it works in: what goes through hash.Hash would be on the heap each time.
type state struct {
	mac     hash.Hash
	in, sum [sha256.Size]byte
}

// New makes a Masker of a Config that is valid.
func New(c Config) *Masker {
	m := &Masker{form: c.IP}
	if c.IP == Hashed {
		m.keyID = byte(c.IPKeys.Active)
		secret := secretBytes(c.IPKeys.Keys[c.IPKeys.Active])
		m.pool.New = func() any { return &state{mac: hmac.New(sha256.New, secret)} }
	}
	return m
}

// IsFull tells that addresses are kept as they are.
func (m *Masker) IsFull() bool { return m == nil || m.form != Truncated && m.form != Hashed }

// Mask returns the 16 bytes to keep; IPv4 is ::ffff:a.b.c.d. No address, and ::, stay zeros. A nil Masker keeps all.
func (m *Masker) Mask(addr netip.Addr) [16]byte {
	ip := addr.As16()
	if m.IsFull() || ip == [16]byte{} {
		return ip
	}
	if m.form == Truncated {
		if addr.Is4() || addr.Is4In6() {
			ip[15] = 0
		} else {
			clear(ip[6:])
		}
		return ip
	}
	s := m.pool.Get().(*state)
	copy(s.in[:], ip[:])
	s.mac.Reset()
	s.mac.Write(s.in[:len(ip)]) // never fails, says hash.Hash
	s.mac.Sum(s.sum[:0])
	ip[0], ip[1] = 0xfd, m.keyID
	copy(ip[2:], s.sum[:])
	clear(s.in[:])
	m.pool.Put(s)
	return ip
}

// Text is what a person reads in place of the address.
func (m *Masker) Text(addr netip.Addr) string { return netip.AddrFrom16(m.Mask(addr)).Unmap().String() }
