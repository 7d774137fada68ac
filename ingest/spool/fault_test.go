package spool

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// faultyDisk is the real one with faults put in.
type faultyDisk struct {
	osDisk
	// Each is answered once by the next call, then forgotten.
	failCreate, failReserve, failSync, failTruncate atomic.Pointer[error]
	// failWrite writes half of the bytes first.
	failWrite atomic.Pointer[error]
	// holding makes every sync wait for hold.
	holding atomic.Bool
	hold    chan struct{}
}

func take(p *atomic.Pointer[error]) error {
	if err := p.Swap(nil); err != nil {
		return *err
	}
	return nil
}

func (d *faultyDisk) create(path string) (file, error) {
	if err := take(&d.failCreate); err != nil {
		return nil, err
	}
	f, err := d.osDisk.create(path)
	if err != nil {
		return nil, err
	}
	return &faultyFile{file: f, disk: d}, nil
}

type faultyFile struct {
	file
	disk *faultyDisk
}

func (f *faultyFile) WriteAt(p []byte, off int64) (int, error) {
	if err := take(&f.disk.failWrite); err != nil {
		n, _ := f.file.WriteAt(p[:len(p)/2], off)
		return n, err
	}
	return f.file.WriteAt(p, off)
}

func (f *faultyFile) Truncate(size int64) error {
	if err := take(&f.disk.failTruncate); err != nil {
		return err
	}
	return f.file.Truncate(size)
}

func (f *faultyFile) reserve(size int64) error {
	if err := take(&f.disk.failReserve); err != nil {
		return err
	}
	return f.file.reserve(size)
}

func (f *faultyFile) syncData() error {
	if f.disk.holding.Load() {
		<-f.disk.hold
	}
	if err := take(&f.disk.failSync); err != nil {
		return err
	}
	return f.file.syncData()
}

// TestDiskFaults puts one fault into the writing of a record amid others: the record is refused with the right error, what was
// acknowledged before and after is drained in order, before and after a restart, and nothing of the refused one is seen.
func TestDiskFaults(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault func(d *faultyDisk) *atomic.Pointer[error]
		err   error
		want  error
		// uncut: the half-written bytes could not be cut off either.
		uncut bool
	}{
		{"full disk at a write", func(d *faultyDisk) *atomic.Pointer[error] { return &d.failWrite }, syscall.ENOSPC, ErrNoSpace, false},
		{"full disk at a write, which cannot be undone", func(d *faultyDisk) *atomic.Pointer[error] { return &d.failWrite }, syscall.ENOSPC, ErrNoSpace, true},
		{"a write fails", func(d *faultyDisk) *atomic.Pointer[error] { return &d.failWrite }, errIO, ErrDisk, false},
		{"an fsync fails", func(d *faultyDisk) *atomic.Pointer[error] { return &d.failSync }, errIO, ErrDisk, false},
		{"quota at an fsync", func(d *faultyDisk) *atomic.Pointer[error] { return &d.failSync }, syscall.EDQUOT, ErrNoSpace, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := testConfig(t.TempDir())
			d := &faultyDisk{}
			s := opened(t, cfg, d)
			for n := range 5 {
				if err := put(t, s, testRecord(n)); err != nil {
					t.Fatal(err)
				}
			}
			if c.uncut {
				d.failTruncate.Store(&c.err)
			}
			c.fault(d).Store(&c.err)
			if err := put(t, s, testRecord(99)); !errors.Is(err, c.want) {
				t.Fatalf("answered %v, want %v", err, c.want)
			}
			if s.pending.Load() != 5 {
				t.Errorf("%d records wait, want 5", s.pending.Load())
			}
			for n := 5; n < 8; n++ {
				if err := put(t, s, testRecord(n)); err != nil {
					t.Fatal(err)
				}
			}
			first, err := s.Next(t.Context(), 3)
			if err != nil || len(first) != 3 {
				t.Fatal(len(first), err)
			}
			s.Done(3)
			closed(t, s)
			s = opened(t, cfg, d)
			inOrder(t, drain(t, s, 100), 3, 7)
			closed(t, s)
		})
	}
}

