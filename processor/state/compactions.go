package state

import (
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// compactions lets as many of Pebble's compactions run as Pebble itself allows, but none before the database is open: Pebble's
// own scheduler begins one during Open when a crash has left enough in level 0, and Open then waits for all of it, which is seconds
// with a large state. Unlike that scheduler it has no ticker: what may change its mind (a flush, a compaction's end) tells it.
//
// It follows pebble.CompactionScheduler's rule for locks: Pebble calls TrySchedule and UpdateGetAllowedWithoutPermission while it holds its own
// mutex, so what calls back into Pebble runs in a goroutine of its own.
type compactions struct {
	db pebble.DBForCompaction // set before any other call

	mu       sync.Mutex
	running  int
	released bool
	closed   bool
	// granting: a goroutine offers compactions to Pebble; again: it has to look once more.
	granting, again bool
	granters        sync.WaitGroup
}

// Register is Pebble's.
func (c *compactions) Register(_ int, db pebble.DBForCompaction) { c.db = db }

// Unregister returns when nothing of this calls Pebble any more.
func (c *compactions) Unregister() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.granters.Wait()
}

// TrySchedule is Pebble's question whether a compaction may begin now.
func (c *compactions) TrySchedule() (bool, pebble.CompactionGrantHandle) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.mayRun() {
		return false, nil
	}
	c.running++
	return true, c
}

// mayRun needs c.mu.
func (c *compactions) mayRun() bool {
	return c.released && !c.closed && c.running < c.db.GetAllowedWithoutPermission()
}

// UpdateGetAllowedWithoutPermission hears that more may be allowed than before.
func (c *compactions) UpdateGetAllowedWithoutPermission() { c.offer() }

// release is called once the database is open.
func (c *compactions) release() {
	c.mu.Lock()
	c.released = true
	c.mu.Unlock()
	c.offer()
}

// offer has Pebble begin what it could not begin when it asked.
func (c *compactions) offer() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.mayRun() {
		return
	}
	if c.granting {
		c.again = true
		return
	}
	c.granting = true
	c.granters.Go(c.grant)
}

func (c *compactions) grant() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.mayRun() {
		c.again = false
		c.running++ // before Pebble knows: the compaction may end before Schedule returns
		c.mu.Unlock()
		waiting, _ := c.db.GetWaitingCompaction()
		begun := waiting && c.db.Schedule(c)
		c.mu.Lock()
		if begun {
			continue
		}
		c.running--
		if !c.again {
			break
		}
	}
	c.granting = false
}

// Started is not used.
func (c *compactions) Started() {}

// MeasureCPU is not used.
func (c *compactions) MeasureCPU(pebble.CompactionGoroutineKind) {}

// CumulativeStats is not used.
func (c *compactions) CumulativeStats(pebble.CompactionGrantHandleStats) {}

// Done makes room for another one.
func (c *compactions) Done() {
	c.mu.Lock()
	c.running--
	c.mu.Unlock()
	c.offer()
}
