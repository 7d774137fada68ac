package ingest

import (
	"context"
	"sync"
	"sync/atomic"
)

// landed are records of which the spool has a copy because Kafka was late, and Kafka took them after all. Draining leaves
// them out. It is kept in memory: after a crash they are sent a second time, which is why the spool's copy says that it is one.
type landed struct {
	// unsettled counts the records whose request gave up and of which the client does not know yet what became.
	unsettled atomic.Int64
	// settled is told when the count falls to 0.
	settled chan struct{}

	mu  sync.Mutex
	ids map[landedID]struct{}
	// most is maxLanded.
	most int
}

type landedID struct {
	topic topic
	id    string
}

// maxLanded bounds the memory, about 16 MiB; what does not fit is sent a second time.
const maxLanded = 100_000

// expect is called before the record is given to the spool, so that whoever reads it there waits.
func (l *landed) expect() { l.unsettled.Add(1) }

// settle is called by the last owner of an unsettled delivery.
func (l *landed) settle(d *delivery, err error) {
	if err == nil && d.kept {
		id := d.id
		if len(id) == 0 {
			id = d.key
		}
		l.mu.Lock()
		if l.ids == nil {
			l.ids = map[landedID]struct{}{}
		}
		if len(l.ids) < l.most {
			l.ids[landedID{d.topic, string(id)}] = struct{}{}
		}
		l.mu.Unlock()
	}
	if l.unsettled.Add(-1) == 0 {
		select {
		case l.settled <- struct{}{}:
		default:
		}
	}
}

// await waits until nothing is unsettled and answers true, or false when ctx is done before.
func (l *landed) await(ctx context.Context) bool {
	for l.unsettled.Load() > 0 {
		select {
		case <-ctx.Done():
			return false
		case <-l.settled:
		}
	}
	return true
}

// take tells whether a record of the spool has landed, and forgets it.
func (l *landed) take(t topic, id []byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.ids) == 0 {
		return false
	}
	key := landedID{t, string(id)}
	_, ok := l.ids[key]
	delete(l.ids, key)
	return ok
}

// forget is called when the spool is empty: what is left was refused by its disk.
func (l *landed) forget() {
	l.mu.Lock()
	clear(l.ids)
	l.mu.Unlock()
}
