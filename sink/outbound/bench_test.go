package outbound

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"tributary/catalog/destination"
	"tributary/schemas"
	"tributary/schemas/events"
	"tributary/sink/outbound/protocol"
)

var (
	benchFor     = flag.Duration("bench-for", 0, "how long TestBenchOutbound sends at each rate; 0: it is skipped")
	benchWaiting = flag.Int("bench-waiting", 5_000_000, "how many requests wait in TestBenchOutbound")
)

// benchProtocol is a GET with the request's ID: as near to nothing as a protocol can be.
type benchProtocol struct{ url string }

func (p benchProtocol) Group(*destination.Destination, *events.OutboundRequest) string { return "" }

func (p benchProtocol) Call(_ *destination.Destination, reqs []*events.OutboundRequest, _ time.Time) (*protocol.Call, error) {
	url := p.url + reqs[0].RequestId + "?at=" + strconv.FormatInt(reqs[0].DecidedMs, 10)
	return &protocol.Call{Method: "GET", URL: url, Masked: url}, nil
}

func (benchProtocol) Judge(_ *destination.Destination, reqs []*events.OutboundRequest, a *protocol.Answer) []protocol.Verdict {
	if a.Status >= 500 {
		return []protocol.Verdict{{Outcome: protocol.Again}}
	}
	return []protocol.Verdict{{Outcome: protocol.Delivered}}
}

// receiver counts what comes, and how late.
type receiver struct {
	got  atomic.Int64
	mu   sync.Mutex
	late []int64
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if strings.HasPrefix(q.URL.Path, "/slow") {
		time.Sleep(300 * time.Millisecond)
	}
	r.got.Add(1)
	if at, err := strconv.ParseInt(q.URL.Query().Get("at"), 10, 64); err == nil {
		r.mu.Lock()
		r.late = append(r.late, time.Now().UnixMilli()-at)
		r.mu.Unlock()
	}
	w.WriteHeader(http.StatusNoContent)
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func request(destination string, n int, now time.Time) []byte {
	r := &events.OutboundRequest{
		RequestId: fmt.Sprintf("%032d", n), Destination: destination, ConversionId: fmt.Sprintf("%032x", n), Seq: 1, Told: events.OutboundRequest_TOLD_CREATED,
		Event: "sale", ClickId: "01k0000000000000000000000000000000000000", Campaign: "summer", Source: "pushads", HasAmount: true, AmountMicros: 1_250_000, Currency: "USD",
		DecidedMs: now.UnixMilli(), DueMs: now.UnixMilli(), ExpiresMs: now.Add(24 * time.Hour).UnixMilli(), EventMs: now.UnixMilli(),
	}
	b, err := r.MarshalVT()
	if err != nil {
		panic(err)
	}
	return b
}

// TestBenchOutbound measures the deliverer with an in-process broker and receivers on loopback, all in this process, and prints figures.
func TestBenchOutbound(t *testing.T) {
	if *benchFor == 0 {
		t.Skip("-bench-for is not set: see make bench-outbound")
	}
	r := new(receiver)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: r}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	base := "http://" + listener.Addr().String() + "/"
	bare := bareLoop(t, base, 20_000)
	t.Logf("a bare net/http client and its receiver: %.1f CPU-µs a call", bare)

	targets := simTargets{}
	for i := range 100 {
		name, url := fmt.Sprintf("d%02d", i), base
		switch i % 10 {
		case 8:
			url = "http://127.0.0.1:1/" // dead
		case 9:
			url = base + "slow"
		}
		targets[name] = &Target{Destination: &destination.Destination{Name: name}, Protocol: benchProtocol{url}, Concurrency: 16, Batch: 1, Timeout: 15 * time.Second,
			PlainHTTP: true, AnyPort: true, Private: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(4, schemas.TopicOutboundRequests, schemas.TopicOutboundAttempts))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	kafka := []kgo.Opt{kgo.SeedBrokers(cluster.ListenAddrs()...)}
	producer, err := kgo.NewClient(append(kafka, kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)), kgo.MaxBufferedRecords(1<<20))...)
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	engine := startBench(t, kafka, targets, t.TempDir())
	n := 0
	feed := func(rate int, healthy bool) (sent int) {
		begin := time.Now()
		for time.Since(begin) < *benchFor {
			due := int(time.Since(begin).Seconds() * float64(rate))
			for ; sent < due; sent++ {
				i := n % 100
				for healthy && i%10 >= 8 {
					n++
					i = n % 100
				}
				name := fmt.Sprintf("d%02d", i)
				producer.Produce(t.Context(), &kgo.Record{Topic: schemas.TopicOutboundRequests, Key: []byte(name), Value: request(name, n, time.Now())}, nil)
				n++
			}
			time.Sleep(2 * time.Millisecond)
		}
		return sent
	}
	await := func(want int64) {
		for limit := time.Now().Add(2 * time.Minute); r.got.Load() < want && time.Now().Before(limit); {
			time.Sleep(10 * time.Millisecond)
		}
	}
	// As fast as it goes: much more is fed than can be delivered.
	r.got.Store(0)
	used, began := cpu(), time.Now()
	sent := feed(8000, true)
	await(int64(sent))
	took := time.Since(began)
	per := float64((cpu() - used).Microseconds()) / float64(r.got.Load())
	t.Logf("%d deliveries in %v: %.0f/s; %.1f CPU-µs each with feeder, broker and receiver, %.2f of the bare loop", r.got.Load(), took.Round(time.Millisecond), float64(r.got.Load())/took.Seconds(), per, per/bare)
	// At half of what is asked for, a tenth of destinations dead and a tenth slow.
	r.got.Store(0)
	r.mu.Lock()
	r.late = nil
	r.mu.Unlock()
	sent = feed(2500, false)
	await(int64(sent) * 9 / 10)
	r.mu.Lock()
	late := slices.Clone(r.late)
	r.mu.Unlock()
	slices.Sort(late)
	if len(late) > 0 {
		t.Logf("2500/s, a tenth of 100 destinations dead, a tenth 300 ms slow: %d of %d arrived, p50 %d ms, p99 %d ms, most %d ms", len(late), sent, late[len(late)/2], late[len(late)*99/100], late[len(late)-1])
	}
	engine()
}

