package lease

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// How much an edge asks for. None of it is needed for a cap to be exact.
const (
	// holdFor is for how long of its own clicks an edge holds leases: so long it needs no grantor.
	holdFor = 30 * time.Second
	// holdForNearEnd is the same when fewer clicks are left than the cap divided by nearEnd.
	holdForNearEnd = 2 * time.Second
	nearEnd        = 64
	// An edge holds the cap divided by standing of an offer that gets no clicks, from 1 to maxStanding, so that the first one finds a
	// lease.
	standing, maxStanding = 256, 256
	// An edge holds no more than the cap divided by maxPart, but for holdForNearEnd: so much is lost with one that is killed.
	maxPart = 16
	// idleAfter is how long no click must have come for an edge to give all back, near the end.
	idleAfter = 10 * time.Second
	// ahead is how long before midnight an edge asks for the next day.
	ahead = time.Minute
	// firstPause and lastPause are how long it waits for an answer before it asks again.
	firstPause, lastPause = time.Second, 8 * time.Second
	// rise and fall are the times in which the measured rate follows one that went up, or down, by 63 %.
	rise, fall = 5 * time.Second, time.Minute
)

// An Offer is what an edge's catalog says of an offer with a cap.
type Offer struct {
	ID   uint32
	Cap  int64 // clicks a day
	Zone *time.Location
}

// A Desk is where one edge asks for leases, hears of them and gives them back: all but the click's own part, [Held]. A Desk is of one
// start of the edge and keeps nothing on the disk: what a killed edge held counts as used.
type Desk struct {
	mu     sync.Mutex
	offers map[uint32]*holding
	draw   func() uint64
	closed bool
}

// holding is what the desk knows of one offer.
type holding struct {
	held  Held
	offer Offer
	// accounts are of two days, in the order of Held.slots.
	accounts [2]account
	// rate and lately are clicks per second, lately without the slow fall.
	rate, lately float64
	tickedMS     int64
	clickedMS    int64 // when one came last
	missed       uint64
}

// account is this start's part of one book.
type account struct {
	day               uint32
	id                uint64 // 0: none is opened
	granted, returned int64
	acknowledged      int64 // of returned, by the book
	closed            bool  // the book says so
	used              int64 // at the last tick
	upto              int64 // what was asked for last
	// known: a book was heard of; then committed is what it says in all, and revision is its own.
	known     bool
	committed int64
	revision  int64
	askedMS   int64
	pause     time.Duration
	news      bool // a book was heard of since askedMS
	// quiet: what it held for nobody it gave back for others. It asks for no such part again before a click comes.
	quiet bool
}

// NewDesk returns a desk without offers. draw returns random IDs of accounts; nil for Go's own.
func NewDesk(draw func() uint64) *Desk {
	if draw == nil {
		draw = rand.Uint64
	}
	return &Desk{offers: map[uint32]*holding{}, draw: draw}
}

// Declare takes over the caps of a catalog. What is held of an offer that has none any more is given back.
func (d *Desk) Declare(offers []Offer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, h := range d.offers {
		h.offer.Cap = 0
	}
	for _, o := range offers {
		h := d.offers[o.ID]
		if h == nil {
			h = &holding{}
			d.offers[o.ID] = h
		}
		h.offer = o
	}
}

// Held returns what the clicks of an offer take from; nil for an offer that was never declared.
func (d *Desk) Held(offer uint32) *Held {
	d.mu.Lock()
	defer d.mu.Unlock()
	if h := d.offers[offer]; h != nil {
		return &h.held
	}
	return nil
}

// Hear takes in a book as it was committed at a revision of `control`. The same one again, or an earlier one, gives nothing.
func (d *Desk) Hear(b *Book, revision int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	h := d.offers[b.Offer]
	if h == nil {
		return
	}
	a := &h.accounts[b.Day&1]
	if a.day != b.Day || a.id == 0 {
		return
	}
	if !a.known || revision > a.revision {
		a.known, a.committed, a.revision, a.news = true, b.Committed(), revision, true
	}
	mine := b.Account(a.id)
	if mine == nil {
		return
	}
	if more := mine.Granted - a.granted; more > 0 {
		a.granted = mine.Granted
		if d.closed {
			a.returned += more
		} else {
			h.held.add(b.Day, more, true)
		}
	}
	a.acknowledged, a.closed = max(a.acknowledged, mine.Returned), a.closed || mine.Closed
}

