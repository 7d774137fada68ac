package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// Deps is what the spool needs from the process around it.
type Deps struct {
	// Registerer takes the metrics; nil for none.
	Registerer prometheus.Registerer
	// Logger may be nil.
	Logger *zap.Logger
	// Now is the clock of ages; nil for time.Now.
	Now func() time.Time
}

// Spool is an open folder.
type Spool struct {
	cfg     Config
	log     *zap.Logger
	now     func() time.Time
	disk    disk
	unlock  func()
	metrics *metrics

	// pending counts records that were submitted and are not done with.
	pending atomic.Int64
	// oldestMS is the time of the oldest of them, 0 for none known.
	oldestMS atomic.Int64
	fault    atomic.Pointer[fault]
	// syncNS is the longest that a batch took lately, less an eighth for each one since.
	syncNS atomic.Int64
	since  atomic.Int64 // when the batch that is being made durable was begun, Unix nanoseconds; 0: none is

	mu       sync.Mutex
	batch    *Batch // gathers
	spare    []byte
	segments []*segment // oldest first; the last may be the one that is written
	bytes    int64      // of segments
	closed   bool

	wake    chan struct{} // there is a batch, or the end
	fresh   chan struct{} // there is something to read
	written chan struct{} // closed when the writer is gone

	// The writer's own.
	active     file
	activeInfo *segment
	room       int64 // size reserved for active
	lastNumber uint64
	// inherited is the last segment that earlier processes wrote.
	inherited uint64

	reader reader

	aside asideCount
	// asideBytes is what of max_bytes the folder aside has.
	asideBytes atomic.Int64
}

// A Batch is records that become durable together.
type Batch struct {
	frames  []byte
	records int
	done    chan struct{}
	err     error
}

// Done is closed once the batch is durable or has failed; then Err answers.
func (b *Batch) Done() <-chan struct{} { return b.done }

// Err returns why the batch is not durable; only after Done. It wraps one of the package's errors.
func (b *Batch) Err() error { return b.err }

// Open takes the folder, which is made if absent, and finds what an earlier process left. A full disk is no error: Submit
// will say so. A folder in use wraps ErrLocked.
func Open(cfg Config, deps Deps) (*Spool, error) { return open(cfg, deps, osDisk{}) }

