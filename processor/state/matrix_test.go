package state

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// A harm is something that a disk does to a file.
type harm struct {
	name string
	do   func(content []byte) []byte // nil: the file is gone
}

func cutTo(size func(n int) int) func([]byte) []byte {
	return func(b []byte) []byte { return b[:size(len(b))] }
}

func flipAt(place func(n int) int) func([]byte) []byte {
	return func(b []byte) []byte {
		if len(b) > 0 {
			b[place(len(b))] ^= 0x10
		}
		return b
	}
}

var harms = []harm{
	{"cut by one byte", cutTo(func(n int) int { return max(0, n-1) })},
	{"cut to half", cutTo(func(n int) int { return n / 2 })},
	{"cut to nothing", cutTo(func(int) int { return 0 })},
	{"flipped in front", flipAt(func(int) int { return 0 })},
	{"flipped in the middle", flipAt(func(n int) int { return n / 2 })},
	{"flipped at the end", flipAt(func(n int) int { return n - 1 })},
	{"deleted", nil},
}

func readFile(t testing.TB, fs vfs.FS, path string) []byte {
	t.Helper()
	f, err := fs.Open(path)
	must(t, err)
	info, err := f.Stat()
	must(t, err)
	b := make([]byte, info.Size())
	if len(b) > 0 {
		_, err = f.ReadAt(b, 0)
	}
	must(t, errors.Join(err, f.Close()))
	return b
}

func writeFile(t testing.TB, fs vfs.FS, path string, b []byte) {
	t.Helper()
	f, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	must(t, err)
	_, err = f.Write(b)
	must(t, errors.Join(err, f.Close()))
}

// files are those of the database in state, by name.
func files(t testing.TB, fs vfs.FS) map[string][]byte {
	t.Helper()
	names, err := fs.List("state")
	must(t, err)
	all := map[string][]byte{}
	for _, name := range names {
		if info, err := fs.Stat("state/" + name); err == nil && !info.IsDir() && name != "LOCK" {
			all[name] = readFile(t, fs, "state/"+name)
		}
	}
	return all
}

// numbered writes the batch with the number i of a partition: it moves "last" and adds a key of its own.
func numbered(t testing.TB, s *Store, p *Partition, i int) {
	t.Helper()
	n := p.Namespace("a")
	n.Put([]byte("last"), []byte(strconv.Itoa(i)))
	n.Put(fmt.Appendf(nil, "k%05d", i), fmt.Appendf(nil, "value %d %s", i, strings.Repeat(strconv.Itoa(i%7), 300)))
	must(t, errors.Join(p.Flush(), s.Sync()))
}

// prefix returns how many of the numbered batches a partition has, and fails if any is missing in between.
func prefix(t testing.TB, s *Store, id int32) (int, error) {
	t.Helper()
	last, n, kept := -1, 0, 0
	err := s.Partition(id).Namespace("a").Scan(nil, nil, func(k, v []byte) bool {
		if string(k) == "last" {
			last, _ = strconv.Atoi(string(v))
			return true
		}
		if i, _ := strconv.Atoi(string(k[1:])); i == n {
			kept++
		}
		n++
		return true
	})
	if err != nil {
		return 0, err
	}
	if last != n-1 || kept != n {
		t.Errorf("partition %d ends with batch %d and has %d of the batches before it", id, last, kept)
	}
	return n, nil
}

// layouts are databases at different moments of their lives, as a killed process leaves them.
var layouts = []struct {
	name string
	make func(t testing.TB, s *Store)
}{
	{"a log alone", func(t testing.TB, s *Store) { writeNumbered(t, s, 0, 40) }},
	{"tables and a log", func(t testing.TB, s *Store) {
		writeNumbered(t, s, 0, 40)
		must(t, s.db.Flush())
		writeNumbered(t, s, 40, 80)
		must(t, s.db.Flush())
		writeNumbered(t, s, 80, 100)
	}},
	{"compacted tables and a log", func(t testing.TB, s *Store) {
		for i := range 5 {
			writeNumbered(t, s, i*40, (i+1)*40)
			must(t, s.db.Flush())
		}
		must(t, s.db.Compact(t.Context(), []byte{0}, []byte{0xff}, false))
		writeNumbered(t, s, 200, 240)
		must(t, s.db.Flush())
		writeNumbered(t, s, 240, 250)
	}},
	{"tables and an empty log", func(t testing.TB, s *Store) {
		writeNumbered(t, s, 0, 40)
		must(t, s.db.Flush())
	}},
}

