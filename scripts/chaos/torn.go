package main

import (
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
)

// tornFiles is how many files a kill amid a write tears at most.
const tornFiles = 4

// tear leaves the beginning of an entry at the end of some of the embedded broker's journals and segments, as a process does
// that is killed amid a write. Nothing of what was acknowledged is touched.
func (s *site) tear(random *rand.Rand) error {
	var files []string
	err := filepath.WalkDir(filepath.Join(s.data(), "kafka"), func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && entryLength(path) != nil {
			files = append(files, path)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	files = newest(files)
	random.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
	for _, path := range files[:min(len(files), 1+random.IntN(tornFiles))] {
		if err := tearFile(path, random); err != nil {
			return err
		}
	}
	return nil
}

// newest leaves of each folder's segments the last one, the one that is written to, and every journal.
func newest(files []string) []string {
	slices.Sort(files)
	var out []string
	for i, path := range files {
		last := i+1 == len(files) || filepath.Dir(files[i+1]) != filepath.Dir(path)
		if last || filepath.Ext(path) == ".log" {
			out = append(out, path)
		}
	}
	return out
}

// entryLength returns how to learn the length of a file's first entry from its first bytes, or nil for a file of no kind that is
// appended to: a segment of the broker has record batches, a journal of it has entries of length, checksum and data.
func entryLength(path string) func([]byte) int {
	switch filepath.Ext(path) {
	case ".dat":
		return func(b []byte) int { return int(binary.BigEndian.Uint32(b[8:])) + 12 }
	case ".log":
		return func(b []byte) int { return int(binary.LittleEndian.Uint32(b)) + 8 }
	}
	return nil
}

const maxEntry = 1 << 20

// tearFile appends a beginning of the file's own first entry to it.
func tearFile(path string, random *rand.Rand) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	head := make([]byte, 12)
	if _, err := f.ReadAt(head, 0); err != nil {
		if errors.Is(err, io.EOF) {
			return nil // nothing to take a beginning of
		}
		return err
	}
	length := entryLength(path)(head)
	if length < 2 || length > maxEntry {
		return nil
	}
	part := make([]byte, 1+random.IntN(length-1))
	if _, err := f.ReadAt(part, 0); err != nil {
		return err
	}
	_, err = f.Write(part)
	return err
}
