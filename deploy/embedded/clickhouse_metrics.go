package embedded

import (
	"github.com/prometheus/client_golang/prometheus"

	"tributary/deploy/embedded/chdb"
)

// clickHouseMetrics repeat what the child says of itself.
type clickHouseMetrics struct {
	up, confined                      *prometheus.GaugeVec
	slots, running, waiting, sessions *prometheus.GaugeVec
	admitted, refused                 *prometheus.CounterVec
	denied, killed, evicted           prometheus.Counter
	aside                             *prometheus.GaugeVec
	last                              chdb.Status
}

func newClickHouseMetrics(registerer prometheus.Registerer) (*clickHouseMetrics, error) {
	gauges := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "tributary_clickhouse_" + name, Help: help}, labels)
	}
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tributary_clickhouse_" + name, Help: help}, labels)
	}
	m := &clickHouseMetrics{
		up:       gauges("answers", "1 when the embedded engine answered when it was last asked."),
		confined: gauges("confined", "1 when the operating system keeps the embedded engine from everything but its tables' folder."),
		aside: gauges("parts_set_aside", "Parts that a full disk or a kill had left incomplete when the engine "+
			"started: set aside, and loaded again."),
		sessions: gauges("sessions", "Sessions open (requests with a session_id).", "user"),
		slots:    gauges("query_slots", "Queries of the roles or of guests (the user analyst) that may run at once.", "user"),
		running:  gauges("running_queries", "Queries running now.", "user"),
		waiting:  gauges("waiting_queries", "Queries waiting for a slot.", "user"),
		admitted: counters("queries_total", "Queries that got a slot.", "user"),
		refused:  counters("refused_queries_total", "Queries that got no slot: too many ran and waited.", "user"),
		denied:   prometheus.NewCounter(prometheus.CounterOpts{Name: "tributary_clickhouse_denied_requests_total", Help: "Requests without a password, with a wrong one, for a foreign host or of a web page."}),
		killed:   prometheus.NewCounter(prometheus.CounterOpts{Name: "tributary_clickhouse_killed_queries_total", Help: "Queries ended because their clients had gone, or by KILL QUERY."}),
		evicted:  prometheus.NewCounter(prometheus.CounterOpts{Name: "tributary_clickhouse_evicted_sessions_total", Help: "Sessions of guests ended because guests opened too many; each time the one idle longest."}),
	}
	if registerer == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.up, m.confined, m.aside, m.sessions, m.slots, m.running, m.waiting,
		m.admitted, m.refused, m.denied, m.killed, m.evicted} {
		if err := registerer.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// saw takes what the child said last; it counts from its own start, as these counters do.
func (m *clickHouseMetrics) saw(status chdb.Status, err error) {
	if err != nil {
		m.up.WithLabelValues().Set(0)
		return
	}
	m.up.WithLabelValues().Set(1)
	for _, u := range []struct {
		name      string
		now, then chdb.SlotUsage
	}{{"roles", status.Roles, m.last.Roles}, {"guests", status.Guests, m.last.Guests}} {
		m.slots.WithLabelValues(u.name).Set(float64(u.now.Slots))
		m.running.WithLabelValues(u.name).Set(float64(u.now.Running))
		m.waiting.WithLabelValues(u.name).Set(float64(u.now.Waiting))
		m.admitted.WithLabelValues(u.name).Add(float64(u.now.Admitted - u.then.Admitted))
		m.refused.WithLabelValues(u.name).Add(float64(u.now.Refused - u.then.Refused))
	}
	m.denied.Add(float64(status.RefusedRequests - m.last.RefusedRequests))
	m.killed.Add(float64(status.KilledQueries - m.last.KilledQueries))
	m.evicted.Add(float64(status.EvictedSessions - m.last.EvictedSessions))
	m.sessions.WithLabelValues("roles").Set(float64(status.RolesSessions))
	m.sessions.WithLabelValues("guests").Set(float64(status.GuestsSessions))
	confined := 0.0
	if status.Confined {
		confined = 1
	}
	m.confined.WithLabelValues().Set(confined)
	m.aside.WithLabelValues().Set(float64(status.PartsSetAside))
	m.last = status
}
