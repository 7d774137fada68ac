package embedded

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/zap"

	"tributary/deploy/embedded/chdb"
	"tributary/deploy/embedded/chdb/chdbtest"
)

func startClickHouse(t *testing.T) (*ClickHouse, *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewRegistry()
	config := chdbtest.Config(t, t.TempDir())
	engine, err := NewClickHouse(t.Context(), ClickHouseConfig{
		Address: config.Listen, Dir: config.DataDir, Users: config.Users, Command: config.Command, Registerer: registry, Logger: zap.NewNop(),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- engine.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return engine, registry
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 30 s", what)
		}
	}
}

// An engine that accepts connections and does not answer, as a stopped process does, must not be called ready.
func TestFrozenClickHouseIsNotReady(t *testing.T) {
	engine, registry := startClickHouse(t)
	up := func(want float64) bool {
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == "tributary_clickhouse_answers" {
				return f.GetMetric()[0].GetGauge().GetValue() == want
			}
		}
		return false
	}
	eventually(t, "the first answer", func() bool { return engine.Ready() == nil && up(1) })
	if err := syscall.Kill(engine.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(engine.PID(), syscall.SIGCONT)
	eventually(t, "not ready", func() bool { return engine.Ready() != nil && up(0) })
	if text := engine.Ready().Error(); !strings.Contains(text, "has not answered since 2") || !strings.Contains(text, "no answer within 3s") {
		t.Errorf("it says %s", text)
	}
	if err := syscall.Kill(engine.PID(), syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	eventually(t, "ready again by itself", func() bool { return engine.Ready() == nil && up(1) })
}

func TestClickHouseMetricsFollowTheChild(t *testing.T) {
	m, err := newClickHouseMetrics(nil)
	if err != nil {
		t.Fatal(err)
	}
	m.saw(chdb.Status{Roles: chdb.SlotUsage{Slots: 8, Running: 2, Admitted: 10}, Guests: chdb.SlotUsage{Slots: 4, Waiting: 1, Admitted: 5, Refused: 3}, RefusedRequests: 7, KilledQueries: 1, EvictedSessions: 4}, nil)
	m.saw(chdb.Status{Roles: chdb.SlotUsage{Slots: 8, Running: 1, Admitted: 12}, Guests: chdb.SlotUsage{Slots: 4, Admitted: 6, Refused: 4}, RefusedRequests: 9, KilledQueries: 1, RolesSessions: 2, GuestsSessions: 5, EvictedSessions: 6, Confined: true}, nil)
	for _, check := range []struct {
		name   string
		metric prometheus.Metric
		want   float64
	}{
		{"roles' slots", m.slots.WithLabelValues("roles"), 8}, {"roles running", m.running.WithLabelValues("roles"), 1}, {"roles admitted", m.admitted.WithLabelValues("roles"), 12},
		{"guests waiting", m.waiting.WithLabelValues("guests"), 0}, {"guests refused", m.refused.WithLabelValues("guests"), 4}, {"denied", m.denied, 9}, {"killed", m.killed, 1},
		{"roles' sessions", m.sessions.WithLabelValues("roles"), 2}, {"guests' sessions", m.sessions.WithLabelValues("guests"), 5}, {"evicted", m.evicted, 6}, {"confined", m.confined.WithLabelValues(), 1},
	} {
		var written dto.Metric
		if err := check.metric.Write(&written); err != nil {
			t.Fatal(err)
		}
		if got := written.GetGauge().GetValue() + written.GetCounter().GetValue(); got != check.want {
			t.Errorf("%s: %v, want %v", check.name, got, check.want)
		}
	}
}
