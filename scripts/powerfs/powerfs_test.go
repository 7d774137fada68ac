//go:build linux

package powerfs

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A machine has a file system whose power can be cut.
type machine struct {
	*testing.T
	fs    *FS
	mount *Mount
	dir   string
	rng   *rand.Rand
}

func newMachine(t *testing.T, o Options) *machine {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("mounting needs root")
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skip("no FUSE here: ", err)
	}
	f, err := New(t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{T: t, fs: f, dir: t.TempDir(), rng: rand.New(rand.NewPCG(1, 2))}
	m.start()
	t.Cleanup(func() {
		f.PowerOff()
		f.Release()
		m.mount.Detach()
	})
	return m
}

func (m *machine) start() {
	m.Helper()
	var err error
	if m.mount, err = m.fs.Mount(m.dir); err != nil {
		m.Fatal(err)
	}
}

// cut is a power cut and the next start.
func (m *machine) cut(loss Loss) CutReport {
	m.Helper()
	m.fs.PowerOff()
	m.fs.Release()
	if err := m.mount.Unmount(); err != nil {
		m.Fatal(err)
	}
	report, err := m.fs.Cut(loss, m.rng)
	if err != nil {
		m.Fatal(err)
	}
	m.start()
	return report
}

func (m *machine) path(name string) string { return filepath.Join(m.dir, name) }

func (m *machine) must(err error) {
	m.Helper()
	if err != nil {
		m.Fatal(err)
	}
}

func (m *machine) write(name string, data []byte, at int64, sync bool) {
	m.Helper()
	file, err := os.OpenFile(m.path(name), os.O_RDWR|os.O_CREATE, 0o600)
	m.must(err)
	_, err = file.WriteAt(data, at)
	m.must(err)
	if sync {
		m.must(file.Sync())
	}
	m.must(file.Close())
}

func (m *machine) sync(name string) {
	m.Helper()
	file, err := os.Open(m.path(name))
	m.must(err)
	m.must(file.Sync())
	m.must(file.Close())
}

func (m *machine) syncAll() {
	m.Helper()
	m.must(unix.Setxattr(m.dir, SyncAttribute, []byte("1"), 0))
}

func (m *machine) want(name string, content []byte) {
	m.Helper()
	got, err := os.ReadFile(m.path(name))
	if content == nil {
		if !errors.Is(err, fs.ErrNotExist) {
			m.Fatalf("%s is there with %d bytes, %v", name, len(got), err)
		}
		return
	}
	if err != nil || !bytes.Equal(got, content) {
		m.Fatalf("%s: %d bytes %.40q, %v; want %d bytes %.40q", name, len(got), got, err, len(content), content)
	}
}

// Whatever the loss: what was synced is there.
func TestSyncedSurvives(t *testing.T) {
	for _, loss := range Losses {
		t.Run(string(loss), func(t *testing.T) {
			m := newMachine(t, Options{})
			m.must(os.MkdirAll(m.path("a/b"), 0o755))
			for round := range 10 {
				content := bytes.Repeat([]byte{byte('a' + round)}, 10_000+round*777)
				m.write("a/b/fsync", content, 0, true)
				file, err := os.OpenFile(m.path("a/b/osync"), os.O_WRONLY|os.O_CREATE|unix.O_DSYNC, 0o600)
				m.must(err)
				_, err = file.Write(content)
				m.must(err)
				m.must(file.Close())
				for _, folder := range []string{"a/b", "a", "."} {
					m.sync(folder)
				}
				m.write("c", content, 0, false)
				m.write("gone", content, 0, false)
				m.must(os.Rename(m.path("gone"), m.path("renamed")))
				m.syncAll()
				m.write("late", content, 0, false)
				m.write("a/b/fsync", []byte("xyz"), 20_000, false)
				m.cut(loss)
				for _, name := range []string{"a/b/osync", "c", "renamed"} {
					m.want(name, content)
				}
				m.want("gone", nil)
				got, err := os.ReadFile(m.path("a/b/fsync"))
				m.must(err)
				if !bytes.HasPrefix(got, content) {
					t.Fatalf("round %d: the synced part of the file changed", round)
				}
				m.must(os.Truncate(m.path("a/b/fsync"), int64(len(content))))
				_ = os.Remove(m.path("late"))
			}
		})
	}
}

