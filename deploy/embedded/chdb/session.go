package chdb

import (
	"sync"
	"time"
)

// sessions keeps the engine connections of requests that name a session_id, so that SET, USE and temporary tables last
// from one request to the next, as on a server.
type sessions struct {
	open func() (*connection, error)
	max  int

	mu     sync.Mutex
	byID   map[string]*session
	closed bool
}

type session struct {
	conn *connection
	busy bool
	// expire closes the session when it has been idle for its timeout.
	expire *time.Timer
}

const (
	defaultSessionTimeout = 60 * time.Second
	maxSessionTimeout     = time.Hour
)

func newSessions(max int, open func() (*connection, error)) *sessions {
	return &sessions{open: open, max: max, byID: make(map[string]*session)}
}

// acquire returns the session's connection for the caller alone. release must be called; it starts the idle timeout, or
// ends the session if last is set.
func (ss *sessions) acquire(id string, mustExist bool, timeout time.Duration) (conn *connection, release func(last bool), err error) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	found := ss.byID[id]
	switch {
	case found == nil && mustExist:
		return nil, nil, refuse(codeSessionNotFound, "SESSION_NOT_FOUND", "Session %s not found: it expired or was never opened", quote(id))
	case found != nil && found.busy:
		return nil, nil, refuse(codeSessionLocked, "SESSION_IS_LOCKED", "Session %s is in use by another request; a session runs one query at a time", quote(id))
	case found == nil && (len(ss.byID) >= ss.max || ss.closed):
		return nil, nil, refuse(codeTooManyQueries, "TOO_MANY_SIMULTANEOUS_QUERIES", "%d sessions are open, the limit; end one with close_session=1 or wait for its timeout", len(ss.byID))
	case found == nil:
		conn, err := ss.open()
		if err != nil {
			return nil, nil, err
		}
		found = &session{conn: conn}
		ss.byID[id] = found
	default:
		found.expire.Stop()
	}
	found.busy = true
	return found.conn, func(last bool) { ss.release(id, found, timeout, last) }, nil
}

func (ss *sessions) release(id string, used *session, timeout time.Duration, last bool) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	used.busy = false
	if last || ss.closed {
		delete(ss.byID, id)
		used.conn.close()
		return
	}
	used.expire = time.AfterFunc(timeout, func() {
		ss.mu.Lock()
		defer ss.mu.Unlock()
		if ss.byID[id] == used && !used.busy {
			delete(ss.byID, id)
			used.conn.close()
		}
	})
}

// close ends idle sessions; a busy one ends with its request.
func (ss *sessions) close() {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.closed = true
	for id, s := range ss.byID {
		if !s.busy {
			s.expire.Stop()
			delete(ss.byID, id)
			s.conn.close()
		}
	}
}
