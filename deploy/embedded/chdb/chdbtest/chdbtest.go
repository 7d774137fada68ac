// Package chdbtest gives tests a real ClickHouse engine: a child process on a temporary directory and a free port.
//
// The child is the test's own executable started again: this package's init sees an environment variable and serves
// instead of running tests. So a test needs no TestMain and nothing has to be built beforehand. Import it from tests only.
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

// childVariable marks the executable started again as a child.
const childVariable = "TRIBUTARY_TEST_CLICKHOUSE_CHILD"

func init() {
	if os.Getenv(childVariable) == "" {
		return
	}
	os.Unsetenv(childVariable)
	flags := flag.NewFlagSet("clickhouse-embedded", flag.ExitOnError)
	var cfg chdb.ServerConfig
	flags.StringVar(&cfg.DataDir, "data", "", "")
	flags.StringVar(&cfg.Listen, "listen", "", "")
	flags.Int64Var(&cfg.MaxBodyBytes, "max-body-bytes", 0, "")
	flags.IntVar(&cfg.MaxRunning, "max-running", 0, "")
	flags.IntVar(&cfg.MaxWaiting, "max-waiting", 0, "")
	flags.DurationVar(&cfg.IOTimeout, "io-timeout", 0, "")
	_ = flags.Parse(os.Args[1:]) // ExitOnError
	if err := chdb.ServeChild(context.Background(), cfg); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Start runs an engine for the test and stops it afterwards. The result's Address is for clickhouse-go with Protocol
// HTTP, and for HTTP itself. It fails the test, saying what to run, when the engine's library is missing.
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
		Command:     append([]string{self}, flags...),
		Env:         []string{childVariable + "=1"},
		StopTimeout: 30 * time.Second,
		Logger:      zap.NewNop(),
	}
}
