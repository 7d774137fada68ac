package processor

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/twmb/franz-go/pkg/kadm"

	"tributary/processor/stage"
	"tributary/schemas"
	"tributary/schemas/events"
)

// older is the processor as it was when it decided by an earlier, or by a later, version of the rules.
func older(deps Deps, decisions uint32) Deps {
	deps.decisions = &decisions
	return deps
}

// says sends what a network says of a click: a payout in units, or none below 0.
func (w *world) says(network, clickID, txid string, status events.Status, units int64) {
	w.t.Helper()
	pb := w.newPostback(clickID, txid, status)
	pb.Network = network
	pb.HasPayout, pb.PayoutMicros, pb.PayoutBaseMicros = units >= 0, units*schemas.Micros, units*schemas.Micros
	w.sendPostback(pb)
}

// done waits until everything sent is decided.
func (w *world) done(r *running, cfg Config) {
	w.t.Helper()
	w.caughtUp(cfg.Group)
	w.claimsDone(cfg.Group)
}

// publishedLedger is every ledger entry that readers see, byte for byte, in the order of each partition.
func (w *world) publishedLedger() map[int32][][]byte {
	w.t.Helper()
	all := map[int32][][]byte{}
	for _, r := range w.read(schemas.TopicConversions).all {
		all[r.Partition] = append(all[r.Partition], r.Value)
	}
	return all
}

// TestAnUpgradeKeepsWhatWasPublished: a ledger by the rules that knew no networks apart, the upgrade, more
// postbacks, and the state is lost. What is built again from the topics is the state that was lost, tells nobody
// anything twice, and goes on with the conversions that were published, whichever rules they were published by.
func TestAnUpgradeKeepsWhatWasPublished(t *testing.T) {
	for name, step := range map[string]string{
		"after an orderly end":                             "",
		"after a crash that left a cycle to be sent again": stepSynced,
		"after a crash that left it unknown":               stepEnded,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, testPartitions)
			cfg := w.config()
			c := &crasher{step: step, nth: 1, fs: vfs.NewCrashableMem()}
			old := older(w.deps(c.fs), schemas.DecisionsByTransaction)
			r := w.start(cfg, old)
			var clicks []string
			for range 12 {
				click := w.newClick()
				w.sendClick(click)
				clicks = append(clicks, click.ClickId)
				w.says("usd", click.ClickId, "", events.Status_STATUS_APPROVED, 30)
				w.says("usd", click.ClickId, "1", events.Status_STATUS_PENDING, 5)
				w.says("af", click.ClickId, "", events.Status_STATUS_APPROVED, 8) // 30 becomes 8: those were the rules
			}
			waits := w.newClick() // its postback is parked by the old rules, and judged by the new ones
			w.says("af", waits.ClickId, "", events.Status_STATUS_PENDING, 3)
			w.done(r, cfg)
			r.stop()
			fs := c.fs
			if step != "" {
				old.fault = c.at
				r = w.start(cfg, old)
				for _, id := range clicks {
					w.says("usd", id, "2", events.Status_STATUS_PENDING, 7)
				}
				if err := r.wait(); !errors.Is(err, errCrash) {
					t.Fatalf("it ended with %v", err)
				}
				fs = c.saved
			}

			r = w.start(cfg, w.deps(fs))
			w.sendClick(waits)
			for _, id := range clicks {
				w.says("af", id, "", events.Status_STATUS_REJECTED, -1)
				w.says("zeta", id, "1", events.Status_STATUS_APPROVED, 2)
				w.says("usd", id, "1", events.Status_STATUS_APPROVED, -1)
			}
			w.done(r, cfg)
			r.stop()
			published, kept := w.publishedLedger(), contents(t, fs)

			again := vfs.NewMem()
			r = w.start(cfg, w.deps(again))
			w.awaitReplayed(r)
			r.stop()
			sameContents(t, contents(t, again), kept)
			sameLedger(t, w.publishedLedger(), published)

			w.knowsItsBooks(t, cfg, again)
		})
	}
}

