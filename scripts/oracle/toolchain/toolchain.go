// Package toolchain builds a test binary of the simulation on a Go runtime that leaves nothing to chance.
//
// Place in the flow: none in production; package oracle builds its processes with it.
//
// The runtime is the installed one; a few places of its source are replaced at build time (go build -overlay), nothing is written to
// GOROOT:
//
//   - random numbers (map order, hash seeds, math/rand) come from one generator with a fixed start; select and equal timers
//     draw from a second one, so that what the allocator and the scheduler draw does not disturb them;
//   - no goroutine is preempted or loses its turn to a system call because of real time, and no mutex turns unfair because of it; what the
//     runtime itself queues waits until nothing else is to do;
//   - a goroutine that waits for a mutex counts as durably blocked in a bubble of testing/synctest. Kafka's client holds one across a
//     request: without this, virtual time would stand still for ever;
//   - a bubble may end while goroutines of a killed process, or of a client closed twice, still wait in it.
//
// What remains is run with GOMAXPROCS=1 and no garbage collection (see Env), and a run is then a function of its seed.
//
// Not responsible for: playing scenarios; that is package oracle.
package toolchain

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ErrRuntime says that the installed Go's runtime is not as this package knows it.
var ErrRuntime = errors.New("this Go runtime cannot be made deterministic")

// An edit replaces one text of a file by another; the old one must be there exactly once.
type edit struct{ file, old, new string }

// The texts are those of Go 1.26.
var edits = []edit{
	{"runtime/rand.go", `	mp := getg().m
	c := &mp.chacha8
	for {
		// Note: c.Next is marked nosplit,
		// so we don't need to use mp.locks
		// on the fast path, which is that the
		// first attempt succeeds.
		x, ok := c.Next()
		if ok {
			return x
		}
		mp.locks++ // hold m even though c.Refill may do stack split checks
		c.Refill()
		mp.locks--
	}
}
`, `	return fixedRand(&fixedState)
}

// fixedState and fixedOrder are where the two generators stand.
var fixedState, fixedOrder uint64

// fixedRand is splitmix64.
//
//go:nosplit
func fixedRand(state *uint64) uint64 {
	*state += 0x9e3779b97f4a7c15
	x := *state
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// fixedRandn is below n.
//
//go:nosplit
func fixedRandn(n uint32) uint32 {
	return uint32((fixedRand(&fixedOrder) >> 32) * uint64(n) >> 32)
}
`},
	{"runtime/rand.go", `	globalRand.state.Init(*seed)
	clear(seed[:])
`, `	clear(seed[:])
	globalRand.state.Init(*seed)
`},
	// A new thread draws no number of the first generator: how many threads there are depends on the machine's load.
	{"runtime/rand.go", "	mp.cheaprand = rand()", "	mp.cheaprand = bootstrapRand()"},
	{"runtime/select.go", "j := cheaprandn(uint32(norder + 1))", "j := fixedRandn(uint32(norder + 1))"},
	{"runtime/time.go", "t.rand = cheaprand()", "t.rand = uint32(fixedRand(&fixedOrder))"},
	{"runtime/proc.go", "const forcePreemptNS = 10 * 1000 * 1000 // 10ms", "const forcePreemptNS = 1 << 60"},
	{"runtime/proc.go", "	n := 0\n	// Prevent allp slice changes. This lock will be completely", "	n := 0\n	if fixedOrder != 1 {\n		return 0\n	}\n	// Prevent allp slice changes. This lock will be completely"},
	{"runtime/proc.go", "if pp.schedtick%61 == 0 && !sched.runq.empty() {", "if false {"},
	{"runtime/time_nofake.go", "	return nanotime1()", "	if b := getg().bubble; b != nil {\n		return b.now\n	}\n	return nanotime1()"},
	{"internal/sync/mutex.go", "starvationThresholdNs = 1e6", "starvationThresholdNs = 1 << 60"},
	{"runtime/synctest.go", "	if total != 1 {", "	if total != 1 && !bubble.done {"},
	{"runtime/runtime2.go", "	waitReasonSyncCondWait:          true,\n", `	waitReasonSyncCondWait:          true,
	waitReasonSyncMutexLock:         true,
	waitReasonSyncRWMutexRLock:      true,
	waitReasonSyncRWMutexLock:       true,
	waitReasonSyncWaitGroupWait:     true,
`},
}

// startupRandom is in the same function as the second edit: the system's random bytes are not looked at.
const startupOld, startupNew = "if len(startupRand) >= 16 &&", "if true {\n\t} else if len(startupRand) >= 16 &&"

// Build makes a test binary of a package. replaced are files of the module (paths relative to dir) with other contents: a seeded bug.
func Build(ctx context.Context, dir, pkg, out string, replaced map[string][]byte) error {
	work, err := os.MkdirTemp("", "oracle-overlay-")
	if err != nil {
		return fmt.Errorf("building %s: %w", pkg, err)
	}
	defer os.RemoveAll(work)
	overlay, err := overlay(ctx, dir, work, replaced)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-ldflags=-s -w", "-overlay", overlay, "-o", out, pkg)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOEXPERIMENT=norandomizedheapbase64")
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stderr, &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", pkg, err, stderr.String())
	}
	return nil
}

// Env is what a binary of Build runs under.
func Env() []string {
	return []string{"GOMAXPROCS=1", "GOGC=off", "GODEBUG=asyncpreemptoff=1", "TZ=UTC"}
}

func overlay(ctx context.Context, dir, work string, replaced map[string][]byte) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "env", "GOROOT")
	cmd.Dir = dir
	root, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("asking for GOROOT: %w", err)
	}
	goroot := filepath.Join(strings.TrimSpace(string(root)), "src")
	files := map[string]string{}
	for _, e := range append(edits, edit{"runtime/rand.go", startupOld, startupNew}) {
		text, ok := files[e.file]
		if !ok {
			raw, err := os.ReadFile(filepath.Join(goroot, e.file))
			if err != nil {
				return "", fmt.Errorf("reading the Go runtime: %w", err)
			}
			text = string(raw)
		}
		if n := strings.Count(text, e.old); n != 1 {
			return "", fmt.Errorf("%w: %s has %d times what Go 1.26 has once: %q", ErrRuntime, e.file, n, e.old)
		}
		files[e.file] = strings.Replace(text, e.old, e.new, 1)
	}
	replace := map[string]string{}
	put := func(path string, content []byte) error {
		copy := filepath.Join(work, fmt.Sprintf("%d-%s", len(replace), filepath.Base(path)))
		replace[path] = copy
		return os.WriteFile(copy, content, 0o600)
	}
	for file, text := range files {
		if err := put(filepath.Join(goroot, file), []byte(text)); err != nil {
			return "", err
		}
	}
	for file, text := range replaced {
		if err := put(filepath.Join(dir, file), text); err != nil {
			return "", err
		}
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	path := filepath.Join(work, "overlay.json")
	return path, os.WriteFile(path, list, 0o600)
}
