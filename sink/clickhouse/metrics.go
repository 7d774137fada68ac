package clickhouse

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are bound to their labels once: a flush looks nothing up.
type metrics struct {
	registered []prometheus.Collector
	topics     map[string]*topicMetrics
	buffered   prometheus.Gauge
	running    prometheus.Gauge
	commits    prometheus.Counter
	fenced     prometheus.Counter
	replays    prometheus.Counter
	orphans    prometheus.Counter
	copies     prometheus.Counter
	up         prometheus.Gauge
	stalled    prometheus.Gauge
}

type topicMetrics struct {
	rows, bytes, inserts prometheus.Counter
	letters, refused     prometheus.Counter
	errors               [classes]prometheus.Counter
	insertSeconds        prometheus.Observer
	freshness            prometheus.Observer
	lag                  *prometheus.GaugeVec
}

func newMetrics(registerer prometheus.Registerer, topics []string) (*metrics, error) {
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tributary_sink_" + name, Help: help}, labels)
	}
	rows := counters("rows_total", "Rows that landed in ClickHouse.", "topic")
	bytes := counters("bytes_total", "Bytes of the records behind them.", "topic")
	inserts := counters("inserts_total", "Inserts that succeeded.", "topic")
	letters := counters("undecodable_records_total", "Records that are not the event of their topic.", "topic")
	refused := counters("refused_rows_total", "Rows that ClickHouse refused for good.", "topic")
	failures := counters("errors_total", "Failed attempts of inserts, by class.", "topic", "class")
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "tributary_sink_insert_seconds", Help: "Duration of successful inserts.", Buckets: prometheus.ExponentialBuckets(0.002, 2, 15)}, []string{"topic"})
	freshness := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "tributary_sink_freshness_seconds", Help: "From the edge's acceptance of a batch's oldest row to its insert's success.", Buckets: prometheus.ExponentialBuckets(0.05, 1.6, 20)}, []string{"topic"})
	lag := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "tributary_sink_lag_records", Help: "Offsets of a partition between what is in ClickHouse and the end of its log."}, []string{"topic", "partition"})
	m := &metrics{
		topics:   make(map[string]*topicMetrics),
		buffered: prometheus.NewGauge(prometheus.GaugeOpts{Name: "tributary_sink_buffered_bytes", Help: "Bytes of records read and not yet inserted."}),
		running:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "tributary_sink_running_inserts", Help: "Inserts running now."}),
		commits:  prometheus.NewCounter(prometheus.CounterOpts{Name: "tributary_sink_commits_total", Help: "Offset commits, each for any number of partitions."}),
		fenced:   prometheus.NewCounter(prometheus.CounterOpts{Name: "tributary_sink_fenced_commits_total", Help: "Plans refused by Kafka because this member no longer owns the partition."}),
		replays:  prometheus.NewCounter(prometheus.CounterOpts{Name: "tributary_sink_replayed_plans_total", Help: "Plans of an earlier life that were carried out again."}),
		orphans:  prometheus.NewCounter(prometheus.CounterOpts{Name: "tributary_sink_orphan_tokens_total", Help: "Inserts that ClickHouse lost but for their token, and whose rows were brought in without one."}),
		copies:   prometheus.NewCounter(prometheus.CounterOpts{Name: "tributary_sink_copies_total", Help: "Rows marked as copies: an edge that died had sent the impression or landing click before."}),
		up:       prometheus.NewGauge(prometheus.GaugeOpts{Name: "tributary_sink_clickhouse_up", Help: "1 when ClickHouse answers and the last attempt of an insert succeeded."}),
		stalled:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "tributary_sink_stalled_partitions", Help: "Partitions of which nothing landed for sink.stall_after while records waited."}),
	}
	for _, topic := range topics {
		t := &topicMetrics{
			rows: rows.WithLabelValues(topic), bytes: bytes.WithLabelValues(topic), inserts: inserts.WithLabelValues(topic),
			letters: letters.WithLabelValues(topic), refused: refused.WithLabelValues(topic),
			insertSeconds: seconds.WithLabelValues(topic), freshness: freshness.WithLabelValues(topic),
			lag: lag.MustCurryWith(prometheus.Labels{"topic": topic}),
		}
		for c := range classes {
			t.errors[c] = failures.WithLabelValues(topic, c.String())
		}
		m.topics[topic] = t
	}
	for _, collector := range []prometheus.Collector{rows, bytes, inserts, letters, refused, failures, seconds, freshness, lag, m.buffered, m.running, m.commits, m.fenced, m.replays, m.orphans, m.copies, m.up, m.stalled} {
		if registerer == nil {
			break
		}
		if err := registerer.Register(collector); err != nil {
			m.unregister(registerer)
			return nil, err
		}
		m.registered = append(m.registered, collector)
	}
	return m, nil
}

// unregister lets a restarted role register anew.
func (m *metrics) unregister(registerer prometheus.Registerer) {
	for _, collector := range m.registered {
		registerer.Unregister(collector)
	}
	m.registered = nil
}

func (t *topicMetrics) landed(rows, bytes int, took time.Duration) {
	t.rows.Add(float64(rows))
	t.bytes.Add(float64(bytes))
	t.inserts.Inc()
	t.insertSeconds.Observe(took.Seconds())
}