// Tick measures what the clicks took since the last one and returns what is to be asked for, given back or said again. It wants to be
// called several times a second. nowMS is Unix ms.
func (d *Desk) Tick(nowMS int64) (requests []Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, h := range d.offers {
		if d.closed {
			requests = h.leave(requests, nowMS)
			continue
		}
		if h.offer.Cap == 0 && h.over(nowMS) {
			delete(d.offers, id)
			continue
		}
		h.open(nowMS, d.draw)
		h.measure(nowMS)
		for i := range h.accounts {
			requests = h.ask(requests, &h.accounts[i], nowMS)
		}
	}
	slices.SortFunc(requests, func(a, b Request) int { return cmp.Or(cmp.Compare(a.Offer, b.Offer), cmp.Compare(a.Day, b.Day)) })
	return requests
}

// Close takes what is left away from the clicks; Tick gives it back from then on, until Settled.
func (d *Desk) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	for _, h := range d.offers {
		for i := range h.accounts {
			h.giveBack(&h.accounts[i], 0)
			h.accounts[i].askedMS = 0
		}
	}
}

// Settled tells, after Close, whether the books have all that is given back.
func (d *Desk) Settled() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, h := range d.offers {
		for i := range h.accounts {
			if a := &h.accounts[i]; a.id != 0 && (a.granted > 0 || a.upto > 0) && (!a.closed || a.acknowledged < a.returned) {
				return false
			}
		}
	}
	return true
}

// Unsettled is, after Close, how many clicks are given back that the books do not have yet.
func (d *Desk) Unsettled() (clicks int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, h := range d.offers {
		for i := range h.accounts {
			clicks += h.accounts[i].returned - h.accounts[i].acknowledged
		}
	}
	return clicks
}

// Sums is what an edge holds of all offers.
type Sums struct {
	// Held is in clicks, of all days.
	Held int64
	// Missed counts the clicks that found no lease.
	Missed uint64
	// Unanswered is how many accounts have asked for some ten seconds and heard nothing.
	Unanswered int
}

// Sums returns what is held.
func (d *Desk) Sums() (s Sums) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, h := range d.offers {
		s.Missed += h.held.missed.Load()
		for i := range h.accounts {
			a := &h.accounts[i]
			s.Held += h.held.left(a.day)
			if h.unanswered(a) {
				s.Unanswered++
			}
		}
	}
	return s
}

// unanswered tells of an account that has asked for long, of a book with clicks left, as far as it knows.
func (h *holding) unanswered(a *account) bool {
	return a.id != 0 && !a.news && a.pause >= lastPause && (!a.known || a.committed < h.offer.Cap)
}

// over tells of an offer without a cap that nothing is to be said about any more.
func (h *holding) over(nowMS int64) bool {
	for i := range h.accounts {
		a := &h.accounts[i]
		if a.id != 0 && a.acknowledged < a.returned+h.held.left(a.day) && nowMS < (Key{h.offer.ID, a.day}).End() {
			return false
		}
	}
	return true
}

// open opens the accounts of today and, shortly before midnight, of tomorrow.
func (h *holding) open(nowMS int64, draw func() uint64) {
	if h.offer.Cap == 0 {
		return
	}
	today, next := Day(nowMS, h.offer.Zone), Day(nowMS+ahead.Milliseconds(), h.offer.Zone)
	for _, day := range [2]uint32{today, next} {
		a := &h.accounts[day&1]
		if a.id != 0 && (a.day == day || a.day == today) {
			continue
		}
		*a = account{day: day}
		for a.id == 0 {
			a.id = draw()
		}
	}
}

// measure brings the rates up to date.
func (h *holding) measure(nowMS int64) {
	clicks := int64(0)
	for i := range h.accounts {
		a := &h.accounts[i]
		used := a.granted - a.returned - h.held.left(a.day)
		if used > a.used {
			clicks += used - a.used
		}
		a.used = used
	}
	missed := h.held.missed.Load()
	clicks += int64(missed - h.missed)
	h.missed = missed
	if clicks > 0 {
		h.clickedMS = nowMS
		for i := range h.accounts {
			h.accounts[i].quiet = false
		}
	}
	since := nowMS - h.tickedMS
	if h.tickedMS == 0 || since <= 0 {
		h.tickedMS = nowMS
		return
	}
	h.tickedMS = nowMS
	h.rate = follow(h.rate, clicks, since, fall)
	h.lately = follow(h.lately, clicks, since, rise)
}

