package ingest

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"tributary/ingest/spool"
	"tributary/schemas"
	"tributary/schemas/events"
)

// maxMessage sets how large a batch the topic takes.
func (b *bench) maxMessage(topic string, bytes int) {
	b.tb.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(b.cluster.ListenAddrs()...))
	if err != nil {
		b.tb.Fatal(err)
	}
	defer client.Close()
	value := strconv.Itoa(bytes)
	config := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	config.Name, config.Value = "max.message.bytes", &value
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName, resource.Configs = kmsg.ConfigResourceTypeTopic, topic, append(resource.Configs, config)
	request := kmsg.NewPtrIncrementalAlterConfigsRequest()
	request.Resources = append(request.Resources, resource)
	response, err := request.RequestWith(context.Background(), client)
	if err == nil {
		err = kerr.ErrorForCode(response.Resources[0].ErrorCode)
	}
	if err != nil {
		b.tb.Fatal(err)
	}
}

// refuseMarked has Kafka say no to every batch that has a record with this text.
func (b *bench) refuseMarked(mark string, code *kerr.Error) (stop func()) {
	return b.refuseRequests(code, func(batches [][]byte) bool {
		return slices.ContainsFunc(batches, func(batch []byte) bool { return bytes.Contains(batch, []byte(mark)) })
	})
}

// refuseRequests has Kafka say no to every produce request whose batches are such.
func (b *bench) refuseRequests(code *kerr.Error, such func(batches [][]byte) bool) (stop func()) {
	done := make(chan struct{})
	b.cluster.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
		b.cluster.KeepControl()
		select {
		case <-done:
			return nil, nil, false
		default:
		}
		produce := request.(*kmsg.ProduceRequest)
		var batches [][]byte
		for _, t := range produce.Topics {
			for _, p := range t.Partitions {
				batches = append(batches, p.Records)
			}
		}
		if !such(batches) {
			return nil, nil, false
		}
		response := produce.ResponseKind().(*kmsg.ProduceResponse)
		for _, t := range produce.Topics {
			topic := kmsg.NewProduceResponseTopic()
			topic.Topic, topic.TopicID = t.Topic, t.TopicID
			for _, p := range t.Partitions {
				partition := kmsg.NewProduceResponseTopicPartition()
				partition.Partition, partition.ErrorCode = p.Partition, code.Code
				topic.Partitions = append(topic.Partitions, partition)
			}
			response.Topics = append(response.Topics, topic)
		}
		return response, nil, true
	})
	return func() { close(done) }
}

func asideFiles(t *testing.T, dir string) (list []*spool.AsideFile) {
	t.Helper()
	if err := spool.ReadAside(dir, func(f *spool.AsideFile) error { list = append(list, f); return nil }); err != nil {
		t.Fatal(err)
	}
	return list
}

// until waits for a condition.
func until(t *testing.T, what string, met func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !met(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after 30 s not: %s", what)
		}
	}
}

