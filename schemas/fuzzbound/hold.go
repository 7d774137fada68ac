package fuzzbound

import (
	"runtime"
	"runtime/metrics"
	"testing"
	"time"
)

const (
	// MaxTime is how long one input may take. At 10 ms an attacker needs a hundred requests a second to keep a core busy.
	MaxTime = 10 * time.Millisecond
	// slackBytes is what the runtime's count may be off: small objects are counted by the span they come from.
	slackBytes = 64 << 10
	// tries: something that is over each time is over.
	tries = 5
)

// Hold calls decode and fails tb when it takes more than MaxTime of the processor, or asks the heap for more than maxBytes. decode
// may be called several times, must do the same each time, and calls nothing of tb.
func Hold(tb testing.TB, maxBytes int, decode func()) {
	tb.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var least time.Duration
	var fewest uint64
	for try := range tries {
		bytes := allocated()
		start := threadTime()
		decode()
		took := threadTime() - start
		bytes = allocated() - bytes
		if try == 0 || took < least {
			least = took
		}
		if try == 0 || bytes < fewest {
			fewest = bytes
		}
		if least <= MaxTime && fewest <= uint64(maxBytes)+slackBytes {
			return
		}
	}
	if least > MaxTime {
		tb.Errorf("decoding took %v of the processor in the best of %d tries, at most %v are allowed", least, tries, MaxTime)
	}
	if fewest > uint64(maxBytes)+slackBytes {
		tb.Errorf("decoding allocated %d bytes in the best of %d tries, at most %d are allowed", fewest, tries, maxBytes)
	}
}

// allocated is what the heap was asked for so far, in bytes.
func allocated() uint64 {
	sample := [1]metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample[:])
	return sample[0].Value.Uint64()
}
