package lease

import (
	"math"
	"sync/atomic"
)

// Held is what one edge holds of one offer's leases, as its clicks see it: one atomic word for each of two days, today's and
// tomorrow's, which is taken ahead of midnight.
type Held struct {
	// slots have the day's number above the clicks that are left of it, 32 bits each; a day is in the slot of its parity.
	slots [2]atomic.Uint64
	// missed counts the clicks that found no lease.
	missed atomic.Uint64
}

// Take uses one click of the day's lease; false when none is held, which is counted. It does not wait and does not allocate.
func (h *Held) Take(day uint32) bool {
	slot := &h.slots[day&1]
	for {
		state := slot.Load()
		if uint32(state>>32) != day || uint32(state) == 0 {
			h.missed.Add(1)
			return false
		}
		if slot.CompareAndSwap(state, state-1) {
			return true
		}
	}
}

// Has tells whether Take would find a lease.
func (h *Held) Has(day uint32) bool { return h.left(day) > 0 }

// GiveBack undoes a Take whose click was not accepted after all.
func (h *Held) GiveBack(day uint32) { h.add(day, 1, false) }

// left is how many clicks of the day are held.
func (h *Held) left(day uint32) int64 {
	state := h.slots[day&1].Load()
	if uint32(state>>32) != day {
		return 0
	}
	return int64(uint32(state))
}

// add adds clicks to the day's lease. open makes the day the slot's own where it has another one, whose rest is void. Clicks that have
// no place are dropped: they count as used.
func (h *Held) add(day uint32, n int64, open bool) {
	slot := &h.slots[day&1]
	for {
		state := slot.Load()
		after := state + uint64(n)
		switch has := uint32(state >> 32); {
		case has == day && int64(uint32(state))+n <= math.MaxUint32:
		case has != day && open && n <= math.MaxUint32:
			after = uint64(day)<<32 | uint64(n)
		default:
			return
		}
		if slot.CompareAndSwap(state, after) {
			return
		}
	}
}

// takeAway takes all but keep clicks of the day's lease away from the clicks to come, and returns how many.
func (h *Held) takeAway(day uint32, keep int64) int64 {
	slot := &h.slots[day&1]
	for {
		state := slot.Load()
		excess := int64(uint32(state)) - keep
		if uint32(state>>32) != day || excess <= 0 {
			return 0
		}
		if slot.CompareAndSwap(state, state-uint64(excess)) {
			return excess
		}
	}
}
