package oracle

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"tributary/processor"
	"tributary/schemas"
	sink "tributary/sink/clickhouse"
	"tributary/sink/outbound"
)

// firstPort is the first broker's.
const firstPort, clickHousePort = 9092, 8123

// A kafkaError is an error that brokers answer to some requests.
type kafkaError struct {
	keys []kmsg.Key
	err  *kerr.Error
	// top: the error stands for the whole request.
	top bool
	// lose: no error; the request is carried out and its answer is lost with the connection.
	lose bool
}

var kafkaErrors = map[string]kafkaError{
	"produce-not-leader":       {keys: []kmsg.Key{kmsg.Produce}, err: kerr.NotLeaderForPartition},
	"produce-timed-out":        {keys: []kmsg.Key{kmsg.Produce}, err: kerr.RequestTimedOut},
	"produce-lost-answer":      {keys: []kmsg.Key{kmsg.Produce}, lose: true},
	"fetch-not-leader":         {keys: []kmsg.Key{kmsg.Fetch}, err: kerr.NotLeaderForPartition},
	"list-offsets-not-leader":  {keys: []kmsg.Key{kmsg.ListOffsets}, err: kerr.NotLeaderForPartition},
	"end-txn-loading":          {keys: []kmsg.Key{kmsg.EndTxn}, err: kerr.CoordinatorLoadInProgress, top: true},
	"end-txn-not-coordinator":  {keys: []kmsg.Key{kmsg.EndTxn}, err: kerr.NotCoordinator, top: true},
	"end-txn-refused":          {keys: []kmsg.Key{kmsg.EndTxn}, err: kerr.UnknownServerError, top: true},
	"end-txn-lost-answer":      {keys: []kmsg.Key{kmsg.EndTxn}, lose: true},
	"txn-commit-generation":    {keys: []kmsg.Key{kmsg.TxnOffsetCommit}, err: kerr.IllegalGeneration},
	"txn-commit-timed-out":     {keys: []kmsg.Key{kmsg.TxnOffsetCommit}, err: kerr.RequestTimedOut},
	"txn-commit-rebalance":     {keys: []kmsg.Key{kmsg.TxnOffsetCommit}, err: kerr.RebalanceInProgress},
	"commit-timed-out":         {keys: []kmsg.Key{kmsg.OffsetCommit}, err: kerr.RequestTimedOut},
	"commit-generation":        {keys: []kmsg.Key{kmsg.OffsetCommit}, err: kerr.IllegalGeneration},
	"commit-rebalance":         {keys: []kmsg.Key{kmsg.OffsetCommit}, err: kerr.RebalanceInProgress},
	"commit-lost-answer":       {keys: []kmsg.Key{kmsg.OffsetCommit}, lose: true},
	"commit-not-coordinator":   {keys: []kmsg.Key{kmsg.OffsetCommit, kmsg.TxnOffsetCommit}, err: kerr.NotCoordinator},
	"offset-fetch-unavailable": {keys: []kmsg.Key{kmsg.OffsetFetch}, err: kerr.CoordinatorNotAvailable},
	"heartbeat-rebalance":      {keys: []kmsg.Key{kmsg.Heartbeat}, err: kerr.RebalanceInProgress},
	"heartbeat-unknown-member": {keys: []kmsg.Key{kmsg.Heartbeat}, err: kerr.UnknownMemberID},
	"join-unavailable":         {keys: []kmsg.Key{kmsg.JoinGroup, kmsg.SyncGroup}, err: kerr.CoordinatorNotAvailable},
	"init-producer-concurrent": {keys: []kmsg.Key{kmsg.InitProducerID}, err: kerr.ConcurrentTransactions},
	"coordinator-unavailable":  {keys: []kmsg.Key{kmsg.FindCoordinator}, err: kerr.CoordinatorNotAvailable},
	"metadata-unavailable":     {keys: []kmsg.Key{kmsg.Metadata}, err: kerr.LeaderNotAvailable},
}

var kafkaErrorNames = slices.Sorted(maps.Keys(kafkaErrors))

func (w *World) startKafka() error {
	var topics, states []string
	for _, t := range schemas.Topics {
		if t.State {
			states = append(states, t.Name)
		} else {
			topics = append(topics, t.Name)
		}
	}
	var ports []int
	for i := range w.scenario.Brokers {
		ports = append(ports, firstPort+i)
	}
	var err error
	w.cluster, err = kfake.NewCluster(kfake.NumBrokers(w.scenario.Brokers), kfake.Ports(ports...), kfake.ListenFn(w.network.listen),
		kfake.SeedTopics(int32(w.scenario.Partitions), topics...), kfake.SeedTopics(1, states...), kfake.GroupMinSessionTimeout(time.Second))
	if err != nil {
		return fmt.Errorf("starting Kafka: %w", err)
	}
	for i := range w.scenario.Brokers { // kfake draws leaders at random
		for _, t := range topics {
			for p := range w.scenario.Partitions {
				if (i+p)%w.scenario.Brokers == 0 {
					_ = w.cluster.MoveTopicPartition(t, int32(p), int32(i))
				}
			}
		}
	}
	for i, t := range states {
		_ = w.cluster.MoveTopicPartition(t, 0, int32(i%w.scenario.Brokers))
	}
	// Every request becomes part of the trace.
	w.cluster.Control(func(r kmsg.Request) (kmsg.Response, error, bool) {
		w.cluster.KeepControl()
		if w.options.Requests {
			w.trace.add("kafka", "%s %s", kmsg.Key(r.Key()).Name(), digestOf(r.AppendTo(nil)))
		}
		switch q := r.(type) {
		case *kmsg.OffsetForLeaderEpochRequest:
			return endOfEpochs(q), nil, true
		case *kmsg.OffsetFetchRequest:
			if old := w.memory.answer(q); old != nil {
				return old, nil, true
			}
		}
		return nil, nil, false
	})
	return nil
}