// knowsItsBooks charges back everything that is booked: a state still knows it under the ID that it was published with.
func (w *world) knowsItsBooks(t *testing.T, cfg Config, fs vfs.FS) {
	t.Helper()
	known := map[string]*events.Conversion{}
	for _, e := range w.read(schemas.TopicConversions).conversions {
		if last := known[e.ConversionId]; e.Seq > last.GetSeq() {
			known[e.ConversionId] = e
		}
	}
	r := w.start(cfg, w.deps(fs))
	changes := 0
	for _, e := range known {
		if e.Status != events.Status_STATUS_CHARGEBACK {
			w.says(e.Network, e.ClickId, e.Txid, events.Status_STATUS_CHARGEBACK, -1)
			changes++
		}
	}
	w.done(r, cfg)
	r.stop()
	for _, e := range w.read(schemas.TopicConversions).conversions {
		last := known[e.ConversionId]
		switch {
		case last == nil:
			t.Errorf("a conversion came up that was not published: %v", e)
		case e.Seq == last.Seq+1 && e.Status == events.Status_STATUS_CHARGEBACK && e.PreviousStatus == last.Status:
			changes--
		}
	}
	if changes != 0 {
		t.Errorf("%d changes of published conversions are missing", changes)
	}
}

// TestTheLedgerTellsWhatCyclesDoNot: the cycles of an upgrade are gone, and of its postbacks their edges say nothing, or the
// wrong thing: an old edge before the new processor, a new edge before the old one. What was published tells how they
// were decided.
func TestTheLedgerTellsWhatCyclesDoNot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testPartitions)
	cfg := w.config()

	stamped := func(network, clickID string, units int64) {
		pb := w.newPostback(clickID, "", events.Status_STATUS_APPROVED)
		pb.Network, pb.PayoutMicros, pb.PayoutBaseMicros = network, units*schemas.Micros, units*schemas.Micros
		pb.TxidScope = events.TxidScope_TXID_SCOPE_NETWORK
		w.sendPostback(pb)
	}
	two := func(of func(network, clickID string, units int64)) {
		for range 12 {
			click := w.newClick()
			w.sendClick(click)
			of("usd", click.ClickId, 30)
			of("af", click.ClickId, 8)
		}
	}
	plain := func(network, clickID string, units int64) {
		w.says(network, clickID, "", events.Status_STATUS_APPROVED, units)
	}
	fs := vfs.NewMem()
	r := w.start(cfg, older(w.deps(fs), schemas.DecisionsByTransaction))
	two(plain)
	two(stamped)
	w.done(r, cfg)
	r.stop()
	r = w.start(cfg, w.deps(fs))
	two(plain)
	two(stamped)
	w.done(r, cfg)
	deleteAll(t, w, schemas.TopicCycles)
	two(plain)
	w.done(r, cfg)
	r.stop()
	published, kept := w.publishedLedger(), contents(t, fs)

	again := vfs.NewMem()
	r = w.start(cfg, w.deps(again))
	w.awaitReplayed(r)
	if n := valueOf(r.p.metrics.guessed); n != 0 {
		t.Errorf("%v postbacks were guessed", n)
	}
	r.stop()
	sameContents(t, contents(t, again), kept)
	sameLedger(t, w.publishedLedger(), published)
	w.knowsItsBooks(t, cfg, again)

	// Where the ledger is gone too, whether it begins later or anew, the edges' word is taken, and that is told.
	guesses := func() {
		t.Helper()
		r := w.start(cfg, w.deps(vfs.NewMem()))
		w.awaitReplayed(r)
		if n := valueOf(r.p.metrics.guessed); n < 4*12 {
			t.Errorf("%v postbacks are counted as guessed", n)
		}
		r.stop()
	}
	deleteAll(t, w, schemas.TopicConversions)
	guesses()
	adm := kadm.NewClient(w.client)
	if _, err := adm.DeleteTopic(t.Context(), schemas.TopicConversions); err != nil {
		t.Fatal(err)
	}
	if _, err := adm.CreateTopic(t.Context(), testPartitions, 1, nil, schemas.TopicConversions); err != nil {
		t.Fatal(err)
	}
	guesses()
}