func startBench(t *testing.T, kafka []kgo.Opt, targets Targets, dir string) (stop func()) {
	cfg := Defaults()
	cfg.StateDir = dir
	client := NewClient()
	e, err := New(cfg, Deps{Kafka: kafka, Logger: zap.NewNop(), Targets: targets, Sender: client})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// bareLoop is 64 goroutines that call the receiver with net/http.
func bareLoop(t *testing.T, base string, calls int) (cpuMicros float64) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer client.CloseIdleConnections()
	var left atomic.Int64
	left.Store(int64(calls))
	used := cpu()
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				response, err := client.Get(base + "0?at=x")
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, response.Body)
				response.Body.Close()
			}
		})
	}
	all.Wait()
	return float64((cpu() - used).Microseconds()) / float64(calls)
}

// TestBenchWaiting measures memory and a restart with millions of requests that wait, of destinations that are paused.
func TestBenchWaiting(t *testing.T) {
	if *benchFor == 0 {
		t.Skip("-bench-for is not set: see make bench-outbound")
	}
	dir := t.TempDir()
	s, err := openStore(vfs.Default, dir, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	const parts = 4
	targets := simTargets{}
	now := time.Now()
	e := &Engine{config: Defaults(), store: s, targets: targets, now: time.Now, log: zap.NewNop()}
	e.crash, e.crashWith = context.WithCancelCause(context.Background())
	if e.metrics, err = newMetrics(nil); err != nil {
		t.Fatal(err)
	}
	for p := range int32(parts) {
		if err := s.reset(p, 0, 0); err != nil {
			t.Fatal(err)
		}
		l := newLane(e, p)
		for at := 0; at < *benchWaiting/parts; {
			var records []*kgo.Record
			for range min(2000, *benchWaiting/parts-at) {
				records = append(records, &kgo.Record{Partition: p, Offset: int64(at), Value: request(fmt.Sprintf("p%d-%d", p, at%25), at, now)})
				at++
			}
			if err := l.intake(records); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if s, err = openStore(vfs.Default, dir, zap.NewNop()); err != nil {
		t.Fatal(err)
	}
	e.store = s
	waiting := int64(0)
	for p := range int32(parts) {
		l := newLane(e, p)
		if err := l.load(); err != nil {
			t.Fatal(err)
		}
		l.live = true
		for name, q := range l.queues {
			targets[name] = &Target{Destination: &destination.Destination{Name: name}, Protocol: benchProtocol{}, Concurrency: 1, Batch: 1, Paused: "paused"}
			if err := l.pump(q, now); err != nil {
				t.Fatal(err)
			}
			waiting += q.waiting
		}
		if err := l.markLow(); err != nil {
			t.Fatal(err)
		}
	}
	took := time.Since(began)
	runtime.GC()
	status, _ := os.ReadFile("/proc/self/status")
	rss, peak := field(status, "VmRSS:"), field(status, "VmHWM:")
	t.Logf("%d wait on %d MiB of disk; opened, loaded and looked at in %v; memory %s now, %s at most", waiting, s.db.Metrics().DiskSpaceUsage()>>20, took.Round(time.Millisecond), rss, peak)
	if err := s.db.Close(); err != nil {
		t.Fatal(err)
	}
}

func field(status []byte, name string) string {
	for line := range strings.Lines(string(status)) {
		if strings.HasPrefix(line, name) {
			return strings.TrimSpace(strings.TrimPrefix(line, name))
		}
	}
	return "?"
}
