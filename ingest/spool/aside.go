package spool

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
)

// The folder aside has a file for each thing that could not be drained, under the segment and the offset that it had
// there.
const (
	asideDir = "aside"
	// refusedSuffix is of a record that Kafka refused for good: its frame, then why. requeuedSuffix is of the same
	// file once a person asked for another try, damagedSuffix of bytes that are no frame.
	refusedSuffix, requeuedSuffix, damagedSuffix = ".refused", ".requeue", ".damaged"
)

// MaxAside bounds the files of the folder aside. Beyond, draining stands still until a person has looked: so many
// mean that the fault is not the records'. Their bytes count for max_bytes.
const MaxAside = 10_000

// ErrAside says that the folder aside has MaxAside files.
var ErrAside = fmt.Errorf("%d records and damaged places are set aside, and no more may be; look at them (tributary spool list), then tributary spool requeue, or move them away", MaxAside)

// asideEvery is how long a count of the folder is believed: requeue and people take files out.
const asideEvery = time.Second

// Aside is what the folder aside holds.
type Aside struct {
	// Files is all, Refused those that are records, Requeued those that are to be tried again.
	Files, Refused, Requeued int
	Bytes                    int64
}

// An AsideFile is one of them.
type AsideFile struct {
	Name string
	// Bytes is the file's size.
	Bytes int64
	// At is when it was set aside.
	At time.Time
	// Segment and Offset are where it lay.
	Segment uint64
	Offset  int64
	// Requeued: the edge is to try it again.
	Requeued bool
	// Record is nil for bytes that are no record. It belongs to the caller.
	Record *Record
	// Why says why Kafka refused the record, or why there is none.
	Why string
}

// isAside tells whether a file of the folder is one of ours, and not one that is being written.
func isAside(name string) bool {
	ext := filepath.Ext(name)
	return ext == refusedSuffix || ext == requeuedSuffix || ext == damagedSuffix
}

// asideNames lists the folder, in the order in which the records came. A folder that is not there is empty.
func asideNames(dir string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(dir, asideDir))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("listing what is set aside: %w", err)
	}
	var names []string
	for _, e := range entries {
		if isAside(e.Name()) {
			names = append(names, e.Name())
		}
	}
	slices.SortStableFunc(names, func(a, b string) int {
		segment, off, _ := asidePlace(a)
		other, at, _ := asidePlace(b)
		return cmp.Or(cmp.Compare(segment, other), cmp.Compare(off, at))
	})
	return names, nil
}

// asidePlace reads a file's name.
func asidePlace(name string) (segment uint64, off int64, ok bool) {
	number, rest, ok := strings.Cut(strings.TrimSuffix(name, filepath.Ext(name)), "-")
	segment, err := strconv.ParseUint(number, 10, 64)
	off, offErr := strconv.ParseInt(rest, 10, 64)
	return segment, off, ok && err == nil && offErr == nil
}

