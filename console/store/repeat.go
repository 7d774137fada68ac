package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// ErrRepeated is wrapped by a change that was made already under the same key.
var ErrRepeated = errors.New("it was made already")

// repeatsFor is how long a change is known by its key.
const repeatsFor = 24 * time.Hour

// A Repeat is a change that was made under a key: its answer, with Status 0 where none is kept.
type Repeat struct {
	Digest string
	Status int
	Answer string
}

// Repeated returns the change that a user made under a key; nil where there is none.
func (s *Store) Repeated(ctx context.Context, userID, key string) (*Repeat, error) {
	var r Repeat
	err := s.db.QueryRowContext(ctx, "SELECT digest, status, answer FROM requests WHERE user_id = $1 AND request_key = $2 AND at_ms > $3", userID, key,
		s.NowMS()-repeatsFor.Milliseconds()).Scan(&r.Digest, &r.Status, &r.Answer)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, s.explained(err)
	}
	return &r, nil
}

// Answered keeps the answer of a change that was made under a key.
func (s *Store) Answered(ctx context.Context, userID, key string, status int, answer string) error {
	_, err := s.db.ExecContext(ctx, "UPDATE requests SET status = $1, answer = $2 WHERE user_id = $3 AND request_key = $4 AND status = 0", status, answer, userID, key)
	return err
}

// mark keeps the key of a change with it: of two with the same key, one is made.
func (t *Tx) mark() error {
	if t.actor.Key == "" {
		return nil
	}
	now := t.store.NowMS()
	if err := t.exec("DELETE FROM requests WHERE at_ms <= $1", now-repeatsFor.Milliseconds()); err != nil {
		return err
	}
	err := t.exec("INSERT INTO requests (user_id, request_key, digest, status, answer, at_ms) VALUES ($1, $2, $3, 0, '', $4)", t.actor.ID, t.actor.Key, t.actor.Digest, now)
	if errors.Is(err, ErrTaken) {
		return ErrRepeated
	}
	return err
}
