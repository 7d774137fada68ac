package report_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"tributary/deploy/embedded/chdb"
	"tributary/deploy/embedded/chdb/chdbtest"
	"tributary/report"
	schema "tributary/schemas/clickhouse"
)

// TestEngine asks a real engine. Its parts share one, which takes longer to make than to ask.
func TestEngine(t *testing.T) {
	process := chdbtest.Start(t)
	conn := connect(t, process, "default", chdbtest.Password)
	if _, err := schema.Migrate(t.Context(), conn, schema.Options{Views: report.Views()}); err != nil {
		t.Fatal(err)
	}
	s := &sample{t: t, conn: conn, random: rand.New(rand.NewPCG(*seed, 1))}
	s.fill(t.Context(), map[string]int{"clicks": 2500, "conversions": 1500, "impressions": 600, "landing_clicks": 500})
	guest := connect(t, process, chdbtest.Guest, chdbtest.GuestPassword)
	t.Run("random questions", s.ask)
	t.Run("projections are read", func(t *testing.T) { readsProjections(t, conn) })
	t.Run("a guest asks", func(t *testing.T) { guestAsks(t, conn, guest) })
	t.Run("the SQL stands by itself", func(t *testing.T) { standsByItself(t, conn) })
	t.Run("names", func(t *testing.T) { shownNames(t, conn) })
	t.Run("shared and kept", func(t *testing.T) { sharedAndKept(t, conn) })
	t.Run("cancelled", func(t *testing.T) { cancelled(t, process, conn, guest) })
	t.Run("a month moves meanwhile", func(t *testing.T) { movesMeanwhile(t, conn) })
}

