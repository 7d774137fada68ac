package processor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/schemas"
	"tributary/schemas/broker"
	"tributary/schemas/broker/brokertest"
	"tributary/schemas/events"
)

// contents is everything that a state remembers of the stream, by key; the runtime's own place, the count of batches and the hourly removal of what is
// too old, which goes by the clock of the process, are left out.
func contents(t *testing.T, fs vfs.FS) map[string]string {
	t.Helper()
	db, err := pebble.Open("state", &pebble.Options{FS: fs, ReadOnly: true, Logger: quietLogger{}})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	it, err := db.NewIter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer it.Close()
	all := map[string]string{}
	for it.First(); it.Valid(); it.Next() {
		key := string(it.Key())
		if key == "\x00id" || strings.Contains(key, ownSpace+"\x00") || strings.Contains(key, "!n\x00") || strings.HasSuffix(key, "join\x00!") {
			continue
		}
		all[key] = string(it.Value())
	}
	return all
}

type quietLogger struct{}

func (quietLogger) Infof(string, ...any)  {}
func (quietLogger) Errorf(string, ...any) {}
func (quietLogger) Fatalf(f string, a ...any) {
	panic(fmt.Sprintf(f, a...))
}

func sameContents(t *testing.T, got, want map[string]string) {
	t.Helper()
	shown := 0
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if v, ok := got[key]; (!ok || v != want[key]) && shown < 5 {
			shown++
			t.Errorf("key %q is %q in the rebuilt state, %q in the original", key, v, want[key])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[key]; !ok && shown < 5 {
			shown++
			t.Errorf("key %q is in the rebuilt state only", key)
		}
	}
}

// TestARebuiltStateIsTheSame: whatever the clock and restarts decided, a state rebuilt from the topics equals the lost one. The
// stream has a postback whose grace ended before its click came, while a later postback has an earlier neighbour in the
// log: in the order of timestamps alone it would be joined.
func TestARebuiltStateIsTheSame(t *testing.T) {
	w := newWorld(t, testPartitions)
	cfg := w.config()
	fs := vfs.NewMem()
	r := w.start(cfg, w.deps(fs))
	h := &history{w: w}
	h.feed(20)
	late := w.newClick()
	w.sendPostback(w.newPostback(late.ClickId, "before-its-click", events.Status_STATUS_PENDING))
	h.orphans++
	h.finish(r)
	r.stop()
	r = w.start(cfg, w.deps(fs))
	w.sendClick(late)
	w.clockMS.Add(1000)
	for range 10 {
		w.sendPostback(w.newPostback(late.ClickId, "before-its-click", events.Status_STATUS_APPROVED))
		h.feed(5)
		w.clockMS.Add(4000) // less than the grace in all: no deadline ends while nobody looks
	}
	w.caughtUp(cfg.Group)
	w.claimsDone(cfg.Group)
	r.stop()
	lost := contents(t, fs)

	again := vfs.NewMem()
	r = w.start(cfg, w.deps(again))
	w.awaitReplayed(r)
	r.stop()
	sameContents(t, contents(t, again), lost)
	if n := len(lost); n < 100 {
		t.Errorf("the state has only %d keys", n)
	}

	// A state that stopped half-way needs the rest only, and comes to the same.
	r = w.start(cfg, w.deps(fs))
	h.feed(30)
	w.caughtUp(cfg.Group)
	w.claimsDone(cfg.Group)
	r.stop()
	r = w.start(cfg, w.deps(again))
	w.awaitReplayed(r)
	r.stop()
	sameContents(t, contents(t, again), contents(t, fs))
}

// TestACrashAmidARebuild: a rebuild that was interrupted goes on where it was, to the same state.
func TestACrashAmidARebuild(t *testing.T) {
	for _, nth := range []int{1, 4, 9} {
		t.Run(fmt.Sprint(nth), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, testPartitions)
			cfg := w.config()
			cfg.MaxCycleRecords = 10
			fs := vfs.NewMem()
			r := w.start(cfg, w.deps(fs))
			h := &history{w: w}
			h.feed(40)
			w.caughtUp(cfg.Group)
			w.claimsDone(cfg.Group)
			r.stop()
			c := &crasher{step: stepReplayed, nth: nth, fs: vfs.NewCrashableMem()}
			deps := w.deps(c.fs)
			deps.fault = c.at
			if err := w.start(cfg, deps).wait(); !errors.Is(err, errCrash) {
				t.Fatalf("it ended with %v", err)
			}
			r = w.start(cfg, w.deps(c.saved))
			w.awaitReplayed(r)
			r.stop()
			sameContents(t, contents(t, c.saved), contents(t, fs))
		})
	}
}

