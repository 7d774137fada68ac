package broker_test

import (
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/schemas/broker"
)

// TestEachLeft visits what is committed from the offset of each partition on, in all of them, and ends when it is told
// to.
func TestEachLeft(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, "topic"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	opts := []kgo.Opt{kgo.SeedBrokers(cluster.ListenAddrs()...)}
	client, err := kgo.NewClient(append(opts, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.TransactionalID("t"))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for value, end := range map[string]kgo.TransactionEndTry{"c": kgo.TryCommit, "a": kgo.TryAbort} {
		if err := client.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for partition := range int32(3) {
			r := &kgo.Record{Topic: "topic", Partition: partition, Value: []byte(value + string('0'+rune(partition)))}
			if err := client.ProduceSync(ctx, r).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		if err := client.EndTransaction(ctx, end); err != nil {
			t.Fatal(err)
		}
	}
	open, ends := map[int32]int64{0: 0, 2: 0}, map[int32]int64{0: 4, 1: 4, 2: 4}
	for limit, want := range map[int][]string{9: {"c0", "c2"}, 1: {"c0"}} {
		var seen []string
		if err := broker.EachLeft(ctx, opts, "topic", open, ends, func(r *kgo.Record) (bool, error) {
			seen = append(seen, string(r.Value))
			return len(seen) < limit, nil
		}); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(seen, want) {
			t.Errorf("seen were %q, want %q", seen, want)
		}
	}
	invalid := func(*kgo.Record) (bool, error) { return true, os.ErrInvalid }
	if err := broker.EachLeft(ctx, opts, "topic", open, ends, invalid); err == nil {
		t.Error("the visitor's error is lost")
	}
}
