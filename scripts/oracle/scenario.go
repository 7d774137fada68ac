package oracle

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"tributary/schemas/events"
	"tributary/schemas/id"
)

// epoch is when virtual time begins.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// A Scenario is everything that will happen in one run: it depends on the seed alone.
type Scenario struct {
	Seed uint64
	Shape
	// Plane is what there is beside the inputs; nil of most.
	Plane  *Plane
	Inputs []Input
	Faults []Fault
}

// Shape is the size of the world and how its processes are configured.
type Shape struct {
	Partitions, Brokers, Processors, Sinks int
	// Deliverers and Receivers are those of an outbound scenario.
	Deliverers int
	Receivers  []Receiver
	// Start is how long after the epoch the run begins: a month's end is in the middle of some runs.
	Start time.Duration
	// Active is how long inputs come and faults strike, idle gaps included.
	Active        time.Duration
	Window, Grace time.Duration
	// Cycle is max_cycle_records, Batch batch_rows.
	Cycle, Batch  int
	BatchAge      time.Duration
	InsertTimeout time.Duration
	Session       time.Duration
	// Skews are the processes' clocks against true time: processors first, then sinks, then the edge.
	Skews []time.Duration
	// Latency is how long bytes take to and from processors and sinks; up to half more.
	Latency time.Duration
}

// An Input is one record that the edge produces.
type Input struct {
	At    time.Duration
	Topic string
	Key   string
	Value []byte
	Note  string
	// Visit or Change is what is done in place of producing a record.
	Visit  *Visit
	Change *Change
}

func (i Input) String() string {
	return fmt.Sprintf("%13.3f input    %s %s", i.At.Seconds(), i.Topic, i.Note)
}

// Kinds of faults.
const (
	faultKill       = "kill"        // a process dies at once and comes back after For
	faultLose       = "lose-disk"   // the same, and a processor's disk is gone
	faultStop       = "stop"        // an orderly stop for For
	faultFreeze     = "freeze"      // nothing goes to or from a process for For; then all of it does: a zombie
	faultSlow       = "slow"        // a process's link is slow for For
	faultBroker     = "broker-away" // one broker refuses connections for For
	faultReset      = "reset"       // every connection to one broker breaks
	faultMove       = "move"        // partitions change leaders, groups and transactions their coordinators
	faultKafka      = "kafka-error" // requests of a kind are answered by an error, Count times
	faultClickHouse = "clickhouse"  // a mishap befalls Count inserts within For
	faultAway       = "clickhouse-away"
	faultForget     = "forget-tokens" // ten thousand other inserts happen
	faultOutage     = "outage"        // every process dies, and comes back after For
	faultOld        = "old-offsets"   // for For, the processors' coordinator answers the offsets of Count seconds ago, or none
)

// A Fault strikes at a time.
type Fault struct {
	At   time.Duration
	Kind string
	// Target is a process such as p0 or s1, a broker's number, a Kafka error's name or a mishap.
	Target string
	For    time.Duration
	Count  int
	// Arg is a random number for what else is to be decided.
	Arg uint64
}

func (f Fault) String() string {
	return fmt.Sprintf("%13.3f fault    %s %s for %s count %d", f.At.Seconds(), f.Kind, f.Target, f.For, f.Count)
}

// Options leave out kinds of faults, and single inputs and faults of a failing scenario.
type Options struct {
	// Outbound: what is told to others, in place of the ledger.
	Outbound bool     `json:"outbound,omitempty"`
	Without  []string `json:"without,omitempty"`
	// Inputs and Faults are numbers of those that are left out, in order of time.
	Inputs []int `json:"inputs,omitempty"`
	Faults []int `json:"faults,omitempty"`
}

func (o Options) has(kind string) bool { return !slices.Contains(o.Without, kind) }

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func between(r *rand.Rand, low, high time.Duration) time.Duration {
	if high <= low {
		return low
	}
	return low + time.Duration(r.Int64N(int64(high-low)))
}

// minLatency keeps virtual time going while a client asks again at once, as ours does of a leader that has moved until its metadata
// are due: over a network that takes no time it would ask for ever.
const minLatency = 100 * time.Microsecond

