package embedded

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
)

// BenchmarkKafka produces records of 300 bytes, one at a time and in transactions of 500, and prints records a second
// and how long one acknowledgement takes.
func BenchmarkKafka(b *testing.B) {
	for _, durable := range []bool{false, true} {
		for _, batch := range []int{1, 500} {
			for _, transactional := range []bool{false, true} {
				b.Run(fmt.Sprintf("durable=%t/records=%d/transactions=%t", durable, batch, transactional), func(b *testing.B) {
					benchmarkKafka(b, durable, batch, transactional)
				})
			}
		}
	}
}

func benchmarkKafka(b *testing.B, durable bool, batch int, transactional bool) {
	k, err := NewKafka("127.0.0.1:0", filepath.Join(b.TempDir(), "kafka"), zap.NewNop(), Durable(durable))
	if err != nil {
		b.Fatal(err)
	}
	defer k.Close()
	opts := []kgo.Opt{kgo.SeedBrokers(k.Address()), kgo.DefaultProduceTopic("clicks"), kgo.ProducerLinger(0)}
	if transactional {
		opts = append(opts, kgo.TransactionalID("bench"))
	}
	c, err := kgo.NewClient(opts...)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	ctx := b.Context()
	if _, err := kadm.NewClient(c).CreateTopic(ctx, 4, 1, nil, "clicks"); err != nil {
		b.Fatal(err)
	}
	value := bytes.Repeat([]byte("v"), 300)
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		if transactional {
			if err := c.BeginTransaction(); err != nil {
				b.Fatal(err)
			}
		}
		records := make([]*kgo.Record, batch)
		for i := range records {
			records[i] = &kgo.Record{Value: value}
		}
		if err := c.ProduceSync(ctx, records...).FirstErr(); err != nil {
			b.Fatal(err)
		}
		if transactional {
			if err := c.EndTransaction(ctx, kgo.TryCommit); err != nil {
				b.Fatal(err)
			}
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}
