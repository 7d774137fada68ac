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
