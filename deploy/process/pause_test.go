package process

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

func paused(t *testing.T, s *Supervisor, work func()) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ended, started := make(chan error, 1), make(chan struct{})
	go func() { ended <- s.Run(ctx, func() { close(started) }) }()
	<-started
	work()
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestPauseEndsInTheOppositeOrderAndResumesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		s := NewSupervisor(zap.NewNop(), time.Minute)
		s.Add(unit(&fake{name: "broker", journal: &j}, true))
		s.Add(unit(&fake{name: "loader", journal: &j, drain: time.Second}, false))
		s.Add(unit(&fake{name: "edge", journal: &j}, true))
		paused(t, s, func() {
			before := len(j.all())
			resume, err := s.Pause(t.Context(), "broker", "loader")
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
			if got := j.all()[before:]; !slices.Equal(got, []string{"end loader", "end broker"}) {
				t.Errorf("paused: %q", got)
			}
			for name, err := range s.States() {
				if (name != "edge") != errors.Is(err, errPaused) {
					t.Errorf("%s: %v", name, err)
				}
			}
			if err := resume(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Second)
			if got := j.all()[before+2:]; !slices.Equal(
				got,
				[]string{"new broker", "run broker", "new loader", "run loader"},
			) {
				t.Errorf("resumed: %q", got)
			}
			if err := s.Ready(); err != nil {
				t.Error(err)
			}
		})
	})
}

// Whatever a unit is at, it stands still afterwards: working, waiting for its next try, or starting.
func TestPauseOfAUnitThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		tries := 0
		s := NewSupervisor(zap.NewNop(), time.Minute)
		s.Add(Unit{Name: "loader", New: func(context.Context, prometheus.Registerer) (Runner, error) {
			if tries++; tries < 20 {
				return nil, errors.New("no")
			}
			return &fake{name: "loader", journal: &j}, nil
		}})
		paused(t, s, func() {
			time.Sleep(10 * time.Second)
			resume, err := s.Pause(t.Context(), "loader")
			if err != nil {
				t.Fatal(err)
			}
			stood := tries
			time.Sleep(time.Hour)
			if tries != stood {
				t.Error("a paused unit was started")
			}
			if err := resume(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
			if err := s.Ready(); err != nil {
				t.Error(err)
			}
		})
	})
}

func TestPauseThatTakesTooLongLeavesNothingPaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		s := NewSupervisor(zap.NewNop(), time.Minute)
		s.Add(unit(&fake{name: "broker", journal: &j, drain: 50 * time.Second}, true))
		loader := &fake{name: "loader", journal: &j, drain: 61 * time.Second}
		s.Add(unit(loader, true))
		ctx, stop := context.WithCancel(t.Context())
		ended, started := make(chan error, 1), make(chan struct{})
		go func() { ended <- s.Run(ctx, func() { close(started) }) }()
		<-started
		if _, err := s.Pause(t.Context(), "broker", "loader"); err == nil {
			t.Error("paused although the loader did not end in time")
		}
		time.Sleep(time.Hour)
		if err := s.Ready(); err != nil {
			t.Errorf("not ready after a pause that failed: %v", err)
		}
		loader.drain = 0
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// A stop amid a pause ends everything.
func TestStopAmidAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		s := NewSupervisor(zap.NewNop(), time.Minute)
		s.Add(unit(&fake{name: "broker", journal: &j}, true))
		paused(t, s, func() {
			if _, err := s.Pause(t.Context(), "broker"); err != nil {
				t.Fatal(err)
			}
		})
	})
}
