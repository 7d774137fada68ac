package spool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		child(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

func testConfig(dir string) Config {
	return Config{Dir: dir, MaxBytes: 64 << 20, MaxAge: time.Hour, SegmentBytes: 4 << 10}
}

func opened(tb testing.TB, cfg Config, d disk) *Spool {
	tb.Helper()
	if d == nil {
		d = osDisk{}
	}
	s, err := open(cfg, Deps{Registerer: prometheus.NewRegistry()}, d)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func testRecord(n int) *Record {
	id := fmt.Appendf(nil, "id-%06d", n)
	return &Record{Topic: "clicks", ID: id, Key: id, Value: []byte(strings.Repeat(fmt.Sprint(n%10), 100+n%50)), TimeMS: time.Now().UnixMilli()}
}

// put submits and waits.
func put(tb testing.TB, s *Spool, r *Record) error {
	tb.Helper()
	b, err := s.Submit(r)
	if err != nil {
		return err
	}
	<-b.Done()
	return b.Err()
}

// drain reads all that waits now, in windows of limit.
func drain(tb testing.TB, s *Spool, limit int) []string {
	tb.Helper()
	var ids []string
	ctx, cancel := context.WithTimeout(tb.Context(), 10*time.Second)
	defer cancel()
	for s.Pending() {
		entries, err := s.Next(ctx, limit)
		if err != nil {
			tb.Fatal(err)
		}
		for _, e := range entries {
			if n := 0; !readInto(string(e.ID), &n) || string(e.Value) != string(testRecord(n).Value) || string(e.Key) != string(e.ID) || e.Topic != "clicks" {
				tb.Fatalf("the record %q came back as %+v", e.ID, e.Record)
			}
			ids = append(ids, string(e.ID))
		}
		s.Done(len(entries))
	}
	return ids
}

func readInto(id string, n *int) bool {
	_, err := fmt.Sscanf(id, "id-%06d", n)
	return err == nil
}

func closed(tb testing.TB, s *Spool) {
	tb.Helper()
	if err := s.Close(); err != nil {
		tb.Error(err)
	}
}

func total(tb testing.TB, c prometheus.Metric) float64 {
	tb.Helper()
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		tb.Fatal(err)
	}
	if m.Histogram != nil {
		return float64(m.Histogram.GetSampleCount())
	}
	return m.GetCounter().GetValue()
}

// inOrder holds ids against first..last.
func inOrder(tb testing.TB, ids []string, first, last int) {
	tb.Helper()
	if len(ids) != last-first+1 {
		tb.Fatalf("%d records were drained, want %d", len(ids), last-first+1)
	}
	for i, id := range ids {
		if want := fmt.Sprintf("id-%06d", first+i); id != want {
			tb.Fatalf("record %d is %s, want %s", i, id, want)
		}
	}
}

func TestRecordsComeBackInOrderOverSegmentsAndRestarts(t *testing.T) {
	cfg := testConfig(t.TempDir())
	next := 0
	for range 3 {
		s := opened(t, cfg, nil)
		for range 200 {
			if err := put(t, s, testRecord(next)); err != nil {
				t.Fatal(err)
			}
			next++
		}
		closed(t, s)
	}
	s := opened(t, cfg, nil)
	if d := s.Depth(); d.Records != 600 {
		t.Fatalf("depth %+v, want 600 records", d)
	}
	ctx := t.Context()
	first, err := s.Next(ctx, 7)
	if err != nil || len(first) != 7 || string(first[0].ID) != "id-000000" {
		t.Fatalf("first window %d, %v", len(first), err)
	}
	if again, err := s.Next(ctx, 7); err != nil || string(again[0].ID) != "id-000000" {
		t.Fatal("without Done, Next does not answer the same records")
	}
	s.Done(5)
	closed(t, s)
	s = opened(t, cfg, nil)
	inOrder(t, drain(t, s, 64), 5, 599)
	if d := s.Depth(); d.Records != 0 || d.Age != 0 {
		t.Errorf("depth %+v after all is drained", d)
	}
	closed(t, s)
	s = opened(t, cfg, nil)
	if s.Pending() || len(s.segments) != 1 {
		t.Errorf("%d records and %d segments are there after all was drained", s.pending.Load(), len(s.segments))
	}
	closed(t, s)
}

func TestAppendingWhileDraining(t *testing.T) {
	s := opened(t, testConfig(t.TempDir()), nil)
	defer closed(t, s)
	const writers, each = 8, 300
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if err := put(t, s, testRecord(w*each+i)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	last := [writers]int{}
	for i := range last {
		last[i] = -1
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for seen := 0; seen < writers*each; {
		entries, err := s.Next(ctx, 50)
		if err != nil {
			t.Fatalf("after %d: %v", seen, err)
		}
		for _, e := range entries {
			n := 0
			readInto(string(e.ID), &n)
			if n%each <= last[n/each] {
				t.Fatalf("%d of one writer came after %d", n%each, last[n/each])
			}
			last[n/each] = n % each
		}
		seen += len(entries)
		s.Done(len(entries))
	}
	wg.Wait()
	if syncs := total(t, s.metrics.sync); syncs > writers*each*3/4 {
		t.Errorf("%v batches for %d records: they do not share an fsync", syncs, writers*each)
	}
	if d := s.Depth(); d.Records != 0 || d.Bytes > 2*4<<10 {
		t.Errorf("depth %+v after all is drained: segments stay", d)
	}
}

func TestBounds(t *testing.T) {
	t.Run("bytes", func(t *testing.T) {
		cfg := testConfig(t.TempDir())
		cfg.MaxBytes = 16 << 10
		s := opened(t, cfg, nil)
		defer closed(t, s)
		n := 0
		for ; n < 1000; n++ {
			if err := put(t, s, testRecord(n)); err != nil {
				if !errors.Is(err, ErrFull) {
					t.Fatal(err)
				}
				break
			}
		}
		size := int64(0)
		numbers, _ := listSegments(cfg.Dir)
		for _, number := range numbers {
			info, err := os.Stat(segmentPath(cfg.Dir, number))
			if err != nil {
				t.Fatal(err)
			}
			size += info.Size()
		}
		if n < 50 || size > cfg.MaxBytes {
			t.Errorf("%d records in %d bytes of %d", n, size, cfg.MaxBytes)
		}
		inOrder(t, drain(t, s, 100), 0, n-1)
		if err := put(t, s, testRecord(n)); err != nil {
			t.Errorf("a drained spool refuses: %v", err)
		}
	})
	t.Run("age", func(t *testing.T) {
		now := time.Now()
		s, err := Open(testConfig(t.TempDir()), Deps{Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		defer closed(t, s)
		if err := put(t, s, testRecord(0)); err != nil {
			t.Fatal(err)
		}
		now = now.Add(59 * time.Minute)
		if err := put(t, s, testRecord(1)); err != nil {
			t.Fatal(err)
		}
		now = now.Add(2 * time.Minute)
		if err := put(t, s, testRecord(2)); !errors.Is(err, ErrStale) {
			t.Errorf("a record beside one of 61 minutes is answered %v", err)
		}
		if d := s.Depth(); d.Age < time.Hour || d.Records != 2 {
			t.Errorf("depth %+v", d)
		}
		inOrder(t, drain(t, s, 10), 0, 1)
		if err := put(t, s, testRecord(3)); err != nil {
			t.Error(err)
		}
	})
	t.Run("memory", func(t *testing.T) {
		d := &faultyDisk{hold: make(chan struct{})}
		cfg := testConfig(t.TempDir())
		cfg.SegmentBytes = 32 << 20
		s := opened(t, cfg, d)
		d.holding.Store(true)
		r := testRecord(1)
		r.Value = make([]byte, 60<<10)
		var err error
		taken := 0
		var last *Batch
		for err == nil && taken < 1000 {
			var b *Batch
			if b, err = s.Submit(r); err == nil {
				last = b
				taken++
			}
		}
		if !errors.Is(err, ErrBusy) || taken < 60 || taken > 140 {
			t.Errorf("with a disk that hangs %d records of 60 KiB are taken, then %v", taken, err)
		}
		if s.Waiting() <= 0 {
			t.Error("nothing says that the disk is at a batch")
		}
		close(d.hold)
		<-last.Done()
		if last.Err() != nil {
			t.Error(last.Err())
		}
		if waiting := s.Waiting(); waiting != 0 {
			t.Errorf("after the last batch the disk is at one for %s", waiting)
		}
		closed(t, s)
	})
	t.Run("record", func(t *testing.T) {
		s := opened(t, testConfig(t.TempDir()), nil)
		defer closed(t, s)
		for _, r := range []*Record{{}, {Topic: strings.Repeat("t", 256)}, {Topic: "clicks", ID: make([]byte, 256)}, {Topic: "clicks", Value: make([]byte, maxPayloadBytes)}} {
			if err := put(t, s, r); !errors.Is(err, errRecord) {
				t.Errorf("%q is answered %v", r.Topic, err)
			}
		}
	})
}

func TestOneProcessAFolder(t *testing.T) {
	cfg := testConfig(t.TempDir())
	s := opened(t, cfg, nil)
	if _, err := Open(cfg, Deps{}); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "ingest.spool.dir") {
		t.Errorf("a second one is answered %v", err)
	}
	closed(t, s)
	if _, err := s.Submit(testRecord(1)); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed one is answered %v", err)
	}
	closed(t, opened(t, cfg, nil))
	cfg.Dir = "/proc/nothing"
	if _, err := Open(cfg, Deps{}); err == nil || !strings.Contains(err.Error(), "ingest.spool.dir") {
		t.Errorf("an unusable folder is answered %v", err)
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		change func(*Config)
		field  string
	}{
		{func(*Config) {}, ""},
		{func(c *Config) { c.SegmentBytes = 1 }, "segment_bytes"},
		{func(c *Config) { c.MaxBytes = c.SegmentBytes }, "max_bytes"},
		{func(c *Config) { c.MaxAge = 0 }, "max_age"},
	} {
		cfg := Defaults()
		c.change(&cfg)
		got := ""
		cfg.Validate(func(field, _ string, _ ...any) { got += field })
		if got != c.field {
			t.Errorf("the problems are with %q, want %q", got, c.field)
		}
	}
}

func TestAnOtherLayoutIsNotTouched(t *testing.T) {
	cfg := testConfig(t.TempDir())
	h := header(3, 1)
	h[8] = 9
	sum := headerSum(h)
	h[12], h[13], h[14], h[15] = byte(sum), byte(sum>>8), byte(sum>>16), byte(sum>>24)
	path := segmentPath(cfg.Dir, 3)
	if err := os.WriteFile(path, h, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(cfg, Deps{}); err == nil || !strings.Contains(err.Error(), "layout 9") {
		t.Errorf("a segment of another layout is answered %v", err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(cfg.Dir, "notes.segment"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(cfg, Deps{}); err == nil || !strings.Contains(err.Error(), "notes.segment") {
		t.Errorf("a foreign file is answered %v", err)
	}
}

var errIO = syscall.EIO

// TestAsideStateThatCannotBeSeen: Requeue's file is not taken for delivered.
func TestAsideStateThatCannotBeSeen(t *testing.T) {
	loop := filepath.Join(t.TempDir(), "loop")
	if err := os.Symlink(loop, loop); err != nil {
		t.Skipf("missing: symbolic links on this file system: %v", err)
	}
	if waits, refused := AsideState(loop, "1-2"+requeuedSuffix); !waits || refused {
		t.Errorf("it waits: %t, is refused: %t", waits, refused)
	}
}
