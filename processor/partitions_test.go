package processor

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"tributary/schemas"
)

func (w *world) grow(n int, topics ...string) {
	w.t.Helper()
	made, err := kadm.NewClient(w.client).UpdatePartitions(w.t.Context(), n, topics...)
	if err != nil || made.Error() != nil {
		w.t.Fatal(err, made.Error())
	}
}

func refusesPartitions(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) || !strings.Contains(err.Error(), "kafka.topic_prefix, data_dir and clickhouse.database of its own") {
		t.Errorf("it ended with %v, want %v and what to do", err, want)
	}
}

// TestAddedPartitionsStopTheProcessor adds partitions to what goes together: a processor at work stops, and none starts with the
// state from before, for its keys lead elsewhere now. A state of nothing is no hindrance.
func TestAddedPartitionsStopTheProcessor(t *testing.T) {
	together := []string{schemas.TopicClicks, schemas.TopicPostbacks, schemas.TopicClaims, schemas.TopicCycles}
	for _, added := range together {
		t.Run(added, func(t *testing.T) {
			w := newWorld(t, testPartitions)
			cfg := w.config()
			cfg.StateDir = t.TempDir()
			r := w.start(cfg, w.deps(nil))
			w.sendClick(w.newClick())
			w.caughtUp(cfg.Group)
			w.grow(testPartitions+1, added)
			refusesPartitions(t, r.wait(), ErrRepartitioned)
			r = w.start(cfg, w.deps(nil))
			refusesPartitions(t, r.wait(), ErrNotCoPartitioned)
			for _, topic := range together {
				if topic != added {
					w.grow(testPartitions+1, topic)
				}
			}
			r = w.start(cfg, w.deps(nil))
			refusesPartitions(t, r.wait(), ErrRepartitioned)
			if added != schemas.TopicClicks {
				return
			}
			cfg.StateDir = t.TempDir()
			cfg.Group += "-of-another-installation"
			r = w.start(cfg, w.deps(nil))
			for deadline := time.Now().Add(patience); r.p.Ready() != nil; time.Sleep(10 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal(r.p.Ready())
				}
			}
			r.stop()
		})
	}
}

// TestAddedPartitionsOfOutputsAreFilled adds partitions to what the processor only writes: it goes on.
func TestAddedPartitionsOfOutputsAreFilled(t *testing.T) {
	w := newWorld(t, testPartitions)
	cfg := w.config()
	cfg.StateDir = t.TempDir()
	r := w.start(cfg, w.deps(nil))
	w.sendClick(w.newClick())
	w.caughtUp(cfg.Group)
	w.grow(testPartitions+2, schemas.TopicScoredClicks, schemas.TopicConversions)
	for i := range 3 {
		w.sendClick(w.newClick())
		w.await("the clicks", func(o output) bool { return len(o.clicks) == i+2 })
	}
	select {
	case err := <-r.done:
		t.Fatalf("it ended with %v", err)
	case <-time.After(0):
	}
	r.stop()
}
