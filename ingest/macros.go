package ingest

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"tributary/catalog"
)

// macros counts who sends macros that were never replaced by a value: the person who set a link or a postback up has to mend
// it. Its counters are bound when a catalog comes into force.
type macros struct {
	clicks, postbacks *prometheus.CounterVec
	bound             atomic.Pointer[boundMacros]
}

type boundMacros struct {
	sources  map[uint32]prometheus.Counter
	networks map[string]prometheus.Counter
	// strangers are not in the catalog.
	strangeSource, strangeNetwork prometheus.Counter
}

func newMacros() *macros {
	counter := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "tributary", Subsystem: "ingest", Name: name, Help: help}, []string{label})
	}
	m := &macros{
		clicks: counter("unexpanded_macro_clicks_total",
			"Clicks kept whose link still had a macro, which was left empty, by source (empty for one that is not declared).", "source"),
		postbacks: counter("unexpanded_macro_postbacks_total",
			"Postbacks refused because a parameter still was a macro, by network (empty for one that is not declared).", "network"),
	}
	m.use(nil)
	return m
}

func (m *macros) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.clicks, m.postbacks}
}

// use binds the counters of a catalog's sources and networks.
func (m *macros) use(cat *catalog.Catalog) {
	b := &boundMacros{
		sources: map[uint32]prometheus.Counter{}, networks: map[string]prometheus.Counter{},
		strangeSource: m.clicks.WithLabelValues(""), strangeNetwork: m.postbacks.WithLabelValues(""),
	}
	if cat != nil {
		for s := range cat.Sources() {
			b.sources[s.ID] = m.clicks.WithLabelValues(s.Name)
		}
		for name := range cat.Networks() {
			b.networks[name] = m.postbacks.WithLabelValues(name)
		}
	}
	m.bound.Store(b)
}

func (m *macros) ofSource(id uint32) prometheus.Counter {
	b := m.bound.Load()
	if c := b.sources[id]; c != nil {
		return c
	}
	return b.strangeSource
}

// ofNetwork takes nil for a network that is not declared.
func (m *macros) ofNetwork(n *catalog.Network) prometheus.Counter {
	b := m.bound.Load()
	if n != nil {
		if c := b.networks[n.Name]; c != nil {
			return c
		}
	}
	return b.strangeNetwork
}