func open(cfg Config, deps Deps, d disk) (*Spool, error) {
	s := &Spool{cfg: cfg, log: deps.Logger, now: deps.Now, disk: d,
		wake: make(chan struct{}, 1), fresh: make(chan struct{}, 1), written: make(chan struct{})}
	if s.log == nil {
		s.log = zap.NewNop()
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.batch = &Batch{done: make(chan struct{})}
	if err := makeFolder(filepath.Join(cfg.Dir, asideDir), d); err != nil {
		return nil, fmt.Errorf("making the spool's folder: %w; set ingest.spool.dir to a folder you can write to", err)
	}
	var err error
	if s.unlock, err = lock(cfg.Dir); err != nil {
		return nil, err
	}
	if s.metrics, err = newMetrics(s, deps.Registerer); err != nil {
		s.unlock()
		return nil, fmt.Errorf("registering the spool's metrics: %w", err)
	}
	if held, _ := s.countAside(true); held.Files > 0 {
		s.log.Warn("spool: what an earlier run could not drain waits for a person; `tributary spool list` shows it",
			zap.Int("files", held.Files), zap.Int("records", held.Refused), zap.Int64("bytes", held.Bytes), zap.String("folder", filepath.Join(cfg.Dir, asideDir)))
	}
	if err := s.recover(); err != nil {
		s.metrics.unregister()
		s.unlock()
		return nil, fmt.Errorf("opening the spool in %s: %w", cfg.Dir, err)
	}
	// A segment that is ready spares the first visitor of an outage its making, and shows now that the folder can be written.
	start := time.Now()
	if err := s.rotate(0); err != nil {
		if !errors.Is(err, ErrNoSpace) && !errors.Is(err, ErrFull) {
			s.reader.close()
			s.metrics.unregister()
			s.unlock()
			return nil, fmt.Errorf("opening the spool in %s: %w", cfg.Dir, err)
		}
		s.log.Warn("spool: no room for a segment", zap.Error(err))
	}
	s.took(time.Since(start))
	go s.write()
	return s, nil
}

// makeFolder makes what is missing of a path, and its names durable: a segment is lost with the folder that holds it.
func makeFolder(path string, d disk) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	parent := filepath.Dir(path)
	if parent != path {
		if err := makeFolder(parent, d); err != nil {
			return err
		}
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return d.syncDir(parent)
}

// recover finds the segments and the position, cuts a torn tail off, and removes what is done with.
func (s *Spool) recover() error {
	file, at, err := openPosition(s.cfg.Dir)
	if err != nil {
		return err
	}
	s.reader.file = file
	if file.damaged {
		s.log.Warn("spool: its position is damaged; every record in its segments is sent again, under its ID", zap.String("file", filepath.Join(s.cfg.Dir, "position")))
	}
	if err := s.survey(at); err != nil {
		file.f.Close()
		return err
	}
	if n := s.pending.Load(); n > 0 {
		s.log.Info("spool: records of an earlier run wait for Kafka", zap.Int64("records", n), zap.Int64("bytes", s.bytes), zap.Int("segments", len(s.segments)))
		s.fresh <- struct{}{}
	}
	return nil
}

func (s *Spool) survey(at position) error {
	numbers, err := listSegments(s.cfg.Dir)
	if err != nil {
		return err
	}
	s.lastNumber = at.segment
	for i, number := range numbers {
		s.lastNumber = max(s.lastNumber, number)
		path := segmentPath(s.cfg.Dir, number)
		from := int64(segmentHead)
		if number == at.segment {
			from = at.offset
		}
		found := survey{}
		if number >= at.segment {
			if found, err = inspect(path, number, from); err != nil {
				return err
			}
		}
		last := i == len(numbers)-1
		size := found.end
		switch {
		case found.tail > 0 && last:
			s.metrics.torn.Add(float64(found.tail))
			s.log.Warn("spool: cut a torn tail off the last segment; nobody was answered for it", zap.Uint64("segment", number), zap.Int64("offset", found.end), zap.Int64("bytes", found.tail))
		case found.tail > 0:
			size = found.size // the reader sets it aside
		}
		if found.records == 0 && size == found.end {
			if err := os.Remove(path); err != nil {
				return fmt.Errorf("removing a segment that is done with: %w", err)
			}
			continue
		}
		if size < found.size {
			if err := os.Truncate(path, size); err != nil {
				return fmt.Errorf("cutting a segment to its frames: %w", err)
			}
		}
		s.segments = append(s.segments, &segment{number: number, path: path, size: size, sealed: true})
		s.bytes += size
		s.pending.Add(found.records)
	}
	s.inherited = s.lastNumber
	if len(s.segments) > 0 {
		s.reader.at = position{s.segments[0].number, segmentHead}
		if at.segment == s.segments[0].number {
			s.reader.at = at
		}
	}
	return nil
}

// Pending tells whether records wait. It is one atomic load.
func (s *Spool) Pending() bool { return s.pending.Load() > 0 }

// Depth may be called from any goroutine.
func (s *Spool) Depth() Depth {
	s.mu.Lock()
	d := Depth{Bytes: s.bytes}
	s.mu.Unlock()
	if d.Records = s.pending.Load(); d.Records <= 0 {
		return d
	}
	if at := s.oldestMS.Load(); at > 0 {
		d.Age = max(0, time.Duration(s.now().UnixMilli()-at)*time.Millisecond)
	}
	return d
}

// Err returns why Submit would refuse, or the fault of the last batch for a little while; nil when all is well.
func (s *Spool) Err() error {
	s.mu.Lock()
	full := s.bytes+s.asideBytes.Load()+maxFrameBytes > s.cfg.MaxBytes
	s.mu.Unlock()
	switch f := s.fault.Load(); {
	case full:
		return ErrFull
	case s.stale():
		return ErrStale
	case f != nil && time.Since(f.at) < faultShown:
		return f.err
	}
	return nil
}

// faultShown is how long a fault of the disk is told of: an edge that is not ready gets no requests, so that only time could
// show that the disk works again.
const faultShown = 5 * time.Second

// fault is why a batch was refused.
type fault struct {
	err error
	at  time.Time
}

// stale tells whether the oldest record waits too long.
func (s *Spool) stale() bool {
	at := s.oldestMS.Load()
	return at > 0 && s.pending.Load() > 0 && s.now().UnixMilli()-at > s.cfg.MaxAge.Milliseconds()
}

// Submit copies the record into the batch that gathers; what it answers says when it is durable. An error wraps one of the
// package's, and then nothing was taken.
func (s *Spool) Submit(r *Record) (*Batch, error) {
	b, err := s.submit(r)
	if err != nil {
		s.metrics.refuse(err, 1)
	}
	return b, err
}

func (s *Spool) submit(r *Record) (*Batch, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	n := frameHead + r.payloadBytes()
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.batch
	switch {
	case s.closed:
		return nil, ErrClosed
	case len(b.frames)+n > maxBatchBytes:
		return nil, ErrBusy
	case s.bytes+s.asideBytes.Load()+int64(len(b.frames)+n) > s.cfg.MaxBytes:
		return nil, ErrFull
	case s.stale():
		return nil, ErrStale
	}
	if b.frames == nil {
		b.frames, s.spare = s.spare[:0], nil
	}
	b.frames = appendFrame(b.frames, r)
	b.records++
	if s.pending.Add(1) == 1 {
		s.oldestMS.Store(r.TimeMS)
	}
	if b.records == 1 {
		s.signal(s.wake)
	}
	return b, nil
}

func (*Spool) signal(to chan struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}

// Close makes what was submitted durable and gives the folder up. The reader's goroutine must have ended.
func (s *Spool) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.signal(s.wake)
	<-s.written
	err := s.reader.close()
	s.metrics.unregister()
	s.unlock()
	return err
}
