package spool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"go.uber.org/zap"
)

// reader is the state of the one who drains.
type reader struct {
	file *positionFile
	// at is the first frame that is not done with.
	at position
	f  *os.File
	c  cursor

	window []Entry
	// unsaved: the last position could not be kept.
	unsaved bool
}

func (r *reader) close() error {
	var err error
	if r.f != nil {
		err = r.f.Close()
		r.f = nil
	}
	return errors.Join(err, r.file.close())
}

// An Entry is a record that waits, and its place.
type Entry struct {
	Record
	segment uint64
	off     int64
	next    int64
}

// A Place is where a record lies in the spool; no two are ever at the same.
type Place struct {
	segment uint64
	off     int64
}

// Place is the entry's.
func (e *Entry) Place() Place { return Place{e.segment, e.off} }

// Inherited tells whether an earlier process wrote the entry. It may have been drained already, or have landed by another way: that process
// alone knew.
func (s *Spool) Inherited(e *Entry) bool { return e.segment <= s.inherited }

// Next returns the oldest records that are not done with, at most limit and about 1 MiB, and waits for one until ctx is done.
// They are valid until the next call. Without Done in between it answers the same ones, or more.
func (s *Spool) Next(ctx context.Context, limit int) ([]Entry, error) {
	r := &s.reader
	for {
		seg, size, sealed := s.head()
		if seg != nil && seg.number != r.at.segment {
			r.at = position{seg.number, segmentHead}
		}
		switch {
		case seg != nil && r.at.offset < size:
			entries, err := s.read(seg, size, limit)
			if err != nil || len(entries) > 0 {
				return entries, err
			}
			// There was damage only, which is set aside now.
		case seg != nil && sealed:
			if err := s.drop(seg); err != nil {
				return nil, err
			}
		default:
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-s.fresh:
			}
		}
	}
}

// head is the oldest segment.
func (s *Spool) head() (seg *segment, size int64, sealed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.segments) == 0 {
		return nil, 0, false
	}
	seg = s.segments[0]
	return seg, seg.size, seg.sealed
}

func (s *Spool) read(seg *segment, size int64, limit int) ([]Entry, error) {
	r := &s.reader
	if r.f == nil || r.c.segment != seg.number {
		if r.f != nil {
			r.f.Close()
			r.f = nil
		}
		f, err := os.Open(seg.path)
		if err != nil {
			return nil, fmt.Errorf("opening a segment: %w", err)
		}
		r.f = f
		r.c = cursor{src: f, segment: seg.number, buf: r.c.buf[:0]}
	}
	r.c.off, r.c.end = r.at.offset, size
	r.window = r.window[:0]
	for len(r.window) < limit {
		var f frame
		if len(r.window) == 0 {
			var g gap
			var err error
			f, g, err = r.c.next()
			if err != nil && !errors.Is(err, io.EOF) {
				return nil, err
			}
			if !g.empty() {
				// Reserved space ends a segment that could not be cut.
				if !(g.zero && errors.Is(err, io.EOF)) {
					if err := s.keepAside(r.f, seg.number, g); err != nil {
						return nil, err
					}
				}
				r.at.offset = g.end
			}
			if errors.Is(err, io.EOF) {
				return nil, nil
			}
		} else {
			var ok bool
			if !r.c.held() {
				break
			}
			window, err := r.c.window()
			if err != nil {
				break
			}
			if f, _, ok = r.c.read(window); !ok {
				break // the next call sees to the damage
			}
			r.c.off = f.next
		}
		r.window = append(r.window, Entry{Record: f.record, segment: seg.number, off: f.off, next: f.next})
	}
	s.oldestMS.Store(r.window[0].TimeMS)
	return r.window, nil
}

// Done says that the first n of the records that Next answered are done with.
func (s *Spool) Done(n int) {
	r := &s.reader
	if n <= 0 {
		return
	}
	r.at.offset = r.window[n-1].next
	r.window = r.window[:0]
	s.metrics.drained.Add(float64(n))
	if s.pending.Add(-int64(n)) <= 0 {
		s.oldestMS.Store(0)
	}
	s.save(r.at)
}

// save keeps the position. Where it cannot be kept, draining goes on: after a restart more is read again.
func (s *Spool) save(at position) {
	err := s.reader.file.save(at)
	if err != nil && !s.reader.unsaved {
		s.log.Warn("spool: records that kafka has may be sent again after a restart", zap.Error(err))
	}
	s.reader.unsaved = err != nil
}

// drop removes a segment that is done with.
func (s *Spool) drop(seg *segment) error {
	r := &s.reader
	if r.f != nil {
		r.f.Close()
		r.f = nil
	}
	// From here on the position is at the end of a segment that may be gone: everything after it is still to be read.
	s.save(position{seg.number, seg.size})
	if err := os.Remove(seg.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("removing a segment that is done with: %w", err)
	}
	s.mu.Lock()
	s.segments = s.segments[1:]
	s.bytes -= seg.size
	s.mu.Unlock()
	return nil
}
