package console

import "github.com/prometheus/client_golang/prometheus"

// metrics of the console.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	signins  *prometheus.CounterVec
}

func newMetrics(to prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tributary_console_requests_total",
			Help: "Requests, by route and class of the status; none: there is no such route."}, []string{"route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "tributary_console_request_seconds",
			Help: "How long requests took, by route.", Buckets: []float64{.005, .025, .1, .5, 2, 10, 60}}, []string{"route"}),
		signins: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tributary_console_signins_total",
			Help: "Sign-ins, by what became of them: done, refused, held back after too many tries."}, []string{"outcome"}),
	}
	for _, outcome := range []string{"done", "refused", "held_back"} {
		m.signins.WithLabelValues(outcome)
	}
	if to != nil {
		to.MustRegister(m.requests, m.seconds, m.signins)
	}
	return m
}
