package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"tributary/console/access"
	"tributary/console/store"
)

// clock is what the stores of a test go by.
type clock struct{ ms atomic.Int64 }

func newClock() *clock { c := &clock{}; c.ms.Store(1_800_000_000_000); return c }

func (c *clock) now() time.Time       { return time.UnixMilli(c.ms.Load()) }
func (c *clock) pass(d time.Duration) { c.ms.Add(d.Milliseconds()) }
func who(name string) store.Actor {
	return store.Actor{ID: "u_" + name, Name: name, Through: "session"}
}
func owner(login string) *store.User {
	return &store.User{Login: login, Role: access.Owner, Scope: access.Everything, Zone: "UTC"}
}
func is(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%v, want %v", err, want)
	}
}
func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// postgresDSN is a server of Debian's postgresql that this package's tests share; empty with why where there is none.
var postgresDSN, whyNot string

func TestMain(m *testing.M) {
	var end func()
	postgresDSN, end, whyNot = startPostgres()
	code := m.Run()
	end()
	os.Exit(code)
}

// startPostgres starts a server in a folder of its own, without a network.
func startPostgres() (dsn string, end func(), why string) {
	end = func() {}
	initdb, server := "", ""
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin/"} {
		found, _ := filepath.Glob(pattern + "initdb")
		if len(found) > 0 {
			initdb = found[len(found)-1]
			server = filepath.Join(filepath.Dir(initdb), "postgres")
		}
	}
	if initdb == "" {
		return "", end, "Debian's postgresql is not installed here (apt-get install postgresql)"
	}
	dir, err := os.MkdirTemp("", "console-pg")
	if err != nil {
		return "", end, err.Error()
	}
	gone := func() { _ = os.RemoveAll(dir) }
	as := func(name string, args ...string) *exec.Cmd { return exec.Command(name, args...) }
	if os.Geteuid() == 0 { // it does not run as root
		if _, err := user.Lookup("postgres"); err != nil {
			gone()
			return "", end, "there is no user postgres"
		}
		if out, err := exec.Command("chown", "postgres", dir).CombinedOutput(); err != nil {
			gone()
			return "", end, string(out)
		}
		as = func(name string, args ...string) *exec.Cmd {
			return exec.Command("setpriv", append([]string{"--reuid=postgres", "--regid=postgres", "--clear-groups", name}, args...)...)
		}
	}
	data := filepath.Join(dir, "data")
	if out, err := as(initdb, "-D", data, "-U", "console", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C").CombinedOutput(); err != nil {
		gone()
		return "", end, fmt.Sprintf("initdb: %v: %s", err, out)
	}
	command := as(server, "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=60")
	log, err := os.Create(filepath.Join(dir, "log"))
	if err == nil {
		command.Stdout, command.Stderr = log, log
		err = command.Start()
	}
	if err != nil {
		gone()
		return "", end, err.Error()
	}
	end = func() { _ = command.Process.Signal(os.Interrupt); _ = command.Wait(); gone() }
	dsn = "postgres://console@/postgres?host=" + dir
	db, err := sql.Open("pgx", dsn)
	for deadline := time.Now().Add(30 * time.Second); err == nil; {
		if err = db.Ping(); err == nil {
			_ = db.Close()
			return dsn, end, ""
		}
		if time.Now().After(deadline) {
			break
		}
		err = nil
		time.Sleep(20 * time.Millisecond) // a condition with a deadline
	}
	text, _ := os.ReadFile(filepath.Join(dir, "log"))
	end()
	return "", func() {}, fmt.Sprintf("it did not start: %v: %s", err, text)
}

var databases atomic.Int64

