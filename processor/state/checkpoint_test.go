package state

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// fill puts n keys into a partition and flushes.
func fill(t testing.TB, s *Store, id int32, n int, mark string) {
	t.Helper()
	p := s.Partition(id)
	space := p.Namespace("a")
	for i := range n {
		space.Put(binary.BigEndian.AppendUint32([]byte("k"), uint32(i)), fmt.Appendf(nil, "%s %d", mark, i))
		if i%5000 == 4999 {
			must(t, p.Flush())
		}
	}
	must(t, p.Flush())
}

func content(t testing.TB, s *Store, id int32) map[string]string {
	t.Helper()
	all := map[string]string{}
	must(t, s.Partition(id).Namespace("a").Scan(nil, nil, func(k, v []byte) bool {
		all[string(k)] = string(v)
		return true
	}))
	return all
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// copyTo brings a checkpoint's files to another file system, as a transfer would.
func copyTo(t testing.TB, c *Checkpoint, fs vfs.FS, dir string) {
	t.Helper()
	must(t, fs.MkdirAll(dir, 0o755))
	for _, f := range c.Files {
		must(t, vfs.CopyAcrossFS(c.FS, c.FS.PathJoin(c.Dir, f.Name), fs, fs.PathJoin(dir, f.Name)))
	}
}

func TestARestoredPartitionEqualsTheFrozenOne(t *testing.T) {
	for name, fs := range map[string]func() (vfs.FS, string){
		"memory": func() (vfs.FS, string) { return vfs.NewMem(), "state" },
		"disk":   func() (vfs.FS, string) { return vfs.Default, filepath.Join(t.TempDir(), "state") },
	} {
		t.Run(name, func(t *testing.T) {
			openAt := func() *Store {
				fs, dir := fs()
				s, err := Open(Options{Dir: dir, FS: fs, CacheBytes: 1 << 20, MemtableBytes: 1 << 20})
				must(t, err)
				return s
			}
			from, to := openAt(), openAt()
			for _, id := range []int32{2, 3, 4} {
				fill(t, from, id, 12_000, fmt.Sprint("from ", id))
				fill(t, to, id, 15_000, fmt.Sprint("old ", id)) // more keys: those beyond must go
			}
			flushed, err := from.FlushSoon()
			must(t, err)
			<-flushed
			fill(t, from, 3, 100, "in the log only")
			want := content(t, from, 3)
			c, err := from.Checkpoint(3)
			must(t, err)
			fill(t, from, 3, 1000, "too late")
			flushed, err = from.FlushSoon()
			must(t, err)
			<-flushed

			copyTo(t, c, to.FS(), to.FetchDir(3))
			must(t, c.Remove())
			two, four := content(t, to, 2), content(t, to, 4)
			unflushed := to.Partition(3)
			unflushed.Namespace("a").Put([]byte("kz"), []byte("lost"))
			var done, total int64
			got, err := to.RestorePartition(t.Context(), 3, to.FetchDir(3), func(d, n int64) { done, total = d, n })
			must(t, err)
			must(t, unflushed.Flush())
			if got.Keys != int64(len(want)+2) {
				t.Errorf("%d keys, want %d and the two counts of batches", got.Keys, len(want))
			}
			if done != total || done == 0 {
				t.Errorf("progress ended at %d of %d", done, total)
			}
			check := func() {
				t.Helper()
				if !maps.Equal(content(t, to, 3), want) {
					t.Error("the restored partition is not as it was frozen")
				}
				if !maps.Equal(content(t, to, 2), two) || !maps.Equal(content(t, to, 4), four) {
					t.Error("restoring one partition changed another")
				}
			}
			check()
			// It goes on as any partition: writes, another checkpoint, a reopened store.
			fill(t, to, 3, 10, "new")
			fill(t, from, 3, 10, "new")
			for k, v := range content(t, from, 3) {
				if v[:3] == "new" {
					want[k] = v
				}
			}
			again, err := to.Checkpoint(3)
			must(t, err)
			_, err = from.RestorePartition(t.Context(), 3, copied(t, again, from), nil)
			must(t, err)
			if !maps.Equal(content(t, from, 3), want) {
				t.Error("the way back lost something")
			}
			must(t, to.Close())
			to, err = Open(Options{Dir: to.dir, FS: to.FS(), CacheBytes: 1 << 20, MemtableBytes: 1 << 20})
			must(t, err)
			check()
			if _, err := to.FS().Stat(again.Dir); err == nil {
				t.Error("a checkpoint nobody removed is there after reopening")
			}
			must(t, to.DropFetchDirs(func(int32) bool { return false }))
			if _, err := to.FS().Stat(to.FetchDir(3)); err == nil {
				t.Error("the fetched files are there")
			}
			must(t, from.Close())
			must(t, to.Close())
		})
	}
}

// TestOthersMayWriteWhileAPartitionIsFrozen has two partitions write and one be restored meanwhile.
func TestOthersMayWriteWhileAPartitionIsFrozen(t *testing.T) {
	s, to := open(t, vfs.NewMem()), open(t, vfs.NewMem())
	fill(t, s, 3, 3_000, "want")
	first, err := s.Checkpoint(3)
	must(t, err)
	fetched := copied(t, first, s)
	stop := make(chan struct{})
	var others sync.WaitGroup
	for _, id := range []int32{2, 4} {
		others.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
					fill(t, s, id, 500, fmt.Sprint("round ", n))
				}
			}
		})
	}
	for range 5 {
		want := content(t, s, 3)
		c, err := s.Checkpoint(3)
		must(t, err)
		_, err = to.RestorePartition(t.Context(), 3, copied(t, c, to), nil)
		must(t, err)
		if !maps.Equal(content(t, to, 3), want) {
			t.Fatal("the restored partition is not as it was frozen")
		}
		must(t, c.Remove())
		_, err = s.RestorePartition(t.Context(), 3, fetched, nil)
		must(t, err)
		fill(t, s, 3, 100, "more")
	}
	close(stop)
	others.Wait()
	must(t, s.Close())
	must(t, to.Close())
}

