package spool

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzPosition holds that a damaged file of the position opens as some position or the first, and works again.
func FuzzPosition(f *testing.F) {
	dir := f.TempDir()
	p, _, err := openPosition(dir)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{})
	for i := range 3 {
		if err := p.save(position{uint64(i), int64(i) << 40}); err != nil {
			f.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, "position"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
		f.Add(text[:len(text)-1])
	}
	if err := p.close(); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(filepath.Join(dir, "position"), content, 0o600); err != nil {
			t.Fatal(err)
		}
		// A generation of all ones has no next one; it takes a forger to write it with its checksum.
		p, _, err := openPosition(dir)
		if err != nil {
			t.Fatal(err)
		}
		want := position{7, 11}
		if err := p.save(want); err != nil {
			t.Fatal(err)
		}
		old := p.generation == 0
		p.f.Close()
		again, got, err := openPosition(dir)
		if err != nil {
			t.Fatal(err)
		}
		again.f.Close()
		if got != want && !old {
			t.Fatalf("%x: %v was saved, %v is read", content, want, got)
		}
	})
}
