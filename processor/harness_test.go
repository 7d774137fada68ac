package processor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"tributary/schemas"
	"tributary/schemas/events"
	"tributary/schemas/id"
)

const testPartitions = 2

// world is one in-process Kafka with every topic, a clock to turn, and what a test needs to feed and read it.
type world struct {
	t       testing.TB
	cluster *kfake.Cluster
	client  *kgo.Client
	clockMS atomic.Int64
	keys    *id.Keyring
	minter  *id.Minter
	receipt int
	// ended is why a processor ended by itself, the last one.
	ended atomic.Pointer[error]
	// stallAfter takes the place of a processor's, which may be no shorter than a transaction.
	stallAfter time.Duration
}

// patience is how long a test waits for what must come: long enough for the race detector on a busy machine.
const patience = 2 * time.Minute

func newWorld(t testing.TB, partitions int32, extraTopics ...string) *world {
	t.Helper()
	var names []string
	for _, topic := range schemas.Topics {
		names = append(names, topic.Name)
	}
	names = append(names, extraTopics...)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, names...), kfake.GroupMinSessionTimeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	w := &world{t: t, cluster: cluster, minter: id.NewMinter()}
	w.clockMS.Store(time.Now().UnixMilli())
	if w.keys, err = id.NewKeyring(1, map[uint8][]byte{1: []byte("0123456789abcdef")}); err != nil {
		t.Fatal(err)
	}
	if w.client, err = kgo.NewClient(append(w.opts(), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)), kgo.MaxBufferedRecords(1<<20))...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.client.Close)
	return w
}

func (w *world) opts() []kgo.Opt { return []kgo.Opt{kgo.SeedBrokers(w.cluster.ListenAddrs()...)} }

func (w *world) config() Config {
	c := Defaults()
	c.InstanceID = "test-0"
	c.StateDir = "state"
	c.Grace = time.Minute
	// Longer than a busy machine stands still: a processor whose session ends while it works has to end too.
	c.SessionTimeout = 10 * time.Second
	return c
}

func (w *world) deps(fs vfs.FS) Deps {
	log := zap.NewNop()
	if testing.Verbose() {
		log = zaptest.NewLogger(w.t, zaptest.Level(zap.InfoLevel))
	}
	return Deps{Kafka: w.opts(), FS: fs, Logger: log, Now: func() time.Time { return time.UnixMilli(w.clockMS.Load()) }}
}

// running is a processor at work.
type running struct {
	t      testing.TB
	p      *Processor
	cancel context.CancelFunc
	done   chan error
}

func (w *world) start(cfg Config, deps Deps) *running {
	w.t.Helper()
	p, err := New(cfg, deps)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.run(p)
}

// startAs is start for a fault that looks into the processor.
func (w *world) startAs(cfg Config, deps Deps, into **Processor) *running {
	w.t.Helper()
	p, err := New(cfg, deps)
	if err != nil {
		w.t.Fatal(err)
	}
	*into = p
	return w.run(p)
}

func (w *world) run(p *Processor) *running {
	p.cfg.StallAfter = cmp.Or(w.stallAfter, p.cfg.StallAfter)
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{w.t, p, cancel, make(chan error, 1)}
	go func() {
		err := p.Run(ctx)
		if err != nil {
			w.ended.Store(&err)
		}
		r.done <- err
	}()
	w.t.Cleanup(cancel)
	return r
}

func (r *running) stop() {
	r.t.Helper()
	r.cancel()
	if err := r.wait(); err != nil {
		r.t.Fatalf("the processor stopped with %v", err)
	}
}

func (r *running) wait() error {
	r.t.Helper()
	select {
	case err := <-r.done:
		return err
	case <-time.After(patience):
		r.t.Fatal("the processor did not stop")
		return nil
	}
}

func (w *world) clickID(campaign, source uint32) string {
	return w.minter.Click(w.keys, w.clockMS.Load(), campaign, source).String()
}

