package processor

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/schemas"
	"tributary/schemas/events"
)

// fill produces n clicks of a realistic size, a twentieth of them with a postback, and answers the number of records.
func (w *world) fill(n int) int {
	total := 0
	ctx := context.Background()
	failed := func(_ *kgo.Record, err error) {
		if err != nil {
			w.t.Error(err)
		}
	}
	for i := range n {
		if i%1000 == 0 {
			w.clockMS.Add(10)
		}
		c := w.newClick()
		c.UserAgent = "Mozilla/5.0 (Linux; Android 14; SM-S911B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36"
		c.Ip, c.Device, c.Os, c.Browser = make([]byte, 16), "mobile", "Android", "Chrome"
		c.Referrer, c.Language = "https://news.example/article/42", "de"
		value, err := c.MarshalVT()
		if err != nil {
			w.t.Fatal(err)
		}
		at := time.UnixMilli(w.clockMS.Load())
		w.client.Produce(ctx, &kgo.Record{Topic: schemas.TopicClicks, Key: []byte(c.ClickId), Value: value, Timestamp: at}, failed)
		total++
		if i%20 == 0 {
			pb, err := w.newPostback(c.ClickId, fmt.Sprint("t", i), events.Status_STATUS_APPROVED).MarshalVT()
			if err != nil {
				w.t.Fatal(err)
			}
			w.client.Produce(ctx, &kgo.Record{Topic: schemas.TopicPostbacks, Key: []byte(c.ClickId), Value: pb, Timestamp: at}, failed)
			total++
		}
	}
	if err := w.client.Flush(ctx); err != nil {
		w.t.Fatal(err)
	}
	return total
}

// BenchmarkPipeline processes a backlog through kfake (in this process), transactions and a real directory.
func BenchmarkPipeline(b *testing.B) {
	const records = 200_000
	for b.Loop() {
		b.StopTimer()
		w := newWorld(b, 4)
		n := w.fill(records)
		cfg := w.config()
		cfg.StateDir = b.TempDir()
		b.StartTimer()
		started := time.Now()
		r := w.start(cfg, w.deps(nil))
		w.caughtUp(cfg.Group)
		took := time.Since(started)
		b.StopTimer()
		b.ReportMetric(float64(n)/took.Seconds(), "events/s")
		b.ReportMetric(valueOf(r.p.metrics.commits), "transactions")
		r.stop()
		b.StartTimer()
	}
}

// BenchmarkLoneClick is the time of one click from its acknowledgement by Kafka to a read_committed consumer of scored.clicks.
func BenchmarkLoneClick(b *testing.B) {
	w := newWorld(b, 4)
	cfg := w.config()
	cfg.StateDir = b.TempDir()
	r := w.start(cfg, w.deps(nil))
	cl, err := kgo.NewClient(append(w.opts(), kgo.ConsumeTopics(schemas.TopicScoredClicks), kgo.FetchIsolationLevel(kgo.ReadCommitted()))...)
	if err != nil {
		b.Fatal(err)
	}
	defer cl.Close()
	w.sendClick(w.newClick())
	cl.PollFetches(context.Background())
	for b.Loop() {
		w.sendClick(w.newClick())
		for cl.PollFetches(context.Background()).NumRecords() == 0 {
		}
	}
	b.StopTimer()
	r.stop()
}

// BenchmarkPartition is the stages alone: decode, deduplicate, join, score, state and outbox in memory, without Kafka.
func BenchmarkPartition(b *testing.B) {
	w := newWorld(b, 1)
	p, records := partitionOver(b, w, 20_000)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if i == len(records) {
			b.StopTimer()
			p, records = partitionOver(b, w, 20_000)
			i = 0
			b.StartTimer()
		}
		n := min(2000, len(records)-i)
		p.inputs[0].records = append(p.inputs[0].records[:0], records[i:i+n]...)
		i += n
		if err := p.run(w.clockMS.Load(), false, false); err != nil {
			b.Fatal(err)
		}
		p.committed()
	}
	b.ReportMetric(2000*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
