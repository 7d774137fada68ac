package ingest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/ingest/privacy"
	"tributary/ingest/spool"
	"tributary/schemas"
)

// keptBytes is the largest buffer that goes back into a pool.
const keptBytes = 16 << 10

// topic is an index into the edge's topics.
type topic uint8

const (
	topicClicks topic = iota
	topicPostbacks
	topicAnomalies
	topicDeadLetters
	topicImpressions
	topicLandingClicks
	topics
)

var topicNames = [topics]string{schemas.TopicClicks, schemas.TopicPostbacks, schemas.TopicAnomalies, schemas.TopicDeadLetters, schemas.TopicImpressions, schemas.TopicLandingClicks}

// producer makes records durable, in Kafka or else in the spool, and tells each request when its own are. Handing over never
// blocks: what does not fit into the bounds is refused at once.
type producer struct {
	client     *kgo.Client
	names      [topics]string // with the deployment's prefix
	ackBound   time.Duration  // how long a request waits for Kafka
	ackTimeout time.Duration  // how long it waits in all
	metrics    *metrics
	pool       sync.Pool
	privacy    *privacy.Masker
	gathering  gathering
	overdue    overdue
	singly     singly

	// spool and queued are nil where there is none.
	spool  *spool.Spool
	queued *queued
	// prompt: since a record was last late, Kafka has confirmed records of the spool within the time that a request would wait.
	prompt atomic.Bool
	// landed has the records that are in the spool and that Kafka confirmed after all.
	landed landed
	// diskLate tells that the last request was refused that neither Kafka nor the spool's disk confirmed in time.
	diskLate toggle
}

// message is what vtproto generates for every event.
type message interface {
	SizeVT() int
	MarshalToSizedBufferVT([]byte) (int, error)
}

// delivery is one record on its way. Two own it after it was handed to the client: the request that waits, and the client's
// promise. Whoever lets go last returns it to the pool, so a request may give up while the client still reads key and value.
type delivery struct {
	producer *producer
	record   kgo.Record
	topic    topic
	key      []byte
	value    []byte
	// id names the event; empty when the key does.
	id []byte
	// batch is the spool's that has the record, refused why the spool did not take it; both nil when it went to the client only.
	batch   *spool.Batch
	refused error
	// offered: the wait for Kafka is over, or was spared; err is how it ended.
	offered bool
	err     error
	// unsettled: the request gave up waiting for Kafka, which may take the record all the same; kept: the spool has it, or may have.
	unsettled, kept bool
	// alone: the record is tried once more, because its batch was refused.
	alone bool
	// use counts what the delivery was used for, state is stateOpen, stateSettled or stateLate of that use.
	use   uint64
	state atomic.Uint64
	// wake is told once for each use when the state is not open any more. It has room, so that whoever tells never waits.
	wake chan struct{}
	// outcome is Kafka's; the promise writes it.
	outcome error
	owners  atomic.Int32
	timer   *time.Timer
	sent    time.Time
	promise func(*kgo.Record, error)
}

func newProducer(cfg *Config, deps *Deps, m *metrics, s *spool.Spool) (*producer, error) {
	p := &producer{ackBound: cfg.AckTimeout, ackTimeout: cfg.AckTimeout, metrics: m, spool: s, privacy: privacy.New(cfg.Privacy)}
	p.landed.settled, p.landed.most = make(chan struct{}, 1), maxLanded
	for i, name := range topicNames {
		p.names[i] = deps.TopicPrefix + name
	}
	p.pool.New = func() any {
		d := &delivery{producer: p, wake: make(chan struct{}, 1), timer: time.NewTimer(time.Hour)}
		d.timer.Stop()
		d.promise = d.finish
		return d
	}
	p.gathering.start(cfg.Linger, p.toClient)
	p.overdue.start(p.kafkaBound)
	opts := produceOptions(cfg, deps)
	if s == nil {
		opts = append(opts,
			// A record that no request waits for any more makes room. It was answered 503, so that its landing after all, or
			// twice when the sender tries again, breaks no promise: the processor counts each click ID and conversion once.
			kgo.RecordDeliveryTimeout(cfg.AckTimeout+cfg.Linger),
			kgo.AllowIdempotentProduceCancellation(),
		)
	} else {
		p.ackBound, p.queued = cfg.AckBound, newQueued(s)
		// A record that no request waits for is in the spool. Before it was sent it is forgotten here, the sooner the better;
		// once it was sent the client finds out what became of it, however long that takes, so that the spool sends it again
		// only if Kafka has not taken it.
		opts = append(opts, kgo.RecordDeliveryTimeout(max(cfg.AckBound+cfg.Linger, minDeliveryTimeout)))
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("making the kafka producer: %w", err)
	}
	p.client = client
	if s == nil {
		p.singly.start(client)
	}
	return p, nil
}

