package clickhouse

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"tributary/deploy/embedded/chdb"
	"tributary/deploy/embedded/chdb/chdbtest"
	"tributary/report"
	"tributary/schemas"
	schema "tributary/schemas/clickhouse"
	"tributary/schemas/events"
	"tributary/scripts/kafka"
)

// engine is one ClickHouse for all tests of the package; each test has a database of its own.
var engine struct {
	sync.Mutex
	dir     string
	process *chdb.Process
	number  int
	// made are the statements that made the tables and views of a migrated database, with templateName for its name.
	made []string
}

// templateName is the one database that is migrated: all migrations take seconds, what they end in is made at once.
const templateName = "template_of_the_tests"

func TestMain(m *testing.M) {
	code := m.Run()
	if engine.process != nil {
		if err := engine.process.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		os.RemoveAll(engine.dir)
	}
	os.Exit(code)
}

// database starts the engine if need be and makes a fresh database of the newest schema.
func database(t testing.TB) (name string, options *clickhouse.Options, conn driver.Conn) {
	t.Helper()
	engine.Lock()
	if engine.process == nil {
		var err error
		if engine.dir, err = os.MkdirTemp("", "tributary-sink-"); err != nil {
			t.Fatal(err)
		}
		if engine.process, err = chdb.Start(context.Background(), chdbtest.Config(t, engine.dir)); err != nil {
			t.Fatal(err)
		}
	}
	engine.number++
	name = fmt.Sprintf("test_%d", engine.number)
	options, conn = connect(t, engine.process.Address())
	if engine.made == nil {
		engine.made = migrated(t, conn)
	}
	engine.Unlock()
	install(t, conn, name)
	return name, options, conn
}

// migrated migrates the template and returns what made its tables and, after them, its views.
func migrated(t testing.TB, conn driver.Conn) []string {
	t.Helper()
	_, err := schema.Migrate(t.Context(), conn, schema.Options{Database: templateName, Views: report.Views()})
	if err != nil {
		t.Fatal(err)
	}
	var made []struct {
		Name      string `ch:"name"`
		View      bool   `ch:"view"`
		Statement string `ch:"create_table_query"`
	}
	query := "SELECT name, toBool(engine LIKE '%View') AS view, create_table_query FROM system.tables WHERE database = ? ORDER BY view, name"
	if err := conn.Select(t.Context(), &made, query, templateName); err != nil {
		t.Fatal(err)
	}
	wanted := slices.Clone(viewsRead)
	for i := 0; i < len(wanted); i++ { // with what they read themselves
		for _, m := range made {
			if m.Name != wanted[i] {
				continue
			}
			for _, other := range made {
				if other.View && !slices.Contains(wanted, other.Name) && strings.Contains(m.Statement, templateName+"."+other.Name+" ") {
					wanted = append(wanted, other.Name)
				}
			}
		}
	}
	var statements []string
	for _, m := range made {
		if !m.View || slices.Contains(wanted, m.Name) {
			statements = append(statements, m.Statement)
		}
	}
	return statements
}

// viewsRead are the views that the tests of this package read; all there are would take the engine longer than the tables.
var viewsRead = []string{"epc_roi_by_campaign", "epc_roi_by_campaign_source", "rollup_hour", "rollup_hour_traffic", "rollup_minute",
	"rollup_minute_traffic", "totals_by_hour"}

// ofTheRows is asked first by a test of what the rows are in the end. Under -short, which is what runs with the race
// detector, it is left out, for most of it is the engine's work: the goroutines of loaders matter there, and those that
// die, lose answers, are fenced, rebalanced and stopped remain.
func ofTheRows(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("what rows there are in the end is held by make test; -short leaves it out")
	}
}