func writeNumbered(t testing.TB, s *Store, from, to int) {
	t.Helper()
	parts := []*Partition{s.Partition(0), s.Partition(7)}
	for i := from; i < to; i++ {
		for _, p := range parts {
			numbered(t, s, p, i)
		}
	}
}

// TestEveryHarmToEveryFile: whatever happens to one file, the database opens: as it was at some moment, or, when that cannot be told,
// empty and with the damaged one aside. Damage that only a read meets ends in an error that says so, and the next Open is empty.
func TestEveryHarmToEveryFile(t *testing.T) {
	for _, layout := range layouts {
		t.Run(layout.name, func(t *testing.T) {
			fs := vfs.NewCrashableMem()
			s := open(t, fs)
			layout.make(t, s)
			whole, err := prefix(t, s, 0)
			must(t, err)
			dead := fs.CrashClone(vfs.CrashCloneCfg{})
			must(t, s.Close())
			content := files(t, dead)
			if len(content) < 4 {
				t.Fatalf("the database has %d files only", len(content))
			}
			for name, original := range content {
				for _, h := range harms {
					if h.do != nil && len(original) == 0 {
						continue
					}
					t.Run(name+" "+h.name, func(t *testing.T) { suffer(t, content, name, h, whole) })
				}
			}
		})
	}
}

func suffer(t *testing.T, content map[string][]byte, name string, h harm, whole int) {
	fs := vfs.NewMem()
	must(t, fs.MkdirAll("state", 0o755))
	for n, b := range content {
		b = slices.Clone(b)
		if n == name {
			if h.do == nil {
				continue
			}
			b = h.do(b)
		}
		writeFile(t, fs, "state/"+n, b)
	}
	for try := 0; ; try++ {
		s := open(t, fs) // fails the test where it cannot be opened
		zero, err := prefix(t, s, 0)
		seven, err7 := prefix(t, s, 7)
		if err := errors.Join(err, err7); err != nil {
			if !errors.Is(err, ErrDamaged) || s.Damage() == nil || try > 0 {
				t.Fatalf("try %d: reading fails with %v", try, err)
			}
			must(t, s.Close())
			continue
		}
		aside := s.SetAside() != ""
		if zero > whole || seven > zero || zero-seven > 1 {
			t.Errorf("partitions have %d and %d batches of %d", zero, seven, whole)
		}
		if aside && zero+seven > 0 {
			t.Errorf("a database with %d batches was set aside", zero)
		}
		if !aside && zero == 0 && strings.HasSuffix(name, ".sst") {
			t.Errorf("a table is damaged, nothing is left, and nothing was set aside")
		}
		t.Logf("%d of %d batches, set aside: %v", zero, whole, aside)
		numbered(t, s, s.Partition(0), zero)
		must(t, s.Close())
		s = open(t, fs)
		if got, err := prefix(t, s, 0); err != nil || got != zero+1 {
			t.Errorf("one batch later there are %d, %v", got, err)
		}
		must(t, s.Close())
		return
	}
}

