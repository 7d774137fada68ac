package dlq_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.yaml.in/yaml/v4"

	"tributary/catalog"
	"tributary/cli/dlq"
	"tributary/cli/loadgen"
	"tributary/cli/misuse"
	"tributary/cli/verify"
	"tributary/schemas"
	"tributary/scripts/pipeline"
)

// loaded is how long what was sent may take to be seen in ClickHouse.
const loaded = time.Minute

// whole is every role on a real broker and a real ClickHouse.
type whole struct {
	t        *testing.T
	system   *pipeline.System
	scenario *loadgen.Scenario
	opts     []kgo.Opt
}

func startWhole(t *testing.T) *whole {
	scenario := loadgen.DefaultScenario(time.Now())
	w := &whole{t: t, scenario: scenario, system: pipeline.Start(t, pipeline.Options{Scenario: scenario, Partitions: 2, Grace: time.Second})}
	w.opts = []kgo.Opt{kgo.SeedBrokers(w.system.Brokers...)}
	return w
}

// catalog is the edge's, with a change.
func (w *whole) catalog(change func(*catalog.Config)) *catalog.Catalog {
	w.t.Helper()
	var file struct{ Catalog catalog.Config }
	if err := yaml.Unmarshal([]byte(w.scenario.CatalogYAML()), &file); err != nil {
		w.t.Fatal(err)
	}
	change(&file.Catalog)
	built, err := catalog.Build(file.Catalog)
	if err != nil {
		w.t.Fatal(err)
	}
	return built
}

func (w *whole) click(campaign string) string {
	w.t.Helper()
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Get("http://" + w.system.Edge.Addr().String() + "/c/" + campaign + "?source=popwave")
	if err != nil {
		w.t.Fatal(err)
	}
	response.Body.Close()
	clickID := response.Header.Get("X-Click-Id")
	if clickID == "" {
		w.t.Fatalf("no click: %s", response.Status)
	}
	return clickID
}

// postback answers the receipt and the reject reason, empty for an accepted one.
func (w *whole) postback(pairs ...string) (receipt, reason string) {
	w.t.Helper()
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	response, err := http.Get("http://" + w.system.Edge.Addr().String() + "/postback?" + v.Encode())
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	var answer struct {
		ReceiptID string `json:"receipt_id"`
		Error     struct{ Reason string }
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		w.t.Fatal(err)
	}
	return answer.ReceiptID, answer.Error.Reason
}

func (w *whole) text(query string) string {
	w.t.Helper()
	var text string
	if err := w.system.ClickHouse.QueryRow(w.t.Context(), query).Scan(&text); err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
	return text
}

func (w *whole) await(query, want string) {
	w.t.Helper()
	pipeline.Await(w.t, loaded, query, func() error {
		if got := w.text(query); got != want {
			return fmt.Errorf("%s, want %s", got, want)
		}
		return nil
	})
}

func (w *whole) options(c *catalog.Catalog, out io.Writer) dlq.ReplayOptions {
	return dlq.ReplayOptions{Source: dlq.Source{Kafka: w.opts, TopicPrefix: w.system.Prefix}, Send: true, Catalog: c, ClickHouse: w.system.ClickHouse,
		Database: w.system.Database, TransactionalID: w.system.Prefix + "tributary-dlq", Out: out}
}

