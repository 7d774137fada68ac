package ingest

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"tributary/schemas"
)

// route is an index into the edge's routes.
type route uint8

const (
	routeClick route = iota
	routeClicks
	routePostback
	routeBatch
	routeHealth
	routeReady
	routeMetrics
	routePass
	routeImpression
	routeLanding
	routeReceipt
	// routeAhead are requests for links, images and buttons ahead of a visitor: their 503 is meant.
	routeAhead
	routeOther
	routes
)

var routeNames = [routes]string{"click", "clicks", "postback", "postback_batch", "healthz", "readyz", "metrics", "pass",
	"impression", "landing", "receipt", "ahead", "other"}

// codes are the statuses that the edge answers; any other is counted as "other".
var codes = [...]int{200, 202, 204, 302, 307, 400, 401, 403, 404, 405, 408, 409, 410, 413, 415, 429, 431, 500, 503}

// field is an index into the parameters that a click link may have wrong without losing the click.
type field uint8

const (
	fieldSource field = iota
	fieldSub
	fieldExternalID
	fieldKeyword
	fieldCreative
	fieldCost
	fieldCurrency
	fieldUserAgent
	fieldReferrer
	fieldLanguage
	fields
)

var fieldNames = [fields]string{"source", "sub", "external_id", "keyword", "creative", "cost", "currency", "user_agent", "referrer", "language"}

// isName tells which of them are names (see query.IsName); the others are free text.
var isName = [fields]bool{fieldSource: true, fieldSub: true, fieldExternalID: true, fieldCost: true, fieldCurrency: true}

// oneValue are those that are money or the source's own ID: of two values none is kept, and what stands for no value is none.
var oneValue = [fields]bool{fieldExternalID: true, fieldCost: true, fieldCurrency: true}

// neverCut are IDs and what carries them: a part of one is another ID, and would be passed on.
var neverCut = [fields]bool{fieldExternalID: true, fieldSub: true}

// capped is an index into what became of a click whose visitor's offer is at its cap.
type capped uint8

const (
	cappedNext     capped = iota // another offer of the list
	cappedFallback               // the campaign's fallback offer
	cappedInSpite                // the visitor's offer: there is no other
	cappeds
)

var cappedNames = [cappeds]string{"next", "fallback", "in_spite"}

// metrics has every counter bound to its labels, so that a request looks none up.
type metrics struct {
	requests  [routes][600]prometheus.Counter // by status
	rejects   map[schemas.RejectReason]prometheus.Counter
	sanitized [fields]prometheus.Counter
	produced  [topics]outlets
	received  prometheus.Counter
	inFlight  prometheus.Gauge
	landed    prometheus.Counter
	capped    [cappeds]prometheus.Counter
	evicted   prometheus.Counter
	ahead     [aheads]prometheus.Counter
	blocked   [turnedTos]prometheus.Counter
	// capsDamaged and capsUnkept are of the file of counts.
	capsDamaged, capsUnkept prometheus.Counter
	uploaded                [uploadOutcomes]prometheus.Counter

	registerer prometheus.Registerer
	collectors []prometheus.Collector
}