// install makes in the database what [schema.Migrate] would, but for views that nobody reads: on the shared engine or one of the test's own, after a
// first call of [database].
func install(t testing.TB, conn driver.Conn, database string) {
	t.Helper()
	for _, statement := range append([]string{"CREATE DATABASE " + database}, engine.made...) {
		if err := conn.Exec(t.Context(), strings.ReplaceAll(statement, templateName+".", database+".")); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

func connect(t testing.TB, address string) (*clickhouse.Options, driver.Conn) {
	t.Helper()
	options := &clickhouse.Options{Addr: []string{address}, Protocol: clickhouse.HTTP, Auth: clickhouse.Auth{Database: "default", Username: "default", Password: chdbtest.Password}}
	conn, err := clickhouse.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return options, conn
}

// pipeline is one Kafka and one database, with a group that loads the one into the other.
type pipeline struct {
	t        testing.TB
	cluster  *kfake.Cluster
	kafka    []kgo.Opt
	prefix   string
	producer *kgo.Client
	database string
	options  *clickhouse.Options
	conn     driver.Conn
	config   Config
	faults   faults
	// adjust changes a loader before it runs.
	adjust func(*Loader)
	// stallAfter takes the place of a loader's, which may be no shorter than an insert.
	stallAfter time.Duration
	log        *zap.Logger
}

func newPipeline(t testing.TB, partitions int32) *pipeline {
	t.Helper()
	p := &pipeline{t: t}
	var err error
	if broker := os.Getenv("TRIBUTARY_TEST_BROKER"); broker == "apache" || broker == "kafka" {
		broker := kafka.StartForTest(t)
		p.kafka = []kgo.Opt{kgo.SeedBrokers(broker.Addr())}
		p.prefix = fmt.Sprintf("sink-%d.", time.Now().UnixNano())
	} else {
		if p.cluster, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(100*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.cluster.Close)
		p.kafka = []kgo.Opt{kgo.SeedBrokers(p.cluster.ListenAddrs()...)}
	}
	if p.producer, err = kgo.NewClient(append(p.kafka, kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)))...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.producer.Close)
	var topics []string
	for _, topic := range Topics {
		topics = append(topics, p.prefix+topic)
	}
	if made, err := kadm.NewClient(p.producer).CreateTopics(t.Context(), partitions, 1, nil, topics...); err != nil || made.Error() != nil {
		t.Fatal(err, made.Error())
	}
	p.database, p.options, p.conn = database(t)
	p.config = Defaults()
	p.config.Database = p.database
	p.config.Group = p.prefix + p.config.Group
	p.config.BatchRows = 500
	p.config.BatchAge = 50 * time.Millisecond
	p.config.ConfirmAfter = 100 * time.Millisecond
	p.config.RetryMax = 200 * time.Millisecond
	p.log = zaptest.NewLogger(t, zaptest.Level(zap.WarnLevel))
	return p
}

// running is a loader at work.
type running struct {
	loader *Loader
	stop   context.CancelFunc
	result chan error
}

