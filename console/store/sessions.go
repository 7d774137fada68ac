package store

import (
	"context"
	"time"
)

// A Session is a browser that is signed in.
type Session struct {
	ID        string `json:"id"`
	UserID    string `json:"user_id"`
	Passed    bool   `json:"second_factor" doc:"A second factor was shown"`
	Agent     string `json:"agent"`
	Address   string `json:"address"`
	CreatedMS int64  `json:"created_ms"`
	SeenMS    int64  `json:"seen_ms"`
	ExpiresMS int64  `json:"expires_ms"`

	hash string
}

// Hash names it in SetPassword.
func (s *Session) Hash() string { return s.hash }

const sessionColumns = "sessions.hash, sessions.id, sessions.user_id, passed, agent, address, sessions.created_ms, seen_ms, expires_ms"

func (s *Session) into(passed *int64) []any {
	return []any{&s.hash, &s.ID, &s.UserID, passed, &s.Agent, &s.Address, &s.CreatedMS, &s.SeenMS, &s.ExpiresMS}
}

func scanSession(r row) (*Session, error) {
	var s Session
	var passed int64
	if err := r.Scan(s.into(&passed)...); err != nil {
		return nil, named(err)
	}
	s.Passed = passed != 0
	return &s, nil
}

// AddSession signs a user in and returns the secret for the cookie. age is how long it lasts without a request, in all at most longest.
func (t *Tx) AddSession(u *User, passed bool, agent, address string, longest time.Duration) (shown string, s *Session, err error) {
	shown, hash := NewSecret()
	now := t.store.NowMS()
	s = &Session{ID: newID("s"), UserID: u.ID, Passed: passed, Agent: agent, Address: address, CreatedMS: now, SeenMS: now,
		ExpiresMS: now + longest.Milliseconds(), hash: hash}
	if err := t.exec("DELETE FROM sessions WHERE expires_ms < $1", now); err != nil {
		return "", nil, err
	}
	if err := t.exec(`INSERT INTO sessions (hash, id, user_id, passed, agent, address, created_ms, seen_ms, expires_ms)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, hash, s.ID, u.ID, flag(passed), agent, address, now, now, s.ExpiresMS); err != nil {
		return "", nil, err
	}
	return shown, s, t.Audit("sign in", "session", s.ID, nil, s)
}

// seenEvery is how exactly it is known when a session or token was last seen.
const seenEvery = time.Minute

// Session returns who has the secret of a session that lasts still; ErrNone. idle is how long it lasts without a request.
func (s *Store) Session(ctx context.Context, shown string, idle time.Duration) (*Session, *User, error) {
	var found Session
	var passed int64
	now := s.NowMS()
	u, err := scanUser(s.db.QueryRowContext(ctx, `SELECT users.id, login, name, role, scope, zone, totp_secret, disabled, revision, users.created_ms, `+
		sessionColumns+` FROM sessions JOIN users ON users.id = sessions.user_id
		WHERE hash = $1 AND disabled = 0 AND expires_ms > $2 AND seen_ms > $3`, Hash(shown), now, now-idle.Milliseconds()), found.into(&passed)...)
	if err != nil {
		return nil, nil, err
	}
	found.Passed = passed != 0
	if now-found.SeenMS > seenEvery.Milliseconds() {
		if _, err := s.db.ExecContext(ctx, "UPDATE sessions SET seen_ms = $1 WHERE hash = $2", now, found.hash); err != nil {
			return nil, nil, s.explained(err)
		}
	}
	return &found, u, nil
}

// Sessions lists those of a user that last still, the newest first.
func (s *Store) Sessions(ctx context.Context, userID string, idle time.Duration) ([]Session, error) {
	now := s.NowMS()
	return list(ctx, s, scanSession, "SELECT "+sessionColumns+" FROM sessions WHERE user_id = $1 AND expires_ms > $2 AND seen_ms > $3 ORDER BY created_ms DESC, id",
		userID, now, now-idle.Milliseconds())
}

// EndSession ends one of a user by its ID; ErrNone.
func (t *Tx) EndSession(userID, id string) error {
	if err := t.changed("DELETE FROM sessions WHERE user_id = $1 AND id = $2", userID, id); err != nil {
		return err
	}
	return t.Audit("end", "session", id, nil, nil)
}

// DropSession ends the one of a secret, if there is one.
func (t *Tx) DropSession(shown string) error {
	return t.exec("DELETE FROM sessions WHERE hash = $1", Hash(shown))
}

// Prove keeps that a second factor was shown in a session.
func (t *Tx) Prove(s *Session) error {
	return t.changed("UPDATE sessions SET passed = 1 WHERE hash = $1", s.hash)
}
