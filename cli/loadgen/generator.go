package loadgen

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"tributary/cli/loadgen/useragents"
	"tributary/schemas/id"
)

// Options are what a run is made of. Shares are parts of 1.
type Options struct {
	// Seed chooses the traffic. 0 is a seed like any other.
	Seed uint64
	// Salt makes the transaction IDs of this run its own; drawn at random when empty.
	Salt string
	// Clicks is how many clicks are made, not counting re-sent and refused ones; 0 goes on for ever.
	Clicks int
	// Postbacks is how many postback requests are made in all, re-sent, orphaned and refused ones among them; 0 makes as many
	// as the offers' rates say.
	Postbacks int

	// Parts of Postbacks: sent twice; sent before their click; refused at the edge; with a foreign ID that no click has; more
	// than WindowMS after their click.
	Duplicates, Early, Malformed, Orphans, TooLate float64
	// Parts of Clicks: sent twice; refused; through the campaign's link instead of the API; with another tracker's ID.
	DuplicateClicks, BadClicks, Links, Foreign float64
	// Parts of the showings that the campaigns' CTR stand for, and of the presses that their PressRate stand for, that are sent: 0 sends
	// none, 1 all. With presses, half of the clicks of a campaign with a landing page come through its link, unless Links is 0.
	Impressions, Presses float64

	// End is the newest event time; Span is the event time that the clicks are spread over, or each thousand of a run without
	// an end. The clicks stop maxDelay before End.
	End  time.Time
	Span time.Duration
	// WindowMS is the system's lookback window; 0 makes no conversion too late.
	WindowMS int64
	// Rate is the clicks a second that the run aims at: the number of shared carrier addresses follows it, so that an honest
	// address stays below what a person does in a minute.
	Rate int
}

// DefaultOptions are the shares that the pipeline test is held to.
func DefaultOptions() Options {
	return Options{
		Seed: 1, Duplicates: .05, Early: .02, Malformed: .01, Orphans: .005, TooLate: .003,
		DuplicateClicks: .01, BadClicks: .002, Links: .05, Foreign: .004,
		End: time.Now(), Span: 6 * time.Hour, Rate: 5000,
	}
}

const (
	// maxDelay bounds the time from a click to its last postback.
	maxDelay = 36 * time.Hour
	// maxLinkDelay bounds it for clicks through the link: their time is now, and a conversion must not lie far in the future.
	maxLinkDelay = 2 * time.Hour
	// earlySteps is how many steps a click comes after its early postback.
	earlySteps = 400
	// maxEarlyMS bounds the event time that this takes when the clicks are few.
	maxEarlyMS = 5 * 60 * 1000
	// endlessSpanClicks is how many clicks of an endless run are spread over Span.
	endlessSpanClicks = 1000
	// recentClicks is how many clicks without conversion are kept to make up the number of postbacks asked for.
	recentClicks = 4096
)

// A Generator is a seeded sequence of steps. It belongs to one goroutine.
type Generator struct {
	scenario *Scenario
	options  Options
	random   *rand.Rand
	// visitors draws what funnel makes.
	visitors *rand.Rand
	funnel   funnel
	ring     *id.Keyring
	minter   *id.Minter
	// old mints the IDs of clicks before the window.
	old *id.Minter

	campaigns, sources *weighted[int]
	agents             weighted[useragents.Profile]
	addresses          *addresses
	countries          map[*Campaign]*weighted[string]

	// clickMS is the next click's event time; stepMS the time between two.
	clickMS, stepMS float64
	clicks          int
	queue           agenda
	order           int
	recent          []*Click

	// made counts scheduled genuine postbacks, sent every postback request that was a step.
	made, sent           int
	postbacks            int
	transactions         int
	dues                 map[string]*due
	malformedNext        int
	badClickNext         int
	fraudTxIDs           []string
	nowMS                int64
	genuineShare, pacing float64
}

// due spreads a share of a sequence evenly: fire answers true for exactly that share of its calls, to within one.
type due struct{ share, sum float64 }

func (d *due) fire() bool {
	d.sum += d.share
	return d.take()
}

func (d *due) take() bool {
	if d.sum < 1 {
		return false
	}
	d.sum--
	return true
}

