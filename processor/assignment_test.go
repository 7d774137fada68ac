package processor

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"tributary/schemas"
	"tributary/schemas/broker"
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

// TestOffsetsThatKafkaForgotAreNotBelieved: Kafka's group coordinator answers offsets of a while ago, or none, and readers see that a
// later cycle is committed. That one is gone on from, once nothing is open behind it.
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
	client, err := kgo.NewClient(append(w.opts(), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.TransactionalID("owner"))...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	begin := func(seq uint64) {
		t.Helper()
		value, err := (&events.Cycle{Seq: seq, Random: 7, Inputs: []*events.CycleInput{{Topic: schemas.TopicClicks, ToOffset: int64(10 * seq)}}}).MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		if err := client.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := client.ProduceSync(ctx, &kgo.Record{Topic: schemas.TopicCycles, Partition: 1, Value: value}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	cycle := func(seq uint64, end kgo.TransactionEndTry) {
		t.Helper()
		begin(seq)
		if err := client.EndTransaction(ctx, end); err != nil {
			t.Fatal(err)
		}
	}
	ask := func() commit {
		t.Helper()
		commits, err := p.newestCommits(ctx, map[int32]bool{1: true})
		if err != nil {
			t.Fatal(err)
		}
		return commits[1]
	}
	answers := func(metadata string, at int64) {
		t.Helper()
		offsets := kadm.Offsets{}
		offsets.Add(kadm.Offset{Topic: schemas.TopicClicks, Partition: 1, At: at, LeaderEpoch: -1, Metadata: metadata})
		if err := p.admin.CommitAllOffsets(ctx, p.cfg.Group, offsets); err != nil {
			t.Fatal(err)
		}
	}
	named := func(seq uint64) string { return (&meta{cycle: cycleID{seq, 7}, watermarkMS: 5}).commitMetadata() }
	expect := func(what string, seq uint64, at int64, forgot float64) {
		t.Helper()
		c := ask()
		if c.cycle.seq != seq || c.positions[schemas.TopicClicks] != at {
			t.Errorf("%s: goes on from cycle %d at %d, not from cycle %d at %d", what, c.cycle.seq, c.positions[schemas.TopicClicks], seq, at)
		}
		if n := valueOf(p.metrics.staleOffsets); n != forgot {
			t.Errorf("%s: %v times Kafka is said to have forgotten, not %v", what, n, forgot)
		}
	}
	// The group must be there.
	other := kadm.Offsets{}
	other.Add(kadm.Offset{Topic: schemas.TopicClicks, Partition: 0, At: 1, LeaderEpoch: -1})
	if err := p.admin.CommitAllOffsets(ctx, p.cfg.Group, other); err != nil {
		t.Fatal(err)
	}
	if c := ask(); c.any {
		t.Errorf("nothing was ever committed, and the answer is %+v", c)
	}
	cycle(3, kgo.TryCommit)
	expect("the offsets have expired", 3, 30, 1)
	answers(named(3), 30)
	expect("nothing is forgotten", 3, 30, 1)
	cycle(4, kgo.TryCommit)
	cycle(5, kgo.TryCommit)
	cycle(6, kgo.TryAbort)
	expect("cycles 4 and 5 are forgotten", 5, 50, 2)
	answers("an operator", 12)
	expect("an operator moved the group", 5, 12, 2)
	answers((&meta{cycle: cycleID{seq: 5}}).commitMetadata(), 13)
	expect("no cycle has followed yet", 5, 13, 2)
	answers(named(5), 50)
	begin(6)
	short, cancelShort := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancelShort()
	if c, err := p.newestCommits(short, map[int32]bool{1: true}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("cycle 6 may be committed yet, and the processor goes on from %v, %v", c[1].cycle, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- client.EndTransaction(ctx, kgo.TryCommit) }()
	expect("cycle 6 is about to be committed", 6, 60, 3)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestAPartitionThatIsNotListed: what the broker does not tell of a partition is never taken for a partition without cycles.
func TestAPartitionThatIsNotListed(t *testing.T) {
	for _, c := range []struct {
		name   string
		listed kadm.ListedOffsets
		err    error
	}{
		{"the topic is not known", kadm.ListedOffsets{"cycles": {-1: {Err: kerr.UnknownTopicOrPartition}}}, kerr.UnknownTopicOrPartition},
		{"nothing is known", kadm.ListedOffsets{}, ErrTopicMissing},
		{"another partition is known", kadm.ListedOffsets{"cycles": {0: {Offset: 5}}}, ErrTopicMissing},
		{"it has no leader", kadm.ListedOffsets{"cycles": {0: {Offset: 5}, 1: {Err: kerr.LeaderNotAvailable}}}, kerr.LeaderNotAvailable},
		{"another one has no leader", kadm.ListedOffsets{"cycles": {0: {Err: kerr.LeaderNotAvailable}, 1: {Offset: 7}}}, nil},
	} {
		got, err := listedOf(context.Background(), "cycles", map[int32]bool{1: true}, func(context.Context, ...string) (kadm.ListedOffsets, error) { return c.listed, nil })
		if !errors.Is(err, c.err) || c.err == nil && (err != nil || got[1] != 7) {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
	}
}

// TestCyclesOfAnotherLog: a topic was deleted and made anew, and with it the group's offsets are gone, but the cycles are not. What is in
// the topic now was never processed.
func TestCyclesOfAnotherLog(t *testing.T) {
	p := &Processor{}
	l := logs{end: map[string]map[int32]int64{schemas.TopicClicks: {1: 3000}}}
	last := &events.Cycle{Seq: 8, Inputs: []*events.CycleInput{{Topic: schemas.TopicClicks, ToOffset: 5000}}}
	err := p.checkRecalled(1, commit{}.upTo(last), l)
	if !errors.Is(err, ErrOtherLog) || !strings.Contains(err.Error(), "partition 1 of clicks ends at offset 3000, and by the topic cycles it was processed up to 5000") {
		t.Errorf("the error is %v", err)
	}
	last.Inputs[0].ToOffset = 3000
	if err := p.checkRecalled(1, commit{}.upTo(last), l); err != nil {
		t.Errorf("all of the topic was processed: %v", err)
	}
	if err := p.checkRecalled(1, commit{any: true, positions: map[string]int64{schemas.TopicClicks: 5000}}, l); err != nil {
		t.Errorf("the group's own offsets: %v", err)
	}
}

// TestOffsetsThatTheEmbeddedBrokerLost: the file of the group's offsets is gone, or lacks its end, and the topics are there. That
// broker's readers may be ahead of its offsets by the cycle that it was committing, and by no other one: nothing counts twice.
func TestOffsetsThatTheEmbeddedBrokerLost(t *testing.T) {
	for _, end := range []string{"stopped", stepProduced, stepEnded} {
		for _, lost := range []string{"all offsets", "the last offsets"} {
			for _, state := range []string{"kept", "lost"} {
				t.Run(strings.Join([]string{end, lost, "state", state}, ", "), func(t *testing.T) {
					t.Parallel()
					w := newWorld(t, testPartitions)
					cfg := w.config()
					cfg.MaxCycleRecords = 20
					c := &crasher{step: end, nth: 2, fs: vfs.NewCrashableMem()}
					embedded := func(fs vfs.FS) Deps {
						deps := w.deps(fs)
						deps.Broker = broker.Embedded()
						deps.TransactionalID = "one" // ends what is open, as the broker does at its start
						return deps
					}
					h := &history{w: w}
					r := w.start(cfg, embedded(c.fs))
					h.feed(30)
					w.caughtUp(cfg.Group)
					admin := kadm.NewClient(w.client)
					left, err := admin.FetchOffsets(context.Background(), cfg.Group)
					if err != nil {
						t.Fatal(err)
					}
					r.stop()

					deps := embedded(c.fs)
					if end != "stopped" {
						deps.fault = c.at
					}
					r = w.start(cfg, deps)
					h.feed(40)
					fs := vfs.FS(c.fs)
					if end == "stopped" {
						w.caughtUp(cfg.Group)
						r.stop()
					} else {
						if err := r.wait(); !errors.Is(err, errCrash) {
							t.Fatalf("it ended with %v", err)
						}
						fs = c.saved
					}
					if state == "lost" {
						fs = vfs.NewMem()
					}
					// The offsets of another group are those that are left of this one's.
					w.endSession(admin, cfg)
					cfg.Group = "left"
					if lost != "all offsets" {
						if err := admin.CommitAllOffsets(context.Background(), cfg.Group, left.Offsets()); err != nil {
							t.Fatal(err)
						}
					}
					r = w.start(cfg, embedded(fs))
					h.feed(10)
					h.finish(r)
					r.stop()
				})
			}
		}
	}
}

// TestTwoGroups: processors of two groups would take every record twice. The one that comes second refuses while the first has members, and
// goes on where it was when they have gone.
func TestTwoGroups(t *testing.T) {
	w := newWorld(t, testPartitions)
	h := &history{w: w}
	first := w.config()
	r := w.start(first, w.deps(vfs.NewMem()))
	h.feed(20)
	w.caughtUp(first.Group)

	second := w.config()
	second.Group = "renamed"
	err := w.start(second, w.deps(vfs.NewMem())).wait()
	if !errors.Is(err, ErrOtherGroup) || !strings.Contains(err.Error(), "the group "+first.Group+" has processors") {
		t.Fatalf("the second group ended with %v", err)
	}
	h.feed(20)
	w.caughtUp(first.Group)
	r.stop()
	w.endSession(kadm.NewClient(w.client), first)
	r = w.start(second, w.deps(vfs.NewMem()))
	h.feed(20)
	h.finish(r)
	r.stop()
}

// endSession takes a processor that has ended out of its group: a member with a name of its own stays until its session is over.
func (w *world) endSession(admin *kadm.Client, c Config) {
	w.t.Helper()
	if _, err := admin.LeaveGroup(context.Background(), kadm.LeaveGroup(c.Group).InstanceIDs(c.InstanceID)); err != nil {
		w.t.Fatal(err)
	}
}
