package ingest

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"tributary/ingest/spool"
	"tributary/schemas"
	"tributary/schemas/events"
)

func withSpool(dir string) func(*Config, *Deps) {
	return func(cfg *Config, _ *Deps) { cfg.Spool.Dir, cfg.AckBound = dir, 20*time.Millisecond }
}

// hang makes the broker take produce requests without answering until the answer is called.
func (b *bench) hang() (release func()) {
	gate := make(chan struct{})
	b.cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		select {
		case <-gate:
			return nil, nil, false
		default:
		}
		b.cluster.KeepControl()
		b.cluster.SleepControl(func() { <-gate })
		return nil, nil, false
	})
	return func() { close(gate) }
}

func (b *bench) drained() {
	b.tb.Helper()
	for deadline := time.Now().Add(20 * time.Second); b.edge.spool.Pending(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			b.tb.Fatalf("the spool is not drained: %s", b.edge.Note())
		}
	}
}

// TestSlowKafkaMakesNoVisitorWait lets the broker hang: every link, postback and refusal is answered in time as if all was well,
// and when the broker goes on each is in Kafka once, those included that the broker had taken before it hung.
func TestSlowKafkaMakesNoVisitorWait(t *testing.T) {
	const visitors, each, batched = 8, 25, 400
	b := newBench(t, withSpool(t.TempDir()))
	waitReady(t, b.edge)
	release := b.hang()
	// The first to find out: all its lines went to Kafka before it hung.
	start := time.Now()
	body := "[" + strings.Repeat(`{"campaign":"summer"},`, batched-1) + `{"campaign":"summer"}]`
	got := b.send(http.MethodPost, "/v1/clicks", "application/json", body)
	if took := time.Since(start); strings.Count(got.body, `"url"`) != batched || took > 3*time.Second {
		t.Errorf("a batch is answered %d after %v", got.status, took)
	}
	var slowest time.Duration
	var mu sync.Mutex
	ids := map[string]bool{}
	var wg sync.WaitGroup
	for range visitors {
		wg.Go(func() {
			for range each {
				start := time.Now()
				got := b.get("/c/summer")
				took := time.Since(start)
				mu.Lock()
				slowest = max(slowest, took)
				if id := got.header.Get("X-Click-Id"); got.status != http.StatusFound || id == "" {
					t.Errorf("answer %+v", got)
				} else {
					ids[id] = true
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	// Far above the bound, for a busy machine, and far below ack_timeout, which they would wait without a spool.
	if slowest > 3*time.Second {
		t.Errorf("a visitor waited %v", slowest)
	}
	t.Logf("slowest answer %v", slowest)
	if got := b.get("/postback?network=acme&click_id=" + clickID(t, testSecret, 1, 1)); got.status != http.StatusOK {
		t.Errorf("answer %+v", got)
	}
	if got := b.get("/c/nowhere"); got.status != http.StatusNotFound || !strings.Contains(got.body, "receipt_id") {
		t.Errorf("answer %+v", got)
	}
	if got := b.get("/readyz"); got.status != http.StatusOK || !strings.Contains(got.body, "spooling: ") {
		t.Errorf("readyz answers %+v", got)
	}
	if metrics := b.get("/metrics").body; !strings.Contains(metrics, fmt.Sprintf("tributary_ingest_spool_records %d", visitors*each+batched+2)) {
		t.Error("the metrics do not tell how many records wait")
	}
	release()
	b.drained()
	clicks := b.clicks()
	for _, c := range clicks {
		delete(ids, c.ClickId)
	}
	if len(ids) != 0 || len(clicks) != visitors*each+batched {
		t.Errorf("%d of %d clicks are missing, %d are in Kafka", len(ids), visitors*each, len(clicks))
	}
	if n := len(b.records(schemas.TopicPostbacks)); n != 1 {
		t.Errorf("%d postbacks are in Kafka", n)
	}
	if n := len(b.letters()); n != 1 {
		t.Errorf("%d dead letters are in Kafka", n)
	}
	if n := count(t, b.edge.metrics.landed); n == 0 {
		t.Error("no record had landed before it was drained: the test does not show that these are left out")
	}
	if note := b.edge.Note(); note != "" {
		t.Errorf("after all is drained the note is %q", note)
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		before := total(t, b.edge.metrics.produced[topicClicks].ack)
		if got := b.get("/c/summer"); got.status != http.StatusFound {
			t.Fatalf("afterwards a click is answered %d", got.status)
		}
		if total(t, b.edge.metrics.produced[topicClicks].ack) > before {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("afterwards clicks still go to the spool")
		}
	}
}

// TestAHiccupUnderLoadLosesNothing lets the broker hang for a moment while visitors never cease to come, so that clicks overtake those
// that the spool has: every one that was answered is in Kafka, once.
func TestAHiccupUnderLoadLosesNothing(t *testing.T) {
	visitors := 64
	b := newBench(t, func(cfg *Config, deps *Deps) {
		withSpool(t.TempDir())(cfg, deps)
		if raceEnabled { // it slows all down: 64 would be overload, under which Kafka never again answers in time
			visitors, cfg.AckBound = 4, 500*time.Millisecond
		}
	})
	waitReady(t, b.edge)
	release := b.hang()
	var sent atomic.Int64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range visitors {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				// Without HTTP, so that each comes again at once.
				id := fmt.Sprint("click-", sent.Add(1))
				d, err := b.edge.producer.prepare(topicClicks, []byte(id), "", &events.Click{ClickId: id})
				if err == nil {
					b.edge.producer.send(d)
					err = b.edge.producer.wait(d)
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	until := func(what string, done func() bool) {
		t.Helper()
		for deadline := time.Now().Add(2 * time.Minute); !done(); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal(what)
			}
		}
	}
	until("nothing went to the spool", func() bool { return b.edge.spool.Depth().Records > int64(2*visitors) })
	release()
	acked := func() uint64 { return total(t, b.edge.metrics.produced[topicClicks].ack) }
	before := acked()
	until("clicks still go to the spool", func() bool { return acked() >= before+1000 })
	close(stop)
	wg.Wait()
	b.drained()
	if n := int64(len(b.clicks())); n != sent.Load() {
		t.Errorf("%d clicks are in Kafka, %d were answered", n, sent.Load())
	}
}

// TestWhatTheSpoolSendsAgainSaysSo lets the broker take impressions and hang until their requests have given up, on it and some on the
// disk too. Nobody but the sink could tell a second record from another showing: there is none, or it is marked.
func TestWhatTheSpoolSendsAgainSaysSo(t *testing.T) {
	const shown = 60
	for _, c := range []struct {
		name   string
		landed int // how many of those that Kafka took after all are remembered
		twice  bool
	}{{"remembered", maxLanded, false}, {"too many to remember", 0, true}} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, withSpool(t.TempDir()))
			waitReady(t, b.edge)
			b.edge.producer.landed.most = c.landed
			release := b.hang()
			var group sync.WaitGroup
			var busy atomic.Int64
			for i := range shown {
				id := fmt.Sprintf("showing%d", i)
				d, err := b.edge.producer.prepare(topicImpressions, []byte(id), "", &events.Impression{ImpressionId: id})
				if err != nil {
					t.Fatal(err)
				}
				b.edge.producer.send(d)
				group.Go(func() {
					b.edge.producer.offer(d)
					if i%2 == 0 { // the process was stopped meanwhile: nothing is left of ack_timeout
						d.sent = d.sent.Add(-time.Hour)
					}
					switch err := b.edge.producer.wait(d); {
					case errors.Is(err, spool.ErrBusy):
						busy.Add(1)
					case err != nil:
						t.Error(err)
					}
				})
			}
			group.Wait()
			if busy.Load() == 0 {
				t.Error("no request gave up on the disk")
			}
			release()
			b.drained()
			seen := map[string]int{}
			records := b.records(schemas.TopicImpressions)
			for _, r := range records {
				var e events.Impression
				if err := e.UnmarshalVT(r.Value); err != nil {
					t.Fatal(err)
				}
				if e.Resent != (seen[e.ImpressionId] > 0) {
					t.Errorf("record %d of %s is marked as resent: %t", seen[e.ImpressionId]+1, e.ImpressionId, e.Resent)
				}
				seen[e.ImpressionId]++
			}
			if len(seen) != shown || (len(records) > shown) != c.twice {
				t.Errorf("%d records of %d impressions, %d were shown", len(records), len(seen), shown)
			}
		})
	}
}

// TestWhatMayOvertakeTheSpool: once Kafka is prompt again clicks are tried there although records wait in the spool, and postbacks of a
// click that has none there; and one late answer ends that.
func TestWhatMayOvertakeTheSpool(t *testing.T) {
	b := newBench(t, func(cfg *Config, deps *Deps) {
		withSpool(t.TempDir())(cfg, deps)
		cfg.AckBound = time.Second
	})
	waitReady(t, b.edge)
	release := b.hang()
	p := b.edge.producer
	late := func(clicks, postbacks float64) {
		t.Helper()
		if c, p := count(t, p.metrics.produced[topicClicks].late), count(t, p.metrics.produced[topicPostbacks].late); c != clicks || p != postbacks {
			t.Errorf("%v clicks and %v postbacks waited for Kafka in vain, want %v and %v", c, p, clicks, postbacks)
		}
	}
	b.get("/c/summer")
	late(1, 0)
	b.get("/c/summer")
	late(1, 0)
	postback := func(click string) { b.get("/postback?network=acme&status=ok&payout=1&click_id=" + click) }
	first, second := clickID(t, testSecret, 1, 1), clickID(t, testSecret, 1, 1)
	postback(first)
	late(1, 0)
	p.prompt.Store(true)
	postback(first)
	late(1, 0)
	postback(second)
	late(1, 1)
	postback(second)
	late(1, 1)
	p.prompt.Store(true)
	postback(second)
	late(1, 1)
	b.get("/c/summer")
	late(2, 1)
	b.get("/c/summer")
	late(2, 1)
	if p.prompt.Load() {
		t.Error("Kafka was late, and counts as prompt")
	}
	release()
	b.drained()
	if !p.prompt.Load() {
		t.Error("Kafka has confirmed what the spool had, and does not count as prompt")
	}
	if clicks, postbacks := len(b.clicks()), len(b.records(schemas.TopicPostbacks)); clicks != 4 || postbacks != 5 {
		t.Errorf("%d clicks and %d postbacks are in Kafka", clicks, postbacks)
	}
}

// TestSpoolKeepsTheOrderOfAClick sends the life of a conversion, one postback after another, while Kafka refuses, recovers and
// refuses again: they arrive in that order.
func TestSpoolKeepsTheOrderOfAClick(t *testing.T) {
	b := newBench(t, withSpool(t.TempDir()))
	waitReady(t, b.edge)
	click := clickID(t, testSecret, 1, 1)
	const sent = 120
	stop := func() {}
	for n := range sent {
		if n%40 == 10 {
			stop = b.refuseProduce(kerr.NotEnoughReplicas)
		}
		if got := b.get(fmt.Sprintf("/postback?network=acme&click_id=%s&txid=t%d", click, n)); got.status != http.StatusOK {
			t.Fatalf("answer %+v", got)
		}
		if n%40 == 30 {
			stop()
		}
	}
	b.drained()
	records := b.records(schemas.TopicPostbacks)
	if len(records) != sent {
		t.Fatalf("%d records, want %d", len(records), sent)
	}
	for n, r := range records {
		p := &events.Postback{}
		if err := p.UnmarshalVT(r.Value); err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("t%d", n); p.Txid != want {
			t.Fatalf("record %d is of %s, want %s", n, p.Txid, want)
		}
	}
}

// TestSpoolOutlivesTheEdge stops an edge that has never reached Kafka. The next one on the same folder, with Kafka there, brings
// what was acknowledged.
func TestSpoolOutlivesTheEdge(t *testing.T) {
	dir := t.TempDir()
	first := newBench(t, func(cfg *Config, deps *Deps) {
		withSpool(dir)(cfg, deps)
		deps.Kafka = []kgo.Opt{kgo.SeedBrokers("127.0.0.1:1")}
	})
	ids := map[string]bool{}
	for range 20 {
		got := first.get("/c/summer")
		if got.status != http.StatusFound {
			t.Fatalf("answer %+v", got)
		}
		ids[got.header.Get("X-Click-Id")] = true
	}
	waitReady(t, first.edge) // Kafka away is no reason to send visitors elsewhere
	if note := first.edge.Note(); !strings.Contains(note, "spooling: 20 records") || !strings.Contains(note, "kafka is away") {
		t.Errorf("the note is %q", note)
	}
	if _, err := New(func() Config { c := Defaults(); c.Listen = "127.0.0.1:0"; c.Spool.Dir = dir; return c }(), Deps{}); err == nil || !strings.Contains(err.Error(), "ingest.spool.dir") {
		t.Errorf("a second edge on the folder is answered %v", err)
	}
	first.stop()
	err := <-first.ran
	first.ran <- err
	second := newBench(t, withSpool(dir))
	second.drained()
	for _, c := range second.clicks() {
		if !ids[c.ClickId] {
			t.Errorf("the click %s was never answered, or is there twice", c.ClickId)
		}
		delete(ids, c.ClickId)
	}
	if len(ids) != 0 {
		t.Errorf("%d clicks are missing", len(ids))
	}
}

// TestFullSpoolRefuses fills the spool while Kafka refuses: then 503 with Retry-After, and what was acknowledged is kept.
func TestFullSpoolRefuses(t *testing.T) {
	b := newBench(t, func(cfg *Config, deps *Deps) {
		withSpool(t.TempDir())(cfg, deps)
		cfg.Spool.SegmentBytes, cfg.Spool.MaxBytes = 4<<20, 8<<20
	})
	waitReady(t, b.edge)
	stop := b.refuseProduce(kerr.NotEnoughReplicas)
	body := `[` + strings.TrimSuffix(strings.Repeat(`{"campaign":"summer","keyword":"`+strings.Repeat("k", 256)+`","creative":"`+strings.Repeat("c", 256)+`"},`, 500), ",") + `]`
	acknowledged := 0
	for {
		got := b.send(http.MethodPost, "/v1/clicks", "application/json", body)
		acknowledged += strings.Count(got.body, `"url"`)
		if got.status == http.StatusServiceUnavailable {
			if got.header.Get("Retry-After") == "" || !strings.Contains(got.body, spool.ErrFull.Error()) {
				t.Errorf("answer %+v", got)
			}
			break
		}
		if acknowledged > 100_000 {
			t.Fatal("the spool has no bound")
		}
	}
	// A shorter one may still fit.
	got := b.get("/c/summer")
	for ; got.status == http.StatusFound; got = b.get("/c/summer") {
		acknowledged++
	}
	if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" || got.header.Get("Location") != "" {
		t.Errorf("answer %+v", got)
	}
	if note := b.edge.Note(); !strings.Contains(note, "full") {
		t.Errorf("the note is %q", note)
	}
	stop()
	b.drained()
	if n := len(b.clicks()); n != acknowledged {
		t.Errorf("%d clicks are in Kafka, %d were acknowledged", n, acknowledged)
	}
	if got := b.get("/c/summer"); got.status != http.StatusFound {
		t.Errorf("answer %+v", got)
	}
}