func copied(t testing.TB, c *Checkpoint, to *Store) string {
	dir := to.FetchDir(c.Partition)
	must(t, to.FS().RemoveAll(dir))
	copyTo(t, c, to.FS(), dir)
	return dir
}

// TestACrashInARestoreLeavesAllOrNothing crashes at every change of the file system, with any part of what was not synced.
func TestACrashInARestoreLeavesAllOrNothing(t *testing.T) {
	from := open(t, vfs.NewMem())
	fill(t, from, 3, 3000, "new")
	want := content(t, from, 3)
	c, err := from.Checkpoint(3)
	must(t, err)

	base := vfs.NewCrashableMem()
	prepare := open(t, base)
	fill(t, prepare, 2, 2000, "neighbour")
	fill(t, prepare, 3, 4000, "old")
	old, neighbour := content(t, prepare, 3), content(t, prepare, 2)
	copyTo(t, c, base, prepare.FetchDir(3))
	must(t, prepare.Close())
	syncAll(t, base, "state")

	var oldSeen, newSeen int
	rng := rand.New(rand.NewPCG(7, 7))
	for step := int64(0); ; step++ {
		fs := base.CrashClone(vfs.CrashCloneCfg{})
		var crashed *vfs.MemFS
		var ops int64
		var mu sync.Mutex // Pebble's background work changes files too
		// The clone taken right before the step-th change is what a crash at that moment leaves.
		count := errorfs.InjectorFunc(func(op errorfs.Op) error {
			mu.Lock()
			defer mu.Unlock()
			if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
				if ops++; ops == step && crashed == nil {
					crashed = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: int(rng.IntN(101)), RNG: rng})
				}
			}
			return nil
		})
		s, err := Open(Options{Dir: "state", FS: fs, CacheBytes: 1 << 20, MemtableBytes: 1 << 20})
		must(t, err)
		s.Close()
		s, err = Open(Options{Dir: "state", FS: errorfs.Wrap(fs, count), CacheBytes: 1 << 20, MemtableBytes: 1 << 20})
		must(t, err)
		mu.Lock()
		opened := ops
		mu.Unlock()
		_, err = s.RestorePartition(t.Context(), 3, s.FetchDir(3), nil)
		must(t, err)
		mu.Lock()
		finished := ops
		mu.Unlock()
		must(t, s.Close())
		if step > finished {
			break
		}
		if step <= opened || crashed == nil {
			continue
		}
		after := open(t, crashed)
		got := content(t, after, 3)
		switch {
		case maps.Equal(got, old):
			oldSeen++
		case maps.Equal(got, want):
			newSeen++
		default:
			t.Fatalf("crash at change %d: a mixture of %d keys", step, len(got))
		}
		if !maps.Equal(content(t, after, 2), neighbour) {
			t.Fatalf("crash at change %d: another partition changed", step)
		}
		if names, _ := crashed.List("state/" + scratchDir); len(names) > 0 {
			t.Errorf("crash at change %d: %v is left behind", step, names)
		}
		// And the restore can be done again.
		_, err = after.RestorePartition(t.Context(), 3, after.FetchDir(3), nil)
		must(t, err)
		if !maps.Equal(content(t, after, 3), want) {
			t.Fatalf("crash at change %d: the second restore went wrong", step)
		}
		must(t, after.Close())
	}
	t.Logf("%d crashes left the old content, %d the new", oldSeen, newSeen)
	if oldSeen < 5 || newSeen < 1 {
		t.Error("the crashes did not hit both sides of the step")
	}
	must(t, from.Close())
}

