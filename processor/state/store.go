package state

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	iofs "io/fs"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// ErrStorage is wrapped by every error of the disk or of the database. It is no fault of a record: the process must stop.
var ErrStorage = errors.New("state storage")

// writeBuffers is how many memtables there may be at once.
const writeBuffers = 3

// keyVersion is the first byte of every key of a partition. It counts up when a stage's state is no longer readable by its successor: the
// old one is dropped at the first Open, and the partitions are rebuilt from the topics.
const (
	keyVersion      = 0x02
	firstKeyVersion = 0x01
)

// Options says where the state lies and how much memory it may use.
type Options struct {
	// Dir is the directory; it is made when it does not exist.
	Dir string
	// FS is the file system, nil for the machine's.
	FS vfs.FS
	// CacheBytes bounds the block cache, MemtableBytes one of at most three write buffers.
	CacheBytes, MemtableBytes int64
	// Logger takes Pebble's rare messages; nil drops them.
	Logger pebble.Logger
}

// A Store is the database of one process. It is safe for concurrent use.
type Store struct {
	db   *pebble.DB
	dir  string
	opts *pebble.Options // with every default
	// scratches counts the scratch directories made.
	scratches atomic.Int64
	reclaim   reclaimer
	log       pebble.Logger
	lock      *pebble.Lock
	damage    atomic.Pointer[error]
	setAside  string

	mu    sync.Mutex
	views map[int32]*Partition // the newest view of each partition
}

// Open opens or makes the database. A second process on the same directory gets an error. A damaged database is set aside, and an empty one
// made: see SetAside.
func Open(o Options) (*Store, error) {
	s := &Store{dir: o.Dir, views: map[int32]*Partition{}, log: o.Logger}
	if s.log == nil {
		s.log = quiet{}
	}
	fs := o.FS
	if fs == nil {
		fs = vfs.Default
	}
	moved, err := finishSettingAside(fs, o.Dir)
	if err != nil {
		return nil, fmt.Errorf("%w: setting the damaged state in %s aside: %w", ErrStorage, o.Dir, err)
	}
	err = s.open(o, fs)
	if errors.Is(err, ErrDamaged) {
		s.log.Errorf("opening the state in %s: %v", o.Dir, err)
		if err := setAside(fs, o.Dir); err != nil {
			return nil, fmt.Errorf("%w: %w: setting the state in %s aside: %w", ErrStorage, ErrDamaged, o.Dir, err)
		}
		moved = true
		s.damage.Store(nil)
		err = s.open(o, fs)
	}
	if err != nil {
		return nil, err
	}
	_, err = fs.Stat(fs.PathJoin(o.Dir, damagedDir))
	if err != nil && !errors.Is(err, iofs.ErrNotExist) {
		return nil, errors.Join(fmt.Errorf("%w: looking for a damaged state in %s: %w", ErrStorage, o.Dir, err), s.Close())
	}
	if moved || err == nil && s.empty() {
		s.setAside = fs.PathJoin(o.Dir, damagedDir)
	}
	return s, nil
}

// open returns an error that wraps ErrDamaged for whatever is wrong with the files: everything that the operating system did not refuse.
func (s *Store) open(o Options, fs vfs.FS) (err error) {
	if err := fs.MkdirAll(o.Dir, 0o700); err != nil {
		return fmt.Errorf("%w: making %s: %w", ErrStorage, o.Dir, err)
	}
	if s.lock, err = pebble.LockDirectory(o.Dir, fs); err != nil {
		return fmt.Errorf("%w: locking %s (is another processor using it?): %w", ErrStorage, o.Dir, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.unlock())
		}
	}()
	if err := inspect(fs, o.Dir); err != nil {
		return fmt.Errorf("%w: %w", ErrStorage, err)
	}
	logs := logFS{fs, s.log, new(atomic.Bool)}
	opts := &pebble.Options{
		// Left nil, it would be one that watches the disk in a goroutine, which nobody ends when Open fails.
		FS: logs,
		// Pebble takes the write buffers' memory out of the cache: without this a cache smaller than them holds nothing.
		CacheSize:                   o.CacheBytes + writeBuffers*o.MemtableBytes,
		MemTableSize:                uint64(o.MemtableBytes),
		MemTableStopWritesThreshold: writeBuffers,
		MaxOpenFiles:                1000,
		BytesPerSync:                1 << 20,
		WALBytesPerSync:             1 << 20,
		Logger:                      s.log,
		FormatMajorVersion:          pebble.FormatNewest,
		Merger:                      sumMerger,
		Lock:                        s.lock,
		EventListener:               &pebble.EventListener{DataCorruption: s.damaged, BackgroundError: s.failed},
	}
	tune(opts)
	check := opts.Clone()
	check.EnsureDefaults()
	if err := check.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrStorage, err)
	}
	scheduler := &compactions{}
	opts.Experimental.CompactionScheduler = scheduler
	db, err := openDatabase(o.Dir, opts)
	switch {
	case err == nil:
	case outside(err):
		return fmt.Errorf("%w: opening %s: %w", ErrStorage, o.Dir, err)
	default:
		return fmt.Errorf("%w: %w: opening %s: %w", ErrStorage, ErrDamaged, o.Dir, err)
	}
	scheduler.release()
	opts.EnsureDefaults() // Pebble worked on a copy
	s.db, s.opts = db, opts
	logs.opened.Store(true)
	s.startReclaiming()
	err = s.checkCounts()
	if err == nil {
		err = errors.Join(s.dropScratch(), s.dropOldVersions())
	}
	if err != nil {
		if amiss(err) {
			err = fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		return errors.Join(fmt.Errorf("%w: reading %s: %w", ErrStorage, o.Dir, err), s.close())
	}
	return nil
}

