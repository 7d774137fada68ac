package oracle

import (
	"fmt"
	"math/rand/v2"
	"time"

	"tributary/catalog"
)

// A Plane is what a third of the scenarios have beside the inputs: edges, which several visitors go to, grantors, and people who
// block sources and publish catalogs. What comes of it depends on when each edge hears of what, so that clicks are made while
// it runs; the model takes them as Kafka has them, and check_plane.go says what each may be.
type Plane struct {
	Edges, Grantors int
	// Cap is what the offer capped may get a day; Raised is what it may get from some moment on, 0 for never.
	Cap, Raised int
	// Skews are the clocks of edges, then of grantors.
	Skews []time.Duration
}

// Topics of inputs that are no records.
const (
	inputVisit  = "visit"
	inputChange = "change"
)

// A Visit is a click on a link.
type Visit struct {
	Edge int
	// Zone is the source's own; 0 for a visitor of another source.
	Zone int
	// Number tells it from others: it is the click's external ID.
	Number int
	// Pays is whether it becomes a conversion.
	Pays bool
}

// Kinds of changes.
const (
	changeBlock   = "block"   // of a zone, for For or for ever
	changeUndo    = "undo"    // of some block
	changeCatalog = "catalog" // another version is published
	changeBad     = "bad"     // an entry that no program of this version writes
)

// A Change is something that a person writes to the topic control.
type Change struct {
	Kind   string
	Number int
	Zone   int
	For    time.Duration
	Shadow bool
	// Kill is how long after its start the writer dies, 0 for not.
	Kill time.Duration
	Arg  uint64
}

// zones are those that are blocked now and then; the first is from the beginning to the end.
const zones = 4

// plane draws edges, visits and changes, and what goes wrong with them.
func (g *generator) plane(o Options) {
	r := rand.New(rand.NewPCG(g.s.Seed, 0x706c616e65))
	if g.s.Seed%3 != 0 {
		return
	}
	p := &Plane{Edges: 1 + r.IntN(3), Grantors: 1 + r.IntN(2), Cap: 5 + r.IntN(40)}
	if r.IntN(2) == 0 {
		p.Raised = p.Cap + 1 + r.IntN(20)
	}
	for range p.Edges + p.Grantors {
		p.Skews = append(p.Skews, between(r, -2*time.Second, 2*time.Second))
	}
	g.s.Plane = p
	add := func(at time.Duration, in Input) {
		in.At = g.stretch(at)
		g.s.Inputs = append(g.s.Inputs, in)
	}
	for i := range 20 + r.IntN(60) {
		v := &Visit{Edge: r.IntN(p.Edges), Number: i, Pays: r.IntN(5) == 0}
		if r.IntN(2) == 0 {
			v.Zone = 1 + r.IntN(zones)
		}
		add(between(r, 0, g.s.Active), Input{Topic: inputVisit, Visit: v, Note: fmt.Sprintf("%+v", *v)})
	}
	for i := range 3 + r.IntN(10) {
		c := &Change{Kind: pick(r, changeBlock, changeBlock, changeBlock, changeUndo, changeUndo, changeCatalog, changeCatalog, changeBad), Number: i + 2,
			Zone: 2 + r.IntN(zones-1), For: pick(r, 0, 0, between(r, 5*time.Second, 60*time.Second)), Shadow: r.IntN(6) == 0, Arg: r.Uint64()}
		if r.IntN(4) == 0 {
			c.Kill = between(r, time.Millisecond, 300*time.Millisecond)
		}
		at := between(r, 0, g.s.Active)
		add(at, Input{Topic: inputChange, Change: c, Note: fmt.Sprintf("%+v", *c)})
	}
	g.planeFaults(r, o)
}

func (g *generator) planeFaults(r *rand.Rand, o Options) {
	p := g.s.Plane
	kinds := []string{faultKill, faultKill, faultKill, faultFreeze, faultFreeze, faultStop, faultSlow, faultLose}
	for range r.IntN(6) {
		f := Fault{At: g.stretch(between(r, 0, g.s.Active)), Kind: pick(r, kinds...), Target: fmt.Sprint("e", r.IntN(p.Edges)), For: between(r, 0, 40*time.Second), Arg: r.Uint64()}
		if r.IntN(3) == 0 {
			f.Target = fmt.Sprint("g", r.IntN(p.Grantors))
		}
		if f.Kind == faultSlow {
			f.Count = 1 + r.IntN(400)
		}
		if o.has(f.Kind) {
			g.s.Faults = append(g.s.Faults, f)
		}
	}
	if g.gap > 0 { // idle hours are dear here too
		at := g.s.Active/2 + 4*time.Minute
		for i := range p.Edges {
			g.s.Faults = append(g.s.Faults, Fault{At: at, Kind: faultStop, Target: fmt.Sprint("e", i), For: g.gap - 6*time.Minute})
		}
		for i := range p.Grantors {
			g.s.Faults = append(g.s.Faults, Fault{At: at, Kind: faultStop, Target: fmt.Sprint("g", i), For: g.gap - 6*time.Minute})
		}
	}
}

// Numbers and names of the catalog that edges have.
const (
	planeCampaign, planeSource, otherSource = 20, 20, 21
	cappedOffer, restOffer                  = 20, 21
	planeCost                               = 20_000 // micros of a click
)

// planeBase is what an edge's configuration has of a catalog.
func planeBase() catalog.Config {
	return catalog.Config{Source: catalog.SourceControl, BaseCurrency: "EUR",
		ClickIDKeys: catalog.KeysConfig{Active: 1, Keys: map[int]catalog.Secret{1: "a secret of the oracle, 32 bytes"}}}
}

// planeCatalog is a version of the catalog: its number is a tag of the campaign, so that every click says it.
func planeCatalog(version, limit int) catalog.Config {
	c := planeBase()
	c.Source = ""
	c.Sources = []catalog.SourceConfig{{ID: planeSource, Name: "shady", Names: map[string]string{"sub1": "zone"}}, {ID: otherSource, Name: "other"}}
	c.Offers = []catalog.OfferConfig{
		{ID: cappedOffer, Name: "capped", URL: "https://capped.example/?id={click_id}", Payout: "3.00", ClicksPerDay: limit},
		{ID: restOffer, Name: "rest", URL: "https://rest.example/?id={click_id}"},
	}
	c.Campaigns = []catalog.CampaignConfig{{ID: planeCampaign, Name: "plane", Offers: []string{"capped"}, FallbackOffer: "rest", Cost: "0.02",
		Tags: []string{fmt.Sprint("v", version)}}}
	return c
}
