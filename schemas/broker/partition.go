package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A Partition is one partition of a topic as its leader has it. It is for those who must know how far they have come, which a
// consumer does not tell: the last records before an end may be of an aborted transaction, which readers never see, and
// without a marker behind them if the broker died.
type Partition struct {
	// Topic and ID name it; TopicID is another once the topic was deleted and made again.
	Topic   string
	ID      int32
	TopicID [16]byte

	client *kgo.Client
	leader *kgo.Broker
	limits FetchLimits
}

// Partition asks who leads a partition. The error wraps kerr.UnknownTopicOrPartition where there is no such topic.
func (a Abilities) Partition(ctx context.Context, client *kgo.Client, topic string, id int32) (*Partition, error) {
	// A listing may come from the client's cache and name a leader that has gone; one with authorized operations does not.
	details, err := kadm.NewClient(client).ListTopics(kadm.WithAuthorizedOps(ctx), topic)
	if err == nil {
		err = details.Error()
	}
	if err == nil {
		if _, known := details[topic].Partitions[id]; !known {
			err = kerr.UnknownTopicOrPartition
		}
	}
	if err != nil {
		return nil, fmt.Errorf("finding the leader of %s partition %d: %w", topic, id, err)
	}
	return &Partition{
		Topic: topic, ID: id, TopicID: details[topic].ID,
		client: client, leader: client.Broker(int(details[topic].Partitions[id].Leader)),
		limits: a.FetchLimits(1, visibleBytes, visibleBytes),
	}, nil
}

// Visible is what one fetch of committed records brought.
type Visible struct {
	Records []*kgo.Record
	// Next is the offset to go on at. It is behind the records that were not shown, too.
	Next int64
	// Start is where the log begins, Stable where its committed records end: at Next ≥ Stable a reader has all of every
	// transaction that it has anything of. End is where the log ends; a transaction is open where that is behind Stable.
	Start, Stable, End int64
}

// Fetch returns committed records from an offset on. Where there are none it waits for them, for as long as it is told. The error
// wraps kerr.OffsetOutOfRange where the log begins behind the offset, or ends before it: then Start says where it begins, and
// Next is the same. Any other error may be about a leader or a topic that is another by now.
func (p *Partition) Fetch(ctx context.Context, from int64, wait time.Duration) (Visible, error) {
	fetch := kmsg.NewPtrFetchRequest()
	fetch.ReplicaID, fetch.MaxWaitMillis, fetch.MinBytes = -1, int32(wait.Milliseconds()), 1
	fetch.MaxBytes, fetch.IsolationLevel, fetch.SessionEpoch = p.limits.Whole, 1, -1
	partition := kmsg.NewFetchRequestTopicPartition()
	partition.Partition, partition.PartitionMaxBytes, partition.FetchOffset = p.ID, p.limits.Partition, from
	fetch.Topics = []kmsg.FetchRequestTopic{{
		Topic: p.Topic, TopicID: p.TopicID, Partitions: []kmsg.FetchRequestTopicPartition{partition},
	}}
	answer, err := fetch.RequestWith(ctx, p.leader)
	if err == nil {
		err = kerr.ErrorForCode(answer.ErrorCode)
	}
	if err == nil && (len(answer.Topics) != 1 || len(answer.Topics[0].Partitions) != 1) {
		err = errors.New("the answer leaves it out")
	}
	if err != nil {
		return Visible{}, fmt.Errorf("reading %s partition %d: %w", p.Topic, p.ID, err)
	}
	answered := &answer.Topics[0].Partitions[0]
	records, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{
		Offset: from, IsolationLevel: kgo.ReadCommitted(), Topic: p.Topic, Partition: p.ID,
	}, answered, kgo.DefaultDecompressor(), nil)
	if errors.Is(records.Err, kerr.OffsetOutOfRange) {
		next, err = p.start(ctx)
		return Visible{Next: next, Start: next}, errors.Join(
			fmt.Errorf("reading %s partition %d at offset %d: %w", p.Topic, p.ID, from, records.Err), err)
	}
	if records.Err != nil {
		return Visible{}, fmt.Errorf("reading %s partition %d: %w", p.Topic, p.ID, records.Err)
	}
	return Visible{records.Records, max(next, from), answered.LogStartOffset, answered.LastStableOffset,
		answered.HighWatermark}, nil
}

// start is where the log begins: with an offset out of range not every broker says it.
func (p *Partition) start(ctx context.Context) (int64, error) {
	starts, err := kadm.NewClient(p.client).ListStartOffsets(ctx, p.Topic)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return 0, fmt.Errorf("asking where %s begins: %w", p.Topic, err)
	}
	at, _ := starts.Lookup(p.Topic, p.ID)
	return at.Offset, nil
}

// visibleBytes is what one fetch carries.
const visibleBytes = 256 << 10
