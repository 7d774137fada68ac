package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"tributary/console/access"
)

// A View is a question that somebody keeps.
type View struct {
	ID        string          `json:"id"`
	UserID    string          `json:"user_id"`
	Name      string          `json:"name"`
	Question  json.RawMessage `json:"question"`
	Shared    bool            `json:"shared" doc:"Everybody may use it, each within his own scope"`
	Revision  int64           `json:"revision"`
	ChangedMS int64           `json:"changed_ms"`
}

const viewColumns = "id, user_id, name, question, shared, revision, changed_ms"

func scanView(r row) (*View, error) {
	var v View
	var question string
	var shared int64
	if err := r.Scan(&v.ID, &v.UserID, &v.Name, &question, &shared, &v.Revision, &v.ChangedMS); err != nil {
		return nil, named(err)
	}
	v.Question, v.Shared = json.RawMessage(question), shared != 0
	return &v, nil
}

// Views lists a user's own and those that are shared, by name.
func (s *Store) Views(ctx context.Context, userID string) ([]View, error) {
	return list(ctx, s, scanView, "SELECT "+viewColumns+" FROM views WHERE user_id = $1 OR shared = 1 ORDER BY name, id", userID)
}

// View returns one that the user may use; ErrNone.
func (s *Store) View(ctx context.Context, userID, id string) (*View, error) {
	return scanView(s.db.QueryRowContext(ctx, "SELECT "+viewColumns+" FROM views WHERE id = $1 AND (user_id = $2 OR shared = 1)", id, userID))
}

// SetView makes a view where it has no ID, else changes the user's own, where the revision is still the one of v.
func (t *Tx) SetView(v *View) error {
	var was *View
	if v.ID != "" {
		var err error
		if was, err = scanView(t.QueryRowContext(t.ctx, "SELECT "+viewColumns+" FROM views WHERE id = $1 AND user_id = $2", v.ID, v.UserID)); err != nil {
			return err
		}
		if was.Revision != v.Revision {
			return fmt.Errorf("%w: the view is at revision %d, not at %d", ErrChanged, was.Revision, v.Revision)
		}
	}
	v.Revision, v.ChangedMS = t.seq, t.store.NowMS()
	if was == nil {
		v.ID = newID("v")
		if err := t.exec("INSERT INTO views ("+viewColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7)", v.ID, v.UserID, v.Name, string(v.Question),
			flag(v.Shared), v.Revision, v.ChangedMS); err != nil {
			return err
		}
		return t.Audit("make", "view", v.ID, nil, v)
	}
	if err := t.changed("UPDATE views SET name = $1, question = $2, shared = $3, revision = $4, changed_ms = $5 WHERE id = $6", v.Name,
		string(v.Question), flag(v.Shared), v.Revision, v.ChangedMS, v.ID); err != nil {
		return err
	}
	return t.Audit("change", "view", v.ID, was, v)
}

// DropView ends a user's own; ErrNone.
func (t *Tx) DropView(userID, id string) error {
	was, err := scanView(t.QueryRowContext(t.ctx, "SELECT "+viewColumns+" FROM views WHERE id = $1 AND user_id = $2", id, userID))
	if err != nil {
		return err
	}
	if err := t.changed("DELETE FROM views WHERE id = $1", id); err != nil {
		return err
	}
	return t.Audit("delete", "view", id, was, nil)
}

// A Share is a link that shows the answer to one question, whose filters and columns stay as they are, to whoever has it.
type Share struct {
	ID        string          `json:"id"`
	UserID    string          `json:"user_id"`
	Name      string          `json:"name"`
	Question  json.RawMessage `json:"question"`
	Scope     access.Scope    `json:"scope"`
	CreatedMS int64           `json:"created_ms"`
	SeenMS    int64           `json:"seen_ms" doc:"0: never opened"`
	ExpiresMS int64           `json:"expires_ms"`
}

const shareColumns = "shares.id, shares.user_id, shares.name, shares.question, shares.scope, shares.created_ms, seen_ms, expires_ms"

func (h *Share) into(question, scope *string) []any {
	return []any{&h.ID, &h.UserID, &h.Name, question, scope, &h.CreatedMS, &h.SeenMS, &h.ExpiresMS}
}

func (h *Share) fill(question, scope string) error {
	h.Question = json.RawMessage(question)
	if err := json.Unmarshal([]byte(scope), &h.Scope); err != nil {
		return fmt.Errorf("the scope of the share %s: %w", h.ID, err)
	}
	return nil
}

func scanShare(r row) (*Share, error) {
	var h Share
	var question, scope string
	if err := r.Scan(h.into(&question, &scope)...); err != nil {
		return nil, named(err)
	}
	return &h, h.fill(question, scope)
}

// AddShare makes one of its UserID, Name, Question and Scope, and returns the secret of its address.
func (t *Tx) AddShare(h *Share, lasts time.Duration) (shown string, err error) {
	shown, hash := NewSecret()
	h.ID, h.CreatedMS = newID("h"), t.store.NowMS()
	h.ExpiresMS = h.CreatedMS + lasts.Milliseconds()
	scope, err := text(h.Scope)
	if err != nil {
		return "", err
	}
	if err := t.exec("INSERT INTO shares (id, hash, user_id, name, question, scope, created_ms, seen_ms, expires_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8)",
		h.ID, hash, h.UserID, h.Name, string(h.Question), scope, h.CreatedMS, h.ExpiresMS); err != nil {
		return "", err
	}
	return shown, t.Audit("make", "share", h.ID, nil, h)
}

// Share returns what a secret shows, and who made it, where both are in force; ErrNone.
func (s *Store) Share(ctx context.Context, shown string) (*Share, *User, error) {
	var h Share
	var question, scope string
	now := s.NowMS()
	u, err := scanUser(s.db.QueryRowContext(ctx, `SELECT users.id, login, users.name, role, users.scope, zone, totp_secret, disabled, revision, users.created_ms, `+
		shareColumns+` FROM shares JOIN users ON users.id = shares.user_id WHERE hash = $1 AND disabled = 0 AND expires_ms > $2`, Hash(shown), now), h.into(&question, &scope)...)
	if err != nil {
		return nil, nil, err
	}
	if now-h.SeenMS > seenEvery.Milliseconds() {
		if _, err := s.db.ExecContext(ctx, "UPDATE shares SET seen_ms = $1 WHERE id = $2", now, h.ID); err != nil {
			return nil, nil, s.explained(err)
		}
	}
	return &h, u, h.fill(question, scope)
}

// Shares lists those of a user; of everybody where userID is empty.
func (s *Store) Shares(ctx context.Context, userID string) ([]Share, error) {
	return list(ctx, s, scanShare, "SELECT "+shareColumns+" FROM shares WHERE $1 = '' OR user_id = $1 ORDER BY created_ms DESC, id", userID)
}

// EndShare ends one, of a user, or of anybody where userID is empty; ErrNone.
func (t *Tx) EndShare(userID, id string) error {
	was, err := scanShare(t.QueryRowContext(t.ctx, "SELECT "+shareColumns+" FROM shares WHERE id = $1 AND ($2 = '' OR user_id = $2)", id, userID))
	if err != nil {
		return err
	}
	if err := t.changed("DELETE FROM shares WHERE id = $1", id); err != nil {
		return err
	}
	return t.Audit("end", "share", id, was, nil)
}
