package state

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// TestHalfOfADatabaseIsNeverOpened: a crash at any moment of setting a damaged database aside ends in an empty one.
func TestHalfOfADatabaseIsNeverOpened(t *testing.T) {
	for moved := 0; ; moved++ {
		fs := vfs.NewMem()
		s := open(t, fs)
		fill(t, s, 0, 300, "in a table")
		must(t, s.db.Flush())
		fill(t, s, 0, 100, "in the log")
		must(t, errors.Join(s.Sync(), s.Close()))
		must(t, fs.MkdirAll("state/damaged", 0o755))
		mark, err := fs.Create("state/DAMAGED", vfs.WriteCategoryUnspecified)
		must(t, errors.Join(err, mark.Close()))
		names, err := fs.List("state")
		must(t, err)
		n := 0
		for _, name := range names {
			if n == moved {
				break
			}
			if name != "LOCK" && name != "damaged" && name != "DAMAGED" {
				must(t, fs.Rename("state/"+name, "state/damaged/"+name))
				n++
			}
		}
		s = open(t, fs)
		if got := content(t, s, 0); len(got) != 0 || s.SetAside() != "state/damaged" {
			t.Fatalf("after %d files were moved: %d keys are there, set aside in %q", moved, len(got), s.SetAside())
		}
		fill(t, s, 0, 10, "new")
		must(t, s.Close())
		s = open(t, fs)
		if got := content(t, s, 0); len(got) != 10 || s.SetAside() != "" {
			t.Fatalf("the state that followed has %d keys, set aside in %q", len(got), s.SetAside())
		}
		must(t, s.Close())
		if n < moved {
			return // every file was moved before the crash
		}
	}
}

// TestAMissingTableIsDamage: what Open itself finds is set aside too, once more when it happens again, and one copy is kept.
func TestAMissingTableIsDamage(t *testing.T) {
	fs := vfs.NewMem()
	for round := range 3 {
		s := open(t, fs)
		fill(t, s, 0, 50, fmt.Sprint("round", round))
		must(t, s.db.Flush())
		must(t, s.Close())
		names, err := fs.List("state")
		must(t, err)
		for _, name := range names {
			if strings.HasSuffix(name, ".sst") {
				must(t, fs.Remove("state/"+name))
			}
		}
		s = open(t, fs)
		if got := content(t, s, 0); len(got) != 0 || s.SetAside() != "state/damaged" {
			t.Fatalf("round %d: %d keys are there, set aside in %q", round, len(got), s.SetAside())
		}
		must(t, s.Close())
	}
}

// TestASetAsideStateThatCannotBeSeen: the processor would take the empty state for a new one.
func TestASetAsideStateThatCannotBeSeen(t *testing.T) {
	mem := vfs.NewMem()
	must(t, open(t, mem).Close())
	refusing := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpStat && strings.HasSuffix(op.Path, "damaged") {
			return errors.New("the disk says no")
		}
		return nil
	}))
	s, err := Open(Options{Dir: "state", FS: refusing, CacheBytes: 1 << 20, MemtableBytes: 1 << 20})
	if err == nil {
		must(t, s.Close())
	}
	if !errors.Is(err, ErrStorage) {
		t.Errorf("opened with %v", err)
	}
}
