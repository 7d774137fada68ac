package oracle

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
	"sync"
	"time"
)

// A trace is what happened in one run, in order. Its hash tells whether two runs were the same, byte for byte.
type trace struct {
	start time.Time

	mu    sync.Mutex
	hash  hash.Hash
	keep  bool
	lines []string
	count int
	// sample takes the hash every sampleEvery lines, to find where two runs part.
	samples []string
}

const sampleEvery = 64

func newTrace(keep bool) *trace {
	return &trace{start: time.Now(), hash: sha256.New(), keep: keep}
}

// add writes one line: virtual time since the start, who, what.
func (t *trace) add(who, format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	line := fmt.Sprintf("%13.6f %-8s %s", time.Since(t.start).Seconds(), who, fmt.Sprintf(format, args...))
	t.hash.Write([]byte(line))
	t.hash.Write([]byte{'\n'})
	t.count++
	if t.count%sampleEvery == 0 {
		t.samples = append(t.samples, hex.EncodeToString(t.hash.Sum(nil)[:4]))
	}
	if t.keep {
		t.lines = append(t.lines, line)
	}
}

func (t *trace) digest() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return hex.EncodeToString(t.hash.Sum(nil)[:16])
}

func (t *trace) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines, "\n")
}