// NewGenerator makes the generator of a scenario. Its error names the option that makes no sense.
func NewGenerator(scenario *Scenario, options Options) (*Generator, error) {
	ring, err := id.NewKeyring(scenario.KeyID, map[uint8][]byte{scenario.KeyID: scenario.key()})
	if err != nil {
		return nil, fmt.Errorf("making the keyring: %w", err)
	}
	other := options.Duplicates + options.Malformed + options.Orphans
	if other >= 1 || options.Duplicates < 0 || options.Malformed < 0 || options.Orphans < 0 || options.Early < 0 || options.TooLate < 0 {
		return nil, fmt.Errorf("the shares of duplicate, malformed and orphaned postbacks are %.2f together; they must be from 0 to below 1", other)
	}
	if options.Span <= 0 {
		return nil, fmt.Errorf("the span of the clicks is %v; it must be positive", options.Span)
	}
	if options.Clicks == 0 && options.Postbacks > 0 {
		return nil, fmt.Errorf("a number of postbacks (%d) needs a number of clicks", options.Postbacks)
	}
	seed := options.Seed
	if options.Salt == "" {
		options.Salt = fmt.Sprintf("%08x", rand.Uint32())
	}
	g := &Generator{
		scenario: scenario, options: options, ring: ring, minter: id.NewMinter(), old: id.NewMinter(),
		random: rand.New(rand.NewPCG(seed, seed^0x9e3779b97f4a7c15)), genuineShare: 1 - other, pacing: 1,
		visitors: rand.New(rand.NewPCG(seed, seed^0xc2b2ae3d27d4eb4f)),
	}
	g.campaigns, g.sources = newZipf(len(scenario.Campaigns), .9), newZipf(len(scenario.Sources), .8)
	for _, p := range useragents.All() {
		g.agents.add(p, p.Weight)
	}
	countries := map[string]bool{}
	g.countries = map[*Campaign]*weighted[string]{}
	for i := range scenario.Campaigns {
		c := &scenario.Campaigns[i]
		w := &weighted[string]{}
		for _, share := range c.Countries {
			w.add(share.Country, share.Weight)
			countries[share.Country] = true
		}
		g.countries[c] = w
	}
	// A quarter of the clicks share addresses, spread over the countries; 15 a minute is an honest address's fair share.
	g.addresses = newAddresses(g.random, countries, max(64, options.Rate*60/4/15/4))
	perClick := 1 / float64(endlessSpanClicks)
	if options.Clicks > 0 {
		perClick = 1 / float64(options.Clicks)
	}
	g.stepMS = float64(options.Span.Milliseconds()) * perClick
	g.clickMS = float64(options.End.Add(-maxDelay - options.Span).UnixMilli())
	g.dues = map[string]*due{
		"duplicate": {share: options.Duplicates / g.genuineShare}, "malformed": {share: options.Malformed / g.genuineShare},
		"orphan": {share: options.Orphans / g.genuineShare}, "early": {share: options.Early / g.genuineShare},
		"late":        {share: options.TooLate / g.genuineShare},
		"click again": {share: options.DuplicateClicks}, "bad click": {share: options.BadClicks},
	}
	if err := g.prepareFunnel(); err != nil {
		return nil, err
	}
	for i := range 20 {
		g.fraudTxIDs = append(g.fraudTxIDs, fmt.Sprintf("T-%s-%04d", options.Salt, i))
	}
	return g, nil
}

// Total is how many steps a bounded run has, refused and re-sent clicks, impressions and presses among them; 0 for an unbounded one. Without a number
// of postbacks it counts the clicks only.
func (g *Generator) Total() int {
	n := float64(g.options.Clicks)
	return int(n+n*g.options.DuplicateClicks+n*g.options.BadClicks+n*g.funnel.perClick) + g.options.Postbacks
}

// Finish ends a run early: what is left are the clicks that a postback was sent before, and the presses after what was sent.
func (g *Generator) Finish() {
	g.options.Clicks = max(1, g.clicks)
	g.options.Postbacks = 0
	g.dropPostbacks()
}

// Next returns the next step; false when a bounded run is over.
func (g *Generator) Next() (Step, bool) {
	if len(g.funnel.ahead) > 0 {
		return g.takeAhead(), true
	}
	step, more := g.next()
	if more && step.Click != nil && !step.Again {
		step = g.around(step)
	}
	return step, more
}

func (g *Generator) next() (Step, bool) {
	for {
		if g.options.Postbacks > 0 && g.sent == g.options.Postbacks {
			g.dropPostbacks()
		}
		unborn := g.options.Clicks == 0 || g.clicks < g.options.Clicks
		clickAt := g.clickMS
		if len(g.queue) > 0 && (!unborn || g.queue[0].at <= clickAt) {
			item := heap.Pop(&g.queue).(*agendaItem)
			g.nowMS = max(g.nowMS, int64(item.at))
			return g.emit(item.step), true
		}
		if unborn {
			return g.bornStep(clickAt), true
		}
		if g.options.Postbacks > g.sent && len(g.recent) > 0 {
			g.journey(g.takeRecent())
			continue
		}
		return Step{}, false
	}
}