// ReadAside visits what is set aside in the spool of dir, in the order in which it came. It needs no lock: files come
// and go whole.
func ReadAside(dir string, visit func(*AsideFile) error) error {
	names, err := asideNames(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		f, err := readAside(dir, name)
		if errors.Is(err, os.ErrNotExist) {
			continue // delivered meanwhile
		}
		if err == nil {
			err = visit(f)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// maxAsideRecord is more than a file of a record may have.
const maxAsideRecord = maxFrameBytes + 4<<10

func readAside(dir, name string) (*AsideFile, error) {
	path := filepath.Join(dir, asideDir, name)
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading what is set aside: %w", err)
	}
	f := &AsideFile{Name: name, Bytes: info.Size(), At: info.ModTime(), Requeued: filepath.Ext(name) == requeuedSuffix}
	var ok bool
	switch f.Segment, f.Offset, ok = asidePlace(name); {
	case !ok:
		f.Why = "the file's name is no segment and offset, under which alone a record is valid"
		return f, nil
	case filepath.Ext(name) == damagedSuffix:
		f.Why = "damage amid a segment: these bytes are no frame"
		return f, nil
	case info.Size() > maxAsideRecord || !info.Mode().IsRegular():
		f.Why = fmt.Sprintf("it is no file of a record, which has at most %d bytes", maxAsideRecord)
		return f, nil
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading what is set aside: %w", err)
	}
	var c cursor
	c.segment, c.off = f.Segment, f.Offset
	got, _, ok := c.read(raw)
	if !ok {
		f.Why = "the file is torn or changed: its checksum is wrong"
		return f, nil
	}
	f.Record, f.Why = &got.record, string(bytes.TrimSpace(raw[got.next-got.off:]))
	return f, nil
}

// Requeue asks for another try of a record that was set aside, by the edge that holds the spool or by the next one.
// It returns the name that the file has now.
func Requeue(dir, name string) (string, error) {
	folder := filepath.Join(dir, asideDir)
	if filepath.Base(name) != name || filepath.Ext(name) != refusedSuffix {
		return "", fmt.Errorf("%q is no record that was set aside: its name would end in %s", name, refusedSuffix)
	}
	now := strings.TrimSuffix(name, refusedSuffix) + requeuedSuffix
	if err := os.Rename(filepath.Join(folder, name), filepath.Join(folder, now)); err != nil {
		return "", fmt.Errorf("requeueing: %w", err)
	}
	if err := (osDisk{}).syncDir(folder); err != nil {
		return "", fmt.Errorf("requeueing: %w", err)
	}
	return now, nil
}

// AsideState says what became of a file that Requeue named. While that cannot be seen, it waits.
func AsideState(dir, requeued string) (waits, refused bool) {
	has := func(name string) bool {
		_, err := os.Lstat(filepath.Join(dir, asideDir, name))
		return !errors.Is(err, fs.ErrNotExist)
	}
	waits = has(requeued)
	return waits, !waits && has(strings.TrimSuffix(requeued, requeuedSuffix)+refusedSuffix)
}

// asideCount is what was counted last.
type asideCount struct {
	mu    sync.Mutex
	held  Aside
	names []string // of those requeued
	at    time.Time
	// changed is when the folder itself had changed last.
	changed time.Time
	err     error
}

// countAside looks at the folder unless it was looked at a moment ago.
func (s *Spool) countAside(now bool) (Aside, []string) {
	c := &s.aside
	c.mu.Lock()
	defer c.mu.Unlock()
	if !now && time.Since(c.at) < asideEvery {
		return c.held, c.names
	}
	// The clock of a file system is coarse: what changed a moment before the last look may not have been seen then.
	info, err := os.Stat(filepath.Join(s.cfg.Dir, asideDir))
	if !now && err == nil && info.ModTime().Equal(c.changed) && c.at.Sub(c.changed) > asideEvery {
		c.at = time.Now()
		return c.held, c.names
	}
	c.at, c.changed = time.Now(), time.Time{}
	if err == nil {
		c.changed = info.ModTime()
	}
	names, err := asideNames(s.cfg.Dir)
	if err != nil {
		if c.err == nil {
			s.log.Warn("spool: what is set aside cannot be counted", zap.Error(err))
		}
		c.err = err
		return c.held, c.names
	}
	c.held, c.names, c.err = Aside{}, nil, nil
	for _, name := range names {
		c.held.Files++
		switch filepath.Ext(name) {
		case refusedSuffix:
			c.held.Refused++
		case requeuedSuffix:
			c.held.Refused++
			c.held.Requeued++
			c.names = append(c.names, name)
		}
		if info, err := os.Lstat(filepath.Join(s.cfg.Dir, asideDir, name)); err == nil {
			c.held.Bytes += info.Size()
		}
	}
	s.asideBytes.Store(c.held.Bytes)
	return c.held, c.names
}

// Aside counts what is set aside. It may be a second old. Any goroutine may call it.
func (s *Spool) Aside() Aside {
	held, _ := s.countAside(false)
	return held
}

// Requeued returns the names of at most limit records that are to be tried again, the oldest first. It belongs to the
// reader's goroutine.
func (s *Spool) Requeued(limit int) []string {
	_, names := s.countAside(false)
	return slices.Clone(names[:min(limit, len(names))])
}

// ReadRequeued reads one of them. A file that is no record goes back, and nil is returned.
func (s *Spool) ReadRequeued(name string) (*AsideFile, error) {
	f, err := readAside(s.cfg.Dir, name)
	if err == nil && f.Record == nil {
		err = s.EndRequeued(f, errors.New(f.Why))
		f = nil
	}
	return f, err
}

// EndRequeued removes the file of a record that Kafka has; with a reason why it has not the file goes back to where
// it was.
func (s *Spool) EndRequeued(f *AsideFile, why error) error {
	folder := filepath.Join(s.cfg.Dir, asideDir)
	path := filepath.Join(folder, f.Name)
	var err error
	if why == nil {
		err = os.Remove(path)
	} else {
		err = os.Rename(path, filepath.Join(folder, strings.TrimSuffix(f.Name, requeuedSuffix)+refusedSuffix))
	}
	if err == nil {
		err = s.disk.syncDir(folder)
		s.ended(f, why == nil)
	}
	switch {
	case err != nil:
		return fmt.Errorf("noting what became of %s: %w", f.Name, err)
	case why == nil:
		s.metrics.requeued.Inc()
	default:
		s.log.Error("spool: a record that was tried again is set aside again", zap.String("file", f.Name), zap.Error(why))
	}
	return nil
}

// ended counts one that is not to be tried again any more, without looking at the folder.
func (s *Spool) ended(f *AsideFile, gone bool) {
	c := &s.aside
	c.mu.Lock()
	defer c.mu.Unlock()
	c.names = slices.DeleteFunc(c.names, func(name string) bool { return name == f.Name })
	c.held.Requeued--
	if gone {
		c.held.Files--
		c.held.Refused--
		c.held.Bytes -= f.Bytes
		s.asideBytes.Store(c.held.Bytes)
	}
}

// SetAside keeps a record that Kafka refuses for good in a file of the folder aside, as a frame. It stays to be done
// with.
func (s *Spool) SetAside(e *Entry, why error) error {
	frame := appendFrame(nil, &e.Record)
	signFrames(frame, e.segment, e.off)
	text := why.Error()
	path, fresh, err := s.writeAside(e.segment, e.off, refusedSuffix, io.MultiReader(bytes.NewReader(frame), strings.NewReader("\n"+text[:min(len(text), 1000)]+"\n")))
	if err != nil {
		return err
	}
	if fresh {
		s.metrics.refusedRecords.Inc()
	}
	s.log.Error("spool: kafka refuses a record for good; it is kept in a file until `tributary spool requeue`",
		zap.String("file", path), zap.String("topic", e.Topic), zap.ByteString("id", e.ID), zap.Int("bytes", len(e.Value)), zap.Error(why))
	return nil
}

// keepAside copies bytes that are no frame into a file.
func (s *Spool) keepAside(f *os.File, number uint64, g gap) error {
	path, _, err := s.writeAside(number, g.off, damagedSuffix, io.NewSectionReader(f, g.off, g.end-g.off))
	if err != nil {
		return err
	}
	s.log.Error("spool: a segment is damaged; the bytes are kept in a file, what is around them is drained",
		zap.Uint64("segment", number), zap.Int64("offset", g.off), zap.Int64("bytes", g.end-g.off), zap.String("file", path))
	return nil
}

// writeAside makes a file of the folder, whole or not at all. fresh is false when it was there: a crash came between
// keeping it and getting past it.
func (s *Spool) writeAside(number uint64, off int64, suffix string, from io.Reader) (path string, fresh bool, err error) {
	dir := filepath.Join(s.cfg.Dir, asideDir)
	name := fmt.Sprintf("%020d-%d", number, off)
	path = filepath.Join(dir, name+suffix)
	for _, had := range []string{suffix, requeuedSuffix} {
		if _, err := os.Lstat(filepath.Join(dir, name+had)); err == nil {
			return filepath.Join(dir, name+had), false, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", false, fmt.Errorf("looking whether it is set aside already: %w", err)
		}
	}
	if held, _ := s.countAside(false); held.Files >= MaxAside {
		if held, _ = s.countAside(true); held.Files >= MaxAside {
			return "", false, ErrAside
		}
	}
	temporary := path + ".part"
	f, err := os.OpenFile(temporary, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	var n int64
	if err == nil {
		n, err = io.Copy(f, from)
		err = errors.Join(err, f.Sync(), f.Close())
	}
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err == nil {
		err = s.disk.syncDir(dir)
	}
	if err != nil {
		return "", false, fmt.Errorf("setting bytes of segment %d at %d aside: %w", number, off, err)
	}
	s.metrics.aside.Add(float64(n))
	s.addAside(suffix, n)
	return path, true, nil
}

// addAside counts a file without looking at the folder, which may have many.
func (s *Spool) addAside(suffix string, bytes int64) {
	c := &s.aside
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held.Files++
	c.held.Bytes += bytes
	if suffix == refusedSuffix {
		c.held.Refused++
	}
	s.asideBytes.Store(c.held.Bytes)
}
