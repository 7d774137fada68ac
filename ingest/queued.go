package ingest

import (
	"sync"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"

	"tributary/ingest/spool"
)

// queuedCells is how many cells the clicks share, 4 bytes each. When two share one, the postbacks of either wait for the other's.
const queuedCells = 1 << 17

// queued tells which clicks have postbacks in the spool: those of others may go to Kafka past it. It may say yes where no is right, never
// the other way round.
type queued struct {
	cells []atomic.Uint32
	// inherited: an earlier process left postbacks in the spool, of nobody knows which clicks.
	inherited atomic.Bool

	// mu makes one step of a change of the spool and of what is said of it here.
	mu    sync.Mutex
	total int64
}

func newQueued(s *spool.Spool) *queued {
	q := &queued{cells: make([]atomic.Uint32, queuedCells)}
	q.inherited.Store(s.Pending())
	return q
}

func (q *queued) cell(click []byte) *atomic.Uint32 {
	return &q.cells[xxhash.Sum64(click)%queuedCells]
}

func (q *queued) has(click []byte) bool {
	return q.inherited.Load() || q.cell(click).Load() > 0
}

// submit gives the spool a postback, whose key is its click.
func (q *queued) submit(s *spool.Spool, r *spool.Record) (*spool.Batch, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	batch, err := s.Submit(r)
	if err == nil {
		q.cell(r.Key).Add(1)
		q.total++
	}
	return batch, err
}

// done says that Kafka has the entries, which are the spool's oldest.
func (q *queued) done(s *spool.Spool, entries []spool.Entry) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range entries {
		e := &entries[i]
		if s.Inherited(e) {
			continue
		}
		q.inherited.Store(false)
		if t, _ := topicOf(e.Topic); t == topicPostbacks && q.total > 0 {
			if c := q.cell(e.Key); c.Load() > 0 {
				c.Add(^uint32(0))
				q.total--
			}
		}
	}
	s.Done(len(entries))
	if s.Pending() {
		return
	}
	q.inherited.Store(false)
	if q.total > 0 { // of postbacks that the disk refused, or lost
		for i := range q.cells {
			q.cells[i].Store(0)
		}
		q.total = 0
	}
}
