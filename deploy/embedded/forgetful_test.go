package embedded

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A fileID names a file however it is called; a number alone is given again once its file is gone.
type fileID struct {
	number uint64
	born   unix.StatxTimestamp
}

// An image is what a folder holds.
type image struct {
	names    map[string]fileID
	contents map[fileID][]byte
}

// imageOf reads a folder in which others write.
func imageOf(dir string) (image, error) {
	m := image{map[string]fileID{}, map[fileID][]byte{}}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || entry.IsDir() || entry.Name() == "space" {
			return err
		}
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		defer f.Close()
		var stat unix.Statx_t
		if err := unix.Statx(int(f.Fd()), "", unix.AT_EMPTY_PATH, unix.STATX_INO|unix.STATX_BTIME, &stat); err != nil {
			return err
		}
		id := fileID{stat.Ino, stat.Btime}
		name, _ := filepath.Rel(dir, path)
		m.names[name] = id
		if _, seen := m.contents[id]; !seen {
			raw, err := os.ReadFile(path)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			m.contents[id] = raw
		}
		return nil
	})
	return m, err
}

// cut makes what a disk may hold after a cut of the power: of each file anything between what was synced and what was
// written since, of each name what it meant then or means now, whichever order they came in.
func cut(r *rand.Rand, synced, now image) image {
	m := image{map[string]fileID{}, map[fileID][]byte{}}
	atomic := map[fileID]bool{} // synced by itself before it got its name
	for _, names := range []map[string]fileID{synced.names, now.names} {
		for name, id := range names {
			if strings.HasSuffix(name, ".json") {
				atomic[id] = true
			}
		}
	}
	for id, raw := range synced.contents {
		m.contents[id] = raw
	}
	for id, raw := range now.contents {
		before := m.contents[id]
		switch {
		case atomic[id]:
			m.contents[id] = raw
		case bytes.HasPrefix(raw, before):
			m.contents[id] = append(bytes.Clone(before), torn(r, raw[len(before):])...)
		case r.IntN(2) == 0: // cut short and written again since
			m.contents[id] = torn(r, raw)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(now.names)) {
		m.names[name] = now.names[name]
	}
	for _, name := range slices.Sorted(maps.Keys(synced.names)) {
		if r.IntN(2) == 0 {
			m.names[name] = synced.names[name]
		}
	}
	for _, name := range slices.Sorted(maps.Keys(now.names)) {
		if _, was := synced.names[name]; !was && r.IntN(3) == 0 {
			delete(m.names, name)
		}
	}
	return m
}

// torn is what may be left of bytes that were not synced.
func torn(r *rand.Rand, raw []byte) []byte {
	if len(raw) == 0 {
		return nil
	}
	at := r.IntN(len(raw) + 1)
	switch r.IntN(5) {
	case 0:
		return nil
	case 1:
		return raw
	case 2: // the length without the content
		return append(bytes.Clone(raw[:at]), make([]byte, len(raw)-at)...)
	case 3: // the end without what comes before it
		return append(make([]byte, at), raw[at:]...)
	}
	return raw[:at]
}

// lay writes an image into a folder; names of one file are links.
func (m image) lay(dir string) error {
	paths := map[fileID]string{}
	for _, name := range slices.Sorted(maps.Keys(m.names)) {
		id, path := m.names[name], filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if first, ok := paths[id]; ok {
			if err := os.Link(first, path); err != nil {
				return err
			}
			continue
		}
		paths[id] = path
		if err := os.WriteFile(path, m.contents[id], 0o600); err != nil {
			return err
		}
	}
	return nil
}

// A forgetful disk remembers what was synced last.
type forgetful struct {
	mu     sync.Mutex // held while a sync completes, or a cut is made
	dir    string
	synced image
	told   func() counts
	cuts   chan moment // takes what a cut at the start of a sync would find, if someone wants it
}

// A moment is when the power is cut.
type moment struct {
	synced, now image
	before      counts // what was acknowledged
}

func (f *forgetful) sync(*os.File) error {
	m, err := imageOf(f.dir)
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case f.cuts <- moment{f.synced, m, f.told()}:
	default:
	}
	f.synced = m
	return err
}

// moment is between two syncs, or at the start of one.
func (f *forgetful) moment(t *testing.T, atSync bool, turns chan<- struct{}) moment {
	t.Helper()
	for limit := time.After(30 * time.Second); atSync; {
		select {
		case m := <-f.cuts:
			return m
		case turns <- struct{}{}: // so that there is something to sync
		case <-limit:
			t.Fatal("nothing is synced")
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	before := f.told()
	now, err := imageOf(f.dir)
	if err != nil {
		t.Fatal(err)
	}
	return moment{f.synced, now, before}
}
