package state

import (
	"context"
	"sync"
)

const (
	// reclaimBytes is how much of a removed range must lie on the disk to be worth a compaction of its own, which may take
	// neighbours along: so much each owner of a partition may have on the disk for nothing.
	reclaimBytes = 4 << 20
	// reclaimQueue bounds the removed ranges that wait for it; what does not fit stays until compactions come by themselves, or until
	// the range is removed again: expiry begins at the very first key each time.
	reclaimQueue = 1024
)

// reclaimer frees the disk of removed ranges, one after the other in a goroutine of its own. Pebble drops whole tables under a
// removed range by itself, but none of level 0, where the state of a quiet processor lies for weeks.
type reclaimer struct {
	ranges chan keyRange
	stop   context.CancelFunc
	done   sync.WaitGroup
}

func (s *Store) startReclaiming() {
	ctx, stop := context.WithCancel(context.Background())
	s.reclaim.ranges, s.reclaim.stop = make(chan keyRange, reclaimQueue), stop
	s.reclaim.done.Go(func() {
		for r := range s.reclaim.ranges {
			if ctx.Err() != nil {
				return
			}
			bytes, err := s.db.EstimateDiskUsage(r.low, r.high)
			if err == nil && bytes >= reclaimBytes {
				err = s.db.Compact(ctx, r.low, r.high, false)
			}
			if err != nil && ctx.Err() == nil {
				s.opts.Logger.Errorf("freeing the disk of removed state: %v", err) // it is freed later
			}
		}
	})
}

// reclaimLater hands over ranges that a batch has removed. The memory stays the caller's no longer.
func (s *Store) reclaimLater(ranges []keyRange) {
	for _, r := range ranges {
		select {
		case s.reclaim.ranges <- r:
		default:
			return
		}
	}
}

// stopReclaiming ends the goroutine. No partition may be in use any more.
func (s *Store) stopReclaiming() {
	s.reclaim.stop()
	close(s.reclaim.ranges)
	s.reclaim.done.Wait()
}
