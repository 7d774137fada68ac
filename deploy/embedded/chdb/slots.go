package chdb

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"
)

// slots bound how many queries of one kind of user run, and how many wait for their turn.
type slots struct {
	running    chan struct{} // a slot a running query
	waiting    atomic.Int64
	maxWaiting int64
	// patience is how long one waits; 0: as long as its client does.
	patience time.Duration
	admitted atomic.Uint64
	refused  atomic.Uint64
}

func newSlots(running, waiting int, patience time.Duration) *slots {
	return &slots{running: make(chan struct{}, running), maxWaiting: int64(waiting), patience: patience}
}

// slotsOf are those of a user: the roles' own are never taken by a guest.
func (s *server) slotsOf(who admitted) *slots {
	if who.guest {
		return s.guests
	}
	return s.roles
}

// admit takes a slot, waiting in a bounded queue. free must be called.
func (s *slots) admit(ctx context.Context) (free func(), err error) {
	defer func() {
		if err == nil {
			s.admitted.Add(1)
		} else {
			s.refused.Add(1)
		}
	}()
	free = func() { <-s.running }
	select {
	case s.running <- struct{}{}:
		return free, nil
	default:
	}
	defer s.waiting.Add(-1)
	if s.waiting.Add(1) > s.maxWaiting {
		return nil, refuse(codeTooManyQueries, "TOO_MANY_SIMULTANEOUS_QUERIES", "Too many simultaneous queries: %d run and %d wait, the limit; try again later", cap(s.running), s.maxWaiting)
	}
	var patience <-chan time.Time
	if s.patience > 0 {
		timer := time.NewTimer(s.patience)
		defer timer.Stop()
		patience = timer.C
	}
	select {
	case s.running <- struct{}{}:
		return free, nil
	case <-patience:
		return nil, refuse(codeTooManyQueries, "TOO_MANY_SIMULTANEOUS_QUERIES", "Too many simultaneous queries: %d run, the limit for a user who only reads, and none ended within %s; try again later", cap(s.running), s.patience)
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for a turn: %w", context.Cause(ctx))
	}
}

func (s *slots) drained(timeout <-chan time.Time) bool {
	for range cap(s.running) {
		select {
		case s.running <- struct{}{}:
		case <-timeout:
			return false
		}
	}
	return true
}

func (s *slots) usage() SlotUsage {
	return SlotUsage{Slots: cap(s.running), Running: len(s.running), Waiting: int(s.waiting.Load()), Admitted: s.admitted.Load(), Refused: s.refused.Load()}
}

// counts are of the whole server.
type counts struct {
	refused atomic.Uint64 // requests without a right to ask
	killed  atomic.Uint64
}

// SlotUsage says how many queries of one kind of user there are.
type SlotUsage struct {
	Slots    int    `json:"slots"`
	Running  int    `json:"running"`
	Waiting  int    `json:"waiting"`
	Admitted uint64 `json:"admitted"`
	Refused  uint64 `json:"refused"`
}

// Status is what the child says of itself.
type Status struct {
	Roles  SlotUsage `json:"roles"`
	Guests SlotUsage `json:"guests"`
	// RefusedRequests had no right to ask: no password, a wrong one, or a web page's.
	RefusedRequests uint64 `json:"refused_requests"`
	// KilledQueries lost their clients, or were ended by KILL QUERY.
	KilledQueries uint64 `json:"killed_queries"`
	// RolesSessions and GuestsSessions are open; EvictedSessions are guests' that were ended for another's.
	RolesSessions   int    `json:"roles_sessions"`
	GuestsSessions  int    `json:"guests_sessions"`
	EvictedSessions uint64 `json:"evicted_sessions"`
	// Confined says that the operating system keeps the engine from everything but its tables' folder.
	Confined bool `json:"confined"`
	// PartsSetAside were incomplete when the engine started.
	PartsSetAside int `json:"parts_set_aside"`
}

// statusPath is where a parent asks for Status.
const statusPath = "/tributary/status"

// sendStatus asks the engine something first: a server whose engine does not answer says nothing here.
func (s *server) sendStatus(w http.ResponseWriter, a *answer) {
	if err := s.feel(); err != nil {
		a.fail(err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	status := Status{
		PartsSetAside: s.swept,
		Roles:         s.roles.usage(), Guests: s.guests.usage(), RefusedRequests: s.counts.refused.Load(),
		KilledQueries: s.counts.killed.Load(),
		Confined:      s.cfg.confined,
	}
	status.RolesSessions, status.GuestsSessions, status.EvictedSessions = s.sessions.usage()
	_ = json.NewEncoder(w).Encode(status)
}

func (s *server) feel() error {
	s.feeling.Lock()
	defer s.feeling.Unlock()
	return s.pulse.run("SELECT 1", "TabSeparated", nil, func(output []byte, _ progress) error {
		if string(output) != "1\n" {
			return fmt.Errorf("the engine says that SELECT 1 is %q", output)
		}
		return nil
	})
}
