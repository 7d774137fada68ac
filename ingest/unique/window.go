package unique

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

const (
	// MinBytes and MaxBytes bound the memory of a Window.
	MinBytes = 64 << 10
	MaxBytes = 1 << 30
	// MaxWindow is far enough from half the range of an entry's clock, 97 days.
	MaxWindow = 60 * 24 * time.Hour
	// EntryBytes is the memory of one visitor.
	EntryBytes = 8

	ways     = 8
	timeBits = 24
	timeMask = 1<<timeBits - 1
	// attempts bounds the work of one call while others change the same bucket.
	attempts = 4
)

// Window is a set of keys that forgets each a fixed time after it came in.
type Window struct {
	seed    uint64
	seconds int32
	mask    uint64
	// An entry has 40 bits of the key's hash above 24 bits of time in seconds; 0 is a free one.
	buckets [][ways]atomic.Uint64
}

// New makes an empty Window. bytes is rounded down to a power of two; window to seconds.
func New(bytes int, window time.Duration) (*Window, error) {
	if bytes < MinBytes || bytes > MaxBytes {
		return nil, fmt.Errorf("unique: %d bytes are not from %d to %d", bytes, MinBytes, MaxBytes)
	}
	if window < time.Second || window > MaxWindow {
		return nil, fmt.Errorf("unique: a window of %v is not from 1s to %v", window, MaxWindow)
	}
	n := 1 << (bits.Len(uint(bytes/(ways*EntryBytes))) - 1)
	// A hash of its own, so that nobody can choose keys that fall into one bucket.
	return &Window{seed: rand.Uint64(), seconds: int32(window / time.Second), mask: uint64(n - 1), buckets: make([][ways]atomic.Uint64, n)}, nil
}

// Observe tells whether no click of key came in within the window before nowMS (Unix ms), and then remembers it. A click
// that is not the first leaves the time of the first as it is. evicted tells that an entry had to give way before its time.
func (w *Window) Observe(key uint64, nowMS int64) (first, evicted bool) {
	hash := mix(key ^ w.seed)
	bucket := &w.buckets[hash&w.mask]
	now := uint64(nowMS/1000) & timeMask
	print := hash >> timeBits
	if print == 0 {
		print = 1
	}
	entry := print<<timeBits | now
	for range attempts {
		place, held, oldest := 0, uint64(0), int32(math.MinInt32)
		for i := range bucket {
			e := bucket[i].Load()
			age := int32(math.MaxInt32)
			if e != 0 {
				// The difference of two clocks of 24 bits, with its sign: a clock that went back makes nobody new.
				age = int32(uint32(now-e)<<(32-timeBits)) >> (32 - timeBits)
			}
			if e>>timeBits == print {
				if age < w.seconds {
					return false, false
				}
				age = math.MaxInt32
				place, held, oldest = i, e, age
				break
			}
			if age > oldest {
				place, held, oldest = i, e, age
			}
		}
		if bucket[place].CompareAndSwap(held, entry) {
			return true, oldest < w.seconds
		}
	}
	return true, false
}

// mix is the finalizer of SplitMix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
