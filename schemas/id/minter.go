package id

import (
	"crypto/rand"
	"encoding/binary"
	"sync/atomic"
)

// Minter makes IDs that are unique among all minters: it draws 24 random instance bits at the start and counts within
// them. IDs of one minter never go back in time, even when the clock does.
type Minter struct {
	instance uint32
	// state is time_ms<<16 | counter, so that one atomic add makes a new pair. A counter that overflows within one
	// millisecond borrows from the next.
	state atomic.Uint64
}

// NewMinter draws a fresh instance. It panics when the system has no randomness, as crypto/rand does.
func NewMinter() *Minter {
	var b [4]byte
	rand.Read(b[:])
	return &Minter{instance: binary.BigEndian.Uint32(b[:]) & (1<<24 - 1)}
}

// next answers a (time, counter) pair that this minter never answered before, with time >= nowMS.
func (m *Minter) next(nowMS int64) (timeMS int64, counter uint16) {
	floor := uint64(min(max(nowMS, 0), maxTimeMS)) << 16
	for {
		old := m.state.Load()
		pair := max(old+1, floor)
		if m.state.CompareAndSwap(old, pair) {
			return int64(pair >> 16), uint16(pair)
		}
	}
}

// Click mints a click ID at nowMS (Unix ms), signed with the active key of ring. campaign and source are at most
// MaxCampaign and MaxSource; higher bits are cut.
func (m *Minter) Click(ring *Keyring, nowMS int64, campaign, source uint32) Click {
	var c Click
	timeMS, counter := m.next(nowMS)
	c.put(timeMS, campaign&MaxCampaign, source&MaxSource, ring.active, m.instance, counter)
	ring.sign(&c)
	return c
}

// Receipt mints a receipt ID at nowMS (Unix ms).
func (m *Minter) Receipt(nowMS int64) Receipt {
	var r Receipt
	timeMS, counter := m.next(nowMS)
	binary.BigEndian.PutUint64(r[0:8], uint64(timeMS)<<16)
	r[6], r[7], r[8] = byte(m.instance>>16), byte(m.instance>>8), byte(m.instance)
	binary.BigEndian.PutUint16(r[9:11], counter)
	rand.Read(r[11:16])
	return r
}
