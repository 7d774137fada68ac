package ingest

import (
	"errors"
	"testing"
	"time"

	"tributary/ingest/spool"
)

// An edge is not ready while its disk is at a batch for longer than a request may wait and Kafka confirms nothing either,
// and ready again once either has answered: without a request, of which it gets none.
func TestAnEdgeWhoseDiskHangsIsNotReady(t *testing.T) {
	p := &producer{ackTimeout: time.Millisecond}
	waits := func(b *spool.Batch) error {
		return p.waitSpool(&delivery{producer: p, batch: b, sent: time.Now(), timer: time.NewTimer(time.Hour)})
	}
	if err := waits(new(spool.Batch)); !errors.Is(err, spool.ErrBusy) { // which is never done
		t.Fatal(err)
	}
	if err := diskError(p.diskLate.Load(), 7*time.Second); !errors.Is(err, spool.ErrBusy) {
		t.Errorf("a disk that hangs: %v", err)
	}
	if err := diskError(p.diskLate.Load(), 0); err != nil {
		t.Errorf("the disk has answered: %v", err)
	}
	d := &delivery{producer: p, wake: make(chan struct{}, 1)}
	d.wake <- struct{}{}
	d.state.Store(stateSettled)
	if late, err := p.waitKafka(d); late || err != nil {
		t.Fatal(late, err)
	}
	if err := diskError(p.diskLate.Load(), 7*time.Second); err != nil {
		t.Errorf("Kafka confirms again: %v", err)
	}
}
