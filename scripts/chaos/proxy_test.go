package main

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// echo answers each line with itself, and counts the lines.
func echo(t *testing.T) (address string, lines *atomic.Int64) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	lines = new(atomic.Int64)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				in := bufio.NewReader(c)
				for {
					line, err := in.ReadString('\n')
					if err != nil {
						return
					}
					lines.Add(1)
					io.WriteString(c, line)
				}
			}()
		}
	}()
	return l.Addr().String(), lines
}

type client struct {
	t *testing.T
	net.Conn
	in *bufio.Reader
}

func connect(t *testing.T, p *proxy) *client {
	c, err := net.Dial("tcp", p.addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &client{t, c, bufio.NewReader(c)}
}

// ask sends a line and answers what came back within d.
func (c *client) ask(line string, d time.Duration) (string, error) {
	if line != "" {
		if _, err := io.WriteString(c, line+"\n"); err != nil {
			return "", err
		}
	}
	c.SetReadDeadline(time.Now().Add(d))
	answer, err := c.in.ReadString('\n')
	return strings.TrimSpace(answer), err
}

const (
	soon  = 5 * time.Second
	never = 100 * time.Millisecond
)

func TestToxics(t *testing.T) {
	start := func(t *testing.T) (*proxy, *client, *atomic.Int64) {
		address, lines := echo(t)
		p, err := newProxy(address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.close)
		c := connect(t, p)
		if got, err := c.ask("clean", soon); got != "clean" {
			t.Fatalf("a clean proxy answers %q, %v", got, err)
		}
		return p, c, lines
	}
	heard := func(t *testing.T, lines *atomic.Int64, n int64) {
		for deadline := time.Now().Add(soon); lines.Load() < n; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("the server heard %d lines, want %d", lines.Load(), n)
			}
		}
	}
	timedOut := func(err error) bool {
		var timeout net.Error
		return errors.As(err, &timeout) && timeout.Timeout()
	}
	t.Run("cut", func(t *testing.T) {
		p, c, _ := start(t)
		p.poison(cut, 0)
		if _, err := c.ask("x", soon); err == nil || timedOut(err) {
			t.Errorf("a cut connection ends with %v, want a reset", err)
		}
		if c, err := net.Dial("tcp", p.addr()); err == nil { // it may be reset before Dial returns
			if _, err := (&client{t, c, bufio.NewReader(c)}).ask("x", soon); err == nil || timedOut(err) {
				t.Errorf("a new connection while cut ends with %v, want a reset", err)
			}
			c.Close()
		}
		p.poison(clean, 0)
		if got, err := connect(t, p).ask("again", soon); got != "again" {
			t.Errorf("after the cut: %q, %v", got, err)
		}
	})
	t.Run("black hole", func(t *testing.T) {
		p, c, _ := start(t)
		p.poison(blackHole, 0)
		if _, err := c.ask("x", never); !timedOut(err) {
			t.Errorf("a black hole answers %v", err)
		}
		p.poison(clean, 0)
		if got, err := c.ask("", soon); got != "x" {
			t.Errorf("what was sent comes out as %q, %v", got, err)
		}
	})
	t.Run("delay", func(t *testing.T) {
		p, c, _ := start(t)
		p.poison(delay, 60*time.Millisecond)
		began := time.Now()
		if got, err := c.ask("x", soon); got != "x" || time.Since(began) < 120*time.Millisecond {
			t.Errorf("%q, %v after %v, want x after two delays of 60 ms", got, err, time.Since(began))
		}
	})
	t.Run("answers lost", func(t *testing.T) {
		p, c, lines := start(t)
		p.poison(deaf, 0)
		if _, err := c.ask("x", never); !timedOut(err) {
			t.Errorf("a deaf proxy answers %v", err)
		}
		heard(t, lines, 2)
		p.poison(clean, 0)
		if _, err := c.ask("y", soon); err == nil || timedOut(err) {
			t.Errorf("a connection that lost an answer ends with %v, want a reset", err)
		}
	})
	t.Run("half-close", func(t *testing.T) {
		p, c, lines := start(t)
		p.poison(halfClose, 0)
		if _, err := c.ask("x", soon); !errors.Is(err, io.EOF) {
			t.Errorf("a half-closed connection answers %v, want its end", err)
		}
		if _, err := io.WriteString(c, "y\n"); err != nil {
			t.Errorf("its other half does not take more: %v", err)
		}
		heard(t, lines, 3)
	})
}
