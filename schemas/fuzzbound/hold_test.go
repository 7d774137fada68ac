package fuzzbound

import (
	"testing"
	"time"
)

// failures counts what a test would have failed for.
type failures struct {
	testing.TB
	n int
}

func (f *failures) Helper()               {}
func (f *failures) Errorf(string, ...any) { f.n++ }

var sink []byte

func TestHold(t *testing.T) {
	spin := func(d time.Duration) {
		for start := threadTime(); threadTime()-start < d; {
		}
	}
	slowOnce := 0
	for name, c := range map[string]struct {
		decode func()
		want   int
	}{
		"quick and small":  {func() {}, 0},
		"slow":             {func() { spin(MaxTime + time.Millisecond) }, 1},
		"slow by accident": {func() { slowOnce++; spin(MaxTime * time.Duration(2/slowOnce)) }, 0},

		"large": {func() { sink = make([]byte, 1<<20) }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			f := &failures{TB: t}
			Hold(f, 1<<10, c.decode)
			if f.n != c.want {
				t.Errorf("%d failures, want %d", f.n, c.want)
			}
		})
	}
}