// both runs a test on SQLite and on PostgreSQL. open opens the same database again.
func both(t *testing.T, test func(t *testing.T, c *clock, open func() *store.Store)) {
	t.Helper()
	opener := func(t *testing.T, c *clock, dsn string) func() *store.Store {
		file := filepath.Join(t.TempDir(), "console", "console.db")
		return func() *store.Store {
			t.Helper()
			s, err := store.Open(t.Context(), dsn, file, c.now)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			return s
		}
	}
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); c := newClock(); test(t, c, opener(t, c, "")) })
	t.Run("postgres", func(t *testing.T) {
		if postgresDSN == "" {
			t.Skip("SKIPPED, nothing was tested on PostgreSQL: " + whyNot)
		}
		t.Parallel()
		name := "t" + strconv.FormatInt(databases.Add(1), 10)
		db, err := sql.Open("pgx", postgresDSN)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.ExecContext(t.Context(), "CREATE DATABASE "+name); err != nil {
			t.Fatal(err)
		}
		c := newClock()
		test(t, c, opener(t, c, strings.Replace(postgresDSN, "/postgres?", "/"+name+"?", 1)))
	})
}

const goodPassword = "four words make sense"

func addOwner(t *testing.T, s *store.Store, login string) *store.User {
	t.Helper()
	u := owner(login)
	if err := s.Change(t.Context(), who("test"), func(tx *store.Tx) error { return tx.AddUser(u, goodPassword) }); err != nil {
		t.Fatal(err)
	}
	return u
}

// TestUsers: what was written is there for another console, revisions are compared, and the last owner stays.
func TestUsers(t *testing.T) {
	both(t, func(t *testing.T, c *clock, open func() *store.Store) {
		ctx, a, b := t.Context(), open(), open()
		ann := addOwner(t, a, "Ann@Example.com")
		got := must[*store.User](t)(b.UserCalled(ctx, "ann@example.com"))
		if got.ID != ann.ID || got.Role != access.Owner || !got.Scope.All || got.TOTP || got.Disabled {
			t.Errorf("read %+v", got)
		}
		is(t, a.Change(ctx, who("x"), func(tx *store.Tx) error { return tx.AddUser(owner("ann@example.com"), "") }), store.ErrTaken)
		_, err := a.UserCalled(ctx, "nobody")
		is(t, err, store.ErrNone)

		stale := *got
		got.Name = "Ann"
		set := func(s *store.Store, u *store.User) error {
			return s.Change(ctx, who("ann"), func(tx *store.Tx) error { return tx.SetUser(u) })
		}
		if err := set(b, got); err != nil {
			t.Fatal(err)
		}
		is(t, set(a, &stale), store.ErrChanged)
		got.Role = access.Viewer
		is(t, set(a, got), store.ErrLastOwner)
		again := must[*store.User](t)(a.User(ctx, ann.ID))
		again.Disabled = true
		is(t, set(a, again), store.ErrLastOwner)

		entries := must[[]store.Entry](t)(a.Audit(ctx, 0, 10, ""))
		if len(entries) != 2 || entries[0].Action != "change" || entries[1].Action != "make" || entries[0].Seq <= entries[1].Seq {
			t.Fatalf("the audit is %+v", entries)
		}
		if !strings.Contains(string(entries[0].Was), `"name":""`) || !strings.Contains(string(entries[0].Became), `"name":"Ann"`) {
			t.Errorf("the audit has %s and %s", entries[0].Was, entries[0].Became)
		}
		for _, e := range entries {
			if strings.Contains(string(e.Was)+string(e.Became), "argon2") {
				t.Error("the audit has a password")
			}
		}
	})
}