func (w *world) newClick() *events.Click {
	now := w.clockMS.Load()
	return &events.Click{ClickId: w.clickID(1, 2), EventMs: now, ReceivedMs: now, CampaignId: 1, Campaign: "summer", SourceId: 2, Source: "pushads",
		OfferId: 3, Offer: "casino", Subs: []string{"a", "b"}, OfferPayoutMicros: 5_000_000, OfferCurrency: "USD", OfferPayoutBaseMicros: 5_000_000,
		Country: "DE", UserAgent: "Mozilla/5.0", CostMicros: 20_000, Currency: "USD", CostBaseMicros: 20_000}
}

func (w *world) newPostback(clickID, txid string, status events.Status) *events.Postback {
	w.receipt++
	now := w.clockMS.Load()
	return &events.Postback{ReceiptId: fmt.Sprintf("receipt-%06d", w.receipt), ClickId: clickID, Network: "acme", Event: "sale", Status: status,
		Txid: txid, HasPayout: true, PayoutMicros: 7_000_000, Currency: "USD", PayoutBaseMicros: 7_000_000, EventMs: now + 60_000, ReceivedMs: now,
		CampaignId: 1, Campaign: "summer", SourceId: 2, Source: "pushads"}
}

type marshaler interface{ MarshalVT() ([]byte, error) }

func (w *world) send(topic, key string, m marshaler) {
	w.t.Helper()
	value, err := m.MarshalVT()
	if err != nil {
		w.t.Fatal(err)
	}
	w.sendRaw(topic, key, value)
}

func (w *world) sendRaw(topic, key string, value []byte) {
	w.t.Helper()
	r := &kgo.Record{Topic: topic, Key: []byte(key), Value: value, Timestamp: time.UnixMilli(w.clockMS.Load())}
	if err := w.client.ProduceSync(context.Background(), r).FirstErr(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) sendClick(c *events.Click) { w.t.Helper(); w.send(schemas.TopicClicks, c.ClickId, c) }
func (w *world) sendPostback(p *events.Postback) {
	w.t.Helper()
	w.send(schemas.TopicPostbacks, p.ClickId, p)
}

// output is everything that a read_committed consumer sees.
type output struct {
	clicks      []*events.Click
	conversions []*events.Conversion
	anomalies   []*events.Anomaly
	letters     []*events.DeadLetter
	other       []*kgo.Record // of other topics than these
	all         []*kgo.Record
}

// read answers all committed outputs there are now.
func (w *world) read(topics ...string) output {
	w.t.Helper()
	var out output
	if len(topics) == 0 {
		topics = []string{schemas.TopicScoredClicks, schemas.TopicConversions, schemas.TopicAnomalies, schemas.TopicDeadLetters}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ends, err := kadm.NewClient(w.client).ListCommittedOffsets(ctx, topics...)
	if err != nil {
		w.t.Fatal(err)
	}
	left := map[string]int64{}
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			left[fmt.Sprint(o.Topic, o.Partition)] = o.Offset
		}
	})
	cl, err := kgo.NewClient(append(w.opts(), kgo.ConsumeTopics(topics...), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())...)
	if err != nil {
		w.t.Fatal(err)
	}
	defer cl.Close()
	for len(left) > 0 {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			w.t.Fatalf("reading outputs: %v, waiting for %v", err, left)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Offset+1 >= left[fmt.Sprint(r.Topic, r.Partition)] {
				delete(left, fmt.Sprint(r.Topic, r.Partition))
			}
			if r.Attrs.IsControl() {
				return
			}
			out.all = append(out.all, r)
			var err error
			switch r.Topic {
			case schemas.TopicScoredClicks:
				m := &events.Click{}
				err = m.UnmarshalVT(r.Value)
				out.clicks = append(out.clicks, m)
			case schemas.TopicConversions:
				m := &events.Conversion{}
				err = m.UnmarshalVT(r.Value)
				out.conversions = append(out.conversions, m)
			case schemas.TopicAnomalies:
				m := &events.Anomaly{}
				err = m.UnmarshalVT(r.Value)
				out.anomalies = append(out.anomalies, m)
			case schemas.TopicDeadLetters:
				m := &events.DeadLetter{}
				err = m.UnmarshalVT(r.Value)
				out.letters = append(out.letters, m)
			default:
				out.other = append(out.other, r)
			}
			if err != nil {
				w.t.Fatal(err)
			}
		})
	}
	return out
}

