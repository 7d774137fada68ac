package lease

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// The simulation plays edges, grantors, a request topic and a log of committed books in virtual time. Messages are lost, late, repeated
// and out of order; edges and grantors are killed, cut off and replaced; two grantors may both think that it is their turn.

const (
	stepMS  = 100
	settled = 6 * 60_000 // at most, until a cap with enough demand is reached
)

// committed is one entry of the log.
type committed struct {
	id    string
	value []byte
}

type letter struct {
	atMS   int64
	record []byte
}

type world struct {
	t      *testing.T
	rng    *rand.Rand
	nowMS  int64
	log    []committed
	books  map[Key]Book
	topic  [][]byte // as the grantors read it
	mail   []letter // on its way to the topic
	edges  []*simEdge
	grants []*simGrantor
	offers []simOffer
	calm   bool
	// changedMS is when a cap was changed last.
	changedMS int64
	used      map[Key]int64
	// commits counts transactions of grantors.
	commits int
}

type simOffer struct {
	zone *time.Location
	cap  int64 // newest
	// caps that some edge may still have, or a request on its way: with when they ended.
	old []oldCap
}

type oldCap struct{ cap, untilMS int64 }

// inForce is how long a cap that was replaced may still be granted by: messages that are on their way.
const inForce = 120_000

func (o *simOffer) highest(nowMS int64) int64 {
	high := o.cap
	for _, c := range o.old {
		if nowMS < c.untilMS {
			high = max(high, c.cap)
		}
	}
	return high
}

type simEdge struct {
	desk     *Desk
	number   int
	read     int   // of the log
	cutUntil int64 // from Kafka
	downTill int64 // 0: alive
	caps     []int64
	rates    []float64 // clicks per second, by offer
	leaving  int64     // when it is gone; 0 for not
	took     []Key     // lately, for those that are not accepted after all
	// minted is the accounts of the desk that is alive.
	minted map[uint64]bool
}

type simGrantor struct {
	g        *Grantor
	read     int
	past     int // of the topic: what is before was there when this one began
	active   bool
	cutUntil int64
	// waiting is a round that was computed at a revision and is not committed yet.
	waiting  []Book
	revision int
	dueMS    int64
}

var zones = func() (list []*time.Location) {
	for _, name := range []string{"UTC", "Europe/Berlin", "America/Los_Angeles", "Asia/Kolkata"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			panic(err)
		}
		list = append(list, zone)
	}
	return list
}()

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, rng: rand.New(rand.NewPCG(seed, 7)), books: map[Key]Book{}, used: map[Key]int64{}}
	for range 1 + w.rng.IntN(3) {
		w.offers = append(w.offers, simOffer{zone: zones[w.rng.IntN(len(zones))], cap: w.someCap()})
	}
	// Shortly before midnight of the first offer, most of the time.
	midnight := time.Date(2026, 3, 28+w.rng.IntN(3), 0, 0, 0, 0, w.offers[0].zone)
	w.nowMS = midnight.UnixMilli() - int64(w.rng.IntN(180_000))
	for i := range 1 + w.rng.IntN(6) {
		e := &simEdge{number: i}
		w.start(e)
		w.edges = append(w.edges, e)
	}
	for range 1 + w.rng.IntN(3) {
		w.grants = append(w.grants, &simGrantor{g: NewGrantor(w.nowMS)})
	}
	w.grants[0].active = true
	return w
}

func (w *world) someCap() int64 {
	switch w.rng.IntN(4) {
	case 0:
		return 1 + w.rng.Int64N(5)
	case 1:
		return 1 + w.rng.Int64N(100)
	}
	return 1 + w.rng.Int64N(5000)
}

// start is an edge's start: it has forgotten everything, and reads the log from its beginning.
func (w *world) start(e *simEdge) {
	e.minted = map[uint64]bool{}
	minted := e.minted
	e.desk = NewDesk(func() uint64 { id := w.rng.Uint64(); minted[id] = true; return id })
	e.read, e.leaving, e.downTill, e.took = 0, 0, 0, nil
	e.rates = make([]float64, len(w.offers))
	for i := range e.rates {
		e.rates[i] = w.someRate()
	}
	w.declare(e)
}

func (w *world) declare(e *simEdge) {
	e.caps = e.caps[:0]
	var list []Offer
	for i, o := range w.offers {
		e.caps = append(e.caps, o.cap)
		list = append(list, Offer{ID: uint32(i + 1), Cap: o.cap, Zone: o.zone})
	}
	e.desk.Declare(list)
}

func (w *world) someRate() float64 {
	switch w.rng.IntN(4) {
	case 0:
		return 0
	case 1:
		return w.rng.Float64() / 10
	case 2:
		return w.rng.Float64() * 5
	}
	return w.rng.Float64() * 100
}

func (w *world) chance(p float64) bool { return !w.calm && w.rng.Float64() < p }

