package chdb

import (
	"fmt"
	"os"
	"sync"
)

// syncer makes what was written durable for many at once: whoever asks waits for a sync that began after the asking.
// Nil syncs nothing.
type syncer struct {
	folder *os.File
	sync   func(*os.File) error

	mu      sync.Mutex
	running bool
	next    *syncRound // that those join who ask now; nil while nobody does
}

type syncRound struct {
	done chan struct{}
	err  error
}

// newSyncer syncs the file system of dir. The engine syncs a part before it counts, but not its log of insert tokens,
// without which a repeated insert would count twice; nor does it say whether a folder's entry is on disk.
func newSyncer(dir string) (*syncer, error) {
	folder, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the folder to sync: %w", err)
	}
	return &syncer{folder: folder, sync: syncFileSystem}, nil
}

// wait returns when everything that was written before the call is durable, or why it may not be.
func (s *syncer) wait() error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	if s.next == nil {
		s.next = &syncRound{done: make(chan struct{})}
	}
	mine := s.next
	lead := !s.running
	s.running = true
	s.mu.Unlock()
	if lead {
		go s.run()
	}
	<-mine.done
	return mine.err
}

// run syncs until nobody asks any more.
func (s *syncer) run() {
	for {
		s.mu.Lock()
		round := s.next
		s.next = nil
		s.running = round != nil
		s.mu.Unlock()
		if round == nil {
			return
		}
		if err := s.sync(s.folder); err != nil {
			round.err = fmt.Errorf("syncing the tables' file system: %w", err)
		}
		close(round.done)
	}
}

func (s *syncer) close() {
	if s != nil {
		_ = s.folder.Close()
	}
}
