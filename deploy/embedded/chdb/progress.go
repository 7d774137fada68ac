package chdb

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// progress is how far a query has come, as a ClickHouse server counts it. Zero: nothing yet, or not known.
type progress struct {
	readRows, readBytes       uint64 // of tables
	writtenRows, writtenBytes uint64
	totalRows                 uint64 // that there are to read, roughly while it runs
	resultRows, resultBytes   uint64
	memory                    int64 // the most it held, bytes
	elapsed                   time.Duration
}

// json is the value of X-ClickHouse-Summary and X-ClickHouse-Progress. Its keys are those of server 26.x; clients
// take a missing one for an answer without rows. Numbers are texts there, too.
func (p progress) json() string {
	return fmt.Sprintf(`{"read_rows":"%d","read_bytes":"%d","written_rows":"%d","written_bytes":"%d",`+
		`"total_rows_to_read":"%d","result_rows":"%d","result_bytes":"%d","elapsed_ns":"%d","memory_usage":"%d"}`,
		p.readRows, p.readBytes, p.writtenRows, p.writtenBytes,
		p.totalRows, p.resultRows, p.resultBytes, p.elapsed.Nanoseconds(), p.memory)
}

// summarise sets the header that says how far the query has come, as long as headers can be set.
func (a *answer) summarise() {
	if a.begun {
		return
	}
	a.progress.elapsed = time.Since(a.since)
	header := a.w.Header()
	a.watched.Lock()
	defer a.watched.Unlock()
	a.progress.memory = max(a.progress.memory, a.memory)
	for _, line := range a.lines {
		header.Add("X-ClickHouse-Progress", line)
	}
	a.lines, a.complete = nil, true
	header.Set("X-ClickHouse-Summary", a.progress.json())
}

// How often progress is looked at where it is asked for, and how many lines of it are sent: Python's clients take no
// more than 100 headers.
const (
	defaultProgressInterval = 100 * time.Millisecond
	leastProgressInterval   = 20 * time.Millisecond
	maxProgressLines        = 40
)

// watching is what a watcher saw of a query.
type watching struct {
	watched  sync.Mutex
	lines    []string // the newest
	memory   int64
	complete bool // headers are sent
}

// watch looks at the query's progress from time to time, where the request asks for it, until the returned function
// is called. net/http sends headers at once: the lines come with the answer's first byte, where a server sends each
// when it is made.
func (s *server) watch(a *answer, params url.Values, mark string) (stop func()) {
	if !truthy(params.Get("send_progress_in_http_headers")) {
		return func() {}
	}
	interval := defaultProgressInterval
	if ms, err := strconv.ParseUint(params.Get("http_headers_progress_interval_ms"), 10, 31); err == nil {
		interval = max(leastProgressInterval, time.Duration(ms)*time.Millisecond)
	}
	stopped, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			select {
			case <-stopped:
				return
			case <-tick.C:
				if p, ok := s.progressOf(mark); ok && !a.saw(p) {
					return
				}
			}
		}
	}()
	return func() { close(stopped); <-ended }
}

// saw keeps what a watcher saw; false: nobody can be told any more.
func (a *answer) saw(p progress) bool {
	a.watched.Lock()
	defer a.watched.Unlock()
	if a.complete {
		return false
	}
	a.memory = max(a.memory, p.memory)
	if a.lines = append(a.lines, p.json()); len(a.lines) > maxProgressLines {
		a.lines = a.lines[1:]
	}
	return true
}

// progressOf asks the engine how far the query with a mark has come; false: it does not run.
func (s *server) progressOf(mark string) (p progress, ok bool) {
	s.killing.Lock()
	defer s.killing.Unlock()
	if s.killer == nil {
		return p, false
	}
	var elapsed float64
	err := s.killer.run("SELECT read_rows, read_bytes, written_rows, written_bytes, total_rows_approx, "+
		"peak_memory_usage, elapsed FROM system.processes WHERE Settings['log_comment'] = "+quote(mark),
		"TabSeparated", nil, func(output []byte, _ progress) error {
			_, err := fmt.Sscan(strings.ReplaceAll(string(output), "\t", " "), &p.readRows, &p.readBytes, &p.writtenRows,
				&p.writtenBytes, &p.totalRows, &p.memory, &elapsed)
			return err
		})
	p.elapsed = time.Duration(elapsed * float64(time.Second))
	return p, err == nil
}
