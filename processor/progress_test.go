package processor

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"tributary/schemas"
	"tributary/schemas/broker/brokertest"
	"tributary/schemas/events"
)

// hanging is a stage that does not answer its first record until it is let go.
type hanging struct {
	once *sync.Once
	let  chan struct{}
}

func (hanging) Name() string                          { return "hanging" }
func (hanging) Inputs() []string                      { return []string{schemas.TopicClicks} }
func (hanging) Outputs() []string                     { return nil }
func (h hanging) Task(int32) Task                     { return h }
func (hanging) Open(*Context) error                   { return nil }
func (hanging) OnTimer(*Context, []byte, int64) error { return nil }
func (h hanging) Process(*Context, *Record) error {
	h.once.Do(func() { <-h.let })
	return nil
}

func (r *running) lag(topic string, partition int) float64 {
	r.t.Helper()
	var m dto.Metric
	if err := r.p.metrics.lag[topic].WithLabelValues(fmt.Sprint(partition)).Write(&m); err != nil {
		r.t.Fatal(err)
	}
	return m.GetGauge().GetValue()
}

// until waits for a condition.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came: %s", what)
		}
	}
}

// untilNotReady waits for what Ready says: on a busy machine another partition, or Kafka's silence, may come before it.
func (r *running) untilNotReady(begins, ends string) {
	r.t.Helper()
	var said error
	r.t.Cleanup(func() {
		if r.t.Failed() {
			r.t.Logf("Ready said at last: %v", said)
		}
	})
	until(r.t, "not ready: "+begins+"…"+ends, func() bool {
		said = r.p.Ready()
		return said != nil && strings.HasPrefix(said.Error(), begins) && strings.HasSuffix(said.Error(), ends)
	})
}

// TestAPartitionThatStandsStillIsNotReady: a cycle hangs, records come behind it, and the processor says which partition
// stands still, with how many records, and its lag grows although nothing is read.
func TestAPartitionThatStandsStillIsNotReady(t *testing.T) {
	w := newWorld(t, 1)
	cfg := w.config()
	w.stallAfter = time.Second
	let := make(chan struct{})
	deps := w.deps(vfs.NewMem())
	deps.Stages = []Stage{hanging{&sync.Once{}, let}}
	r := w.start(cfg, deps)
	until(t, "ready", func() bool { return r.p.Ready() == nil })
	w.sendClick(w.newClick())
	until(t, "the first click's lag", func() bool { return r.lag(schemas.TopicClicks, 0) == 1 })
	for range 9 {
		w.sendClick(w.newClick())
	}
	r.untilNotReady("processor: clicks/0 stands still at offset 0 since ", " while 10 records wait in it")
	if got := r.lag(schemas.TopicClicks, 0); got != 10 {
		t.Errorf("the lag is %v, want 10", got)
	}
	close(let)
	until(t, "ready again", func() bool { return r.p.Ready() == nil })
	until(t, "no lag", func() bool { return r.lag(schemas.TopicClicks, 0) == 0 })
	r.stop()
}

// TestMarkersAreNoLag: the markers of transactions at the end of claims are nothing that waits; a transaction that does
// not end is named.
func TestMarkersAreNoLag(t *testing.T) {
	w := newWorld(t, 1)
	cfg := w.config()
	w.stallAfter = time.Second
	r := w.start(cfg, w.deps(vfs.NewMem()))
	c := w.newClick()
	w.sendClick(c)
	w.sendPostback(w.newPostback(c.ClickId, "t", events.Status_STATUS_APPROVED)) // makes a claim
	w.claimsDone(cfg.Group)
	client, err := kgo.NewClient(append(w.opts(), kgo.TransactionalID("somebody else's"))...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort} {
		if err := client.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		claim := &kgo.Record{Topic: schemas.TopicClaims, Value: []byte("no claim")}
		if err := client.ProduceSync(t.Context(), claim).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if end == kgo.TryAbort {
			r.untilNotReady("processor: claims/0 stands still", "a transaction that does not end (kafka-transactions.sh find-hanging names it)")
		}
		if err := client.EndTransaction(t.Context(), end); err != nil {
			t.Fatal(err)
		}
		until(t, "no lag", func() bool { return r.p.Ready() == nil && r.lag(schemas.TopicClaims, 0) == 0 })
	}
	r.stop()
}

