//go:build chaos

package wiring

import (
	"os"
	"strings"
	"sync"
	"time"
)

// ClockVariable names a file that holds how far the roles' clock is off, as a Go duration; an empty one, or none yet: not at
// all. Only a binary built with the tag chaos knows it: a fault driver steps the clock of one process.
const ClockVariable = "CHAOS_CLOCK_FILE"

// clockReadEvery is how long a step may go unnoticed.
const clockReadEvery = 100 * time.Millisecond

var clock = sync.OnceValue(func() func() time.Time {
	path := os.Getenv(ClockVariable)
	if path == "" {
		return nil
	}
	var mu sync.Mutex
	var offset time.Duration
	var read time.Time
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now := time.Now()
		if now.Sub(read) >= clockReadEvery {
			read = now
			if text, err := os.ReadFile(path); err == nil {
				// A file that is being written counts at the next reading.
				if d, err := time.ParseDuration(strings.TrimSpace(string(text))); err == nil || len(text) == 0 {
					offset = d
				}
			}
		}
		return now.Add(offset)
	}
})
