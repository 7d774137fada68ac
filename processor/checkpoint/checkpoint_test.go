package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func TestShippedStateComesBackElsewhere(t *testing.T) {
	destinations(t, func(t *testing.T, s *Store) {
		from := newDB(t, vfs.NewMem(), "from")
		for _, p := range []int32{0, 1, 2} {
			put(t, from, p, 0, 30_000, "first")
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

		to := newDB(t, nil, t.TempDir()) // nil: the machine's
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
	must(t, s.Fetch(t.Context(), m, to.FS(), dir, nil))
	got, err := to.FS().List(dir)
	must(t, err)
	var listed []string
	for _, f := range m.Files {
		listed = append(listed, f.Name)
	}
	slices.Sort(got)
	slices.Sort(listed)
	if !slices.Equal(got, listed) {
		t.Errorf("fetched: %v, want %v", got, listed)
	}
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