func (w *world) step() {
	w.nowMS += stepMS
	w.disturb()
	for _, e := range w.edges {
		w.stepEdge(e)
	}
	kept := w.mail[:0]
	for _, l := range w.mail {
		if l.atMS > w.nowMS {
			kept = append(kept, l)
			continue
		}
		w.topic = append(w.topic, l.record)
	}
	w.mail = kept
	for _, g := range w.grants {
		w.stepGrantor(g)
	}
	w.check()
}

// disturb draws what goes wrong.
func (w *world) disturb() {
	if w.chance(0.002) {
		i := w.rng.IntN(len(w.offers))
		w.changedMS = w.nowMS
		o := &w.offers[i]
		o.old = append(o.old, oldCap{o.cap, w.nowMS + inForce})
		if o.cap = w.someCap(); w.rng.IntN(2) == 0 {
			o.cap = max(o.old[len(o.old)-1].cap+w.rng.Int64N(200)-100, 1)
		}
	}
	if w.chance(0.002) {
		w.nowMS += w.rng.Int64N(30_000)
	}
	if w.chance(0.0005) { // nights in which nothing happens: the same slot is another day's
		night := 12*60*60_000 + w.rng.Int64N(48*60*60_000)
		w.nowMS, w.changedMS = w.nowMS+night, w.changedMS+night
		for i := range w.offers { // and no message is read
			for j := range w.offers[i].old {
				w.offers[i].old[j].untilMS += night
			}
		}
	}
	for _, e := range w.edges {
		switch {
		case e.downTill != 0:
			if w.nowMS >= e.downTill {
				w.start(e)
			}
		case w.chance(0.001): // killed
			e.downTill = w.nowMS + w.rng.Int64N(20_000)
		case w.chance(0.001) && e.leaving == 0:
			e.desk.Close()
			e.leaving = w.nowMS + w.rng.Int64N(4000)
		case e.leaving != 0 && w.nowMS >= e.leaving:
			e.downTill = w.nowMS + w.rng.Int64N(5000)
		case w.chance(0.003):
			e.cutUntil = w.nowMS + w.rng.Int64N(40_000)
		}
		// A catalog reaches each edge in its own time, within a quarter of inForce.
		if e.leaving == 0 && (w.rng.IntN(100) == 0 || w.nowMS-w.changedMS > inForce/4) {
			w.declare(e)
		}
		if w.chance(0.01) {
			e.rates[w.rng.IntN(len(e.rates))] = w.someRate()
		}
	}
	for i, g := range w.grants {
		switch {
		case w.chance(0.002): // killed, amid whatever it did
			w.grants[i] = &simGrantor{g: NewGrantor(w.nowMS), read: w.rng.IntN(len(w.topic) + 1), past: len(w.topic),
				active: g.active && w.rng.IntN(2) == 0}
		case w.chance(0.002):
			g.cutUntil = w.nowMS + w.rng.Int64N(20_000)
		case w.chance(0.005):
			w.grants[i] = &simGrantor{g: NewGrantor(w.nowMS), read: g.read, past: len(w.topic), active: !g.active}
		}
	}
}

func (w *world) stepEdge(e *simEdge) {
	if e.downTill != 0 {
		return
	}
	if e.leaving == 0 {
		for i, rate := range e.rates {
			for n := w.poisson(rate * stepMS / 1000); n > 0; n-- {
				key := Key{uint32(i + 1), Day(w.nowMS, w.offers[i].zone)}
				if e.desk.Held(key.Offer).Take(key.Day) {
					w.used[key]++
					e.took = append(e.took, key)
				}
			}
		}
	}
	if n := len(e.took); n > 0 && w.chance(0.02) { // one was not accepted after all
		key := e.took[n-1]
		w.used[key]--
		e.desk.Held(key.Offer).GiveBack(key.Day)
		e.took = nil
	}
	cut := w.nowMS < e.cutUntil
	for n := w.rng.IntN(20); n > 0 && e.read < len(w.log) && !cut; n-- {
		w.hear(e, e.read)
		e.read++
	}
	if e.read > 0 && w.chance(0.05) { // once more, or something old
		w.hear(e, w.rng.IntN(e.read))
	}
	if w.rng.IntN(2) == 0 {
		return
	}
	requests := e.desk.Tick(w.nowMS)
	if len(requests) == 0 {
		return
	}
	record, err := EncodeRequests(requests)
	if err != nil {
		w.t.Fatal(err)
	}
	if cut || w.chance(0.02) {
		return // lost
	}
	for times := 1; times > 0; times-- {
		late := w.rng.Int64N(300)
		if w.chance(0.05) {
			late = w.rng.Int64N(5000)
		}
		w.mail = append(w.mail, letter{w.nowMS + late, record})
		if w.chance(0.05) {
			times++
		}
	}
}

func (w *world) hear(e *simEdge, i int) {
	b, err := Decode(w.log[i].id, w.log[i].value)
	if err != nil {
		w.t.Fatal(err)
	}
	e.desk.Hear(&b, int64(i))
}

