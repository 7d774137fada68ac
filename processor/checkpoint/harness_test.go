package checkpoint

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"

	"tributary/processor/state"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// clock is a wall clock that only moves when told.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func newDB(t testing.TB, fs vfs.FS, dir string) *state.Store {
	t.Helper()
	db, err := state.Open(state.Options{Dir: dir, FS: fs, CacheBytes: 1 << 20, MemtableBytes: 1 << 20})
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	return db
}

func put(t testing.TB, db *state.Store, partition int32, from, to int, mark string) {
	t.Helper()
	p := db.Partition(partition)
	n := p.Namespace("a")
	for i := from; i < to; i++ {
		n.Put(binary.BigEndian.AppendUint32([]byte("k"), uint32(i)), fmt.Appendf(nil, "%s %x", mark, uint32(i)*2654435761))
		if i%1000 == 999 {
			must(t, p.Flush())
		}
	}
	must(t, p.Flush())
}

func flushed(t testing.TB, db *state.Store) {
	t.Helper()
	done, err := db.FlushSoon()
	must(t, err)
	<-done
}

func content(t testing.TB, db *state.Store, partition int32) map[string]string {
	t.Helper()
	all := map[string]string{}
	must(t, db.Partition(partition).Namespace("a").Scan(nil, nil, func(k, v []byte) bool {
		all[string(k)] = string(v)
		return true
	}))
	return all
}

func same(t testing.TB, db *state.Store, partition int32, want map[string]string) {
	t.Helper()
	if got := content(t, db, partition); !maps.Equal(got, want) {
		t.Errorf("partition %d holds %d keys that are not the %d wanted", partition, len(got), len(want))
	}
}

func testConfig(url string) Config {
	c := Defaults()
	c.URL, c.BytesPerSecond = url, 0
	return c
}

func openStore(t testing.TB, cfg Config, deps Deps) *Store {
	t.Helper()
	if deps.Group == "" {
		deps.Group = "g/1" // a name that is no file name
	}
	if deps.Registerer == nil {
		deps.Registerer = prometheus.NewRegistry()
	}
	s, err := Open(cfg, deps)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

// memStore is a store on a directory of an in-memory file system.
func memStore(t testing.TB, keep int, deps Deps) *Store {
	t.Helper()
	if deps.FS == nil {
		deps.FS = vfs.NewMem()
	}
	cfg := testConfig("file:///checkpoints")
	cfg.Keep = keep
	return openStore(t, cfg, deps)
}

func meta(seq int) Meta {
	return Meta{CycleSeq: uint64(seq), CycleRandom: uint64(seq) * 7919, WatermarkMS: int64(seq) * 1000, Positions: map[string]int64{"clicks": int64(seq) * 10, "postbacks": int64(seq)}}
}

func ship(t testing.TB, s *Store, db *state.Store, partition int32, seq int) Sent {
	t.Helper()
	sent, err := tryShip(t, s, db, partition, seq)
	must(t, err)
	return sent
}

func tryShip(t testing.TB, s *Store, db *state.Store, partition int32, seq int) (Sent, error) {
	t.Helper()
	id, err := db.ID()
	must(t, err)
	cp, err := db.Checkpoint(partition)
	must(t, err)
	defer func() { must(t, cp.Remove()) }()
	return s.send(context.Background(), cp, id, meta(seq), nil, nil)
}

// s3Server is a real S3 service in this process, behind a handler that tests let fail.
type s3Server struct {
	url   string // for Config.URL
	mu    sync.Mutex
	fault func(w http.ResponseWriter, r *http.Request, next http.Handler) // nil: none
}

func (s *s3Server) setFault(f func(w http.ResponseWriter, r *http.Request, next http.Handler)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

func startS3(t testing.TB) *s3Server {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "the-access-key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "the-secret-key")
	backend := s3mem.New()
	must(t, backend.CreateBucket("bucket"))
	inner := gofakes3.New(backend).Server()
	s := &s3Server{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		fault := s.fault
		s.mu.Unlock()
		if fault != nil {
			fault(w, r, inner)
			return
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	s.url = "s3://bucket/some/prefix?region=eu-west-1&endpoint=" + url.QueryEscape(srv.URL)
	return s
}

// destinations are every kind of destination there is.
func destinations(t *testing.T, run func(t *testing.T, s *Store)) {
	t.Run("memory", func(t *testing.T) { run(t, memStore(t, 3, Deps{})) })
	t.Run("directory", func(t *testing.T) {
		run(t, openStore(t, testConfig(filepath.Join(t.TempDir(), "made", "on", "the", "way")), Deps{}))
	})
	t.Run("s3", func(t *testing.T) { run(t, openStore(t, testConfig(startS3(t).url), Deps{})) })
	// Any other service: TRIBUTARY_TEST_S3=s3://bucket/prefix?endpoint=..., with credentials in the environment.
	if u := os.Getenv("TRIBUTARY_TEST_S3"); u != "" {
		t.Run("given s3", func(t *testing.T) {
			run(t, openStore(t, testConfig(u), Deps{Group: fmt.Sprint(t.Name(), time.Now().UnixNano())}))
		})
	}
}

// faultyBucket counts changes and refuses the failAt-th, and unless once also all that follow.
type faultyBucket struct {
	bucket
	mu      sync.Mutex
	changes int
	failAt  int // 0: never
	once    bool
}

var errFault = errors.New("the network is gone")

func (b *faultyBucket) step() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changes++
	if b.failAt > 0 && (b.changes == b.failAt || b.changes > b.failAt && !b.once) {
		return backoff.Permanent(errFault)
	}
	return nil
}

func (b *faultyBucket) put(ctx context.Context, key string, r io.Reader, size int64, sum string) error {
	if err := b.step(); err != nil {
		return err
	}
	return b.bucket.put(ctx, key, r, size, sum)
}

func (b *faultyBucket) remove(ctx context.Context, key string) error {
	if err := b.step(); err != nil {
		return err
	}
	return b.bucket.remove(ctx, key)
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

// fetchedBytes is how much was read from the destination so far.
func fetchedBytes(t testing.TB, s *Store) int64 {
	t.Helper()
	var m dto.Metric
	must(t, s.metrics.fetchedBytes.Write(&m))
	return int64(m.GetCounter().GetValue())
}
