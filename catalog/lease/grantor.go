package lease

import (
	"cmp"
	"maps"
	"slices"
)

const (
	// listenMS is for how long an edge is taken for alive that says nothing.
	listenMS = 60_000
	// staleMS is how old a wish may be, since it was read: a grantor that stood still does not hand out by caps of long ago.
	staleMS = 10_000
)

// A Grantor gathers requests and turns them into changes of books. It remembers nothing that exactness needs: two of them, one that
// begins anew, and one that was cut off are as good as one, for each change is made of the book that was committed last.
type Grantor struct {
	pending map[Key]map[uint64]wish
	heard   map[Key]map[uint64]heard
	since   int64
}

// wish is a request, and when it was read.
type wish struct {
	Request
	atMS int64
}

// heard is what an account said last.
type heard struct {
	atMS, rate int64
}

// NewGrantor returns one that has heard of nobody yet. nowMS is Unix ms.
func NewGrantor(nowMS int64) *Grantor {
	return &Grantor{pending: map[Key]map[uint64]wish{}, heard: map[Key]map[uint64]heard{}, since: nowMS}
}

// Take adds a request to the next round. One of a day that is not today or about to begin anywhere is passed over: false. So no book is
// begun anew that has expired: see [Key.Expires].
// past is for one from before this grantor: what it gives back counts, what it wants is asked for again by whoever is alive.
func (g *Grantor) Take(r Request, nowMS int64, past bool) bool {
	if today := nowMS / dayMS; int64(r.Day) < today-1 || int64(r.Day) > today+1 {
		return false
	}
	if past {
		r.Upto = 0
	} else {
		put(g.heard, r.Key, r.Account, heard{nowMS, r.Rate})
	}
	if before, ok := g.pending[r.Key][r.Account]; ok {
		r.Granted, r.Returned = max(r.Granted, before.Granted), max(r.Returned, before.Returned)
		r.Upto, r.Closed = max(r.Upto, before.Upto), r.Closed || before.Closed
	}
	put(g.pending, r.Key, r.Account, wish{r, nowMS})
	return true
}

func put[V any](in map[Key]map[uint64]V, key Key, account uint64, v V) {
	if in[key] == nil {
		in[key] = map[uint64]V{}
	}
	in[key][account] = v
}

// Pending tells how many requests the next round has.
func (g *Grantor) Pending() (n int) {
	for _, of := range g.pending {
		n += len(of)
	}
	return n
}

// Tally is what a round came to, in clicks.
type Tally struct {
	Granted, Returned int64
}

// Round makes the books that the pending requests change of those that book returns, which must be the ones that were committed last;
// a book that is not there yet is one of its key alone, and of one that cannot be read nothing is changed. The result is in order of key. It changes nothing in the Grantor, so that
// it can be repeated when another one was faster; Done ends the round.
func (g *Grantor) Round(nowMS int64, book func(Key) (Book, error)) (changed []Book, sum Tally) {
	keys := slices.SortedFunc(maps.Keys(g.pending),
		func(a, b Key) int { return cmp.Or(cmp.Compare(a.Offer, b.Offer), cmp.Compare(a.Day, b.Day)) })
	for _, key := range keys {
		b, err := book(key)
		if err != nil {
			continue
		}
		b = b.Clone()
		if of, ok := g.settleAndGrant(&b, g.pending[key], nowMS); ok {
			changed, sum = append(changed, b), Tally{sum.Granted + of.Granted, sum.Returned + of.Returned}
		}
	}
	return changed, sum
}

// settleAndGrant books all that comes back before it hands anything out.
func (g *Grantor) settleAndGrant(b *Book, requests map[uint64]wish, nowMS int64) (sum Tally, changed bool) {
	accounts := slices.Sorted(maps.Keys(requests))
	before := b.Committed()
	for _, id := range accounts {
		r := requests[id]
		changed = b.settle(&r.Request) || changed
	}
	sum.Returned = max(before-b.Committed(), 0)
	weights, all := g.weights(b, nowMS)
	for _, id := range accounts {
		r := requests[id]
		if nowMS-r.atMS > staleMS {
			continue
		}
		if n := b.grant(&r.Request, shareOf(r.Cap-b.Committed(), weights[id], all), func(id uint64) bool { return g.silent(b.Key, id, nowMS) }); n > 0 {
			sum.Granted, changed = sum.Granted+n, true
		}
	}
	return sum, changed
}

// shareOf is what one of several edges gets of the clicks that are left: half of its part by its rate. So there is always something for
// the next one, and what an edge holds that does not need it is the smaller the fewer are left.
func shareOf(left, weight, all int64) int64 {
	if left <= 0 || all <= 0 {
		return 0
	}
	return int64(float64(left) * float64(weight) / float64(2*all))
}

// weights are the rates of those who were heard of lately, each one more so that nobody has none.
func (g *Grantor) weights(b *Book, nowMS int64) (of map[uint64]int64, all int64) {
	of = map[uint64]int64{}
	for id, h := range g.heard[b.Key] {
		if a := b.Account(id); nowMS-h.atMS > listenMS || a != nil && a.Closed {
			continue
		}
		of[id] = h.rate + 1
		all += h.rate + 1
	}
	return of, all
}

// silent tells of an account that nobody seems to use; of none before this grantor has listened for long enough.
func (g *Grantor) silent(key Key, id uint64, nowMS int64) bool {
	return nowMS-g.since > 2*listenMS && nowMS-g.heard[key][id].atMS > 2*listenMS
}

// Done ends a round whose changes are committed, and forgets who was not heard of for long.
func (g *Grantor) Done(nowMS int64) {
	clear(g.pending)
	for key, of := range g.heard {
		maps.DeleteFunc(of, func(_ uint64, h heard) bool { return nowMS-h.atMS > 2*listenMS })
		if len(of) == 0 {
			delete(g.heard, key)
		}
	}
}
