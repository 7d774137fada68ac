package chdb

import (
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// sessions keeps what requests that name a session_id have in common, so that SET, USE and temporary tables last from one
// request to the next, as on a server. A guest can make neither settings nor tables: its sessions keep the database.
type sessions struct {
	open func() (*connection, error)
	max  int // of the roles
	// maxGuests is the bound of guests' sessions, which cost little and hold little: one more ends the one idle longest.
	maxGuests int

	mu      sync.Mutex
	byID    map[sessionKey]*session
	guests  int // of them
	evicted uint64
	closed  bool
}

// sessionKey keeps the sessions of users apart.
type sessionKey struct{ user, id string }

type session struct {
	conn     *connection // nil for a guest's
	database string      // of a guest's; "" if none was named
	readonly string      // what its own SET statement made of it; "" for nothing
	guest    bool
	busy     bool
	since    time.Time // idle since, while it is not busy
	// expire closes the session when it has been idle for its timeout.
	expire *time.Timer
}

const (
	defaultSessionTimeout = 60 * time.Second
	maxSessionTimeout     = time.Hour
)

func newSessions(max, maxGuests int, open func() (*connection, error)) *sessions {
	return &sessions{open: open, max: max, maxGuests: maxGuests, byID: make(map[sessionKey]*session)}
}

// acquire returns the session for the caller alone. release must be called; it starts the idle timeout, or ends the
// session if last is set.
func (ss *sessions) acquire(who admitted, id string, mustExist bool, timeout time.Duration) (found *session, release func(last bool), err error) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	key := sessionKey{who.name, id}
	found = ss.byID[key]
	switch {
	case found == nil && mustExist:
		return nil, nil, refuse(codeSessionNotFound, "SESSION_NOT_FOUND", "Session %s not found: it expired or was never opened", quote(id))
	case found != nil && found.busy:
		return nil, nil, refuse(codeSessionLocked, "SESSION_IS_LOCKED", "Session %s is in use by another request; a session runs one query at a time", quote(id))
	case found == nil && (!ss.room(who.guest) || ss.closed):
		return nil, nil, refuse(codeTooManyQueries, "TOO_MANY_SIMULTANEOUS_QUERIES", "%d sessions are open, the limit; end one with close_session=1 or wait for its timeout", ss.count(who.guest))
	case found == nil:
		found = &session{guest: who.guest}
		if !who.guest {
			if found.conn, err = ss.open(); err != nil {
				return nil, nil, err
			}
		}
		ss.byID[key] = found
		if who.guest {
			ss.guests++
		}
	default:
		found.expire.Stop()
	}
	found.busy = true
	return found, func(last bool) { ss.release(key, found, timeout, last) }, nil
}

func (ss *sessions) release(key sessionKey, used *session, timeout time.Duration, last bool) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	used.busy, used.since = false, time.Now()
	if last || ss.closed {
		ss.end(key)
		return
	}
	used.expire = time.AfterFunc(timeout, func() {
		ss.mu.Lock()
		defer ss.mu.Unlock()
		if ss.byID[key] == used && !used.busy {
			ss.end(key)
		}
	})
}

// end forgets a session. The caller holds mu.
func (ss *sessions) end(key sessionKey) {
	ended := ss.byID[key]
	delete(ss.byID, key)
	if ended.guest {
		ss.guests--
	}
	if ended.conn != nil {
		ended.conn.close()
	}
}

// room tells whether one more may be opened, and makes it for a guest. The caller holds mu.
func (ss *sessions) room(guest bool) bool {
	if !guest {
		return ss.count(false) < ss.max
	}
	if ss.guests < ss.maxGuests {
		return true
	}
	var oldest sessionKey
	var idle *session
	for key, s := range ss.byID {
		if s.guest && !s.busy && (idle == nil || s.since.Before(idle.since)) {
			oldest, idle = key, s
		}
	}
	if idle == nil {
		return false
	}
	idle.expire.Stop()
	ss.end(oldest)
	ss.evicted++
	return true
}

// count is how many are open. The caller holds mu.
func (ss *sessions) count(guest bool) int {
	if guest {
		return ss.guests
	}
	return len(ss.byID) - ss.guests
}

// usage is what Status says of them.
func (ss *sessions) usage() (roles, guests int, evicted uint64) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return ss.count(false), ss.count(true), ss.evicted
}

// close ends idle sessions; a busy one ends with its request.
func (ss *sessions) close() {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.closed = true
	for key, s := range ss.byID {
		if !s.busy {
			s.expire.Stop()
			ss.end(key)
		}
	}
}

// place is where one request's statement runs.
type place struct {
	conn *connection
	// session is set where the request names one.
	session *session
	// leave must be called at the end.
	leave func()
}