// TestNoRoomForASegment fills the disk at the making of a segment: nothing is left behind, and once there is room it goes on.
func TestNoRoomForASegment(t *testing.T) {
	cfg := testConfig(t.TempDir())
	d := &faultyDisk{}
	full := error(syscall.ENOSPC)
	d.failReserve.Store(&full)
	s := opened(t, cfg, d) // a full disk at start is no reason not to start
	defer closed(t, s)
	if numbers, _ := listSegments(cfg.Dir); len(numbers) != 0 {
		t.Errorf("segments %v are left of a failed making", numbers)
	}
	for range 3 {
		d.failReserve.Store(&full)
		if err := put(t, s, testRecord(0)); !errors.Is(err, ErrNoSpace) {
			t.Fatalf("answered %v", err)
		}
	}
	broken := error(errIO)
	d.failCreate.Store(&broken)
	if err := put(t, s, testRecord(0)); !errors.Is(err, ErrDisk) {
		t.Fatalf("answered %v", err)
	}
	for n := range 100 {
		if err := put(t, s, testRecord(n)); err != nil {
			t.Fatal(err)
		}
	}
	inOrder(t, drain(t, s, 1000), 0, 99)
	if total(t, s.metrics.refused[3]) != 3 || total(t, s.metrics.refused[4]) != 1 {
		t.Error("the refused are not counted by reason")
	}
}

// whole makes a folder with one unsealed segment of records, as a killed process leaves it, and answers where each frame ends.
func whole(t *testing.T, dir string, records int) (path string, ends []int64) {
	t.Helper()
	cfg := testConfig(dir)
	cfg.SegmentBytes = 64 << 10
	s := opened(t, cfg, nil)
	for n := range records {
		if err := put(t, s, testRecord(n)); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, s.activeInfo.size)
	}
	closed(t, s)
	return segmentPath(dir, 1), ends
}

// TestTornTail cuts the last segment at every byte, and also fills what is cut with zeros or noise: every record whose frame is
// whole comes back, nothing else does, and what is appended next is not disturbed.
func TestTornTail(t *testing.T) {
	source, ends := whole(t, t.TempDir(), 3)
	data, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	noise := make([]byte, len(data))
	r := rand.NewChaCha8([32]byte{1})
	r.Read(noise)
	root := memoryDir(t)
	for cut := int64(0); cut <= int64(len(data)); cut++ {
		for name, tail := range map[string][]byte{"nothing": nil, "zeros": make([]byte, 2000), "noise": noise[cut:], "marker": append([]byte("\xf7TF\xfe\x10\x00\x00\x00"), noise[:100]...)} {
			dir := filepath.Join(root, strconv.FormatInt(cut, 10)+name)
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			torn := append(bytes.Clone(data[:cut]), tail...)
			if err := os.WriteFile(segmentPath(dir, 1), torn, 0o600); err != nil {
				t.Fatal(err)
			}
			s := opened(t, testConfig(dir), nil)
			want := 0
			for _, end := range ends {
				if end <= cut {
					want++
				}
			}
			if got := int(s.pending.Load()); got != want {
				t.Fatalf("cut at %d with %s behind: %d records, want %d", cut, name, got, want)
			}
			if err := put(t, s, testRecord(want)); err != nil {
				t.Fatal(err)
			}
			inOrder(t, drain(t, s, 10), 0, want)
			closed(t, s)
			if files, _ := os.ReadDir(filepath.Join(dir, asideDir)); want > 0 && len(files) != 0 {
				t.Fatalf("cut at %d with %s behind: %d files are set aside", cut, name, len(files))
			}
		}
	}
}

