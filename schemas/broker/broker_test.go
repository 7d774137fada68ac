package broker_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/schemas/broker"
)

func TestAbilities(t *testing.T) {
	all := []broker.Ability{
		broker.CommitWhole, broker.FenceByID, broker.NameAborted, broker.Replicate, broker.IndexOnDisk, broker.Compact,
	}
	for i, one := range all {
		if (broker.Abilities{}).Can(one) != true || broker.Kafka().Can(one) != true || broker.Embedded().Can(one) {
			t.Errorf("ability %d: %v, %v, %v", i, broker.Abilities{}, broker.Kafka(), broker.Embedded())
		}
		for j, other := range all {
			if got := broker.Kafka().Without(one).Can(other); got != (i != j) {
				t.Errorf("without ability %d, ability %d is %v", i, j, got)
			}
		}
	}
	for _, c := range []struct {
		of                    broker.Abilities
		partitions, partition int
		want                  broker.FetchLimits
	}{
		{broker.Kafka(), 100, 400, broker.FetchLimits{Whole: 1000, Partition: 400}},
		{broker.Embedded(), 2, 400, broker.FetchLimits{Whole: 1 << 30, Partition: 400}},
		{broker.Embedded(), 10, 400, broker.FetchLimits{Whole: 1 << 30, Partition: 100}},
		{broker.Embedded(), 0, 400, broker.FetchLimits{Whole: 1 << 30, Partition: 400}},
	} {
		if got := c.of.FetchLimits(c.partitions, 1000, c.partition); got != c.want {
			t.Errorf("%d partitions of %d bytes: %+v, want %+v", c.partitions, c.partition, got, c.want)
		}
	}
}

// TestFetchLimits reads records of aborted transactions, and committed ones behind them, under limits so small that the
// whole's would be reached in the middle.
func TestFetchLimits(t *testing.T) {
	const partitions, wholeBytes, partitionBytes = 4, 3 << 10, 1 << 10
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, "t"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	seeds := kgo.SeedBrokers(cluster.ListenAddrs()...)
	producer, err := kgo.NewClient(seeds, kgo.TransactionalID("p"), kgo.DefaultProduceTopic("t"),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	for _, end := range []kgo.TransactionEndTry{kgo.TryAbort, kgo.TryCommit} {
		if err := producer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for n := range 4 * partitions { // a batch each
			r := &kgo.Record{Key: fmt.Append(nil, end), Value: bytes.Repeat([]byte("x"), 700), Partition: int32(n % partitions)}
			if err := producer.ProduceSync(ctx, r).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		if err := producer.EndTransaction(ctx, end); err != nil {
			t.Fatal(err)
		}
	}
	aborted := func(a broker.Abilities) (n int) {
		limits := a.FetchLimits(partitions, wholeBytes, partitionBytes).Options()
		reader, err := kgo.NewClient(append(limits, seeds, kgo.ConsumeTopics("t"),
			kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
		if err != nil {
			t.Fatal(err)
		}
		defer reader.Close()
		for committed := 0; committed < 4*partitions; {
			fetches := reader.PollFetches(ctx)
			if err := fetches.Err(); err != nil {
				t.Fatal(err)
			}
			fetches.EachRecord(func(r *kgo.Record) {
				if string(r.Key) == fmt.Sprint(kgo.TryCommit) {
					committed++
				} else {
					n++
				}
			})
		}
		return n
	}
	if n := aborted(broker.Embedded()); n != 0 {
		t.Errorf("%d aborted records were read as committed ones", n)
	}
	if n := aborted(broker.Kafka()); n == 0 {
		t.Error("the embedded broker names all aborted transactions: broker.Embedded no longer needs to lack NameAborted")
	}
}