// TestRebuildWithoutCycles: where no cycle tells, the records are taken by their timestamps, and the stream goes on right.
func TestRebuildWithoutCycles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testPartitions)
	cfg := w.config()
	r := w.start(cfg, w.deps(vfs.NewMem()))
	h := &history{w: w}
	h.feed(20)
	h.finish(r)
	deleteAll(t, w, schemas.TopicCycles)
	h.feed(10)
	w.caughtUp(cfg.Group)
	r.stop()
	r = w.start(cfg, w.deps(vfs.NewMem()))
	h.feed(10)
	h.finish(r)
	r.stop()
}

// deleteAll removes every record that the topic has now.
func deleteAll(t *testing.T, w *world, topic string) {
	t.Helper()
	adm := kadm.NewClient(w.client)
	ends, err := adm.ListEndOffsets(context.Background(), topic)
	if err != nil {
		t.Fatal(err)
	}
	if answers, err := adm.DeleteRecords(context.Background(), ends.Offsets()); err != nil || answers.Error() != nil {
		t.Fatal(err, answers.Error())
	}
}

// awaitReplayed waits until the processor is ready and has read records to rebuild its state.
func (w *world) awaitReplayed(r *running) {
	w.t.Helper()
	w.awaitState(r, func() bool { return r.p.Ready() == nil && valueOf(r.p.metrics.restored) > 0 })
}

// awaitReady waits until the processor is ready, also where a checkpoint left nothing to read.
func (w *world) awaitReady(r *running) {
	w.t.Helper()
	w.awaitState(r, func() bool { return r.p.Ready() == nil })
}

func (w *world) awaitState(r *running, done func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for !done() {
		if time.Now().After(deadline) {
			w.t.Fatalf("the processor is not ready: %v; it read %v records", r.p.Ready(), valueOf(r.p.metrics.restored))
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TestABrokerThatDiesAmidItsCommit: the broker made some of a transaction visible and forgot that it was committed. What
// readers can see must not come out again, the rest must.
func TestABrokerThatDiesAmidItsCommit(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 5))
			w := newWorld(t, testPartitions)
			cfg := w.config()
			cfg.MaxCycleRecords = 25
			c := &crasher{step: stepProduced, nth: 1 + int(seed%3), fs: vfs.NewCrashableMem()}
			deps := w.deps(c.fs)
			deps.Broker = broker.Embedded()
			var p *Processor
			var visible []*kgo.Record
			var once sync.Once
			deps.fault = func(step string) error {
				err := c.at(step)
				if err != nil {
					once.Do(func() {
						for _, part := range p.parts {
							if !part.touched || rng.IntN(4) == 0 {
								continue // no marker reached what this partition sent
							}
							for _, o := range part.pending {
								visible = append(visible, &kgo.Record{Topic: o.Topic, Key: o.Key, Value: o.Value, Partition: part.id, Timestamp: time.UnixMilli(part.meta.sentMS)})
							}
						}
					})
				}
				return err
			}
			h := &history{w: w}
			h.feed(40)
			r := w.startAs(cfg, deps, &p)
			if err := r.wait(); !errors.Is(err, errCrash) {
				t.Fatalf("it ended with %v", err)
			}
			producer, err := kgo.NewClient(append(w.opts(), kgo.RecordPartitioner(newPartitioner("", 0)))...)
			if err != nil {
				t.Fatal(err)
			}
			defer producer.Close()
			if err := producer.ProduceSync(context.Background(), visible...).FirstErr(); err != nil {
				t.Fatal(err)
			}
			h.feed(10)
			deps = w.deps(c.saved)
			deps.Broker = broker.Embedded()
			r = w.start(cfg, deps)
			h.finish(r)
			r.stop()
			cycles := map[string]bool{}
			for _, rec := range w.read(schemas.TopicCycles).other {
				key := fmt.Sprint(rec.Partition, string(rec.Value))
				if cycles[key] {
					t.Errorf("a cycle came out twice")
				}
				cycles[key] = true
			}
		})
	}
}