// memoryDir is a folder in memory where there is one: a thousand openings would wait for the disk else.
func memoryDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "spool-*")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// TestDamageAmidASegment changes one byte at each place of a segment that is not the last: the frame around it is set aside,
// byte for byte, and all others are drained.
func TestDamageAmidASegment(t *testing.T) {
	source, ends := whole(t, t.TempDir(), 4)
	data, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	root := memoryDir(t)
	for at := range int64(len(data)) {
		dir := filepath.Join(root, strconv.FormatInt(at, 10))
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		damaged := bytes.Clone(data)
		damaged[at] ^= 0x40
		if err := os.WriteFile(segmentPath(dir, 1), damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(segmentPath(dir, 2), header(2, 1), 0o600); err != nil {
			t.Fatal(err)
		}
		s := opened(t, testConfig(dir), nil)
		hit := -1
		var from, to int64 = segmentHead, 0
		for i, end := range ends {
			if at >= segmentHead && at < end {
				hit, to = i, end
				break
			}
			from = end
		}
		var want []string
		for n := range ends {
			if n != hit {
				want = append(want, fmt.Sprintf("id-%06d", n))
			}
		}
		// The reader finds the damage at the end of a segment only when it goes on.
		if err := put(t, s, testRecord(7)); err != nil {
			t.Fatal(err)
		}
		want = append(want, "id-000007")
		if got := drain(t, s, 10); strings.Join(got, " ") != strings.Join(want, " ") {
			t.Fatalf("byte %d: drained %v, want %v", at, got, want)
		}
		files, err := os.ReadDir(filepath.Join(dir, asideDir))
		if err != nil {
			t.Fatal(err)
		}
		if hit < 0 {
			if len(files) != 0 {
				t.Errorf("byte %d: %d files are set aside for a damaged head", at, len(files))
			}
		} else if len(files) != 1 {
			t.Fatalf("byte %d: %d files are set aside, want 1", at, len(files))
		} else if kept, _ := os.ReadFile(filepath.Join(dir, asideDir, files[0].Name())); !bytes.Equal(kept, damaged[from:to]) {
			t.Errorf("byte %d: %s is not the damaged frame", at, files[0].Name())
		}
		closed(t, s)
	}
}

func TestSetAside(t *testing.T) {
	cfg := testConfig(t.TempDir())
	s := opened(t, cfg, nil)
	defer closed(t, s)
	for n := range 3 {
		if err := put(t, s, testRecord(n)); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := s.Next(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // again after a crash
		if err := s.SetAside(&entries[1], errors.New("too large")); err != nil {
			t.Fatal(err)
		}
	}
	files, _ := filepath.Glob(filepath.Join(cfg.Dir, asideDir, "*.refused"))
	if len(files) != 1 {
		t.Fatalf("files %v", files)
	}
	kept, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	c := cursor{src: shifted{bytes.NewReader(kept), entries[1].off}, segment: 1, off: entries[1].off, end: entries[1].next}
	if f, _, err := c.next(); err != nil || string(f.record.ID) != "id-000001" {
		t.Errorf("the file does not hold the record: %v", err)
	}
}

// shifted stands at an offset of a segment.
type shifted struct {
	r  *bytes.Reader
	by int64
}

func (s shifted) ReadAt(p []byte, off int64) (int, error) { return s.r.ReadAt(p, off-s.by) }

// TestTornPosition writes every prefix of a slot over the older one: the newer stays in force.
func TestTornPosition(t *testing.T) {
	dir := t.TempDir()
	p, _, err := openPosition(dir)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		if err := p.save(position{uint64(n + 1), 100}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.close(); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(filepath.Join(dir, "position"))
	if err != nil {
		t.Fatal(err)
	}
	for n := range slotBytes {
		torn := bytes.Clone(good)
		copy(torn, bytes.Repeat([]byte{0xFF}, n)) // slot 0 has generation 2, slot 1 generation 3
		if err := os.WriteFile(filepath.Join(dir, "position"), torn, 0o600); err != nil {
			t.Fatal(err)
		}
		p, at, err := openPosition(dir)
		if err != nil || at.segment != 3 {
			t.Fatalf("%d bytes torn: position %+v, %v", n, at, err)
		}
		p.close()
	}
}

// TestDamagedPosition opens a spool whose position is none: everything in it is read, and what is wrong is said.
func TestDamagedPosition(t *testing.T) {
	for name, content := range map[string]string{
		"empty": "", "torn": "\x01", "one slot of noise": strings.Repeat("\xff", slotBytes), "noise": strings.Repeat("\xa5", 2*slotBytes), "longer noise": strings.Repeat("noise", 1000),
	} {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig(t.TempDir())
			s := opened(t, cfg, nil)
			for n := range 3 {
				if err := put(t, s, testRecord(n)); err != nil {
					t.Fatal(err)
				}
			}
			closed(t, s)
			if err := os.WriteFile(filepath.Join(cfg.Dir, "position"), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			core, logs := observer.New(zap.WarnLevel)
			s, err := Open(cfg, Deps{Logger: zap.New(core)})
			if err != nil {
				t.Fatal(err)
			}
			defer closed(t, s)
			entries, err := s.Next(t.Context(), 10)
			if err != nil || len(entries) != 3 || !s.Inherited(&entries[0]) {
				t.Fatalf("%d records, %v", len(entries), err)
			}
			if told := logs.FilterMessageSnippet("position is damaged").Len() > 0; told != (content != "") {
				t.Errorf("told is %v: %v", told, logs.All())
			}
			s.Done(3)
		})
	}
}
