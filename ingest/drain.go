package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"tributary/ingest/spool"
)

const (
	// drainWindow is how many records of the spool are on their way to Kafka at once. All are confirmed before the next.
	drainWindow = 2000
	// settleLimit is how long draining waits, while Kafka answers, to learn what became of records that requests gave up on.
	// That takes well under a second; past it they are taken for lost, and are there twice at worst.
	settleLimit = 30 * time.Second
	// drainPause is between two tries of what Kafka or the disk refused.
	drainPause = time.Second
)

// drainer moves the spool's records to Kafka, oldest first. Its client has no time limits and keeps the order of a partition
// over every error that passes; a window that failed is sent again before anything behind it.
type drainer struct {
	producer *producer
	spool    *spool.Spool
	log      *zap.Logger
	connect  func() (*kgo.Client, error)
	// reachable tells whether Kafka answers.
	reachable func() bool
	client    *kgo.Client
	// doubtful: Kafka may have what is still to do, although it said no.
	doubtful bool

	// One slot a record of the window, its promise made once.
	slots []slot
	on    sync.WaitGroup
	todo  []int
}

type slot struct {
	record  kgo.Record
	promise func(*kgo.Record, error)
	err     error
}

func newDrainer(cfg *Config, deps *Deps, p *producer, log *zap.Logger, reachable func() bool) *drainer {
	d := &drainer{producer: p, spool: p.spool, log: log, reachable: reachable, slots: make([]slot, drainWindow),
		connect: func() (*kgo.Client, error) {
			return kgo.NewClient(append(produceOptions(cfg, deps),
				kgo.UnknownTopicRetries(-1),
				kgo.MaxBufferedRecords(2*drainWindow),
			)...)
		}}
	for i := range d.slots {
		s := &d.slots[i]
		s.promise = func(_ *kgo.Record, err error) { s.err = err; d.on.Done() }
	}
	return d
}

// run drains until ctx is done.
func (d *drainer) run(ctx context.Context) {
	defer func() {
		if d.client != nil {
			d.client.Close()
		}
	}()
	for ctx.Err() == nil {
		entries, err := d.spool.Next(ctx, drainWindow)
		if err == nil {
			err = d.drain(ctx, entries)
		}
		if err != nil && ctx.Err() == nil {
			d.log.Error("ingest: the spool cannot be drained; trying again", zap.Error(err), zap.Int64("records", d.spool.Depth().Records))
			pause(ctx, drainPause)
		}
	}
}

// pause waits, unless ctx is done before.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// drain gets one window to Kafka.
func (d *drainer) drain(ctx context.Context, entries []spool.Entry) error {
	if d.client == nil {
		var err error
		if d.client, err = d.connect(); err != nil {
			return fmt.Errorf("making the kafka producer of the spool: %w", err)
		}
	}
	// The window was read before, so that whatever of it may still land has been announced.
	if err := d.settle(ctx); err != nil {
		return err
	}
	d.todo = d.todo[:0]
	for i := range entries {
		t, known := topicOf(entries[i].Topic)
		switch {
		case !known:
			if err := d.spool.SetAside(&entries[i], errors.New("the edge has no such topic")); err != nil {
				return err
			}
		case d.producer.landed.take(t, entries[i].ID):
			d.producer.metrics.landed.Inc()
		default:
			d.todo = append(d.todo, i)
		}
	}
	for len(d.todo) > 0 {
		if err := d.send(ctx, entries); err != nil {
			return err
		}
	}
	d.producer.queued.done(d.spool, entries)
	if !d.spool.Pending() {
		d.producer.landed.forget()
	}
	return nil
}

// settle waits until it is known what became of the records that requests gave up on.
func (d *drainer) settle(ctx context.Context) error {
	for {
		before := d.reachable()
		limited, cancel := context.WithTimeout(ctx, settleLimit)
		settled := d.producer.landed.await(limited)
		cancel()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case settled:
			return nil
		case before && d.reachable():
			d.log.Warn("ingest: kafka answers, but not what became of records that requests gave up on; the spool's copies are sent",
				zap.Int64("records", d.producer.landed.unsettled.Load()))
			return nil
		}
	}
}

// resentField is `resent: true` of Impression and LandingClick (schemas/proto): field 50, a varint, which is 1.
var resentField = []byte{50<<3&0x7f | 0x80, 50 << 3 >> 7, 1}

// resent marks an event that Kafka may have already, where nobody before the loader would know it again. A field at the end of a
// message has precedence.
func resent(t topic, value []byte) []byte {
	if t != topicImpressions && t != topicLandingClicks {
		return value
	}
	return append(value[:len(value):len(value)], resentField...)
}

func topicOf(name string) (topic, bool) {
	for t, n := range topicNames {
		if n == name {
			return topic(t), true
		}
	}
	return 0, false
}

// send tries what is still to do once, and leaves in todo what has to be tried again, in order.
func (d *drainer) send(ctx context.Context, entries []spool.Entry) error {
	began := time.Now()
	d.on.Add(len(d.todo))
	for n, i := range d.todo {
		e, s := &entries[i], &d.slots[n]
		t, _ := topicOf(e.Topic)
		value := e.Value
		if d.doubtful || d.spool.Inherited(e) {
			value = resent(t, value)
		}
		s.record = kgo.Record{Topic: d.producer.names[t], Key: e.Key, Value: value, Timestamp: time.UnixMilli(e.TimeMS)}
		d.client.Produce(ctx, &s.record, s.promise)
	}
	confirmed := make(chan struct{})
	go func() { d.on.Wait(); close(confirmed) }()
	select {
	case <-confirmed:
	case <-ctx.Done():
		// What is on its way keeps its memory until the client lets go.
		d.client.Close()
		<-confirmed
		return ctx.Err()
	}
	var failed error
	again := d.todo[:0]
	for n, i := range d.todo {
		switch err := d.slots[n].err; {
		case err == nil:
		case refusedForGood(err):
			if err := d.spool.SetAside(&entries[i], err); err != nil {
				again, failed = append(again, i), err
			}
		default:
			again, failed = append(again, i), err
		}
	}
	d.todo = again
	// What Kafka said no to may have landed all the same.
	d.doubtful = failed != nil
	if failed == nil && time.Since(began) < d.producer.kafkaBound() {
		d.producer.prompt.Store(true)
	}
	if failed != nil {
		d.log.Warn("ingest: kafka refuses records of the spool; trying again", zap.Int("records", len(again)), zap.Error(failed))
		pause(ctx, drainPause)
	}
	return ctx.Err()
}

// refusedForGood tells of a record that no later try would get in.
func refusedForGood(err error) bool {
	for _, code := range []*kerr.Error{kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.InvalidRecord, kerr.InvalidTimestamp} {
		if errors.Is(err, code) {
			return true
		}
	}
	return false
}
