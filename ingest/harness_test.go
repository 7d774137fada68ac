package ingest

import (
	"bytes"
	"context"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"tributary/catalog"
	"tributary/schemas"
	"tributary/schemas/events"
	"tributary/schemas/id"
)

const (
	testSecret  = "a secret of the tests, 32 bytes."
	otherSecret = "another secret that nobody knows"
)

var update = flag.Bool("update", false, "write the answers that tests get to testdata")

func TestMain(m *testing.M) {
	flag.Parse()
	goleak.VerifyTestMain(m,
		// fasthttp's clock of header dates lives as long as the process; the cleaner of a stopped server's worker pool ends
		// itself within ten seconds.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
	)
}

// golden holds got against testdata/name.
func golden(tb testing.TB, name, got string) {
	tb.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	if got != string(want) {
		tb.Errorf("%s differs (go test -update writes it)\ngot  %s\nwant %s", path, got, want)
	}
}

// testNow is a fixed clock, within the dates of the rates below.
var testNow = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func testCatalog() catalog.Config {
	return catalog.Config{
		BaseCurrency: "USD",
		ClickIDKeys:  catalog.KeysConfig{Active: 1, Keys: map[int]catalog.Secret{1: testSecret}},
		Sources:      []catalog.SourceConfig{{ID: 1, Name: "pushads"}, {ID: 2, Name: "euroads", Currency: "EUR"}},
		Offers: []catalog.OfferConfig{
			{ID: 1, Name: "casino-de", URL: "https://offer.example/land?sub={click_id}&c={country}&s={source}&k={keyword}&p={cost}&s1={sub1}&s2={sub2}", Payout: "25.00", Currency: "EUR"},
			{ID: 2, Name: "other", URL: "https://other.example/{campaign}/x?o={offer}"},
		},
		Campaigns: []catalog.CampaignConfig{
			{ID: 1, Name: "summer", Offers: []string{"casino-de"}, Cost: "0.02", Source: "pushads"},
			{ID: 2, Name: "migrated", Offers: []string{"other"}, AllowForeignClickIDs: true},
			{ID: 3, Name: "split", Offers: []string{"casino-de", "other"}},
		},
		Networks: []catalog.NetworkConfig{
			{Name: "acme", Currency: "USD", DefaultEvent: "sale", Statuses: map[string]string{"ok": "approved", "Hold": "pending"}},
			{Name: "legacy", Currency: "EUR", AllowForeignClickIDs: true, BlankTxIDIsNew: true},
			{Name: "refunds", NegativePayout: "correct"},
		},
		ExchangeRates: []catalog.RateConfig{
			{Currency: "EUR", Date: "2026-01-01", Rate: "1.10"}, {Currency: "EUR", Date: "2026-02-01", Rate: "1.20"},
		},
	}
}

// bench is an edge on a Kafka broker, both in this process.
type bench struct {
	tb      testing.TB
	cluster *kfake.Cluster
	edge    *Edge
	reg     *prometheus.Registry
	url     string
	client  *http.Client
	stop    context.CancelFunc
	ran     chan error
}

func newBench(tb testing.TB, change func(*Config, *Deps)) *bench {
	tb.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(4, schemas.TopicClicks, schemas.TopicPostbacks, schemas.TopicAnomalies, schemas.TopicDeadLetters, schemas.TopicImpressions, schemas.TopicLandingClicks))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(cluster.Close)
	cat, err := catalog.Build(testCatalog())
	if err != nil {
		tb.Fatal(err)
	}
	b := &bench{tb: tb, cluster: cluster, reg: prometheus.NewRegistry(), ran: make(chan error, 1)}
	cfg := Defaults()
	cfg.Listen = "127.0.0.1:0"
	cfg.Trust.ManagementRoutes = true // the tests ask for figures and reasons
	deps := Deps{
		Kafka: []kgo.Opt{kgo.SeedBrokers(cluster.ListenAddrs()...)}, Registerer: b.reg, Catalog: cat,
		Now: func() time.Time { return testNow },
	}
	if change != nil {
		change(&cfg, &deps)
	}
	if b.edge, err = New(cfg, deps); err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	b.stop = cancel
	go func() { b.ran <- b.edge.Run(ctx) }()
	b.url = "http://" + b.edge.Addr().String()
	transport := &http.Transport{MaxIdleConnsPerHost: 4}
	b.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	tb.Cleanup(func() {
		transport.CloseIdleConnections()
		cancel()
		if err := <-b.ran; err != nil {
			tb.Errorf("Run: %v", err)
		}
	})
	return b
}

type reply struct {
	status int
	header http.Header
	body   string
}

func (b *bench) do(req *http.Request) reply {
	b.tb.Helper()
	resp, err := b.client.Do(req)
	if err != nil {
		b.tb.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.tb.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(body)}
}

func (b *bench) get(path string) reply {
	b.tb.Helper()
	return b.send(http.MethodGet, path, "", "")
}

func (b *bench) send(method, path, contentType, body string) reply {
	b.tb.Helper()
	return b.do(b.request(method, path, contentType, body))
}

func (b *bench) request(method, path, contentType, body string) *http.Request {
	b.tb.Helper()
	req, err := http.NewRequest(method, b.url+path, strings.NewReader(body))
	if err != nil {
		b.tb.Fatal(err)
	}
	req.Header.Set("User-Agent", chrome)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return req
}

const chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"

// records answers what the topic holds now. What a request was answered for must be there without waiting.
func (b *bench) records(topic string) []*kgo.Record {
	b.tb.Helper()
	want := int64(0)
	for _, p := range b.cluster.PartitionInfos(topic) {
		want += p.HighWatermark
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(b.cluster.ListenAddrs()...), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(50*time.Millisecond))
	if err != nil {
		b.tb.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var records []*kgo.Record
	for int64(len(records)) < want {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			b.tb.Fatal(err)
		}
		records = append(records, fetches.Records()...)
	}
	return records
}

func (b *bench) clicks() []*events.Click {
	b.tb.Helper()
	var list []*events.Click
	for _, r := range b.records(schemas.TopicClicks) {
		c := &events.Click{}
		if err := c.UnmarshalVT(r.Value); err != nil {
			b.tb.Fatal(err)
		}
		if string(r.Key) != c.ClickId {
			b.tb.Errorf("click %s has the key %q", c.ClickId, r.Key)
		}
		list = append(list, c)
	}
	return list
}

func (b *bench) letters() []*events.DeadLetter {
	b.tb.Helper()
	var list []*events.DeadLetter
	for _, r := range b.records(schemas.TopicDeadLetters) {
		l := &events.DeadLetter{}
		if err := l.UnmarshalVT(r.Value); err != nil {
			b.tb.Fatal(err)
		}
		if !bytes.Equal(r.Key, []byte(l.ClickId)) || l.ClickId == "" && r.Key != nil {
			b.tb.Errorf("dead letter of %q has the key %q", l.ClickId, r.Key)
		}
		list = append(list, l)
	}
	return list
}

// clickID makes a click ID of the catalog's key, or of another secret.
func clickID(tb testing.TB, secret string, campaign, source uint32) string {
	tb.Helper()
	ring, err := id.NewKeyring(1, map[uint8][]byte{1: []byte(secret)})
	if err != nil {
		tb.Fatal(err)
	}
	return id.NewMinter().Click(ring, testNow.Add(-time.Hour).UnixMilli(), campaign, source).String()
}

// count reads a counter.
func count(tb testing.TB, c prometheus.Counter) float64 {
	tb.Helper()
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		tb.Fatal(err)
	}
	return m.GetCounter().GetValue()
}
