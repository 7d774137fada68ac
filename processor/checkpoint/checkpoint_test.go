package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

func TestShippedStateComesBackElsewhere(t *testing.T) {
	destinations(t, func(t *testing.T, s *Store) {
		from := newDB(t, vfs.NewMem(), "from")
		for _, p := range []int32{0, 1, 2} {
			put(t, from, p, 0, 60_000, "first")
		}
		flushed(t, from)
		first := ship(t, s, from, 1, 1)
		if first.KeptBytes != 0 {
			t.Errorf("the first checkpoint found %d bytes there", first.KeptBytes)
		}
		put(t, from, 1, 10, 20, "changed")
		second := ship(t, s, from, 1, 2)
		there, anew := map[string]bool{}, 0
		for _, f := range first.Manifest.Files {
			there[f.SHA256] = true
		}
		for _, f := range second.Manifest.Files {
			if f.Bytes > 0 && !there[f.SHA256] {
				anew++
			}
		}
		if second.SentFiles != anew || second.KeptBytes < first.SentBytes/2 || second.SentBytes > first.SentBytes/2 {
			t.Errorf("a change of 10 keys sent %d files (%d are new), %d bytes, and kept %d bytes of %d", second.SentFiles, anew, second.SentBytes, second.KeptBytes, first.SentBytes)
		}
		again := ship(t, s, from, 1, 3)
		if again.SentBytes > first.SentBytes/2 {
			t.Errorf("no change sent %d bytes", again.SentBytes)
		}
		want := content(t, from, 1)
		put(t, from, 1, 0, 1000, "after the checkpoint")

		to := newDB(t, vfs.NewMem(), "to")
		for _, p := range []int32{0, 1, 2} {
			put(t, to, p, 500, 1500, "own")
		}
		zero, two := content(t, to, 0), content(t, to, 2)
		var told []Progress
		m, ok, err := s.Restore(t.Context(), to, 1, nil, func(p Progress) { told = append(told, p) })
		must(t, err)
		if !ok || m.CycleSeq != 3 || m.Positions["clicks"] != 30 || m.WatermarkMS != 3000 || m.CycleRandom != 3*7919 {
			t.Errorf("restored %v: %+v", ok, m.Meta)
		}
		same(t, to, 1, want)
		same(t, to, 0, zero)
		same(t, to, 2, two)
		if len(told) < 2 || told[0].Doing != "fetching" || told[len(told)-1].Doing != "applying" || told[len(told)-1].Done != told[len(told)-1].Total {
			t.Errorf("progress told: %v", told)
		}
		if _, err := to.FS().Stat(to.FetchDir(1)); err == nil {
			t.Error("the fetched files are left behind")
		}
		_, ok, err = s.Restore(t.Context(), to, 2, nil, nil)
		must(t, err)
		if ok {
			t.Error("restored a partition that was never shipped")
		}
		same(t, to, 2, two)
		// The way back: the restored database ships as well.
		put(t, to, 1, 0, 10, "moved")
		back := ship(t, s, to, 1, 4)
		if back.Manifest.Database == first.Manifest.Database {
			t.Error("two databases have one name")
		}
		want = content(t, to, 1)
		_, ok, err = s.Restore(t.Context(), from, 1, nil, nil)
		must(t, err)
		if !ok {
			t.Error("no way back")
		}
		same(t, from, 1, want)
	})
}

func TestManyPartitionsComeBackTogether(t *testing.T) {
	s := memStore(t, 3, Deps{})
	from, to := newDB(t, vfs.NewMem(), "from"), newDB(t, vfs.NewMem(), "to")
	for p := range int32(8) {
		put(t, from, p, 0, 3000+int(p), fmt.Sprint("x", p))
	}
	for p := range int32(8) {
		ship(t, s, from, p, 1)
	}
	var restoring sync.WaitGroup
	for p := range int32(8) {
		restoring.Go(func() {
			if _, ok, err := s.Restore(t.Context(), to, p, nil, nil); !ok || err != nil {
				t.Error(ok, err)
			}
		})
	}
	restoring.Wait()
	for p := range int32(8) {
		same(t, to, p, content(t, from, p))
	}
}

