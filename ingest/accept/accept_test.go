package accept

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// failing answers errors, then connections.
type failing struct {
	net.Listener
	errs  []error
	tries int
}

func (f *failing) Accept() (net.Conn, error) {
	if f.tries++; f.tries <= len(f.errs) {
		return nil, f.errs[f.tries-1]
	}
	c, _ := net.Pipe()
	return c, nil
}

func (f *failing) Close() error { return nil }

func full(code syscall.Errno) error {
	return &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", code)}
}

func TestWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := &failing{}
		for range 200 {
			inner.errs = append(inner.errs, full(syscall.EMFILE), full(syscall.ENFILE), full(syscall.ENOBUFS), full(syscall.ENOMEM))
		}
		failed, told := 0, 0
		l := Patiently(inner, func() { failed++ }, func(err error) {
			told++
			if !errors.Is(err, syscall.EMFILE) && !errors.Is(err, syscall.ENFILE) && !errors.Is(err, syscall.ENOBUFS) && !errors.Is(err, syscall.ENOMEM) {
				t.Errorf("told of %v", err)
			}
		})
		start := time.Now()
		c, err := l.Accept()
		took := time.Since(start)
		if err != nil || c == nil {
			t.Fatal(err)
		}
		if failed != 800 || took < 790*time.Second || took > 800*time.Second {
			t.Errorf("%d errors within %v", failed, took)
		}
		if told != 14 { // at once, then one a minute
			t.Errorf("told %d times within %v", told, took)
		}
		// The next want begins with a short pause again.
		inner.errs = append(make([]error, inner.tries), full(syscall.EMFILE))
		start = time.Now()
		if _, err := l.Accept(); err != nil || time.Since(start) != firstPause {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

func TestCloseEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := &failing{}
		for range 100 {
			inner.errs = append(inner.errs, full(syscall.EMFILE))
		}
		l := Patiently(inner, func() {}, nil)
		time.AfterFunc(20*time.Second, func() { _ = l.Close(); _ = l.Close() })
		start := time.Now()
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) || time.Since(start) != 20*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

func TestOtherErrorsEnd(t *testing.T) {
	for _, err := range []error{net.ErrClosed, full(syscall.EINVAL), errors.New("gone")} {
		l := Patiently(&failing{errs: []error{err}}, func() { t.Error("counted") }, nil)
		if _, got := l.Accept(); got != err {
			t.Errorf("%v became %v", err, got)
		}
	}
}

func TestConnections(t *testing.T) {
	for _, c := range []struct{ want, files, reserve, right int }{
		{4096, 0, 512, 4096},
		{4096, 1 << 20, 512, 4096},
		{4096, 4608, 512, 4096},
		{4096, 4607, 512, 4095},
		{4096, 1024, 512, 512},
		{4096, 1024, 2048, 256},
		{100, 1024, 512, 100},
		{4096, 3, 512, 1},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			if got := Connections(c.want, c.files, c.reserve); got != c.right {
				t.Errorf("%d are served", got)
			}
		})
	}
	if Files() < 64 {
		t.Errorf("%d files may be open", Files())
	}
}
