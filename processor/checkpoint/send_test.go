package checkpoint

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// TestATornUploadIsNeverRestored breaks shipping off at every change of the destination.
func TestATornUploadIsNeverRestored(t *testing.T) {
	t.Run("then everything fails", func(t *testing.T) { tornUploads(t, false) })
	t.Run("only that fails", func(t *testing.T) { tornUploads(t, true) })
}

func tornUploads(t *testing.T, once bool) {
	for failAt := 1; ; failAt++ {
		s := memStore(t, 1, Deps{})
		db := newDB(t, vfs.NewMem(), "db")
		put(t, db, 0, 0, 5000, "old")
		flushed(t, db)
		old := content(t, db, 0)
		ship(t, s, db, 0, 1)
		put(t, db, 0, 0, 5000, "new")
		flushed(t, db)
		now := content(t, db, 0)
		faulty := &faultyBucket{bucket: s.bucket, failAt: failAt, once: once}
		s.bucket = faulty
		sent, err := tryShip(t, s, db, 0, 2)
		if err != nil && !errors.Is(err, errFault) {
			t.Fatal(err)
		}
		s.bucket = faulty.bucket
		to := newDB(t, vfs.NewMem(), "to")
		m, ok, rerr := s.Restore(t.Context(), to, 0, nil, nil)
		must(t, rerr)
		switch {
		case !ok:
			t.Fatalf("broken off at change %d: nothing is left to restore", failAt)
		case m.CycleSeq == 1 && err != nil:
			same(t, to, 0, old)
		case m.CycleSeq == 2 && err == nil:
			same(t, to, 0, now)
		default:
			t.Fatalf("broken off at change %d: cycle %d, error %v", failAt, m.CycleSeq, err)
		}
		// The next one goes through, and no rubbish stays.
		ship(t, s, db, 0, 3)
		whole(t, s, 0, 1)
		if faulty.changes < failAt {
			if sent.SentFiles == 0 || failAt < 5 {
				t.Errorf("only %d changes", faulty.changes)
			}
			break
		}
	}
}

// whole asserts that there are n checkpoints, that all can be fetched, and that no file is there in vain.
func whole(t *testing.T, s *Store, partition int32, n int) {
	t.Helper()
	all, err := s.Manifests(t.Context(), partition)
	must(t, err)
	if len(all) != n {
		t.Errorf("%d checkpoints are kept, want %d", len(all), n)
	}
	named := map[string]bool{}
	for _, m := range all {
		must(t, s.Fetch(t.Context(), m, vfs.NewMem(), "fetched", nil))
		for _, f := range m.Files {
			named[s.fileKey(partition, m.Database, f.SHA256)] = true
		}
	}
	objects, err := s.list(t.Context(), s.home(partition)+filesFolder)
	must(t, err)
	for _, o := range objects {
		if !named[o.key] {
			t.Errorf("%s is there in vain", o.key)
		}
	}
}

func TestOldCheckpointsGo(t *testing.T) {
	c := &clock{t: time.Now().Add(time.Hour)} // files bear the machine's time
	s := memStore(t, 2, Deps{Now: c.now})
	db, other := newDB(t, vfs.NewMem(), "db"), newDB(t, vfs.NewMem(), "other")
	for seq := 1; seq <= 5; seq++ {
		put(t, db, 0, 0, 1000*seq, "x")
		flushed(t, db)
		ship(t, s, db, 0, seq)
	}
	whole(t, s, 0, 2)
	// The partition moves to another database; the first one's files stay for a day, then they go.
	for seq := 6; seq <= 8; seq++ {
		put(t, other, 0, 0, 1000*seq, "y")
		flushed(t, other)
		ship(t, s, other, 0, seq)
	}
	count := func() (n int) {
		id, _ := db.ID()
		objects, err := s.list(t.Context(), s.fileKey(0, id, ""))
		must(t, err)
		return len(objects)
	}
	if count() == 0 {
		t.Error("files of another database went at once")
	}
	c.add(25 * time.Hour)
	put(t, other, 0, 0, 10, "z")
	ship(t, s, other, 0, 9)
	if n := count(); n != 0 {
		t.Errorf("%d files of the first database are there after a day", n)
	}
	whole(t, s, 0, 2)
	// Neither another partition nor another group was touched or seen.
	ship(t, s, other, 3, 1)
	whole(t, s, 0, 2)
	whole(t, s, 3, 1)
	stranger := openStore(t, s.cfg, Deps{Group: "g/2", FS: s.bucket.(*dirBucket).fs})
	if _, ok, err := stranger.Latest(t.Context(), 0); ok || err != nil {
		t.Errorf("another group sees the checkpoint: %v", err)
	}
}

