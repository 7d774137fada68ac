package process

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
)

// manager is a service manager's socket.
func manager(t *testing.T) (next func() string) {
	t.Helper()
	return managerAt(t, filepath.Join(t.TempDir(), "notify"))
}

func managerAt(t *testing.T, path string) (next func() string) {
	t.Helper()
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return func() string {
		t.Helper()
		if err := socket.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		buffer := make([]byte, 4096)
		n, err := socket.Read(buffer)
		if err != nil {
			t.Fatalf("nothing came: %v", err)
		}
		return string(buffer[:n])
	}
}

func TestServiceTellsItsManager(t *testing.T) {
	next := manager(t)
	s := NewService(zap.NewNop())
	s.Reloading() // a file that changes, or a signal, before everything has started: no READY may come of it
	s.Reloaded()
	s.Started()
	s.Started()
	s.Reloading()
	s.Reloaded()
	s.Stopping()
	s.Reloaded() // a reload that ends amid the stop
	s.Stopping()
	if got := next(); got != "READY=1" {
		t.Errorf("started: %q", got)
	}
	reloading, clock, _ := strings.Cut(strings.TrimSpace(next()), "\nMONOTONIC_USEC=")
	if at, err := strconv.ParseInt(clock, 10, 64); reloading != "RELOADING=1" || err != nil || at <= 0 {
		t.Errorf("reload: %q at %q", reloading, clock)
	}
	for _, want := range []string{"READY=1", "STOPPING=1", "STOPPING=1"} {
		if got := next(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// The watchdog is fed for as long as the units answer, ready or not; one that hangs in its answer starves it.
func TestTheWatchdogIsFedByAskingTheUnits(t *testing.T) {
	next := manager(t)
	t.Setenv("WATCHDOG_USEC", "30000")
	t.Setenv("WATCHDOG_PID", "")
	s := NewService(zap.NewNop())
	asked, hang := 0, make(chan struct{})
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Watch(ctx, func() error {
			if asked++; asked == 3 {
				<-hang
			}
			if asked == 2 {
				return errors.New("kafka: is starting\nsink: waits")
			}
			return nil
		})
	}()
	if got := next(); got != "STATUS=ready\nWATCHDOG=1" {
		t.Errorf("ready: %q", got)
	}
	if got := next(); got != "STATUS=not ready: kafka: is starting; sink: waits\nWATCHDOG=1" {
		t.Errorf("not ready: %q", got)
	}
	s.Started() // what comes next is this, for the third question is not answered
	if got := next(); got != "READY=1" {
		t.Errorf("a hanging unit feeds the watchdog: %q", got)
	}
	close(hang)
	if got := next(); !strings.Contains(got, "WATCHDOG=1") {
		t.Errorf("it answers again: %q", got)
	}
	end()
	<-ended
}

func TestWithoutAManagerNothingIsTold(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	s := NewService(zap.NewNop())
	s.Started()
	s.Watch(t.Context(), func() error { return nil }) // returns
}

// A manager's socket may have a name without a file (unix(7), abstract), as some containers' have.
func TestServiceTellsAManagerWithoutAFile(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has sockets without a file")
	}
	next := managerAt(t, "@tributary-test-"+rand.Text())
	s := NewService(zap.NewNop())
	s.Started()
	if got := next(); got != "READY=1" {
		t.Errorf("started: %q", got)
	}
}

// What the manager shows follows the units within a second until all are ready.
func TestTheStatusFollowsTheStart(t *testing.T) {
	next := manager(t)
	s := NewService(zap.NewNop())
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan struct{})
	asked := 0
	go func() {
		defer close(ended)
		s.Watch(ctx, func() error {
			if asked++; asked < 3 {
				return errors.New("kafka: is starting")
			}
			return nil
		})
	}()
	began := time.Now()
	for _, want := range []string{"STATUS=not ready: kafka: is starting", "STATUS=not ready: kafka: is starting", "STATUS=ready"} {
		if got := next(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if took := time.Since(began); took >= statusEvery {
		t.Errorf("it took %s", took)
	}
	end()
	<-ended
}