func (g *Generator) emit(s Step) Step {
	if s.Postback == nil {
		if c := s.Click; c != nil && !s.Again && g.dues["click again"].fire() && !c.Link && !c.late {
			again := s
			again.Again = true
			g.schedule(again, g.nowMS+int64(1+g.random.IntN(60_000)))
		}
		return s
	}
	g.sent++
	if s.Again || s.Postback.Refusal != "" || s.Postback.Orphan {
		return s
	}
	if g.dues["duplicate"].fire() {
		again := s
		again.Again = true
		g.schedule(again, g.nowMS+int64(1+g.random.IntN(20_000)))
	}
	if g.dues["malformed"].fire() {
		g.schedule(g.malformed(s.Postback), g.nowMS)
	}
	if g.dues["orphan"].fire() {
		g.schedule(g.orphan(s.Postback), g.nowMS)
	}
	return s
}

// dropPostbacks forgets what would exceed the number asked for; held clicks stay.
func (g *Generator) dropPostbacks() {
	kept := g.queue[:0]
	for _, item := range g.queue {
		if item.step.Postback == nil {
			kept = append(kept, item)
		}
	}
	g.queue = kept
	heap.Init(&g.queue)
}

func (g *Generator) schedule(s Step, atMS int64) {
	g.order++
	heap.Push(&g.queue, &agendaItem{at: float64(atMS), order: g.order, step: s})
}

// bornStep makes the next click, and the conversions that will follow it.
func (g *Generator) bornStep(atMS float64) Step {
	g.nowMS = int64(atMS)
	if g.dues["bad click"].fire() {
		return g.emit(g.badClick())
	}
	g.clicks++
	c := g.click(int64(atMS))
	g.clickMS += g.stepMS
	if g.options.Clicks == 0 {
		// A run without an end must not overtake the clock: its last conversions would lie in the future.
		g.clickMS = min(g.clickMS, float64(time.Now().Add(-maxDelay).UnixMilli()))
	}
	step := Step{Click: c, lane: uint64(c.Number)}
	if g.options.Postbacks > 0 {
		// Steer towards the number asked for: the offers' own rates say only what goes where.
		wanted := float64(g.options.Postbacks) * g.genuineShare * float64(g.clicks) / float64(max(1, g.options.Clicks))
		g.pacing = 1.6
		if float64(g.made) > wanted+20 {
			g.pacing = .4
		}
	}
	rate := c.Offer.Rate * g.pacing
	if c.Source.Fraud {
		rate *= 2.5
	}
	if c.late {
		rate = 1
	}
	if g.random.Float64() >= rate {
		g.remember(c)
		return g.emit(step)
	}
	first, holdMS := g.journey(c)
	if first != nil {
		// The click waits; its postback goes first.
		g.schedule(step, g.nowMS+min(int64(g.stepMS*earlySteps)+1, maxEarlyMS, holdMS))
		return g.emit(*first)
	}
	return g.emit(step)
}

func (g *Generator) remember(c *Click) {
	if c.Link || c.Source.Fraud {
		return
	}
	if len(g.recent) < recentClicks {
		g.recent = append(g.recent, c)
		return
	}
	g.recent[c.Number%recentClicks] = c
}

func (g *Generator) takeRecent() *Click {
	c := g.recent[len(g.recent)-1]
	g.recent = g.recent[:len(g.recent)-1]
	return c
}

// delay draws a log-normal time of the offer, from one second to bound.
func (g *Generator) delay(o *Offer, bound time.Duration) int64 {
	ms := float64(o.Delay.Milliseconds()) * math.Exp(o.Sigma*g.random.NormFloat64())
	return int64(min(max(ms, 15_000), float64(bound.Milliseconds())))
}

// later draws a log-normal time around a median.
func (g *Generator) later(median time.Duration) int64 {
	return int64(float64(median.Milliseconds()) * math.Exp(.7*g.random.NormFloat64()))
}

type agendaItem struct {
	at    float64
	order int
	step  Step
}

// agenda is what is to come, by event time, then by the order of scheduling.
type agenda []*agendaItem

var _ heap.Interface = (*agenda)(nil)

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	if a[i].at != a[j].at {
		return a[i].at < a[j].at
	}
	return a[i].order < a[j].order
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(*agendaItem)) }
func (a *agenda) Pop() any {
	last := len(*a) - 1
	item := (*a)[last]
	(*a)[last] = nil
	*a = (*a)[:last]
	return item
}