// TestAHeldInputIsAsWellAsItsNeighbour: of a backlog, postbacks wait for clicks that are earlier. That is progress while
// the clicks move, and none when they do not.
func TestAHeldInputIsAsWellAsItsNeighbour(t *testing.T) {
	w := newWorld(t, 1)
	w.sendPostback(w.newPostback(w.newClick().ClickId, "t", events.Status_STATUS_APPROVED))
	for range 5 {
		w.sendClick(w.newClick())
	}
	cfg := w.config()
	cfg.StallAfter = time.Nanosecond // each look is too late
	p := &Processor{
		cfg: cfg, deps: w.deps(nil), log: w.deps(nil).Logger, admin: kadm.NewClient(w.client),
		inputs:     []string{schemas.TopicClicks, schemas.TopicPostbacks},
		topicOf:    map[string]string{"clicks": "clicks", "postbacks": "postbacks"},
		progressed: progress{reached: map[int32]reached{}},
	}
	var err error
	if p.metrics, _, err = newMetrics(prometheus.NewRegistry(), p.inputs, nil, func() float64 { return 0 }); err != nil {
		t.Fatal(err)
	}
	p.reaches(0, map[string]int64{})
	at := p.reachedOf(0)
	at[1].held.Store(true)
	for position := range int64(4) {
		at[0].position.Store(position)
		p.lookAtProgress(t.Context())
		if err := p.progressing(); err != nil {
			t.Fatalf("clicks are at %d: %v", position, err)
		}
	}
	p.lookAtProgress(t.Context())
	err = p.progressing()
	if err == nil || !strings.Contains(err.Error(), "clicks/0") || !strings.Contains(err.Error(), "and 1 more") {
		t.Errorf("both stand still: %v", err)
	}
	at[0].position.Store(5)
	p.lookAtProgress(t.Context())
	p.lookAtProgress(t.Context())
	err = p.progressing()
	if err == nil || !strings.Contains(err.Error(), "postbacks/0 stands still at offset 0") {
		t.Errorf("the clicks are done, and the postback does not go on: %v", err)
	}
	at[1].position.Store(1)
	p.lookAtProgress(t.Context())
	p.lookAtProgress(t.Context())
	w.sendPostback(w.newPostback(w.newClick().ClickId, "u", events.Status_STATUS_APPROVED))
	p.lookAtProgress(t.Context())
	if err := p.progressing(); err != nil {
		t.Errorf("a record came just now: %v", err)
	}
	p.mu.Lock()
	p.forgetProgress([]int32{0})
	p.mu.Unlock()
	if err := p.progressing(); err != nil {
		t.Errorf("the partition went to another: %v", err)
	}
}

// TestAStallIsOneLine: however many partitions stand still, the log says so once, and once that they go on.
func TestAStallIsOneLine(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	p := &Processor{log: zap.New(core), inputs: []string{schemas.TopicClicks, schemas.TopicPostbacks},
		progressed: progress{reached: map[int32]reached{}}}
	var err error
	if p.metrics, _, err = newMetrics(prometheus.NewRegistry(), p.inputs, nil, func() float64 { return 0 }); err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1000, 0)
	waits := func(stalled bool) map[place]wait {
		list := map[place]wait{}
		for id := range int32(30) {
			p.reaches(id, map[string]int64{})
			list[place{schemas.TopicClicks, id}] = wait{position: 1, end: 3, since: now.Add(time.Duration(id)), stalled: stalled, open: id == 7}
		}
		return list
	}
	for _, stalled := range []bool{false, true, true, false} {
		p.found(waits(stalled), now)
	}
	list := logs.All()
	if len(list) != 2 || list[0].Level != zap.WarnLevel || list[1].Level != zap.InfoLevel {
		t.Fatalf("the log has %v", list)
	}
	said := list[0].ContextMap()
	named, _ := said["partitions"].([]any)
	if len(named) != 17 || named[0] != "clicks/0 at offset 1 before 2 records" || named[16] != "and 14 more" ||
		said["behind_an_open_transaction"] != true || !said["since"].(time.Time).Equal(now) {
		t.Errorf("the line says %v", said)
	}
}

// TestATailWithoutMarkerIsNoLag: the embedded broker died amid a transaction, which it then forgets without a marker:
// nobody will ever read up to the log's end.
func TestATailWithoutMarkerIsNoLag(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	forgotten := func() *kgo.Record { return &kgo.Record{Value: []byte("forgotten")} }
	seeds := brokertest.Killed(t, schemas.TopicClaims, 1, nil, []*kgo.Record{forgotten(), forgotten(), forgotten()})
	client, err := kgo.NewClient(seeds...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	p := &Processor{admin: kadm.NewClient(client), deps: Deps{Kafka: seeds}}
	if barren, open := p.barren(ctx, place{schemas.TopicClaims, 0}, wait{position: 0, end: 3}); !barren || open {
		t.Errorf("barren %v, open %v", barren, open)
	}
	seen := &kgo.Record{Topic: schemas.TopicClaims, Value: []byte("seen")}
	if err := client.ProduceSync(ctx, seen).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if barren, open := p.barren(ctx, place{schemas.TopicClaims, 0}, wait{position: 0, end: 4}); barren || open {
		t.Errorf("a record is there: barren %v, open %v", barren, open)
	}
}