// TestAZombieDoesNoHarm has a processor ship a partition that another owns already.
func TestAZombieDoesNoHarm(t *testing.T) {
	c := &clock{t: time.Now()}
	s := memStore(t, 2, Deps{Now: c.now})
	owner, zombie := newDB(t, vfs.NewMem(), "owner"), newDB(t, vfs.NewMem(), "zombie")
	put(t, owner, 0, 0, 3000, "x")
	put(t, zombie, 0, 0, 2000, "x")
	for seq := 10; seq < 20; seq++ {
		put(t, owner, 0, seq, seq+5, "owner")
		flushed(t, owner)
		ship(t, s, owner, 0, seq)
		flushed(t, zombie)
		ship(t, s, zombie, 0, seq-9)
		c.add(20 * time.Hour)
		m, ok, err := s.Latest(t.Context(), 0)
		must(t, err)
		if !ok || m.CycleSeq != uint64(seq) {
			t.Fatalf("after the zombie's %d the latest is %d", seq, m.CycleSeq)
		}
		must(t, s.Fetch(t.Context(), m, vfs.NewMem(), "fetched", nil))
	}
	// What a zombie sweeps from under a checkpoint that is being shipped is noticed.
	cp, err := owner.Checkpoint(0)
	must(t, err)
	id, _ := owner.ID()
	c.add(48 * time.Hour)
	s.bucket = &sweepingBucket{bucket: s.bucket, prefix: s.fileKey(0, id, "")}
	_, err = s.send(t.Context(), cp, id, meta(30), nil, nil)
	if !errors.Is(err, ErrDamaged) {
		t.Errorf("shipping with files swept meanwhile: %v", err)
	}
	if m, _, _ := s.Latest(t.Context(), 0); m.CycleSeq == 30 {
		t.Error("the torn checkpoint is there")
	}
	must(t, cp.Remove())
}

// sweepingBucket removes the files right before a manifest is written.
type sweepingBucket struct {
	bucket
	prefix string
}

func (b *sweepingBucket) put(ctx context.Context, key string, r io.Reader, size int64, sum string) error {
	if strings.Contains(key, manifestsFolder) {
		var victims []string
		if err := b.list(ctx, b.prefix, func(o object) { victims = append(victims, o.key) }); err != nil {
			return err
		}
		for _, key := range victims {
			if err := b.remove(ctx, key); err != nil {
				return err
			}
		}
	}
	return b.bucket.put(ctx, key, r, size, sum)
}

// TestAShippedCheckpointOutlivesACrashOfTheDirectory crashes the destination's file system, with nothing or any part of what was
// not synced, after shipping and at every change during it.
func TestAShippedCheckpointOutlivesACrashOfTheDirectory(t *testing.T) {
	db := newDB(t, vfs.NewMem(), "db")
	put(t, db, 0, 0, 3000, "old")
	flushed(t, db)
	old := content(t, db, 0)
	disk := vfs.NewCrashableMem()
	ship(t, memStore(t, 1, Deps{FS: disk}), db, 0, 1)
	put(t, db, 0, 0, 3000, "new")
	flushed(t, db)
	now := content(t, db, 0)
	rng := rand.New(rand.NewPCG(3, 3))
	for step := 1; ; step++ {
		running := disk.CrashClone(vfs.CrashCloneCfg{})
		var crashed *vfs.MemFS
		changes := 0
		var mu sync.Mutex
		fs := errorfs.Wrap(running, errorfs.InjectorFunc(func(op errorfs.Op) error {
			mu.Lock()
			defer mu.Unlock()
			if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
				if changes++; changes == step {
					crashed = running.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng})
				}
			}
			return nil
		}))
		ship(t, memStore(t, 1, Deps{FS: fs}), db, 0, 2)
		ended := crashed == nil
		if ended {
			crashed = running.CrashClone(vfs.CrashCloneCfg{})
		}
		to := newDB(t, vfs.NewMem(), "to")
		s := memStore(t, 1, Deps{FS: crashed})
		m, ok, err := s.Restore(t.Context(), to, 0, nil, nil)
		must(t, err)
		switch {
		case ok && m.CycleSeq == 1 && !ended:
			same(t, to, 0, old)
		case ok && m.CycleSeq == 2:
			same(t, to, 0, now)
		default:
			t.Fatalf("crashed at change %d: %v, cycle %d", step, ok, m.CycleSeq)
		}
		if ended {
			if step < 20 {
				t.Errorf("only %d changes", step)
			}
			return
		}
	}
}
