package spool

import (
	"fmt"
	"os"
	"time"

	"go.uber.org/zap"
)

// write is the writer's goroutine. While it waits for the disk, the next batch gathers.
func (s *Spool) write() {
	defer close(s.written)
	for range s.wake {
		s.mu.Lock()
		b, closed := s.batch, s.closed
		if b.records > 0 {
			s.batch = &Batch{done: make(chan struct{})}
		}
		s.mu.Unlock()
		if b.records > 0 {
			s.commit(b)
		}
		if closed {
			s.seal()
			return
		}
	}
}

func (s *Spool) commit(b *Batch) {
	start := time.Now()
	s.since.Store(start.UnixNano())
	b.err = s.put(b.frames)
	s.since.Store(0)
	if b.err != nil {
		s.metrics.refuse(b.err, b.records)
		s.pending.Add(-int64(b.records))
		s.fault.Store(&fault{b.err, time.Now()})
		s.log.Warn("spool: a batch was refused", zap.Int("records", b.records), zap.Error(b.err))
	} else {
		took := time.Since(start)
		s.took(took)
		s.metrics.sync.Observe(took.Seconds())
		s.metrics.appended.Add(float64(b.records))
		s.signal(s.fresh)
	}
	frames := b.frames
	b.frames = nil
	close(b.done)
	s.mu.Lock()
	s.spare = frames
	s.mu.Unlock()
}

func (s *Spool) took(d time.Duration) {
	before := s.syncNS.Load()
	s.syncNS.Store(max(int64(d), before-before/8))
}

// Waiting is how long the disk has been asked for a batch that it has not made durable yet; 0 where none is under way.
func (s *Spool) Waiting() time.Duration {
	since := s.since.Load()
	if since == 0 {
		return 0
	}
	return max(time.Nanosecond, time.Since(time.Unix(0, since)))
}

// SyncTime is how long a record that is submitted now will likely take to be durable: about the longest batch lately.
func (s *Spool) SyncTime() time.Duration { return time.Duration(s.syncNS.Load()) }

// put writes frames and makes them durable, or leaves nothing of them.
func (s *Spool) put(frames []byte) error {
	n := int64(len(frames))
	if s.active == nil || s.activeInfo.size+n > s.room {
		if err := s.rotate(n); err != nil {
			return err
		}
	}
	info, at := s.activeInfo, s.activeInfo.size
	signFrames(frames, info.number, at)
	_, err := s.active.WriteAt(frames, at)
	if err == nil {
		if err = s.active.syncData(); err == nil {
			s.mu.Lock()
			info.size += n
			s.bytes += n
			s.mu.Unlock()
			return nil
		}
	}
	// Nobody may append behind bytes whose fate is unknown, and a later fsync that succeeds proves nothing about them.
	s.seal()
	return diskError("writing a batch", err)
}

func diskError(doing string, err error) error {
	if isFull(err) {
		return fmt.Errorf("%w: %s: %w", ErrNoSpace, doing, err)
	}
	return fmt.Errorf("%w: %s: %w", ErrDisk, doing, err)
}

// rotate seals the segment at hand and makes the next one, with room for need bytes at least.
func (s *Spool) rotate(need int64) error {
	s.seal()
	s.mu.Lock()
	room := min(max(s.cfg.SegmentBytes, segmentHead+need), s.cfg.MaxBytes-s.bytes-s.asideBytes.Load())
	s.mu.Unlock()
	if room < segmentHead+max(need, 1) {
		return ErrFull
	}
	number := s.lastNumber + 1
	path := segmentPath(s.cfg.Dir, number)
	f, err := s.disk.create(path)
	if err != nil {
		return diskError("making a segment", err)
	}
	s.lastNumber = number
	err = f.reserve(room)
	if err == nil {
		_, err = f.WriteAt(header(number, s.now().UnixMilli()), 0)
	}
	if err == nil {
		err = f.syncData()
	}
	if err == nil {
		err = s.disk.syncDir(s.cfg.Dir)
	}
	if err != nil {
		f.Close()
		os.Remove(path)
		return diskError("making a segment", err)
	}
	info := &segment{number: number, path: path, size: segmentHead}
	s.active, s.activeInfo, s.room = f, info, room
	s.mu.Lock()
	s.segments = append(s.segments, info)
	s.bytes += info.size
	s.mu.Unlock()
	return nil
}

// seal ends the segment at hand at its last durable frame. Where the rest cannot be cut off, the reader stops there all the
// same, and after a restart finds reserved space, or frames that nobody was answered for.
func (s *Spool) seal() {
	if s.active == nil {
		return
	}
	if err := s.active.Truncate(s.activeInfo.size); err != nil {
		s.log.Warn("spool: cutting a segment to its frames", zap.Uint64("segment", s.activeInfo.number), zap.Error(err))
	}
	if err := s.active.Close(); err != nil {
		s.log.Warn("spool: closing a segment", zap.Uint64("segment", s.activeInfo.number), zap.Error(err))
	}
	s.mu.Lock()
	s.activeInfo.sealed = true
	s.mu.Unlock()
	s.active, s.activeInfo = nil, nil
	s.signal(s.fresh)
}