func (p *pipeline) start() *running {
	p.t.Helper()
	l, err := New(p.config, Deps{Kafka: p.kafka, TopicPrefix: p.prefix, Registerer: prometheus.NewRegistry(), Logger: p.log, ClickHouse: p.options})
	if err != nil {
		p.t.Fatal(err)
	}
	l.faults = p.faults
	l.config.StallAfter = cmp.Or(p.stallAfter, l.config.StallAfter)
	if p.adjust != nil {
		p.adjust(l)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{loader: l, stop: cancel, result: make(chan error, 1)}
	go func() { r.result <- l.Run(ctx) }()
	p.t.Cleanup(func() { r.stop(); r.loader.fail(context.Canceled) })
	return r
}

// end stops a loader in an orderly way.
func (r *running) end(t testing.TB) {
	t.Helper()
	r.stop()
	select {
	case err := <-r.result:
		if err != nil {
			t.Fatalf("Run: %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("Run does not end")
	}
}

// produce sends events in order and waits for the broker.
func (p *pipeline) produce(topic string, values ...interface {
	MarshalVT() ([]byte, error)
}) {
	p.t.Helper()
	records := make([]*kgo.Record, len(values))
	for i, v := range values {
		value, err := v.MarshalVT()
		if err != nil {
			p.t.Fatal(err)
		}
		key := fmt.Sprintf("%d", i)
		records[i] = &kgo.Record{Topic: p.prefix + topic, Key: []byte(key), Value: value}
	}
	if err := p.producer.ProduceSync(p.t.Context(), records...).FirstErr(); err != nil {
		p.t.Fatal(err)
	}
}

// count is a SELECT of one number.
func (p *pipeline) count(query string) uint64 {
	p.t.Helper()
	var n uint64
	if err := p.conn.QueryRow(context.Background(), fmt.Sprintf(query, p.database)).Scan(&n); err != nil {
		p.t.Fatalf("%s: %v", query, err)
	}
	return n
}

func (p *pipeline) text(query string) string {
	p.t.Helper()
	var s string
	if err := p.conn.QueryRow(context.Background(), fmt.Sprintf(query, p.database)).Scan(&s); err != nil {
		p.t.Fatalf("%s: %v", query, err)
	}
	return s
}

// await polls until the condition holds.
func await(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(3 * time.Minute)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("waited three minutes in vain until %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (p *pipeline) awaitRows(table string, n int) {
	p.t.Helper()
	await(p.t, fmt.Sprintf("%s has %d rows", table, n), func() bool { return p.count("SELECT count() FROM %s."+table) >= uint64(n) })
}

// check holds the base tables against the rollups and against the expected sums of all clicks and conversions.
func (p *pipeline) check(clicks []*events.Click, conversions []*events.Conversion) {
	p.t.Helper()
	var cost, hold, confirmed, conv int64
	for _, c := range clicks {
		cost += c.CostBaseMicros
	}
	for _, c := range conversions {
		hold += c.RevenueHoldDeltaMicros
		confirmed += c.RevenueConfirmedDeltaMicros
		conv += int64(c.ConversionsDelta)
	}
	want := fmt.Sprintf("%d %d", len(clicks), cost)
	for _, query := range []string{
		"SELECT concat(toString(count()), ' ', toString(toInt64(sum(cost) * 1000000))) FROM %s.clicks",
		"SELECT concat(toString(uniqExact(_partition, _offset)), ' ', toString(toInt64(sum(cost) * 1000000))) FROM %s.clicks",
		"SELECT concat(toString(sum(clicks)), ' ', toString(toInt64(sum(cost) * 1000000))) FROM %s.rollup_minute",
		"SELECT concat(toString(sum(clicks)), ' ', toString(toInt64(sum(cost) * 1000000))) FROM %s.rollup_hour",
		"SELECT concat(toString(sum(clicks)), ' ', toString(toInt64(sum(cost) * 1000000))) FROM %s.epc_roi_by_campaign_source",
	} {
		if got := p.text(query); got != want {
			p.t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	for _, query := range []string{"SELECT toString(sum(clicks)) FROM %s.rollup_minute_traffic", "SELECT toString(sum(clicks)) FROM %s.rollup_hour_traffic"} {
		if got := p.text(query); got != fmt.Sprint(len(clicks)) {
			p.t.Errorf("%s: %s, want %d", query, got, len(clicks))
		}
	}
	want = fmt.Sprintf("%d %d %d %d", len(conversions), conv, hold, confirmed)
	for _, query := range []string{
		"SELECT concat(toString(count()), ' ', toString(sum(conversions_delta)), ' ', toString(toInt64(sum(revenue_hold_delta) * 1000000)), ' ', toString(toInt64(sum(revenue_confirmed_delta) * 1000000))) FROM %s.conversions",
		"SELECT concat(toString(sum(entries)), ' ', toString(sum(conversions)), ' ', toString(toInt64(sum(revenue_hold) * 1000000)), ' ', toString(toInt64(sum(revenue_confirmed) * 1000000))) FROM %s.rollup_minute",
		"SELECT concat(toString(sum(entries)), ' ', toString(sum(conversions)), ' ', toString(toInt64(sum(revenue_hold) * 1000000)), ' ', toString(toInt64(sum(revenue_confirmed) * 1000000))) FROM %s.rollup_hour",
	} {
		if got := p.text(query); got != want {
			p.t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}

// baseMS is a minute before a month ends, so that batches meet both months.
var baseMS = time.Date(2026, 10, 31, 23, 59, 0, 0, time.UTC).UnixMilli()

// newEvents makes clicks and conversions over two months.
func newEvents(seed uint64, clicks, conversions int) ([]*events.Click, []*events.Conversion) {
	r := rand.New(rand.NewPCG(seed, 1))
	var cs []*events.Click
	for i := range clicks {
		ms := baseMS + int64(i)*120_000/int64(clicks)
		c := &events.Click{
			ClickId: fmt.Sprintf("c%039d", i), EventMs: ms, ReceivedMs: ms + r.Int64N(20), CampaignId: uint32(1 + r.IntN(3)), SourceId: uint32(r.IntN(4)), OfferId: 1,
			Campaign: "summer", Source: fmt.Sprintf("source%d", r.IntN(4)), Offer: "casino-de", Subs: []string{"a", "", fmt.Sprint(r.IntN(1000))}[:r.IntN(4)],
			ExternalId: fmt.Sprint(r.Uint64()), Keyword: "free spins", Creative: fmt.Sprint(r.IntN(20)), CostMicros: r.Int64N(50_000), Currency: "EUR",
			Ip: []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 1, byte(r.IntN(256)), byte(r.IntN(256))}, Country: []string{"DE", "FR", "IT", ""}[r.IntN(4)], Device: []string{"mobile", "desktop"}[r.IntN(2)],
			Os: "Android", OsVersion: fmt.Sprint(r.IntN(15)), Browser: "Chrome", BrowserVersion: fmt.Sprintf("%d.0.0", 100+r.IntN(30)),
			UserAgent: fmt.Sprintf("Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Mobile Safari/537.36", 100+r.IntN(30)), Referrer: "https://news.example/", Language: "de", IpClicksPerMinute: 1,
			OfferPayoutMicros: 25_000_000, OfferPayoutBaseMicros: 27_500_000, OfferCurrency: "EUR",
		}
		c.CostBaseMicros = c.CostMicros * 11 / 10
		if r.IntN(20) == 0 {
			c.Score = 60
			c.Reasons = []*events.Reason{{Code: schemas.SignalUABot, Observed: 1, Points: 60}, {Code: schemas.SignalIPRate, Observed: 40, Expected: 3, N: 100, Llr: 12.5, Points: 30, Baseline: 7}}
		}
		cs = append(cs, c)
	}
	var vs []*events.Conversion
	for i := range conversions {
		c := cs[r.IntN(len(cs))]
		v := &events.Conversion{
			ConversionId: fmt.Sprintf("%032x", i), Seq: 1, Kind: events.Conversion_KIND_CREATED, ReceiptId: fmt.Sprintf("r%025d", i), ClickId: c.ClickId, Network: "acme", Event: "sale", Txid: fmt.Sprint(i),
			Status: events.Status_STATUS_PENDING, OriginalStatus: "hold", PayoutMicros: 25_000_000, Currency: "EUR", PayoutBaseMicros: 27_500_000, PayoutSource: events.Conversion_PAYOUT_SOURCE_POSTBACK,
			ConversionsDelta: 1, PendingDelta: 1, RevenueHoldDeltaMicros: 27_500_000 + r.Int64N(1000), EventMs: c.EventMs + 5000, ReceivedMs: c.ReceivedMs + 6000, ClickMs: c.EventMs,
			Match: events.Conversion_MATCH_CLICK, CampaignId: c.CampaignId, Campaign: c.Campaign, SourceId: c.SourceId, Source: c.Source, OfferId: c.OfferId, Offer: c.Offer, Country: c.Country, Device: c.Device, Os: c.Os, Browser: c.Browser, Subs: c.Subs, ExternalId: c.ExternalId,
		}
		if i%4 == 3 && i > 0 { // an earlier conversion is approved
			before := vs[len(vs)-1]
			v.ConversionId, v.Seq, v.Kind, v.Status, v.PreviousStatus = before.ConversionId, 2, events.Conversion_KIND_STATUS, events.Status_STATUS_APPROVED, events.Status_STATUS_PENDING
			v.ConversionsDelta, v.PendingDelta, v.ApprovedDelta = 0, -1, 1
			v.RevenueHoldDeltaMicros, v.RevenueConfirmedDeltaMicros = -before.RevenueHoldDeltaMicros, before.RevenueHoldDeltaMicros
		}
		vs = append(vs, v)
	}
	return cs, vs
}

func (p *pipeline) produceEvents(clicks []*events.Click, conversions []*events.Conversion) {
	p.t.Helper()
	for _, c := range clicks {
		value, err := c.MarshalVT()
		if err != nil {
			p.t.Fatal(err)
		}
		p.producer.Produce(context.Background(), &kgo.Record{Topic: p.prefix + schemas.TopicScoredClicks, Key: []byte(c.ClickId), Value: value}, nil)
	}
	for _, c := range conversions {
		value, err := c.MarshalVT()
		if err != nil {
			p.t.Fatal(err)
		}
		p.producer.Produce(context.Background(), &kgo.Record{Topic: p.prefix + schemas.TopicConversions, Key: []byte(c.ClickId), Value: value}, nil)
	}
	if err := p.producer.Flush(context.Background()); err != nil {
		p.t.Fatal(err)
	}
}
