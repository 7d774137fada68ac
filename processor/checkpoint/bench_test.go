package checkpoint

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tributary/processor/state"
)

// BenchmarkShipAndRestore ships CHECKPOINT_KEYS (default 100,000) keys of about 100 bytes each, then one in a hundred more, and
// restores them elsewhere; to a directory, or to TRIBUTARY_TEST_S3.
func BenchmarkShipAndRestore(b *testing.B) {
	keys := 100_000
	if n, err := strconv.Atoi(os.Getenv("CHECKPOINT_KEYS")); err == nil {
		keys = n
	}
	at := func(name string) *state.Store {
		db, err := state.Open(state.Options{Dir: filepath.Join(b.TempDir(), name), FS: vfs.Default, CacheBytes: 32 << 20, MemtableBytes: 16 << 20})
		must(b, err)
		b.Cleanup(func() { must(b, db.Close()) })
		return db
	}
	cfg := testConfig(filepath.Join(b.TempDir(), "checkpoints"))
	if u := os.Getenv("TRIBUTARY_TEST_S3"); u != "" {
		cfg.URL = u
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for b.Loop() {
		from, to := at("from"), at("to")
		s := openStore(b, cfg, Deps{Group: strconv.FormatUint(rng.Uint64(), 16)})
		next := 0
		add := func(n int) {
			for end := next + n; next < end; {
				for _, id := range []int32{0, 1} {
					p := from.Partition(id)
					space := p.Namespace("join")
					for i := next; i < min(next+5000, end); i++ {
						// As a click: an identifier that counts up with time, then noise; half of the value compresses.
						key := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(nil, uint32(i/50)), rng.Uint64())
						value := make([]byte, 100)
						for j := 0; j < 50; j += 8 {
							binary.LittleEndian.PutUint64(value[j:], rng.Uint64())
						}
						space.Put(key, value)
					}
					must(b, p.Flush())
				}
				next = min(next+5000, end)
			}
			flushed(b, from)
		}
		add(keys)
		start := time.Now()
		first := ship(b, s, from, 1, 1)
		b.ReportMetric(float64(first.SentBytes)/1e6, "MB")
		b.ReportMetric(float64(first.SentBytes)/1e6/time.Since(start).Seconds(), "ship_MB/s")
		add(keys / 100)
		start = time.Now()
		second := ship(b, s, from, 1, 2)
		b.ReportMetric(float64(second.SentBytes)/1e6, "second_MB")
		b.ReportMetric(time.Since(start).Seconds(), "second_s")
		start = time.Now()
		var applying time.Time
		_, ok, err := s.Restore(b.Context(), to, 1, nil, func(p Progress) {
			if p.Doing == "applying" && applying.IsZero() {
				applying = time.Now()
			}
		})
		must(b, err)
		if !ok {
			b.Fatal("nothing to restore")
		}
		b.ReportMetric(applying.Sub(start).Seconds(), "fetch_s")
		b.ReportMetric(float64(next)/time.Since(start).Seconds(), "restored_keys/s")
	}
}
