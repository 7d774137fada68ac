package ingest

import (
	"bufio"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"tributary/catalog"
	"tributary/schemas"
)

// refuseProduce makes the broker refuse every record until the answer is called.
func (b *bench) refuseProduce(err *kerr.Error) (stop func()) {
	handle := b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: err, Count: -1})
	return func() { handle.Remove() }
}

// TestNothingIsAcknowledgedThatKafkaRefused sends everything that waits for Kafka to a broker that refuses: each answer is 503 with
// Retry-After, without an ID or a redirect, and the topics stay empty. Then the broker recovers, and so does the edge.
func TestNothingIsAcknowledgedThatKafkaRefused(t *testing.T) {
	for _, fault := range []*kerr.Error{kerr.TopicAuthorizationFailed, kerr.NotEnoughReplicas} {
		t.Run(fault.Message, func(t *testing.T) {
			b := newBench(t, func(cfg *Config, _ *Deps) { cfg.AckTimeout = time.Second })
			waitReady(t, b.edge)
			stop := b.refuseProduce(fault)
			good := clickID(t, testSecret, 1, 1)
			requests := []struct{ method, path, body string }{
				{"GET", "/c/summer", ""}, {"GET", "/c/nowhere", ""}, {"POST", "/v1/clicks", `{"campaign":"summer"}`},
				{"POST", "/v1/clicks", `[{"campaign":"summer"},{"campaign":"nowhere"}]`}, {"POST", "/v1/clicks", `nonsense`},
				{"GET", "/postback?network=acme&click_id=" + good, ""}, {"GET", "/postback?network=acme&click_id=" + clickID(t, otherSecret, 1, 1), ""},
			}
			var wg sync.WaitGroup
			for _, r := range requests {
				wg.Go(func() {
					start := time.Now()
					got := b.send(r.method, r.path, jsonType, r.body)
					if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" || strings.Contains(got.body, "_id") || got.header.Get("X-Click-Id")+got.header.Get("Location") != "" {
						t.Errorf("%s %s is answered %+v", r.method, r.path, got)
					}
					if waited := time.Since(start); waited > 10*time.Second {
						t.Errorf("%s %s waited %v", r.method, r.path, waited)
					}
				})
			}
			wg.Wait()
			for _, name := range topicNames {
				if n := len(b.records(name)); n != 0 {
					t.Errorf("%s has %d records", name, n)
				}
			}
			stop()
			deadline := time.Now().Add(20 * time.Second)
			for b.get("/c/summer").status != http.StatusFound {
				if time.Now().After(deadline) {
					t.Fatal("the edge does not recover with the broker")
				}
			}
			if len(b.clicks()) == 0 {
				t.Error("the click after the recovery is not durable")
			}
		})
	}
}

// TestSilentBroker holds the bound on waiting: a broker that takes a request and never answers makes the edge answer in time, and
// the delivery given up meanwhile is not reused under the client's hands (the race detector watches).
func TestSilentBroker(t *testing.T) {
	b := newBench(t, func(cfg *Config, _ *Deps) { cfg.AckTimeout = time.Second })
	waitReady(t, b.edge)
	release := make(chan struct{})
	b.cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		b.cluster.KeepControl()
		b.cluster.SleepControl(func() { <-release })
		return nil, nil, false
	})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			start := time.Now()
			got := b.get("/c/summer")
			if waited := time.Since(start); got.status != http.StatusServiceUnavailable || waited > 5*time.Second {
				t.Errorf("answer %d after %v", got.status, waited)
			}
		})
	}
	wg.Wait()
	close(release)
}

func TestFullBufferIsRefusedAtOnce(t *testing.T) {
	b := newBench(t, func(cfg *Config, _ *Deps) { cfg.AckTimeout, cfg.BufferRecords = time.Second, 2 })
	waitReady(t, b.edge)
	defer b.refuseProduce(kerr.NotEnoughReplicas)()
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if got := b.get("/c/summer"); got.status != http.StatusServiceUnavailable {
				t.Errorf("answer %d", got.status)
			}
		})
	}
	wg.Wait()
	if full := count(t, b.edge.metrics.produced[topicClicks].full); full < 8 {
		t.Errorf("%v of 10 requests were refused for a buffer of 2 records", full)
	}
}