func sameLedger(t *testing.T, got, want map[int32][][]byte) {
	t.Helper()
	for id := range want {
		if fmt.Sprint(got[id]) != fmt.Sprint(want[id]) {
			t.Errorf("partition %d: %d ledger entries are published, or others than the %d before", id,
				len(got[id]), len(want[id]))
		}
	}
}

// TestWhatANewerProgramDecidedIsRefused: with its state, and without: going on under rules of before would change
// what was published.
func TestWhatANewerProgramDecidedIsRefused(t *testing.T) {
	w := newWorld(t, testPartitions)
	cfg := w.config()
	fs := vfs.NewMem()
	r := w.start(cfg, older(w.deps(fs), schemas.Decisions+1))
	for range 8 {
		click := w.newClick()
		w.sendClick(click)
		w.says("usd", click.ClickId, "", events.Status_STATUS_APPROVED, 30)
	}
	w.done(r, cfg)
	r.stop()
	for name, fs := range map[string]vfs.FS{"with its state": fs, "without": vfs.NewMem()} {
		if err := w.start(cfg, w.deps(fs)).wait(); !errors.Is(err, ErrNewerDecisions) {
			t.Errorf("%s: it ended with %v, %v would be right", name, err, ErrNewerDecisions)
		}
	}
}

// TestRecordsOfNoCycleAreNotKnown: what is merged without its cycles is decided by the version of the cycle behind
// it at most, and of the cycle before it at least; where the two differ the stage is told that nobody knows.
func TestRecordsOfNoCycleAreNotKnown(t *testing.T) {
	w := newWorld(t, 1)
	cfg := w.config()
	seen := make(chan string, 1000)
	spy := &spyStage{seen: seen}
	start := func(decisions uint32, fs vfs.FS) *running {
		deps := older(w.deps(fs), decisions)
		deps.Stages = []stage.Stage{spy}
		return w.start(cfg, deps)
	}
	r := start(schemas.DecisionsByTransaction, vfs.NewMem())
	w.sendClick(w.newClick())
	w.caughtUp(cfg.Group)
	r.stop()
	deleteAll(t, w, schemas.TopicCycles)
	fs := vfs.NewMem()
	r = start(schemas.DecisionsByTransaction, fs)
	w.awaitReplayed(r)
	w.sendClick(w.newClick())
	w.caughtUp(cfg.Group)
	r.stop()
	r = start(schemas.Decisions, fs)
	w.sendClick(w.newClick())
	w.caughtUp(cfg.Group)
	r.stop()
	again := func(all ...string) {
		t.Helper()
		for len(seen) > 0 {
			<-seen
		}
		r := start(schemas.Decisions, vfs.NewMem())
		w.awaitReplayed(r)
		r.stop()
		for i, want := range all {
			select {
			case got := <-seen:
				if got != want {
					t.Errorf("click %d is decided by version and knowledge %s, %s would be right", i, got, want)
				}
			case <-time.After(patience):
				t.Fatalf("click %d was not run again", i)
			}
		}
	}
	again("0 true", "0 true", "1 true")
	deleteAll(t, w, schemas.TopicCycles)
	r = start(schemas.Decisions, fs)
	w.sendClick(w.newClick())
	w.caughtUp(cfg.Group)
	r.stop()
	again("1 false", "1 false", "1 false", "1 true")
}

// spyStage tells by which version each click is decided.
type spyStage struct{ seen chan string }

func (s *spyStage) Name() string                                { return "spy" }
func (s *spyStage) Inputs() []string                            { return []string{schemas.TopicClicks} }
func (s *spyStage) Outputs() []string                           { return nil }
func (s *spyStage) Task(int32) stage.Task                       { return s }
func (s *spyStage) Open(*stage.Context) error                   { return nil }
func (s *spyStage) OnTimer(*stage.Context, []byte, int64) error { return nil }
func (s *spyStage) Process(ctx *stage.Context, _ *stage.Record) error {
	version, known := ctx.Decisions()
	s.seen <- fmt.Sprint(version, known)
	return nil
}
