package embedded

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// beginOne begins a transaction and writes one record in it.
func beginOne(t *testing.T, c *kgo.Client) {
	t.Helper()
	if err := c.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := c.ProduceSync(limited(t), kgo.StringRecord("one")).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// stageOffset commits an offset within a producer's transaction and returns the broker's error code.
func stageOffset(t *testing.T, address string, producer int64, epoch int16) int16 {
	t.Helper()
	c := client(t, address, kgo.MaxVersions(kversion.V3_0_0()))
	defer c.Close()
	r := kmsg.NewPtrTxnOffsetCommitRequest()
	r.TransactionalID, r.ProducerID, r.ProducerEpoch, r.Group = "processor-0", producer, epoch, "g"
	topic := kmsg.NewTxnOffsetCommitRequestTopic()
	topic.Topic, topic.Partitions = "clicks", append(topic.Partitions, kmsg.NewTxnOffsetCommitRequestTopicPartition())
	r.Topics = append(r.Topics, topic)
	answer, err := r.RequestWith(limited(t), c)
	if err != nil {
		t.Fatal(err)
	}
	return answer.Topics[0].Partitions[0].ErrorCode
}

// TestAFencedProducersOffsetsChangeNothing: what the broker refuses leaves the transaction that is under way in the
// journal.
func TestAFencedProducersOffsetsChangeNothing(t *testing.T) {
	k := start(t, filepath.Join(t.TempDir(), "kafka"))
	old := client(t, k.Address(), kgo.TransactionalID("processor-0"))
	defer old.Close()
	producer, epoch, err := old.ProducerID(limited(t))
	if err != nil {
		t.Fatal(err)
	}
	p := client(t, k.Address(), kgo.TransactionalID("processor-0"), kgo.DefaultProduceTopic("clicks"))
	defer p.Close()
	if _, err := kadm.NewClient(p).CreateTopic(limited(t), 1, 1, nil, "clicks"); err != nil {
		t.Fatal(err)
	}
	beginOne(t, p)
	if code := stageOffset(t, k.Address(), producer, epoch); code == 0 {
		t.Fatal("the broker takes a fenced producer's offsets")
	}
	if err := p.EndTransaction(limited(t), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	if n := k.transactions.number; n != 1 {
		t.Errorf("%d commits are in the journal, want 1", n)
	}
}

// TestNoCommitIsAcknowledgedUnsynced sends a commit again, of which the journal has nothing more, while no sync ends.
func TestNoCommitIsAcknowledgedUnsynced(t *testing.T) {
	var disk sync.Mutex
	k := start(t, filepath.Join(t.TempDir(), "kafka"), Durable(true), withSync(func(*os.File) error {
		disk.Lock()
		defer disk.Unlock()
		return nil
	}))
	p := client(t, k.Address(), kgo.TransactionalID("processor-0"), kgo.DefaultProduceTopic("clicks"), kgo.MaxVersions(kversion.V3_0_0()))
	defer p.Close()
	if _, err := kadm.NewClient(p).CreateTopic(limited(t), 1, 1, nil, "clicks"); err != nil {
		t.Fatal(err)
	}
	beginOne(t, p)
	producer, epoch, err := p.ProducerID(limited(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.EndTransaction(limited(t), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	end := kmsg.NewPtrEndTxnRequest()
	end.TransactionalID, end.ProducerID, end.ProducerEpoch, end.Commit = "processor-0", producer, epoch, true
	disk.Lock()
	short, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	answer, err := end.RequestWith(short, p)
	disk.Unlock()
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a commit is acknowledged while no sync ends: %+v, %v", answer, err)
	}
}

// TestATransactionThatWasOpenAtAnOrderlyStop is aborted, its producer fenced: its commit could not be made whole.
func TestATransactionThatWasOpenAtAnOrderlyStop(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kafka")
	k := start(t, dir, Durable(true))
	address := k.Address()
	p := client(t, address, kgo.TransactionalID("processor-0"), kgo.DefaultProduceTopic("clicks"))
	defer p.Close()
	if _, err := kadm.NewClient(p).CreateTopic(limited(t), 1, 1, nil, "clicks"); err != nil {
		t.Fatal(err)
	}
	beginOne(t, p)
	k.Close()
	k, err := NewKafka(address, dir, k.logger, Durable(true))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	if err := p.EndTransaction(limited(t), kgo.TryCommit); err == nil {
		t.Error("the commit is acknowledged")
	}
	next := client(t, address, kgo.TransactionalID("processor-0"), kgo.DefaultProduceTopic("clicks"))
	defer next.Close()
	beginOne(t, next)
	if err := next.EndTransaction(limited(t), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	k = start(t, killed(t, k), Durable(true))
	if seen := readAll(t, k.Address(), "clicks"); len(seen) != 1 {
		t.Errorf("readers see %q, want one record", seen)
	}
}
