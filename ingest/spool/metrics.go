package spool

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	appended, drained prometheus.Counter
	refused           [len(refusals)]prometheus.Counter
	sync              prometheus.Histogram
	torn, aside       prometheus.Counter
	refusedRecords    prometheus.Counter
	requeued          prometheus.Counter

	registerer prometheus.Registerer
	collectors []prometheus.Collector
}

func newMetrics(s *Spool, reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{registerer: reg}
	name := func(name, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: "tributary", Subsystem: "ingest_spool", Name: name, Help: help}
	}
	counter := func(n, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts(name(n, help)))
		m.collectors = append(m.collectors, c)
		return c
	}
	gauge := func(n, help string, value func() float64) {
		m.collectors = append(m.collectors, prometheus.NewGaugeFunc(prometheus.GaugeOpts(name(n, help)), value))
	}
	m.appended = counter("appended_records_total", "Records made durable in the spool.")
	m.drained = counter("drained_records_total", "Records of the spool that are done with: Kafka has them, or they are set aside.")
	m.torn = counter("torn_bytes_total", "Bytes cut off the last segment at start: a batch that a crash interrupted before anyone was answered.")
	m.aside = counter("set_aside_bytes_total", "Bytes kept in the folder aside: damage amid a segment, and records that Kafka refused for good. Any is a reason to look.")
	m.refusedRecords = counter("set_aside_records_total", "Acknowledged records that Kafka refused for good, kept in the folder aside until `tributary spool requeue`. Any is a reason to look.")
	m.requeued = counter("requeued_records_total", "Records of the folder aside that Kafka has after all, since `tributary spool requeue`.")
	refused := prometheus.NewCounterVec(prometheus.CounterOpts(name("refused_records_total", "Records that the spool did not take, by reason; each was answered 503.")), []string{"reason"})
	m.collectors = append(m.collectors, refused)
	for i, r := range refusals {
		m.refused[i] = refused.WithLabelValues(r.name)
	}
	m.sync = prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "tributary", Subsystem: "ingest_spool", Name: "sync_seconds",
		Help: "Time to write one batch and make it durable.", Buckets: prometheus.ExponentialBuckets(0.0001, 2, 17)})
	m.collectors = append(m.collectors, m.sync)
	gauge("records", "Records that wait for Kafka.", func() float64 { return float64(s.Depth().Records) })
	gauge("bytes", "Bytes of the segments, read ones included until their file goes.", func() float64 { return float64(s.Depth().Bytes) })
	gauge("oldest_age_seconds", "Age of the oldest record that waits for Kafka.", func() float64 { return s.Depth().Age.Seconds() })
	gauge("aside_files", "Files in the folder aside now: records that Kafka refused for good, and damaged places. At most 10000, then draining waits.", func() float64 { return float64(s.Aside().Files) })
	gauge("aside_records", "Records in the folder aside now: acknowledged, and waiting for a person.", func() float64 { return float64(s.Aside().Refused) })
	gauge("aside_bytes", "Bytes in the folder aside now; they count for max_bytes.", func() float64 { return float64(s.Aside().Bytes) })
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

func (m *metrics) unregister() {
	if m.registerer == nil {
		return
	}
	for _, c := range m.collectors {
		m.registerer.Unregister(c)
	}
}

func (m *metrics) refuse(err error, records int) {
	for i, r := range refusals {
		if errors.Is(err, r.err) {
			m.refused[i].Add(float64(records))
			return
		}
	}
}

// Depth is what waits.
type Depth struct {
	// Records includes those whose batch is being written.
	Records int64
	// Bytes is the size of the segments.
	Bytes int64
	// Age is that of the oldest record.
	Age time.Duration
}
