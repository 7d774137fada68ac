package main

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/processor"
	"tributary/schemas"
)

const processorClicks = 600_000

// benchProcessor: clicks and postbacks through the processor with transactions on, against a program that only copies
// the same records from topic to topic in transactions.
func benchProcessor(ctx context.Context, b *bench) error {
	broker, address, err := b.startChild("child-broker", filepath.Join(b.dir, "processor-kafka"))
	if err != nil {
		return err
	}
	defer broker.stop()
	s, err := b.newSite("processor", address)
	if err != nil {
		return err
	}
	if err := makeTopics(ctx, address); err != nil {
		return err
	}
	records, err := fill(ctx, s, schemas.TopicClicks, processorClicks, true)
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(address))
	if err != nil {
		return err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	if err := makeCopyTopic(ctx, admin); err != nil {
		return err
	}
	limit, err := copyRate(ctx, address, records)
	if err != nil {
		return err
	}

	start := time.Now()
	p, err := b.role(ctx, s, "process")
	if err != nil {
		return err
	}
	defer p.stop()
	group := processor.Defaults().Group
	if err := until(ctx, "the processor", func() (bool, error) {
		behind, err := lag(ctx, admin, group, schemas.TopicClicks, schemas.TopicPostbacks)
		return behind == 0, err
	}); err != nil {
		return err
	}
	rate := float64(records) / time.Since(start).Seconds()
	cpu := p.cpu().Seconds() / float64(records) * 1e6
	b.report("processor: events/s, exactly once, start included", fmt.Sprintf("%.0f", rate), fmt.Sprintf("%.0f copied in transactions", limit), fmt.Sprintf("%.2f", rate/limit), "")
	b.report("processor: CPU-s a million events", fmt.Sprintf("%.1f", cpu), "", "", "≤ 10")
	b.report("processor: most resident memory, MiB", fmt.Sprintf("%d", p.memory()>>20), "", "", "")
	return nil
}

const copyTopic = "bench.copy"

func makeCopyTopic(ctx context.Context, admin *kadm.Client) error {
	_, err := admin.CreateTopic(ctx, partitions, 1, nil, copyTopic)
	return err
}

// copyRate answers how many records a second a consume-produce loop in transactions carries on this broker.
func copyRate(ctx context.Context, broker string, records int) (float64, error) {
	session, err := kgo.NewGroupTransactSession(kgo.SeedBrokers(broker), kgo.ConsumerGroup("bench-copy"), kgo.TransactionalID("bench-copy"),
		kgo.ConsumeTopics(schemas.TopicClicks, schemas.TopicPostbacks), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.MaxBufferedRecords(200_000), kgo.ProducerBatchCompression(kgo.Lz4Compression()),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)))
	if err != nil {
		return 0, err
	}
	defer session.Close()
	start := time.Now()
	for done := 0; done < records; {
		fetches := session.PollRecords(ctx, 20_000)
		if err := fetches.Err0(); err != nil {
			return 0, err
		}
		if err := session.Begin(); err != nil {
			return 0, err
		}
		var failed atomic.Bool
		fetches.EachRecord(func(r *kgo.Record) {
			session.Produce(ctx, &kgo.Record{Topic: copyTopic, Key: r.Key, Value: r.Value}, func(_ *kgo.Record, err error) {
				if err != nil {
					failed.Store(true)
				}
			})
			done++
		})
		if committed, err := session.End(ctx, kgo.TransactionEndTry(!failed.Load())); err != nil || !committed {
			return 0, fmt.Errorf("the copying transaction did not commit: %w", err)
		}
	}
	return float64(records) / time.Since(start).Seconds(), nil
}
