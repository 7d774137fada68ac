package processor

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

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
	t.Parallel()
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
			w.endSession(kadm.NewClient(w.client), cfg)
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

// TestAddedPartitionsAreNotProcessed: the group learns of partitions and shares them out before anybody else looks.
func TestAddedPartitionsAreNotProcessed(t *testing.T) {
	w := newWorld(t, testPartitions)
	cfg := w.config()
	cfg.SessionTimeout = 2 * time.Minute // and so long until the processor looks by itself
	r := w.start(cfg, w.deps(vfs.NewMem()))
	w.sendClick(w.newClick())
	w.caughtUp(cfg.Group)
	w.grow(testPartitions+1, schemas.TopicClicks, schemas.TopicPostbacks, schemas.TopicClaims, schemas.TopicCycles)
	c := w.newClick()
	value, err := c.MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	there, err := kgo.NewClient(append(w.opts(), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	if err := there.ProduceSync(t.Context(), &kgo.Record{Topic: schemas.TopicClicks, Partition: testPartitions, Key: []byte(c.ClickId), Value: value}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	r.p.session.Client().ForceMetadataRefresh()
	refusesPartitions(t, r.wait(), ErrRepartitioned)
	if n := len(w.read(schemas.TopicScoredClicks).clicks); n != 1 {
		t.Errorf("%d clicks were counted, 1 is of a partition from before", n)
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