// TestOnlyTheRecordThatIsTooLargeIsSetAside spools clicks of which one is larger than the topic takes, and which
// together are larger by far: Kafka has all but that one, which is named where people look, and gets there under its
// own ID once the topic takes it.
func TestOnlyTheRecordThatIsTooLargeIsSetAside(t *testing.T) {
	const small = 199
	dir := t.TempDir()
	b := newBench(t, func(cfg *Config, deps *Deps) {
		withSpool(dir)(cfg, deps)
		cfg.Compression = "none"
	})
	waitReady(t, b.edge)
	stop := b.refuseProduce(kerr.NotEnoughReplicas)
	acknowledged := map[string]bool{}
	large := ""
	for n := range small + 1 {
		path := "/c/summer"
		if n == small/2 {
			for sub := range schemas.MaxSubs {
				path += fmt.Sprintf("%csub%d=%s", "?&"[min(sub, 1)], sub+1, strings.Repeat("s", schemas.MaxSubBytes))
			}
		}
		got := b.get(path)
		if got.status != http.StatusFound {
			t.Fatalf("answer %+v", got)
		}
		id := got.header.Get("X-Click-Id")
		acknowledged[id] = true
		if n == small/2 {
			large = id
		}
	}
	b.maxMessage(schemas.TopicClicks, 3000)
	stop()
	b.drained()
	had := map[string]int{}
	for _, c := range b.clicks() {
		had[c.ClickId]++
	}
	for id := range acknowledged {
		if want := map[bool]int{false: 1, true: 0}[id == large]; had[id] != want {
			t.Errorf("click %s is in Kafka %d times, want %d", id, had[id], want)
		}
	}
	files := asideFiles(t, dir)
	if len(files) != 1 || files[0].Record == nil || string(files[0].Record.ID) != large || string(files[0].Record.Key) != large || files[0].Record.Topic != schemas.TopicClicks ||
		!strings.Contains(files[0].Why, "MESSAGE_TOO_LARGE") {
		t.Fatalf("aside lies %+v", files)
	}
	if got := b.get("/readyz"); got.status != http.StatusOK || !strings.Contains(got.body, "set aside: 1 acknowledged records that kafka refused for good, 0 damaged") || !strings.Contains(got.body, "tributary spool list") {
		t.Errorf("readyz answers %+v", got)
	}
	metrics := b.get("/metrics").body
	for _, line := range []string{"aside_files 1\n", "aside_records 1\n", fmt.Sprintf("aside_bytes %d\n", files[0].Bytes), "set_aside_records_total 1\n", "requeued_records_total 0\n"} {
		if !strings.Contains(metrics, "tributary_ingest_spool_"+line) {
			t.Errorf("the metrics lack %s", line)
		}
	}

	// Still too large: it comes back.
	requeued, err := spool.Requeue(dir, files[0].Name)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "it is refused again", func() bool { waits, refused := spool.AsideState(dir, requeued); return !waits && refused })
	b.maxMessage(schemas.TopicClicks, 1<<20)
	if requeued, err = spool.Requeue(dir, files[0].Name); err != nil {
		t.Fatal(err)
	}
	until(t, "it is taken", func() bool { waits, refused := spool.AsideState(dir, requeued); return !waits && !refused })
	clicks := b.clicks()
	found := 0
	for _, c := range clicks {
		if c.ClickId == large && len(c.Subs) == schemas.MaxSubs {
			found++
		}
	}
	if found != 1 || len(clicks) != small+1 {
		t.Errorf("of %d clicks %d are the one that was set aside", len(clicks), found)
	}
	until(t, "nothing is named any more", func() bool { return b.edge.Note() == "" })
	if metrics := b.get("/metrics").body; !strings.Contains(metrics, "tributary_ingest_spool_requeued_records_total 1\n") || !strings.Contains(metrics, "tributary_ingest_spool_aside_files 0\n") {
		t.Error("the metrics do not tell that it was requeued")
	}
}

// postbacksByClick are the transaction IDs in Kafka of each click, in their order.
func (b *bench) postbacksByClick() map[string][]string {
	b.tb.Helper()
	order := map[string][]string{}
	for _, r := range b.records(schemas.TopicPostbacks) {
		p := &events.Postback{}
		if err := p.UnmarshalVT(r.Value); err != nil {
			b.tb.Fatal(err)
		}
		order[string(r.Key)] = append(order[string(r.Key)], p.Txid)
	}
	return order
}

// TestRefusedBatchIsHalved is the same for every code that Kafka says to a batch because of one of its records. The
// postbacks of each click keep their order.
func TestRefusedBatchIsHalved(t *testing.T) {
	const postbacks, bad = 48, 17
	for _, code := range []*kerr.Error{kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.InvalidRecord, kerr.InvalidTimestamp, kerr.CorruptMessage} {
		t.Run(code.Message, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			b := newBench(t, func(cfg *Config, deps *Deps) {
				withSpool(dir)(cfg, deps)
				cfg.Compression = "none"
			})
			waitReady(t, b.edge)
			stop := b.refuseProduce(kerr.NotEnoughReplicas)
			var clicks [16]string
			for i := range clicks {
				clicks[i] = clickID(t, testSecret, 1, 1)
			}
			want := map[string][]string{}
			for n := range postbacks {
				click, txid := clicks[n%len(clicks)], fmt.Sprintf("t%d", n)
				if n == bad {
					txid = "poisoned"
				} else {
					want[click] = append(want[click], txid)
				}
				if got := b.get("/postback?network=acme&click_id=" + click + "&txid=" + txid); got.status != http.StatusOK {
					t.Fatalf("answer %+v", got)
				}
			}
			release := b.refuseMarked("poisoned", code)
			stop()
			b.drained()
			if got := b.postbacksByClick(); !reflect.DeepEqual(got, want) {
				t.Errorf("in Kafka are %v", got)
			}
			files := asideFiles(t, dir)
			if len(files) != 1 || files[0].Record == nil || !bytes.Contains(files[0].Record.Value, []byte("poisoned")) || !strings.Contains(files[0].Why, code.Message) {
				t.Fatalf("aside lies %+v", files)
			}
			release()
			requeued, err := spool.Requeue(dir, files[0].Name)
			if err != nil {
				t.Fatal(err)
			}
			until(t, "it is taken", func() bool { waits, _ := spool.AsideState(dir, requeued); return !waits })
			if got := len(b.records(schemas.TopicPostbacks)); got != postbacks {
				t.Errorf("%d postbacks are in Kafka", got)
			}
		})
	}
}

