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
	topics
)

var topicNames = [topics]string{schemas.TopicClicks, schemas.TopicPostbacks, schemas.TopicAnomalies, schemas.TopicDeadLetters}

// producer hands records to Kafka and tells each request when its own are durable. It never blocks: what does not fit into
// its bounds is refused at once.
type producer struct {
	client     *kgo.Client
	names      [topics]string // with the deployment's prefix
	ackTimeout time.Duration
	metrics    *metrics
	pool       sync.Pool
}

// message is what vtproto generates for every event.
type message interface {
	SizeVT() int
	MarshalToSizedBufferVT([]byte) (int, error)
}

// delivery is one record on its way. Two own it after send: the request that waits, and the client's promise. Whoever lets
// go last returns it to the pool, so a request may give up while the client still reads key and value.
type delivery struct {
	producer *producer
	record   kgo.Record
	topic    topic
	key      []byte
	value    []byte
	// done holds the outcome; it has room for one, so that the promise never waits for the request.
	done    chan error
	owners  atomic.Int32
	timer   *time.Timer
	sent    time.Time
	promise func(*kgo.Record, error)
}

func newProducer(cfg *Config, deps *Deps, m *metrics) (*producer, error) {
	p := &producer{ackTimeout: cfg.AckTimeout, metrics: m}
	for i, name := range topicNames {
		p.names[i] = deps.TopicPrefix + name
	}
	p.pool.New = func() any {
		d := &delivery{producer: p, done: make(chan error, 1), timer: time.NewTimer(time.Hour)}
		d.timer.Stop()
		d.promise = d.finish
		return d
	}
	codec := kgo.NoCompression()
	if cfg.Compression == "lz4" {
		codec = kgo.Lz4Compression()
	}
	opts := append(append([]kgo.Opt(nil), deps.Kafka...),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.ProducerBatchCompression(codec),
		kgo.ProducerLinger(cfg.Linger),
		kgo.ProducerBatchMaxBytes(int32(cfg.BatchBytes)),
		kgo.MaxBufferedRecords(cfg.BufferRecords),
		kgo.MaxBufferedBytes(cfg.BufferBytes),
		// A record that no request waits for any more makes room. It was answered 503, so that its landing after all, or
		// twice when the sender tries again, breaks no promise: the processor counts each click ID and conversion once.
		kgo.RecordDeliveryTimeout(cfg.AckTimeout+cfg.Linger),
		kgo.ProduceRequestTimeout(cfg.AckTimeout),
		kgo.AllowIdempotentProduceCancellation(),
		// A leader that moved is found again while requests still wait: the client's own pauses grow to 2.5 s.
		kgo.RetryBackoffFn(backoff),
		kgo.MetadataMinAge(maxBackoff),
	)
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("making the kafka producer: %w", err)
	}
	p.client = client
	return p, nil
}

// maxBackoff is the longest pause between two tries of one request to Kafka.
const maxBackoff = 500 * time.Millisecond

// backoff doubles from 50 ms, with up to a quarter at random, so that edges do not come back all at once.
func backoff(tries int) time.Duration {
	pause := min(50*time.Millisecond<<min(tries, 8), maxBackoff)
	return pause - rand.N(pause/4)
}

// prepare answers a delivery for an event. The event may be reused at once: it is marshalled into the delivery's own
// buffer. key is copied; nil makes a record without a key.
func (p *producer) prepare(t topic, key []byte, event message) (*delivery, error) {
	d := p.pool.Get().(*delivery)
	d.topic = t
	d.key = append(d.key[:0], key...)
	size := event.SizeVT()
	if cap(d.value) < size {
		d.value = make([]byte, max(size, 512))
	}
	d.value = d.value[:size]
	if _, err := event.MarshalToSizedBufferVT(d.value); err != nil {
		p.pool.Put(d)
		return nil, fmt.Errorf("marshalling an event: %w", err)
	}
	return d, nil
}

// send hands the record to the client. It does not block. The record is stamped by the real clock, whatever the edge's is:
// the client's delivery timeout counts from there.
func (p *producer) send(d *delivery) {
	d.sent = time.Now()
	d.owners.Store(2)
	d.record = kgo.Record{Topic: p.names[d.topic], Value: d.value, Timestamp: d.sent}
	if len(d.key) > 0 {
		d.record.Key = d.key
	}
	p.metrics.produced[d.topic].bytes.Add(float64(len(d.value)))
	p.client.TryProduce(context.Background(), &d.record, d.promise)
}

// wait answers nil once the record is durable. Any error wraps errUnavailable or errFull: the record may still land later,
// but nobody was told that it did. wait gives the delivery away.
func (p *producer) wait(d *delivery) error {
	d.timer.Reset(p.ackTimeout)
	var err error
	select {
	case err = <-d.done:
		d.timer.Stop()
		if err == nil {
			p.metrics.produced[d.topic].ack.Observe(time.Since(d.sent).Seconds())
		}
	case <-d.timer.C:
		err = errUnavailable
		p.metrics.produced[d.topic].late.Inc()
	}
	d.release()
	return err
}

// finish is the client's promise. It runs on the client's one promise goroutine and must not block.
func (d *delivery) finish(_ *kgo.Record, err error) {
	if err != nil {
		m := &d.producer.metrics.produced[d.topic]
		if errors.Is(err, kgo.ErrMaxBuffered) {
			m.full.Inc()
			err = errFull
		} else {
			m.failed.Inc()
			err = fmt.Errorf("%w: %w", errUnavailable, err)
		}
	}
	d.done <- err
	d.release()
}

func (d *delivery) release() {
	if d.owners.Add(-1) > 0 {
		return
	}
	select {
	case <-d.done:
	default:
	}
	d.record = kgo.Record{}
	if cap(d.value) > keptBytes {
		d.value = nil
	}
	d.producer.pool.Put(d)
}

// close flushes what is still on its way, until ctx is done, and closes the client.
func (p *producer) close(ctx context.Context) error {
	err := p.client.Flush(ctx)
	p.client.Close()
	if err != nil {
		return fmt.Errorf("flushing records to kafka: %w", err)
	}
	return nil
}

// outlets are the metrics of one topic, bound once.
type outlets struct {
	bytes              prometheus.Counter
	ack                prometheus.Observer
	full, failed, late prometheus.Counter
}
