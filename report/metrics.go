package report

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of an engine.
type metrics struct {
	questions map[string]prometheus.Counter
	seconds   prometheus.Histogram
}

// newMetrics makes them; each outcome is there from the start.
func newMetrics(to prometheus.Registerer, e *Engine) *metrics {
	questions := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tributary_report_questions_total",
		Help: "Questions, by what became of them: asked of ClickHouse, shared with one on its way, answered from the cache, " +
			"cancelled, failed."}, []string{"outcome"})
	m := &metrics{questions: map[string]prometheus.Counter{}}
	for _, outcome := range []string{"asked", "shared", "cache", "cancelled", "failed"} {
		m.questions[outcome] = questions.WithLabelValues(outcome)
	}
	m.seconds = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "tributary_report_question_seconds",
		Help:    "How long questions that were asked of ClickHouse took, waiting for a slot left out.",
		Buckets: []float64{.025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}})
	if to == nil {
		return m
	}
	gauge := func(name, help string, of func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, of)
	}
	to.MustRegister(questions, m.seconds,
		gauge("tributary_report_slots_free", "Slots for questions that are free.",
			func() float64 { free, _ := e.slots.usage(); return float64(free) }),
		gauge("tributary_report_waiting", "Questions that wait for a slot.",
			func() float64 { _, waiting := e.slots.usage(); return float64(waiting) }),
		gauge("tributary_report_cache_bytes", "About what the kept answers hold, bytes.", func() float64 {
			e.mu.Lock()
			defer e.mu.Unlock()
			return float64(e.cache.bytes)
		}))
	return m
}

func (m *metrics) answered(outcome string) { m.questions[outcome].Inc() }

func (m *metrics) took(d time.Duration) { m.seconds.Observe(d.Seconds()) }
