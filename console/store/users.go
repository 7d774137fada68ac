package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"tributary/console/access"
)

// A User is somebody who signs in. What is secret of him is not in it.
type User struct {
	ID        string       `json:"id"`
	Login     string       `json:"login" doc:"Name to sign in with"`
	Name      string       `json:"name"`
	Role      access.Role  `json:"role"`
	Scope     access.Scope `json:"scope"`
	Zone      string       `json:"zone" doc:"IANA time zone of what is shown"`
	TOTP      bool         `json:"totp" doc:"Signs in with a code too"`
	Disabled  bool         `json:"disabled"`
	Revision  int64        `json:"revision"`
	CreatedMS int64        `json:"created_ms"`
}

const userColumns = "id, login, name, role, scope, zone, totp_secret, disabled, revision, created_ms"

type row interface{ Scan(...any) error }

func scanUser(r row, more ...any) (*User, error) {
	var u User
	var scope, totp string
	var disabled int64
	if err := r.Scan(append([]any{&u.ID, &u.Login, &u.Name, &u.Role, &scope, &u.Zone, &totp, &disabled, &u.Revision, &u.CreatedMS}, more...)...); err != nil {
		return nil, named(err)
	}
	u.TOTP, u.Disabled = totp != "", disabled != 0
	if err := json.Unmarshal([]byte(scope), &u.Scope); err != nil {
		return nil, fmt.Errorf("the scope of the user %s: %w", u.ID, err)
	}
	return &u, nil
}

// list reads all rows of a query.
func list[T any](ctx context.Context, s *Store, scan func(row) (*T, error), query string, args ...any) (out []T, err error) {
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, s.explained(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	out = []T{}
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, *v)
	}
	return out, rows.Err()
}

// Users lists them by login.
func (s *Store) Users(ctx context.Context) ([]User, error) {
	return list(ctx, s, func(r row) (*User, error) { return scanUser(r) }, "SELECT "+userColumns+" FROM users ORDER BY login")
}

// User returns one by ID; ErrNone.
func (s *Store) User(ctx context.Context, id string) (*User, error) {
	return scanUser(s.db.QueryRowContext(ctx, "SELECT "+userColumns+" FROM users WHERE id = $1", id))
}

// User returns one by ID, as the change sees it; ErrNone.
func (t *Tx) User(id string) (*User, error) {
	return scanUser(t.QueryRowContext(t.ctx, "SELECT "+userColumns+" FROM users WHERE id = $1", id))
}

// AnyOwner tells whether somebody can sign in as an owner, as the change sees it.
func (t *Tx) AnyOwner() (bool, error) {
	err := t.keepOwner()
	if errors.Is(err, ErrLastOwner) {
		return false, nil
	}
	return err == nil, err
}

// UserCalled returns one by login; ErrNone.
func (s *Store) UserCalled(ctx context.Context, login string) (*User, error) {
	return scanUser(s.db.QueryRowContext(ctx, "SELECT "+userColumns+" FROM users WHERE login = $1", strings.ToLower(login)))
}

// AnyOwner tells whether somebody can sign in as an owner.
func (s *Store) AnyOwner(ctx context.Context) (bool, error) {
	var n int
	err := s.db.QueryRowContext(ctx, "SELECT count(*) FROM users WHERE role = 'owner' AND disabled = 0").Scan(&n)
	if err != nil {
		return false, s.explained(err)
	}
	return n > 0, nil
}

// MaxLoginBytes bounds a login.
const MaxLoginBytes = 64

// CheckLogin returns what is wrong with a new login.
func CheckLogin(login string) error {
	bad := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("@._+-", r)
	}
	if login == "" || len(login) > MaxLoginBytes || strings.ContainsFunc(login, bad) {
		return fmt.Errorf("the name to sign in with is 1 to %d of a-z 0-9 @ . _ + -, such as an address of mail; got %q", MaxLoginBytes, login)
	}
	return nil
}

