package processor

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/processor/state"
	"tributary/schemas"
)

// partitionOver makes one partition on fresh state, and n clicks for it.
func partitionOver(t testing.TB, w *world, n int) (*partition, []*kgo.Record) {
	t.Helper()
	p, err := New(w.config(), w.deps(nil))
	if err != nil {
		t.Fatal(err)
	}
	if p.store, err = state.Open(state.Options{Dir: "s", FS: vfs.NewMem(), CacheBytes: 8 << 20, MemtableBytes: 16 << 20}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.store.Close() })
	if p.metrics, _, err = newMetrics(prometheus.NewRegistry(), p.inputs, p.outputs, func() float64 { return 0 }); err != nil {
		t.Fatal(err)
	}
	part := p.newPartition(0)
	if err := part.load(); err != nil {
		t.Fatal(err)
	}
	if err := part.begin(w.clockMS.Load()); err != nil {
		t.Fatal(err)
	}
	var records []*kgo.Record
	for i := range n {
		c := w.newClick()
		c.UserAgent = "Mozilla/5.0 (Linux; Android 14; SM-S911B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36"
		c.Ip, c.Device, c.Os, c.Browser = make([]byte, 16), "mobile", "Android", "Chrome"
		value, err := c.MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, &kgo.Record{Topic: schemas.TopicClicks, Key: []byte(c.ClickId), Value: value, Offset: int64(i), Timestamp: time.UnixMilli(w.clockMS.Load())})
	}
	return part, records
}

// TestNamingTheSettingsAllocatesNothing: while they stay the same, a cycle's settings cost ten bytes of it and no memory.
func TestNamingTheSettingsAllocatesNothing(t *testing.T) {
	w := newWorld(t, 1)
	part, _ := partitionOver(t, w, 0)
	if n := testing.AllocsPerRun(100, func() {
		s, err := part.offer()
		if err != nil {
			t.Fatal(err)
		}
		if err := part.configure(s, true); err != nil {
			t.Fatal(err)
		}
		part.cycle.SettingsHash = s.hash
		part.tellSettings(&part.cycle)
	}); n != 0 {
		t.Errorf("%v allocations a cycle, none would be right", n)
	}
	if n := part.settings.offered.value.SizeVT(); n > 80 {
		t.Errorf("the settings of the built-in stages have %d bytes", n)
	}
}
