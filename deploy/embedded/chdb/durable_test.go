package chdb

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Who asks while a sync runs must not be content with it: it began before its writes.
func TestSyncerSharesLaterSyncsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var began atomic.Int64
		failure := errors.New("the disk is gone")
		s := &syncer{sync: func(*os.File) error {
			n := began.Add(1)
			time.Sleep(time.Second)
			if n == 3 {
				return failure
			}
			return nil
		}}
		var all sync.WaitGroup
		all.Go(func() {
			if err := s.wait(); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		start := time.Now()
		for range 50 {
			all.Go(func() {
				if err := s.wait(); err != nil || time.Since(start) != 2*time.Second {
					t.Errorf("returned %v after %s", err, time.Since(start))
				}
			})
		}
		all.Wait()
		if n := began.Load(); n != 2 {
			t.Errorf("%d syncs for 51 callers, want 2", n)
		}
		if err := s.wait(); !errors.Is(err, failure) {
			t.Errorf("a failed sync: %v", err)
		}
		if err := s.wait(); err != nil {
			t.Errorf("the sync after a failed one: %v", err)
		}
	})
	if err := (*syncer)(nil).wait(); err != nil {
		t.Error(err)
	}
}