// clientLinger is over when all records that gathered, or a window of the spool's, were handed to the client, and no sooner: without
// it the first would go in a request of its own.
const clientLinger = time.Microsecond

// minDeliveryTimeout is the shortest that the Kafka client allows.
const minDeliveryTimeout = time.Second

// produceOptions are what the edge's producers share: durable, idempotent, and the same partition for a key.
func produceOptions(cfg *Config, deps *Deps) []kgo.Opt {
	codec := kgo.NoCompression()
	if cfg.Compression == "lz4" {
		codec = kgo.Lz4Compression()
	}
	return append(append([]kgo.Opt(nil), deps.Kafka...),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.ProducerBatchCompression(codec),
		kgo.ProducerLinger(clientLinger),
		kgo.ProducerBatchMaxBytes(int32(cfg.BatchBytes)),
		kgo.MaxBufferedRecords(cfg.BufferRecords),
		kgo.MaxBufferedBytes(cfg.BufferBytes),
		kgo.ProduceRequestTimeout(cfg.AckTimeout),
		// A leader that moved is found again while requests still wait: the client's own pauses grow to 2.5 s.
		kgo.RetryBackoffFn(backoff),
		kgo.MetadataMinAge(maxBackoff),
	)
}

// maxBackoff is the longest pause between two tries of one request to Kafka.
const maxBackoff = 500 * time.Millisecond

// backoff doubles from 50 ms, with up to a quarter at random, so that edges do not come back all at once.
func backoff(tries int) time.Duration {
	pause := min(50*time.Millisecond<<min(tries, 8), maxBackoff)
	return pause - rand.N(pause/4)
}

// prepare answers a delivery for an event. The event may be reused at once: it is marshalled into the delivery's own
// buffer, its address in the form that ingest.privacy says. key and id, the event's, are copied; a nil key makes a record
// without one, an empty id says that the key is it.
func (p *producer) prepare(t topic, key []byte, id string, event message) (*delivery, error) {
	d := p.pool.Get().(*delivery)
	d.topic = t
	d.key = append(d.key[:0], key...)
	d.id = append(d.id[:0], id...)
	size := event.SizeVT()
	if cap(d.value) < size {
		d.value = make([]byte, max(size, 512))
	}
	d.value = d.value[:size]
	ip, whole := hideAddress(p.privacy, event)
	_, err := event.MarshalToSizedBufferVT(d.value)
	copy(ip, whole[:])
	if err != nil {
		d.reset()
		p.pool.Put(d)
		return nil, fmt.Errorf("marshalling an event: %w", err)
	}
	return d, nil
}

// send hands the record to the client. While records wait in the spool it goes there too, for Kafka is late, or its order counts. It
// does not block. The record is stamped by the real clock, whatever the edge's is: the client's delivery timeout counts from there.
func (p *producer) send(d *delivery) {
	d.sent = time.Now()
	p.metrics.produced[d.topic].bytes.Add(float64(len(d.value)))
	if p.spool != nil && p.spool.Pending() && !(p.prompt.Load() && p.mayOvertake(d)) {
		d.owners.Store(1)
		d.offered = true
		p.keep(d, d.value)
		return
	}
	d.owners.Store(2)
	d.record = kgo.Record{Topic: p.names[d.topic], Value: d.value, Timestamp: d.sent}
	if len(d.key) > 0 {
		d.record.Key = d.key
	}
	d.open()
	p.gathering.add(d)
}

// mayOvertake tells whether a record may reach Kafka before those that wait in the spool. One word about a conversion may not overtake
// another; of everything else each record stands for itself. If all kept their order, an edge under load would never leave the spool:
// as long as one record waits there, the next one would have to.
func (p *producer) mayOvertake(d *delivery) bool {
	return d.topic != topicPostbacks || !p.queued.has(d.key)
}

// keep gives the record to the spool, with a value that may be marked as resent.
func (p *producer) keep(d *delivery, value []byte) {
	id := d.id
	if len(id) == 0 {
		id = d.key
	}
	r := spool.Record{Topic: topicNames[d.topic], ID: id, Key: d.key, Value: value, TimeMS: d.sent.UnixMilli()}
	if d.topic == topicPostbacks {
		d.batch, d.refused = p.queued.submit(p.spool, &r)
		return
	}
	d.batch, d.refused = p.spool.Submit(&r)
}

// wait answers nil once the record is durable. Any error wraps errUnavailable, errFull or one of the spool's: the record may
// still land later, but nobody was told that it did. wait gives the delivery away.
func (p *producer) wait(d *delivery) error {
	p.offer(d)
	err := d.err
	if d.refused != nil {
		err = d.refused
	} else if d.batch != nil {
		err = p.waitSpool(d)
		d.kept = err == nil || errors.Is(err, spool.ErrBusy) // the disk may be slow, and have it in the end
	}
	d.release()
	return err
}

