package processor

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"tributary/schemas"
	"tributary/schemas/events"
)

// history feeds a small stream with every kind of outcome, in two parts, and tells what must come out.
type history struct {
	w       *world
	clicks  []*events.Click
	orphans int
}

// feed sends n clicks with a conversion each, a duplicate click, an early postback and one without a click.
func (h *history) feed(n int) {
	w := h.w
	for i := range n {
		c := w.newClick()
		if i%5 == 0 {
			w.sendPostback(w.newPostback(c.ClickId, fmt.Sprintf("early%d-%d", len(h.clicks), i), events.Status_STATUS_PENDING))
		}
		w.sendClick(c)
		if i%7 == 0 {
			w.sendClick(c)
		}
		pb := w.newPostback(c.ClickId, fmt.Sprintf("t%d-%d", len(h.clicks), i), events.Status_STATUS_APPROVED)
		w.sendPostback(pb)
		if i%3 == 0 {
			w.sendPostback(pb)
		}
		h.clicks = append(h.clicks, c)
	}
	w.sendPostback(w.newPostback(w.clickID(1, 2), fmt.Sprintf("lost%d", len(h.clicks)), events.Status_STATUS_APPROVED))
	h.orphans++
}

// finish waits for the grace to end and for everything to be there, once.
func (h *history) finish(r *running) output {
	h.w.t.Helper()
	h.w.caughtUp(r.p.cfg.Group)
	h.w.clockMS.Add((2 * time.Minute).Milliseconds())
	out := h.w.await("the end of the grace", func(o output) bool {
		n := 0
		for _, c := range o.conversions {
			if c.Match == events.Conversion_MATCH_CLICK_ID {
				n++
			}
		}
		return n >= h.orphans
	})
	h.check(out)
	return out
}

func (h *history) check(out output) {
	t := h.w.t
	t.Helper()
	lines := out.ledger()
	for i := range lines[1:] {
		if lines[i] == lines[i+1] {
			t.Errorf("came out twice: %s", lines[i])
		}
	}
	seen := map[string]bool{}
	for _, c := range out.clicks {
		seen[c.ClickId] = true
	}
	byClick := map[string]int64{}
	for _, c := range out.conversions {
		byClick[c.ClickId] += c.RevenueConfirmedDeltaMicros
	}
	for _, c := range h.clicks {
		if !seen[c.ClickId] {
			t.Errorf("click %s is lost", c.ClickId)
		}
		if byClick[c.ClickId] != 7_000_000 {
			t.Errorf("click %s earned %d", c.ClickId, byClick[c.ClickId])
		}
	}
	if len(out.clicks) != len(h.clicks) {
		t.Errorf("%d clicks came out of %d", len(out.clicks), len(h.clicks))
	}
}

func TestCrashAtEveryStep(t *testing.T) {
	for _, step := range []string{stepFlushed, stepSynced, stepProduced, stepEnded} {
		for nth := 1; nth <= 3; nth++ {
			t.Run(fmt.Sprintf("%s-%d", step, nth), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, testPartitions)
				cfg := w.config()
				cfg.MaxCycleRecords = 20
				c := &crasher{step: step, nth: nth, fs: vfs.NewCrashableMem()}
				deps := w.deps(c.fs)
				deps.fault = c.at
				h := &history{w: w}
				h.feed(30)
				r := w.start(cfg, deps)
				if err := r.wait(); !errors.Is(err, errCrash) {
					t.Fatalf("it ended with %v", err)
				}
				h.feed(10)
				deps = w.deps(c.saved)
				r = w.start(cfg, deps)
				h.finish(r)
				r.stop()
				// And once more, in peace.
				r = w.start(cfg, w.deps(c.saved))
				h.feed(3)
				h.finish(r)
				r.stop()
			})
		}
	}
}