// Generate makes the scenario of a seed.
func Generate(seed uint64, o Options) *Scenario {
	if o.Outbound {
		return generateOutbound(seed, o)
	}
	r := rand.New(rand.NewPCG(seed, 0x6f7261636c65))
	s := &Scenario{Seed: seed}
	s.Partitions, s.Brokers = 1+r.IntN(3), pick(r, 1, 1, 1, 2, 3)
	s.Processors, s.Sinks = pick(r, 1, 1, 1, 2, 2, 3), pick(r, 1, 1, 1, 1, 2, 3)
	s.Grace = time.Duration(pick(r, 90, 120, 180, 360)) * time.Second
	s.Window = pick(r, 30*time.Minute, 24*time.Hour, 30*24*time.Hour)
	s.Active = between(r, 2*time.Minute, 5*time.Minute)
	var gap time.Duration
	if r.IntN(4) == 0 {
		gap = between(r, 20*time.Minute, 4*time.Hour)
	}
	s.Start = between(r, 24*time.Hour, 20*24*time.Hour)
	if r.IntN(2) == 0 { // a month ends while it runs
		s.Start = 31*24*time.Hour - between(r, 0, s.Active)
	}
	s.Cycle, s.Batch = pick(r, 3, 20, 200, 20_000), pick(r, 5, 50, 5_000)
	s.BatchAge = pick(r, 100*time.Millisecond, 500*time.Millisecond, 5*time.Second)
	s.InsertTimeout = pick(r, 2*time.Second, 5*time.Second, 30*time.Second)
	s.Session = pick(r, 6*time.Second, 10*time.Second, 20*time.Second)
	s.Latency = pick(r, minLatency, minLatency, time.Millisecond, 10*time.Millisecond, 60*time.Millisecond)
	for range s.Processors + s.Sinks + 1 {
		skew := time.Duration(0)
		if r.IntN(2) == 0 {
			skew = between(r, -s.Grace/10, s.Grace/10)
		}
		s.Skews = append(s.Skews, skew)
	}
	g := &generator{Rand: r, s: s, gap: gap, corrections: rand.New(rand.NewPCG(seed, 0x636f7272656374)),
		bounds: rand.New(rand.NewPCG(seed, 0x626f756e6473)), pairs: rand.New(rand.NewPCG(seed, 0x7061697273)),
		several: rand.New(rand.NewPCG(seed, 0x7365766572616c)), owned: rand.New(rand.NewPCG(seed, 0x6f776e6564))}
	g.inputs()
	g.faults(o)
	if gap > 0 && r.IntN(5) > 0 {
		g.night()
	}
	if o.has(faultOld) && r.IntN(4) == 0 {
		g.oldOffsets()
	}
	g.plane(o)
	s.Active += gap
	slices.SortStableFunc(s.Inputs, func(a, b Input) int { return cmp.Compare(a.At, b.At) })
	slices.SortStableFunc(s.Faults, func(a, b Fault) int { return cmp.Compare(a.At, b.At) })
	s.Inputs, s.Faults = without(s.Inputs, o.Inputs), without(s.Faults, o.Faults)
	return s
}

func without[T any](all []T, dropped []int) []T {
	if len(dropped) == 0 {
		return all
	}
	out := make(map[int]bool, len(dropped))
	for _, i := range dropped {
		out[i] = true
	}
	var kept []T
	for i, v := range all {
		if !out[i] {
			kept = append(kept, v)
		}
	}
	return kept
}

// History is the scenario in words, in order of time.
func (s *Scenario) History() []string {
	lines := []string{fmt.Sprintf("seed %d: %+v", s.Seed, s.Shape)}
	if s.Plane != nil {
		lines = append(lines, fmt.Sprintf("%+v", *s.Plane))
	}
	inputs, faults := s.Inputs, s.Faults
	for len(inputs)+len(faults) > 0 {
		if len(faults) == 0 || len(inputs) > 0 && inputs[0].At <= faults[0].At {
			lines, inputs = append(lines, inputs[0].String()), inputs[1:]
		} else {
			lines, faults = append(lines, faults[0].String()), faults[1:]
		}
	}
	return lines
}

// pastTheEdge is an amount in micros that no edge writes: five billion units.
const pastTheEdge = 5_000_000_000 * 1_000_000

