package ingest

import (
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// deadlines counts what a connection is told, and has its reads and writes wait for that.
type deadlines struct {
	net.Conn
	reads, writes int
}

func (d *deadlines) SetReadDeadline(t time.Time) error {
	d.reads++
	return d.Conn.SetReadDeadline(t)
}

func (d *deadlines) SetWriteDeadline(t time.Time) error {
	d.writes++
	return d.Conn.SetWriteDeadline(t)
}

// A connection in virtual time, whose other end answers every byte with one.
func lazyPipe(t *testing.T, slack time.Duration) (*lazyConn, *deadlines, net.Conn) {
	here, there := net.Pipe()
	t.Cleanup(func() { here.Close(); there.Close() })
	told := &deadlines{Conn: here}
	return &lazyConn{Conn: told, slackNS: int64(slack)}, told, there
}

func TestLazyDeadlineEndsAReadInTime(t *testing.T) {
	for _, c := range []struct {
		name            string
		before, asked   time.Duration // deadlines, one asked after the other
		soonest, latest time.Duration
	}{
		{name: "the first", asked: 10 * time.Second, soonest: 10 * time.Second, latest: 10 * time.Second},
		{name: "a longer one before", before: time.Minute, asked: 10 * time.Second, soonest: 10 * time.Second, latest: 10 * time.Second},
		{name: "a much shorter one before", before: 5 * time.Second, asked: 10 * time.Second, soonest: 10 * time.Second, latest: 10 * time.Second},
		{name: "nearly the same before", before: 10*time.Second - time.Second/2, asked: 10 * time.Second, soonest: 9 * time.Second, latest: 10 * time.Second},
		{name: "in the past", asked: -time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn, _, there := lazyPipe(t, time.Second)
				if c.before != 0 {
					if err := conn.SetReadDeadline(time.Now().Add(c.before)); err != nil {
						t.Fatal(err)
					}
					go there.Write([]byte{1})
					if _, err := conn.Read(make([]byte, 1)); err != nil {
						t.Fatal(err)
					}
				}
				start := time.Now()
				if err := conn.SetReadDeadline(start.Add(c.asked)); err != nil {
					t.Fatal(err)
				}
				_, err := conn.Read(make([]byte, 1))
				if took := time.Since(start); !errors.Is(err, os.ErrDeadlineExceeded) || took < c.soonest || took > c.latest {
					t.Errorf("after %v: %v; want the deadline, after %v to %v", took, err, c.soonest, c.latest)
				}
			})
		})
	}
}

// Who waits already learns of a new deadline, and of none.
func TestLazyDeadlineReachesWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, _, there := lazyPipe(t, time.Second)
		for _, step := range []func(time.Time) error{conn.SetReadDeadline, conn.SetDeadline} {
			start, ended := time.Now(), make(chan error, 1)
			if err := step(start.Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
			go func() {
				_, err := conn.Read(make([]byte, 1))
				ended <- err
			}()
			synctest.Wait()
			if err := step(start.Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
			if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Minute {
				t.Errorf("after %v: %v; want the deadline after a minute", time.Since(start), err)
			}
		}
		go func() {
			time.Sleep(time.Hour)
			there.Write([]byte{1})
		}()
		if err := conn.SetDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			t.Errorf("without a deadline: %v", err)
		}
	})
}

// What a server does for each request moves no timer.
func TestLazyDeadlineIsSetSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, told, there := lazyPipe(t, time.Second)
		go func() {
			for b := make([]byte, 1); ; {
				if _, err := there.Write(b); err != nil {
					return
				}
				if _, err := there.Read(b); err != nil {
					return
				}
			}
		}()
		const requests = 1000
		for range requests {
			now, b := time.Now(), make([]byte, 1)
			err := errors.Join(conn.SetReadDeadline(now.Add(time.Minute)))
			_, readErr := conn.Read(b)
			err = errors.Join(err, readErr, conn.SetReadDeadline(now.Add(10*time.Second)), conn.SetWriteDeadline(now.Add(10*time.Second)))
			_, writeErr := conn.Write(b)
			if err = errors.Join(err, writeErr); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		// Ten seconds of requests: once a second, and the first.
		if told.reads > 11 || told.writes > 11 {
			t.Errorf("%d requests set %d deadlines for reading and %d for writing; want 11 at most", requests, told.reads, told.writes)
		}
		there.Close()
	})
}