// holdBack lets the client take no record with the mark before Kafka has refused one for good.
type holdBack struct {
	mark    string
	refused chan struct{}
	once    sync.Once
}

func (h *holdBack) OnProduceRecordBuffered(r *kgo.Record) {
	if bytes.Contains(r.Value, []byte(h.mark)) {
		<-h.refused
	}
}

func (h *holdBack) OnProduceRecordUnbuffered(_ *kgo.Record, err error) {
	if isAboutBatch(err) {
		h.once.Do(func() { close(h.refused) })
	}
}

// TestRefusedPostbackIsNotOvertaken has a client that sends while it is still given records, and Kafka refuses what it has
// then: what it is given after that does not overtake the other postbacks of the click that were refused with the one.
func TestRefusedPostbackIsNotOvertaken(t *testing.T) {
	const postbacks, bad, late = 40, 17, 20
	const heldBack = "held-back" // no ID has a hyphen
	dir := t.TempDir()
	var opts []kgo.Opt
	b := newBench(t, func(cfg *Config, deps *Deps) {
		withSpool(dir)(cfg, deps)
		cfg.Compression = "none"
		hold := &holdBack{mark: heldBack, refused: make(chan struct{})}
		opts = append(produceOptions(cfg, deps), kgo.ProducerLinger(0), kgo.WithHooks(hold))
	})
	b.edge.drainer.connect = func() (*kgo.Client, error) { return kgo.NewClient(opts...) }
	waitReady(t, b.edge)
	stop := b.refuseProduce(kerr.NotEnoughReplicas)
	click := clickID(t, testSecret, 1, 1)
	var want []string
	for n := range postbacks {
		txid := fmt.Sprintf("t%d", n)
		switch n {
		case bad:
			txid = "poisoned"
		case late:
			txid = heldBack
		}
		if n != bad {
			want = append(want, txid)
		}
		if got := b.get("/postback?network=acme&click_id=" + click + "&txid=" + txid); got.status != http.StatusOK {
			t.Fatalf("answer %+v", got)
		}
	}
	b.refuseMarked("poisoned", kerr.InvalidRecord)
	stop()
	b.drained()
	if got := b.postbacksByClick()[click]; !slices.Equal(got, want) {
		t.Errorf("in Kafka are %v", got)
	}
}

// TestChooseNow picks what is sent at once: of each click's postbacks the oldest, of everything else all, up to the size
// of a batch; what is left keeps its order.
func TestChooseNow(t *testing.T) {
	entry := func(topic, key string, bytes int) spool.Entry {
		return spool.Entry{Record: spool.Record{Topic: topic, Key: []byte(key), Value: make([]byte, bytes)}}
	}
	entries := []spool.Entry{
		entry(schemas.TopicPostbacks, "a", 1), entry(schemas.TopicPostbacks, "b", 1), entry(schemas.TopicPostbacks, "a", 2),
		entry(schemas.TopicClicks, "a", 1), entry(schemas.TopicClicks, "a", 1), entry(schemas.TopicPostbacks, "a", 3),
		entry(schemas.TopicPostbacks, "b", 2), entry(schemas.TopicImpressions, "", 2000), entry(schemas.TopicClicks, "c", 1),
	}
	d := &drainer{batchBytes: 1000, todo: []int{0, 1, 2, 3, 4, 5, 6, 7, 8}}
	for _, want := range [][]int{{0, 1, 3, 4}, {2, 6}, {5}, {7}, {8}} {
		if d.chooseNow(entries); !slices.Equal(d.now, want) {
			t.Errorf("sent at once are %v, want %v", d.now, want)
		}
	}
	if len(d.todo) > 0 {
		t.Errorf("left are %v", d.todo)
	}
}

