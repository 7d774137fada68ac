package ingest

import (
	"context"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// maxSingles bounds the records that wait to be tried singly; more are answered 503 as they are.
const maxSingles = 1024

// singly tries records once more, one by one, whose batch Kafka refused for one of them: the others are not to be
// answered 503 for a neighbour. It is for an edge without a spool; with one the spool takes them all, and draining
// finds out which it was.
type singly struct {
	ended chan struct{}

	mu     sync.Mutex
	queue  chan *delivery // nil where there is none
	closed bool
}

func (s *singly) start(client *kgo.Client) {
	s.queue, s.ended = make(chan *delivery, maxSingles), make(chan struct{})
	queue := s.queue
	go func() {
		defer close(s.ended)
		settled := make(chan struct{}, 1)
		for d := range queue {
			// Kafka may have it: the client says of all batches that it has for a partition what Kafka said of one.
			old := &d.record
			d.record = kgo.Record{Topic: old.Topic, Key: old.Key, Value: resent(d.topic, old.Value), Timestamp: old.Timestamp}
			client.TryProduce(context.Background(), &d.record, func(r *kgo.Record, err error) {
				d.finish(r, err)
				settled <- struct{}{}
			})
			<-settled
		}
	}()
}

// take tells whether the record will be tried again. The client's promise calls it, so it does not block.
func (s *singly) take(d *delivery, err error) bool {
	if d.alone || !isAboutBatch(err) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queue == nil || s.closed {
		return false
	}
	d.alone = true
	select {
	case s.queue <- d:
		return true
	default:
		return false
	}
}

// stop is called when the client is closed, so that nothing waits for Kafka any more.
func (s *singly) stop() {
	if s.queue == nil {
		return
	}
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	close(s.queue)
	<-s.ended
}
