package report

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// ErrBusy is wrapped when too many questions wait.
var ErrBusy = errors.New("too many questions wait; ask again later")

// slots bound how many questions run. Who waits is served in turn by who asks, so that one with many questions does not
// hold up the others.
type slots struct {
	mu      sync.Mutex
	free    int
	waiting int
	max     int
	turns   []string // who waits, the next one first
	queues  map[string][]chan struct{}
}

func newSlots(n, maxWaiting int) *slots {
	return &slots{free: n, max: maxWaiting, queues: map[string][]chan struct{}{}}
}

// take returns when there is a slot; give must be called.
func (s *slots) take(ctx context.Context, asker string) (give func(), err error) {
	s.mu.Lock()
	if s.free > 0 && s.waiting == 0 {
		s.free--
		s.mu.Unlock()
		return s.give, nil
	}
	if s.waiting >= s.max {
		defer s.mu.Unlock()
		return nil, fmt.Errorf("%w: %d wait already", ErrBusy, s.waiting)
	}
	turn := make(chan struct{})
	if s.queues[asker] == nil {
		s.turns = append(s.turns, asker)
	}
	s.queues[asker] = append(s.queues[asker], turn)
	s.waiting++
	s.mu.Unlock()
	select {
	case <-turn:
		return s.give, nil
	case <-ctx.Done():
		if !s.leave(asker, turn) {
			s.give() // it came at the same moment
		}
		return nil, fmt.Errorf("waiting for a turn: %w", context.Cause(ctx))
	}
}

// give passes a slot on.
func (s *slots) give() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.turns) == 0 {
		s.free++
		return
	}
	asker := s.turns[0]
	s.turns = s.turns[1:]
	queue := s.queues[asker]
	turn := queue[0]
	s.waiting--
	if len(queue) > 1 {
		s.queues[asker] = queue[1:]
		s.turns = append(s.turns, asker)
	} else {
		delete(s.queues, asker)
	}
	close(turn)
}

// leave takes one out who waits no longer; false: it had its turn.
func (s *slots) leave(asker string, turn chan struct{}) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	queue := s.queues[asker]
	for i, t := range queue {
		if t != turn {
			continue
		}
		s.waiting--
		queue = append(queue[:i:i], queue[i+1:]...)
		if s.queues[asker] = queue; len(queue) > 0 {
			return true
		}
		delete(s.queues, asker)
		for j, who := range s.turns {
			if who == asker {
				s.turns = append(s.turns[:j:j], s.turns[j+1:]...)
				break
			}
		}
		return true
	}
	return false
}

func (s *slots) usage() (free, waiting int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.free, s.waiting
}
