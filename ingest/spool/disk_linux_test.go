package spool

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"
)

// TestFullDisk fills a real, small file system: the spool refuses without leaving half a record, and goes on as draining makes
// room. It needs the right to mount one.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("a small file system cannot be mounted: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	cfg := testConfig(filepath.Join(dir, "spool"))
	cfg.SegmentBytes = 64 << 10
	s := opened(t, cfg, nil)
	n := 0
	var err error
	for ; err == nil; n++ {
		err = put(t, s, testRecord(n))
	}
	n--
	if !errors.Is(err, ErrNoSpace) || n < 100 {
		t.Fatalf("record %d is answered %v", n, err)
	}
	before := n
	// The disk is full, and draining makes room: a segment goes once it is read.
	for n < before+50 {
		entries, err := s.Next(t.Context(), 1000)
		if err != nil {
			t.Fatal(err)
		}
		last, first := 0, 0
		readInto(string(entries[0].ID), &first)
		readInto(string(entries[len(entries)-1].ID), &last)
		if last-first != len(entries)-1 {
			t.Fatalf("a window from %d to %d has %d records", first, last, len(entries))
		}
		s.Done(len(entries))
		for put(t, s, testRecord(n)) == nil {
			n++
		}
		if !s.Pending() {
			break
		}
	}
	closed(t, s)
	if n < before+50 {
		t.Errorf("after draining only %d more are taken", n-before)
	}
}
