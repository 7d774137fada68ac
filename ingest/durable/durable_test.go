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

func TestCreateAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	var made atomic.Int32
	var wg sync.WaitGroup
	var mu sync.Mutex // of one process, which has one temporary file
	for n := range 8 {
		wg.Go(func() {
			mu.Lock()
			defer mu.Unlock()
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