func TestOnlyWhatFitsIsRestored(t *testing.T) {
	s := memStore(t, 3, Deps{})
	db := newDB(t, vfs.NewMem(), "db")
	var states []map[string]string
	for seq := 1; seq <= 3; seq++ {
		put(t, db, 5, 0, 100*seq, "x")
		states = append(states, content(t, db, 5))
		ship(t, s, db, 5, seq)
	}
	to := newDB(t, vfs.NewMem(), "to")
	committed := map[string]int64{"clicks": 25, "postbacks": 100}
	m, ok, err := s.Restore(t.Context(), to, 5, func(m *Manifest) error { return m.Fits(committed, nil) }, nil)
	must(t, err)
	if !ok || m.CycleSeq != 2 {
		t.Errorf("restored %v, cycle %d", ok, m.CycleSeq)
	}
	same(t, to, 5, states[1])

	id := Manifest{Meta: Meta{Positions: map[string]int64{"clicks": 5}, TopicIDs: map[string]string{"clicks": "a", "gone": "b"}}}
	for name, tc := range map[string]struct {
		committed map[string]int64
		ids       map[string]string
		fits      bool
	}{
		"equal":               {map[string]int64{"clicks": 5}, map[string]string{"clicks": "a"}, true},
		"committed goes on":   {map[string]int64{"clicks": 9, "new": 4}, nil, true},
		"beyond":              {map[string]int64{"clicks": 4}, map[string]string{"clicks": "a"}, false},
		"nothing committed":   {nil, nil, false},
		"another topic's log": {map[string]int64{"clicks": 9}, map[string]string{"clicks": "z"}, false},
	} {
		if err := id.Fits(tc.committed, tc.ids); (err == nil) != tc.fits {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestATornUploadIsNeverRestored breaks shipping off at every change of the destination.
func TestATornUploadIsNeverRestored(t *testing.T) {
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
		faulty := &faultyBucket{bucket: s.bucket, failAt: failAt}
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
	c := &clock{t: time.Now()}
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

// TestDamageIsFoundAndNamed flips a bit of each object in turn.
func TestDamageIsFoundAndNamed(t *testing.T) {
	fs := vfs.NewMem()
	s := memStore(t, 3, Deps{FS: fs})
	db := newDB(t, vfs.NewMem(), "db")
	put(t, db, 0, 0, 3000, "old")
	flushed(t, db)
	old := content(t, db, 0)
	first := ship(t, s, db, 0, 1).Manifest
	put(t, db, 0, 0, 3000, "new")
	flushed(t, db)
	now := content(t, db, 0)
	second := ship(t, s, db, 0, 2).Manifest
	shared := map[string]bool{}
	for _, f := range first.Files {
		shared[f.SHA256] = true
	}
	objects, err := s.list(t.Context(), s.home(0))
	must(t, err)
	flip := func(key string, at int64) {
		f, err := fs.OpenReadWrite(s.bucket.(*dirBucket).path(key), vfs.WriteCategoryUnspecified)
		must(t, err)
		b := make([]byte, 1)
		_, err = f.ReadAt(b, at)
		must(t, err)
		b[0] ^= 1
		_, err = f.WriteAt(b, at)
		must(t, err)
		must(t, f.Close())
	}
	tried := 0
	for _, o := range objects {
		if o.bytes == 0 {
			continue
		}
		sum := path.Base(o.key)
		i := slices.IndexFunc(second.Files, func(f File) bool { return f.SHA256 == sum })
		isManifest := strings.Contains(o.key, manifestsFolder) && strings.Contains(o.key, second.ID())
		if i < 0 && !isManifest || shared[sum] {
			continue
		}
		tried++
		flip(o.key, o.bytes/2)
		to := newDB(t, vfs.NewMem(), "to")
		put(t, to, 0, 0, 10, "own")
		if !isManifest {
			err := s.Fetch(t.Context(), second, vfs.NewMem(), "fetched", nil)
			if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), second.Files[i].Name) || !strings.Contains(err.Error(), second.ID()) {
				t.Errorf("%s: %v", second.Files[i].Name, err)
			}
		}
		m, ok, err := s.Restore(t.Context(), to, 0, nil, nil)
		must(t, err)
		if !ok || m.ID() != first.ID() {
			t.Errorf("with %s damaged: restored %v %s", o.key, ok, m.ID())
		}
		same(t, to, 0, old)
		flip(o.key, o.bytes/2)
	}
	if tried < 3 {
		t.Errorf("only %d objects are the second checkpoint's alone", tried)
	}
	to := newDB(t, vfs.NewMem(), "to")
	_, _, err = s.Restore(t.Context(), to, 0, nil, nil)
	must(t, err)
	same(t, to, 0, now)
}

func TestABrokenOffFetchGoesOn(t *testing.T) {
	s := memStore(t, 3, Deps{})
	s.cfg.Transfers = 1
	db := newDB(t, vfs.NewMem(), "db")
	for round := range 6 {
		put(t, db, 0, round*20_000, (round+1)*20_000, "x")
		flushed(t, db)
	}
	want := content(t, db, 0)
	m := ship(t, s, db, 0, 1).Manifest
	to := newDB(t, vfs.NewMem(), "to")
	put(t, to, 0, 0, 10, "own")
	own := content(t, to, 0)
	dir := to.FetchDir(0)
	ctx, cancel := context.WithCancel(t.Context())
	stored := 0
	for _, f := range m.Files {
		if f.Bytes > 0 {
			stored++
		}
	}
	s.bucket = &cancellingBucket{bucket: s.bucket, after: stored - 1, cancel: cancel}
	_, _, err := s.Restore(ctx, to, 0, nil, nil)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("called off: %v", err)
	}
	same(t, to, 0, own)
	names, err := to.FS().List(dir)
	must(t, err)
	if len(names) < stored-2 {
		t.Fatalf("only %v is there after the break", names)
	}
	// A stray file, half a file and one with wrong bytes among them.
	must(t, write(to.FS(), to.FS().PathJoin(dir, "MANIFEST-999999"), "stray"))
	must(t, write(to.FS(), to.FS().PathJoin(dir, names[0]+partSuffix), "half"))
	bytes := fetchedBytes(t, s)
	_, ok, err := s.Restore(t.Context(), to, 0, nil, nil)
	must(t, err)
	if !ok {
		t.Error("nothing restored")
	}
	same(t, to, 0, want)
	if again := fetchedBytes(t, s) - bytes; again > m.Bytes()/2 {
		t.Errorf("going on fetched %d of %d bytes", again, m.Bytes())
	}
}

func write(fs vfs.FS, path, text string) error {
	f, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write([]byte(text))
	return errors.Join(err, f.Close())
}

func TestTooSmallADiskIsFoundBefore(t *testing.T) {
	s := memStore(t, 3, Deps{})
	db := newDB(t, vfs.NewMem(), "db")
	put(t, db, 0, 0, 10_000, "x")
	m := ship(t, s, db, 0, 1).Manifest
	for _, tc := range []struct {
		free int64
		want bool
	}{{m.Bytes(), false}, {3 * m.Bytes(), true}} {
		fs := vfs.NewMem()
		fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: uint64(tc.free), TotalBytes: 1 << 40})
		to := newDB(t, fs, "to")
		_, ok, err := s.Restore(t.Context(), to, 0, nil, nil)
		if ok != tc.want || !tc.want && !errors.Is(err, ErrSpace) {
			t.Errorf("with %d bytes free for %d: %v %v", tc.free, m.Bytes(), ok, err)
		}
		if names, _ := fs.List(to.FetchDir(0)); len(names) > 0 {
			t.Errorf("with %d bytes free %v lies there", tc.free, names)
		}
	}
}

// cancellingBucket calls everything off after some reads of files.
type cancellingBucket struct {
	bucket
	after  int
	cancel context.CancelFunc
}

func (b *cancellingBucket) get(ctx context.Context, key string) (io.ReadCloser, error) {
	if strings.Contains(key, filesFolder) {
		if b.after--; b.after == 0 {
			b.cancel()
		}
	}
	return b.bucket.get(ctx, key)
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