func connect(t *testing.T, process *chdb.Process, user, password string) driver.Conn {
	t.Helper()
	options := process.Options()
	options.Auth.Username, options.Auth.Password = user, password
	conn, err := clickhouse.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

var october = report.Period{From: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}

// readsProjections asks ClickHouse how it answers what is asked most.
func readsProjections(t *testing.T, conn driver.Conn) {
	engine := report.New(report.Config{Conn: conn, Database: "tributary"})
	// Of a few rows it is all one to ClickHouse which it reads.
	for table, columns := range map[string]string{"clicks": "click_id, event_at", "conversions": "conversion_id, click_at",
		"impressions": "impression_id, event_at", "landing_clicks": "landing_click_id, click_at"} {
		// Of what comes and goes all dimensions together have many more groups than a few of them.
		values := ""
		if table == "clicks" || table == "conversions" {
			columns, values = columns+", country, offer_id, landing_id", ", toString(number % 11), number % 7, number % 13"
		}
		query := "INSERT INTO tributary." + table + " (" + columns + ", received_at, campaign_id, campaign, source_id, source) " +
			"SELECT toString(number), toDateTime64('2026-10-10 00:00:00', 3, 'UTC') + number AS at" + values + ", at, 1 + number % 3, " +
			"concat('campaign no. ', toString(1 + number % 3)), 1, 'source no. 1' FROM numbers(60000)"
		if err := conn.Exec(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	for _, q := range []report.Question{
		{},
		{By: []string{"campaign"}},
		{By: []string{"campaign", "source"}, Where: []report.Filter{{Dimension: "campaign", Op: report.Is, Values: []string{"campaign no. 1"}}}},
		{By: []string{"day"}, Zone: "Asia/Kathmandu"},
		{By: []string{"hour", "country"}, Zone: "Australia/Lord_Howe"},
		{By: []string{"quarter"}},
		{By: []string{"week", "buyer", "team"}, Zone: "Europe/Berlin"},
		{By: []string{"landing", "offer"}, Compare: report.Compare{Kind: report.ComparePrevious}},
		{By: []string{"device", "os", "browser"}, Scope: report.Scope{Campaigns: []uint32{1, 2}, Buyers: []string{"ann"}}},
		{By: []string{"network", "event"}},
		{By: []string{"day"}, Basis: report.ByReceived},
		{By: []string{"campaign"}, Known: october.To.Add(-time.Millisecond)},
	} {
		if !q.Scope.All && q.Scope.Campaigns == nil {
			q.Scope = report.Everything
		}
		q.Period, q.Metrics = october, []string{"profit", "roi", "lp_ctr", "ctr", "cr", "unique_clicks"}
		if !q.Known.IsZero() { // presses of a click on two days are one: rows tell
			q.Metrics = []string{"profit", "landing_clicks", "ctr"}
		}
		plan := explained(t, conn, engine, q)
		// The archives have no projections, and need none.
		n := 0
		for _, name := range slices.Concat(schema.Projections["clicks"], schema.Projections["conversions"],
			schema.Projections["impressions"], schema.Projections["landing_clicks"]) {
			n += strings.Count(plan, "ReadFromMergeTree ("+name+")")
		}
		if n < 4 {
			t.Errorf("%+v reads %d projections", q, n)
			continue
		}
		for _, table := range []string{"clicks", "conversions", "impressions", "landing_clicks"} {
			if strings.Contains(plan, "ReadFromMergeTree (tributary."+table+")") {
				t.Errorf("%+v reads the rows of %s:\n%s", q, table, plan)
			}
		}
	}
	for _, by := range [][]string{{"by_traffic", "source", "hour"}, {"by_visitor", "country", "browser"}, {"by_offer", "landing", "day"}} {
		const early = -5*time.Hour - 30*time.Minute
		q := report.Question{By: by[1:], Zone: "Asia/Kolkata", Scope: report.Everything,
			Period: report.Period{From: october.From.Add(early), To: october.To.Add(early)}}
		plan := explained(t, conn, engine, q)
		if n := strings.Count(plan, "ReadFromMergeTree ("+by[0]+"_"); n != 2 { // of clicks and of the ledger
			t.Errorf("%v reads %d projections %s:\n%s", by[1:], n, by[0], plan)
		}
	}
	q := report.Question{By: []string{"sub1"}, Scope: report.Everything, Period: october, Metrics: []string{"clicks"},
		Where: []report.Filter{{Dimension: "campaign_id", Op: report.Is, Values: []string{"1"}}}}
	if plan := explained(t, conn, engine, q); !strings.Contains(plan, "ReadFromMergeTree (tributary.clicks)") {
		t.Errorf("sub-IDs are not read from rows:\n%s", plan)
	}
}

func explained(t *testing.T, conn driver.Conn, engine *report.Engine, q report.Question) string {
	t.Helper()
	sql, err := engine.SQL(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return lines(t, conn, "EXPLAIN "+sql)
}

func lines(t *testing.T, conn driver.Conn, query string) string {
	t.Helper()
	rows, err := conn.Query(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	var b strings.Builder
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

// guestAsks: the user whose slots are not the loader's gets the same answer.
func guestAsks(t *testing.T, conn, guest driver.Conn) {
	q := report.Question{By: []string{"source", "day"}, Period: october, Zone: "Europe/Berlin", Scope: report.Everything}
	var answers []string
	for _, c := range []driver.Conn{conn, guest} {
		table, err := report.New(report.Config{Conn: c, Database: "tributary"}).Ask(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, fmt.Sprint(table.Rows, table.Totals))
	}
	if answers[0] != answers[1] || len(answers[0]) < 100 {
		t.Errorf("a guest is answered %s, another one %s", answers[1], answers[0])
	}
}

// standsByItself runs what `--format sql` prints: it has the totals, the groups and the latest names.
func standsByItself(t *testing.T, conn driver.Conn) {
	engine := report.New(report.Config{Conn: conn, Database: "tributary"})
	q := report.Question{By: []string{"campaign"}, Metrics: []string{"clicks", "cost"}, Period: october, Scope: report.Everything,
		Sort: []report.Sort{{Name: "campaign"}}}
	sql, err := engine.SQL(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	table, err := engine.Ask(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	got := lines(t, conn, "SELECT concat(campaign, ' ', toString(clicks), ' ', toString(cost)) FROM ("+sql+")")
	want := fmt.Sprintf(" %v %v\n", table.Totals.Figures...)
	for _, r := range table.Rows {
		want += fmt.Sprintf("%v %v %v\n", r.Keys[1], r.Figures[0], r.Figures[1])
	}
	if got != want || len(table.Rows) != 3 {
		t.Errorf("the SQL gives\n%s, the engine\n%s", got, want)
	}
}

// shownNames: a number that is newer than the names is shown with its own, and a note says what nothing is called.
func shownNames(t *testing.T, conn driver.Conn) {
	engine := report.New(report.Config{Conn: conn, Database: "tributary"})
	q := report.Question{By: []string{"campaign"}, Metrics: []string{"clicks"}, Scope: report.Everything,
		Period: report.Period{From: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}}
	if _, err := engine.Ask(t.Context(), q); err != nil { // the names are read
		t.Fatal(err)
	}
	if err := conn.Exec(t.Context(), "INSERT INTO tributary.clicks (click_id, event_at, received_at, campaign_id, campaign) "+
		"VALUES ('new', '2027-01-02 00:00:00', '2027-01-02 00:00:00', 77, 'brand new')"); err != nil {
		t.Fatal(err)
	}
	q.Metrics = []string{"clicks", "cost"} // another question: it is not answered from what is kept
	table, err := engine.Ask(t.Context(), q)
	if err != nil || len(table.Rows) != 1 || table.Rows[0].Keys[1] != "brand new" {
		t.Errorf("the answer is %+v, %v", table, err)
	}
	q.Where = []report.Filter{{Dimension: "offer", Op: report.Is, Values: []string{"offer no 2"}}}
	table, err = engine.Ask(t.Context(), q)
	if err != nil || len(table.Notes) != 1 || !strings.Contains(table.Notes[0], `did you mean "offer no. 2"?`) {
		t.Errorf("the notes are %+v, %v", table, err)
	}
}

// asking counts queries, and holds each until it is let go.
type asking struct {
	driver.Conn
	queries atomic.Int64
	hold    chan struct{}
}

func (a *asking) Query(ctx context.Context, query string, args ...any) (driver.Rows, error) {
	if strings.Contains(query, "is_total") {
		a.queries.Add(1)
		if a.hold != nil {
			<-a.hold
		}
	}
	return a.Conn.Query(ctx, query, args...)
}

// sharedAndKept: equal questions are asked once, their answer is kept as long as it is fresh, and neither is ever that of
// another scope.
func sharedAndKept(t *testing.T, conn driver.Conn) {
	counting := &asking{Conn: conn, hold: make(chan struct{})}
	now := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	var clock atomic.Int64
	engine := report.New(report.Config{Conn: counting, Database: "tributary", Slots: 8,
		Now: func() time.Time { return now.Add(time.Duration(clock.Load())) }})
	q := report.Question{By: []string{"country"}, Period: october, Metrics: []string{"clicks"}, Scope: report.Everything}
	narrow := q
	narrow.Scope = report.Scope{Campaigns: []uint32{1}}
	answers := make(chan *report.Table, 8)
	for i := range 8 {
		go func() {
			which := q
			if i%2 == 1 {
				which = narrow
			}
			table, err := engine.Ask(t.Context(), which)
			if err != nil {
				t.Error(err)
			}
			answers <- table
		}()
	}
	waitFor(t, "both scopes ask", func() bool { return counting.queries.Load() == 2 })
	close(counting.hold)
	counts := map[string]int{}
	for range 8 {
		if table := <-answers; table != nil {
			counts[fmt.Sprint(table.Totals.Figures[0])]++
		}
	}
	if len(counts) != 2 || counting.queries.Load() > 4 { // those who came after the answer may have asked again
		t.Errorf("%d queries, and the totals %v", counting.queries.Load(), counts)
	}
	asks := func(q report.Question) (did bool) {
		t.Helper()
		before := counting.queries.Load()
		if _, err := engine.Ask(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		return counting.queries.Load() > before
	}
	clock.Add(int64(10 * time.Second))
	for _, step := range []struct {
		what string
		wait time.Duration
		q    report.Question
		asks bool
	}{
		{"the first", 0, q, true},
		{"the same a moment later", 900 * time.Millisecond, q, false},
		{"another scope", 0, narrow, true},
		{"a second later", 200 * time.Millisecond, q, true},
		{"a closed month", 0, received(q), true},
		{"which stays so", 25 * time.Second, received(q), false},
		{"and is looked at now and then", 10 * time.Second, received(q), true},
	} {
		clock.Add(int64(step.wait))
		if did := asks(step.q); did != step.asks {
			t.Errorf("%s: ClickHouse is asked: %v, want %v", step.what, did, step.asks)
		}
	}
}

func received(q report.Question) report.Question {
	q.Basis = report.ByReceived
	return q
}

func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("30 s went by, and not: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// cancelled: a query ends in ClickHouse when the last who waits for it goes, and not before; meanwhile it tells how far it is.
func cancelled(t *testing.T, process *chdb.Process, conn, guest driver.Conn) {
	exec := func(query string) {
		t.Helper()
		if err := conn.Exec(t.Context(), query); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	exec("CREATE DATABASE slow")
	for _, table := range []string{"conversions", "impressions", "landing_clicks", "archive_quarter", "archive_quarter_traffic",
		"archive_sums", "archive_months"} {
		exec("CREATE VIEW slow." + table + " AS SELECT * FROM tributary." + table)
	}
	exec("CREATE VIEW slow.clicks AS SELECT c.* FROM tributary.clicks AS c CROSS JOIN numbers(100000000) AS n WHERE NOT ignore(n.number)")
	running := func() bool {
		var n uint64
		if err := conn.QueryRow(t.Context(), "SELECT count() FROM system.processes WHERE query_id LIKE 'report-%'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n > 0
	}
	engine := report.New(report.Config{Conn: guest, Database: "slow"})
	q := report.Question{By: []string{"country"}, Metrics: []string{"clicks"}, Scope: report.Everything}
	var far atomic.Uint64
	ask := func() (leave context.CancelFunc, left chan error) {
		ctx, cancel := context.WithCancel(t.Context())
		left = make(chan error, 1)
		watched := report.Watch(ctx, func(p report.Progress) { far.Store(p.Read) })
		go func() {
			_, err := engine.Ask(watched, q)
			left <- err
		}()
		return cancel, left
	}
	killed := func() uint64 {
		status, err := process.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return status.KilledQueries
	}
	before := killed()
	first, firstLeft := ask()
	second, secondLeft := ask()
	waitFor(t, "the query runs", running)
	waitFor(t, "it says how far it is", func() bool { return far.Load() > 0 })
	first()
	if err := <-firstLeft; !errors.Is(err, context.Canceled) {
		t.Errorf("who leaves is told %v", err)
	}
	if !running() {
		t.Error("the query ended although somebody waits for it")
	}
	second()
	if err := <-secondLeft; !errors.Is(err, context.Canceled) {
		t.Errorf("the last who leaves is told %v", err)
	}
	waitFor(t, "the query ends with the last who waits", func() bool { return !running() && killed() > before })
}

// movesMeanwhile: an archive that was without months when it was looked at last gets one. No answer leaves its sums out.
func movesMeanwhile(t *testing.T, conn driver.Conn) {
	exec := func(query string) {
		t.Helper()
		if err := conn.Exec(t.Context(), query); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	exec("CREATE DATABASE moving")
	for _, table := range []string{"clicks", "archive_quarter", "archive_sums", "archive_months"} {
		exec("CREATE TABLE moving." + table + " AS tributary." + table)
	}
	exec("INSERT INTO moving.clicks (click_id, event_at, received_at, country, _archived) SELECT toString(number), " +
		"'2026-10-10 00:00:00', '2026-10-10 00:00:00', if(number < 3, 'DE', 'FR'), if(number = 0, 0, 7) FROM numbers(5)")
	now := time.Now()
	engine := report.New(report.Config{Conn: conn, Database: "moving", CacheBytes: -1, Now: func() time.Time { return now }})
	clicks := func(country string) (n any) {
		t.Helper()
		answer, err := engine.Ask(t.Context(), report.Question{By: []string{"country"}, Metrics: []string{"clicks"}, Scope: report.Everything,
			Where: []report.Filter{{Dimension: "country", Op: report.Is, Values: []string{country}}}})
		if err != nil {
			t.Fatal(err)
		}
		return answer.Totals.Figures[0]
	}
	if de, fr, none := clicks("DE"), clicks("FR"), clicks("PL"); de != int64(3) || fr != int64(2) || none != int64(0) {
		t.Errorf("before, there are %v, %v and %v clicks", de, fr, none)
	}
	exec("INSERT INTO moving.archive_sums (base, month, run, attempt, quarter, country, clicks) VALUES " +
		"('clicks', 202610, 7, 1, '2026-10-10 00:00:00', 'DE', 20), ('clicks', 202610, 7, 1, '2026-10-10 00:00:00', 'PL', 40)")
	exec("INSERT INTO moving.archive_months (base, month, run, attempt) VALUES ('clicks', 202610, 7, 1)")
	if de, fr, poland := clicks("DE"), clicks("FR"), clicks("PL"); de != int64(21) || fr != int64(0) || poland != int64(40) {
		t.Errorf("when the month has moved, there are %v, %v and %v clicks", de, fr, poland)
	}
}