// syncAll makes everything below dir survive a crash.
func syncAll(t testing.TB, fs vfs.FS, dir string) {
	names, err := fs.List(dir)
	must(t, err)
	for _, name := range names {
		path := fs.PathJoin(dir, name)
		info, err := fs.Stat(path)
		must(t, err)
		if info.IsDir() {
			syncAll(t, fs, path)
			continue
		}
		f, err := fs.OpenReadWrite(path, vfs.WriteCategoryUnspecified)
		must(t, err)
		must(t, f.Sync())
		must(t, f.Close())
	}
	for d := dir; ; d = fs.PathDir(d) {
		f, err := fs.OpenDir(d)
		must(t, err)
		must(t, f.Sync())
		must(t, f.Close())
		if fs.PathDir(d) == d {
			return
		}
	}
}

func TestABadCheckpointLeavesThePartitionAsItWas(t *testing.T) {
	from := open(t, vfs.NewMem())
	fill(t, from, 3, 50_000, "new")
	flushed, err := from.FlushSoon()
	must(t, err)
	<-flushed
	c, err := from.Checkpoint(3)
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, tc := range map[string]struct {
		spoil func(fs vfs.FS, dir string)
		ctx   context.Context
		id    int32
		want  error
	}{
		"no directory":        {func(fs vfs.FS, dir string) { must(t, fs.RemoveAll(dir)) }, t.Context(), 3, ErrCheckpoint},
		"another partition's": {func(vfs.FS, string) {}, t.Context(), 5, ErrCheckpoint},
		"called off":          {func(vfs.FS, string) {}, ctx, 3, context.Canceled},
		"flipped bits": {func(fs vfs.FS, dir string) {
			for _, f := range c.Files {
				if filepath.Ext(f.Name) != ".sst" {
					continue
				}
				path := fs.PathJoin(dir, f.Name)
				file, err := fs.OpenReadWrite(path, vfs.WriteCategoryUnspecified)
				must(t, err)
				_, err = file.WriteAt(bytes.Repeat([]byte{0xa5}, 100), f.Bytes/3)
				must(t, err)
				must(t, file.Close())
			}
		}, t.Context(), 3, ErrCheckpoint},
		"a table missing": {func(fs vfs.FS, dir string) {
			for _, f := range c.Files {
				if filepath.Ext(f.Name) == ".sst" {
					must(t, fs.Remove(fs.PathJoin(dir, f.Name)))
				}
			}
		}, t.Context(), 3, ErrCheckpoint},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, vfs.NewMem())
			fill(t, s, 3, 1000, "old")
			want := content(t, s, 3)
			dir := copied(t, c, s)
			tc.spoil(s.FS(), dir)
			_, err := s.RestorePartition(tc.ctx, tc.id, dir, nil)
			if !errors.Is(err, tc.want) {
				t.Errorf("the error is %v", err)
			}
			if !maps.Equal(content(t, s, 3), want) {
				t.Error("the partition changed")
			}
			if names, _ := s.FS().List(s.FS().PathJoin(s.dir, scratchDir)); len(names) > 0 {
				t.Errorf("%v is left behind", names)
			}
			must(t, s.Close())
		})
	}
	must(t, from.Close())
}

