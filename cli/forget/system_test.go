package forget_test

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"tributary/cli/forget"
	"tributary/cli/loadgen"
	"tributary/cli/verify"
	"tributary/deploy/embedded/chdb/chdbtest"
	"tributary/report"
	"tributary/schemas"
	schema "tributary/schemas/clickhouse"
	"tributary/scripts/pipeline"
)

// whole is every role on a real broker and a real ClickHouse.
type whole struct {
	t      *testing.T
	system *pipeline.System
	client http.Client
}

func startWhole(t *testing.T) *whole {
	w := &whole{t: t, system: pipeline.Start(t, pipeline.Options{Scenario: loadgen.DefaultScenario(time.Now()), Partitions: 2, Grace: time.Second})}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	w.client = http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return w
}

func (w *whole) get(path string) *http.Response {
	w.t.Helper()
	request, err := http.NewRequest(http.MethodGet, "http://"+w.system.Edge.Addr().String()+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("User-Agent", "SECRET-agent/1.0")
	request.Header.Set("Referer", "https://SECRET.example/")
	response, err := w.client.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	response.Body.Close()
	return response
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
	pipeline.Await(w.t, time.Minute, query, func() error {
		if got := w.text(query); got != want {
			return fmt.Errorf("%s, want %s", got, want)
		}
		return nil
	})
}

func (w *whole) forget(do bool, clickIDs ...string) (*forget.Report, string) {
	w.t.Helper()
	report, err := forget.Run(w.t.Context(), forget.Options{ClickHouse: w.system.ClickHouse, Database: w.system.Database, ClickIDs: clickIDs, Do: do})
	if err != nil {
		w.t.Fatal(err)
	}
	var text bytes.Buffer
	if err := report.Print(&text); err != nil {
		w.t.Fatal(err)
	}
	return report, text.String()
}

// everything is each table's rows as one text, to find what should not be in any.
func (w *whole) everything() map[string]string {
	w.t.Helper()
	all := map[string]string{}
	for _, table := range []string{"clicks", "conversions", "anomalies", "dead_letters", "postbacks", "parked"} {
		all[table] = w.text("SELECT arrayStringConcat(groupArray(toString(tuple(*))), '\n') FROM (SELECT * FROM tributary." + table + " ORDER BY ALL)")
	}
	return all
}

const money = `SELECT toString((SELECT (count(), sum(cost)) FROM tributary.clicks)) || toString((SELECT (sum(conversions_delta), sum(revenue_confirmed_delta)) FROM tributary.conversions))`

// A visitor's data are gone from every table; his neighbour's, the money and the auditor's verdict stay.
func TestForget(t *testing.T) {
	w := startWhole(t)
	click := func(who string) string {
		id := w.get("/c/us-tea-native?source=popwave&cost=0.5&sub1=SECRET-" + who + "&sub3=SECRET-" + who + "&external_id=SECRET-" + who + "&keyword=SECRET-" + who + "&creative=SECRET-" + who).Header.Get("X-Click-Id")
		if id == "" {
			t.Fatal("no click")
		}
		return id
	}
	his, hers := click("his"), click("hers")
	for i, id := range []string{his, hers} {
		who := []string{"his", "hers"}[i]
		if got := w.get("/postback?network=shopline&click_id=" + id + "&payout=20&txid=t" + who + "&phone=SECRET-" + who).StatusCode; got != http.StatusOK {
			t.Fatalf("the postback is answered %d", got)
		}
		// Refused: with the ID as it is, in capitals, and where it was not read as one.
		w.get("/postback?network=shopline&payout=abc&click_id=" + id + "&phone=SECRET-" + who)
		w.get("/postback?network=shopline&payout=abc&click_id=" + strings.ToUpper(id) + "&phone=SECRET-" + who)
		w.get("/postback?network=shopline&payout=1&subid=" + id + "&phone=SECRET-" + who)
	}
	w.await("SELECT toString(count()) FROM tributary.dead_letters", "6")
	w.await("SELECT toString(count()) FROM tributary.conversions", "2")
	w.await("SELECT toString(count()) FROM tributary.clicks", "2")
	before, sums := w.everything(), w.text(money)

	report, text := w.forget(false, his)
	if _, personal, _ := report.Rows(); personal != 5 || !strings.Contains(text, "A dry run: nothing was changed") {
		t.Errorf("a dry run finds %d rows:\n%s", personal, text)
	}
	if after := w.everything(); after["clicks"] != before["clicks"] || after["dead_letters"] != before["dead_letters"] {
		t.Fatal("a dry run changed something")
	}

	report, text = w.forget(true, strings.ToUpper(his))
	t.Logf("\n%s", text)
	if rows, personal, left := report.Rows(); rows < 5 || personal != 5 || left != 0 {
		t.Errorf("%d rows, %d personal, %d left:\n%s", rows, personal, left, text)
	}
	after := w.everything()
	for table, rows := range after {
		if strings.Contains(rows, "SECRET-his") {
			t.Errorf("table %s still has something of him:\n%s", table, rows)
		}
		if strings.Count(before[table], "SECRET-hers") != strings.Count(rows, "SECRET-hers") {
			t.Errorf("table %s lost something of hers", table)
		}
	}
	if got := w.text("SELECT toString((toString(ip), user_agent, referrer, length(subs), country, device, toString(cost))) FROM tributary.clicks WHERE click_id = '" + his + "'"); got != "('::','','',0,'','unknown','0.5')" {
		t.Errorf("his click is %s", got)
	}
	if got := w.text(money); got != sums {
		t.Errorf("the money is %s, before it was %s", got, sums)
	}
	if _, text := w.forget(true, his); !strings.Contains(text, "Nothing personal is left") {
		t.Errorf("forgotten twice:\n%s", text)
	}
	if _, text := w.forget(true, "06h08g6c4g000400040jb7ba0004hvg95gavgwc9"); !strings.Contains(text, "No table has a row") {
		t.Errorf("nobody is forgotten:\n%s", text)
	}
	var many []string // as many as are taken at once
	for n := range 1000 {
		many = append(many, fmt.Sprintf("06h08g6c4g000400040jb7ba0004hvg95gav%04d", n))
	}
	if _, text := w.forget(true, many...); !strings.Contains(text, "No table has a row") {
		t.Errorf("a thousand that nobody has:\n%s", text)
	}
	audit, err := verify.Run(t.Context(), verify.Options{Brokers: w.system.Brokers, TopicPrefix: w.system.Prefix, ProcessorGroup: w.system.Processor.Group,
		SinkGroup: w.system.Sink.Group, ClickHouse: w.system.ClickHouse, Database: w.system.Database, Grace: w.system.Processor.Grace, Wait: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if !audit.OK() {
		var out strings.Builder
		_ = audit.Print(&out)
		t.Errorf("the auditor finds differences:\n%s", out.String())
	}
}

// Every text column of a table with a click ID that the database has is declared with a privacy class, also in a table
// that nobody declares any more.
func TestEveryColumnIsDecidedOn(t *testing.T) {
	conn, err := clickhouse.Open(chdbtest.Start(t).Options())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := schema.Migrate(t.Context(), conn, schema.Options{Views: report.Views()}); err != nil {
		t.Fatal(err)
	}
	var text string
	if err := conn.QueryRow(t.Context(), `SELECT arrayStringConcat(groupArray(table || '.' || name), ' ') FROM system.columns WHERE database = 'tributary' AND default_kind NOT IN ('ALIAS', 'MATERIALIZED')
AND (type LIKE '%String%' OR type LIKE '%IP%') AND table IN (SELECT table FROM system.columns WHERE database = 'tributary' AND name = 'click_id')
AND table IN (SELECT name FROM system.tables WHERE database = 'tributary' AND engine LIKE '%MergeTree')`).Scan(&text); err != nil {
		t.Fatal(err)
	}
	columns := strings.Fields(text)
	if len(columns) < 50 {
		t.Fatalf("only %d columns", len(columns))
	}
	for _, column := range columns {
		_, name, _ := strings.Cut(column, ".")
		decided := slices.ContainsFunc(schemas.Tables(), func(t schemas.Table) bool {
			c := t.Column(name)
			return c != nil && c.Privacy != schemas.PrivacyUndecided
		})
		if !decided {
			t.Errorf("%s has no privacy class: want one at its field (proto/tributary/v1/options.proto)", column)
		}
	}
}
