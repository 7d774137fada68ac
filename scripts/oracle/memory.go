package oracle

import (
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"tributary/processor"
)

// What the coordinator of the processors' group answers. The loaders' plans are in their group's offsets and nowhere else: see sink/clickhouse/DESIGN.md,
// What is not promised.
const (
	oldBack = "back" // offsets of a while ago
	oldNone = "none" // they have expired
)

// A memory is what the coordinator of a group believes while it has forgotten its latest commits: offsets of a while ago, and nothing of
// open transactions.
type memory struct {
	mu      sync.Mutex
	group   string // empty while nothing is forgotten
	offsets kadm.OffsetResponses
	topics  map[string]kadm.TopicID
}

// oldOffsets notes what is committed now, and has it answered from Count seconds later on.
func (w *World) oldOffsets(f Fault) {
	group := processor.Defaults().Group
	w.timers.Add(1)
	go func() {
		defer w.timers.Done()
		offsets, topics, err := w.committed(group)
		if err != nil {
			w.trace.add("fault", "old-offsets comes to nothing: %v", shorten(err))
			return
		}
		if f.Target == oldNone {
			offsets = nil
		}
		w.later(time.Until(w.began.Add(f.At+time.Duration(f.Count)*time.Second)), func() {
			w.memory.set(group, offsets, topics)
			w.later(f.For, func() { w.memory.set("", nil, nil) })
		})
	}()
}

// committed answers the offsets of a group, and the topics' IDs.
func (w *World) committed(group string) (kadm.OffsetResponses, map[string]kadm.TopicID, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	h := w.network.host("memory", 0)
	h.slow(minLatency, 0)
	client, err := kgo.NewClient(w.kafka(h)...)
	if err != nil {
		return nil, nil, err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	details, err := admin.ListTopics(ctx)
	if err != nil {
		return nil, nil, err
	}
	topics := map[string]kadm.TopicID{}
	for name, d := range details {
		topics[name] = d.ID
	}
	offsets, err := admin.FetchOffsets(ctx, group)
	return offsets, topics, err
}

func (m *memory) set(group string, offsets kadm.OffsetResponses, topics map[string]kadm.TopicID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.group, m.offsets, m.topics = group, offsets, topics
}

// answer is what a coordinator answers that has forgotten, nil when it has not.
func (m *memory) answer(q *kmsg.OffsetFetchRequest) kmsg.Response {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.group == "" || len(q.Groups) != 1 || q.Groups[0].Group != m.group {
		return nil
	}
	asked := q.Groups[0].Topics
	if asked == nil { // everything
		for _, o := range m.offsets.Sorted() {
			if n := len(asked); n == 0 || asked[n-1].Topic != o.Topic {
				asked = append(asked, kmsg.OffsetFetchRequestGroupTopic{Topic: o.Topic, TopicID: m.topics[o.Topic]})
			}
			t := &asked[len(asked)-1]
			t.Partitions = append(t.Partitions, o.Partition)
		}
	}
	group := kmsg.NewOffsetFetchResponseGroup()
	group.Group = m.group
	for _, want := range asked {
		t := kmsg.NewOffsetFetchResponseGroupTopic()
		t.Topic, t.TopicID = want.Topic, want.TopicID
		name := want.Topic
		for known, id := range m.topics {
			if name == "" && id == want.TopicID {
				name = known
				break
			}
		}
		for _, partition := range want.Partitions {
			p := kmsg.NewOffsetFetchResponseGroupTopicPartition()
			p.Partition, p.Offset, p.LeaderEpoch = partition, -1, -1
			if o, known := m.offsets.Lookup(name, partition); known {
				p.Offset, p.LeaderEpoch, p.Metadata = o.At, o.LeaderEpoch, kmsg.StringPtr(o.Metadata)
			}
			t.Partitions = append(t.Partitions, p)
		}
		group.Topics = append(group.Topics, t)
	}
	answer := q.ResponseKind().(*kmsg.OffsetFetchResponse)
	answer.Groups = append(answer.Groups, group)
	return answer
}