func TestUnsyncedIsForgotten(t *testing.T) {
	m := newMachine(t, Options{})
	m.write("file", []byte("old old old"), 0, false)
	m.must(os.Mkdir(m.path("folder"), 0o755))
	m.write("folder/kept", []byte("k"), 0, false)
	m.write("cut", bytes.Repeat([]byte("c"), 9000), 0, false)
	m.write("longer", []byte("l"), 0, false)
	m.syncAll()

	m.write("file", []byte("new"), 4, false)
	m.write("new", []byte("n"), 0, true) // synced, but its folder is not
	m.must(os.Remove(m.path("folder/kept")))
	m.must(os.Remove(m.path("folder")))
	m.must(os.Truncate(m.path("cut"), 10))
	m.must(os.Truncate(m.path("longer"), 5000))
	m.must(os.Mkdir(m.path("folder2"), 0o755))
	m.write("folder2/x", []byte("x"), 0, true)
	m.sync("folder2") // its own name is not synced
	m.want("file", []byte("old new old"))
	report := m.cut(LossWhole)
	if report.ChangesLost != 3 || report.MovesLost != report.Moves || report.Moves == 0 {
		t.Errorf("%+v", report)
	}
	m.want("file", []byte("old old old"))
	m.want("folder/kept", []byte("k"))
	m.want("cut", bytes.Repeat([]byte("c"), 9000))
	m.want("longer", []byte("l"))
	m.want("new", nil)
	m.want("folder2/x", nil)
}

// A rename that its folder's sync did not cover is undone as a whole: neither name is lost, nor are there two.
func TestRename(t *testing.T) {
	both := map[string]int{}
	for _, loss := range Losses {
		for seed := range uint64(20) {
			m := newMachine(t, Options{})
			m.rng = rand.New(rand.NewPCG(seed, 3))
			m.must(os.Mkdir(m.path("to"), 0o755))
			m.write("a", []byte("new"), 0, false)
			m.write("to/b", []byte("old"), 0, false)
			m.syncAll()
			m.must(os.Rename(m.path("a"), m.path("to/b")))
			m.cut(loss)
			if _, err := os.Stat(m.path("a")); err == nil {
				both[string(loss)+" before"]++
				m.want("to/b", []byte("old"))
			} else {
				both[string(loss)+" after"]++
				m.want("to/b", []byte("new"))
			}
			m.must(os.Rename(m.path("to/b"), m.path("c")))
			m.sync("to") // covers the whole step
			m.cut(loss)
			m.want("to/b", nil)
			if _, err := os.Stat(m.path("c")); err != nil {
				t.Fatal("a rename that was synced on one side only lost the file: ", err)
			}
		}
	}
	if both["whole after"] > 0 || both["whole before"] != 20 {
		t.Error("a rename without a sync survived a whole loss: ", both)
	}
	for _, kind := range []string{"part before", "part after", "order before", "order after"} {
		if both[kind] == 0 {
			t.Errorf("it never was %s: %v", kind, both)
		}
	}
}

// names are those under which the file is found.
func (m *machine) names(candidates ...string) (found []string) {
	for _, name := range candidates {
		if _, err := os.Stat(m.path(name)); err == nil {
			found = append(found, name)
		}
	}
	return found
}

// Of renames one after the other a later one does not survive without the earlier ones, on which it rests.
func TestChainOfRenames(t *testing.T) {
	ends := map[string]int{}
	for seed := range uint64(30) {
		m := newMachine(t, Options{})
		m.rng = rand.New(rand.NewPCG(seed, 6))
		m.must(os.Mkdir(m.path("to"), 0o755))
		m.write("a", []byte("1"), 0, false)
		m.syncAll()
		m.must(os.Rename(m.path("a"), m.path("b")))
		m.must(os.Rename(m.path("b"), m.path("c")))
		m.cut(LossOrder)
		found := m.names("a", "b", "c")
		if len(found) != 1 {
			t.Fatalf("seed %d: it has the names %q", seed, found)
		}
		ends[found[0]]++
		m.must(os.Rename(m.path(found[0]), m.path("d")))
		m.must(os.Rename(m.path("d"), m.path("to/e")))
		m.sync("to")
		m.cut(LossOrder)
		if found := m.names("a", "b", "c", "d", "to/e"); len(found) != 1 || found[0] != "to/e" {
			t.Fatalf("seed %d: after a sync it has the names %q", seed, found)
		}
	}
	if len(ends) != 3 {
		t.Errorf("30 cuts ended at %v", ends)
	}
}