// TestRefusedForGood puts a record into the spool that Kafka will never take: it is kept in a file and holds up nobody.
func TestRefusedForGood(t *testing.T) {
	b := newBench(t, withSpool(t.TempDir()))
	waitReady(t, b.edge)
	stop := b.refuseProduce(kerr.InvalidRecord)
	if got := b.get("/c/summer"); got.status != http.StatusFound {
		t.Fatalf("answer %+v", got)
	}
	b.drained()
	metrics := b.get("/metrics").body
	if strings.Contains(metrics, "tributary_ingest_spool_set_aside_bytes_total 0\n") {
		t.Error("nothing was set aside")
	}
	stop()
	got := b.get("/c/summer")
	b.drained() // on a busy machine it goes over the spool
	if got.status != http.StatusFound || len(b.clicks()) != 1 {
		t.Errorf("afterwards: %+v", got)
	}
}

// total is how many observations a histogram has.
func total(tb testing.TB, o prometheus.Observer) uint64 {
	tb.Helper()
	var m dto.Metric
	if err := o.(prometheus.Metric).Write(&m); err != nil {
		tb.Fatal(err)
	}
	return m.GetHistogram().GetSampleCount()
}

// TestStopWhileKafkaIsAway stops an edge with a full spool, before and while records are on their way from there to Kafka: it
// ends soon, and the next one brings them.
func TestStopWhileKafkaIsAway(t *testing.T) {
	for _, c := range []struct {
		name string
		away func(b *bench) (back func())
	}{
		{"hangs", (*bench).hang},
		{"refuses", func(b *bench) func() { return b.refuseProduce(kerr.NotEnoughReplicas) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			b := newBench(t, withSpool(dir))
			waitReady(t, b.edge)
			back := c.away(b)
			defer back()
			const clicks = 10
			for range clicks {
				if got := b.get("/c/summer"); got.status != http.StatusFound {
					t.Fatalf("answer %+v", got)
				}
			}
			start := time.Now()
			b.stop()
			err := <-b.ran
			b.ran <- err
			if took := time.Since(start); err != nil || took > 8*time.Second {
				t.Errorf("stopped after %v: %v", took, err)
			}
			next := newBench(t, withSpool(dir))
			next.drained()
			if n := len(next.clicks()); n != clicks {
				t.Errorf("%d clicks are in Kafka, want %d", n, clicks)
			}
		})
	}
}

