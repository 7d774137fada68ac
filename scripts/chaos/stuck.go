package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// stuckAfter is how long a partition may have records that readers of committed ones do not get, with nobody writing.
const stuckAfter = 15 * time.Second

// processorGroup is processor.group's default.
const processorGroup = "tributary-processor"

// stuck finds partitions whose last stable offset stands still, and says whose transaction holds it.
type stuck struct {
	site  *site
	since map[string]time.Time
	at    map[string]int64
	told  map[string]bool
}

func newStuck(s *site) *stuck {
	return &stuck{s, map[string]time.Time{}, map[string]int64{}, map[string]bool{}}
}

func (k *stuck) look(ctx context.Context, now bool) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	client, err := kgo.NewClient(k.site.kafkaOptions()...)
	if err != nil {
		return
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	ends, err := admin.ListEndOffsets(ctx)
	if err != nil {
		k.site.report.say("asking Kafka for its offsets: %v", err)
		return
	}
	stable, err := admin.ListCommittedOffsets(ctx)
	if err != nil {
		return
	}
	k.orphans(ctx, admin)
	stable.Each(func(o kadm.ListedOffset) {
		end, ok := ends.Lookup(o.Topic, o.Partition)
		name := fmt.Sprintf("%s/%d", o.Topic, o.Partition)
		if !ok || o.Offset >= end.Offset || k.at[name] != o.Offset {
			delete(k.since, name)
			k.at[name] = o.Offset
			return
		}
		if k.since[name].IsZero() {
			k.since[name] = time.Now()
		}
		if k.told[name] || !now && time.Since(k.since[name]) < stuckAfter {
			return
		}
		k.told[name] = true
		k.site.report.say("Kafka: %s: readers of committed records wait at %d of %d%s", name, o.Offset, end.Offset, holder(ctx, admin, o.Topic, o.Partition))
	})
}

// heldByKafka tells whether the group coordinator answers that offsets are about to be committed while no transaction is
// open: seen with 4.2.0 after its broker was killed while it loaded its state. The next start of the broker heals it.
func (s *site) heldByKafka(ctx context.Context) bool {
	if s.broker == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	client, err := kgo.NewClient(s.kafkaOptions()...)
	if err != nil {
		return false
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	listed, err := admin.ListTransactions(ctx, nil, []string{"Ongoing", "PrepareCommit", "PrepareAbort"})
	if err != nil || len(listed) > 0 {
		return false
	}
	offsets, err := admin.FetchOffsets(kadm.RequireStable(ctx), processorGroup)
	held := errors.Is(err, kerr.UnstableOffsetCommit)
	offsets.Each(func(o kadm.OffsetResponse) { held = held || errors.Is(o.Err, kerr.UnstableOffsetCommit) })
	return held
}

// orphans says which input partitions no processor has, once they were so for a while.
func (k *stuck) orphans(ctx context.Context, admin *kadm.Client) {
	groups, err := admin.DescribeGroups(ctx, processorGroup)
	if err != nil {
		return
	}
	owned := map[int32]bool{}
	for _, m := range groups[processorGroup].Members {
		if a, ok := m.Assigned.AsConsumer(); ok {
			for _, t := range a.Topics {
				for _, p := range t.Partitions {
					owned[p] = true
				}
			}
		}
	}
	for p := range int32(partitions) {
		name := fmt.Sprintf("group %s, partition %d", processorGroup, p)
		switch {
		case owned[p]:
			delete(k.since, name)
		case k.since[name].IsZero():
			k.since[name] = time.Now()
		case !k.told[name] && time.Since(k.since[name]) > stuckAfter:
			k.told[name] = true
			k.site.report.say("%s belongs to nobody for %s; the group is %s", name, stuckAfter, groups[processorGroup].State)
		}
	}
}

// holder describes the open transaction of a partition.
func holder(ctx context.Context, admin *kadm.Client, topic string, partition int32) string {
	var set kadm.TopicsSet
	set.Add(topic, partition)
	producers, err := admin.DescribeProducers(ctx, set)
	if err != nil {
		return ": " + err.Error()
	}
	text := ""
	producers.EachProducer(func(p kadm.DescribedProducer) {
		if p.CurrentTxnStartOffset >= 0 {
			text += fmt.Sprintf("; producer %d epoch %d (coordinator epoch %d) has a transaction open from %d on, last record %s", p.ProducerID, p.ProducerEpoch,
				p.CoordinatorEpoch, p.CurrentTxnStartOffset, time.UnixMilli(p.LastTimestamp).Format("15:04:05.000"))
		}
	})
	listed, err := admin.ListTransactions(ctx, nil, nil)
	if err != nil {
		return text + ": " + err.Error()
	}
	described, err := admin.DescribeTransactions(ctx, listed.TransactionalIDs()...)
	if err != nil {
		return text + ": " + err.Error()
	}
	for id, t := range described {
		text += fmt.Sprintf("; %s: %s, producer %d epoch %d, open partitions %v", id, t.State, t.ProducerID, t.ProducerEpoch, t.Topics)
	}
	return text
}