// A write through a descriptor that syncs needs no sync of its own.
func TestSyncingWrites(t *testing.T) {
	for _, flag := range []int{0, unix.O_SYNC, unix.O_DSYNC} {
		m := newMachine(t, Options{})
		m.write("file", []byte("old"), 0, false)
		m.syncAll()
		file, err := os.OpenFile(m.path("file"), os.O_WRONLY|flag, 0)
		m.must(err)
		_, err = file.Write([]byte("new"))
		m.must(err)
		m.must(file.Close())
		m.cut(LossWhole)
		m.want("file", []byte(map[bool]string{true: "new", false: "old"}[flag != 0]))
	}
}

func TestHardLinks(t *testing.T) {
	m := newMachine(t, Options{})
	m.write("a", []byte("1"), 0, false)
	m.must(os.Link(m.path("a"), m.path("b")))
	m.syncAll()
	m.must(os.Link(m.path("a"), m.path("c")))
	m.must(os.Remove(m.path("a")))
	m.write("b", []byte("2"), 0, true) // a sync is of the file, whatever its name
	m.cut(LossWhole)
	m.want("a", []byte("2"))
	m.want("b", []byte("2"))
	m.want("c", nil)
	var s unix.Stat_t
	m.must(unix.Stat(m.path("a"), &s))
	if s.Nlink != 2 {
		t.Errorf("%d links, want 2", s.Nlink)
	}
	m.must(os.Remove(m.path("a")))
	m.must(os.Remove(m.path("b")))
	m.syncAll()
	m.cut(LossOrder)
	if entries, err := os.ReadDir(m.fs.backing); err != nil || len(entries) > 0 {
		t.Errorf("%d files stay behind when no name leads to them, %v", len(entries), err)
	}
}

// Later writes survive without earlier ones, in one file and among files.
func TestOrderIsLost(t *testing.T) {
	laterFile, laterPage, torn := 0, 0, 0
	for seed := range uint64(60) {
		m := newMachine(t, Options{})
		m.rng = rand.New(rand.NewPCG(seed, 4))
		old := bytes.Repeat([]byte("o"), 3*pageBytes)
		for _, name := range []string{"first", "second"} {
			m.write(name, old, 0, false)
		}
		m.syncAll()
		for page := range int64(3) {
			m.write("first", bytes.Repeat([]byte("n"), pageBytes), page*pageBytes, false)
		}
		m.write("second", bytes.Repeat([]byte("n"), 3*pageBytes), 0, false)
		m.cut(LossOrder)
		first, err := os.ReadFile(m.path("first"))
		m.must(err)
		second, err := os.ReadFile(m.path("second"))
		m.must(err)
		if bytes.Equal(first, old) && bytes.Count(second, []byte("o")) == 0 {
			laterFile++
		}
		if first[0] == 'o' && first[len(first)-1] == 'n' {
			laterPage++
		}
		if n := bytes.Count(first, []byte("n")); n%pageBytes != 0 {
			torn++
			if n%sectorBytes != 0 {
				t.Errorf("torn inside a sector: %d new bytes", n)
			}
		}
	}
	if laterFile == 0 || laterPage == 0 || torn == 0 {
		t.Errorf("in 60 cuts a later file alone survived %d times, a later page %d times, a page was torn %d times", laterFile, laterPage, torn)
	}
}

