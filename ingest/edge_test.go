package ingest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/ingest/catalog"
	"tributary/schemas"
	"tributary/schemas/events"
	"tributary/schemas/id"
)

const (
	testSecret  = "a secret of the tests, 32 bytes."
	otherSecret = "another secret that nobody knows"
)

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
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(4, schemas.TopicClicks, schemas.TopicPostbacks, schemas.TopicAnomalies, schemas.TopicDeadLetters))
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
	req, err := http.NewRequest(method, b.url+path, strings.NewReader(body))
	if err != nil {
		b.tb.Fatal(err)
	}
	req.Header.Set("User-Agent", chrome)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return b.do(req)
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

func TestLinkRedirectsOnceDurable(t *testing.T) {
	b := newBench(t, nil)
	got := b.get("/c/summer?keyword=red+shoes%26&sub2=two&source=pushads&cost=0.5")
	if got.status != 302 || got.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("answer %+v", got)
	}
	clicks := b.clicks()
	if len(clicks) != 1 {
		t.Fatalf("%d clicks are durable", len(clicks))
	}
	c := clicks[0]
	if c.ClickId != got.header.Get("X-Click-Id") {
		t.Errorf("X-Click-Id is %q, the click %q", got.header.Get("X-Click-Id"), c.ClickId)
	}
	want := "https://offer.example/land?sub=" + c.ClickId + "&c=&s=pushads&k=red%20shoes%26&p=0.5&s1=&s2=two"
	if location := got.header.Get("Location"); location != want {
		t.Errorf("redirects to\n%s, want\n%s", location, want)
	}
	if c.Campaign != "summer" || c.SourceId != 1 || c.CostMicros != 500_000 || c.CostBaseMicros != 500_000 || c.OfferPayoutMicros != 25_000_000 ||
		c.OfferPayoutBaseMicros != 30_000_000 || c.Keyword != "red shoes&" || len(c.Subs) != 2 || c.Browser != "Chrome" || c.IpClicksPerMinute != 1 || c.EventMs != testNow.UnixMilli() {
		t.Errorf("the click is %v", c)
	}
}

func TestPostbackAnsweredOnceDurable(t *testing.T) {
	b := newBench(t, nil)
	click := clickID(t, testSecret, 1, 2)
	got := b.get("/postback?network=acme&click_id=" + strings.ToUpper(click) + "&payout=12.5&currency=eur&txid=t1&status=HOLD&ts=1772359200")
	if got.status != 200 || !strings.Contains(got.body, `"status":"accepted"`) {
		t.Fatalf("answer %+v", got)
	}
	records := b.records(schemas.TopicPostbacks)
	if len(records) != 1 || string(records[0].Key) != click {
		t.Fatalf("records %v", records)
	}
	p := &events.Postback{}
	if err := p.UnmarshalVT(records[0].Value); err != nil {
		t.Fatal(err)
	}
	if p.ClickId != click || p.Event != "sale" || p.Status != events.Status_STATUS_PENDING || p.OriginalStatus != "HOLD" || p.Txid != "t1" || !p.HasPayout ||
		p.PayoutMicros != 12_500_000 || p.Currency != "EUR" || p.PayoutBaseMicros != 15_000_000 || p.EventMs != 1772359200000 || p.Campaign != "summer" || p.Source != "euroads" ||
		!strings.Contains(got.body, p.ReceiptId) || !bytes.HasPrefix(p.Raw, []byte("network=acme&")) {
		t.Errorf("the postback is %v", p)
	}
}
