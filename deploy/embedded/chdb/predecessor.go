package chdb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// predecessorTick is how often AwaitPredecessor looks.
const predecessorTick = 20 * time.Millisecond

// AwaitPredecessor waits until no process holds the data directory any more, for at most limit. The child of a killed parent ends by itself,
// but only when its queries have ended and its tables are closed: until then it keeps directory and address, and a parent that is
// started again at once would fail on them. For a caller that knows that the directory is its own, whoever holds it is such a child. An error
// wraps ErrLocked, or is the context's.
func AwaitPredecessor(ctx context.Context, dataDir string, limit time.Duration) error {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	for {
		held, err := isHeld(filepath.Join(dataDir, lockFile))
		if err != nil || !held {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-deadline.C:
			owner, _ := os.ReadFile(filepath.Join(dataDir, lockFile)) // only to be told
			return fmt.Errorf("waiting %s for the engine of an earlier run to end: opening %s: %w (number %s): stop that one", limit, dataDir, ErrLocked, strings.TrimSpace(string(owner)))
		case <-time.After(predecessorTick):
		}
	}
}

// isHeld tells whether a process holds the lock; a directory or file that does not exist is held by nobody.
func isHeld(path string) (bool, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking at the lock of the data directory: %w", err)
	}
	defer file.Close()
	// Shared: two who only look do not see each other.
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking at the lock of the data directory: %w", err)
	}
	return false, nil
}
