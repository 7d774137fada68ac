//go:build chaos

package wiring

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestSteppedClock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clock")
	t.Setenv(ClockVariable, path)
	now := clock()
	await := func(want time.Duration) {
		t.Helper()
		deadline := time.Now().Add(5 * time.Second)
		for (now().Sub(time.Now()) - want).Abs() > time.Second {
			if time.Now().After(deadline) {
				t.Fatalf("the clock is off by %s, want %s", now().Sub(time.Now()), want)
			}
		}
	}
	await(0) // no file
	for _, step := range []struct {
		text string
		off  time.Duration
	}{{"-1h", -time.Hour}, {"half a duration", -time.Hour}, {"25m\n", 25 * time.Minute}, {"", 0}} {
		if err := os.WriteFile(path, []byte(step.text), 0o644); err != nil {
			t.Fatal(err)
		}
		await(step.off)
	}
}
