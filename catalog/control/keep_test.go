package control

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// keptRig is a rig whose copy is in a folder of its own, and looked after often.
func keptRig(t *testing.T) *rig {
	r := newRig(t)
	r.cfg.Copy = filepath.Join(t.TempDir(), "control", "copy")
	r.cfg.lookEvery = 5 * time.Millisecond
	return r
}

// TestAFullDisk: the copy follows as soon as there is room again, without another change.
func TestAFullDisk(t *testing.T) {
	r := keptRig(t)
	var full atomic.Bool
	full.Store(true)
	r.cfg.Replace = func(path string, content []byte) error {
		if full.Load() {
			return &os.PathError{Op: "write", Path: path, Err: syscall.ENOSPC}
		}
		return replace(path, content)
	}
	reader, stop := r.open()
	last := r.write(r.writer(), set("a", "1"))
	awaitThings(t, reader, "a=1")
	eventually(t, "nobody is told", func() bool {
		notes := reader.Notes()
		return len(notes) == 1 && strings.Contains(notes[0], "is not written") && strings.Contains(notes[0], syscall.ENOSPC.Error())
	})
	full.Store(false)
	r.awaitCopy(last)
	eventually(t, "the note stays", func() bool { return len(reader.Notes()) == 0 })
	if n := r.logs.FilterMessageSnippet("is not written").Len(); n != 1 {
		t.Errorf("the log says it %d times", n)
	}
	full.Store(true)
	last = r.write(r.writer(), set("a", "2"))
	awaitThings(t, reader, "a=2")
	full.Store(false)
	stop() // the last chance
	if s, err := ReadCopy(r.cfg.Copy, testKinds); err != nil || s.Revision() != last {
		t.Errorf("revision %d and %v, want %d", s.Revision(), err, last)
	}
}

// TestALostFolder is made anew, by a reader that nothing is written for, and by one that starts without Kafka.
func TestALostFolder(t *testing.T) {
	r := keptRig(t)
	reader, stop := r.open()
	last := r.write(r.writer(), set("a", "1"))
	awaitThings(t, reader, "a=1")
	r.awaitCopy(last)
	lose := func() {
		t.Helper()
		if err := os.RemoveAll(filepath.Dir(r.cfg.Copy)); err != nil {
			t.Fatal(err)
		}
		r.awaitCopy(last)
	}
	lose()
	stop()
	r.cluster.Close()
	_, _ = r.open()
	lose()
	info, err := os.Stat(filepath.Dir(r.cfg.Copy))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
	if _, err := os.Stat(r.cfg.Copy + ".new"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
