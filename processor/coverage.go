package processor

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"go.uber.org/zap"
)

// A partition moves in two rebalances: one takes it away, the next gives it. Static members that come back after a restart get the
// assignment that their group remembers, without a rebalance. When all of them died between the two, nobody knows that the
// second one is due, and the partition belongs to nobody. So every member looks from time to time.

// coverageEvery is the pause between two looks, as a part of the session's timeout.
const coverageEvery = 4

// offsetsOverdue is when the wait for committed offsets is worth a line.
const offsetsOverdue = 10 * time.Second

// watchCoverage asks for a rebalance when partitions belong to nobody at two looks, and says when Kafka keeps partitions waiting. It
// ends with ctx.
func (p *Processor) watchCoverage(ctx context.Context) {
	tick := time.NewTicker(max(p.cfg.SessionTimeout/coverageEvery, time.Second))
	defer tick.Stop()
	missed := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := p.watchPartitions(ctx); err != nil {
			p.leave(event{err: err})
			return
		}
		if at := p.asked.Load(); at != nil && time.Since(*at) > offsetsOverdue {
			text := fmt.Sprintf("Kafka has not returned the committed offsets of newly assigned partitions for %s; "+
				"it holds them back while a transaction of this group is unresolved",
				time.Since(*at).Round(time.Second))
			p.setOwnerless(text)
			p.log.Warn(text)
			continue
		}
		ownerless, err := p.ownerless(ctx)
		if err != nil || len(ownerless) == 0 {
			missed = 0 // Kafka is away, or a rebalance is under way
			p.setOwnerless("")
			continue
		}
		if missed++; missed < 2 {
			continue
		}
		missed = 0
		p.setOwnerless(fmt.Sprintf("partitions %v belong to no processor; asking for a rebalance", ownerless))
		p.log.Warn("partitions belong to nobody: asking for a rebalance", zap.Int32s("partitions", ownerless))
		p.metrics.nudges.Inc()
		p.nudges.Add(1) // members' metadata must differ for Kafka to begin one
		p.session.Client().ForceRebalance()
	}
}

// ownerless answers the partitions that no member of the stable group has; none while it is not stable.
func (p *Processor) ownerless(ctx context.Context) ([]int32, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	groups, err := p.admin.DescribeGroups(ctx, p.cfg.Group)
	if err != nil {
		return nil, err
	}
	group, ok := groups[p.cfg.Group]
	if !ok || group.Err != nil || group.State != "Stable" {
		return nil, group.Err
	}
	return uncovered(group, p.kafkaName(p.inputs[0]), p.partitions), nil
}

func uncovered(group kadm.DescribedGroup, topic string, partitions int32) (left []int32) {
	var owned []int32
	for i := range group.Members {
		assigned, ok := group.Members[i].Assigned.AsConsumer()
		if !ok {
			return nil // another kind of group: not ours to judge
		}
		for _, t := range assigned.Topics {
			if t.Topic == topic {
				owned = append(owned, t.Partitions...)
			}
		}
	}
	for id := range partitions {
		if !slices.Contains(owned, id) {
			left = append(left, id)
		}
	}
	return left
}
