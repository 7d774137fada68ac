package chdb_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tributary/deploy/embedded/chdb"
	"tributary/deploy/embedded/chdb/chdbtest"
)

// insideVariable marks the test's own process in a namespace in which it may mount a small disk.
const insideVariable = "CHDB_TEST_INSIDE"

// A disk that becomes full amid inserts and merges, is freed again, and an engine that is killed then: what was
// acknowledged is there, once, and stays there.
func TestFullDiskFreedAgain(t *testing.T) {
	if os.Getenv(insideVariable) == "" {
		inside := exec.Command(os.Args[0], "-test.run", "^TestFullDiskFreedAgain$", "-test.v")
		inside.Env = append(os.Environ(), insideVariable+"=1")
		inside.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWNS | syscall.CLONE_NEWUSER,
			Pdeathsig:   syscall.SIGKILL,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		}
		out, err := inside.CombinedOutput()
		var exit *exec.ExitError
		switch {
		case err != nil && !errors.As(err, &exit):
			t.Skipf("no small disk can be mounted: %v; missing: a mount namespace", err)
		case err != nil:
			t.Fatalf("%v\n%s", err, out)
		}
		t.Logf("%s", out)
		return
	}
	disk := t.TempDir()
	err := errors.Join(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
		unix.Mount("small", disk, "tmpfs", 0, freeSize))
	if err != nil {
		t.Skipf("no small disk can be mounted: %v; missing: the right to mount a tmpfs in a namespace of its own", err)
	}
	defer unix.Unmount(disk, unix.MNT_DETACH) //nolint:errcheck // it goes away with the namespace
	random := rand.New(rand.NewPCG(1, 2))
	pause := func(limit int) time.Duration { return time.Duration(random.IntN(limit)) * time.Millisecond }
	start := func() *chdb.Process {
		process, err := chdb.Start(context.Background(), chdbtest.Config(t, disk+"/data", "--durable"))
		if err != nil {
			t.Fatal(err)
		}
		return process
	}
	process := start()
	defer func() { _ = process.Kill() }()
	mustPost(t, process.Address(), nil, measured)
	rows := func() int {
		n, err := strconv.Atoi(mustPost(t, process.Address(), nil, "SELECT count() / 1000 FROM measured"))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before, batch, endings := 0, 0, 0
	for round := range 8 {
		var mu sync.Mutex
		taken, sent := 0, 0
		for range 6 {
			select {
			case <-process.Done():
				if err := process.Err(); !errors.Is(err, chdb.ErrIncomplete) {
					t.Fatal(err)
				}
				endings++
				process = start()
			default:
			}
			var inserts sync.WaitGroup
			for range 4 {
				batch++
				sent++
				query, address := fmt.Sprintf(measuredRows, 1000*batch), process.Address()
				wait := pause(20)
				inserts.Go(func() {
					<-time.After(wait)
					if answer, err := tryPost(address, query); err == nil && answer == "" {
						mu.Lock()
						defer mu.Unlock()
						taken++
					}
				})
			}
			<-time.After(pause(60))
			fill(t, disk, uint64(random.IntN(256))<<10)
			inserts.Wait()
			<-time.After(pause(100)) // for merges
			if err := unix.Mount("small", disk, "tmpfs", unix.MS_REMOUNT, freeSize); err != nil {
				t.Fatal(err)
			}
		}
		_ = process.Kill()
		process = start()
		// Of those that were not acknowledged some are there, each as a whole.
		if now := rows(); now < before+taken || now > before+sent {
			t.Fatalf("round %d: %d batches are there, want %d to %d", round, now, before+taken, before+sent)
		} else {
			before = now
		}
	}
	// A part that is in memory only would show here.
	_ = process.Kill()
	process = start()
	if now := rows(); now != before {
		t.Errorf("%d batches after one more start, want %d", now, before)
	}
	t.Logf("%d of %d batches are there; the engine ended itself %d times", before, batch, endings)
}

const freeSize = "size=1g"

// fill shrinks a file system to what it holds and a little more.
func fill(t *testing.T, disk string, extra uint64) {
	t.Helper()
	for ; ; extra += 64 << 10 {
		var s unix.Statfs_t
		if err := unix.Statfs(disk, &s); err != nil {
			t.Fatal(err)
		}
		used := (s.Blocks - s.Bfree) * uint64(s.Bsize)
		if err := unix.Mount("small", disk, "tmpfs", unix.MS_REMOUNT, fmt.Sprintf("size=%d", used+extra)); err == nil {
			return
		} else if extra > 256<<20 {
			t.Fatal(err)
		}
	}
}
