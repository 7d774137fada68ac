package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// letterTransaction is how long Kafka lets a transaction of dead letters live whose loader has died. Until then readers of the
// dead letters wait behind it, and the partition's next owner for its offset.
const letterTransaction = 15 * time.Second

// confirmWith writes letters and confirms the batch in one Kafka transaction: both are there or neither. The broker refuses
// the confirmation of a member that the group has left behind, so two owners never both report a batch.
//
// Batches with letters are rare: each has a client of its own, and the others pay nothing.
func (o *owner) confirmWith(p plan, letters []*kgo.Record) error {
	pauses := o.loader.pauses()
	for again := false; ; again = true {
		err := o.tryConfirmWith(p, letters, again)
		switch {
		case err == nil:
			o.landed = -1
			return nil
		case o.ctx.Err() != nil:
			return err
		case errors.Is(err, kerr.FencedInstanceID):
			return fmt.Errorf("another loader runs under instance_id %q: %w", o.loader.config.InstanceID, err)
		case fenced(err):
			o.loader.metrics.fenced.Inc()
		}
		if err := sleep(o.ctx, pauses.NextBackOff()); err != nil {
			return err
		}
	}
}

// tryConfirmWith is one transaction. again: the one before it may have been committed although its answer was an error or none.
func (o *owner) tryConfirmWith(p plan, letters []*kgo.Record, again bool) (err error) {
	l := o.loader
	id := fmt.Sprintf("%s-letters-%s-%d", l.config.Group, o.topic, o.partition)
	client, err := kgo.NewClient(append(slices.Clone(l.kafka), kgo.TransactionalID(id), kgo.TransactionTimeout(l.letterTransaction),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		// The confirmation is sent by hand, for kgo does it only where the same client consumes: in the protocol before KIP-890,
		// whose steps do not hang together with the client's own state. Brokers of both take it.
		kgo.MaxVersions(kversion.V3_7_0()))...)
	if err != nil {
		return fmt.Errorf("configuring a Kafka client for dead letters: %w", err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(o.ctx, l.letterTransaction)
	defer cancel()
	// Takes the ID from whoever had it: what he left open is aborted, what he left half committed is completed first.
	producer, epoch, err := client.ProducerID(ctx)
	if err != nil {
		return fmt.Errorf("starting a transaction of dead letters: %w", err)
	}
	if again {
		done, err := o.isConfirmed(ctx, client, p.last+1)
		if done || err != nil {
			return err
		}
	}
	if err := client.BeginTransaction(); err != nil {
		return fmt.Errorf("starting a transaction of dead letters: %w", err)
	}
	defer func() {
		if err == nil || l.crash.Err() != nil {
			return
		}
		// At once, for readers wait behind it. If this fails too, the next transaction or its timeout does it.
		end, cancel := context.WithTimeout(context.WithoutCancel(o.ctx), l.config.CommitTimeout)
		defer cancel()
		_ = client.EndTransaction(end, kgo.TryAbort)
	}()
	fresh := make([]*kgo.Record, len(letters))
	for i, letter := range letters {
		// A record remembers the context and the place of the try before.
		fresh[i] = &kgo.Record{Topic: letter.Topic, Key: letter.Key, Value: letter.Value, Headers: letter.Headers, Timestamp: letter.Timestamp}
	}
	if err := client.ProduceSync(ctx, fresh...).FirstErr(); err != nil {
		return fmt.Errorf("sending a dead letter: %w", err)
	}
	if err := l.faults.at(pointWritten, o, p); err != nil {
		return err
	}
	if err := o.stageConfirmation(ctx, client, id, producer, epoch, p.last+1); err != nil {
		return err
	}
	if err := l.faults.at(pointStaged, o, p); err != nil {
		return err
	}
	// A commit that was sent is waited for, also by an owner that is to stop.
	end, cancelEnd := context.WithTimeout(context.WithoutCancel(o.ctx), l.config.CommitTimeout)
	defer cancelEnd()
	if err := client.EndTransaction(end, kgo.TryCommit); err != nil {
		return fmt.Errorf("committing dead letters: %w", err)
	}
	return l.faults.at(pointReported, o, p)
}

// stageConfirmation makes an offset of the partition, without a plan, part of the client's transaction.
func (o *owner) stageConfirmation(ctx context.Context, client *kgo.Client, id string, producer int64, epoch int16, offset int64) error {
	config := &o.loader.config
	add := kmsg.NewPtrAddOffsetsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch, add.Group = id, producer, epoch, config.Group
	added, err := add.RequestWith(ctx, client)
	if err == nil {
		err = kerr.ErrorForCode(added.ErrorCode)
	}
	if err != nil {
		return fmt.Errorf("adding the group to a transaction of dead letters: %w", err)
	}
	stage := kmsg.NewPtrTxnOffsetCommitRequest()
	stage.TransactionalID, stage.ProducerID, stage.ProducerEpoch, stage.Group = id, producer, epoch, config.Group
	stage.MemberID, stage.Generation = o.loader.client.GroupMetadata()
	if config.InstanceID != "" {
		stage.InstanceID = &config.InstanceID
	}
	// After the generation was read: if the partition was lost before, it is of the next one, which the broker would take.
	if o.lost.Load() {
		return errLost
	}
	partition := kmsg.NewTxnOffsetCommitRequestTopicPartition()
	partition.Partition, partition.Offset, partition.Metadata = o.partition, offset, kmsg.StringPtr("")
	topic := kmsg.NewTxnOffsetCommitRequestTopic()
	topic.Topic, topic.Partitions = o.topic, append(topic.Partitions, partition)
	stage.Topics = append(stage.Topics, topic)
	o.loader.metrics.commits.Inc()
	staged, err := stage.RequestWith(ctx, client)
	if err != nil {
		return fmt.Errorf("confirming offset %d of %s/%d with its dead letters: %w", offset, o.topic, o.partition, err)
	}
	if len(staged.Topics) != 1 || len(staged.Topics[0].Partitions) != 1 {
		return errNoAnswer
	}
	if err := kerr.ErrorForCode(staged.Topics[0].Partitions[0].ErrorCode); err != nil {
		return fmt.Errorf("confirming offset %d of %s/%d with its dead letters: %w", offset, o.topic, o.partition, err)
	}
	return nil
}

// isConfirmed says whether the group has an offset of the partition, or a later one. No transaction of this partition's
// letters is under way.
func (o *owner) isConfirmed(ctx context.Context, client *kgo.Client, offset int64) (bool, error) {
	offsets, err := kadm.NewClient(client).FetchOffsets(ctx, o.loader.config.Group)
	if err != nil {
		return false, fmt.Errorf("reading the group's offset of %s/%d: %w", o.topic, o.partition, err)
	}
	at, ok := offsets.Lookup(o.topic, o.partition)
	if ok && at.Err != nil {
		return false, fmt.Errorf("reading the group's offset of %s/%d: %w", o.topic, o.partition, at.Err)
	}
	return ok && at.At >= offset, nil
}
