package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"
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
	// requeueEvery is how often the folder aside is looked at for records that a person wants tried again,
	// requeueWindow how many are tried before the spool goes on.
	requeueEvery  = time.Second
	requeueWindow = 100
	// corruptTries is how often a record that is alone in its batch is called corrupt before that is believed: the
	// network may have been it.
	corruptTries = 3
)

// drainer moves the spool's records to Kafka, oldest first. Its client has no time limits and keeps the order of a
// partition over every error that passes; a window that failed is sent again before anything behind it.
//
// What Kafka says no to is a batch, for one record of it: the batch is halved until that one is alone, and it alone
// is set aside. No two postbacks of one click are sent at once, so that neither overtakes the other while a batch is
// halved, whatever batches the client makes of what it is given.
type drainer struct {
	producer *producer
	spool    *spool.Spool
	log      *zap.Logger
	connect  func() (*kgo.Client, error)
	// reachable tells whether Kafka answers.
	reachable func() bool
	client    *kgo.Client
	// had are the places of those of the window that Kafka has, when the window could not be drained to its end;
	// doubtful: it may have others of them too.
	had      map[spool.Place]struct{}
	doubtful bool

	// One slot a record of the window, its promise made once.
	slots []slot
	on    sync.WaitGroup
	// todo are the records of the window that are still to be sent, now those that are sent at once.
	todo, now []int
	// clicks are those of the postbacks among now, hashed.
	clicks map[uint64]struct{}
	// confirmed are, by their index in the window, those that Kafka has.
	confirmed []bool
	// batchBytes bounds what is sent at once, so that it can be one batch for each partition.
	batchBytes int
	// looked is when the folder aside was looked at.
	looked time.Time
}

type slot struct {
	record  kgo.Record
	promise func(*kgo.Record, error)
	err     error
}

