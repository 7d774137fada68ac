package broker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// EachVisible visits the committed records of one partition from offset from until before end, which is no further than
// where its committed records end, or until visit says that it has seen enough. It fetches by itself, for a consumer
// does not tell how far it has come: the last records before end may be of an aborted transaction, which readers never
// see, and without a marker behind them if the broker died. A record is the visitor's. It returns visit's error,
// Kafka's, or that Kafka answered nothing for about 10 s.
func (a Abilities) EachVisible(ctx context.Context, client *kgo.Client, topic string, id int32, from, end int64,
	visit func(*kgo.Record) (more bool, err error)) error {
	details, err := kadm.NewClient(client).ListTopics(ctx, topic)
	if err == nil {
		err = details.Error()
	}
	if err != nil {
		return fmt.Errorf("finding the leader of %s partition %d: %w", topic, id, err)
	}
	leader := client.Broker(int(details[topic].Partitions[id].Leader))
	fetch := kmsg.NewPtrFetchRequest()
	limits := a.FetchLimits(1, visibleBytes, visibleBytes)
	fetch.ReplicaID, fetch.MaxWaitMillis, fetch.MinBytes = -1, 100, 1
	fetch.MaxBytes, fetch.IsolationLevel, fetch.SessionEpoch = limits.Whole, 1, -1
	partition := kmsg.NewFetchRequestTopicPartition()
	partition.Partition, partition.PartitionMaxBytes = id, limits.Partition
	fetch.Topics = []kmsg.FetchRequestTopic{{
		Topic: topic, TopicID: details[topic].ID, Partitions: []kmsg.FetchRequestTopicPartition{partition},
	}}
	for empty := 0; from < end; {
		fetch.Topics[0].Partitions[0].FetchOffset = from
		answer, err := fetch.RequestWith(ctx, leader)
		if err == nil {
			err = kerr.ErrorForCode(answer.ErrorCode)
		}
		if err == nil && (len(answer.Topics) != 1 || len(answer.Topics[0].Partitions) != 1) {
			err = errors.New("the answer leaves it out")
		}
		if err != nil {
			return fmt.Errorf("reading %s partition %d: %w", topic, id, err)
		}
		records, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{
			Offset: from, IsolationLevel: kgo.ReadCommitted(), Topic: topic, Partition: id,
		}, &answer.Topics[0].Partitions[0], kgo.DefaultDecompressor(), nil)
		switch {
		case errors.Is(records.Err, kerr.OffsetOutOfRange) && records.LogStartOffset > from:
			from = records.LogStartOffset // retention took the records away meanwhile
			continue
		case records.Err != nil:
			return fmt.Errorf("reading %s partition %d: %w", topic, id, records.Err)
		}
		for _, r := range records.Records {
			if r.Offset >= end {
				return nil
			}
			if more, err := visit(r); err != nil || !more {
				return err
			}
		}
		if empty++; next > from {
			from, empty = next, 0
		}
		if empty == emptyFetches {
			return fmt.Errorf("reading %s partition %d: the broker has nothing at offset %d, although its committed records "+
				"end at %d",
				topic, id, from, end)
		}
	}
	return nil
}

// emptyFetches, each of a tenth of a second, are how long a partition may answer nothing of what it says it has.
const emptyFetches = 100

// visibleBytes is what one fetch carries.
const visibleBytes = 256 << 10

// Idle is how long a consumer that reads up to an end waits for a record before it looks by EachVisible whether one is
// left at all.
const Idle = 2 * time.Second

// EachLeft is EachVisible for what a consumer has not had: from the offsets in open until before those in ends, by
// partition. It makes a client of its own, for the consumer's waits for records; limits that hold on any engine.
func EachLeft(ctx context.Context, kafka []kgo.Opt, topic string, open, ends map[int32]int64,
	visit func(*kgo.Record) (more bool, err error)) error {
	client, err := kgo.NewClient(kafka...)
	if err != nil {
		return fmt.Errorf("making a Kafka client: %w", err)
	}
	defer client.Close()
	more := true
	for _, id := range slices.Sorted(maps.Keys(open)) {
		err := Embedded().EachVisible(ctx, client, topic, id, open[id], ends[id], func(r *kgo.Record) (_ bool, err error) {
			more, err = visit(r)
			return more, err
		})
		if err != nil || !more {
			return err
		}
	}
	return nil
}
