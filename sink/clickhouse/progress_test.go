package clickhouse

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	dto "github.com/prometheus/client_model/go"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"tributary/schemas"
)

// TestAPauseIsNotToldAfterItsRelease: bytes are given back between the decision to pause a partition and the word to the client,
// wherever the code lets them. The partition is read on afterwards.
func TestAPauseIsNotToldAfterItsRelease(t *testing.T) {
	l, err := New(Defaults(), Deps{ClickHouse: &clickhouse.Options{Addr: []string{"127.0.0.1:1"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.client.Close()
		l.close()
	})
	o := newOwner(l, schemas.TopicScoredClicks, schemas.TopicScoredClicks, 3, nil)
	o.to = 0
	aligned := 0
	l.faults = func(at point, o *owner, _ plan) error {
		if at != pointPausing {
			return nil
		}
		aligned++
		if o.mu.TryLock() { // nothing keeps the owner's goroutine from releasing now
			o.mu.Unlock()
			o.release(100)
		}
		return nil
	}
	paused := func() bool { return len(l.client.PauseFetchPartitions(nil)[o.topic]) > 0 }
	o.deliver([]*kgo.Record{{Offset: 1, Value: bytes.Repeat([]byte("x"), 100)}}, 10)
	if o.mu.Lock(); o.held > 0 {
		o.mu.Unlock()
		if !paused() {
			t.Error("more than the limit is held, and the partition is not paused")
		}
		o.release(100)
	} else {
		o.mu.Unlock()
	}
	if aligned != 1 {
		t.Errorf("the pause was met %d times, want once", aligned)
	}
	if paused() || o.paused {
		t.Errorf("nothing is held, and the partition is paused: client %v, owner %v", paused(), o.paused)
	}
}

func (r *running) lag(t *testing.T, topic string, partition int) float64 {
	t.Helper()
	var m dto.Metric
	if err := r.loader.metrics.topics[topic].lag.WithLabelValues(fmt.Sprint(partition)).Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetGauge().GetValue()
}

// TestAPartitionThatStandsStillIsNotReady: an insert hangs, records come behind it, and the loader says which partition stands still,
// with how many records, and grows its lag although nothing is read.
func TestAPartitionThatStandsStillIsNotReady(t *testing.T) {
	p := newPipeline(t, 2)
	p.stallAfter = time.Second
	release := make(chan struct{})
	var hold sync.Once
	p.faults = func(at point, o *owner, _ plan) error {
		if at == pointPlanned && strings.HasSuffix(o.topic, schemas.TopicScoredClicks) && o.partition == 0 {
			hold.Do(func() { <-release })
		}
		return nil
	}
	p.adjust = func(l *Loader) { l.config.BufferedBytes, l.config.BatchBytes = 1, 1 } // one record at hand, the rest waits in Kafka
	clicks, _ := newEvents(1, 40, 0)                                                  // an insert each
	records := int64(0)
	for _, c := range clicks {
		value, err := c.MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		r := &kgo.Record{Topic: p.prefix + schemas.TopicScoredClicks, Key: []byte(c.ClickId), Value: value}
		if err := p.producer.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if r.Partition == 0 {
			records++
		}
	}
	r := p.start()
	begins := fmt.Sprintf("%s%s/0 stands still at offset 0 since ", p.prefix, schemas.TopicScoredClicks)
	ends := fmt.Sprintf(" while %d records wait in it", records)
	var said error
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("Ready said at last: %v", said)
		}
	})
	// On a busy machine the other partition may stand still for a second, too.
	await(t, "not ready: "+begins+"…"+ends, func() bool {
		said = r.loader.Ready()
		return said != nil && strings.HasPrefix(said.Error(), begins) && strings.HasSuffix(said.Error(), ends)
	})
	if got := r.lag(t, schemas.TopicScoredClicks, 0); got != float64(records) {
		t.Errorf("the lag is %v, want %d", got, records)
	}
	close(release)
	p.awaitRows("clicks", len(clicks))
	await(t, "the loader is ready again", func() bool { return r.loader.Ready() == nil })
	await(t, "no lag is left", func() bool { return r.lag(t, schemas.TopicScoredClicks, 0) == 0 })
	r.end(t)
	p.check(clicks, nil)
}

// TestAStallIsOneLine: however many partitions stand still, the log says so once, and once that they go on.
func TestAStallIsOneLine(t *testing.T) {
	p := newPipeline(t, 3)
	p.stallAfter = time.Second
	core, logs := observer.New(zap.InfoLevel)
	p.log = zap.New(core)
	release := make(chan struct{})
	p.faults = func(at point, _ *owner, _ plan) error {
		if at == pointPlanned {
			<-release
		}
		return nil
	}
	clicks, _ := newEvents(1, 300, 0)
	for _, c := range clicks {
		value, err := c.MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		r := &kgo.Record{Topic: p.prefix + schemas.TopicScoredClicks, Key: []byte(c.ClickId), Value: value}
		if err := p.producer.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	r := p.start()
	stalls := func() *observer.ObservedLogs {
		return logs.FilterMessage("partitions stand still while records wait in them")
	}
	await(t, "the stall is logged", func() bool { return stalls().Len() > 0 })
	line := stalls().All()[0]
	if named, _ := line.ContextMap()["partitions"].([]any); len(named) != 3 || !strings.HasPrefix(named[1].(string), p.prefix+"scored.clicks/1 at offset 0 before ") {
		t.Errorf("the line says %v", line.ContextMap())
	}
	close(release)
	p.awaitRows("clicks", len(clicks))
	await(t, "that they go on is logged", func() bool { return logs.FilterMessage("partitions that stood still go on").Len() > 0 })
	if n := stalls().Len(); n != 1 {
		t.Errorf("%d lines say that partitions stand still", n)
	}
	r.end(t)
}

// TestTheEndOfATransactionIsNoLag: the marker at a log's end is no record that waits, after a commit as after an abort.
func TestTheEndOfATransactionIsNoLag(t *testing.T) {
	p := newPipeline(t, 1)
	p.stallAfter = time.Second
	r := p.start()
	clicks, _ := newEvents(1, 20, 0)
	for i, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort} {
		client, err := kgo.NewClient(append(p.kafka, kgo.TransactionalID(fmt.Sprintf("%slag-%d", p.prefix, i)))...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.Close)
		if err := client.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for _, c := range clicks[10*i : 10*i+10] {
			value, err := c.MarshalVT()
			if err != nil {
				t.Fatal(err)
			}
			client.Produce(context.Background(), &kgo.Record{Topic: p.prefix + schemas.TopicScoredClicks, Value: value}, nil)
		}
		if err := client.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		await(t, "the open transaction is lag", func() bool { return r.lag(t, schemas.TopicScoredClicks, 0) == 10 })
		if err := client.EndTransaction(t.Context(), end); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			p.awaitRows("clicks", 10)
		}
		await(t, "no lag is left", func() bool { return r.lag(t, schemas.TopicScoredClicks, 0) == 0 })
	}
	await(t, "the loader is ready", func() bool { return r.loader.Ready() == nil })
	r.end(t)
	p.check(clicks[:10], nil)
}
