package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"tributary/console/access"
)

// A Token lets a program in. It may what its role may, and never more than its maker may at the time.
type Token struct {
	ID        string       `json:"id"`
	UserID    string       `json:"user_id"`
	Name      string       `json:"name"`
	Role      access.Role  `json:"role"`
	Scope     access.Scope `json:"scope"`
	CreatedMS int64        `json:"created_ms"`
	SeenMS    int64        `json:"seen_ms" doc:"0: never used"`
	ExpiresMS int64        `json:"expires_ms"`
}

// TokenPrefix begins every token, so that one that leaked is found.
const TokenPrefix = "trb_"

const tokenColumns = "tokens.id, tokens.user_id, tokens.name, tokens.role, tokens.scope, tokens.created_ms, seen_ms, expires_ms"

func (t *Token) into(scope *string) []any {
	return []any{&t.ID, &t.UserID, &t.Name, &t.Role, scope, &t.CreatedMS, &t.SeenMS, &t.ExpiresMS}
}

func scanToken(r row) (*Token, error) {
	var t Token
	var scope string
	if err := r.Scan(t.into(&scope)...); err != nil {
		return nil, named(err)
	}
	if err := json.Unmarshal([]byte(scope), &t.Scope); err != nil {
		return nil, fmt.Errorf("the scope of the token %s: %w", t.ID, err)
	}
	return &t, nil
}

// AddToken makes one of its UserID, Name, Role and Scope, and returns it as it is shown, once.
func (t *Tx) AddToken(k *Token, lasts time.Duration) (shown string, err error) {
	secret, _ := NewSecret()
	shown = TokenPrefix + secret
	k.ID, k.CreatedMS = newID("t"), t.store.NowMS()
	k.ExpiresMS = k.CreatedMS + lasts.Milliseconds()
	scope, err := text(k.Scope)
	if err != nil {
		return "", err
	}
	if err := t.exec("INSERT INTO tokens (id, hash, user_id, name, role, scope, created_ms, seen_ms, expires_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8)",
		k.ID, Hash(shown), k.UserID, k.Name, k.Role, scope, k.CreatedMS, k.ExpiresMS); err != nil {
		return "", err
	}
	return shown, t.Audit("make", "token", k.ID, nil, k)
}

// Token returns whose token it is, where both are in force; ErrNone.
func (s *Store) Token(ctx context.Context, shown string) (*Token, *User, error) {
	var k Token
	var scope string
	now := s.NowMS()
	u, err := scanUser(s.db.QueryRowContext(ctx, `SELECT users.id, login, users.name, users.role, users.scope, zone, totp_secret, disabled, revision, users.created_ms, `+
		tokenColumns+` FROM tokens JOIN users ON users.id = tokens.user_id WHERE hash = $1 AND disabled = 0 AND expires_ms > $2`, Hash(shown), now), k.into(&scope)...)
	if err != nil {
		return nil, nil, err
	}
	if err := json.Unmarshal([]byte(scope), &k.Scope); err != nil {
		return nil, nil, fmt.Errorf("the scope of the token %s: %w", k.ID, err)
	}
	if now-k.SeenMS > seenEvery.Milliseconds() {
		if _, err := s.db.ExecContext(ctx, "UPDATE tokens SET seen_ms = $1 WHERE id = $2", now, k.ID); err != nil {
			return nil, nil, s.explained(err)
		}
	}
	return &k, u, nil
}

// Tokens lists those of a user; of everybody where userID is empty.
func (s *Store) Tokens(ctx context.Context, userID string) ([]Token, error) {
	return list(ctx, s, scanToken, "SELECT "+tokenColumns+" FROM tokens WHERE $1 = '' OR user_id = $1 ORDER BY created_ms DESC, id", userID)
}

// EndToken ends one, of a user, or of anybody where userID is empty; ErrNone.
func (t *Tx) EndToken(userID, id string) error {
	was, err := scanToken(t.QueryRowContext(t.ctx, "SELECT "+tokenColumns+" FROM tokens WHERE id = $1 AND ($2 = '' OR user_id = $2)", id, userID))
	if err != nil {
		return err
	}
	if err := t.changed("DELETE FROM tokens WHERE id = $1", id); err != nil {
		return err
	}
	return t.Audit("end", "token", id, was, nil)
}
