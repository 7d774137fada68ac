// Package chdbtest gives tests a real ClickHouse engine: a child process on a temporary directory and a free port.
//
// Place in the flow: none; tests only.
//
// The child is the test's own executable started again: this package's init sees the name of the child's command and
// serves instead of running tests. So a test needs no TestMain and nothing has to be built beforehand. Import it from
// tests only.
//
// Not responsible for: tests against a ClickHouse server.
package chdbtest

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/zap"

	"tributary/deploy/embedded/chdb"
)

// childCommand is the first argument of an executable that chdb.Start starts.
const childCommand = "clickhouse-embedded"

// The users of a test's engine. Password is the roles' (default), GuestPassword the one of Guest.
const (
	Password      = "of the tests' roles"
	Guest         = "analyst"
	GuestPassword = "of the tests' guest"
)

func init() {
	if len(os.Args) < 2 || os.Args[1] != childCommand {
		return
	}
	flags := flag.NewFlagSet("clickhouse-embedded", flag.ExitOnError)
	var cfg chdb.ServerConfig
	flags.StringVar(&cfg.DataDir, "data", "", "")
	flags.StringVar(&cfg.Listen, "listen", "", "")
	flags.BoolVar(&cfg.Durable, "durable", false, "")
	flags.BoolVar(&cfg.GuestsUnconfined, "guests-without-sandbox", false, "")
	flags.IntVar(&cfg.Guests.MaxRunning, "guests", 0, "")
	flags.Int64Var(&cfg.Guests.MaxQueryBytes, "guest-query-bytes", 0, "")
	flags.DurationVar(&cfg.Guests.PatienceTime, "guest-patience", 0, "")
	flags.DurationVar(&cfg.Guests.MaxTime, "guest-time", 0, "")
	flags.Int64Var(&cfg.MaxMemoryBytes, "max-memory-bytes", 0, "")
	flags.Int64Var(&cfg.MaxBodyBytes, "max-body-bytes", 0, "")
	flags.IntVar(&cfg.MaxRunning, "max-running", 0, "")
	flags.IntVar(&cfg.MaxWaiting, "max-waiting", 0, "")
	flags.DurationVar(&cfg.IOTimeout, "io-timeout", 0, "")
	_ = flags.Parse(os.Args[2:]) // ExitOnError
	if err := chdb.ServeChild(context.Background(), cfg); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Start runs an engine for the test and stops it afterwards. The result's Options are for clickhouse-go; its Address is
// for HTTP, with the passwords above. It fails the test, saying what to run, when the engine's library is missing.
func Start(t testing.TB) *chdb.Process {
	t.Helper()
	return StartIn(t, t.TempDir())
}

// StartIn is Start on a directory of the test's own, with flags for the child such as --max-running=1.
func StartIn(t testing.TB, dir string, flags ...string) *chdb.Process {
	t.Helper()
	process, err := chdb.Start(context.Background(), Config(t, dir, flags...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := process.Stop(); err != nil {
			t.Error(err)
		}
	})
	return process
}

// Config is what StartIn starts, for tests that call chdb.Start themselves.
func Config(t testing.TB, dir string, flags ...string) chdb.ProcessConfig {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return chdb.ProcessConfig{
		DataDir:     dir,
		Listen:      "127.0.0.1:0",
		Command:     append([]string{self, childCommand}, flags...),
		Users:       []chdb.User{{Name: "default", Password: Password}, {Name: Guest, Password: GuestPassword, Guest: true}},
		StopTimeout: 30 * time.Second,
		// Where a test runs in a container without Landlock, only those of the sandbox fail.
		GuestsUnconfined: true,
		Logger:           zap.NewNop(),
	}
}
