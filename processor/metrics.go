package processor

import (
	"github.com/prometheus/client_golang/prometheus"

	"tributary/schemas"
)

type metrics struct {
	recordsIn, recordsOut map[string]prometheus.Counter // by topic without prefix
	commits, aborts       prometheus.Counter
	resends, unsent       prometheus.Counter
	nudges                prometheus.Counter
	wipes                 prometheus.Counter
	staleOffsets          prometheus.Counter
	setAside              prometheus.Counter
	failed                map[schemas.RejectReason]prometheus.Counter
	restored              prometheus.Counter
	guessed               prometheus.Counter
	guessedSettings       prometheus.Counter
	restoring             prometheus.Gauge
	partitions            prometheus.Gauge
	cycleSeconds          prometheus.Histogram
	commitSeconds         prometheus.Histogram
	stateBytes            prometheus.GaugeFunc
	watermarkLag          prometheus.Gauge
	otherLogs             prometheus.Gauge
	lag                   map[string]*prometheus.GaugeVec // by topic without prefix; label partition
	stalled               prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer, inputs, outputs []string, stateBytes func() float64) (*metrics, []prometheus.Collector, error) {
	const ns, sub = "tributary", "processor"
	opts := func(name, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: ns, Subsystem: sub, Name: name, Help: help}
	}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts(opts(name, help)))
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts(opts(name, help)))
	}
	histogram := func(name, help string) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: ns, Subsystem: sub, Name: name, Help: help,
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14)})
	}
	in := prometheus.NewCounterVec(prometheus.CounterOpts(opts("records_in_total", "Records read, by topic.")), []string{"topic"})
	out := prometheus.NewCounterVec(prometheus.CounterOpts(opts("records_out_total", "Records produced in committed transactions, by topic.")), []string{"topic"})
	lag := prometheus.NewGaugeVec(prometheus.GaugeOpts(opts("lag_records", "Offsets of a partition between what is processed and the end of its log.")), []string{"topic", "partition"})
	rejects := prometheus.NewCounterVec(prometheus.CounterOpts(opts("undecodable_total", "Records and timers that a stage could not process.")), []string{"reason"})
	m := &metrics{
		recordsIn: map[string]prometheus.Counter{}, recordsOut: map[string]prometheus.Counter{},
		commits:      counter("commits_total", "Committed transactions."),
		aborts:       counter("aborts_total", "Aborted transactions; their outputs are sent again."),
		resends:      counter("resends_total", "Outboxes of partitions that were sent again."),
		unsent:       counter("resends_visible_total", "Outputs that were not sent again because readers could see them already."),
		nudges:       counter("nudges_total", "Rebalances asked for because partitions belonged to nobody."),
		staleOffsets: counter("stale_offsets_total", "Partitions that went on from their last visible cycle, because Kafka answered older committed offsets, or none."),
		wipes:        counter("wipes_total", "States of partitions that were thrown away and rebuilt."),
		setAside:     counter("damaged_states_total", "States that were damaged on disk, set aside, and restored from checkpoint and topics."),
		failed: map[schemas.RejectReason]prometheus.Counter{
			schemas.RejectUndecodable: rejects.WithLabelValues(string(schemas.RejectUndecodable)),
			schemas.RejectStageFailed: rejects.WithLabelValues(string(schemas.RejectStageFailed)),
		},
		restored: counter("restored_records_total", "Records read to rebuild state."),
		guessed: counter("guessed_decisions_total", "Postbacks run again to rebuild state of which neither cycles nor the "+
			"ledger say by which version of the rules they were decided."),
		guessedSettings: counter("guessed_settings_cycles_total", "Cycles run again to rebuild state that do not say under which "+
			"settings they were decided."),
		restoring:     gauge("restoring_partitions", "Partitions whose state is being rebuilt."),
		partitions:    gauge("partitions", "Partitions that are being processed."),
		cycleSeconds:  histogram("cycle_seconds", "Time of one cycle with records, without waiting for them."),
		commitSeconds: histogram("commit_seconds", "Time from the last record processed to the transaction's end."),
		watermarkLag:  gauge("watermark_lag_seconds", "How far the slowest partition's watermark is behind the clock."),
		otherLogs:     gauge("other_topics", "1 while the processor waits because Kafka's topics are not those that its state was built from."),
		lag:           map[string]*prometheus.GaugeVec{},
		stalled:       gauge("stalled_partitions", "Partitions of inputs without progress for processor.stall_after while records waited."),
		stateBytes:    prometheus.NewGaugeFunc(prometheus.GaugeOpts(opts("state_bytes", "Size of the state on disk.")), stateBytes),
	}
	for _, t := range inputs {
		m.recordsIn[t] = in.WithLabelValues(t)
		m.lag[t] = lag.MustCurryWith(prometheus.Labels{"topic": t})
	}
	for _, t := range outputs {
		m.recordsOut[t] = out.WithLabelValues(t)
	}
	collectors := []prometheus.Collector{in, out, rejects, lag, m.stalled, m.commits, m.aborts, m.resends, m.unsent, m.nudges, m.wipes, m.staleOffsets, m.setAside, m.restored, m.guessed, m.guessedSettings,
		m.restoring, m.partitions, m.cycleSeconds, m.commitSeconds, m.watermarkLag, m.otherLogs, m.stateBytes}
	for i, c := range collectors {
		if err := reg.Register(c); err != nil {
			for _, done := range collectors[:i] {
				reg.Unregister(done)
			}
			return nil, nil, err
		}
	}
	return m, collectors, nil
}
