package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// A report is the run's timeline, on standard output and in the folder, and its progress line.
type report struct {
	began time.Time
	load  time.Time // when the load began
	total time.Duration
	file  *os.File
	live  bool // standard error is a terminal

	mu     sync.Mutex
	shown  bool // a progress line is on the terminal
	counts map[string]int
	faults int
	active map[string]bool
	ends   map[string]int // ends of processes by themselves
	panics int            // those of them that were panics
}

func newReport(o *options) (*report, error) {
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return nil, err
	}
	file, err := os.Create(filepath.Join(o.dir, "timeline.log"))
	if err != nil {
		return nil, err
	}
	return &report{began: time.Now(), total: o.length, file: file, live: term.IsTerminal(int(os.Stderr.Fd())),
		counts: map[string]int{}, active: map[string]bool{}, ends: map[string]int{}}, nil
}

func (r *report) close() { r.file.Close() }

// say prints one line with the time since the start.
func (r *report) say(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.line(format, args...)
}

func (r *report) line(format string, args ...any) {
	text := fmt.Sprintf("%8.1fs  %s\n", time.Since(r.began).Seconds(), fmt.Sprintf(format, args...))
	if r.shown {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
		r.shown = false
	}
	_, _ = io.WriteString(os.Stdout, text)
	_, _ = io.WriteString(r.file, text)
}

// begin notes a fault, end its end.
func (r *report) begin(kind, what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults++
	r.counts[kind]++
	r.active[what] = true
	r.line("#%d %s", r.faults, what)
}

func (r *report) end(what string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.active, what)
	if err != nil {
		r.line("   over, with an error: %s: %v", what, err)
	} else {
		r.line("   over: %s", what)
	}
}

// ended notes that a process ended by itself.
func (r *report) ended(name string, how *os.ProcessState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ends[fmt.Sprintf("%s %s", name, how)]++
	r.line("   %s ended by itself: %s", name, how)
	if how.ExitCode() == exitOfPanic {
		r.panics++
	}
}

// exitOfPanic is the exit code of Go's runtime after a panic or a fatal error; Tributary's own for wrong usage is the same, and no
// member is started wrongly.
const exitOfPanic = 2

// panicked returns an error if a process ended by a panic: whatever is broken under it, a program says so in words.
func (r *report) panicked() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.panics == 0 {
		return nil
	}
	return fmt.Errorf("%d processes ended by a panic: their logs have the stacks", r.panics)
}

// progress prints where the run is; not more often than every ten seconds when nobody watches.
func (r *report) progress(events int64, rate float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	elapsed := time.Since(r.load)
	text := fmt.Sprintf("%s of %s, %d faults (%d now), %d events, %.0f/s", elapsed.Round(time.Second), r.total, r.faults, len(r.active), events, rate)
	if r.live {
		fmt.Fprintf(os.Stderr, "\r\x1b[K%s", text)
		r.shown = true
		return
	}
	if int(elapsed.Seconds())%10 == 0 {
		r.line("… %s", text)
	}
}

// loading notes that the load begins.
func (r *report) loading() {
	r.mu.Lock()
	r.load = time.Now()
	r.mu.Unlock()
}

func (r *report) summary() {
	r.mu.Lock()
	defer r.mu.Unlock()
	var kinds []string
	for _, kind := range slices.Sorted(maps.Keys(r.counts)) {
		kinds = append(kinds, fmt.Sprintf("%s %d", kind, r.counts[kind]))
	}
	r.line("faults %d: %s", r.faults, strings.Join(kinds, ", "))
	if len(r.ends) > 0 {
		var ends []string
		for _, name := range slices.Sorted(maps.Keys(r.ends)) {
			ends = append(ends, fmt.Sprintf("%s (%d times)", name, r.ends[name]))
		}
		r.line("ended by themselves and started again: %s", strings.Join(ends, ", "))
	}
}
