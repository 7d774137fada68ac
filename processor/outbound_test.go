package processor

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tributary/catalog"
	"tributary/catalog/destination"
	"tributary/processor/stages/outbound"
	"tributary/schemas"
	"tributary/schemas/events"
)

// declare is a stage that decides by these destinations.
func declare(t *testing.T, w *world, list ...destination.Config) *outbound.Stage {
	t.Helper()
	c, err := catalog.BuildWithoutKeys(catalog.Config{BaseCurrency: "USD", Destinations: list})
	if err != nil {
		t.Fatal(err)
	}
	s := outbound.New(nil)
	if err := s.Declare(c, Defaults().BookRetention.Milliseconds(), time.UnixMilli(w.clockMS.Load())); err != nil {
		t.Fatal(err)
	}
	return s
}

func destined(name, share string) destination.Config {
	url := "https://" + name + ".example/?id={click_id}&sum={payout?}&ua={user_agent?}"
	return destination.Config{Name: name, Share: share, URL: url, RestateURL: "same", RetractURL: "same"}
}

// requests are all that were decided, in short, by conversion in order; each has an ID of its own.
func (w *world) requests() (all []string) {
	w.t.Helper()
	ids := map[string]bool{}
	for _, r := range w.read(schemas.TopicOutboundRequests).all {
		req := &events.OutboundRequest{}
		if err := req.UnmarshalVT(r.Value); err != nil {
			w.t.Fatal(err)
		}
		if ids[req.RequestId] {
			w.t.Errorf("the request %v comes twice", req)
		}
		ids[req.RequestId] = true
		all = append(all, fmt.Sprintf("%s %s %d %s %s %s", req.ConversionId, req.Destination, req.Seq, destination.ToldWord(req.Told), req.Values["payout"], req.Values["user_agent"]))
	}
	slices.Sort(all)
	return all
}

// TestWhatWasToldIsToldOnce: destinations are declared, changed and taken back amid the stream, the processor dies in between, and then the
// state is lost. What is built again is what was lost, tells nobody anything twice, and takes back what was told with the share of then.
func TestWhatWasToldIsToldOnce(t *testing.T) {
	w := newWorld(t, 1)
	cfg := w.config()
	fs := vfs.NewMem()
	var clicks []*events.Click
	turn := func(s *outbound.Stage, do func()) {
		deps := w.deps(fs)
		deps.Outbound = s
		r := w.start(cfg, deps)
		do()
		w.claimsDone(cfg.Group)
		w.caughtUp(cfg.Group)
		r.stop()
	}
	convert := func(status events.Status, micros int64, list ...*events.Click) {
		for _, c := range list {
			pb := w.newPostback(c.ClickId, "t", status)
			pb.PayoutMicros, pb.PayoutBaseMicros = micros, micros
			w.sendPostback(pb)
			w.clockMS.Add(10)
		}
		w.caughtUp(cfg.Group)
	}
	click := func(n int) []*events.Click {
		for range n {
			c := w.newClick()
			w.sendClick(c)
			w.clockMS.Add(10)
			clicks = append(clicks, c)
		}
		return clicks[len(clicks)-n:]
	}
	before := click(1)[0]
	turn(declare(t, w), func() { convert(events.Status_STATUS_PENDING, 8_000_000, before) })
	turn(declare(t, w, destined("a", "50")), func() {
		convert(events.Status_STATUS_APPROVED, 8_000_000, before) // it came before there was anybody to tell
		convert(events.Status_STATUS_APPROVED, 10_000_000, click(4)...)
	})
	turn(declare(t, w, destined("a", "25"), destined("b", "")), func() {
		convert(events.Status_STATUS_APPROVED, 20_000_000, clicks[1]) // restated with the share of then
		convert(events.Status_STATUS_APPROVED, 10_000_000, click(2)...)
	})
	told := w.requests()
	kept := contents(t, fs)
	if len(ofOutbound(kept)) < 10 {
		t.Errorf("the state of the stage has %d keys: it shows little", len(ofOutbound(kept)))
	}
	lines := strings.Join(told, "\n")
	for want, n := range map[string]int{" a 1 created 5": 4, " a 2 restated 10": 1, " a 1 created 2.5": 2, " b 1 created 10": 2, "Mozilla/5.0": 9, " b 1 created 20": 0} {
		if got := strings.Count(lines, want); got != n {
			t.Errorf("%d of %q, want %d:\n%s", got, want, n, lines)
		}
	}

	// The state is lost, and by now others are to be told.
	deps := w.deps(vfs.NewMem())
	fs = deps.FS.(*vfs.MemFS)
	deps.Outbound = declare(t, w, destined("c", ""))
	r := w.start(cfg, deps)
	w.awaitReplayed(r)
	r.stop()
	sameContents(t, ofOutbound(contents(t, fs)), ofOutbound(kept))
	if again := w.requests(); !slices.Equal(again, told) {
		t.Errorf("after the rebuilding:\n%s\nbefore it:\n%s", strings.Join(again, "\n"), lines)
	}
	turn(declare(t, w, destined("a", "25")), func() { convert(events.Status_STATUS_REJECTED, 20_000_000, clicks[1], clicks[2], clicks[5]) })
	lines = strings.Join(w.requests(), "\n")
	for want, n := range map[string]int{" a 3 retracted 10": 1, " a 2 retracted 5": 1, " a 2 retracted 2.5": 1, " c ": 0} {
		if got := strings.Count(lines, want); got != n {
			t.Errorf("%d of %q, want %d:\n%s", got, want, n, lines)
		}
	}
}

// ofOutbound are the keys of the stage outbound, its timers among them. Words of join differ with each start.
func ofOutbound(all map[string]string) map[string]string {
	own := map[string]string{}
	for key, value := range all {
		if strings.Contains(key, "outbound\x00") {
			own[key] = value
		}
	}
	return own
}

// TestADestinationInACrash: a processor that dies at any step of its cycles tells what it would have told, once.
func TestADestinationInACrash(t *testing.T) {
	for _, step := range []string{stepFlushed, stepSynced, stepProduced, stepEnded} {
		for nth := 1; nth <= 2; nth++ {
			t.Run(fmt.Sprint(step, nth), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, 1)
				cfg := w.config()
				fs := vfs.NewCrashableMem()
				crash := &crasher{step: step, nth: nth, fs: fs}
				deps := w.deps(fs)
				deps.Outbound, deps.fault = declare(t, w, destined("a", "")), crash.at
				c := w.newClick()
				w.sendClick(c)
				pb := w.newPostback(c.ClickId, "t", events.Status_STATUS_APPROVED)
				w.sendPostback(pb)
				r := w.start(cfg, deps)
				again := deps
				if err := r.wait(); err == nil {
					t.Fatal("it did not crash")
				}
				again.FS, again.fault = crash.saved, nil
				r = w.start(cfg, again)
				w.sendPostback(w.newPostback(c.ClickId, "t", events.Status_STATUS_REJECTED))
				w.caughtUp(cfg.Group)
				for deadline := time.Now().Add(patience); len(w.requests()) < 2; time.Sleep(10 * time.Millisecond) {
					if time.Now().After(deadline) {
						t.Fatalf("told: %v", w.requests())
					}
				}
				r.stop()
				if got := strings.Join(w.requests(), "\n"); strings.Count(got, "created 7") != 1 || strings.Count(got, "retracted 7") != 1 {
					t.Errorf("told:\n%s", got)
				}
			})
		}
	}
}
