package join

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"tributary/schemas"
	"tributary/schemas/events"
)

// maxMixed bounds the offers that are watched; those beyond are not.
const maxMixed = 10_000

// mixed tells which offers have conversions of more than one event type and declare no goal, so that what is counted as their
// conversions is of several kinds. It knows what came since the process started.
type mixed struct {
	mu sync.Mutex
	// events are the first event type of each offer, blank once there was another.
	events map[uint32]string
	offers prometheus.Gauge
}

func newMixed() *mixed {
	return &mixed{events: map[uint32]string{}, offers: prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "tributary", Subsystem: "processor", Name: "offers_without_goal",
		Help: "Offers with conversions of more than one event type since the start that declare no goal (catalog.offers[].goal): their cr, ar and ap mix event types."})}
}

// see takes a new conversion. It allocates for an offer's first one only.
func (m *mixed) see(click *events.Click, e *events.Conversion) {
	if click == nil || len(click.Goals) > 0 || e.OfferId == 0 || e.Kind != events.Conversion_KIND_CREATED ||
		e.Event == schemas.EventRebill { // which never counts
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	first, known := m.events[e.OfferId]
	switch {
	case !known && len(m.events) < maxMixed:
		m.events[e.OfferId] = string([]byte(e.Event)) // it borrows the record's memory
	case first != "" && first != e.Event:
		m.events[e.OfferId] = ""
		m.offers.Inc()
	}
}