// TestVisibleEndsWithoutMarker: the embedded broker died amid a transaction, which it then forgets without a marker: the last
// records of the partition are none that anybody will ever see, so nobody may wait for them.
func TestVisibleEndsWithoutMarker(t *testing.T) {
	const topic = "outputs"
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	seeds := brokertest.Killed(t, topic, 1,
		[]*kgo.Record{{Value: []byte("committed")}}, []*kgo.Record{{Value: []byte("forgotten")}})
	client, err := kgo.NewClient(seeds...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	p := &Processor{admin: kadm.NewClient(client), deps: Deps{Kafka: seeds}}
	var seen []string
	if err := p.readVisible(ctx, []string{topic}, 0, func(r *kgo.Record) { seen = append(seen, string(r.Value)) }); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(seen, []string{"committed"}) {
		t.Errorf("%q were seen", seen)
	}
}

// TestVisibleLeavesOutWhatWasAborted: where a fetch is cut short the embedded broker names no aborted transactions, and their
// records would pass for what readers see: the processor would not send them again.
func TestVisibleLeavesOutWhatWasAborted(t *testing.T) {
	const topic = "outputs"
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, topic))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	seeds := []kgo.Opt{kgo.SeedBrokers(cluster.ListenAddrs()...)}
	producer, err := kgo.NewClient(append(seeds, kgo.TransactionalID("processor"), kgo.ProducerBatchCompression(kgo.NoCompression()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(producer.Close)
	big := bytes.Repeat([]byte("x"), 3*fetchMaxPartitionBytes)
	for _, end := range []kgo.TransactionEndTry{kgo.TryAbort, kgo.TryCommit} {
		if err := producer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for range 4 { // a batch each
			if err := producer.ProduceSync(ctx, &kgo.Record{Topic: topic, Key: []byte(fmt.Sprint(end)), Value: big}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		if err := producer.EndTransaction(ctx, end); err != nil {
			t.Fatal(err)
		}
	}
	p := &Processor{admin: kadm.NewClient(producer), deps: Deps{Kafka: seeds, Broker: broker.Embedded()}}
	seen := map[string]int{}
	if err := p.readVisible(ctx, []string{topic}, 0, func(r *kgo.Record) { seen[string(r.Key)]++ }); err != nil {
		t.Fatal(err)
	}
	if seen[fmt.Sprint(kgo.TryAbort)] != 0 || seen[fmt.Sprint(kgo.TryCommit)] != 4 {
		t.Errorf("seen: %v", seen)
	}
}

// TestAPartitionBeginsWithACheckpoint: on an empty disk a partition begins with the newest shipped checkpoint and reads the rest
// of the topics only, even where the records before it are gone from Kafka.
func TestAPartitionBeginsWithACheckpoint(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testPartitions)
	cfg := w.config()
	cfg.Checkpoint.URL = "/shipped"
	cfg.Checkpoint.Interval = time.Second
	shipped, fs := vfs.NewMem(), vfs.NewMem()
	start := func(fs vfs.FS) *running {
		deps := w.deps(fs)
		deps.CheckpointFS = shipped
		return w.start(cfg, deps)
	}
	r := start(fs)
	h := &history{w: w}
	h.feed(60)
	w.caughtUp(cfg.Group)
	w.claimsDone(cfg.Group)
	deadline := time.Now().Add(patience)
	for !everyPartitionShipped(shipped, cfg.Group) {
		w.clockMS.Add(500)
		if time.Now().After(deadline) {
			t.Fatal("no checkpoint was shipped")
		}
		time.Sleep(5 * time.Millisecond)
	}
	for _, topic := range []string{schemas.TopicClicks, schemas.TopicPostbacks, schemas.TopicClaims, schemas.TopicCycles} {
		deleteAll(t, w, topic)
	}
	h.feed(20)
	h.finish(r)
	w.claimsDone(cfg.Group)
	r.stop()

	again := vfs.NewMem()
	r = start(again)
	w.awaitReady(r)
	r.stop()
	sameContents(t, contents(t, again), contents(t, fs))
	r = start(again)
	h.feed(20)
	h.finish(r)
	r.stop()
}

func everyPartitionShipped(fs vfs.FS, group string) bool {
	for id := range testPartitions {
		names, err := fs.List(fmt.Sprintf("/shipped/group=%s/partition=%d/manifests", group, id))
		if err != nil || len(names) == 0 {
			return false
		}
	}
	return true
}