// endOfEpochs says that no leader's epoch ended before what a client has read: no log here is ever cut. Right after a change of leader
// kfake itself does not know the epoch before, unlike Kafka, and clients would read their partitions again from the start.
func endOfEpochs(q *kmsg.OffsetForLeaderEpochRequest) kmsg.Response {
	answer := q.ResponseKind().(*kmsg.OffsetForLeaderEpochResponse)
	for _, t := range q.Topics {
		at := kmsg.NewOffsetForLeaderEpochResponseTopic()
		at.Topic = t.Topic
		for _, p := range t.Partitions {
			ap := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
			ap.Partition, ap.LeaderEpoch, ap.EndOffset = p.Partition, p.LeaderEpoch, 1<<60
			at.Partitions = append(at.Partitions, ap)
		}
		answer.Topics = append(answer.Topics, at)
	}
	return answer
}

// kafka answers how a host reaches the brokers.
func (w *World) kafka(h *host) []kgo.Opt {
	return []kgo.Opt{kgo.SeedBrokers(w.cluster.ListenAddrs()...), kgo.Dialer(h.dial), kgo.ClientID(h.name), kgo.MetadataMinAge(250 * time.Millisecond), kgo.DisableClientMetrics()}
}

// expireAfter is far beyond every session.
const expireAfter = 5 * time.Minute

// expireMembers takes members of groups out whose life is over, as Kafka does when their session is. The broker here keeps one
// for ever that died while it waited for the end of a rebalance: it begins a session only with an answer that arrives (kfake,
// group.reply). One that died while it waited for its part (SyncGroup) is taken off the number of those that have joined, to
// which it did not belong (kfake, group.removeMember): the living wait for one more for ever, since each of them that asks
// again lets the rebalance's time begin anew. So who waits in a rebalance now, long after the last fault, is sent away too,
// and joins again.
func (w *World) expireMembers(ctx context.Context) {
	alive := map[string]bool{}
	for _, p := range w.order {
		alive[p.current().name] = true
	}
	h := w.network.host("expirer", 0)
	h.slow(minLatency, 0)
	client, err := kgo.NewClient(w.kafka(h)...)
	if err != nil {
		w.fail("%v", err)
		return
	}
	defer client.Close()
	groups, err := kadm.NewClient(client).DescribeGroups(ctx, processor.Defaults().Group, sink.Defaults().Group, outbound.Defaults().Group, grantors)
	if err != nil {
		w.fail("%v", err)
		return
	}
	for _, g := range groups.Sorted() {
		for _, m := range g.Members {
			if alive[m.ClientID] && g.State != "PreparingRebalance" {
				continue
			}
			leave := kmsg.NewPtrLeaveGroupRequest()
			leave.Group = g.Group
			member := kmsg.NewLeaveGroupRequestMember()
			member.MemberID, member.InstanceID = m.MemberID, m.InstanceID
			leave.Members = append(leave.Members, member)
			_, err := leave.RequestWith(ctx, client)
			w.trace.add("kafka", "the session of %s is over: %v", m.ClientID, err)
		}
	}
}

// kafkaFault has brokers answer some requests by an error.
func (w *World) kafkaFault(f Fault) {
	e := kafkaErrors[f.Target]
	k := kfake.Fault{Keys: e.keys, Err: e.err, TopLevel: e.top, Count: f.Count}
	if e.lose {
		k.Observe = true
		k.When = func(kmsg.Request) bool {
			w.network.loseAnswers(firstPort + int(w.cluster.CurrentNode()))
			return true
		}
	}
	handle := w.cluster.Fault(k)
	w.later(f.For, func() { handle.Remove() })
}

// accepted reads the input topics from Kafka.
func (w *World) accepted(ctx context.Context) ([]Accepted, error) {
	h := w.network.host("auditor", 0)
	client, err := kgo.NewClient(w.kafka(h)...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, schemas.TopicClicks, schemas.TopicPostbacks)
	if err != nil {
		return nil, err
	}
	from, left := map[string]map[int32]kgo.Offset{}, int64(0)
	ends.Each(func(o kadm.ListedOffset) {
		if from[o.Topic] == nil {
			from[o.Topic] = map[int32]kgo.Offset{}
		}
		from[o.Topic][o.Partition] = kgo.NewOffset().AtStart()
		left += o.Offset
	})
	client.AddConsumePartitions(from)
	var log []Accepted
	for int64(len(log)) < left {
		fetches := client.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("reading the inputs back: %d of %d: %w", len(log), left, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			log = append(log, Accepted{r.Topic, r.Partition, r.Offset, r.Value})
		})
	}
	return log, nil
}