func TestReady(t *testing.T) {
	b := newBench(t, func(_ *Config, deps *Deps) { deps.Catalog = nil })
	got := b.get("/readyz")
	if got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, "no catalog is loaded") {
		t.Errorf("answer %d %s", got.status, got.body)
	}
	if got = b.get("/c/summer"); got.status != http.StatusServiceUnavailable {
		t.Errorf("without a catalog a click is answered %d %s", got.status, got.body)
	}
	cat, err := catalog.Build(testCatalog())
	if err != nil {
		t.Fatal(err)
	}
	b.edge.SetCatalog(cat)
	waitReady(t, b.edge)
	if got = b.get("/readyz"); got.status != http.StatusOK {
		t.Errorf("answer %d %s", got.status, got.body)
	}
	if got = b.get("/healthz"); got.status != http.StatusOK {
		t.Errorf("answer %d %s", got.status, got.body)
	}
}

func TestNotReadyWithoutTopics(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(4, schemas.TopicClicks), kfake.SeedTopics(3, schemas.TopicPostbacks, schemas.TopicAnomalies, schemas.TopicDeadLetters, schemas.TopicImpressions, schemas.TopicLandingClicks))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	b := newBench(t, func(_ *Config, deps *Deps) { deps.Kafka = []kgo.Opt{kgo.SeedBrokers(cluster.ListenAddrs()...)} })
	for deadline := time.Now().Add(10 * time.Second); ; {
		if err := b.edge.Ready(); err != nil && strings.Contains(err.Error(), "topic clicks has 4 partitions and postbacks has 3") {
			return
		} else if time.Now().After(deadline) {
			t.Fatalf("ready: %v", err)
		}
		runtime.Gosched()
	}
}

// TestDrain stops the edge while a request waits for Kafka: it is answered, and its click is durable.
func TestDrain(t *testing.T) {
	b := newBench(t, nil)
	waitReady(t, b.edge)
	arrived, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	b.cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		b.cluster.SleepControl(func() { once.Do(func() { close(arrived) }); <-release })
		return nil, nil, false
	})
	answered := make(chan reply, 1)
	go func() { answered <- b.get("/c/summer") }()
	<-arrived
	b.stop()
	for deadline := time.Now().Add(10 * time.Second); b.edge.Ready() == nil; {
		if time.Now().After(deadline) {
			t.Fatal("the edge is ready while it stops")
		}
		runtime.Gosched()
	}
	close(release)
	if got := <-answered; got.status != http.StatusFound {
		t.Errorf("answer %+v", got)
	}
	if n := len(b.clicks()); n != 1 {
		t.Errorf("%d clicks are durable", n)
	}
	err := <-b.ran
	b.ran <- err
	if err != nil {
		t.Errorf("Run: %v", err)
	}
	if families, _ := b.reg.Gather(); len(families) != 0 {
		t.Errorf("%d metrics are still registered: a restarted role could not register its own", len(families))
	}
}

func TestRoutes(t *testing.T) {
	b := newBench(t, nil)
	for _, c := range []struct {
		method, path string
		status       int
		has          string
	}{
		{"GET", "/", 404, "GET /c/{campaign}"}, {"GET", "/clicks", 404, "not_found"}, {"GET", "/postbacks", 404, "not_found"},
		{"POST", "/c/summer", 405, "GET, HEAD, OPTIONS"}, {"GET", "/v1/clicks", 405, "POST"}, {"DELETE", "/postback", 405, "GET, POST, OPTIONS"},
		{"OPTIONS", "/postback", 204, ""}, {"HEAD", "/healthz", 200, ""}, {"HEAD", "/postback", 405, ""},
	} {
		got := b.send(c.method, c.path, "", "")
		if got.status != c.status || !strings.Contains(got.body, c.has) {
			t.Errorf("%s %s is answered %d %s", c.method, c.path, got.status, got.body)
		}
	}
	golden(t, "not_found.json", b.get("/nothing").body)
	golden(t, "method_not_allowed.json", b.send("PUT", "/postback", "", "").body)
	metrics := b.get("/metrics").body
	for _, line := range []string{`tributary_ingest_requests_total{code="404",route="other"} 4`, `tributary_ingest_rejects_total{reason="bad_payout"} 0`, `tributary_ingest_in_flight_requests 1`} {
		if !strings.Contains(metrics, line) {
			t.Errorf("the metrics lack %s", line)
		}
	}
}