// await reads until ok says so.
func (w *world) await(what string, ok func(output) bool) output {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		out := w.read()
		if ok(out) {
			return out
		}
		if time.Now().After(deadline) {
			if err := w.ended.Load(); err != nil {
				w.t.Errorf("a processor ended: %v", *err)
			}
			w.t.Fatalf("waiting for %s: %s", what, out.summary())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// claimsDone waits until every claim is judged, and what came of it is read.
func (w *world) claimsDone(group string) {
	w.t.Helper()
	w.readToEnd(group, schemas.TopicClaims)
	w.readToEnd(group, schemas.TopicConversions)
}

// readToEnd waits until the group has read the records that a topic of the processor's own has now. Behind them are markers.
func (w *world) readToEnd(group, topic string) {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		last := map[int32]int64{}
		for _, r := range w.read(topic).all {
			last[r.Partition] = r.Offset
		}
		commits, err := kadm.NewClient(w.client).FetchOffsets(context.Background(), group)
		behind := err != nil
		for id, offset := range last {
			c, ok := commits.Lookup(topic, id)
			behind = behind || !ok || c.At <= offset
		}
		if !behind {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("the group did not read all of %s: %v", topic, commits)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// caughtUp waits until the group has committed every input.
func (w *world) caughtUp(group string) {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	adm := kadm.NewClient(w.client)
	inputs := []string{schemas.TopicClicks, schemas.TopicPostbacks}
	for {
		ends, err := adm.ListEndOffsets(context.Background(), inputs...)
		if err != nil {
			w.t.Fatal(err)
		}
		commits, err := adm.FetchOffsets(context.Background(), group)
		behind := err != nil
		ends.Each(func(o kadm.ListedOffset) {
			c, ok := commits.Lookup(o.Topic, o.Partition)
			behind = behind || o.Offset > 0 && (!ok || c.At < o.Offset)
		})
		if !behind {
			w.readToEnd(group, schemas.TopicConversions)
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("the group did not catch up: %v", commits)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (o output) summary() string {
	var b strings.Builder
	for _, c := range o.clicks {
		fmt.Fprintf(&b, "click %s score %d\n", c.ClickId[:8], c.Score)
	}
	for _, c := range o.conversions {
		fmt.Fprintf(&b, "conversion %s %s %s %s %s\n", c.ClickId[:8], c.Txid, c.Kind, c.Status, c.Match)
	}
	for _, l := range o.letters {
		fmt.Fprintf(&b, "letter %s %s %s\n", l.LetterId, l.Reason, l.Detail)
	}
	return b.String()
}

// ledger is the sorted text of every output, to compare whole histories; each line must be there once.
func (o output) ledger() []string {
	var lines []string
	for _, c := range o.clicks {
		lines = append(lines, "click "+c.ClickId)
	}
	for _, c := range o.conversions {
		lines = append(lines, fmt.Sprintf("conversion %s %d %s %s %d %d", c.ConversionId, c.Seq, c.Kind, c.Match, c.ConversionsDelta, c.RevenueConfirmedDeltaMicros))
	}
	for _, l := range o.letters {
		lines = append(lines, "letter "+l.LetterId+" "+l.Reason)
	}
	for _, a := range o.anomalies {
		lines = append(lines, "anomaly "+a.AnomalyId)
	}
	slices.Sort(lines)
	return lines
}

var errCrash = errors.New("crash of the test")

// crasher crashes a processor once, the nth time it comes to a step, keeping what the disk would hold.
type crasher struct {
	mu    sync.Mutex
	step  string
	nth   int
	fs    *vfs.MemFS
	saved *vfs.MemFS
}

func (c *crasher) at(step string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if step != c.step || c.saved != nil {
		return nil
	}
	if c.nth--; c.nth > 0 {
		return nil
	}
	c.saved = c.fs.CrashClone(vfs.CrashCloneCfg{})
	return errCrash
}

// valueOf is a counter's value.
func valueOf(c prometheus.Counter) float64 {
	var m dto.Metric
	if c.Write(&m) != nil {
		return -1
	}
	return m.GetCounter().GetValue()
}