// TestAsideIsBounded lets every record be refused by itself while the folder aside is full: draining waits, in order,
// sends nothing twice, and says what to do; with room again it goes on.
func TestAsideIsBounded(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "aside")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for n := range spool.MaxAside {
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%020d-32.damaged", 1_000_000+n)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	core, logs := observer.New(zap.ErrorLevel)
	b := newBench(t, func(cfg *Config, deps *Deps) {
		withSpool(dir)(cfg, deps)
		cfg.Compression, deps.Logger = "none", zap.New(core)
	})
	waitReady(t, b.edge)
	stop := b.refuseProduce(kerr.NotEnoughReplicas)
	for n := range 10 {
		if got := b.get("/c/summer?sub1=" + map[bool]string{true: "poisoned", false: "good"}[n == 4]); got.status != http.StatusFound {
			t.Fatalf("answer %+v", got)
		}
	}
	b.refuseMarked("poisoned", kerr.InvalidRecord)
	stop()
	until(t, "it was tried three times", func() bool { return logs.FilterMessageSnippet("cannot be drained").Len() >= 3 })
	if entry := logs.FilterMessageSnippet("cannot be drained").All()[0]; !strings.Contains(fmt.Sprint(entry.ContextMap()), "tributary spool list") {
		t.Errorf("the log says %v", entry.ContextMap())
	}
	if n := len(b.records(schemas.TopicClicks)); n != 4 {
		t.Errorf("%d clicks are in Kafka, the 4 before it would be right", n)
	}
	if !b.edge.spool.Pending() || !strings.Contains(b.edge.Note(), "10000 damaged places") {
		t.Errorf("the note is %q", b.edge.Note())
	}
	if err := os.Remove(filepath.Join(folder, fmt.Sprintf("%020d-32.damaged", 1_000_000))); err != nil {
		t.Fatal(err)
	}
	b.drained()
	if n := len(b.records(schemas.TopicClicks)); n != 9 {
		t.Errorf("%d clicks are in Kafka", n)
	}
}

// TestOnlyTheRecordThatIsRefusedIs503 is the same without a spool: those that shared a batch with it are tried again
// singly.
func TestOnlyTheRecordThatIsRefusedIs503(t *testing.T) {
	b := newBench(t, func(cfg *Config, _ *Deps) { cfg.Compression, cfg.Linger = "none", 50*time.Millisecond })
	waitReady(t, b.edge)
	b.refuseMarked("poisoned", kerr.InvalidRecord)
	lines := make([]string, 50)
	for n := range lines {
		lines[n] = fmt.Sprintf(`{"campaign":"summer","sub1":"%s"}`, map[bool]string{true: "poisoned", false: "good"}[n == 17])
	}
	got := b.send(http.MethodPost, "/v1/clicks", "application/json", "["+strings.Join(lines, ",")+"]")
	if taken, lost := strings.Count(got.body, `"url"`), strings.Count(got.body, `"unavailable"`); taken != len(lines)-1 || lost != 1 {
		t.Errorf("%d are taken, %d are not: %s", taken, lost, got.body)
	}
	clicks := b.clicks()
	for _, c := range clicks {
		if c.Subs[0] != "good" {
			t.Errorf("the click %s is in Kafka", c.Subs[0])
		}
	}
	if len(clicks) != len(lines)-1 {
		t.Errorf("%d clicks are in Kafka", len(clicks))
	}
}

// TestRefusedImpressionIsMarkedAsResent refuses a batch once. The client fails all batches of its partition with it, those
// that Kafka has among them: what is tried again is marked, so that it counts once.
func TestRefusedImpressionIsMarkedAsResent(t *testing.T) {
	for _, impressions := range []int{1, 8} {
		t.Run(fmt.Sprint(impressions), func(t *testing.T) {
			spooled := impressions > 1
			b := newBench(t, func(cfg *Config, deps *Deps) {
				if cfg.Compression = "none"; spooled {
					withSpool(t.TempDir())(cfg, deps)
				}
			})
			waitReady(t, b.edge)
			var stop func()
			if spooled {
				stop = b.refuseProduce(kerr.NotEnoughReplicas)
			}
			for range impressions - 1 {
				if got := b.get("/i/summer?sub1=marked"); got.status != http.StatusOK {
					t.Fatalf("answer %+v", got)
				}
			}
			var refused atomic.Int64
			b.refuseRequests(kerr.InvalidRecord, func(batches [][]byte) bool {
				n := bytes.Count(bytes.Join(batches, nil), []byte("marked"))
				return n >= min(impressions, 2) && refused.CompareAndSwap(0, int64(n))
			})
			if spooled {
				stop()
				b.drained()
			} else if got := b.get("/i/summer?sub1=marked"); got.status != http.StatusOK {
				t.Fatalf("answer %+v", got)
			}
			marked := int64(0)
			for _, r := range b.records(schemas.TopicImpressions) {
				i := &events.Impression{}
				if err := i.UnmarshalVT(r.Value); err != nil {
					t.Fatal(err)
				}
				if i.Resent {
					marked++
				}
			}
			if n := refused.Load(); n == 0 || marked < n {
				t.Errorf("%d impressions are marked, %d were refused", marked, n)
			}
		})
	}
}