// A generator fills a scenario. Times are drawn as if there were no gap, and stretched at the end.
type generator struct {
	*rand.Rand
	s        *Scenario
	gap      time.Duration
	clicks   int
	receipts int
	txids    int
	shared   []string // transaction IDs that other clicks use too
	// corrections draws which payouts are below 0, apart from all else.
	corrections *rand.Rand
	// bounds draws what networks may do, and what was produced past the edge, apart from all else too.
	bounds *rand.Rand
	// pairs draws conversions with their corrections at a bound, apart from all else too.
	pairs *rand.Rand
	// several draws conversions of several networks on one click, and transaction IDs that come on many clicks.
	several *rand.Rand
	// owned draws what a click has of the catalog and its visit, and funnels, apart from all else.
	owned *rand.Rand
}

// stretch puts the gap into the middle of the active time.
func (g *generator) stretch(at time.Duration) time.Duration {
	at = max(0, at)
	if at > g.s.Active/2 {
		at += g.gap
	}
	return at
}

func (g *generator) emit(at time.Duration, topic, key string, value []byte, note string) {
	g.s.Inputs = append(g.s.Inputs, Input{At: at, Topic: topic, Key: key, Value: value, Note: note})
	// A retry of the edge: the same bytes again.
	if g.IntN(12) == 0 {
		g.s.Inputs = append(g.s.Inputs, Input{At: at + between(g.Rand, 0, 60*time.Second), Topic: topic, Key: key, Value: value, Note: note + " again"})
	}
}

func (g *generator) unixMS(at time.Duration) int64 {
	return epoch.Add(g.s.Start + at).UnixMilli()
}

func (g *generator) inputs() {
	n := 5 + g.IntN(40)
	for range n {
		g.journey(between(g.Rand, 0, g.s.Active))
	}
	for range g.IntN(3) { // records that are no events
		topic := pick(g.Rand, "clicks", "postbacks")
		key := fmt.Sprint("garbage", g.Uint64())
		g.emit(g.stretch(between(g.Rand, 0, g.s.Active)), topic, key, []byte{0xff, byte(g.IntN(256)), 0xff}, "garbage")
	}
}

// name is what the catalog calls a number at a time of the run. In the middle of two of three runs it is renamed: a click, and
// a postback whose click is never found, carry the name of their time; a conversion carries its click's.
func (g *generator) name(kind string, number uint32, at time.Duration) string {
	if (g.s.Seed+uint64(number))%3 != 0 && at > g.s.Active/2 {
		return fmt.Sprint("renamed-", kind, number)
	}
	return fmt.Sprint(kind, number)
}

// journey is a click and what comes of it.
func (g *generator) journey(drawn time.Duration) {
	g.clicks++
	at := g.stretch(drawn)
	foreign := g.IntN(8) == 0
	campaign, source := uint32(1+g.IntN(3)), uint32(g.IntN(3))
	eventMS := g.unixMS(at)
	clickID := nativeID(eventMS, campaign, source, uint32(g.s.Seed), uint16(g.clicks))
	if foreign {
		clickID = fmt.Sprintf("foreign-%d-%d", g.s.Seed, g.clicks)
	}
	c := &events.Click{
		ClickId: clickID, EventMs: eventMS, ReceivedMs: eventMS + int64(g.IntN(30)), CampaignId: campaign, Campaign: g.name("campaign", campaign, at),
		SourceId: source, Source: g.name("source", source, at), Subs: []string{"a", fmt.Sprint(g.clicks)}[:g.IntN(3)],
		ExternalId: fmt.Sprint("visit", g.clicks), CostMicros: g.Int64N(900_000), Currency: "EUR", CostBaseMicros: g.Int64N(1_000_000),
		OfferPayoutMicros: 5_000_000, OfferCurrency: "EUR", OfferPayoutBaseMicros: 5_500_000, Ip: []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, byte(g.clicks)},
		Country: pick(g.Rand, "DE", "FR", ""), Device: "mobile", UserAgent: "agent", IpClicksPerMinute: 1, Foreign: foreign,
	}
	switch g.IntN(25) {
	case 0:
		c.Bot = "bot"
	case 1:
		c.IpClicksPerMinute = 500
	case 2:
		c.Keyword = poison
	}
	if g.bounds.IntN(60) == 0 {
		c.CostMicros = pastTheEdge
	}
	g.own(c, at)
	lost := g.IntN(10) == 0 // the click never comes
	if !lost {
		value, _ := c.MarshalVT()
		g.emit(at, "clicks", clickID, value, "click "+clickID)
	}
	for range pick(g.Rand, 0, 0, 1, 1, 2) {
		g.conversion(c, at)
	}
	if g.pairs.IntN(8) == 0 {
		g.pair(c, at)
	}
	if g.several.IntN(5) == 0 {
		g.rivals(c, at)
	}
	if g.several.IntN(6) == 0 {
		g.numbers(c, at)
	}
	if g.owned.IntN(4) == 0 {
		g.funnel(c, at)
	}
}

