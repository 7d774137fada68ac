package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
	"go.uber.org/zap"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		serveAsChild(dir)
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func limited(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func client(t *testing.T, address string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(address)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// fill makes a topic, a committed and an aborted transaction, and a committed offset with metadata.
func fill(t *testing.T, address string) {
	t.Helper()
	ctx := limited(t)
	c := client(t, address, kgo.TransactionalID("survivor"), kgo.DefaultProduceTopic("clicks"))
	defer c.Close()
	admin := kadm.NewClient(c)
	if _, err := admin.CreateTopic(ctx, 3, 1, map[string]*string{"retention.ms": kadm.StringPtr("86400000")}, "clicks"); err != nil {
		t.Fatal(err)
	}
	for _, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort, kgo.TryCommit} {
		if err := c.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := c.ProduceSync(ctx, kgo.KeyStringRecord("k", fmt.Sprint(bool(end)))).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := c.EndTransaction(ctx, end); err != nil {
			t.Fatal(err)
		}
	}
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: "clicks", Partition: 1, At: 7, LeaderEpoch: -1, Metadata: "plan 7-9"})
	if err := admin.CommitAllOffsets(ctx, "sink", offsets); err != nil {
		t.Fatal(err)
	}
}

// holds reads back what fill made.
func holds(t *testing.T, address string) {
	t.Helper()
	ctx := limited(t)
	c := client(t, address, kgo.ConsumeTopics("clicks"), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer c.Close()
	admin := kadm.NewClient(c)
	topics, err := admin.ListTopics(ctx, "clicks")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(topics["clicks"].Partitions); n != 3 {
		t.Errorf("clicks has %d partitions, want 3", n)
	}
	configs, err := admin.DescribeTopicConfigs(ctx, "clicks")
	if err != nil {
		t.Fatal(err)
	}
	retention := ""
	for _, entry := range configs[0].Configs {
		if entry.Key == "retention.ms" {
			retention = entry.MaybeValue()
		}
	}
	if retention != "86400000" {
		t.Errorf("retention.ms = %q, want the one set", retention)
	}
	offsets, err := admin.FetchOffsets(ctx, "sink")
	if err != nil {
		t.Fatal(err)
	}
	if o, ok := offsets.Lookup("clicks", 1); !ok || o.At != 7 || o.Metadata != "plan 7-9" {
		t.Errorf("committed offset = %+v, want 7 with its metadata", o)
	}
	var values []string
	for len(values) < 2 {
		fetches := c.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("after %q: %v", values, err)
		}
		fetches.EachRecord(func(r *kgo.Record) { values = append(values, string(r.Value)) })
	}
	if strings.Join(values, " ") != "true true" {
		t.Errorf("read %q, want the two committed records only", values)
	}
	// The same transactional ID goes on, and fences the one before.
	producer := client(t, address, kgo.TransactionalID("survivor"), kgo.DefaultProduceTopic("clicks"))
	defer producer.Close()
	if err := producer.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := producer.ProduceSync(ctx, kgo.KeyStringRecord("k", "true")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := producer.EndTransaction(ctx, kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
}

func TestKafkaSurvivesAnOrderlyStop(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kafka")
	for start := range 3 {
		k, err := NewKafka("127.0.0.1:0", dir, zap.NewNop(), Durable(true))
		if err != nil {
			t.Fatal(err)
		}
		if start == 0 {
			fill(t, k.Address())
		}
		holds(t, k.Address())
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if err := k.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if k.Ready() == nil {
			t.Error("a closed broker is ready")
		}
	}
}

func TestKafkaSurvivesAKill(t *testing.T) {
	for _, durable := range []bool{false, true} {
		t.Run(fmt.Sprintf("durable=%t", durable), func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "kafka")
			for start := range 3 {
				c := startChild(t, dir, durable)
				if start == 0 {
					fill(t, c.address)
				}
				holds(t, c.address)
				c.kill(t)
			}
		})
	}
}

func TestKafkaSaysThatItsAddressIsTaken(t *testing.T) {
	first, err := NewKafka("127.0.0.1:0", t.TempDir(), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	_, err = NewKafka(first.Address(), t.TempDir(), zap.NewNop())
	if !errors.Is(err, ErrAddressInUse) || !strings.Contains(err.Error(), "set kafka.brokers") {
		t.Errorf("error = %v", err)
	}
}

func TestLock(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	release, err := Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(dir); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("second lock: %v, want ErrLocked with the owner's number", err)
	}
	release()
	release, err = Lock(dir)
	if err != nil {
		t.Fatalf("after release: %v", err)
	}
	release()
	if _, err := Lock("/proc/nothing"); err == nil || !strings.Contains(err.Error(), "data_dir") {
		t.Errorf("an unusable folder: %v", err)
	}
}