func (w *world) poisson(mean float64) int {
	n := int(mean)
	if w.rng.Float64() < mean-float64(n) {
		n++
	}
	return n
}

func (w *world) stepGrantor(g *simGrantor) {
	if !g.active || w.nowMS < g.cutUntil {
		return
	}
	if g.waiting != nil {
		if w.nowMS < g.dueMS {
			return
		}
		if g.revision != len(w.log) { // another was faster: it is fenced, and begins again from what is committed
			g.waiting = nil
		}
	}
	for ; g.read < len(w.topic); g.read++ {
		list, err := DecodeRequests(w.topic[g.read])
		if err != nil {
			w.t.Fatal(err)
		}
		for _, r := range list {
			g.g.Take(r, w.nowMS, g.read < g.past)
		}
	}
	if g.waiting == nil {
		changed, _ := g.g.Round(w.nowMS, func(k Key) (Book, error) {
			if b, ok := w.books[k]; ok {
				return b, nil
			}
			return Book{Key: k}, nil
		})
		if len(changed) == 0 {
			g.g.Done(w.nowMS)
			return
		}
		g.waiting, g.revision, g.dueMS = changed, len(w.log), w.nowMS
		if w.chance(0.2) {
			g.dueMS += w.rng.Int64N(2000)
			return
		}
	}
	w.commit(g.waiting)
	g.waiting = nil
	if !w.chance(0.05) { // else it does not learn that its commit came through, and grants once more
		g.g.Done(w.nowMS)
	}
}

func (w *world) commit(changed []Book) {
	w.commits++
	for _, b := range changed {
		value, err := b.Encode()
		if err != nil {
			w.t.Fatal(err)
		}
		before := w.books[b.Key]
		if b.Committed() > before.Committed() && b.Committed() > w.offers[b.Offer-1].highest(w.nowMS) {
			w.t.Fatalf("%s: the book grows from %d to %d clicks, above each cap of the last two minutes: %d", b.Key,
				before.Committed(), b.Committed(), w.offers[b.Offer-1].highest(w.nowMS))
		}
		w.books[b.Key] = b
		w.log = append(w.log, committed{b.Key.String(), value})
	}
}

// check holds what was sent against what is committed, which commit holds against the caps.
func (w *world) check() {
	for key, used := range w.used {
		b := w.books[key]
		if used > b.Committed() {
			w.t.Fatalf("%s: %d clicks were sent, and %d are granted", key, used, b.Committed())
		}
	}
}

// settle ends all faults, gives one edge or several enough demand, and waits until the caps of the day are reached.
func (w *world) settle() {
	w.calm = true
	for i, g := range w.grants {
		if g.cutUntil = 0; i > 0 || !g.active {
			w.grants[i] = &simGrantor{g: NewGrantor(w.nowMS), read: g.read, past: len(w.topic), active: i == 0}
		}
	}
	hungry := w.rng.IntN(len(w.edges))
	for _, e := range w.edges {
		e.cutUntil = 0
		if e.downTill != 0 || e.leaving != 0 {
			w.start(e)
		}
		w.declare(e)
		for i := range e.rates {
			e.rates[i] = 0
			if e.number == hungry || w.rng.IntN(3) == 0 {
				e.rates[i] = 20 + float64(w.offers[i].cap)/60
			}
		}
	}
	var open string
	for began := w.nowMS; w.nowMS < began+settled; {
		w.step()
		if open = w.unreached(); open == "" {
			return
		}
	}
	w.t.Fatal(open)
}

// unreached tells of an offer whose cap is not reached today: all is sent, but what edges hold that were killed.
func (w *world) unreached() string {
	for i, o := range w.offers {
		key := Key{uint32(i + 1), Day(w.nowMS, o.zone)}
		b, lost := w.books[key], int64(0)
		for _, a := range b.Accounts {
			alive := false
			for _, e := range w.edges {
				alive = alive || e.minted[a.ID]
			}
			if !alive {
				lost += a.Granted - a.Returned
			}
		}
		own := int64(0)
		for _, e := range w.edges {
			own += e.desk.Held(key.Offer).left(key.Day)
		}
		if b.Committed() < o.cap || own > 0 {
			return fmt.Sprintf(
				"%s: of %d clicks %d are granted, %d of them to edges that are gone; %d are held by edges that live; %d were sent in all",
				key, o.cap, b.Committed(), lost, own, w.used[key])
		}
	}
	return ""
}

// TestSimulation: no seed, whatever happens in it, sends a click above the cap, and each reaches it afterwards.
func TestSimulation(t *testing.T) {
	seeds, steps := 300, 3000
	if testing.Short() {
		seeds, steps = 40, 1500
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			w := newWorld(t, uint64(seed))
			for range steps {
				w.step()
			}
			w.settle()
		})
	}
}