// placeFor opens what the request's statement runs on. All settings are gone with it, but for those that a session's own
// SET statements made: a session's connection gets its settings back, and what must be read-only never touches it, for
// the engine lets nobody take that back.
func (s *server) placeFor(r *http.Request, params url.Values, who admitted, values map[string]string, f *form) (place, error) {
	id := params.Get("session_id")
	if id == "" {
		conn, err := s.connect()
		if err != nil {
			return place{}, err
		}
		return s.furnish(place{conn: conn, leave: conn.close}, r, params, "", s.onDefaults(values), who, f)
	}
	timeout, err := sessionTimeout(params)
	if err != nil {
		return place{}, err
	}
	session, release, err := s.sessions.acquire(who, id, truthy(params.Get("session_check")), timeout)
	if err != nil {
		return place{}, err
	}
	last := truthy(params.Get("close_session"))
	if _, already := values["readonly"]; !already && session.readonly != "" {
		values["readonly"] = session.readonly
	}
	if _, readOnly := values["readonly"]; !readOnly {
		restore, err := remember(session.conn, values)
		if err != nil {
			release(true)
			return place{}, err
		}
		return s.furnish(place{conn: session.conn, session: session, leave: func() {
			// A connection that cannot be restored must not be used again.
			gone := f.remove(session.conn)
			release(session.readonly == "" && session.conn.exec(restore) != nil || !gone || last)
		}}, r, params, "", values, who, f)
	}
	conn, err := s.connect()
	if err != nil {
		release(last)
		return place{}, err
	}
	p := place{conn: conn, session: session, leave: func() { conn.close(); release(last) }}
	merged, database := s.defaults(), session.database
	if session.conn != nil {
		if database, err = sessionState(session.conn, merged); err != nil {
			p.leave()
			return place{}, err
		}
	}
	maps.Copy(merged, values)
	return s.furnish(p, r, params, database, merged, who, f)
}

// onDefaults are values and, where they say nothing, this server's defaults.
func (s *server) onDefaults(values map[string]string) map[string]string {
	merged := s.defaults()
	maps.Copy(merged, values)
	return merged
}

// furnish sets a place's database and settings, and puts the tables there that came with the query.
func (s *server) furnish(p place, r *http.Request, params url.Values, database string, values map[string]string, who admitted,
	f *form) (place, error) {
	if named := firstOf(params.Get("database"), r.Header.Get("X-ClickHouse-Database"), database); named != "" {
		if err := p.conn.exec("USE " + quoteName(named)); err != nil {
			p.leave()
			return place{}, err
		}
	}
	err := s.put(f, p.conn, values, who.guest)
	if err == nil {
		err = p.conn.exec(setStatement(values))
	}
	if err != nil {
		p.leave()
		return place{}, err
	}
	return p, nil
}

func sessionTimeout(params url.Values) (time.Duration, error) {
	text := params.Get("session_timeout")
	if text == "" {
		return defaultSessionTimeout, nil
	}
	seconds, err := strconv.ParseUint(text, 10, 32)
	if err != nil || time.Duration(seconds)*time.Second > maxSessionTimeout {
		return 0, refuse(codeUnknownSetting, "UNKNOWN_SETTING", "session_timeout %s is not a number of seconds up to %d", quote(text), int(maxSessionTimeout.Seconds()))
	}
	return time.Duration(seconds) * time.Second, nil
}

// remember returns the SET statement that undoes setting values on a session's connection.
func remember(conn *connection, values map[string]string) (restore string, err error) {
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, quote(name))
	}
	before := make(map[string]string)
	if err := changedSettings(conn, "name IN ("+strings.Join(names, ", ")+")", before); err != nil {
		return "", err
	}
	var parts []string
	for name := range values {
		if was, ok := before[name]; ok {
			parts = append(parts, name+" = "+quote(was))
		} else {
			parts = append(parts, name+" = DEFAULT")
		}
	}
	return "SET " + strings.Join(parts, ", "), nil
}

// sessionState adds to values what a session's own SET statements made, and returns the session's database. Its temporary
// tables stay its own.
func sessionState(from *connection, values map[string]string) (database string, err error) {
	// A dialect would have the engine read the statement otherwise than examine did.
	if err := changedSettings(from, "name NOT IN ('readonly', 'dialect', 'log_comment')", values); err != nil {
		return "", err
	}
	return currentDatabase(from)
}

// note keeps what the statement that ran made of its session.
func (p *place) note(verb string) (err error) {
	if p.session == nil {
		return nil
	}
	switch {
	case verb == "USE" && p.conn != p.session.conn && p.session.conn == nil:
		p.session.database, err = currentDatabase(p.conn)
	case verb == "SET" && p.conn == p.session.conn:
		changed := make(map[string]string)
		err = changedSettings(p.conn, "name = 'readonly'", changed)
		p.session.readonly = changed["readonly"]
	}
	return err
}

// currentDatabase asks in TabSeparated, as changedSettings does: other formats of a connection's last output make the
// engine read the data of its next insert otherwise.
func currentDatabase(conn *connection) (name string, err error) {
	err = conn.run("SELECT hex(currentDatabase())", "TabSeparated", nil, func(output []byte, _ progress) error {
		decoded, err := hex.DecodeString(strings.TrimSpace(string(output)))
		name = string(decoded)
		return err
	})
	return name, err
}

// changedSettings adds a connection's settings that are not the engine's defaults.
func changedSettings(conn *connection, where string, values map[string]string) error {
	return conn.run("SELECT hex(name), hex(value) FROM system.settings WHERE changed AND "+where, "TabSeparated", nil, func(output []byte, _ progress) error {
		for line := range strings.Lines(string(output)) {
			encodedName, encodedValue, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			name, err := hex.DecodeString(encodedName)
			value, valueErr := hex.DecodeString(encodedValue)
			if err = errors.Join(err, valueErr); err != nil {
				return fmt.Errorf("reading a session's settings: %w", err)
			}
			values[string(name)] = string(value)
		}
		return nil
	})
}