func TestTheNameOfADatabaseStays(t *testing.T) {
	fs := vfs.NewMem()
	s := open(t, fs)
	id, err := s.ID()
	must(t, err)
	again, err := s.ID()
	must(t, err)
	must(t, s.Close())
	s = open(t, fs)
	reopened, err := s.ID()
	must(t, err)
	if len(id) != 16 || again != id || reopened != id {
		t.Errorf("names %q, %q and %q", id, again, reopened)
	}
	must(t, s.Close())
}

// BenchmarkCheckpointAndRestore freezes and restores one of two partitions of STATE_KEYS (default 100,000) keys with
// values of about 100 bytes on disk.
func BenchmarkCheckpointAndRestore(b *testing.B) {
	keys := 100_000
	if n, err := strconv.Atoi(os.Getenv("STATE_KEYS")); err == nil {
		keys = n
	}
	from, err := Open(Options{Dir: filepath.Join(b.TempDir(), "from"), CacheBytes: 32 << 20, MemtableBytes: 16 << 20})
	must(b, err)
	rng := rand.New(rand.NewPCG(1, 1))
	for i := 0; i < keys; i += 5000 {
		for _, id := range []int32{0, 1} {
			p := from.Partition(id)
			n := p.Namespace("join")
			for range 5000 {
				// As a click: an identifier that counts up with time, then noise; half of the value compresses.
				key := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(nil, uint32(i/50)), rng.Uint64())
				value := make([]byte, 100)
				for j := 0; j < 50; j += 8 {
					binary.LittleEndian.PutUint64(value[j:], rng.Uint64())
				}
				n.Put(key, value)
			}
			must(b, p.Flush())
		}
	}
	to, err := Open(Options{Dir: filepath.Join(b.TempDir(), "to"), CacheBytes: 32 << 20, MemtableBytes: 16 << 20})
	must(b, err)
	var freezing, unflushed, restoring time.Duration
	var bytes, all int64
	for b.Loop() {
		start := time.Now()
		c, err := from.Checkpoint(1)
		must(b, err)
		unflushed += time.Since(start)
		all += c.Bytes()
		must(b, c.Remove())
		flushed, err := from.FlushSoon()
		must(b, err)
		<-flushed
		start = time.Now()
		c, err = from.Checkpoint(1)
		must(b, err)
		freezing += time.Since(start)
		bytes += c.Bytes()
		dir := copied(b, c, to)
		must(b, c.Remove())
		start = time.Now()
		got, err := to.RestorePartition(b.Context(), 1, dir, nil)
		must(b, err)
		restoring += time.Since(start)
		if got.Keys < int64(keys)*99/100 {
			b.Fatalf("%d keys", got.Keys)
		}
	}
	n := float64(b.N)
	b.ReportMetric(unflushed.Seconds()*1000/n, "freeze_unflushed_ms")
	b.ReportMetric(float64(all)/n/1e6, "unflushed_MB")
	b.ReportMetric(freezing.Seconds()*1000/n, "freeze_ms")
	b.ReportMetric(float64(bytes)/n/1e6, "MB")
	b.ReportMetric(float64(from.DiskBytes())/1e6, "db_MB")
	b.ReportMetric(float64(keys)*n/restoring.Seconds(), "restored_keys/s")
	must(b, from.Close())
	must(b, to.Close())
}