// TestChangesAreOneAfterAnother: of changes of two consoles at the same time each has its own number, and none is lost.
func TestChangesAreOneAfterAnother(t *testing.T) {
	both(t, func(t *testing.T, c *clock, open func() *store.Store) {
		stores := []*store.Store{open(), open()}
		const each = 15
		var wait sync.WaitGroup
		for i, s := range stores {
			wait.Go(func() {
				for j := range each {
					if err := s.Change(t.Context(), who("w"), func(tx *store.Tx) error {
						return tx.Audit("try", "test", fmt.Sprintf("%d %d", i, j), nil, nil)
					}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wait.Wait()
		entries := must[[]store.Entry](t)(stores[0].Audit(t.Context(), 0, 100, ""))
		if len(entries) != 2*each {
			t.Errorf("%d entries, want %d", len(entries), 2*each)
		}
		failing := errors.New("on purpose")
		is(t, stores[0].Change(t.Context(), who("w"), func(tx *store.Tx) error {
			if err := tx.AddUser(owner("half"), ""); err != nil {
				return err
			}
			return failing
		}), failing)
		if _, err := stores[1].UserCalled(t.Context(), "half"); !errors.Is(err, store.ErrNone) {
			t.Error("half a change is there")
		}
	})
}

// TestSignIn: who is let in, that tries cost time, and that a code counts once.
func TestSignIn(t *testing.T) {
	both(t, func(t *testing.T, c *clock, open func() *store.Store) {
		ctx, s := t.Context(), open()
		u := addOwner(t, s, "ann")
		try := func(login, password, code, address string) error {
			_, err := s.Check(ctx, store.Credentials{Login: login, Password: password, Code: code, Address: address})
			return err
		}
		for range 2 {
			if err := try("ANN", goodPassword, "", "10.0.0.1"); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 5 {
			is(t, try("ann", "wrong", "", "10.0.0.9"), store.ErrCredentials)
			if i == 0 {
				is(t, try("nobody", goodPassword, "", "10.0.0.8"), store.ErrCredentials)
			}
		}
		is(t, try("ann", goodPassword, "", "10.0.0.9"), store.ErrWait)
		if err := try("ann", goodPassword, "", "10.0.0.1"); err != nil {
			t.Errorf("a stranger's tries keep the user out: %v", err)
		}
		c.pass(2 * time.Second)
		if err := try("ann", goodPassword, "", "10.0.0.9"); err != nil {
			t.Errorf("after the wait: %v", err)
		}

		secret, address, err := store.NewTOTP("ann")
		if err != nil || !strings.HasPrefix(address, "otpauth://totp/Tributary:ann?") {
			t.Fatalf("%v %s", err, address)
		}
		if err := s.Change(ctx, who("ann"), func(tx *store.Tx) error { return tx.SetTOTP(u, secret, 0) }); err != nil {
			t.Fatal(err)
		}
		is(t, try("ann", goodPassword, "", "10.0.0.1"), store.ErrCode)
		is(t, try("ann", goodPassword, "000000x", "10.0.0.1"), store.ErrCredentials)
		code := must[string](t)(store.CodeAt(secret, c.now()))
		if err := try("ann", goodPassword, code, "10.0.0.1"); err != nil {
			t.Fatal(err)
		}
		is(t, try("ann", goodPassword, code, "10.0.0.1"), store.ErrCredentials)
		c.pass(5 * time.Minute)
		is(t, try("ann", goodPassword, code, "10.0.0.1"), store.ErrCredentials)
	})
}

// TestSessions: they end by idleness, by age, by a password's change, and with the user.
func TestSessions(t *testing.T) {
	both(t, func(t *testing.T, c *clock, open func() *store.Store) {
		ctx, s := t.Context(), open()
		u := addOwner(t, s, "ann")
		addOwner(t, s, "ben")
		const idle, longest = time.Hour, 10 * time.Hour
		begin := func() (shown string) {
			if err := s.Change(ctx, who("ann"), func(tx *store.Tx) (err error) {
				shown, _, err = tx.AddSession(u, false, "agent", "10.0.0.1", longest)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			return shown
		}
		ends := func(what, shown string) {
			t.Helper()
			if _, _, err := s.Session(ctx, shown, idle); !errors.Is(err, store.ErrNone) {
				t.Errorf("%s: %v", what, err)
			}
		}
		one, two := begin(), begin()
		if one == two || len(one) < 43 {
			t.Error("secrets are short or alike")
		}
		for range 9 {
			c.pass(59 * time.Minute)
			if _, _, err := s.Session(ctx, one, idle); err != nil {
				t.Fatal(err)
			}
		}
		ends("idle", two)
		c.pass(59 * time.Minute)
		c.pass(59 * time.Minute)
		ends("old", one)
		ends("unknown", "x")

		keep, drop := begin(), begin()
		kept, _, err := s.Session(ctx, keep, idle)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Change(ctx, who("ann"), func(tx *store.Tx) error { return tx.SetPassword(u, "another good sentence", kept.Hash()) }); err != nil {
			t.Fatal(err)
		}
		ends("other session after a new password", drop)
		if list := must[[]store.Session](t)(s.Sessions(ctx, u.ID, idle)); len(list) != 1 || list[0].ID != kept.ID {
			t.Errorf("sessions are %+v", list)
		}
		u = must[*store.User](t)(s.User(ctx, u.ID))
		u.Disabled = true
		if err := s.Change(ctx, who("ben"), func(tx *store.Tx) error { return tx.SetUser(u) }); err != nil {
			t.Fatal(err)
		}
		ends("disabled", keep)
	})
}

// TestLinks: a link is used once, whoever is fastest, and ends by its time.
func TestLinks(t *testing.T) {
	both(t, func(t *testing.T, c *clock, open func() *store.Store) {
		ctx, s := t.Context(), open()
		add := func(kind string) (shown string) {
			if err := s.Change(ctx, who("start"), func(tx *store.Tx) (err error) {
				shown, err = tx.AddLink(&store.Link{Kind: kind}, time.Hour)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			return shown
		}
		before, shown := add(store.LinkSetup), add(store.LinkSetup)
		_, err := s.Link(ctx, before)
		is(t, err, store.ErrNone)
		var used atomic.Int64
		var wait sync.WaitGroup
		for range 4 {
			wait.Go(func() {
				err := s.Change(ctx, who("x"), func(tx *store.Tx) error { _, err := tx.UseLink(shown); return err })
				if err == nil {
					used.Add(1)
				} else if !errors.Is(err, store.ErrNone) {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if used.Load() != 1 {
			t.Errorf("it was used %d times", used.Load())
		}
		late := add(store.LinkInvite)
		c.pass(time.Hour + time.Second)
		_, err = s.Link(ctx, late)
		is(t, err, store.ErrNone)
	})
}

// TestTokens: only SHA-256 is kept, and a token ends by its time, by its maker, and with him.
func TestTokens(t *testing.T) {
	both(t, func(t *testing.T, c *clock, open func() *store.Store) {
		ctx, s := t.Context(), open()
		u := addOwner(t, s, "ann")
		k := &store.Token{UserID: u.ID, Name: "nightly", Role: access.Viewer, Scope: access.Everything}
		var shown string
		if err := s.Change(ctx, who("ann"), func(tx *store.Tx) (err error) { shown, err = tx.AddToken(k, time.Hour); return err }); err != nil {
			t.Fatal(err)
		}
		got, whose, err := s.Token(ctx, shown)
		if err != nil || got.Role != access.Viewer || whose.ID != u.ID || !strings.HasPrefix(shown, store.TokenPrefix) {
			t.Fatalf("%v %+v", err, got)
		}
		is(t, s.Change(ctx, who("ben"), func(tx *store.Tx) error { return tx.EndToken("u_ben", k.ID) }), store.ErrNone)
		if list := must[[]store.Token](t)(s.Tokens(ctx, u.ID)); len(list) != 1 || list[0].SeenMS == 0 {
			t.Errorf("tokens are %+v", list)
		}
		c.pass(time.Hour)
		_, _, err = s.Token(ctx, shown)
		is(t, err, store.ErrNone)
	})
}

// TestNewerIsRefused: a program does not work on what a newer one has made.
func TestNewerIsRefused(t *testing.T) {
	both(t, func(t *testing.T, c *clock, open func() *store.Store) {
		s := open()
		if err := s.Pretend(t.Context(), 9999); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		if err := s.Migrate(context.WithoutCancel(t.Context())); err == nil || !strings.Contains(err.Error(), "newer program") {
			t.Errorf("%v", err)
		}
	})
}

// TestCopies: a copy of one database restored on another has everything to the last change but sessions; a damaged one changes nothing.
func TestCopies(t *testing.T) {
	both(t, func(t *testing.T, c *clock, open func() *store.Store) {
		ctx, s := t.Context(), open()
		u := addOwner(t, s, "ann")
		var session, token string
		if err := s.Change(ctx, who("ann"), func(tx *store.Tx) (err error) {
			if session, _, err = tx.AddSession(u, false, "", "", time.Hour); err != nil {
				return err
			}
			if err = tx.SetView(&store.View{UserID: u.ID, Name: "v", Question: []byte("{\"tz\":\"UTC\"}")}); err != nil {
				return err
			}
			token, err = tx.AddToken(&store.Token{UserID: u.ID, Name: "t", Role: access.Viewer}, time.Hour)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		var copied strings.Builder
		rows := must[int](t)(s.Copy(ctx, &copied))
		before := must[[]store.Entry](t)(s.Audit(ctx, 0, 1, ""))[0].Seq

		other := must[*store.Store](t)(store.Open(ctx, "", filepath.Join(t.TempDir(), "c", "other.db"), c.now))
		defer other.Close()
		addOwner(t, other, "ben")
		is(t, func() error { _, err := other.UserCalled(ctx, "ben"); return err }(), nil)
		lines := strings.SplitAfter(copied.String(), "\n")
		for name, text := range map[string]string{
			"cut": strings.Join(lines[:len(lines)/2], ""), "a line less": strings.Join(lines[:2], "") + strings.Join(lines[3:], ""), "nothing": "", "another file": "{}\n",
			"a newer one": strings.Replace(copied.String(), "\"version\":1", "\"version\":2", 1), "a table more": strings.Replace(copied.String(), "\"table\":\"users\"", "\"table\":\"sqlite_master\"", 1),
		} {
			if _, err := other.Restore(ctx, strings.NewReader(text)); err == nil {
				t.Errorf("%s was restored", name)
			}
			if _, err := other.UserCalled(ctx, "ben"); err != nil {
				t.Fatalf("after %s: %v", name, err)
			}
		}
		for _, to := range []*store.Store{other, s} {
			if n := must[int](t)(to.Restore(ctx, strings.NewReader(copied.String()))); n != rows || rows < 6 {
				t.Errorf("restored %d of %d rows", n, rows)
			}
			_, err := to.UserCalled(ctx, "ben")
			is(t, err, store.ErrNone)
			if _, err := to.Check(ctx, store.Credentials{Login: "ann", Password: goodPassword, Address: "10.0.0.1"}); err != nil {
				t.Error(err)
			}
			if _, _, err := to.Token(ctx, token); err != nil {
				t.Error(err)
			}
			_, _, err = to.Session(ctx, session, time.Hour)
			is(t, err, store.ErrNone)
			if views := must[[]store.View](t)(to.Views(ctx, u.ID)); len(views) != 1 {
				t.Errorf("views are %v", views)
			}
			if last := must[[]store.Entry](t)(to.Audit(ctx, 0, 1, ""))[0]; last.Action != "restore" || last.Seq <= before {
				t.Errorf("the audit ends with %+v", last)
			}
		}
	})
}

func TestPasswords(t *testing.T) {
	for password, wrong := range map[string]string{
		"short": "fewer than", "            ": "again and again", strings.Repeat("ab", 200): "more than", "anna@example1": "hardly more", goodPassword: "",
		"пароль из слов": "", "\xff\xfe\xfd\xff\xfe\xfd\xff\xfe\xfd\xff\xfe\xfd": "fewer",
	} {
		err := store.CheckPassword(password, "anna@example")
		if wrong == "" && err != nil || wrong != "" && (err == nil || !strings.Contains(err.Error(), wrong)) {
			t.Errorf("%q: %v, want %q", password, err, wrong)
		}
	}
	for login, right := range map[string]bool{"ann": true, "ann@example.com": true, "": false, "Ann": false, "a b": false, strings.Repeat("a", 65): false, "ä": false} {
		if err := store.CheckLogin(login); (err == nil) != right {
			t.Errorf("%q: %v", login, err)
		}
	}
}
