package id

import (
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	// ClickBytes is the size of a click ID in binary.
	ClickBytes = 25
	// ClickTextBytes is the size of its text.
	ClickTextBytes = 40

	// MaxCampaign and MaxSource are the largest numbers that a click ID can carry (20 bits).
	MaxCampaign = 1<<20 - 1
	MaxSource   = 1<<20 - 1

	maxTimeMS = 1<<48 - 1
	signed    = ClickBytes - macBytes
)

// ErrMalformed says that a text is not a click ID or receipt ID at all: wrong length or wrong characters.
var ErrMalformed = errors.New("malformed ID")

// Click is a click ID. Its layout in bits, most significant first:
//
//	48 time, Unix ms · 20 campaign · 20 source · 8 key ID · 24 instance · 16 counter · 64 MAC
//
// Instance and counter make it unique: a Minter draws its instance at random and never repeats a counter within a
// millisecond.
type Click [ClickBytes]byte

// ParseClick reads the text of a click ID. It does not check the MAC: see Keyring.Verify. The error wraps ErrMalformed
// and names the place.
func ParseClick[T string | []byte](text T) (Click, error) {
	var c Click
	if len(text) != ClickTextBytes {
		return c, fmt.Errorf("%w: a click ID has %d characters, this has %d", ErrMalformed, ClickTextBytes, len(text))
	}
	var buf [ClickTextBytes]byte
	copy(buf[:], text)
	if i := decode(c[:], buf[:]); i >= 0 {
		return Click{}, fmt.Errorf("%w: character %d of the click ID is %q, which its alphabet (0-9, a-z without u) lacks", ErrMalformed, i+1, buf[i])
	}
	return c, nil
}

// LooksLikeClick tells without allocation whether ParseClick would read text.
func LooksLikeClick[T string | []byte](text T) bool {
	if len(text) != ClickTextBytes {
		return false
	}
	for i := range len(text) {
		if decodeTable[text[i]] == invalid {
			return false
		}
	}
	return true
}

// TimeMS is when the click happened, Unix milliseconds.
func (c *Click) TimeMS() int64 {
	return int64(binary.BigEndian.Uint64(c[0:8]) >> 16)
}

// Campaign is the campaign's number in the catalog.
func (c *Click) Campaign() uint32 { return uint32(c[6])<<12 | uint32(c[7])<<4 | uint32(c[8])>>4 }

// Source is the source's number in the catalog, 0 for an undeclared source.
func (c *Click) Source() uint32 { return uint32(c[8]&15)<<16 | uint32(c[9])<<8 | uint32(c[10]) }

// KeyID names the key of the MAC.
func (c *Click) KeyID() uint8 { return c[11] }

// AppendText appends the canonical text, ClickTextBytes long.
func (c *Click) AppendText(dst []byte) []byte {
	var buf [ClickTextBytes]byte
	encode(buf[:], c[:])
	return append(dst, buf[:]...)
}

// String is the canonical text.
func (c Click) String() string { return string(c.AppendText(nil)) }

func (c *Click) put(timeMS int64, campaign, source uint32, keyID uint8, instance uint32, counter uint16) {
	binary.BigEndian.PutUint64(c[0:8], uint64(timeMS)<<16)
	c[6] = byte(campaign >> 12)
	c[7] = byte(campaign >> 4)
	c[8] = byte(campaign<<4) | byte(source>>16&15)
	c[9] = byte(source >> 8)
	c[10] = byte(source)
	c[11] = keyID
	c[12], c[13], c[14] = byte(instance>>16), byte(instance>>8), byte(instance)
	binary.BigEndian.PutUint16(c[15:17], counter)
}