// openDatabase returns an error where Pebble panics over what it reads.
func openDatabase(dir string, opts *pebble.Options) (db *pebble.DB, err error) {
	defer func() {
		if r := recover(); r != nil {
			db, err = nil, fmt.Errorf("%w: %v", ErrDamaged, r)
		}
	}()
	return pebble.Open(dir, opts)
}

// dropOldVersions removes what an older program remembered in another form.
func (s *Store) dropOldVersions() error {
	low, high := []byte{firstKeyVersion}, []byte{keyVersion}
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: low, UpperBound: high})
	if err != nil {
		return fmt.Errorf("%w: looking for older state: %w", ErrStorage, err)
	}
	found := it.First()
	if err := it.Close(); err != nil {
		return fmt.Errorf("%w: looking for older state: %w", ErrStorage, err)
	}
	if !found {
		return nil
	}
	s.opts.Logger.Infof("the state was written by an older version: it is dropped and rebuilt from the topics")
	if err := s.db.DeleteRange(low, high, pebble.Sync); err != nil {
		return fmt.Errorf("%w: dropping older state: %w", ErrStorage, err)
	}
	return nil
}

// Sync makes every batch flushed so far durable.
func (s *Store) Sync() error {
	if err := s.Damage(); err != nil {
		return err
	}
	if err := s.db.LogData(nil, pebble.Sync); err != nil {
		s.failed(err)
		return fmt.Errorf("%w: syncing: %w", ErrStorage, err)
	}
	return nil
}

// DiskBytes is the size of the database's files.
func (s *Store) DiskBytes() uint64 { return s.db.Metrics().DiskSpaceUsage() }

// Close flushes and closes the database, and sets it aside if it is damaged. No partition may be in use any more.
func (s *Store) Close() error {
	err := s.close()
	if s.Damage() == nil {
		return err
	}
	if err := setAside(s.opts.FS, s.dir); err != nil {
		return fmt.Errorf("%w: setting the damaged state in %s aside: %w", ErrStorage, s.dir, err)
	}
	s.log.Errorf("the damaged state was moved to %s; what was kept there before is gone", s.opts.FS.PathJoin(s.dir, damagedDir))
	return nil
}

func (s *Store) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.views {
		p.release()
	}
	s.stopReclaiming()
	if err := errors.Join(s.db.Close(), s.unlock()); err != nil {
		return fmt.Errorf("%w: closing: %w", ErrStorage, err)
	}
	return nil
}

func (s *Store) unlock() error {
	lock := s.lock
	if s.lock = nil; lock == nil {
		return nil
	}
	return lock.Close()
}

// Partition returns a new view of one Kafka partition's state. At most one view of a partition may be in use: an older one
// is of no use any more.
func (s *Store) Partition(id int32) *Partition {
	p := &Partition{store: s, id: id}
	p.low, p.high = bounds(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.views[id]; old != nil {
		old.release()
	}
	s.views[id] = p
	return p
}

// bounds answers the range of a partition's keys, [low, high).
func bounds(id int32) (low, high []byte) {
	low = binary.BigEndian.AppendUint16([]byte{keyVersion}, uint16(id))
	high = binary.BigEndian.AppendUint16([]byte{keyVersion}, uint16(id)+1)
	if uint16(id) == 1<<16-1 {
		high = []byte{keyVersion + 1}
	}
	return low, high
}

type quiet struct{}

func (quiet) Infof(string, ...any)                   {}
func (quiet) Errorf(string, ...any)                  {}
func (quiet) Fatalf(format string, args ...any)      { panic(fmt.Sprintf(format, args...)) }
func (quiet) Eventf(context.Context, string, ...any) {}
func (quiet) IsTracingEnabled(context.Context) bool  { return false }