func newMetrics(reg prometheus.Registerer, more ...prometheus.Collector) (*metrics, error) {
	m := &metrics{rejects: map[schemas.RejectReason]prometheus.Counter{}, registerer: reg, collectors: more}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "tributary", Subsystem: "ingest", Name: name, Help: help}, labels)
		m.collectors = append(m.collectors, c)
		return c
	}
	requests := counter("requests_total", "Requests answered, by route and status.", "route", "code")
	for r, name := range routeNames {
		other := requests.WithLabelValues(name, "other")
		for status := range m.requests[r] {
			m.requests[r][status] = other
		}
		for _, status := range codes {
			m.requests[r][status] = requests.WithLabelValues(name, strconv.Itoa(status))
		}
	}
	rejects := counter("rejects_total", "Clicks and postbacks refused, by reason; each has a row in dead_letters.", "reason")
	for _, info := range schemas.RejectReasons {
		if info.Place == place {
			m.rejects[info.Reason] = rejects.WithLabelValues(string(info.Reason))
		}
	}
	sanitized := counter("sanitized_total", "Parameters of clicks that were cut, cleaned, blanked or replaced; the click was kept. IDs and sub-IDs are never cut: too long ones, and of two IDs or costs both, are blanked.", "field")
	for f, name := range fieldNames {
		m.sanitized[f] = sanitized.WithLabelValues(name)
	}
	produced := counter("produced_bytes_total", "Bytes of record values handed to the Kafka client, by topic.", "topic")
	failures := counter("produce_errors_total", "Records that Kafka did not confirm in time, by topic and cause: buffer_full, ack_timeout (later than ack_bound where there is a spool) or refused.", "topic", "cause")
	ack := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: "tributary", Subsystem: "ingest", Name: "ack_latency_seconds",
		Help:    "Time from handing a record to the Kafka client until it was durable, by topic.",
		Buckets: prometheus.ExponentialBuckets(0.0005, 2, 15),
	}, []string{"topic"})
	m.collectors = append(m.collectors, ack)
	for t, name := range topicNames {
		m.produced[t] = outlets{
			bytes: produced.WithLabelValues(name), ack: ack.WithLabelValues(name),
			full: failures.WithLabelValues(name, "buffer_full"), late: failures.WithLabelValues(name, "ack_timeout"), failed: failures.WithLabelValues(name, "refused"),
		}
	}
	m.received = prometheus.NewCounter(prometheus.CounterOpts{Namespace: "tributary", Subsystem: "ingest", Name: "received_bytes_total", Help: "Bytes of request URIs and bodies."})
	m.inFlight = prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "tributary", Subsystem: "ingest", Name: "in_flight_requests", Help: "Requests being answered now."})
	m.landed = prometheus.NewCounter(prometheus.CounterOpts{Namespace: "tributary", Subsystem: "ingest", Name: "spool_landed_records_total",
		Help: "Records of the spool that were not sent from there: Kafka had taken them after all, later than ack_bound."})
	overCap := counter("capped_clicks_total", "Clicks whose visitor's offer was at its cap, by what they were sent to: next (offer of the list), fallback, or in_spite (the offer all the same).", "to")
	for i, name := range cappedNames {
		m.capped[i] = overCap.WithLabelValues(name)
	}
	blocked := counter("blocked_clicks_total", "Clicks that met a block, by what they got: fallback (offer), empty (204), page, or shadow (counted only).", "answer")
	for i, name := range turnedNames {
		m.blocked[i] = blocked.WithLabelValues(name)
	}
	aheadOf := counter("ahead_requests_total",
		"Requests for links, images and buttons that came ahead of a visitor and were answered 503 without being counted, by kind: prefetch, prerender or preview.", "kind")
	for kind, name := range aheadNames {
		m.ahead[kind] = aheadOf.WithLabelValues(name)
	}
	lines := counter("postback_batch_lines_total", "Lines of uploads to /postback/{network}/batch, by what became of them: accepted, refused or unavailable.", "outcome")
	for i, name := range uploadOutcomeNames {
		m.uploaded[i] = lines.WithLabelValues(name)
	}
	m.evicted = prometheus.NewCounter(prometheus.CounterOpts{Namespace: "tributary", Subsystem: "ingest", Name: "unique_evicted_total",
		Help: "Visitors that were forgotten before unique_window had passed: unique_bytes is too small."})
	m.capsDamaged = prometheus.NewCounter(prometheus.CounterOpts{Namespace: "tributary", Subsystem: "ingest", Name: "caps_file_damaged_total",
		Help: "Starts at which ingest.caps_file could not be read: the counts began at 0, the file is kept beside as .damaged."})
	m.capsUnkept = prometheus.NewCounter(prometheus.CounterOpts{Namespace: "tributary", Subsystem: "ingest", Name: "caps_file_errors_total",
		Help: "Failed writes of ingest.caps_file, tried again every second: a restart would count from what was written last."})
	m.collectors = append(m.collectors, m.received, m.inFlight, m.landed, m.evicted, m.capsDamaged, m.capsUnkept)
	if reg == nil {
		return m, nil
	}
	for i, c := range m.collectors {
		if err := reg.Register(c); err != nil {
			m.collectors = m.collectors[:i]
			m.unregister()
			return nil, err
		}
	}
	return m, nil
}

// unregister lets a restarted role register its own.
func (m *metrics) unregister() {
	if m.registerer == nil {
		return
	}
	for _, c := range m.collectors {
		m.registerer.Unregister(c)
	}
}
