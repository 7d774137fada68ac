package ingest

import (
	"encoding/json"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"tributary/catalog"
	"tributary/catalog/dialect"
	"tributary/schemas"
)

// notTaken counts the parameters of postbacks and links that were read and left out. Whose they were is a label, what they were called
// is in the postback (Postback.not_taken): names are their senders' choice. Its counters are bound when a catalog comes into force.
type notTaken struct {
	postbacks, links *prometheus.CounterVec
	bound            atomic.Pointer[boundNotTaken]
}

type byReason [dialect.DropReasons]prometheus.Counter

type boundNotTaken struct {
	networks map[string]*byReason
	sources  map[uint32]prometheus.Counter
	// strangers are not in the catalog.
	strangeNetwork *byReason
	strangeSource  prometheus.Counter
}

func newNotTaken() *notTaken {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "tributary", Subsystem: "ingest", Name: name, Help: help}, labels)
	}
	n := &notTaken{
		postbacks: counter("postback_params_not_taken_total",
			"Parameters of postbacks that were left out, by network (empty for one that is not declared) and why: unknown (the network's dialect does not have it), "+
				"no_place (it has it, and a conversion has no place for it), declared (the network's params say ignored).", "network", "why"),
		links: counter("link_params_not_taken_total",
			"Parameters of click links that were left out because the link's dialect does not have them, by source (empty for one that is not declared).", "source"),
	}
	n.use(nil)
	return n
}

func (n *notTaken) collectors() []prometheus.Collector {
	return []prometheus.Collector{n.postbacks, n.links}
}

// use binds the counters of a catalog's networks and sources.
func (n *notTaken) use(cat *catalog.Catalog) {
	bind := func(network string) *byReason {
		var counters byReason
		for why := range dialect.DropReasons {
			counters[why] = n.postbacks.WithLabelValues(network, why.String())
		}
		return &counters
	}
	b := &boundNotTaken{
		networks: map[string]*byReason{}, sources: map[uint32]prometheus.Counter{}, strangeNetwork: bind(""), strangeSource: n.links.WithLabelValues(""),
	}
	if cat != nil {
		for name := range cat.Networks() {
			b.networks[name] = bind(name)
		}
		for s := range cat.Sources() {
			b.sources[s.ID] = n.links.WithLabelValues(s.Name)
		}
	}
	n.bound.Store(b)
}

// count counts what was left out of a postback that was read.
func (n *notTaken) count(p *postback) {
	if len(p.reading.Dropped) == 0 {
		return
	}
	b := n.bound.Load()
	counters := b.strangeNetwork
	if p.network != nil && b.networks[p.network.Name] != nil {
		counters = b.networks[p.network.Name]
	}
	for i := range p.reading.Dropped {
		counters[p.reading.Dropped[i].Why].Inc()
	}
}

// countLink counts what was left out of a link.
func (n *notTaken) countLink(source uint32, params int) {
	b := n.bound.Load()
	counter := b.sources[source]
	if counter == nil {
		counter = b.strangeSource
	}
	counter.Add(float64(params))
}

// noteNotTaken puts the names of what was left out into the event.
func (p *postback) noteNotTaken() {
	if len(p.reading.Dropped) > 0 {
		p.event.NotTaken = p.reading.AppendNotTaken(nil, schemas.MaxNotTaken, schemas.MaxNameBytes)
	}
}

// appendNotTaken completes an answer with the names of what was left out.
func appendNotTaken(ctx *fasthttp.RequestCtx, names []string) {
	text, err := json.Marshal(names)
	if err != nil {
		panic("marshalling texts: " + err.Error())
	}
	ctx.Response.AppendBodyString(",\"not_taken\":")
	ctx.Response.AppendBody(text)
}
