package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
	"go.uber.org/goleak"
	"go.uber.org/zap"
)

// TestWhatIsAcknowledgedWhileItClosesIsWritten commits offsets from many clients while the broker ends.
func TestWhatIsAcknowledgedWhileItClosesIsWritten(t *testing.T) {
	var missing, acknowledged atomic.Int64
	for round := range 6 {
		dir := filepath.Join(t.TempDir(), fmt.Sprint("kafka", round))
		k := start(t, dir)
		a := client(t, k.Address())
		if _, err := kadm.NewClient(a).CreateTopic(limited(t), 60, 1, nil, "clicks"); err != nil {
			t.Fatal(err)
		}
		a.Close()
		ctx, cancel := context.WithCancel(limited(t))
		var writers, running sync.WaitGroup
		for n := range 12 {
			writers.Add(1)
			running.Add(1)
			go func() {
				defer writers.Done()
				c := client(t, k.Address(), kgo.RequestRetries(0), kgo.MaxVersions(kversion.V3_0_0()))
				defer c.Close()
				group := fmt.Sprint("g", n)
				for offset := int64(1); ; offset++ {
					ok := commitAt(ctx, c, group, offset)
					if offset == 1 {
						running.Done()
					}
					if !ok {
						return
					}
					if !k.closing.Load() {
						continue
					}
					acknowledged.Add(1)
					if !wasWritten(dir, group, offset) { // what a kill now would leave
						missing.Add(1)
					}
				}
			}()
		}
		running.Wait()
		k.Close()
		cancel()
		writers.Wait()
	}
	if missing.Load() > 0 {
		t.Errorf("%d commits were acknowledged while the broker closed, of which %d were not written", acknowledged.Load(), missing.Load())
	}
}

func commitAt(ctx context.Context, c *kgo.Client, group string, offset int64) bool {
	r := kmsg.NewPtrOffsetCommitRequest()
	r.Group, r.Generation = group, -1
	topic, part := kmsg.NewOffsetCommitRequestTopic(), kmsg.NewOffsetCommitRequestTopicPartition()
	part.Offset = offset
	topic.Topic, topic.Partitions = "clicks", append(topic.Partitions, part)
	r.Topics = append(r.Topics, topic)
	answer, err := r.RequestWith(ctx, c)
	return err == nil && answer.Topics[0].Partitions[0].ErrorCode == 0
}

// wasWritten tells whether groups.log has the commit, or a later one.
func wasWritten(dir, group string, offset int64) bool {
	raw, err := os.ReadFile(filepath.Join(dir, "groups.log"))
	if err != nil {
		return false
	}
	for _, data := range parseJournal(raw).entries {
		var e groupEntry
		if json.Unmarshal(data, &e) == nil && e.Group == group && e.Offset >= offset {
			return true
		}
	}
	return false
}

// TestAnEndThatCouldNotWriteIsNoOrderlyOne: the next start trusts nothing of what such an end left.
func TestAnEndThatCouldNotWriteIsNoOrderlyOne(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kafka")
	k := start(t, dir)
	p := client(t, k.Address(), kgo.TransactionalID("processor-0"), kgo.DefaultProduceTopic("clicks"))
	defer p.Close()
	if _, err := kadm.NewClient(p).CreateTopic(limited(t), 1, 1, nil, "clicks"); err != nil {
		t.Fatal(err)
	}
	beginOne(t, p)
	// As a full disk: these cannot be made.
	blocked := []string{"groups.log.tmp", windowsFile + ".tmp"}
	for _, name := range blocked {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.end(); !errors.Is(err, ErrWriteFailed) {
		t.Fatalf("the end: %v", err)
	}
	if inOrder, err := (&repairer{dir: dir}).stoppedInOrder(); inOrder || err != nil {
		t.Errorf("the next start takes it for an orderly stop: %t, %v", inOrder, err)
	}
	for _, name := range blocked {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	start(t, dir)
	if windows, err := os.Stat(filepath.Join(dir, windowsFile)); err != nil || windows.Size() == 0 {
		t.Errorf("the sequence numbers are not made from the log: %v", err)
	}
}

// TestAJournalIsCompletedAfterAnOrderlyStopToo: whatever an end left in the journal of transactions is committed.
func TestAJournalIsCompletedAfterAnOrderlyStopToo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kafka")
	k := start(t, dir)
	fill(t, k.Address())
	k.Close()
	entry, err := json.Marshal(transactionEntry{
		Number: 1, ID: "survivor", Producer: 1, TimeMS: time.Now().UnixMilli(),
		Offsets: []transactionOffset{{Group: "sink", Topic: "clicks", Part: 2, Offset: 42, Epoch: -1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, transactionsFile), appendJournalEntry(nil, entry), 0o600); err != nil {
		t.Fatal(err)
	}
	k = start(t, dir)
	c := client(t, k.Address())
	defer c.Close()
	offsets, err := kadm.NewClient(c).FetchOffsets(limited(t), "sink")
	if o, _ := offsets.Lookup("clicks", 2); err != nil || o.At != 42 {
		t.Errorf("offset %d, %v; want 42", o.At, err)
	}
}

// TestAStartThatFailsLeavesNoBroker: the first sync after the broker is there fails.
func TestAStartThatFailsLeavesNoBroker(t *testing.T) {
	before := goleak.IgnoreCurrent()
	dir := filepath.Join(t.TempDir(), "kafka")
	syncs := 0
	k, err := NewKafka("127.0.0.1:0", dir, zap.NewNop(), Durable(true), withSync(func(*os.File) error {
		if syncs++; syncs > 1 {
			return syscall.EIO
		}
		return nil
	}))
	if err == nil {
		k.Close()
		t.Fatal("the broker starts")
	}
	goleak.VerifyNone(t, before)
}