func (w *whole) replay(c *catalog.Catalog, change func(*dlq.ReplayOptions)) (*dlq.Outcome, string) {
	w.t.Helper()
	var text bytes.Buffer
	o := w.options(c, &text)
	if change != nil {
		change(&o)
	}
	out, err := dlq.Replay(w.t.Context(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	return out, text.String()
}

// forget removes the notes, as a crash between a record and its note would have left them.
func (w *whole) forget() {
	w.t.Helper()
	client, err := kgo.NewClient(w.opts...)
	if err != nil {
		w.t.Fatal(err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	ends, err := admin.ListEndOffsets(w.t.Context(), w.system.Prefix+schemas.TopicReplays)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := admin.DeleteRecords(w.t.Context(), ends.Offsets()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *whole) verify() {
	w.t.Helper()
	report, err := verify.Run(w.t.Context(), verify.Options{Brokers: w.system.Brokers, TopicPrefix: w.system.Prefix, ProcessorGroup: w.system.Processor.Group,
		SinkGroup: w.system.Sink.Group, ClickHouse: w.system.ClickHouse, Database: w.system.Database, Grace: w.system.Processor.Grace, Wait: time.Minute})
	if err != nil {
		w.t.Fatal(err)
	}
	if !report.OK() {
		var text strings.Builder
		_ = report.Print(&text)
		w.t.Errorf("after replays the auditor finds differences:\n%s", text.String())
	}
}

func verdicts(out *dlq.Outcome) map[string]dlq.Verdict {
	all := map[string]dlq.Verdict{}
	for _, p := range out.Plans {
		all[p.Letter.Event.LetterId] = p.Verdict
	}
	return all
}

const (
	money   = "SELECT toString((sum(conversions_delta), sum(revenue_confirmed_delta))) FROM tributary.conversions"
	letters = "SELECT toString(count()) FROM tributary.dead_letters"
)

// Refused postbacks are booked once their catalog is mended: once, however often they are replayed, and whatever is forgotten.
func TestRefusedPostbacksAreBookedOnce(t *testing.T) {
	w := startWhole(t)
	first, second := w.click("us-tea-native"), w.click("us-vpn-push")
	before := time.Now()
	status, reason := w.postback("network", "shopline", "click_id", first, "status", "wonderful", "payout", "20", "txid", "t1")
	if reason != "unknown_status" {
		t.Fatalf("refused for %q", reason)
	}
	again, _ := w.postback("network", "shopline", "click_id", first, "status", "wonderful", "payout", "20", "txid", "t1")
	network, reason := w.postback("network", "newnet", "click_id", second, "payout", "3")
	if reason != "unknown_network" {
		t.Fatalf("refused for %q", reason)
	}
	bad, reason := w.postback("network", "shopline", "click_id", first, "payout", "abc", "txid", "t2")
	if reason != "bad_payout" {
		t.Fatalf("refused for %q", reason)
	}
	stale, _ := w.postback("network", "shopline", "click_id", first, "status", "splendid", "payout", "50", "txid", "t3")
	// A deduction from t3, before the later postback of t3 itself.
	less, reason := w.postback("network", "legacy", "click_id", first, "payout", "-5", "txid", "t3")
	if reason != "bad_payout" {
		t.Fatalf("refused for %q", reason)
	}
	if _, reason := w.postback("network", "shopline", "click_id", first, "status", "refund", "payout", "50", "txid", "t3"); reason != "" {
		t.Fatalf("the later word is refused: %s", reason)
	}
	// Another network's later postback of a t1 of its own: it holds nothing back.
	if _, reason := w.postback("network", "legacy", "click_id", first, "status", "1", "payout", "4", "txid", "t1"); reason != "" {
		t.Fatalf("another network's: %s", reason)
	}
	w.await(letters, "6")
	w.await("SELECT toString(count()) FROM tributary.conversions", "2")

	asItWas := w.catalog(func(*catalog.Config) {})
	if out, text := w.replay(asItWas, nil); out.Sent != 0 || !strings.Contains(text, "still refused: 6") {
		t.Fatalf("before the catalog is mended %d were sent:\n%s", out.Sent, text)
	}
	mended := w.catalog(func(c *catalog.Config) {
		c.Networks[0].Statuses["wonderful"], c.Networks[0].Statuses["splendid"] = "approved", "approved"
		c.Networks[slices.IndexFunc(c.Networks, func(n catalog.NetworkConfig) bool { return n.Name == "legacy" })].NegativePayout = "correct"
		c.Networks = append(c.Networks, catalog.NetworkConfig{Name: "newnet", BlankTxIDIsNew: true})
	})
	if out, _ := w.replay(mended, func(o *dlq.ReplayOptions) { o.Send = false }); out.Sent != 0 || w.text(money) != "(1,4)" {
		t.Fatal("a dry run sent")
	}
	out, text := w.replay(mended, nil)
	want := map[string]dlq.Verdict{status: dlq.Send, again: dlq.Done, network: dlq.Send, bad: dlq.Refused, stale: dlq.Held, less: dlq.Send}
	for letter, verdict := range want {
		if got := verdicts(out)[letter]; got != verdict {
			t.Errorf("letter %s: %s, want %s\n%s", letter, got, verdict, text)
		}
	}
	w.await(money, "(3,22)")
	for query, what := range map[string]string{
		"SELECT toString(event_at BETWEEN fromUnixTimestamp64Milli(" + fmt.Sprint(before.Add(-time.Minute).UnixMilli()) + ") AND received_at AND received_at > event_at) FROM tributary.conversions WHERE receipt_id = '" + status + "'": "the time of the first try",
		"SELECT toString(any(campaign) = 'us-vpn-push' AND any(network) = 'newnet') FROM tributary.conversions WHERE receipt_id = '" + network + "'":                                                                                     "its campaign",
	} {
		if got := w.text(query); got != "1" {
			t.Errorf("a replayed conversion lost %s: %s", what, query)
		}
	}

	if out, _ := w.replay(mended, nil); out.Sent != 0 {
		t.Errorf("the second replay sent %d", out.Sent)
	}
	// The notes are gone: the ledger still knows the receipts.
	w.forget()
	if out, _ := w.replay(mended, nil); out.Sent != 0 {
		t.Errorf("without notes %d were sent, though the ledger has them", out.Sent)
	}
	// The ledger is not asked either: they go, and the processor knows them, the one whose every postback is new by its receipt.
	out, _ = w.replay(mended, func(o *dlq.ReplayOptions) { o.ClickHouse = nil })
	if out.Sent != 4 { // the held one too: nothing holds it
		t.Errorf("%d sent without notes and ledger, want 4", out.Sent)
	}
	w.await("SELECT toString(countIf(reason = 'duplicate_postback')) FROM tributary.dead_letters", "3")
	if got := w.text("SELECT toString((count(), uniqExact(conversion_id))) FROM tributary.conversions WHERE receipt_id IN ('" + status + "','" + network + "')"); got != "(2,2)" {
		t.Errorf("entries of what was replayed twice: %s", got)
	}
	w.verify()
}

// An orphan is booked once its click has been brought.
func TestOrphanAfterItsClick(t *testing.T) {
	w := startWhole(t)
	receipt, reason := w.postback("network", "legacy", "click_id", "their-click-1", "payout", "14", "status", "1")
	if reason != "" {
		t.Fatalf("refused: %s", reason)
	}
	w.await("SELECT toString(groupArray(reason)) FROM tributary.dead_letters", "['orphan']")
	as := w.catalog(func(*catalog.Config) {})
	response, err := http.Post("http://"+w.system.Edge.Addr().String()+"/v1/clicks", "application/json",
		strings.NewReader(`{"campaign":"moved-from-old-tracker","click_id":"their-click-1","source":"popwave"}`))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("the click: %s", response.Status)
	}
	out, text := w.replay(as, nil)
	if out.Sent != 1 || verdicts(out)[receipt] != dlq.Send {
		t.Fatalf("%s", text)
	}
	w.await(money, "(1,14)")
	w.verify()
}

// A row that ClickHouse refused comes in once the table is mended, and once only, also when its note is lost.
func TestPoisonRow(t *testing.T) {
	w := startWhole(t)
	if err := w.system.ClickHouse.Exec(t.Context(), "ALTER TABLE tributary.conversions ADD CONSTRAINT small CHECK payout < 100"); err != nil {
		t.Fatal(err)
	}
	click := w.click("us-tea-native")
	w.postback("network", "shopline", "click_id", click, "payout", "500", "txid", "big")
	w.postback("network", "shopline", "click_id", click, "payout", "5", "txid", "small")
	w.await("SELECT toString(groupArray(reason)) FROM tributary.dead_letters", "['row_refused']")
	w.await(money, "(1,5)")
	w.verify() // a refused row is missing for a reason
	as := w.catalog(func(*catalog.Config) {})
	if _, text := w.replay(as, func(o *dlq.ReplayOptions) { o.ClickHouse = nil }); !strings.Contains(text, "held back: 1") {
		t.Errorf("without ClickHouse a row must be held back:\n%s", text)
	}
	if err := w.system.ClickHouse.Exec(t.Context(), "ALTER TABLE tributary.conversions DROP CONSTRAINT small"); err != nil {
		t.Fatal(err)
	}
	if out, text := w.replay(as, nil); out.Sent != 1 || !strings.Contains(text, "to scored.conversions: the row of scored.conversions, partition") {
		t.Fatalf("%s", text)
	}
	w.await(money, "(2,505)")
	w.await("SELECT toString(sum(revenue_confirmed)) FROM tributary.rollup_hour", "505")
	w.verify()
	if out, _ := w.replay(as, nil); out.Sent != 0 {
		t.Error("it was sent twice")
	}
	w.forget()
	if out, text := w.replay(as, nil); out.Sent != 0 || !strings.Contains(text, "table conversions has the row") {
		t.Errorf("without its note:\n%s", text)
	}
}

// Without the broker nothing hangs, and the error says what is away.
func TestNoBroker(t *testing.T) {
	err := dlq.List(t.Context(), dlq.ListOptions{Source: dlq.Source{Kafka: []kgo.Opt{kgo.SeedBrokers("127.0.0.1:1"), kgo.RequestRetries(1)}}, Out: io.Discard})
	if err == nil || misuse.Is(err) || !strings.Contains(err.Error(), "asking Kafka for topic dead-letters") {
		t.Errorf("%v", err)
	}
}