// follow moves a rate, in clicks per second, towards what came in the last sinceMS.
func follow(rate float64, clicks, sinceMS int64, down time.Duration) float64 {
	now, within := float64(clicks)*1000/float64(sinceMS), rise
	if now < rate {
		within = down
	}
	return rate + (now-rate)*(1-math.Exp(-float64(sinceMS)/float64(within.Milliseconds())))
}

// giveBack takes all but keep clicks of the account's day from the clicks to come. More than the account was granted is held when a clock
// jumped ahead and back: it counts as used.
func (h *holding) giveBack(a *account, keep int64) {
	a.returned = min(a.returned+h.held.takeAway(a.day, keep), a.granted)
}

// ask gives back what is too much and appends what is to be said of an account.
func (h *holding) ask(requests []Request, a *account, nowMS int64) []Request {
	if a.id == 0 {
		return requests
	}
	has, wants := h.held.left(a.day), h.wants(a, nowMS)
	left := h.offer.Cap - a.committed
	switch {
	case a.known && left < 0: // the cap was lowered below what is granted: nobody keeps anything, then the rest is shared anew
		h.giveBack(a, 0)
		wants = 0
	case has > 2*wants && (wants > 0 || a.known && h.near(left) || h.offer.Cap == 0):
		h.giveBack(a, wants)
		a.quiet = wants == 0
	case has*2 >= wants:
		wants = 0
	}
	upto := int64(0)
	if has = h.held.left(a.day); wants > has {
		upto = a.granted + wants - has
	}
	if a.upto = max(a.upto, upto); upto == 0 && a.returned == a.acknowledged {
		a.pause = 0
		return requests
	}
	if a.askedMS != 0 && nowMS-a.askedMS < h.patience(a, left).Milliseconds() && nowMS >= a.askedMS {
		return requests
	}
	a.pause = min(max(2*a.pause, firstPause), lastPause)
	if a.news {
		a.pause = firstPause
	}
	a.askedMS, a.news = nowMS, false
	return append(requests, h.request(a, upto, false))
}

// patience is how long after a question the next one may come.
func (h *holding) patience(a *account, left int64) time.Duration {
	switch {
	case a.known && left <= 0 && a.returned == a.acknowledged:
		return lastPause // there is nothing, and a book says when there is
	case a.news:
		return 0
	}
	return a.pause
}

func (h *holding) request(a *account, upto int64, closed bool) Request {
	return Request{Key: Key{h.offer.ID, a.day}, Account: a.id, Cap: h.offer.Cap, Granted: a.granted, Returned: a.returned, Upto: upto,
		Rate: min(int64(h.rate*1000), maxClicks), Closed: closed}
}

// near tells that few clicks are left of the day.
func (h *holding) near(left int64) bool { return left*nearEnd < h.offer.Cap }

// wants is how many clicks of the account's day the edge would like to hold.
func (h *holding) wants(a *account, nowMS int64) int64 {
	limit := h.offer.Cap
	if limit == 0 || a.quiet || nowMS >= (Key{h.offer.ID, a.day}).End() {
		return 0
	}
	if a.known && h.near(limit-a.committed) {
		if nowMS-h.clickedMS > idleAfter.Milliseconds() {
			return 0
		}
		return int64(math.Ceil(h.lately * holdForNearEnd.Seconds()))
	}
	least := min(max(limit/standing, 1), maxStanding)
	most := max(limit/maxPart, int64(math.Ceil(h.rate*holdForNearEnd.Seconds())), 1)
	return min(max(int64(math.Ceil(h.rate*holdFor.Seconds())), least), most, limit)
}

// leave says that the edge stops, until the book has it.
func (h *holding) leave(requests []Request, nowMS int64) []Request {
	for i := range h.accounts {
		a := &h.accounts[i]
		if a.id == 0 || a.granted == 0 && a.upto == 0 || a.closed && a.acknowledged == a.returned {
			continue
		}
		if a.askedMS == 0 || a.news || nowMS-a.askedMS >= firstPause.Milliseconds() {
			a.askedMS, a.news = nowMS, false
			requests = append(requests, h.request(a, 0, true))
		}
	}
	return requests
}
