package verify

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestScanLeavesOutAbortedRecords interleaves committed, aborted and plain records of several producers: kafka-go itself
// would hand out all of them.
func TestScanLeavesOutAbortedRecords(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "t.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	client := func(opts ...kgo.Opt) *kgo.Client {
		c, err := kgo.NewClient(append(opts, kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.DefaultProduceTopic("t.log"))...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
	plain, one, two := client(), client(kgo.TransactionalID("one")), client(kgo.TransactionalID("two"))
	send := func(c *kgo.Client, value string) {
		t.Helper()
		if err := c.ProduceSync(ctx, kgo.StringRecord(value)).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	end := func(c *kgo.Client, how kgo.TransactionEndTry) {
		t.Helper()
		if err := c.EndTransaction(ctx, how); err != nil {
			t.Fatal(err)
		}
	}
	begin := func(c *kgo.Client) {
		t.Helper()
		if err := c.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
	}
	var want []string
	for round := range 3 {
		name := func(kind string) string { return fmt.Sprintf("%s %d", kind, round) }
		begin(one)
		send(one, name("aborted"))
		begin(two)
		send(two, name("kept by two"))
		send(plain, name("plain"))
		send(one, name("aborted too"))
		end(one, kgo.TryAbort)
		begin(one)
		send(one, name("kept by one"))
		end(one, kgo.TryCommit)
		end(two, kgo.TryCommit)
		want = append(want, name("kept by two"), name("plain"), name("kept by one"))
	}
	begin(one)
	send(one, "open")
	l := newLog(Options{Brokers: cluster.ListenAddrs(), TopicPrefix: "t."})
	defer l.close()
	extents, err := l.extents(ctx, []string{"log"})
	if err != nil {
		t.Fatal(err)
	}
	e := extents["log"][0]
	for from := range e.end {
		var got []string
		var offsets []int64
		if err := l.scan(ctx, "log", 0, from, e.end, func(offset int64, value []byte) error {
			got, offsets = append(got, string(value)), append(offsets, offset)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if from == 0 && !slices.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
		if !slices.IsSorted(offsets) || len(offsets) > 0 && offsets[0] < from {
			t.Fatalf("from %d came offsets %v", from, offsets)
		}
		if len(got) > len(want) || !slices.Equal(got, want[len(want)-len(got):]) {
			t.Fatalf("from %d: %q is no end of %q", from, got, want)
		}
	}
	end(one, kgo.TryAbort)
}

func TestMultisetFindsEveryChange(t *testing.T) {
	var in, out, letters multiset
	for i := range 10_000 {
		id := fmt.Sprint(i)
		in.add(id)
		if i%7 == 0 {
			letters.add(id)
		} else {
			out.add(id)
		}
	}
	if bad := in.unequal(&out, &letters); len(bad) != 0 {
		t.Fatalf("equal sets differ in %v", bad)
	}
	out.add("42")
	if bad := in.unequal(&out, &letters); len(bad) != 1 || !bad[bucketOfID("42")] {
		t.Errorf("a doubled ID was found in %v", bad)
	}
	in.add("43") // as many on both sides again, but not the same ones
	if bad := in.unequal(&out, &letters); len(bad) != 2 {
		t.Errorf("an exchanged ID was found in %v", bad)
	}
}
