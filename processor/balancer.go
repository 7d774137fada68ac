package processor

import (
	"cmp"
	"encoding/binary"
	"maps"
	"math"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A balancer shares partitions out to the members of the group so that partition i of every input goes to one member, that as few
// as possible move, and that the ones which stay are never given up while others move. Kafka's range assignor co-assigns but
// stops everybody; its cooperative-sticky assignor does not co-assign.
type balancer struct {
	// topic is the input whose partitions stand for those of all.
	topic string
	// granted is told every assignment of this member before its callbacks run.
	granted func(map[string][]int32)
	// states has the partitions whose state lies on this member's disk, with the number of its last cycle.
	states map[int32]uint64
	// nudges counts how often this member asked for a rebalance; nil for never.
	nudges *atomic.Uint64
}

// ProtocolName, IsCooperative, JoinGroupMetadata, ParseSyncAssignment and MemberBalancer are kgo's.
func (*balancer) ProtocolName() string { return "tributary-copartitioned" }

func (*balancer) IsCooperative() bool { return true }

func (b *balancer) JoinGroupMetadata(topics []string, owned map[string][]int32, generation int32) []byte {
	meta := kmsg.NewConsumerMemberMetadata()
	meta.Version = 3
	meta.Topics = topics
	meta.Generation = generation
	for topic, partitions := range owned {
		o := kmsg.NewConsumerMemberMetadataOwnedPartition()
		o.Topic, o.Partitions = topic, partitions
		meta.OwnedPartitions = append(meta.OwnedPartitions, o)
	}
	nudges := uint64(0)
	if b.nudges != nil {
		nudges = b.nudges.Load()
	}
	meta.UserData = appendStates(nil, nudges, b.states)
	// The same metadata from join to join: a difference alone would begin a rebalance.
	slices.SortFunc(meta.OwnedPartitions, func(a, b kmsg.ConsumerMemberMetadataOwnedPartition) int { return strings.Compare(a.Topic, b.Topic) })
	return meta.AppendTo(nil)
}

func (b *balancer) ParseSyncAssignment(assignment []byte) (map[string][]int32, error) {
	parsed, err := kgo.ParseConsumerSyncAssignment(assignment)
	if err == nil && b.granted != nil {
		b.granted(parsed)
	}
	return parsed, err
}

func (b *balancer) MemberBalancer(members []kmsg.JoinGroupResponseMember) (kgo.GroupMemberBalancer, map[string]struct{}, error) {
	cb, err := kgo.NewConsumerBalancer(b, members)
	return cb, cb.MemberTopics(), err
}

// Balance plans: every member keeps what it has up to its share, and what is left goes to those with the least.
func (b *balancer) Balance(cb *kgo.ConsumerBalancer, topics map[string]int32) kgo.IntoSyncAssignment {
	partitions := int32(0)
	for _, n := range topics {
		partitions = max(partitions, n)
	}
	type member struct {
		join   *kmsg.JoinGroupResponseMember
		has    []int32
		states map[int32]uint64
	}
	var members []*member
	// claims are who says that a partition is its own, and since which generation.
	owner, since := make([]*member, partitions), make([]int32, partitions)
	cb.EachMember(func(join *kmsg.JoinGroupResponseMember, meta *kmsg.ConsumerMemberMetadata) {
		m := &member{join: join, states: readStates(meta.UserData)}
		members = append(members, m)
		for _, o := range meta.OwnedPartitions {
			if o.Topic != b.topic {
				continue
			}
			for _, id := range o.Partitions {
				if id >= 0 && id < partitions && (owner[id] == nil || meta.Generation > since[id]) {
					owner[id], since[id] = m, meta.Generation
				}
			}
		}
	})
	var free []int32
	for id, m := range owner {
		if m == nil {
			free = append(free, int32(id))
		} else {
			m.has = append(m.has, int32(id))
		}
	}
	// Who has the most keeps one more where the shares are not equal.
	slices.SortStableFunc(members, func(x, y *member) int { return cmp.Compare(len(y.has), len(x.has)) })
	share, more := int(partitions)/len(members), int(partitions)%len(members)
	limit := func(i int) int {
		if i < more {
			return share + 1
		}
		return share
	}
	for i, m := range members {
		if n := limit(i); len(m.has) > n {
			free = append(free, m.has[n:]...)
			m.has = m.has[:n]
		}
	}
	slices.Sort(free)
	// Whoever has the newest state of a partition takes it, as far as there is room: a restart of all of them moves nothing.
	free = slices.DeleteFunc(free, func(id int32) bool {
		best := -1
		for i, m := range members {
			if seq := m.states[id]; seq > 0 && len(m.has) < limit(i) && (best < 0 || seq > members[best].states[id]) {
				best = i
			}
		}
		if best < 0 {
			return false
		}
		members[best].has = append(members[best].has, id)
		return true
	})
	for i, m := range members {
		n := limit(i) - len(m.has)
		m.has, free = append(m.has, free[:n]...), free[n:]
	}
	plan := cb.NewPlan()
	for _, m := range members {
		for topic, n := range topics {
			mine := slices.Sorted(slices.Values(m.has))
			plan.AddPartitions(m.join, topic, slices.DeleteFunc(mine, func(id int32) bool { return id >= n }))
		}
	}
	plan.AdjustCooperative(cb)
	return plan
}

// The user data of a member: version, nudges, then partition and last cycle of each state, in order of partition.
const statesVersion = 1

func appendStates(dst []byte, nudges uint64, states map[int32]uint64) []byte {
	dst = append(dst, statesVersion)
	dst = binary.AppendUvarint(dst, nudges)
	for _, id := range slices.Sorted(maps.Keys(states)) {
		dst = binary.AppendUvarint(dst, uint64(id))
		dst = binary.AppendUvarint(dst, states[id])
	}
	return dst
}

// readStates answers nothing for what another version wrote: it is a preference only.
func readStates(b []byte) map[int32]uint64 {
	r := reader{b: b}
	if len(b) == 0 || r.byte() != statesVersion {
		return nil
	}
	_ = r.uvarint() // nudges only have to differ
	states := map[int32]uint64{}
	for len(r.b) > 0 {
		id, seq := r.uvarint(), r.uvarint()
		if r.bad || id > math.MaxInt32 {
			return nil
		}
		states[int32(id)] = seq
	}
	return states
}
