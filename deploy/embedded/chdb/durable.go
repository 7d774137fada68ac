package chdb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"
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
func newSyncer(dir string, sync func(*os.File) error) (*syncer, error) {
	folder, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the folder to sync: %w", err)
	}
	return &syncer{folder: folder, sync: sync}, nil
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
			round.err = err
		}
		close(round.done)
	}
}

func (s *syncer) close() {
	if s != nil {
		_ = s.folder.Close()
	}
}

// settle returns when what the engine called written before the call is whole on disk and, where that is asked for,
// durable.
func (s *server) settle(folder *os.File) error {
	if err := s.lookAtParts(); err != nil {
		return err
	}
	if !s.cfg.Durable {
		return nil
	}
	if err := syncFileSystem(folder); err != nil {
		return fmt.Errorf("syncing the tables' file system: %w", err)
	}
	return nil
}

// watchEvery is how often merged parts are looked at: far more often than the engine deletes what they were merged of
// (old_parts_lifetime, 8 minutes).
const watchEvery = 2 * time.Second

// watchParts looks at the parts that nobody waits for: those of merges.
func (s *server) watchParts(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := s.lookAtParts()
		if err != nil && !failing {
			s.cfg.Logger.Warn("the tables' parts cannot be looked at", zap.Error(err))
		}
		failing = err != nil
	}
}

// exitIncomplete is the child's exit code where it ends itself because of an incomplete part (EX_IOERR of sysexits.h).
const exitIncomplete = 74

// lookAtParts looks at what is new and ends the process, as a kill would, where it is incomplete. The engine believes
// in the part until its next start; that finds what the part was merged of, or nothing of an insert that nobody was
// told of.
func (s *server) lookAtParts() error {
	err := s.parts.look()
	if errors.Is(err, errIncomplete) {
		s.cfg.Logger.Error("the engine ends itself: what it wrote is not whole on disk, as after a full disk; nothing of "+
			"it was acknowledged",
			zap.Error(err))
		_ = s.cfg.Logger.Sync()
		os.Exit(exitIncomplete)
	}
	return err
}
