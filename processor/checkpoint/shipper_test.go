package checkpoint

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/zap"
)

func newShipper(t *testing.T, s *Store, fs vfs.FS) (*Shipper, func(seq int) (shipped []int32)) {
	t.Helper()
	db := newDB(t, fs, "db")
	for _, p := range []int32{0, 1, 2} {
		put(t, db, p, 0, 1000, "x")
	}
	shipper, err := NewShipper(s, db, nil)
	must(t, err)
	t.Cleanup(shipper.Close)
	// A round does what the processor's loop does, until nothing is due.
	return shipper, func(seq int) (shipped []int32) {
		t.Helper()
		for _, p := range []int32{0, 1, 2, 0, 1, 2} {
			if shipper.Due(p) || dueSoon(t, shipper, p) {
				shipped = append(shipped, p)
				shipper.Ship(p, meta(seq))
				eventually(t, "the shipping ends", func() bool { return !shipper.Busy() })
			}
		}
		return shipped
	}
}

// dueSoon tells whether the partition is due once the flush has ended.
func dueSoon(t *testing.T, s *Shipper, partition int32) bool {
	s.mu.Lock()
	wait := s.flushed
	s.mu.Unlock()
	if wait == nil {
		return false
	}
	<-wait
	return s.Due(partition)
}

func TestEachPartitionIsShippedOnceAnInterval(t *testing.T) {
	c := &clock{t: time.Now()}
	fs := vfs.NewMem()
	s := memStore(t, 3, Deps{Now: c.now})
	shipper, round := newShipper(t, s, fs)
	if got := round(1); len(got) != 0 {
		t.Errorf("%v at the start", got)
	}
	counts := map[int32]int{}
	for seq := range 60 {
		c.add(time.Minute)
		for _, p := range round(2 + seq) {
			counts[p]++
		}
	}
	for p, n := range counts {
		if n < 5 || n > 6 {
			t.Errorf("partition %d was shipped %d times in 6 intervals", p, n)
		}
	}
	if len(counts) != 3 {
		t.Errorf("shipped: %v", counts)
	}
	if age := shipper.age(); age > s.cfg.Interval.Seconds() {
		t.Errorf("the age is %f s", age)
	}
	if names, _ := fs.List("db/scratch"); len(names) != 0 {
		t.Errorf("%v is left behind", names)
	}
	shipper.Forget(0)
	shipper.Forget(1)
	shipper.Forget(2)
	c.add(time.Hour)
	if age := shipper.age(); age != 0 {
		t.Errorf("without partitions the age is %f s", age)
	}
	m, ok, err := s.Latest(t.Context(), 1)
	if err != nil || !ok || m.CycleSeq < 50 {
		t.Errorf("latest: %v %v %v", m, ok, err)
	}
	var metric dto.Metric
	must(t, s.metrics.shipped.Write(&metric))
	if n := metric.GetCounter().GetValue(); n != float64(counts[0]+counts[1]+counts[2]) {
		t.Errorf("the metric counts %f", n)
	}
}

func TestAFailedShippingIsTriedAgainSooner(t *testing.T) {
	c := &clock{t: time.Now()}
	s := memStore(t, 3, Deps{Now: c.now, Logger: zap.NewNop()})
	good := s.bucket
	s.bucket = &faultyBucket{bucket: good, failAt: 1}
	shipper, round := newShipper(t, s, vfs.NewMem())
	round(1)
	c.add(s.cfg.Interval)
	if got := round(2); len(got) != 3 {
		t.Errorf("due: %v", got)
	}
	s.bucket = good
	c.add(s.cfg.Interval / 4)
	if got := round(3); len(got) != 3 {
		t.Errorf("due after the failure: %v", got)
	}
	if _, ok, err := s.Latest(t.Context(), 2); !ok || err != nil {
		t.Error("nothing shipped:", err)
	}
	_ = shipper
}

// hangingBucket never finishes a put.
type hangingBucket struct {
	bucket
	once    sync.Once
	entered chan struct{}
}

func (b *hangingBucket) put(ctx context.Context, _ string, _ io.Reader, _ int64, _ string) error {
	b.once.Do(func() { close(b.entered) })
	<-ctx.Done()
	return ctx.Err()
}

func TestCloseBreaksShippingOff(t *testing.T) {
	c := &clock{t: time.Now()}
	fs := vfs.NewMem()
	s := memStore(t, 3, Deps{Now: c.now})
	hanging := &hangingBucket{bucket: s.bucket, entered: make(chan struct{})}
	s.bucket = hanging
	db := newDB(t, fs, "db")
	put(t, db, 0, 0, 1000, "x")
	shipper, err := NewShipper(s, db, nil)
	must(t, err)
	shipper.Due(0)
	c.add(time.Hour)
	shipper.Due(0)
	if !dueSoon(t, shipper, 0) {
		t.Fatal("not due")
	}
	shipper.Ship(0, meta(1))
	<-hanging.entered
	if shipper.Due(1) || dueSoon(t, shipper, 0) {
		t.Error("due while another is being shipped")
	}
	shipper.Ship(1, meta(1)) // does nothing
	shipper.Close()
	if shipper.Busy() || shipper.Due(0) {
		t.Error("it goes on after Close")
	}
	shipper.Ship(0, meta(2))
	if names, _ := fs.List("db/scratch"); len(names) != 0 {
		t.Errorf("%v is left behind", names)
	}
	if _, ok, err := s.Latest(context.Background(), 0); ok || errors.Is(err, ErrDamaged) {
		t.Errorf("something was shipped: %v", err)
	}
}
