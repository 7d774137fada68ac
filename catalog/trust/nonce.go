package trust

import (
	"hash/maphash"
	"math"
	"sync"
)

// msPerSlice is the width of a slice of the nonce store. Whole slices are forgotten, so nothing has to look for old nonces.
const msPerSlice = 60_000

// nonces are those of one network that were used, by the minute of their timestamp. The timestamp is signed: a replay comes
// with the same one and is looked for in the same minute.
type nonces struct {
	mu   sync.Mutex
	seed maphash.Seed
	// slices are hashes of 64 bits by minute. Two nonces share one once in 10^19 pairs; the second is then refused.
	slices map[int64]map[uint64]struct{}
	count  int
	// floorMS is the first timestamp whose nonces are all still known. It never goes back, though the clock may.
	floorMS int64
	// sweptAt is the minute of the clock at which old slices were last looked for.
	sweptAt int64
}

func newNonces() *nonces {
	return &nonces{seed: maphash.MakeSeed(), slices: map[int64]map[uint64]struct{}{}, floorMS: math.MinInt64, sweptAt: math.MinInt64}
}

type nonceState uint8

const (
	nonceNew nonceState = iota
	nonceUsed
	// nonceForgotten: the timestamp lies before what is remembered.
	nonceForgotten
	nonceFull
)

func (n *nonces) hash(nonce []byte) uint64 { return maphash.Bytes(n.seed, nonce) }

// look tells what use would answer, without using it.
func (n *nonces) look(hash uint64, stampMS int64) nonceState {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.state(hash, stampMS, math.MaxInt)
}

// use takes a nonce of a timestamp, at most limit at the same time. Timestamps older than oldestMS are never asked for again.
func (n *nonces) use(hash uint64, stampMS, nowMS, oldestMS int64, limit int) nonceState {
	n.mu.Lock()
	defer n.mu.Unlock()
	if at := nowMS / msPerSlice; at != n.sweptAt {
		n.sweptAt = at
		n.sweep(oldestMS)
	}
	state := n.state(hash, stampMS, limit)
	if state == nonceNew {
		at := stampMS / msPerSlice
		slice := n.slices[at]
		if slice == nil {
			slice = map[uint64]struct{}{}
			n.slices[at] = slice
		}
		slice[hash] = struct{}{}
		n.count++
	}
	return state
}

func (n *nonces) state(hash uint64, stampMS int64, limit int) nonceState {
	if stampMS < n.floorMS {
		return nonceForgotten
	}
	if _, used := n.slices[stampMS/msPerSlice][hash]; used {
		return nonceUsed
	}
	if n.count >= limit {
		return nonceFull
	}
	return nonceNew
}

func (n *nonces) sweep(oldestMS int64) {
	for at, slice := range n.slices {
		if end := (at + 1) * msPerSlice; end <= oldestMS {
			n.count -= len(slice)
			delete(n.slices, at)
			n.floorMS = max(n.floorMS, end)
		}
	}
}

// forget gives a nonce back: its request came to nothing.
func (n *nonces) forget(hash uint64, stampMS int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	slice := n.slices[stampMS/msPerSlice]
	if _, used := slice[hash]; used {
		delete(slice, hash)
		n.count--
	}
}

func (n *nonces) len() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.count
}
