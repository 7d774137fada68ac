package embedded

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// A syncer puts the broker's folder on disk for all that wait: whoever takes a ticket is let go by the first sync that
// began after that, which it shares with all who came meanwhile.
type syncer struct {
	sync    func() error
	after   func(number uint64) // called after each that succeeded, before who waits is let go
	metrics *metrics
	failure *failure

	mu      sync.Mutex
	changed *sync.Cond // wanted, done or closed
	wanted  uint64     // the last ticket given
	begun   uint64     // syncs
	done    uint64     // syncs; done <= begun <= done+1
	closed  bool
	ended   chan struct{}
}

func newSyncer(syncDisk func() error, after func(uint64), m *metrics, f *failure) *syncer {
	s := &syncer{sync: syncDisk, after: after, metrics: m, failure: f, ended: make(chan struct{})}
	s.changed = sync.NewCond(&s.mu)
	go s.run()
	return s
}

// ticket is the number of the first sync that begins after now, and has it made.
func (s *syncer) ticket() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wanted <= s.begun {
		s.wanted = s.begun + 1
		s.changed.Broadcast()
	}
	return s.wanted
}

// dirty tells whether someone waits for a sync.
func (s *syncer) dirty() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wanted > s.done
}

// wait returns once the sync has been made, or why it will not be.
func (s *syncer) wait(ticket uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.done < ticket {
		if err := s.failure.get(); err != nil {
			return err
		}
		if s.closed {
			return errClosed
		}
		s.changed.Wait()
	}
	return nil
}

func (s *syncer) run() {
	defer close(s.ended)
	for number, ok := s.next(); ok; number, ok = s.next() {
		began := time.Now()
		err := s.sync()
		s.metrics.syncSeconds.Observe(time.Since(began).Seconds())
		if err == nil && s.failure.get() == nil && s.after != nil {
			s.after(number)
		}
		switch {
		case errors.Is(err, ErrWriteFailed):
			s.failure.set(err)
		case err != nil:
			// Never again: the kernel takes what it could not write for clean.
			s.failure.set(fmt.Errorf("%w: syncing it: %w; end the process, look at the disk, and start again", ErrSyncFailed, err))
		}
		s.mu.Lock()
		if s.failure.get() == nil {
			s.done = number
		}
		s.changed.Broadcast()
		s.mu.Unlock()
	}
	s.wake()
}

// next waits until someone wants a sync and begins it.
func (s *syncer) next() (number uint64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.wanted <= s.begun {
		if s.closed || s.failure.get() != nil {
			return 0, false
		}
		s.changed.Wait()
	}
	if s.closed || s.failure.get() != nil {
		return 0, false
	}
	s.begun++
	return s.begun, true
}

// close ends it; who waits is told.
func (s *syncer) close() {
	s.mu.Lock()
	s.closed = true
	s.changed.Broadcast()
	s.mu.Unlock()
	<-s.ended
}

// wake lets who waits see that the broker has failed.
func (s *syncer) wake() {
	s.mu.Lock()
	s.changed.Broadcast()
	s.mu.Unlock()
}