// TestCrashWhileTimersFire crashes cycles that read nothing: their commit must be told from their abort all the same.
func TestCrashWhileTimersFire(t *testing.T) {
	for _, step := range []string{stepFlushed, stepSynced, stepProduced, stepEnded} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, testPartitions)
			fs := vfs.NewCrashableMem()
			r := w.start(w.config(), w.deps(fs))
			h := &history{w: w}
			h.feed(5)
			h.feed(5)
			w.caughtUp(r.p.cfg.Group)
			r.stop()
			c := &crasher{step: step, nth: 1, fs: fs}
			deps := w.deps(fs)
			deps.fault = c.at
			w.clockMS.Add((2 * time.Minute).Milliseconds())
			r = w.start(w.config(), deps)
			if err := r.wait(); !errors.Is(err, errCrash) {
				t.Fatalf("it ended with %v", err)
			}
			r = w.start(w.config(), w.deps(c.saved))
			h.finish(r)
			r.stop()
		})
	}
}

// TestAbortedTransactionIsSentAgain has Kafka refuse commits: the processor goes on without a restart.
func TestAbortedTransactionIsSentAgain(t *testing.T) {
	w := newWorld(t, testPartitions)
	refused := 0
	w.cluster.ControlKey(int16(kmsg.TxnOffsetCommit), func(req kmsg.Request) (kmsg.Response, error, bool) {
		w.cluster.KeepControl()
		if refused++; refused%3 != 2 || refused > 12 {
			return nil, nil, false
		}
		in := req.(*kmsg.TxnOffsetCommitRequest)
		resp := in.ResponseKind().(*kmsg.TxnOffsetCommitResponse)
		for _, topic := range in.Topics {
			rt := kmsg.NewTxnOffsetCommitResponseTopic()
			rt.Topic, rt.TopicID = topic.Topic, topic.TopicID
			for _, p := range topic.Partitions {
				rp := kmsg.NewTxnOffsetCommitResponseTopicPartition()
				rp.Partition, rp.ErrorCode = p.Partition, kerr.TransactionAbortable.Code
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
		return resp, nil, true
	})
	cfg := w.config()
	cfg.MaxCycleRecords = 10
	h := &history{w: w}
	h.feed(60)
	r := w.start(cfg, w.deps(vfs.NewMem()))
	h.finish(r)
	r.stop()
	if aborts := valueOf(r.p.metrics.aborts); aborts < 1 {
		t.Errorf("%v of %d transactions aborted", aborts, refused)
	}
}

func TestLostStateIsRebuilt(t *testing.T) {
	w := newWorld(t, testPartitions)
	r := w.start(w.config(), w.deps(vfs.NewMem()))
	h := &history{w: w}
	h.feed(40)
	w.caughtUp(r.p.cfg.Group)
	r.stop()
	before := len(w.read().ledger())
	// An empty directory. The rest of the stream needs what was in the old one.
	r = w.start(w.config(), w.deps(vfs.NewMem()))
	for i, c := range h.clicks[:10] {
		w.sendClick(c)
		w.sendPostback(w.newPostback(c.ClickId, fmt.Sprintf("t%d-%d", i, i), events.Status_STATUS_CHARGEBACK))
	}
	out := w.await("ten duplicates and ten chargebacks", func(o output) bool { return len(o.ledger()) >= before+20 })
	chargebacks := 0
	for _, c := range out.conversions {
		if c.Status == events.Status_STATUS_CHARGEBACK {
			chargebacks++
			if c.RevenueConfirmedDeltaMicros != -7_000_000 || c.Seq != 2 || c.Match != events.Conversion_MATCH_CLICK {
				t.Errorf("a chargeback on rebuilt state: %v", c)
			}
		}
	}
	if chargebacks != 10 || len(out.clicks) != len(h.clicks) {
		t.Errorf("%d chargebacks, %d clicks of %d", chargebacks, len(out.clicks), len(h.clicks))
	}
	r.stop()
}

// TestRebalance has a second processor join, take over half, and leave again.
func TestRebalance(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 4)
	h := &history{w: w}
	cfg := w.config()
	cfg.MaxCycleRecords = 50
	fsA, fsB := vfs.NewMem(), vfs.NewMem()
	a := w.start(cfg, w.deps(fsA))
	h.feed(30)
	w.caughtUp(cfg.Group)
	other := cfg
	other.InstanceID = "test-1"
	b := w.start(other, w.deps(fsB))
	for range 10 {
		h.feed(10)
	}
	deadline := time.Now().Add(patience)
	for b.p.Ready() != nil {
		if time.Now().After(deadline) {
			t.Fatalf("the second processor: %v", b.p.Ready())
		}
		time.Sleep(10 * time.Millisecond)
	}
	h.feed(30)
	w.caughtUp(cfg.Group)
	b.stop()
	h.feed(30)
	w.caughtUp(cfg.Group) // after the session of the second one has ended
	h.finish(a)
	// The second comes back with its old state, behind what the first has committed.
	b = w.start(other, w.deps(fsB))
	h.feed(30)
	h.finish(a)
	b.stop()
	a.stop()
}

func TestTopicsAreHeldAgainstTheStages(t *testing.T) {
	w := newWorld(t, 2)
	deps := w.deps(vfs.NewMem())
	deps.TopicPrefix = "nowhere."
	if err := w.start(w.config(), deps).wait(); !errors.Is(err, ErrTopicMissing) {
		t.Errorf("topics that do not exist: %v", err)
	}
	var cfg Config
	if _, err := New(cfg, deps); err == nil {
		t.Error("an empty configuration was accepted")
	} else {
		var field *schemas.FieldError
		if !errors.As(err, &field) {
			t.Errorf("no field is named: %v", err)
		}
	}
}

// TestLostStateKeepsWhatTimersDecided: a deadline that ended on the clock alone, after the last record, is not decided again
// on rebuilt state.
func TestLostStateKeepsWhatTimersDecided(t *testing.T) {
	w := newWorld(t, testPartitions)
	r := w.start(w.config(), w.deps(vfs.NewMem()))
	h := &history{w: w}
	h.feed(5)
	h.finish(r)
	r.stop()
	r = w.start(w.config(), w.deps(vfs.NewMem()))
	h.feed(5)
	out := h.finish(r)
	r.stop()
	n := 0
	for _, c := range out.conversions {
		if c.Match == events.Conversion_MATCH_CLICK_ID {
			n++
		}
	}
	if n != h.orphans {
		t.Errorf("%d postbacks without a click were booked, %d were sent", n, h.orphans)
	}
}

// TestRandomCrashes crashes one processor again and again at random steps while the stream goes on; now and then its disk is lost.
func TestRandomCrashes(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 3))
			w := newWorld(t, 3)
			cfg := w.config()
			h := &history{w: w}
			fs := vfs.NewCrashableMem()
			steps := []string{stepFlushed, stepSynced, stepProduced, stepEnded}
			for range 12 {
				cfg.MaxCycleRecords = 5 + rng.IntN(60)
				c := &crasher{step: steps[rng.IntN(len(steps))], nth: 1 + rng.IntN(4), fs: fs}
				deps := w.deps(fs)
				deps.fault = c.at
				r := w.start(cfg, deps)
				for fed := 0; len(r.done) == 0; fed++ {
					h.feed(1 + rng.IntN(3))
					if fed > 10 {
						time.Sleep(20 * time.Millisecond) // enough cycles are coming: more would only slow the test
					}
				}
				if err := r.wait(); !errors.Is(err, errCrash) {
					t.Fatalf("it ended with %v", err)
				}
				fs = c.saved
				if rng.IntN(8) == 0 {
					// What is left of the stream's outputs must be in Kafka before the disk goes: an outbox is on that disk alone.
					r = w.start(cfg, w.deps(fs))
					w.caughtUp(cfg.Group)
					r.stop()
					fs = vfs.NewCrashableMem()
				}
			}
			r := w.start(cfg, w.deps(fs))
			h.finish(r)
			r.stop()
		})
	}
}
