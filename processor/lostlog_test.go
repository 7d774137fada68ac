package processor

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"tributary/processor/state"
	"tributary/schemas"
	"tributary/schemas/broker"
	"tributary/schemas/events"
)

// otherKafka is a world with other topics of the same names, at the same time.
func otherKafka(t *testing.T, w *world) *world {
	other := newWorld(t, testPartitions)
	other.clockMS.Store(w.clockMS.Load())
	return other
}

func awaitText(t *testing.T, p *Processor, text string) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		if err := p.Ready(); err != nil && strings.Contains(err.Error(), text) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the processor does not say %q but %v", text, p.Ready())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestALostBrokerDoesNotTakeTheState: over topics made anew the processor waits and leaves its state alone; once it is told to, it goes on with
// it, and copies of what the lost topics had do not count again. It may die at any step of its first cycle there.
func TestALostBrokerDoesNotTakeTheState(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"", stepFlushed, stepSynced, stepProduced, stepEnded} {
		t.Run("dies "+step, func(t *testing.T) {
			w := newWorld(t, testPartitions)
			cfg := w.config()
			cfg.StateDir = t.TempDir()
			deps := w.deps(nil)
			abilities := broker.Kafka()
			if step != "" {
				abilities = broker.Embedded()
			}
			deps.Broker = abilities
			r := w.start(cfg, deps)
			h := &history{w: w}
			h.feed(20)
			w.caughtUp(cfg.Group)
			w.claimsDone(cfg.Group)
			r.stop()

			w2 := otherKafka(t, w)
			deps = w2.deps(nil)
			deps.Broker = abilities
			r = w2.start(cfg, deps)
			awaitText(t, r.p, "the topics in Kafka are not those that the state in "+cfg.StateDir+" was built from")
			var m dto.Metric
			if err := r.p.metrics.otherLogs.Write(&m); err != nil || m.GetGauge().GetValue() != 1 {
				t.Errorf("the metric says %v, %v", m.GetGauge().GetValue(), err)
			}
			lost, err := ReadLostLog(cfg.StateDir)
			if err != nil || lost == nil || len(lost.Partitions) != testPartitions || lost.Was.Topics[schemas.TopicClicks] == "" || lost.Was.Topics[schemas.TopicClicks] == lost.Is.Topics[schemas.TopicClicks] {
				t.Fatalf("written down: %+v, %v", lost, err)
			}
			r.stop() // deciding while it is stopped is right too
			wrong := *lost
			wrong.Is.Topics = map[string]string{schemas.TopicClicks: "another"}
			if err := wrong.Accept(cfg.StateDir); err != nil {
				t.Fatal(err)
			}
			r = w2.start(cfg, deps)
			awaitText(t, r.p, "the topics in Kafka are not those")
			for i, c := range h.clicks { // copies of everything
				w2.sendClick(c)
				w2.sendPostback(w.newPostback(c.ClickId, fmt.Sprintf("t%d-%d", i, i), events.Status_STATUS_APPROVED))
			}
			fresh := w2.newClick()
			w2.sendClick(fresh)
			w2.sendPostback(w2.newPostback(fresh.ClickId, "new", events.Status_STATUS_APPROVED))
			died := false
			if step != "" {
				r.stop()
				deps.fault = func(at string) error {
					if at == step && !died {
						died = true
						return errCrash
					}
					return nil
				}
				if err := lost.Accept(cfg.StateDir); err != nil {
					t.Fatal(err)
				}
				r = w2.start(cfg, deps)
				if err := r.wait(); !errors.Is(err, errCrash) {
					t.Fatalf("it ended with %v", err)
				}
				deps.Registerer = prometheus.NewRegistry()
				r = w2.start(cfg, deps)
			} else if err := lost.Accept(cfg.StateDir); err != nil {
				t.Fatal(err)
			}
			w2.await("the copies' letters and the new click", func(o output) bool { return len(o.letters) >= 2*len(h.clicks) && len(o.conversions) >= 1 })
			w2.caughtUp(cfg.Group)
			out := w2.read()
			if len(out.clicks) != 1 || len(out.conversions) != 1 || out.conversions[0].ClickId != fresh.ClickId || len(out.letters) != 2*len(h.clicks) {
				t.Errorf("copies count again: %s", out.summary())
			}
			for deadline := time.Now().Add(30 * time.Second); r.p.Ready() != nil; time.Sleep(10 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal(r.p.Ready())
				}
			}
			if lost, err := ReadLostLog(cfg.StateDir); lost != nil || err != nil {
				t.Errorf("the decision is left over: %v, %v", lost, err)
			}
			r.stop()
			r = w2.start(cfg, w2.deps(nil)) // and is not asked for again
			w2.caughtUp(cfg.Group)
			r.stop()
		})
	}
}

// TestBothLostIsAFreshStart: where there is no state, there is nothing to protect.
func TestBothLostIsAFreshStart(t *testing.T) {
	w := newWorld(t, testPartitions)
	cfg := w.config()
	cfg.StateDir = t.TempDir()
	r := w.start(cfg, w.deps(nil))
	w.sendClick(w.newClick())
	w.caughtUp(cfg.Group)
	r.stop()
	w2 := otherKafka(t, w)
	cfg.StateDir = t.TempDir()
	r = w2.start(cfg, w2.deps(nil))
	w2.sendClick(w2.newClick())
	w2.caughtUp(cfg.Group)
	if err := r.p.Ready(); err != nil {
		t.Error(err)
	}
	r.stop()
}

// TestAMovedStateKeepsItsVersion: what was decided stays decided by the rules that it was decided by, also on new topics.
func TestAMovedStateKeepsItsVersion(t *testing.T) {
	w := newWorld(t, 1)
	p, err := New(w.config(), w.deps(nil))
	if err != nil {
		t.Fatal(err)
	}
	if p.store, err = state.Open(state.Options{Dir: "s", FS: vfs.NewMem(), CacheBytes: 8 << 20, MemtableBytes: 16 << 20}); err != nil {
		t.Fatal(err)
	}
	defer p.store.Close()
	part := p.newPartition(0)
	part.own.Put(metaKey, (&meta{cycle: cycleID{7, 8}, watermarkMS: 5, positions: map[string]int64{"clicks": 9}, decisions: schemas.Decisions}).append(nil))
	if err := part.state.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := p.moveTo(&LostLog{Partitions: []LostPartition{{Partition: 0}}}); err != nil {
		t.Fatal(err)
	}
	part = p.newPartition(0)
	if err := part.load(); err != nil {
		t.Fatal(err)
	}
	if m := part.meta; m.decisions != schemas.Decisions || m.watermarkMS != 5 || len(m.positions) != 0 || m.cycle != (cycleID{}) {
		t.Errorf("it is %+v", m)
	}
}