// TestBatchesMissingInBetween: a log that is gone while a later one is there is damage, although every file reads well.
func TestBatchesMissingInBetween(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := open(t, fs)
	writeNumbered(t, s, 0, 40)
	before := fs.CrashClone(vfs.CrashCloneCfg{})
	must(t, s.db.Flush())
	writeNumbered(t, s, 40, 60)
	after := fs.CrashClone(vfs.CrashCloneCfg{})
	must(t, s.Close())
	content := files(t, after)
	for name, old := range files(t, before) { // the list of tables is of before, the log of after
		if strings.HasPrefix(name, "MANIFEST") {
			content[name] = old
		}
		if strings.HasSuffix(name, ".log") {
			delete(content, name)
		}
	}
	dir := vfs.NewMem()
	must(t, dir.MkdirAll("state", 0o755))
	for n, b := range content {
		writeFile(t, dir, "state/"+n, b)
	}
	s = open(t, dir)
	if n, err := prefix(t, s, 0); err != nil || n != 0 || s.SetAside() == "" {
		t.Errorf("%d batches, %v, set aside in %q", n, err, s.SetAside())
	}
	must(t, s.Close())
}

// TestANewerFormatIsNoDamage: nothing is moved, and the error says what to do.
func TestANewerFormatIsNoDamage(t *testing.T) {
	fs := vfs.NewMem()
	s := open(t, fs)
	writeNumbered(t, s, 0, 3)
	must(t, s.Close())
	names, err := fs.List("state")
	must(t, err)
	for _, name := range names {
		if strings.HasPrefix(name, "marker.format-version.") {
			must(t, fs.Rename("state/"+name, "state/marker.format-version.000099.999"))
		}
	}
	_, err = Open(Options{Dir: "state", FS: fs, CacheBytes: 1 << 20, MemtableBytes: 1 << 20})
	if !errors.Is(err, ErrNewer) || errors.Is(err, ErrDamaged) || !strings.Contains(fmt.Sprint(err), "format 999") {
		t.Errorf("Open: %v", err)
	}
	if left := files(t, fs); len(left) < 4 {
		t.Errorf("files were moved: %d are left", len(left))
	}
}

// TestRefusalsAreNoDamage: what the operating system refuses says nothing about what is written. A missing file does.
func TestRefusalsAreNoDamage(t *testing.T) {
	for _, tc := range []struct {
		err    error
		damage bool
	}{
		{&os.PathError{Op: "read", Path: "000005.sst", Err: syscall.EIO}, false},
		{fmt.Errorf("writing: %w", syscall.ENOSPC), false},
		{&os.PathError{Op: "open", Path: "000005.sst", Err: syscall.EMFILE}, false},
		{&os.PathError{Op: "open", Path: "000005.sst", Err: syscall.EACCES}, false},
		{&os.PathError{Op: "open", Path: "000005.sst", Err: syscall.ENOENT}, true},
		{fmt.Errorf("reading a block: %w", io.EOF), true},
		{fmt.Errorf("reading a block: %w", io.ErrUnexpectedEOF), true},
		{fmt.Errorf("reading a block: %w", pebble.ErrCorruption), true},
		{fmt.Errorf("reading a block: %w: %w", pebble.ErrCorruption, syscall.EIO), false},
		{pebble.ErrClosed, false},
		{nil, false},
	} {
		if got := amiss(tc.err); got != tc.damage {
			t.Errorf("%v: damage %v, want %v", tc.err, got, tc.damage)
		}
	}
	fs := vfs.NewMem()
	s := open(t, fs)
	writeNumbered(t, s, 0, 3)
	must(t, s.Close())
	refusing := errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsRead && strings.Contains(op.Path, "MANIFEST") {
			return &os.PathError{Op: "read", Path: op.Path, Err: syscall.EIO}
		}
		return nil
	}))
	_, err := Open(Options{Dir: "state", FS: refusing, CacheBytes: 1 << 20, MemtableBytes: 1 << 20})
	if !errors.Is(err, syscall.EIO) || errors.Is(err, ErrDamaged) {
		t.Errorf("Open on a disk that cannot be read: %v", err)
	}
	s = open(t, fs)
	if n, err := prefix(t, s, 0); err != nil || n != 3 || s.SetAside() != "" {
		t.Errorf("the disk can be read again: %d batches, %v, set aside in %q", n, err, s.SetAside())
	}
	must(t, s.Close())
}