func newDrainer(cfg *Config, deps *Deps, p *producer, log *zap.Logger, reachable func() bool) *drainer {
	d := &drainer{producer: p, spool: p.spool, log: log, reachable: reachable, slots: make([]slot, drainWindow),
		batchBytes: cfg.BatchBytes - batchRoom,
		connect: func() (*kgo.Client, error) {
			return kgo.NewClient(append(produceOptions(cfg, deps),
				kgo.UnknownTopicRetries(-1),
				kgo.MaxBufferedRecords(2*drainWindow),
				kgo.MaxBufferedBytes(max(cfg.BufferBytes, 2*cfg.BatchBytes)),
				// A batch is what was handed over before the flush, not what had come when the client's goroutine
				// looked.
				kgo.ManualFlushing(),
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
		err := d.requeue(ctx)
		if err == nil {
			err = d.next(ctx)
		}
		if err != nil && ctx.Err() == nil {
			d.log.Error("ingest: the spool cannot be drained; trying again", zap.Error(err), zap.Int64("records", d.spool.Depth().Records))
			pause(ctx, drainPause)
		}
	}
}

// next drains one window, if there is one within requeueEvery.
func (d *drainer) next(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, requeueEvery)
	entries, err := d.spool.Next(limited, drainWindow)
	cancel()
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	if err == nil {
		err = d.drain(ctx, entries)
	}
	return err
}

// connected makes the client at its first use.
func (d *drainer) connected() error {
	if d.client != nil {
		return nil
	}
	var err error
	if d.client, err = d.connect(); err != nil {
		return fmt.Errorf("making the kafka producer of the spool: %w", err)
	}
	return nil
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
	if err := d.connected(); err != nil {
		return err
	}
	// The window was read before, so that whatever of it may still land has been announced.
	if err := d.settle(ctx); err != nil {
		return err
	}
	d.todo, d.confirmed = d.todo[:0], append(d.confirmed[:0], make([]bool, len(entries))...)
	for i := range entries {
		t, known := topicOf(entries[i].Topic)
		_, had := d.had[entries[i].Place()]
		switch {
		case had:
			d.confirmed[i] = true
		case !known:
			if err := d.spool.SetAside(&entries[i], errNoTopic); err != nil {
				return err
			}
		case d.producer.landed.take(t, entries[i].ID):
			d.producer.metrics.landed.Inc()
		default:
			d.todo = append(d.todo, i)
		}
	}
	for len(d.todo) > 0 {
		d.chooseNow(entries)
		if err := d.deliver(ctx, entries, d.now, d.doubtful); err != nil {
			d.remember(entries)
			return err
		}
	}
	clear(d.had)
	d.doubtful = false
	d.producer.queued.done(d.spool, entries)
	if !d.spool.Pending() {
		d.producer.landed.forget()
	}
	return nil
}

// remember keeps what of a window is not to be sent again when the window is read again.
func (d *drainer) remember(entries []spool.Entry) {
	if d.had == nil {
		d.had = map[spool.Place]struct{}{}
	}
	for i, confirmed := range d.confirmed {
		if confirmed {
			d.had[entries[i].Place()] = struct{}{}
		}
	}
	d.doubtful = true
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

const (
	// batchRoom is what a batch has beside its records, and more; recordRoom the same for a record.
	batchRoom, recordRoom = 512, 64
)

// chooseNow moves from todo to now what is sent at once: what surely fits into one batch if it should all be for one
// partition, at least one record, and of each click's postbacks only the oldest. A batch that Kafka refuses fails with
// those of its partition that the client has behind it, be they in Kafka or not, and what the client is given
// meanwhile goes on.
func (d *drainer) chooseNow(entries []spool.Entry) {
	if d.clicks == nil {
		d.clicks = map[uint64]struct{}{}
	}
	clear(d.clicks)
	d.now = d.now[:0]
	later, bytes := d.todo[:0], 0
	for n, i := range d.todo {
		e := &entries[i]
		size := len(e.Key) + len(e.Value) + len(resentField) + recordRoom
		if n > 0 && bytes+size > d.batchBytes {
			later = append(later, d.todo[n:]...)
			break
		}
		if t, _ := topicOf(e.Topic); t == topicPostbacks {
			click := xxhash.Sum64(e.Key)
			if _, sent := d.clicks[click]; sent {
				later = append(later, i)
				continue
			}
			d.clicks[click] = struct{}{}
		}
		bytes += size
		d.now = append(d.now, i)
	}
	d.todo = later
}

// deliver gets the records of the list to Kafka, or aside. doubtful: Kafka may have some of them, although it said no.
func (d *drainer) deliver(ctx context.Context, entries []spool.Entry, list []int, doubtful bool) error {
	for corrupt := 0; len(list) > 0; {
		left, why, err := d.send(ctx, entries, list, doubtful)
		if err != nil {
			return err
		}
		list = left
		switch {
		case len(list) == 0:
		case !isAboutBatch(why):
			doubtful = true
			d.log.Warn("ingest: kafka refuses records of the spool; trying again", zap.Int("records", len(list)), zap.Error(why))
			if pause(ctx, drainPause); ctx.Err() != nil {
				return ctx.Err()
			}
		case len(list) > 1:
			// The client may have made several batches of a partition's, and says of all what Kafka said of one.
			doubtful = true
			half := len(list) / 2
			if err := d.deliver(ctx, entries, list[:half], doubtful); err != nil {
				return err
			}
			list = list[half:]
		case errors.Is(why, kerr.CorruptMessage) && corrupt < corruptTries-1:
			corrupt++
			if pause(ctx, drainPause); ctx.Err() != nil {
				return ctx.Err()
			}
		default:
			if err := d.spool.SetAside(&entries[list[0]], why); err != nil {
				return err
			}
			list = nil
		}
	}
	return nil
}

// send tries the list once. left is what Kafka said no to, in order and in the list's memory; why is about a batch
// only if that is so for all of them.
func (d *drainer) send(ctx context.Context, entries []spool.Entry, list []int, doubtful bool) (left []int, why, err error) {
	began := time.Now()
	for n, i := range list {
		e := &entries[i]
		t, _ := topicOf(e.Topic)
		value := e.Value
		if doubtful || d.spool.Inherited(e) {
			value = resent(t, value)
		}
		d.slots[n].record = kgo.Record{Topic: d.producer.names[t], Key: e.Key, Value: value, Timestamp: time.UnixMilli(e.TimeMS)}
	}
	if err := d.flush(ctx, len(list)); err != nil {
		return nil, nil, err
	}
	left = list[:0]
	for n, i := range list {
		err := d.slots[n].err
		if err == nil {
			d.confirmed[i] = true
			continue
		}
		left = append(left, i)
		if why == nil || !isAboutBatch(err) {
			why = err
		}
	}
	if why == nil && time.Since(began) < d.producer.kafkaBound() {
		d.producer.prompt.Store(true)
	}
	return left, why, ctx.Err()
}

// flush hands the first n slots to Kafka and waits for what became of them.
func (d *drainer) flush(ctx context.Context, n int) error {
	d.on.Add(n)
	for i := range n {
		d.client.Produce(ctx, &d.slots[i].record, d.slots[i].promise)
	}
	confirmed := make(chan struct{})
	go func() {
		_ = d.client.Flush(ctx) // it fails only with ctx
		d.on.Wait()
		close(confirmed)
	}()
	select {
	case <-confirmed:
		return nil
	case <-ctx.Done():
		// What is on its way keeps its memory until the client lets go.
		d.client.Close()
		<-confirmed
		return ctx.Err()
	}
}

// requeue tries again what a person wants tried again, one by one.
func (d *drainer) requeue(ctx context.Context) error {
	if time.Since(d.looked) < requeueEvery {
		return nil
	}
	d.looked = time.Now()
	for _, name := range d.spool.Requeued(requeueWindow) {
		f, err := d.spool.ReadRequeued(name)
		if err != nil {
			return err
		}
		if f == nil {
			continue
		}
		if err := d.retry(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// retry sends one record that was set aside. Its own time may be what Kafka refused, and it counts for nothing: the
// event has its times.
func (d *drainer) retry(ctx context.Context, f *spool.AsideFile) error {
	t, known := topicOf(f.Record.Topic)
	if !known {
		return d.spool.EndRequeued(f, errNoTopic)
	}
	if err := d.connected(); err != nil {
		return err
	}
	d.slots[0].record = kgo.Record{Topic: d.producer.names[t], Key: f.Record.Key, Value: resent(t, f.Record.Value), Timestamp: time.Now()}
	if err := d.flush(ctx, 1); err != nil {
		return err
	}
	err := d.slots[0].err
	if err != nil && !isAboutBatch(err) {
		return fmt.Errorf("requeueing %s: %w", f.Name, err)
	}
	return d.spool.EndRequeued(f, err)
}

var errNoTopic = errors.New("the edge has no such topic")

// isAboutBatch tells of what Kafka says to a batch because of a record in it, or of the batch's size: no later try of
// the same batch would do, others in it may be good. CORRUPT_MESSAGE is among them because brokers before 2.4 say so
// to a record without a key for a compacted topic.
func isAboutBatch(err error) bool {
	for _, code := range []*kerr.Error{kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.InvalidRecord, kerr.InvalidTimestamp, kerr.CorruptMessage} {
		if errors.Is(err, code) {
			return true
		}
	}
	return false
}
