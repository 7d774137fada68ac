package iprate

import (
	"hash/maphash"
	"math"
	"sync"
	"sync/atomic"
)

const (
	rows      = 4
	widthBits = 14
	width     = 1 << widthBits
	words     = rows * width / 2

	// Bytes is the memory of a Sketch: two generations of 16-bit counters.
	Bytes = 2 * words * 4

	// stop is where a counter stops. The room above it is for goroutines that add at the same time.
	stop = 0xff00

	msPerMinute = 60_000
)

// Sketch is a count-min sketch (Cormode and Muthukrishnan 2005) over (IP, minute). It holds the current minute and the one
// before, so that a request that was slow on its way is still counted in its own.
type Sketch struct {
	seed        maphash.Seed
	generations [2]generation
}

type generation struct {
	mu     sync.Mutex
	minute atomic.Int64
	total  atomic.Int64
	// counters has two 16-bit counters a word, row after row.
	counters [words]uint32
}

// New makes an empty sketch with a hash of its own, so that nobody can choose addresses that collide.
func New() *Sketch {
	s := &Sketch{seed: maphash.MakeSeed()}
	for i := range s.generations {
		s.generations[i].minute.Store(math.MinInt64)
	}
	return s
}

// Observe counts one click of ip at nowMS (Unix ms) and answers how many its minute has, this one included: at least 1, at
// most 65,280. While fewer IPs than 16,384 click in a minute the answer is exact but for rare collisions, which make it too
// high. Beyond, the expected noise of other IPs is taken off, so that a busy edge does not flag everyone; an answer may then
// be off by about the square root of clicks/16,384 either way.
func (s *Sketch) Observe(ip [16]byte, nowMS int64) uint32 {
	minute := nowMS / msPerMinute
	g := &s.generations[minute&1]
	if g.minute.Load() != minute && !g.turn(minute) {
		return 1
	}
	hash := maphash.Bytes(s.seed, ip[:])
	least := uint32(math.MaxUint32)
	for row := range uint32(rows) {
		slot := row*width + uint32(hash)&(width-1)
		hash >>= widthBits
		word, shift := &g.counters[slot/2], slot%2*16
		count := atomic.LoadUint32(word) >> shift & 0xffff
		if count < stop {
			count = atomic.AddUint32(word, 1<<shift) >> shift & 0xffff
		}
		least = min(least, count)
	}
	// The least of four rows lies about one standard deviation under the mean noise; two are left in, so that a count is
	// rather kept too high than too low.
	noise := float64(g.total.Add(1)) / width
	if noise > 4 {
		least -= min(least, uint32(noise-2*math.Sqrt(noise)))
	}
	return max(least, 1)
}

// turn empties the generation for minute. It answers false when the generation has moved past minute already: that click
// came two minutes late and is not counted.
func (g *generation) turn(minute int64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch held := g.minute.Load(); {
	case held == minute:
		return true
	case held == minute+2:
		return false
	}
	// Goroutines that add to the old minute while it is emptied may leave a count behind: too high by a few at the most.
	for i := range g.counters {
		atomic.StoreUint32(&g.counters[i], 0)
	}
	g.total.Store(0)
	g.minute.Store(minute)
	return true
}
