package embedded

import (
	"github.com/prometheus/client_golang/prometheus"
)

// damageKind is what was found damaged at a start.
type damageKind string

const (
	damageJournal     damageKind = "journal"
	damageSegment     damageKind = "segment"
	damageSnapshot    damageKind = "snapshot"
	damageTransaction damageKind = "transaction"
)

// refusal is why a connection was closed, or a login refused.
type refusal string

const (
	refusedSize        refusal = "size"
	refusedRequest     refusal = "request"
	refusedSlow        refusal = "slow"
	refusedMemory      refusal = "memory"
	refusedConnections refusal = "connections"
	refusedLogin       refusal = "login"
)

// metrics of one run of the broker.
type metrics struct {
	damage       map[damageKind]prometheus.Counter
	damagedBytes prometheus.Counter
	completed    prometheus.Counter
	aborted      prometheus.Counter

	refused       map[refusal]prometheus.Counter
	connections   prometheus.Gauge
	frameBytes    prometheus.Gauge
	held          prometheus.Gauge
	syncSeconds   prometheus.Histogram
	writeFailures prometheus.Counter
}

func newMetrics(r prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	damage := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tributary_kafka_damage_total", Help: "Files, or transactions, of the embedded Kafka that were found damaged at its start, by kind.",
	}, []string{"kind"})
	refused := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tributary_kafka_refused_total", Help: "Connections that the embedded Kafka closed, by reason: a request too long or unreadable, one that came too slowly, too many of them, or a login that failed.",
	}, []string{"reason"})
	m := &metrics{
		damage: map[damageKind]prometheus.Counter{}, refused: map[refusal]prometheus.Counter{},
		damagedBytes: counter("tributary_kafka_damaged_bytes_total", "Bytes that were taken out of the embedded Kafka's files at its start and kept beside them."),
		completed:    counter("tributary_kafka_completed_transactions_total", "Transactions whose commit was completed at the embedded Kafka's start."),
		aborted:      counter("tributary_kafka_aborted_transactions_total", "Transactions that were open when the embedded Kafka ended without order, ended at its start."),
		connections:  gauge("tributary_kafka_connections", "Connections to the embedded Kafka."),
		frameBytes:   gauge("tributary_kafka_request_bytes", "Bytes of requests that the embedded Kafka is receiving."),
		held:         gauge("tributary_kafka_held_responses", "Responses of the embedded Kafka that wait for a sync of its disk."),
		syncSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tributary_kafka_sync_seconds", Help: "How long a sync of the embedded Kafka's disk took.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}),
		writeFailures: counter("tributary_kafka_write_failures_total", "Writes to the embedded Kafka's folder that failed and ended it."),
	}
	for _, kind := range []damageKind{damageJournal, damageSegment, damageSnapshot, damageTransaction} {
		m.damage[kind] = damage.WithLabelValues(string(kind))
	}
	for _, reason := range []refusal{refusedSize, refusedRequest, refusedSlow, refusedMemory, refusedConnections, refusedLogin} {
		m.refused[reason] = refused.WithLabelValues(string(reason))
	}
	if r != nil {
		r.MustRegister(damage, refused, m.damagedBytes, m.completed, m.aborted, m.connections, m.frameBytes, m.held, m.syncSeconds, m.writeFailures)
	}
	return m
}