// TestSteadilySlowKafka has a broker that answers every produce request later than the bound, but answers: the edge goes to the
// spool and back again and again, every click is acknowledged, and Kafka has each once.
func TestSteadilySlowKafka(t *testing.T) {
	b := newBench(t, withSpool(t.TempDir()))
	waitReady(t, b.edge)
	b.cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		b.cluster.KeepControl()
		b.cluster.SleepControl(func() { time.Sleep(60 * time.Millisecond) })
		return nil, nil, false
	})
	var mu sync.Mutex
	ids := map[string]bool{}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 40 {
				got := b.get("/c/summer")
				if got.status != http.StatusFound {
					t.Errorf("answer %+v", got)
					return
				}
				mu.Lock()
				ids[got.header.Get("X-Click-Id")] = true
				mu.Unlock()
				time.Sleep(5 * time.Millisecond) // a visitor's pause, so that the spool runs empty now and then
			}
		})
	}
	wg.Wait()
	b.drained()
	clicks := b.clicks()
	for _, c := range clicks {
		delete(ids, c.ClickId)
	}
	if len(clicks) != 160 || len(ids) != 0 {
		t.Errorf("%d clicks are in Kafka, %d are missing, 160 were acknowledged", len(clicks), len(ids))
	}
	t.Logf("%v had landed before they were drained", count(t, b.edge.metrics.landed))
}
