package outbound

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tributary/schemas/events"
)

type metrics struct {
	registered  []prometheus.Collector
	undecodable prometheus.Counter
	calls       prometheus.Gauge
	unrecorded  prometheus.Gauge
	stateBytes  prometheus.Gauge
	partitions  prometheus.Gauge
	delay, took prometheus.Histogram

	requests, attempts                                          *prometheus.CounterVec
	waiting, late, breaker, paused, failing, silent, delivering *prometheus.GaugeVec

	mu           sync.Mutex
	destinations map[string]queueStats
}

// queueStats are one destination's.
type queueStats struct {
	requests                                        prometheus.Counter
	waiting, late, breaker, paused, failing, silent prometheus.Gauge
	delivered                                       prometheus.Gauge
	outcomes                                        map[string]prometheus.Counter
	delay, took                                     prometheus.Observer
	alarm                                           *alarm
}

// An alarm remembers what was said about a destination.
type alarm struct {
	failing, silent string
	// arrivedMS is when the last request came, 0: none did in this life; deliveredMS when the last one was delivered.
	arrivedMS, deliveredMS int64
}

func newMetrics(registerer prometheus.Registerer) (*metrics, error) {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "tributary_outbound_" + name, Help: help})
	}
	each := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "tributary_outbound_" + name, Help: help}, []string{"destination"})
	}
	m := &metrics{
		undecodable: prometheus.NewCounter(prometheus.CounterOpts{Name: "tributary_outbound_undecodable_records_total", Help: "Records that are no request to tell something."}),
		calls:       gauge("calls", "Calls under way; outbound.calls is their limit."),
		unrecorded:  gauge("unrecorded_attempts", "Attempts that wait to be written to Kafka; outbound.unrecorded is their limit for each partition."),
		stateBytes:  gauge("state_bytes", "Size of what waits in outbound.state_dir."),
		partitions:  gauge("partitions", "Partitions that this deliverer has."),
		delay: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "tributary_outbound_delay_seconds",
			Help: "From when a request was due to its delivery.", Buckets: prometheus.ExponentialBuckets(0.005, 2.5, 16)}),
		took: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "tributary_outbound_call_seconds",
			Help: "Duration of calls.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 16)}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tributary_outbound_requests_total", Help: "Requests that came for a destination."}, []string{"destination"}),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tributary_outbound_attempts_total", Help: "Attempts, and ends without one, by what became of them."}, []string{"destination", "outcome"}),
		waiting:  each("waiting", "Requests that are not final."),
		late:     each("late_seconds", "For how long the oldest request has been due."),
		breaker:  each("breaker_open", "1 while the destination is called once in outbound.breaker_pause only."),
		paused:   each("paused", "1 while nothing is sent: a person paused it, it refuses us, or it is not declared."),
		failing:  each("failing", "1 while the destination fails: it is paused or its breaker is open while requests wait, or they are late by outbound.late_after."),
		silent:   each("silent", "1 while no request has come for outbound.silent_after for a destination that had some before."),
		delivering: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "tributary_outbound_last_delivery_timestamp_seconds", Help: "When the last request was delivered."},
			[]string{"destination"}),
		destinations: map[string]queueStats{},
	}
	for _, c := range []prometheus.Collector{m.undecodable, m.calls, m.unrecorded, m.stateBytes, m.partitions, m.delay, m.took, m.requests, m.attempts, m.waiting, m.late,
		m.breaker, m.paused, m.failing, m.silent, m.delivering} {
		if registerer == nil {
			break
		}
		if err := registerer.Register(c); err != nil {
			m.unregister(registerer)
			return nil, err
		}
		m.registered = append(m.registered, c)
	}
	return m, nil
}

func (m *metrics) unregister(registerer prometheus.Registerer) {
	for _, c := range m.registered {
		registerer.Unregister(c)
	}
	m.registered = nil
}

// of returns the figures of a destination.
func (m *metrics) of(destination string) queueStats {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s, ok := m.destinations[destination]; ok {
		return s
	}
	s := queueStats{
		requests: m.requests.WithLabelValues(destination), waiting: m.waiting.WithLabelValues(destination), late: m.late.WithLabelValues(destination),
		breaker: m.breaker.WithLabelValues(destination), paused: m.paused.WithLabelValues(destination), failing: m.failing.WithLabelValues(destination),
		silent: m.silent.WithLabelValues(destination), delivered: m.delivering.WithLabelValues(destination),
		outcomes: map[string]prometheus.Counter{}, delay: m.delay, took: m.took, alarm: new(alarm),
	}
	for _, outcome := range []string{outcomeDelivered, outcomeRefused, outcomeAgain, outcomeSplit, outcomePaused, outcomeGone, outcomeExpired, outcomeCapped, outcomeSkipped} {
		s.outcomes[outcome] = m.attempts.WithLabelValues(destination, outcome)
	}
	m.destinations[destination] = s
	return s
}

func (s *queueStats) arrived(r *events.OutboundRequest) {
	s.requests.Inc()
	s.alarm.arrivedMS = max(s.alarm.arrivedMS, r.DecidedMs)
}

func (s *queueStats) told(a *events.OutboundAttempt) {
	s.outcomes[a.Outcome].Inc()
	if a.Outcome == outcomeDelivered {
		s.delay.Observe(max(0, time.Duration(a.ReceivedMs-a.DueMs)*time.Millisecond).Seconds())
		s.alarm.deliveredMS = max(s.alarm.deliveredMS, a.ReceivedMs)
	}
	if a.Batch > 0 {
		s.took.Observe((time.Duration(a.TookMs) * time.Millisecond).Seconds())
	}
}

func (s *queueStats) open(open bool) { s.breaker.Set(truth(open)) }

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
