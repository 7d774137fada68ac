package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"tributary/console/access"
)

// Kinds of links.
const (
	LinkSetup    = "setup"    // makes the first owner
	LinkInvite   = "invite"   // makes the user it was written for
	LinkPassword = "password" // sets a user's password, and takes his second factor away
	LinkDemo     = "demo"     // signs its reader in, as often as he likes
)

// A Link is a secret address that somebody is given, once.
type Link struct {
	Kind      string       `json:"kind"`
	UserID    string       `json:"user_id,omitempty"`
	Login     string       `json:"login,omitempty"`
	Role      access.Role  `json:"role,omitempty"`
	Scope     access.Scope `json:"scope"`
	Author    string       `json:"author"`
	ExpiresMS int64        `json:"expires_ms"`

	hash string
}

// AddLink makes a link that lasts for so long, and returns the secret in it. One of LinkSetup or LinkDemo ends those before it.
func (t *Tx) AddLink(l *Link, lasts time.Duration) (shown string, err error) {
	shown, l.hash = NewSecret()
	now := t.store.NowMS()
	l.Author, l.ExpiresMS = t.actor.Name, now+lasts.Milliseconds()
	if err := t.exec("DELETE FROM links WHERE expires_ms < $1", now); err != nil {
		return "", err
	}
	if l.Kind == LinkSetup || l.Kind == LinkDemo {
		if err := t.exec("DELETE FROM links WHERE kind = $1", l.Kind); err != nil {
			return "", err
		}
	}
	scope, err := text(l.Scope)
	if err != nil {
		return "", err
	}
	if err := t.exec(`INSERT INTO links (hash, kind, user_id, login, role, scope, author, created_ms, expires_ms)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, l.hash, l.Kind, l.UserID, l.Login, l.Role, scope, l.Author, now, l.ExpiresMS); err != nil {
		return "", err
	}
	return shown, t.Audit("make", "link", l.Kind+" "+l.Login, nil, l)
}

const linkQuery = "SELECT hash, kind, user_id, login, role, scope, author, expires_ms FROM links WHERE hash = $1 AND expires_ms > $2"

func scanLink(r row) (*Link, error) {
	var l Link
	var scope string
	if err := r.Scan(&l.hash, &l.Kind, &l.UserID, &l.Login, &l.Role, &scope, &l.Author, &l.ExpiresMS); err != nil {
		return nil, named(err)
	}
	if err := json.Unmarshal([]byte(scope), &l.Scope); err != nil {
		return nil, fmt.Errorf("the scope of a link: %w", err)
	}
	return &l, nil
}

// Link returns the link of a secret, without using it up; ErrNone.
func (s *Store) Link(ctx context.Context, shown string) (*Link, error) {
	return scanLink(s.db.QueryRowContext(ctx, linkQuery, Hash(shown), s.NowMS()))
}

// UseLink uses a link up: of several who do at once, one does; the others get ErrNone.
func (t *Tx) UseLink(shown string) (*Link, error) {
	l, err := scanLink(t.QueryRowContext(t.ctx, linkQuery, Hash(shown), t.store.NowMS()))
	if err != nil {
		return nil, err
	}
	return l, t.changed("DELETE FROM links WHERE hash = $1", l.hash)
}
