package checkpoint

import (
	"fmt"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	shipped, shipFailures, retries prometheus.Counter
	sentFiles, sentBytes           prometheus.Counter
	keptFiles, keptBytes           prometheus.Counter
	sweepFailures                  prometheus.Counter
	removed, damaged               prometheus.Counter
	restored, restoreFailures      prometheus.Counter
	fetchedBytes                   prometheus.Counter
	shipDone, shipTotal            prometheus.Gauge
	restoreDone, restoreTotal      prometheus.Gauge
	freezeSeconds, shipSeconds     prometheus.Histogram
	age                            prometheus.GaugeFunc
	ageSeconds                     atomic.Pointer[func() float64]
	registerer                     prometheus.Registerer
	all                            []prometheus.Collector
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{registerer: reg}
	opts := func(name, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: "tributary", Subsystem: "checkpoint", Name: name, Help: help}
	}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts(opts(name, help)))
		m.all = append(m.all, c)
		return c
	}
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts(opts(name, help)))
		m.all = append(m.all, g)
		return g
	}
	histogram := func(name, help string, first float64, count int) prometheus.Histogram {
		o := opts(name, help)
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: o.Namespace, Subsystem: o.Subsystem, Name: o.Name, Help: o.Help,
			Buckets: prometheus.ExponentialBuckets(first, 2, count)})
		m.all = append(m.all, h)
		return h
	}
	m.shipped = counter("shipped_total", "Checkpoints shipped.")
	m.shipFailures = counter("ship_failures_total", "Checkpoints that could not be shipped; the partition is tried again.")
	m.retries = counter("retries_total", "Attempts to reach the destination that failed and were repeated.")
	m.sentFiles = counter("sent_files_total", "Files sent to the destination.")
	m.sentBytes = counter("sent_bytes_total", "Bytes sent to the destination.")
	m.keptFiles = counter("kept_files_total", "Files of shipped checkpoints that the destination had already.")
	m.keptBytes = counter("kept_bytes_total", "Bytes of shipped checkpoints that the destination had already.")
	m.removed = counter("removed_objects_total", "Objects removed from the destination because nothing needs them any more.")
	m.sweepFailures = counter("sweep_failures_total", "Failed attempts to clear old checkpoints away; the next shipping tries again.")
	m.damaged = counter("damaged_total", "Checkpoints found damaged when they were read.")
	m.restored = counter("restored_total", "Partitions restored from a checkpoint.")
	m.restoreFailures = counter("restore_failures_total", "Attempts to restore a partition that failed.")
	m.fetchedBytes = counter("fetched_bytes_total", "Bytes fetched from the destination.")
	m.shipDone = gauge("ship_done_bytes", "Bytes sent of the checkpoint that is being shipped.")
	m.shipTotal = gauge("ship_bytes", "Bytes of the checkpoint that is being shipped; 0: none.")
	m.restoreDone = gauge("restore_done_bytes", "Bytes done of the partitions that are being restored; each byte is fetched, then applied.")
	m.restoreTotal = gauge("restore_bytes", "Bytes to do of the partitions that are being restored; 0: none.")
	m.freezeSeconds = histogram("freeze_seconds", "Time the processor's loop stood still to freeze a partition.", 0.001, 14)
	m.shipSeconds = histogram("ship_seconds", "Time to ship a checkpoint.", 0.1, 16)
	o := opts("age_seconds", "Age of the oldest among the newest shipped checkpoints of this process's partitions; before the first, since when the partition is here.")
	m.age = prometheus.NewGaugeFunc(prometheus.GaugeOpts(o), func() float64 {
		if f := m.ageSeconds.Load(); f != nil {
			return (*f)()
		}
		return 0
	})
	m.all = append(m.all, m.age)
	if reg == nil {
		return m, nil
	}
	for i, c := range m.all {
		if err := reg.Register(c); err != nil {
			for _, done := range m.all[:i] {
				reg.Unregister(done)
			}
			return nil, fmt.Errorf("registering metrics: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) unregister() {
	if m.registerer == nil {
		return
	}
	for _, c := range m.all {
		m.registerer.Unregister(c)
	}
}