// TestBrokenRequests writes to the connection what is no request that may be served.
func TestBrokenRequests(t *testing.T) {
	b := newBench(t, nil)
	for _, c := range []struct{ name, request, status string }{
		{"not HTTP", "hello\r\n\r\n", "400"},
		{"headers too large", "GET /c/summer HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 20<<10) + "\r\n\r\n", "431"},
		{"body too large", "POST /postback?network=acme&click_id=abc HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n", "413"},
	} {
		conn, err := net.Dial("tcp", b.edge.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := conn.Write([]byte(c.request)); err != nil {
			t.Fatal(err)
		}
		status, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil || !strings.HasPrefix(status, "HTTP/1.1 "+c.status) {
			t.Errorf("%s is answered %q, %v", c.name, status, err)
		}
	}
	letters := b.letters()
	if len(letters) != 1 || letters[0].Reason != "too_long" || !strings.HasPrefix(string(letters[0].Raw), "POST /postback?network=acme&click_id=abc") {
		t.Errorf("the rows are %v", letters)
	}
}

func TestClientAddress(t *testing.T) {
	b := newBench(t, func(cfg *Config, _ *Deps) { cfg.TrustedProxies = []string{"127.0.0.0/8", "10.0.0.0/8", "2001:db8::1"} })
	plain := newBench(t, nil)
	for _, c := range []struct {
		bench  *bench
		header []string
		want   string
	}{
		{plain, []string{"8.8.8.8"}, "127.0.0.1"},
		{b, nil, "127.0.0.1"},
		{b, []string{"8.8.8.8"}, "8.8.8.8"},
		{b, []string{"6.6.6.6, 8.8.8.8, 10.1.2.3"}, "8.8.8.8"},
		{b, []string{"6.6.6.6", "8.8.8.8, 2001:db8::1"}, "8.8.8.8"},
		{b, []string{"8.8.8.8:4711"}, "8.8.8.8"},
		{b, []string{"[2001:4860:4860::8888]:1"}, "2001:4860:4860::8888"},
		{b, []string{"8.8.8.8, unknown"}, "127.0.0.1"},
		{b, []string{"8.8.8.8, unknown, 10.0.0.1"}, "10.0.0.1"},
		{b, []string{""}, "127.0.0.1"},
	} {
		req, err := http.NewRequest(http.MethodGet, c.bench.url+"/c/summer", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header["X-Forwarded-For"] = c.header
		got := c.bench.do(req)
		for _, click := range c.bench.clicks() {
			if click.ClickId == got.header.Get("X-Click-Id") {
				if addr, _ := netip.AddrFromSlice(click.Ip); addr.Unmap().String() != c.want {
					t.Errorf("X-Forwarded-For %q makes the client %v, want %s", c.header, addr.Unmap(), c.want)
				}
			}
		}
	}
}

func TestNewRefusesABadConfig(t *testing.T) {
	cfg := Defaults()
	if err := cfg.Validate(); err != nil {
		t.Fatalf("the defaults: %v", err)
	}
	cfg.Listen, cfg.TrustedProxies, cfg.Compression, cfg.AckTimeout, cfg.MaxBodyBytes = "8080", []string{"10.0.0.0/8", "proxy"}, "zip", 0, 1
	_, err := New(cfg, Deps{})
	for _, field := range []string{"listen: ", "trusted_proxies[1]: ", "compression: ", "ack_timeout: ", "max_body_bytes: "} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s is not among the problems: %v", field, err)
		}
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	cfg = Defaults()
	cfg.Listen = taken.Addr().String()
	if _, err := New(cfg, Deps{}); err == nil || !strings.Contains(err.Error(), cfg.Listen) {
		t.Errorf("a taken port is answered %v", err)
	}
	cfg.Listen = "127.0.0.1:0"
	e, err := New(cfg, Deps{Kafka: []kgo.Opt{kgo.SeedBrokers("127.0.0.1:1")}})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}

// TestAllocations holds the budget of a click: none from the request to the record and the link. The Kafka client's own come on
// top, see BenchmarkRedirect.
func TestAllocations(t *testing.T) {
	e := newBench(t, nil).edge
	work := clickWork(e)
	work()
	if n := testing.AllocsPerRun(1000, work); n > 0 && !raceEnabled {
		t.Errorf("a click makes %v allocations, the budget is 0", n)
	}
}
