package chdb

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"
)

func TestAwaitPredecessor(t *testing.T) {
	dir := t.TempDir()
	for _, free := range []string{dir, filepath.Join(dir, "not there yet")} {
		if err := AwaitPredecessor(t.Context(), free, time.Minute); err != nil {
			t.Errorf("nobody holds %s: %v", free, err)
		}
	}
	unlock, err := lockDirectory(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := AwaitPredecessor(t.Context(), dir, time.Millisecond); !errors.Is(err, ErrLocked) {
		t.Errorf("a directory that is not given up: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := AwaitPredecessor(ctx, dir, time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("nobody waits any more: %v", err)
	}
	done := make(chan error)
	go func() { done <- AwaitPredecessor(t.Context(), dir, time.Minute) }()
	select {
	case err := <-done:
		t.Fatalf("it did not wait: %v", err)
	case <-time.After(3 * predecessorTick):
	}
	unlock()
	if err := <-done; err != nil {
		t.Errorf("the predecessor has ended: %v", err)
	}
	if unlock, err = lockDirectory(dir); err != nil {
		t.Fatalf("the directory after the wait: %v", err)
	}
	unlock()
}
