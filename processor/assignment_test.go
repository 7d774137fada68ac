package processor

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"tributary/schemas"
	"tributary/schemas/events"
)

// holdOffset leaves a transaction open in which the group's offset of one partition of clicks is to become at.
func (w *world) holdOffset(group string, id int32, at int64) *kgo.Client {
	w.t.Helper()
	ctx := context.Background()
	const name = "another processor"
	client, err := kgo.NewClient(append(w.opts(), kgo.TransactionalID(name))...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(client.Close)
	if err := client.BeginTransaction(); err != nil {
		w.t.Fatal(err)
	}
	add, stage := kmsg.NewPtrAddOffsetsToTxnRequest(), kmsg.NewPtrTxnOffsetCommitRequest()
	producer, epoch, err := client.ProducerID(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	// A record makes the client end the transaction: offsets alone it knows nothing of.
	if err := client.ProduceSync(ctx, &kgo.Record{Topic: schemas.TopicClaims, Value: []byte("x")}).FirstErr(); err != nil {
		w.t.Fatal(err)
	}
	add.TransactionalID, add.ProducerID, add.ProducerEpoch, add.Group = name, producer, epoch, group
	added, err := add.RequestWith(ctx, client)
	if err == nil {
		err = kerr.ErrorForCode(added.ErrorCode)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	stage.TransactionalID, stage.ProducerID, stage.ProducerEpoch, stage.Group, stage.Generation = name, producer, epoch, group, -1
	topic, partition := kmsg.NewTxnOffsetCommitRequestTopic(), kmsg.NewTxnOffsetCommitRequestTopicPartition()
	partition.Partition, partition.Offset = id, at
	details, err := kadm.NewClient(client).ListTopics(ctx, schemas.TopicClicks)
	if err != nil {
		w.t.Fatal(err)
	}
	topic.Topic, topic.TopicID = schemas.TopicClicks, details[schemas.TopicClicks].ID
	topic.Partitions = append(topic.Partitions, partition)
	stage.Topics = append(stage.Topics, topic)
	staged, err := stage.RequestWith(ctx, client)
	if err == nil {
		err = kerr.ErrorForCode(staged.Topics[0].Partitions[0].ErrorCode)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return client
}

// TestOffsetsInATransactionAreWaitedFor: a processor that finds out what is committed outlives a commit that is under way at that
// moment. The embedded broker answers so for the whole group whenever any of its members commits.
func TestOffsetsInATransactionAreWaitedFor(t *testing.T) {
	w := newWorld(t, 2)
	p, err := New(w.config(), w.deps(nil))
	if err != nil {
		t.Fatal(err)
	}
	p.admin = kadm.NewClient(w.client)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	before := kadm.Offsets{}
	before.AddOffset(schemas.TopicClicks, 1, 5, -1)
	if err := p.admin.CommitAllOffsets(ctx, p.cfg.Group, before); err != nil {
		t.Fatal(err)
	}
	other := w.holdOffset(p.cfg.Group, 1, 17)

	if _, err := p.fetchCommitsOnce(ctx, func(id int32) bool { return id == 1 }); !errors.Is(err, kerr.UnstableOffsetCommit) {
		t.Fatalf("partition 1 is held by a transaction, and the answer is %v", err)
	}
	short, cancelShort := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancelShort()
	if _, err := p.fetchCommits(short, func(id int32) bool { return id == 1 }); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("waiting for partition 1 ended with %v", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- other.EndTransaction(ctx, kgo.TryCommit) }()
	commits, err := p.fetchCommits(ctx, func(id int32) bool { return id == 1 })
	if err != nil {
		t.Fatal(err)
	}
	if at := commits[1].positions[schemas.TopicClicks]; at != 17 {
		t.Errorf("committed at %d, not 17", at)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestOffsetsThatKafkaForgotAreNotBelieved: Kafka's group coordinator answers offsets of a while ago, and readers see that a later
// cycle is committed. Nobody goes on from there.
func TestOffsetsThatKafkaForgotAreNotBelieved(t *testing.T) {
	w := newWorld(t, 2)
	p, err := New(w.config(), w.deps(nil))
	if err != nil {
		t.Fatal(err)
	}
	p.admin = kadm.NewClient(w.client)
	p.topicIDs = map[string]string{}
	if p.metrics, p.collectors, err = newMetrics(p.deps.Registerer, p.inputs, p.outputs, func() float64 { return 0 }); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	commit := func(seq uint64) {
		t.Helper()
		offsets := kadm.Offsets{}
		offsets.Add(kadm.Offset{Topic: schemas.TopicClicks, Partition: 1, At: int64(seq), LeaderEpoch: -1, Metadata: (&meta{cycle: cycleID{seq, 7}}).commitMetadata()})
		if err := p.admin.CommitAllOffsets(ctx, p.cfg.Group, offsets); err != nil {
			t.Fatal(err)
		}
	}
	cycle := func(seq uint64) {
		t.Helper()
		value, err := (&events.Cycle{Seq: seq, Random: 7}).MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		client, err := kgo.NewClient(append(w.opts(), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		if err := client.ProduceSync(ctx, &kgo.Record{Topic: schemas.TopicCycles, Partition: 1, Value: value}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	ids := map[int32]bool{1: true}
	cycle(900) // before an operator moved the group
	cycle(3)
	commit(3)
	if c, err := p.newestCommits(ctx, ids); err != nil || c[1].cycle.seq != 3 {
		t.Fatalf("cycle 3 is committed, and the answer is %v, %v", c[1].cycle, err)
	}
	cycle(4)
	cycle(5)
	short, cancelShort := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancelShort()
	if c, err := p.newestCommits(short, ids); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("cycle 5 is committed, Kafka answers cycle 3, and the processor takes %v, %v", c[1].cycle, err)
	}
	if p.Ready() == nil || valueOf(p.metrics.staleOffsets) != 1 {
		t.Errorf("nothing tells of it: ready %v, counted %v", p.Ready(), valueOf(p.metrics.staleOffsets))
	}
	remembered := make(chan struct{})
	go func() {
		defer close(remembered)
		commit(5)
	}()
	if c, err := p.newestCommits(ctx, ids); err != nil || c[1].cycle.seq != 5 {
		t.Errorf("cycle 5 is committed, and the answer is %v, %v", c[1].cycle, err)
	}
	<-remembered
}
