package process

import (
	"os"
	"runtime/debug"
	"strconv"
	"strings"
)

// MemoryLimitPercent is the part of a container's memory that Go's heap may take; the rest is for Pebble's block cache,
// goroutine stacks and the kernel's socket buffers, which Go does not count.
const MemoryLimitPercent = 75

// gcPercent is Go's GOGC unless the variable is set. What the roles hold are buffers that fill and empty: collecting twice
// as often as Go does by itself saves a third of the loader's memory, and costs the processor alone a twentieth of its
// rate (make bench BENCHFLAGS='--only join' with GOGC=50, 100 and 200: 238,000, 260,000 and 278,000 events/s in 301, 385 and
// 550 MiB): see CollectAsGoDoes.
const gcPercent = 50

// LimitMemory sets how often Go collects, and Go's soft memory limit from the container's (cgroup v2) unless GOMEMLIMIT was set, and returns the
// limit in bytes; 0 when there is none. Without it Go's collector would let the heap double past what the container has.
func LimitMemory() int64 {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMEMLIMIT") != "" {
		return debug.SetMemoryLimit(-1)
	}
	content, err := os.ReadFile("/sys/fs/cgroup/memory.max")
	if err != nil {
		return 0
	}
	limit := memoryLimit(string(content))
	if limit > 0 {
		debug.SetMemoryLimit(limit)
	}
	return limit
}

// CollectAsGoDoes undoes LimitMemory's share of collections, unless GOGC is set.
func CollectAsGoDoes() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(100)
	}
}

// memoryLimit reads cgroup v2's memory.max: a number of bytes, or "max".
func memoryLimit(content string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(content), 10, 64)
	if err != nil || n <= 0 {
		return 0
	}
	return n / 100 * MemoryLimitPercent
}
