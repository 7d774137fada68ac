package store

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
)

// Why a sign-in is refused.
var (
	// ErrCredentials tells neither whether there is such a user nor what of it is wrong.
	ErrCredentials = errors.New("the name, the password or the code is wrong")
	// ErrCode: the password is right, and a code is needed.
	ErrCode = errors.New("the code of your authenticator is needed too")
	// ErrWait is wrapped while too many tries have failed.
	ErrWait = errors.New("too many tries have failed")
)

// Tries that may fail before the next one has to wait: of a login from one address, from one address, of a login from anywhere.
const (
	freePair    = 5
	freeAddress = 30
	freeLogin   = 100
	// longestWait is how long the next try waits at most; what failed is forgotten a day later.
	longestWait = 15 * time.Minute
	forgetAfter = 24 * time.Hour
)

type subject struct {
	name string
	free int
}

func subjects(login, address string) []subject {
	return []subject{{"pair " + login + " " + address, freePair}, {"address " + address, freeAddress}, {"login " + login, freeLogin}}
}

// waits returns ErrWait while a try may not be made.
func (s *Store) waits(ctx context.Context, list []subject) error {
	for _, sub := range list {
		var until int64
		err := s.db.QueryRowContext(ctx, "SELECT until_ms FROM failures WHERE subject = $1", sub.name).Scan(&until)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return s.explained(err)
		}
		if left := until - s.NowMS(); left > 0 {
			return fmt.Errorf("%w; try again in %d s", ErrWait, (left+999)/1000)
		}
	}
	return nil
}

// failed counts a try.
func (s *Store) failed(ctx context.Context, list []subject) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return s.explained(err)
	}
	defer func() { _ = tx.Rollback() }()
	now := s.NowMS()
	if _, err := tx.ExecContext(ctx, "DELETE FROM failures WHERE until_ms < $1", now-forgetAfter.Milliseconds()); err != nil {
		return err
	}
	for _, sub := range list {
		var n int64
		if err := tx.QueryRowContext(ctx, `INSERT INTO failures (subject, n, until_ms) VALUES ($1, 1, $2)
			ON CONFLICT (subject) DO UPDATE SET n = failures.n + 1, until_ms = $2 RETURNING n`, sub.name, now).Scan(&n); err != nil {
			return err
		}
		if over := n - int64(sub.free); over >= 0 {
			wait := min(time.Second<<min(over, 20), longestWait)
			if _, err := tx.ExecContext(ctx, "UPDATE failures SET until_ms = $1 WHERE subject = $2", now+wait.Milliseconds(), sub.name); err != nil {
				return err
			}
		}
	}
	return tx.Commit()
}

// Credentials are what somebody signs in with.
type Credentials struct{ Login, Password, Code, Address string }

// Check returns whose they are. Each wrong try makes the next one wait longer.
func (s *Store) Check(ctx context.Context, c Credentials) (*User, error) {
	if len(c.Login) > MaxLoginBytes {
		c.Login = c.Login[:MaxLoginBytes]
	}
	c.Login = strings.ToLower(strings.ToValidUTF8(c.Login, ""))
	list := subjects(c.Login, c.Address)
	if err := s.waits(ctx, list); err != nil {
		return nil, err
	}
	var kept, secret string
	var step int64
	u, err := scanUser(s.db.QueryRowContext(ctx, "SELECT "+userColumns+", password, totp_secret, totp_step FROM users WHERE login = $1", c.Login), &kept, &secret, &step)
	if err != nil && !errors.Is(err, ErrNone) {
		return nil, s.explained(err)
	}
	if !passwordFits(kept, c.Password) || u == nil || u.Disabled {
		return nil, errors.Join(ErrCredentials, s.failed(ctx, list))
	}
	if secret == "" {
		return u, s.forgive(ctx, list[:1])
	}
	if c.Code == "" {
		return nil, ErrCode
	}
	now, ok := CodeStep(secret, c.Code, s.now())
	if ok && now > step { // a code is taken once
		result, err := s.db.ExecContext(ctx, "UPDATE users SET totp_step = $1 WHERE id = $2 AND totp_step < $1", now, u.ID)
		if err != nil {
			return nil, s.explained(err)
		}
		if n, err := result.RowsAffected(); err == nil && n == 1 {
			return u, s.forgive(ctx, list[:1])
		}
	}
	return nil, errors.Join(ErrCredentials, s.failed(ctx, list))
}

func (s *Store) forgive(ctx context.Context, list []subject) error {
	for _, sub := range list {
		if _, err := s.db.ExecContext(ctx, "DELETE FROM failures WHERE subject = $1", sub.name); err != nil {
			return s.explained(err)
		}
	}
	return nil
}

// stepSeconds is how long a code counts (RFC 6238).
const stepSeconds = 30

// CodeStep returns the step of time of which a code is, where it is one of about now.
func CodeStep(secret, code string, now time.Time) (step int64, ok bool) {
	code = strings.ReplaceAll(code, " ", "")
	for _, skew := range []int64{0, -1, 1} {
		at := now.Unix()/stepSeconds + skew
		want, err := CodeAt(secret, time.Unix(at*stepSeconds, 0))
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			return at, true
		}
	}
	return 0, false
}

// CodeAt is what an authenticator with the secret shows at a time.
func CodeAt(secret string, at time.Time) (string, error) {
	return totp.GenerateCodeCustom(secret, at, totp.ValidateOpts{Period: stepSeconds, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
}

// NewTOTP makes the secret of a second factor: as text, and as the address that authenticators read.
func NewTOTP(login string) (secret, address string, err error) {
	key, err := totp.Generate(totp.GenerateOpts{Issuer: "Tributary", AccountName: login})
	if err != nil {
		return "", "", err
	}
	return key.Secret(), key.URL(), nil
}
