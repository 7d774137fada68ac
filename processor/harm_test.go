package processor

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"tributary/schemas/events"
)

// cutFile leaves a file's first part.
func cutFile(t *testing.T, path string, to func(size int64) int64) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, max(0, to(info.Size()))); err != nil {
		t.Fatal(err)
	}
}

// flipByte changes one byte of a file.
func flipByte(t *testing.T, path string, at func(size int64) int64) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) == 0 {
		return
	}
	b[at(int64(len(b)))] ^= 0x10
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

var fileHarms = []struct {
	name string
	do   func(t *testing.T, path string)
}{
	{"cut by one byte", func(t *testing.T, path string) { cutFile(t, path, func(n int64) int64 { return n - 1 }) }},
	{"cut to half", func(t *testing.T, path string) { cutFile(t, path, func(n int64) int64 { return n / 2 }) }},
	{"cut to nothing", func(t *testing.T, path string) { cutFile(t, path, func(int64) int64 { return 0 }) }},
	{"flipped in front", func(t *testing.T, path string) { flipByte(t, path, func(int64) int64 { return 0 }) }},
	{"flipped in the middle", func(t *testing.T, path string) { flipByte(t, path, func(n int64) int64 { return n / 2 }) }},
	{"flipped at the end", func(t *testing.T, path string) { flipByte(t, path, func(n int64) int64 { return n - 1 }) }},
	{"deleted", func(t *testing.T, path string) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}},
}

// TestEveryHarmOfAStateEndsInTheRightLedger harms each kind of file of a state in each way, while the processor is stopped or running,
// and has it decide about clicks and conversions of before: a click's copy is one, and a chargeback takes back what was booked.
func TestEveryHarmOfAStateEndsInTheRightLedger(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testPartitions)
	cfg := w.config()
	cfg.StateDir = t.TempDir()
	h := &history{w: w}
	s := w.supervise(cfg, w.deps(nil))
	h.feed(48)
	w.caughtUp(cfg.Group)
	w.claimsDone(cfg.Group)
	lines := len(w.read().ledger())
	next := 0
	// decide sends what only a state that is whole decides rightly.
	decide := func(what string) {
		t.Helper()
		c := h.clicks[next]
		w.sendClick(c)
		w.sendPostback(w.newPostback(c.ClickId, fmt.Sprintf("t%d-%d", next, next), events.Status_STATUS_CHARGEBACK))
		next++
		lines += 2
		out := w.await(what+": a duplicate and a chargeback", func(o output) bool { return len(o.ledger()) >= lines })
		w.caughtUp(cfg.Group)
		chargebacks := 0
		for _, c := range out.conversions {
			if c.Status == events.Status_STATUS_CHARGEBACK && c.RevenueConfirmedDeltaMicros == -7_000_000 && c.Seq == 2 {
				chargebacks++
			}
		}
		if got := len(out.ledger()); got != lines || chargebacks != next || len(out.clicks) != len(h.clicks) {
			t.Fatalf("%s: %d lines of %d, %d chargebacks of %d, %d clicks of %d", what, got, lines, chargebacks, next, len(out.clicks), len(h.clicks))
		}
	}
	flush := func() {
		s.mu.Lock()
		p := s.p
		s.mu.Unlock()
		flushed, err := p.store.FlushSoon()
		if err != nil {
			t.Fatal(err)
		}
		<-flushed
	}
	for _, pattern := range []string{"*.sst", "*.log", "MANIFEST-*", "OPTIONS-*", "marker.manifest.*", "marker.format-version.*"} {
		for _, harm := range fileHarms {
			if pattern[0] == 'm' && harm.name != "deleted" { // markers are empty
				continue
			}
			what := pattern + " " + harm.name
			decide("before " + what) // so that log and state hold something that is not in a table
			flush()
			s.stop()
			paths, err := filepath.Glob(filepath.Join(cfg.StateDir, pattern))
			if err != nil || len(paths) == 0 {
				t.Fatalf("the state has no %s: %v", pattern, err)
			}
			harm.do(t, paths[0])
			s = w.supervise(cfg, w.deps(nil))
			if next < len(h.clicks)-8 {
				continue // the next one decides
			}
			h.feed(48)
			w.caughtUp(cfg.Group)
			w.claimsDone(cfg.Group)
			lines = len(w.read().ledger())
		}
	}
	decide("the last")
	for _, harm := range fileHarms[:3] {
		flush()
		tables, err := filepath.Glob(filepath.Join(cfg.StateDir, "*.sst"))
		if err != nil || len(tables) == 0 {
			t.Fatalf("the state has no tables: %v", err)
		}
		for _, path := range tables {
			harm.do(t, path)
		}
		decide("tables of a running processor " + harm.name)
	}
	s.stop()
	for _, err := range s.ended {
		t.Log(err)
	}
}