// Of a file that grows, a beginning survives, now and then with zeros up to its new length.
func TestPart(t *testing.T) {
	lengths, zeros := map[int]bool{}, 0
	for seed := range uint64(60) {
		m := newMachine(t, Options{})
		m.rng = rand.New(rand.NewPCG(seed, 5))
		m.write("log", nil, 0, false)
		m.syncAll()
		var all []byte
		for i := range 20 {
			data := bytes.Repeat([]byte{byte('a' + i)}, 1500)
			m.write("log", data, int64(len(all)), false)
			all = append(all, data...)
		}
		m.cut(LossPart)
		got, err := os.ReadFile(m.path("log"))
		m.must(err)
		whole := len(bytes.TrimRight(got, "\x00"))
		if !bytes.HasPrefix(all, got[:whole]) {
			t.Fatalf("seed %d: %d bytes that are no beginning of what was written", seed, whole)
		}
		if whole < len(got) {
			zeros++
		}
		lengths[whole] = true
	}
	if len(lengths) < 10 || zeros == 0 {
		t.Errorf("60 cuts left %d lengths; zeros at the end %d times", len(lengths), zeros)
	}
}

// A sync covers what was written when it began, and no cut comes into its middle.
func TestSlowSync(t *testing.T) {
	m := newMachine(t, Options{SyncDelay: 3 * time.Second})
	m.write("file", []byte("aaaa"), 0, false)
	m.syncAll()
	m.write("file", []byte("b"), 0, false)
	began := m.fs.Stats.WholeSyncs.Load()
	done := make(chan struct{})
	// The kernel holds up writes to a file that is being synced itself.
	go func() { defer close(done); m.syncAll() }()
	for m.fs.Stats.WholeSyncs.Load() == began {
		time.Sleep(time.Millisecond)
	}
	m.write("file", []byte("c"), 1, false)
	select {
	case <-done:
		t.Fatal("a sync of 3 s was over before one write")
	default:
	}
	<-done
	m.cut(LossWhole)
	m.want("file", []byte("baaa"))
}

// With NamesFollow a synced file keeps its name, as on the file systems of Linux.
func TestNamesFollow(t *testing.T) {
	for _, follow := range []bool{false, true} {
		m := newMachine(t, Options{NamesFollow: follow})
		m.write("new", []byte("n"), 0, true)
		m.must(os.Mkdir(m.path("tmp"), 0o755))
		m.must(os.Rename(m.path("tmp"), m.path("part")))
		m.sync("part")
		m.cut(LossWhole)
		for _, name := range []string{"new", "part"} {
			if _, err := os.Stat(m.path(name)); (err == nil) != follow {
				t.Errorf("names follow %t: %s: %v", follow, name, err)
			}
		}
	}
}

func TestSyncEverything(t *testing.T) {
	m := newMachine(t, Options{SyncEverything: true})
	m.write("a", []byte("1"), 0, false)
	m.must(os.Rename(m.path("a"), m.path("b")))
	if report := m.cut(LossWhole); report != (CutReport{}) {
		t.Errorf("%+v", report)
	}
	m.want("b", []byte("1"))
}

func TestSyncedFolders(t *testing.T) {
	m := newMachine(t, Options{Synced: []string{"kept"}})
	for _, folder := range []string{"kept", "lost"} {
		m.must(os.MkdirAll(m.path(folder+"/deep"), 0o755))
		m.write(folder+"/deep/file", []byte("1"), 0, false)
		m.must(os.Rename(m.path(folder+"/deep/file"), m.path(folder+"/file")))
	}
	m.cut(LossWhole)
	m.want("kept/file", []byte("1"))
	m.want("lost/file", nil)
}

// After the power went off nothing counts, and nobody sees an error before he is released.
func TestPowerOff(t *testing.T) {
	m := newMachine(t, Options{})
	file, err := os.Create(m.path("file"))
	m.must(err)
	_, err = file.Write([]byte("before"))
	m.must(err)
	m.syncAll()
	m.fs.PowerOff()
	outcome := make(chan error, 1)
	go func() {
		_, err := file.WriteAt([]byte("after!"), 0)
		outcome <- err
	}()
	select {
	case err := <-outcome:
		t.Fatal("a write after the power went off returned: ", err)
	case <-time.After(50 * time.Millisecond):
	}
	m.fs.Release()
	if err := <-outcome; !errors.Is(err, syscall.EIO) {
		t.Errorf("%v, want EIO", err)
	}
	_ = file.Close()
	m.must(m.mount.Unmount())
	_, err = m.fs.Cut(LossOrder, m.rng)
	m.must(err)
	m.start()
	m.want("file", []byte("before"))
}
