package durable

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

func TestReplace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	for _, want := range []string{"first", "", "second"} {
		if err := Replace(path, []byte(want)); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if info, _ := os.Stat(path); err != nil || string(got) != want || info.Mode().Perm() != 0o600 {
			t.Errorf("the file has %q, %v, %v", got, info.Mode(), err)
		}
	}
	if err := Replace(filepath.Join(t.TempDir(), "nowhere", "file"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// TestReplacePrepared: in a folder where others may write, a file made ready under the name that becomes ours would be read
// by whoever made it.
func TestReplacePrepared(t *testing.T) {
	path, outside := filepath.Join(t.TempDir(), "file"), filepath.Join(t.TempDir(), "outside")
	for _, prepare := range []func(string) error{
		func(at string) error { return os.Symlink(outside, at) },
		func(at string) error { return errors.Join(os.WriteFile(at, nil, 0o666), os.Chmod(at, 0o666)) },
	} {
		if err := prepare(path + ".new"); err != nil {
			t.Fatal(err)
		}
		if err := Replace(path, []byte("secret")); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Lstat(path); err != nil || info.Mode() != 0o600 {
			t.Errorf("the file is %v, %v", info.Mode(), err)
		}
		if _, err := os.Stat(outside); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("it was written to %s: %v", outside, err)
		}
	}
}

func TestCreateAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	var made atomic.Int32
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			if err := Create(path, fmt.Appendf(nil, "%d", n)); err == nil {
				made.Add(1)
			} else if !errors.Is(err, os.ErrExist) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if files, _ := os.ReadDir(filepath.Dir(path)); made.Load() != 1 || len(files) != 1 {
		t.Errorf("made %d times, %v", made.Load(), files)
	}
}