// pair is what a network at its bound sends: several conversions of a click with a correction of each, in any order.
func (g *generator) pair(c *events.Click, clickAt time.Duration) {
	event, most := pick(g.pairs, "lead", "sale"), uint32(1+g.pairs.IntN(2))
	var all []*events.Postback
	for range 2 + g.pairs.IntN(2) {
		g.txids++
		for _, payout := range []int64{2_000_000, -2_000_000} {
			g.receipts++
			all = append(all, &events.Postback{
				ReceiptId: fmt.Sprintf("r%08d%017d", g.s.Seed, g.receipts), ClickId: c.ClickId, Network: "acme", Event: event, Status: events.Status_STATUS_APPROVED,
				Txid: fmt.Sprintf("tx%d", g.txids), Raw: []byte("raw"), Foreign: c.Foreign, MaxConversions: most,
				HasPayout: true, PayoutMicros: payout, PayoutBaseMicros: payout, Currency: "EUR",
			})
		}
	}
	if g.pairs.IntN(2) == 0 {
		g.pairs.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	}
	at := clickAt
	for _, pb := range all {
		at += between(g.pairs, time.Second, 20*time.Second)
		pb.EventMs, pb.ReceivedMs, pb.ConfirmedOnly = g.unixMS(at), g.unixMS(at), g.confirmed(pb.Network, at)
		if !c.Foreign {
			pb.CampaignId, pb.Campaign = c.CampaignId, g.name("campaign", c.CampaignId, at)
			pb.SourceId, pb.Source = c.SourceId, g.name("source", c.SourceId, at)
		}
		value, _ := pb.MarshalVT()
		g.s.Inputs = append(g.s.Inputs, Input{At: at, Topic: "postbacks", Key: c.ClickId, Value: value, Note: fmt.Sprintf("postback %s of %s: %s %s %d at a bound", pb.ReceiptId, c.ClickId, pb.Event, pb.Txid, pb.PayoutMicros)})
	}
}

