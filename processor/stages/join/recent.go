package join

import "hash/maphash"

const (
	// recentClicks is how many clicks one of the two generations takes: together some seconds of a busy partition, in
	// 256 KiB. What comes later than that pays a read of the state.
	recentClicks = 1 << 16
	// recentBitsPerClick and recentProbes let about one new click in five hundred pay a read for nothing.
	recentBitsPerClick = 16
	recentProbes       = 5

	recentLineWords = 8 // a line of the processor's cache, which is all that a click touches
	recentLineBits  = 64 * recentLineWords
)

// recent tells that a native click was never stored, without a read of the state: clicks come nearly in the order of their time. It is a
// Bloom filter in two generations over the clicks stored since Open.
//
// Invariant: a stored click at or after floorMS is in one of the generations; so is one at or after youngMS in young. A
// click taken back after a failure stays in, which costs a read and nothing else. One click far in the future makes every earlier one pay a read,
// until its time has come.
type recent struct {
	young, old       [][recentLineWords]uint64
	floorMS, youngMS int64
	latestMS         int64
	count, capacity  int
}

// reset begins anew over a state whose latest click is at latestMS.
func (r *recent) reset(latestMS int64, capacity int) {
	lines := max(capacity*recentBitsPerClick/recentLineBits, 1)
	if r.capacity != capacity {
		r.young, r.old = make([][recentLineWords]uint64, lines), make([][recentLineWords]uint64, lines)
	} else {
		clear(r.young)
		clear(r.old)
	}
	r.floorMS, r.youngMS, r.latestMS, r.count, r.capacity = latestMS+1, latestMS+1, latestMS, 0, capacity
}

// unseen tells that the click is certainly not stored. It does not allocate.
func (r *recent) unseen(id []byte, ms int64) bool {
	if ms < r.floorMS {
		return false
	}
	hash := maphash.Bytes(seed, id)
	return !holds(r.young, hash) && !holds(r.old, hash)
}

// add notes a stored click. It does not allocate.
func (r *recent) add(id []byte, ms int64) {
	line, bits := locate(r.young, maphash.Bytes(seed, id))
	for range recentProbes {
		bit := bits % recentLineBits
		line[bit/64] |= 1 << (bit % 64)
		bits /= recentLineBits
	}
	r.latestMS = max(r.latestMS, ms)
	if r.count++; r.count < r.capacity {
		return
	}
	r.young, r.old = r.old, r.young
	clear(r.young)
	r.floorMS, r.youngMS, r.count = r.youngMS, r.latestMS+1, 0
}

func holds(lines [][recentLineWords]uint64, hash uint64) bool {
	line, bits := locate(lines, hash)
	for range recentProbes {
		bit := bits % recentLineBits
		if line[bit/64]&(1<<(bit%64)) == 0 {
			return false
		}
		bits /= recentLineBits
	}
	return true
}

// locate answers a click's line and the bits that choose among the line's: the hash's low 45.
func locate(lines [][recentLineWords]uint64, hash uint64) (*[recentLineWords]uint64, uint64) {
	return &lines[(hash>>45)%uint64(len(lines))], hash
}
