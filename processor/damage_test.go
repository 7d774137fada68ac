package processor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"tributary/processor/state"
	"tributary/schemas/events"
)

// supervised makes a new processor whenever one ends because of a damaged state, as the process around it does.
type supervised struct {
	mu    sync.Mutex
	p     *Processor
	ended []error
	stop  func()
}

func (w *world) supervise(cfg Config, deps Deps) *supervised {
	ctx, cancel := context.WithCancel(context.Background())
	s := &supervised{}
	done := make(chan struct{})
	s.stop = func() { cancel(); <-done }
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			p, err := New(cfg, deps)
			if err != nil {
				w.t.Error(err)
				return
			}
			s.mu.Lock()
			s.p = p
			s.mu.Unlock()
			if err := p.Run(ctx); err != nil {
				s.mu.Lock()
				s.ended = append(s.ended, err)
				s.mu.Unlock()
				if !errors.Is(err, state.ErrDamaged) {
					w.t.Errorf("the processor ended with %v", err)
					return
				}
			}
		}
	}()
	w.t.Cleanup(s.stop)
	return s
}

// flip damages every block of every table in a directory, and answers how many tables that were.
func flip(t *testing.T, dir string) int {
	t.Helper()
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range tables {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		var b [1]byte
		for at := int64(10); at < info.Size()-100; at += 200 { // the footer stays whole
			if _, err := f.ReadAt(b[:], at); err != nil {
				t.Fatal(err)
			}
			b[0] ^= 1
			if _, err := f.WriteAt(b[:], at); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return len(tables)
}

// TestADamagedStateIsSetAsideAndRestored flips bytes in the state's tables, and has the rest of the stream need what was in them.
func TestADamagedStateIsSetAsideAndRestored(t *testing.T) {
	t.Parallel()
	for _, when := range []string{"while stopped", "while running"} {
		t.Run(when, func(t *testing.T) {
			w := newWorld(t, testPartitions)
			cfg := w.config()
			cfg.StateDir = t.TempDir()
			cfg.MaxCycleRecords = 10
			h := &history{w: w}
			s := w.supervise(cfg, w.deps(nil))
			h.feed(40)
			w.caughtUp(cfg.Group)
			w.claimsDone(cfg.Group)
			s.mu.Lock()
			p := s.p
			s.mu.Unlock()
			flushed, err := p.store.FlushSoon()
			if err != nil {
				t.Fatal(err)
			}
			<-flushed
			before := len(w.read().ledger())
			if when == "while stopped" {
				s.stop()
			}
			if flip(t, cfg.StateDir) == 0 {
				t.Fatal("the state has no tables")
			}
			if when == "while stopped" {
				s = w.supervise(cfg, w.deps(nil))
			}
			for i, c := range h.clicks[:10] {
				w.sendClick(c)
				w.sendPostback(w.newPostback(c.ClickId, fmt.Sprintf("t%d-%d", i, i), events.Status_STATUS_CHARGEBACK))
			}
			out := w.await("ten duplicates and ten chargebacks", func(o output) bool { return len(o.ledger()) >= before+20 })
			w.caughtUp(cfg.Group)
			s.mu.Lock()
			set := valueOf(s.p.metrics.setAside)
			s.mu.Unlock()
			s.stop()
			chargebacks := 0
			for _, c := range out.conversions {
				if c.Status == events.Status_STATUS_CHARGEBACK {
					chargebacks++
					if c.RevenueConfirmedDeltaMicros != -7_000_000 || c.Seq != 2 || c.Match != events.Conversion_MATCH_CLICK {
						t.Errorf("a chargeback on restored state: %v", c)
					}
				}
			}
			if lines := out.ledger(); chargebacks != 10 || len(out.clicks) != len(h.clicks) || len(lines) != before+20 {
				t.Errorf("%d chargebacks, %d clicks of %d, %d lines of %d", chargebacks, len(out.clicks), len(h.clicks), len(lines), before+20)
			}
			if set != 1 {
				t.Errorf("the metric says that %v states were set aside", set)
			}
			kept, err := filepath.Glob(filepath.Join(cfg.StateDir, "damaged", "*.sst"))
			if err != nil || len(kept) == 0 {
				t.Errorf("the damaged state is not kept: %v %v", kept, err)
			}
			for _, err := range s.ended {
				t.Log(strings.SplitN(err.Error(), "\n", 2)[0])
			}
		})
	}
}