// conversion is one conversion of a click from its first postback to its last.
func (g *generator) conversion(c *events.Click, clickAt time.Duration) {
	txid := ""
	blankIsNew := false
	switch g.IntN(10) {
	case 0, 1:
	case 2:
		blankIsNew = true
	case 3:
		if len(g.shared) > 0 && !strings.HasPrefix(c.Keyword, poison) {
			txid = g.shared[0]
			g.shared = g.shared[1:]
			break
		}
		fallthrough
	case 4:
		g.txids++
		txid = fmt.Sprintf("shared%d", g.txids)
		g.shared = append(g.shared, txid)
	case 5:
		if g.IntN(4) == 0 {
			g.txids++
			txid = fmt.Sprintf("%s%d", poison, g.txids)
			break
		}
		fallthrough
	default:
		g.txids++
		txid = fmt.Sprintf("tx%d", g.txids)
	}
	// A postback may come before its click, well within the grace.
	at := clickAt + between(g.Rand, time.Second, 2*time.Minute)
	if g.IntN(4) == 0 {
		at = max(0, clickAt-between(g.Rand, 0, g.s.Grace/5))
	}
	event := pick(g.Rand, "lead", "sale", "deposit")
	network, most := pick(g.bounds, "acme", "acme", "acme", "zeta"), pick(g.bounds, uint32(0), 1, 1, 2, 1000)
	for range pick(g.Rand, 1, 1, 2, 3) {
		g.receipts++
		eventMS := g.unixMS(at)
		if g.IntN(25) == 0 {
			eventMS += g.s.Window.Milliseconds() + int64(time.Hour/time.Millisecond)
		}
		pb := &events.Postback{
			ReceiptId: fmt.Sprintf("r%08d%017d", g.s.Seed, g.receipts), ClickId: c.ClickId, Network: network, Event: event,
			Status: events.Status(g.IntN(6)), OriginalStatus: fmt.Sprint("word", g.IntN(3)), Txid: txid, EventMs: eventMS, ReceivedMs: g.unixMS(at) + int64(g.IntN(30)),
			Raw: []byte("raw"), Foreign: c.Foreign, BlankTxidIsNew: blankIsNew, MaxConversions: most, ConfirmedOnly: g.confirmed(network, at),
			CampaignId: c.CampaignId, Campaign: g.name("campaign", c.CampaignId, at), SourceId: c.SourceId, Source: g.name("source", c.SourceId, at),
		}
		if c.Foreign {
			pb.CampaignId, pb.Campaign, pb.SourceId, pb.Source = 0, "", 0, ""
		}
		if g.IntN(3) > 0 {
			pb.HasPayout, pb.PayoutMicros, pb.Currency = true, 1_000_000*(1+g.Int64N(3)), "EUR"
			if g.corrections.IntN(5) == 0 {
				pb.PayoutMicros = -pb.PayoutMicros
			}
			pb.PayoutBaseMicros = pb.PayoutMicros * 11 / 10
			switch g.bounds.IntN(30) {
			case 0:
				pb.PayoutBaseMicros = pastTheEdge
			case 1:
				pb.PayoutMicros = -pastTheEdge
			case 2:
				pb.MaxPayoutBaseMicros = 1_500_000
			}
		}
		value, _ := pb.MarshalVT()
		g.emit(at, "postbacks", c.ClickId, value, fmt.Sprintf("postback %s of %s: %s %s %s %d", pb.ReceiptId, c.ClickId, pb.Event, pb.Txid, statusWord(pb.Status), pb.PayoutMicros))
		at += between(g.Rand, 0, 90*time.Second)
	}
}

func (g *generator) faults(o Options) {
	var kinds []string
	for _, weight := range []struct {
		kind   string
		weight int
	}{{faultKill, 8}, {faultLose, 2}, {faultStop, 3}, {faultFreeze, 4}, {faultSlow, 3}, {faultBroker, 2}, {faultReset, 2}, {faultMove, 2}, {faultKafka, 6},
		{faultClickHouse, 8}, {faultAway, 2}, {faultForget, 1}, {faultOutage, 1}} {
		if o.has(weight.kind) {
			for range weight.weight {
				kinds = append(kinds, weight.kind)
			}
		}
	}
	if len(kinds) == 0 {
		return
	}
	limit := g.s.Grace / 6 // how long the edge may be held up
	for range g.IntN(12) {
		f := Fault{At: g.moment(), Kind: pick(g.Rand, kinds...), Arg: g.Uint64()}
		switch f.Kind {
		case faultKill, faultStop, faultLose:
			f.Target, f.For = g.process(), between(g.Rand, 0, 90*time.Second)
			if f.Kind == faultLose {
				f.Target = fmt.Sprint("p", g.IntN(g.s.Processors))
			}
		case faultFreeze:
			f.Target, f.For = g.process(), between(g.Rand, 2*time.Second, 4*g.s.Session)
		case faultSlow:
			f.Target, f.For, f.Count = g.process(), between(g.Rand, 10*time.Second, 2*time.Minute), 1+g.IntN(400)
		case faultBroker:
			f.Target, f.For = fmt.Sprint(g.IntN(g.s.Brokers)), between(g.Rand, 0, min(limit, 30*time.Second))
		case faultReset:
			f.Target = fmt.Sprint(g.IntN(g.s.Brokers))
		case faultMove:
		case faultKafka:
			f.Target, f.Count, f.For = pick(g.Rand, kafkaErrorNames...), 1+g.IntN(5), 20*time.Second
		case faultClickHouse:
			f.Target = pick(g.Rand, mishapLoseAnswer, mishapLoseAnswer, mishapLate, mishapRefuse, mishapLoseAnswer, mishapOrphan, mishapDrop, mishapTwice, mishapUnknown, mishapOrphan)
			f.Count, f.For = 1+g.IntN(4), between(g.Rand, 10*time.Second, 2*time.Minute)
		case faultAway:
			f.For = between(g.Rand, 0, 90*time.Second)
			if o.has(faultKill) && g.IntN(2) == 0 {
				// A loader that dies with an insert which has not reached ClickHouse: bytes that a dead process has written arrive.
				g.s.Faults = append(g.s.Faults, Fault{At: f.At + between(g.Rand, 0, f.For), Kind: faultKill,
					Target: fmt.Sprint("s", g.IntN(g.s.Sinks)), For: between(g.Rand, 0, 90*time.Second), Arg: g.Uint64()})
			}
		case faultOutage:
			f.For = between(g.Rand, 0, 30*time.Minute)
		}
		g.s.Faults = append(g.s.Faults, f)
	}
}

