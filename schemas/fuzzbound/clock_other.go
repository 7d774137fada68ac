//go:build !linux

package fuzzbound

import "time"

var started = time.Now()

// threadTime is time that passed, where a thread's own time is not to be had; what other programs take is in it.
func threadTime() time.Duration { return time.Since(started) }
