package embedded

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

const (
	// childVariable makes the test binary a broker on the folder it names, until it is killed.
	childVariable = "TRIBUTARY_TEST_EMBEDDED_KAFKA"
	// durableVariable makes that one durable.
	durableVariable = "TRIBUTARY_TEST_EMBEDDED_DURABLE"
)

// serveAsChild starts the broker, says its address, and does what the lines of its standard input say:
//
//	full NAME   every open file whose name ends so is on a full disk from now on
//	again       start the broker again in this process, after it said that it failed
func serveAsChild(dir string) {
	signal.Ignore(syscall.SIGXFSZ) // a file that may not grow is an error, not a signal
	address := "127.0.0.1:0"
	begin := func() {
		k, err := NewKafka(address, dir, zap.NewNop(), Durable(os.Getenv(durableVariable) != ""))
		if err != nil {
			fmt.Println("failed:", err)
			return
		}
		address = k.Address()
		fmt.Println(address)
		go func() {
			if err := k.Run(context.Background()); err != nil {
				fmt.Println("failed:", err)
			}
		}()
	}
	begin()
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() { // ends with the parent
		switch verb, name, _ := strings.Cut(lines.Text(), " "); verb {
		case "full":
			fmt.Println("full", fillUp(name))
		case "again":
			begin()
		}
	}
}

// fillUp puts /dev/full in the place of this process's open files whose names end in name.
func fillUp(name string) (files int) {
	full, err := unix.Open("/dev/full", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, entry := range entries {
		target, err := os.Readlink(filepath.Join("/proc/self/fd", entry.Name()))
		var fd int
		if _, scanErr := fmt.Sscan(entry.Name(), &fd); err != nil || scanErr != nil || !strings.HasSuffix(target, name) {
			continue
		}
		if unix.Dup3(full, fd, unix.O_CLOEXEC) == nil {
			files++
		}
	}
	return files
}

type child struct {
	address string
	command *exec.Cmd
	stdin   io.WriteCloser
	lines   chan string
}

// startChild starts a broker in a process of its own.
func startChild(t *testing.T, dir string, durable bool) *child {
	t.Helper()
	c := &child{command: exec.Command(os.Args[0]), lines: make(chan string, 16)}
	c.command.Env = append(os.Environ(), childVariable+"="+dir)
	if durable {
		c.command.Env = append(c.command.Env, durableVariable+"=1")
	}
	var err error
	if c.stdin, err = c.command.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := c.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.command.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(c.lines)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			c.lines <- lines.Text()
		}
	}()
	t.Cleanup(func() {
		_ = c.command.Process.Kill() // may have been killed
		_ = c.command.Wait()
		c.stdin.Close()
		for range c.lines {
		}
		<-read
	})
	if c.address = c.line(t); strings.HasPrefix(c.address, "failed") {
		t.Fatal(c.address)
	}
	return c
}

// line is what the child says next.
func (c *child) line(t *testing.T) string {
	t.Helper()
	select {
	case line, ok := <-c.lines:
		if !ok {
			t.Fatal("the child ended")
		}
		return line
	case <-time.After(30 * time.Second):
		t.Fatal("the child says nothing")
		return ""
	}
}

func (c *child) tell(t *testing.T, line string) {
	t.Helper()
	if _, err := fmt.Fprintln(c.stdin, line); err != nil {
		t.Fatal(err)
	}
}

// limitFiles bounds how large the child's files may grow: what does not fit is written in part.
func (c *child) limitFiles(t *testing.T, bytes uint64) {
	t.Helper()
	if err := unix.Prlimit(c.command.Process.Pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: bytes, Max: unix.RLIM_INFINITY}, nil); err != nil {
		t.Skip("this system does not let a test bound files:", err)
	}
}

func (c *child) kill(t *testing.T) {
	t.Helper()
	if err := c.command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := c.command.Wait(); !errors.As(err, &exit) {
		t.Fatal(err)
	}
}