// moment is when something strikes: mostly while an input is on its way, for all else is waiting.
func (g *generator) moment() time.Duration {
	if len(g.s.Inputs) == 0 || g.IntN(3) == 0 {
		return g.stretch(between(g.Rand, 0, g.s.Active))
	}
	at := g.s.Inputs[g.IntN(len(g.s.Inputs))].At
	return at + between(g.Rand, 0, pick(g.Rand, 20*time.Millisecond, 200*time.Millisecond, time.Second, 6*time.Second))
}

// night stops everything, or everything but one processor, for most of the gap: idle hours of a whole system are dear and show little.
func (g *generator) night() {
	at := g.s.Active/2 + 4*time.Minute
	for i := range g.s.Sinks {
		g.s.Faults = append(g.s.Faults, Fault{At: at, Kind: faultStop, Target: fmt.Sprint("s", i), For: g.gap - 6*time.Minute})
	}
	for i := g.IntN(2); i < g.s.Processors; i++ { // in half of the nights all of them
		g.s.Faults = append(g.s.Faults, Fault{At: at, Kind: faultStop, Target: fmt.Sprint("p", i), For: g.gap - 6*time.Minute})
	}
}

// oldOffsets has a coordinator answer what was committed a while ago, and processes ask it meanwhile.
func (g *generator) oldOffsets() {
	f := Fault{At: g.moment(), Kind: faultOld, Target: pick(g.Rand, oldBack, oldBack, oldBack, oldNone), For: between(g.Rand, 5*time.Second, 90*time.Second),
		Count: 1 + g.IntN(120), Arg: g.Uint64()}
	g.s.Faults = append(g.s.Faults, f)
	until := f.At + time.Duration(f.Count)*time.Second
	for range 1 + g.IntN(3) {
		g.s.Faults = append(g.s.Faults, Fault{At: until + between(g.Rand, 0, f.For/2), Kind: pick(g.Rand, faultKill, faultKill, faultLose, faultStop, faultOutage),
			Target: g.process(), For: between(g.Rand, 0, 20*time.Second), Arg: g.Uint64()})
	}
}

func (g *generator) process() string {
	if i := g.IntN(g.s.Processors + g.s.Sinks); i >= g.s.Processors {
		return fmt.Sprint("s", i-g.s.Processors)
	} else {
		return fmt.Sprint("p", i)
	}
}

// nativeID writes a click ID as the edge does, but for its signature, which only the edge checks.
func nativeID(ms int64, campaign, source, instance uint32, counter uint16) string {
	var c id.Click
	put := func(bit, bits int, v uint64) {
		for i := range bits {
			if v>>(bits-1-i)&1 == 1 {
				c[(bit+i)/8] |= 0x80 >> ((bit + i) % 8)
			}
		}
	}
	put(0, 48, uint64(ms))
	put(48, 20, uint64(campaign))
	put(68, 20, uint64(source))
	put(88, 8, 1)
	put(96, 24, uint64(instance&0xffffff))
	put(120, 16, uint64(counter))
	return c.String()
}

// nativeTimeMS reads the time of a native click ID; 0 of another.
func nativeTimeMS(text string) int64 {
	c, err := id.ParseClick(text)
	if err != nil {
		return 0
	}
	return c.TimeMS()
}
