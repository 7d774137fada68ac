package main

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Every file keeps what it had and gets less than one entry more.
func TestTear(t *testing.T) {
	s := &site{options: &options{dir: t.TempDir()}}
	write := func(name string, content []byte) string {
		t.Helper()
		path := filepath.Join(s.data(), "kafka", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	entry := func(length int, batch bool) []byte {
		b := make([]byte, length)
		if batch {
			binary.BigEndian.PutUint32(b[8:], uint32(length-12))
		} else {
			binary.LittleEndian.PutUint32(b, uint32(length-8))
		}
		return b
	}
	want := map[string][]byte{}
	for name, c := range map[string]struct {
		content []byte
		torn    bool
	}{
		"groups.log":                        {slices.Concat(entry(40, false), entry(50, false)), true},
		"pids.log":                          {nil, false},
		"partitions/clicks-0/0.dat":         {entry(100, true), false}, // not the last
		"partitions/clicks-0/9.dat":         {slices.Concat(entry(100, true), entry(70, true)), true},
		"partitions/clicks-0/9.idx":         {entry(15, true), false},
		"partitions/scored.clicks-0/00.dat": {entry(100, true), true},
	} {
		path := write(name, c.content)
		if c.torn {
			want[path] = c.content
		}
	}
	random := rand.New(rand.NewPCG(1, 1))
	torn := map[string]bool{}
	for range 20 {
		if err := s.tear(random); err != nil {
			t.Fatal(err)
		}
		err := filepath.WalkDir(s.data(), func(path string, e os.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			got, err := os.ReadFile(path)
			before := want[path]
			if before == nil || len(got) == len(before) {
				return err
			}
			torn[path] = true
			first := entryLength(path)(before)
			if extra := len(got) - len(before); extra >= first || !slices.Equal(got[:len(before)], before) || !slices.Equal(got[len(before):], before[:extra]) {
				t.Errorf("%s got %d bytes behind %d; its first entry has %d", path, extra, len(before), first)
			}
			return os.WriteFile(path, before, 0o644)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(torn) != len(want) {
		t.Errorf("%d of %d files were torn in 20 tries", len(torn), len(want))
	}
	for _, name := range []string{"partitions/clicks-0/0.dat", "partitions/clicks-0/9.idx", "pids.log"} {
		info, err := os.Stat(filepath.Join(s.data(), "kafka", name))
		if err != nil || info.Size()%5 != 0 {
			t.Errorf("%s was touched: %v", name, err)
		}
	}
}
