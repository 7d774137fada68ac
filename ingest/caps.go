package ingest

import (
	"sync"
	"sync/atomic"
	"time"

	"tributary/catalog"
)

// caps count the clicks of each offer that has a cap, in this process: clicks_per_day divided by ingest.edges, rounded up.
// Within one process no click too many is sent. Of several edges, each keeps to its own part, so that together they send at
// most one click for each edge above the cap, and fewer than the cap when the traffic is not spread evenly.
//
// The counts live in memory and are kept by a reload of the catalog. A restart begins where ingest.caps_file left off, at 0
// without one. A click that was answered 503 is given back.
//
// Requests share one atomic word for each offer with a cap, and no lock.
type caps struct {
	edges int
	// declaring is held while the catalog is replaced.
	declaring sync.Mutex
	byOffer   atomic.Pointer[map[uint32]*capCount]
	// fresh: there was no file of counts.
	fresh bool
}

// capCount is one offer's cap. It is immutable but for count.
type capCount struct {
	limit uint32
	// count has the day's number since 1970 above the day's clicks, 32 bits each. A reload hands it on.
	count *atomic.Uint64
}

// declare takes over the caps of a catalog, and the counts of offers that had one before.
func (c *caps) declare(cat *catalog.Catalog) {
	c.declaring.Lock()
	defer c.declaring.Unlock()
	before := c.byOffer.Load()
	if cat == nil && before != nil {
		return
	}
	after := map[uint32]*capCount{}
	if cat != nil {
		cat.Offers(func(o *catalog.Offer) {
			if o.ClicksPerDay == 0 {
				return
			}
			one := &capCount{limit: uint32((o.ClicksPerDay + c.edges - 1) / c.edges), count: new(atomic.Uint64)}
			if before != nil {
				if old := (*before)[o.ID]; old != nil {
					one.count = old.count
				}
			}
			after[o.ID] = one
		})
	}
	c.byOffer.Store(&after)
}

// take counts a click of the offer; false when it is at its cap. A visit that is only a look counts nothing.
func (c *caps) take(v *visit, o *catalog.Offer, nowMS int64) bool {
	if o.ClicksPerDay == 0 {
		return true
	}
	held := (*c.byOffer.Load())[o.ID]
	if held == nil { // a request that began before a reload
		return true
	}
	day := dayOf(nowMS, o.Zone)
	for {
		state := held.count.Load()
		clicks, today := uint32(state), day
		if uint32(state>>32) >= day {
			today = uint32(state >> 32) // a clock that went back does not open the day anew
		} else {
			clicks = 0
		}
		if clicks >= held.limit {
			return false
		}
		if v.look {
			return true
		}
		after := uint64(today)<<32 | uint64(clicks+1)
		if held.count.CompareAndSwap(state, after) {
			v.counted = counted{held, today}
			return true
		}
	}
}

// counted is a click on the count of an offer with a cap; the zero value is one of an offer without.
type counted struct {
	of  *capCount
	day uint32
}

// giveBack takes a click off the count that was not accepted after all.
func (c counted) giveBack() {
	if c.of == nil {
		return
	}
	for {
		state := c.of.count.Load()
		if uint32(state>>32) != c.day || uint32(state) == 0 || c.of.count.CompareAndSwap(state, state-1) {
			return
		}
	}
}

// dayOf numbers the days of a time zone.
func dayOf(nowMS int64, zone *time.Location) uint32 {
	_, offset := time.UnixMilli(nowMS).In(zone).Zone()
	return uint32((nowMS/1000 + int64(offset)) / (24 * 60 * 60))
}
