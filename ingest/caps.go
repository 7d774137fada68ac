package ingest

import (
	"context"
	"sync"
	"sync/atomic"

	"tributary/catalog"
	"tributary/catalog/lease"
)

// caps keep to the caps of offers. With ingest.caps: shared a click takes one of the leases that the grantor gave this edge
// (catalog/lease): exact over all edges. With ingest.caps: own they count the clicks of each offer in this process: clicks_per_day divided
// by ingest.edges, rounded up. Within one process no click too many is sent. Of several edges, each keeps to its own part, so that
// together they send at most one click for each edge above the cap, and fewer than the cap when the traffic is not spread evenly.
//
// Own counts live in memory and are kept by a reload of the catalog. A restart begins where ingest.caps_file left off, at 0
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
	// leases is nil with ingest.caps: own.
	leases Leases
}

// Leases are parts of the caps of offers, shared with other edges: a *lease.Asker.
type Leases interface {
	// Declare takes over the caps of a catalog.
	Declare(offers []lease.Offer)
	// Held returns what the clicks of a declared offer take from.
	Held(offer uint32) *lease.Held
	// Run asks for leases until ctx is done; then it gives back what is held.
	Run(ctx context.Context)
	// Discard gives up leases that were never run.
	Discard()
	// Note says what an operator should know; empty for nothing.
	Note() string
}

// capCount is one offer's cap. It is immutable but for count.
type capCount struct {
	limit uint32
	// lease is nil with ingest.caps: own; else limit and count are not used.
	lease *lease.Held
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
	if c.leases != nil {
		c.leases.Declare(sharedCaps(cat))
	}
	if cat != nil {
		cat.Offers(func(o *catalog.Offer) {
			if o.ClicksPerDay == 0 {
				return
			}
			one := &capCount{limit: uint32((o.ClicksPerDay + c.edges - 1) / c.edges), count: new(atomic.Uint64)}
			if c.leases != nil {
				one.lease = c.leases.Held(o.ID)
			}
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

// sharedCaps are a catalog's caps as leases know them.
func sharedCaps(cat *catalog.Catalog) (list []lease.Offer) {
	if cat == nil {
		return nil
	}
	cat.Offers(func(o *catalog.Offer) {
		if o.ClicksPerDay > 0 {
			list = append(list, lease.Offer{ID: o.ID, Cap: int64(o.ClicksPerDay), Zone: o.Zone})
		}
	})
	return list
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
	day := lease.Day(nowMS, o.Zone)
	if held.lease != nil {
		return held.takeLease(v, day)
	}
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

// takeLease uses up one click of what this edge holds.
func (held *capCount) takeLease(v *visit, day uint32) bool {
	if v.look {
		return held.lease.Has(day)
	}
	if !held.lease.Take(day) {
		return false
	}
	v.counted = counted{held, day}
	return true
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
	if c.of.lease != nil {
		c.of.lease.GiveBack(c.day)
		return
	}
	for {
		state := c.of.count.Load()
		if uint32(state>>32) != c.day || uint32(state) == 0 || c.of.count.CompareAndSwap(state, state-1) {
			return
		}
	}
}