// AddUser makes one, of whom ID, Revision and CreatedMS are filled in. password is empty for one who signs in by other means.
func (t *Tx) AddUser(u *User, password string) error {
	u.Login = strings.ToLower(u.Login)
	u.ID, u.Revision, u.CreatedMS = newID("u"), t.seq, t.store.NowMS()
	scope, err := text(u.Scope)
	if err != nil {
		return err
	}
	kept := ""
	if password != "" {
		kept = hashPassword(password)
	}
	if err := t.exec(`INSERT INTO users (id, login, name, role, scope, zone, password, totp_secret, totp_step, disabled, revision, created_ms)
		VALUES ($1, $2, $3, $4, $5, $6, $7, '', 0, 0, $8, $9)`, u.ID, u.Login, u.Name, u.Role, scope, u.Zone, kept, u.Revision, u.CreatedMS); err != nil {
		return err
	}
	return t.Audit("make", "user", u.Login, nil, u)
}

// SetUser writes name, role, scope, zone and Disabled, where the revision is still the one of u. Whoever is disabled or gets another role
// is signed out. The last owner stays one: ErrLastOwner.
func (t *Tx) SetUser(u *User) error {
	was, err := scanUser(t.QueryRowContext(t.ctx, "SELECT "+userColumns+" FROM users WHERE id = $1", u.ID))
	if err != nil {
		return err
	}
	if was.Revision != u.Revision {
		return fmt.Errorf("%w: the user is at revision %d, not at %d", ErrChanged, was.Revision, u.Revision)
	}
	scope, err := text(u.Scope)
	if err != nil {
		return err
	}
	u.Revision = t.seq
	if err := t.changed("UPDATE users SET name = $1, role = $2, scope = $3, zone = $4, disabled = $5, revision = $6 WHERE id = $7",
		u.Name, u.Role, scope, u.Zone, flag(u.Disabled), u.Revision, u.ID); err != nil {
		return err
	}
	if was.Role == access.Owner {
		if err := t.keepOwner(); err != nil {
			return err
		}
	}
	if u.Disabled || u.Role != was.Role {
		if err := t.exec("DELETE FROM sessions WHERE user_id = $1", u.ID); err != nil {
			return err
		}
	}
	return t.Audit("change", "user", was.Login, was, u)
}

// ErrLastOwner is why the last owner cannot go.
var ErrLastOwner = errors.New("there must be an owner who can sign in; make another one first")

func (t *Tx) keepOwner() error {
	var n int
	if err := t.QueryRowContext(t.ctx, "SELECT count(*) FROM users WHERE role = 'owner' AND disabled = 0").Scan(&n); err != nil {
		return err
	}
	if n == 0 {
		return ErrLastOwner
	}
	return nil
}

// SetPassword changes it and ends every session of the user but the one with this hash, which may be empty.
func (t *Tx) SetPassword(u *User, password, keepSession string) error {
	if err := t.changed("UPDATE users SET password = $1, revision = $2 WHERE id = $3", hashPassword(password), t.seq, u.ID); err != nil {
		return err
	}
	if err := t.exec("DELETE FROM sessions WHERE user_id = $1 AND hash <> $2", u.ID, keepSession); err != nil {
		return err
	}
	return t.Audit("change", "password", u.Login, nil, nil)
}

// SetTOTP keeps the secret of a second factor, the step of the first code included, so that it cannot be used again; "" takes it away.
func (t *Tx) SetTOTP(u *User, secret string, step int64) error {
	if err := t.changed("UPDATE users SET totp_secret = $1, totp_step = $2, revision = $3 WHERE id = $4", secret, step, t.seq, u.ID); err != nil {
		return err
	}
	u.TOTP, u.Revision = secret != "", t.seq
	action := "make"
	if secret == "" {
		action = "delete"
	}
	return t.Audit(action, "second factor", u.Login, nil, nil)
}

// PasswordFits tells whether it is the user's.
func (s *Store) PasswordFits(ctx context.Context, id, password string) (bool, error) {
	var kept string
	err := s.db.QueryRowContext(ctx, "SELECT password FROM users WHERE id = $1", id).Scan(&kept)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return false, s.explained(err)
	}
	return passwordFits(kept, password), nil
}
