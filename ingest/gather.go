package ingest

import (
	"context"
	"sync"
	"time"
)

// gatherLimit is how many records gather at most, however short a time that took.
const gatherLimit = 1024

// gathering holds records back for one another's company: at most linger, and not at all the first after a pause, so that a
// lonely visitor does not wait. One goroutine then hands all of them to the client, in the order in which they came. The client's
// own linger makes the first after a pause wait too, and every request's goroutine takes the client's locks.
type gathering struct {
	linger time.Duration
	give   func(*delivery)

	// giving is held while records are given: none may overtake one that its own request sent before.
	giving sync.Mutex

	mu    sync.Mutex
	list  []*delivery
	spare []*delivery
	last  time.Time // records were given
	timer *time.Timer
	armed bool
}

func (g *gathering) start(linger time.Duration, give func(*delivery)) {
	g.linger, g.give = linger, give
	g.timer = time.AfterFunc(time.Hour, g.flush)
	g.timer.Stop()
}

// add takes a record that was sent now, by the real clock.
func (g *gathering) add(d *delivery) {
	g.mu.Lock()
	if !g.armed {
		since := d.sent.Sub(g.last)
		if since >= g.linger {
			g.last = d.sent
			g.mu.Unlock()
			g.giving.Lock()
			g.give(d)
			g.giving.Unlock()
			return
		}
		g.armed = true
		g.timer.Reset(g.linger - max(since, 0))
	}
	g.list = append(g.list, d)
	full := len(g.list) >= gatherLimit
	g.mu.Unlock()
	if full {
		g.flush()
	}
}

// flush gives the client all that gathered.
func (g *gathering) flush() {
	g.giving.Lock()
	defer g.giving.Unlock()
	g.mu.Lock()
	list := g.list
	g.list, g.spare = g.spare, nil
	g.armed, g.last = false, time.Now()
	g.mu.Unlock()
	for i, d := range list {
		g.give(d)
		list[i] = nil
	}
	g.mu.Lock()
	g.spare = list[:0]
	g.mu.Unlock()
}

// toClient hands a record to the Kafka client, which does not block.
func (p *producer) toClient(d *delivery) {
	p.client.TryProduce(context.Background(), &d.record, d.promise)
}
