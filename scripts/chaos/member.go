package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// starts runs exec.Cmd.Start on one thread that never ends: the kernel kills a child with the thread that started it.
var starts = sync.OnceValue(func() chan func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
})

func spawn(cmd *exec.Cmd) <-chan error {
	outcome := make(chan error, 1)
	starts() <- func() { outcome <- cmd.Start() }
	return outcome
}

const (
	// restartAfter is how long a process that ended by itself stays away.
	restartAfter = 500 * time.Millisecond
	// stopLimit is how long an orderly end may take.
	stopLimit = 60 * time.Second
	readyPoll = 20 * time.Millisecond
)

// A member is one process of the site, through all its lives.
type member struct {
	name   string
	kind   string // ingest, processor, sink, control, clickhouse or up
	binary string
	args   []string
	env    []string
	ready  string // URL that answers 200 when it can work
	dir    string // its own folder
	clock  string // file with its clock's offset
	state  string // folder of its state, or empty
	disk   *disk  // what state or spool lies on, or nil
	// metrics is the URL of an edge's.
	metrics string
	report  *report

	mu     sync.Mutex
	cmd    *exec.Cmd
	stdin  io.Closer
	done   chan struct{} // closed when cmd has ended
	asked  bool          // its end was asked for
	wanted bool
	lives  int
}

// start begins a life.
func (m *member) start() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wanted = true
	return m.launch()
}

func (m *member) launch() error {
	if m.cmd != nil {
		return nil
	}
	log, err := os.OpenFile(m.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	m.lives++
	fmt.Fprintf(log, "--- life %d, %s\n", m.lives, time.Now().Format("15:04:05.000"))
	cmd := exec.Command(m.binary, m.args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), m.env...)
	cmd.SysProcAttr = childAttributes()
	// The engine ends when its input does.
	if m.stdin, err = cmd.StdinPipe(); err != nil {
		return err
	}
	if err := <-spawn(cmd); err != nil {
		return fmt.Errorf("starting %s: %w", m.name, err)
	}
	m.cmd, m.done, m.asked = cmd, make(chan struct{}), false
	go m.reap(cmd, m.done)
	return nil
}

func (m *member) reap(cmd *exec.Cmd, done chan struct{}) {
	_ = cmd.Wait() // the exit state is looked at below
	m.mu.Lock()
	m.cmd = nil
	asked, again := m.asked, m.wanted && !m.asked
	_ = m.stdin.Close()
	m.mu.Unlock()
	close(done)
	if asked {
		return
	}
	m.report.ended(m.name, cmd.ProcessState)
	if again {
		time.Sleep(restartAfter)
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.wanted && m.cmd == nil && !m.asked {
			if err := m.launch(); err != nil {
				m.report.say("%s: %v", m.name, err)
			}
		}
	}
}

func (m *member) log() string { return filepath.Join(m.dir, "log") }

// life counts from 1.
func (m *member) life() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lives
}

// signal sends one to the process, if there is one.
func (m *member) signal(s syscall.Signal) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cmd == nil {
		return errors.New("it is not running")
	}
	return m.cmd.Process.Signal(s)
}

// end ends the process by a signal and returns when it is gone. It stays away until start.
func (m *member) end(s syscall.Signal) {
	m.mu.Lock()
	m.asked, m.wanted = true, false
	cmd, done := m.cmd, m.done
	m.mu.Unlock()
	if cmd == nil {
		return
	}
	_ = cmd.Process.Signal(s) // it may have ended
	if s != syscall.SIGKILL {
		_ = cmd.Process.Signal(syscall.SIGCONT)
	}
	select {
	case <-done:
		return
	case <-time.After(stopLimit):
	}
	m.report.say("%s did not end within %s of %v: killed", m.name, stopLimit, s)
	_ = cmd.Process.Kill()
	<-done
}

// step sets the process's own idea of time off by d.
func (m *member) step(d time.Duration) error {
	text := ""
	if d != 0 {
		text = d.String()
	}
	return os.WriteFile(m.clock, []byte(text), 0o644)
}

var probe = &http.Client{Timeout: 2 * time.Second}

func (m *member) isReady() bool {
	answer, err := probe.Get(m.ready)
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// spooled answers how many records an edge has on its own disk only.
func (m *member) spooled() (float64, error) { return m.figure("tributary_ingest_spool_records") }

// figure reads one of an edge's metrics that has no labels.
func (m *member) figure(name string) (float64, error) {
	answer, err := probe.Get(m.metrics)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("%s has no figure %s", m.metrics, name)
}

// maxEnds is how often a process may end by itself before it is waited for in vain.
const maxEnds = 20

// await waits until the process can work.
func (m *member) await(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for first := m.life(); !m.isReady(); {
		if m.life() > first+maxEnds {
			return fmt.Errorf("%s ends again and again; its log is %s", m.name, m.log())
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s was not ready within %s; its log is %s", m.name, limit, m.log())
		case <-time.After(readyPoll):
		}
	}
	return nil
}