// offer ends the wait for Kafka: the client has confirmed the record, or the spool was given it. A request with several
// records offers all before it waits for the first, so that they share the bound, and an fsync.
func (p *producer) offer(d *delivery) {
	if d.offered {
		return
	}
	d.offered = true
	var late bool
	if late, d.err = p.waitKafka(d); late {
		p.metrics.produced[d.topic].late.Inc()
	} else if d.err == nil {
		p.metrics.produced[d.topic].ack.Observe(time.Since(d.sent).Seconds())
		return
	}
	if p.spool == nil {
		return
	}
	p.prompt.Store(false)
	if late {
		d.unsettled = true
		p.landed.expect()
	}
	value := d.value
	if !errors.Is(d.err, errFull) {
		value = resent(d.topic, value) // the client has had it, and so may Kafka
	}
	p.keep(d, value)
}

// kafkaBound leaves of the bound what the spool's disk will take, so that the answer comes within it; at most half.
func (p *producer) kafkaBound() time.Duration {
	if p.spool == nil {
		return p.ackBound
	}
	// Twice: a batch may be under way when the record comes.
	return p.ackBound - min(2*p.spool.SyncTime(), p.ackBound/2)
}

// waitKafka waits for the client's promise, at most as long as a request may wait for Kafka. late says that it did not come.
func (p *producer) waitKafka(d *delivery) (late bool, err error) {
	if d.waits(d.use) {
		p.overdue.watch(d)
	}
	<-d.wake
	if d.state.Load() == d.use<<stateBits|stateLate {
		return true, errUnavailable
	}
	p.diskLate.clear()
	return false, d.outcome
}

// waitSpool waits for the disk for what is left of ack_timeout.
func (p *producer) waitSpool(d *delivery) error {
	d.timer.Reset(max(0, p.ackTimeout-time.Since(d.sent)))
	select {
	case <-d.batch.Done():
		d.timer.Stop()
		p.diskLate.clear()
		return d.batch.Err()
	case <-d.timer.C:
		p.diskLate.Store(true)
		return spool.ErrBusy
	}
}

// A toggle is asked by many and changed seldom.
type toggle struct{ atomic.Bool }

func (f *toggle) clear() {
	if f.Load() { // so that requests share the memory
		f.Store(false)
	}
}

// finish is the client's promise. It runs on the client's one promise goroutine and must not block.
func (d *delivery) finish(_ *kgo.Record, err error) {
	if err != nil {
		if d.producer.singly.take(d, err) {
			return
		}
		m := &d.producer.metrics.produced[d.topic]
		if errors.Is(err, kgo.ErrMaxBuffered) {
			m.full.Inc()
			err = errFull
		} else {
			m.failed.Inc()
			err = fmt.Errorf("%w: %w", errUnavailable, err)
		}
	}
	d.outcome = err
	d.end(d.use, stateSettled)
	d.release()
}

func (d *delivery) release() {
	if d.owners.Add(-1) > 0 {
		return
	}
	if d.unsettled {
		// The promise has let go, so that it left the outcome.
		d.producer.landed.settle(d, d.outcome)
	}
	d.reset()
	d.producer.pool.Put(d)
}

// reset forgets the record. What stays is memory, what a delivery is made with, and the count of its uses, by which
// those who remember an earlier use know that it is over.
func (d *delivery) reset() {
	select {
	case <-d.wake:
	default:
	}
	d.record, d.topic, d.sent = kgo.Record{}, 0, time.Time{}
	d.key, d.id, d.value = d.key[:0], d.id[:0], emptied(d.value)
	d.batch, d.refused, d.err, d.outcome = nil, nil, nil, nil
	d.offered, d.unsettled, d.kept, d.alone = false, false, false, false
}

// close flushes what is still on its way, until ctx is done, and closes the client. Where there is a spool, it has what is
// still on its way: a short wait spares sending that twice.
func (p *producer) close(ctx context.Context) error {
	if p.spool != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.ackBound)
		defer cancel()
	}
	p.gathering.flush()
	err := p.client.Flush(ctx)
	p.abandon()
	if err != nil {
		return fmt.Errorf("flushing records to kafka: %w", err)
	}
	return nil
}

// abandon closes the client. What is still on its way is lost to those who wait for it.
func (p *producer) abandon() {
	p.client.Close()
	p.singly.stop()
}

// outlets are the metrics of one topic, bound once.
type outlets struct {
	bytes              prometheus.Counter
	ack                prometheus.Observer
	full, failed, late prometheus.Counter
}
