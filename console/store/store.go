package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver of PostgreSQL
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	_ "modernc.org/sqlite" // the driver of SQLite
)

// File is the name of the SQLite database below data_dir.
const File = "console/console.db"

//go:embed migrations/*.sql
var migrations embed.FS

// Errors that a caller tells apart.
var (
	// ErrNone is wrapped where there is no such thing, or not for who asks.
	ErrNone = errors.New("there is none")
	// ErrChanged is wrapped where the revision is another than the one that was read.
	ErrChanged = errors.New("it has changed meanwhile")
	// ErrTaken is wrapped where a name is in use.
	ErrTaken = errors.New("it is taken")
)

// A Store is the console's database.
type Store struct {
	db     *sql.DB
	now    func() time.Time
	server bool // PostgreSQL
}

// Open opens the database and brings it to this program's version: of dsn, which begins with postgres://, or the SQLite file
// where dsn is empty. now is the clock; nil: time.Now.
func Open(ctx context.Context, dsn, file string, now func() time.Time) (*Store, error) {
	if now == nil {
		now = time.Now
	}
	s := &Store{now: now, server: dsn != ""}
	driver := "pgx"
	if !s.server {
		driver = "sqlite"
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return nil, fmt.Errorf("making the folder of the console's database: %w", err)
		}
		made, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600) // nobody else's to read, whatever umask says
		if err != nil {
			return nil, fmt.Errorf("opening the console's database: %w", err)
		}
		_ = made.Close()
		pragmas := url.Values{"_txlock": {"immediate"}, "_pragma": {
			"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "busy_timeout(5000)", "trusted_schema(0)",
		}}
		dsn = (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: file}).EscapedPath(), RawQuery: pragmas.Encode()}).String()
	}
	var err error
	if s.db, err = sql.Open(driver, dsn); err != nil {
		return nil, fmt.Errorf("opening the console's database: %w", err)
	}
	s.db.SetMaxOpenConns(8)
	s.db.SetConnMaxIdleTime(5 * time.Minute)
	if err := s.migrate(ctx); err != nil {
		_ = s.db.Close()
		return nil, s.explained(err)
	}
	return s, nil
}

// explained says where the database is, and no password.
func (s *Store) explained(err error) error {
	what := "the console's SQLite database"
	if s.server {
		what = "the console's PostgreSQL (console.database)"
	}
	return fmt.Errorf("%s: %w", what, err)
}

func (s *Store) migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	dialect, options := goose.DialectSQLite3, []goose.ProviderOption{}
	if s.server {
		dialect = goose.DialectPostgres
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	provider, err := goose.NewProvider(dialect, s.db, files, options...)
	if err != nil {
		return err
	}
	var newest int64
	for _, m := range provider.ListSources() {
		newest = max(newest, m.Version)
	}
	if version, err := provider.GetDBVersion(ctx); err == nil && version > newest {
		return fmt.Errorf("it is of version %d, made by a newer program; this one knows %d. Run the newer one", version, newest)
	}
	_, err = provider.Up(ctx)
	return err
}

// Close ends its connections.
func (s *Store) Close() error { return s.db.Close() }

// Ping answers nil when the database does.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.db.PingContext(ctx); err != nil {
		return s.explained(err)
	}
	return nil
}

// NowMS is the store's clock.
func (s *Store) NowMS() int64 { return s.now().UnixMilli() }

// An Actor is who changes something.
type Actor struct {
	ID, Name string // of the user; a command's has no ID
	Through  string // session, token NAME, link, command
	Address  string
	// Key and Digest are those of a request that may be sent again: see Repeated.
	Key, Digest string
}

// A Tx is a change that is being made.
type Tx struct {
	*sql.Tx
	ctx   context.Context
	store *Store
	actor Actor
	seq   int64
}

// Change runs do in one transaction: what it writes with Tx.Audit is there with what it changed, or nothing is. Changes are one after
// another, over all consoles of a database.
func (s *Store) Change(ctx context.Context, actor Actor, do func(*Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return s.explained(err)
	}
	defer func() { _ = tx.Rollback() }() // nothing after a commit
	t := &Tx{Tx: tx, ctx: ctx, store: s, actor: actor}
	if err := tx.QueryRowContext(ctx, "UPDATE counters SET n = n + 1 WHERE name = 'changes' RETURNING n").Scan(&t.seq); err != nil {
		return s.explained(err)
	}
	if err := t.mark(); err != nil {
		return err
	}
	if err := do(t); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return s.explained(err)
	}
	return nil
}

// Seq orders changes; the revision of what they write.
func (t *Tx) Seq() int64 { return t.seq }

// Audit writes what was done to an object: how it was before and is after, as JSON without secrets; nil for nothing.
func (t *Tx) Audit(action, kind, object string, was, became any) error {
	before, err := text(was)
	if err != nil {
		return err
	}
	after, err := text(became)
	if err != nil {
		return err
	}
	// Several entries of one change: the first has its number, the others those behind it.
	for {
		var taken int
		err := t.QueryRowContext(t.ctx, "SELECT count(*) FROM audit WHERE seq = $1", t.seq).Scan(&taken)
		if err != nil {
			return err
		}
		if taken == 0 {
			break
		}
		if err := t.QueryRowContext(t.ctx, "UPDATE counters SET n = n + 1 WHERE name = 'changes' RETURNING n").Scan(&t.seq); err != nil {
			return err
		}
	}
	return t.exec(`INSERT INTO audit (seq, at_ms, actor_id, actor, through, address, action, kind, object, was, became)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, t.seq, t.store.NowMS(), t.actor.ID, t.actor.Name, t.actor.Through,
		t.actor.Address, action, kind, object, before, after)
}

func text(v any) (string, error) {
	if v == nil {
		return "", nil
	}
	b, err := json.Marshal(v)
	return string(b), err
}

func (t *Tx) exec(query string, args ...any) error {
	_, err := t.ExecContext(t.ctx, query, args...)
	return named(err)
}

// changed is exec of a statement that changes one row; ErrNone where there is none.
func (t *Tx) changed(query string, args ...any) error {
	result, err := t.ExecContext(t.ctx, query, args...)
	if err != nil {
		return named(err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return errors.Join(ErrNone, err)
	}
	return nil
}

// named makes the errors of both drivers the store's own.
func named(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return ErrNone
	case strings.Contains(err.Error(), "UNIQUE constraint failed"), strings.Contains(err.Error(), "SQLSTATE 23505"):
		return fmt.Errorf("%w: %w", ErrTaken, err)
	}
	return err
}

// NewSecret returns 32 random bytes as text, which is shown once, and the hash that is kept.
func NewSecret() (shown, hash string) {
	var b [32]byte
	_, _ = rand.Read(b[:]) // it never fails
	shown = base64.RawURLEncoding.EncodeToString(b[:])
	return shown, Hash(shown)
}

// Hash is what is kept of a secret of 32 random bytes.
func Hash(shown string) string {
	sum := sha256.Sum256([]byte(shown))
	return hex.EncodeToString(sum[:])
}

// newID is a name for an object: 80 random bits.
func newID(kind string) string { return kind + "_" + strings.ToLower(rand.Text()[:16]) }

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
