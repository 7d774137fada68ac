package archive_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"tributary/deploy/embedded/chdb/chdbtest"
	"tributary/report"
	"tributary/schemas"
	schema "tributary/schemas/clickhouse"
	"tributary/schemas/clickhouse/archive"
)

// database opens one that is up to date.
func database(t *testing.T) driver.Conn {
	t.Helper()
	conn, err := clickhouse.Open(chdbtest.Start(t).Options())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := schema.Migrate(t.Context(), conn, schema.Options{Views: report.Views()}); err != nil {
		t.Fatal(err)
	}
	return conn
}

// fills are, by table, the columns of rows and what they are of a number.
var fills = map[string]string{
	"clicks": `click_id, campaign_id, campaign, source_id, source, offer_id, offer, landing_id, landing, country, device, os,
browser, buyer, team, score, bot, cost, unique, _layout, event_at, received_at, _partition, _offset
SELECT toString({from} + number), 1 + number % 3, concat('c', toString(1 + number % 3)), number % 4, concat('s', toString(number % 4)),
number % 5, concat('o', toString(number % 5)), number % 2, concat('l', toString(number % 2)), ['DE', 'FR', ''][1 + number % 3],
['mobile', 'desktop'][1 + number % 2], 'Linux', 'Chrome', concat('b', toString(number % 2)), 't', number % 90,
if(number % 11 = 0, 'crawler', ''), number % 7 / 100000, number % 3 != 0, number % 2,
toDateTime64('{at}', 3, 'UTC') + number * {step} - 5, toDateTime64('{at}', 3, 'UTC') + number * {step}, number % 2, {from} + number`,
	"conversions": `conversion_id, click_id, seq, kind, event, network, match, campaign_id, campaign, source_id, source, offer_id, offer, country,
device, conversions_delta, registered_delta, pending_delta, approved_delta, revenue_hold_delta, revenue_confirmed_delta, flagged_delta,
confirmed_only, beside_goal, score, click_at, received_at, _partition, _offset
SELECT toString({from} + number), toString(number), 1, if(number % 4 = 0, 'status', 'created'), ['lead', 'sale', 'rebill'][1 + number % 3], 'n', 'click',
1 + number % 3, concat('c', toString(1 + number % 3)), number % 4, concat('s', toString(number % 4)), number % 5, 'o', 'DE', 'mobile', 1, 0,
number % 2, 1 - number % 2, if(number % 2 = 1, number / 1000000, -number / 1000000), number % 2 * 3.000001, 0, number % 2, number % 5 = 0, number % 100,
toDateTime64('{at}', 3, 'UTC') + number * {step} - 86400, toDateTime64('{at}', 3, 'UTC') + number * {step}, number % 2, {from} + number`,
	"impressions": `impression_id, campaign_id, campaign, source_id, source, country, device, os, browser, bot, cost, copy, event_at,
received_at, _partition, _offset
SELECT toString({from} + number), 1 + number % 3, concat('c', toString(1 + number % 3)), number % 4, concat('s', toString(number % 4)), 'DE', 'mobile',
'Linux', 'Chrome', if(number % 7 = 0, 'crawler', ''), 0.000001 * number, number % 9 = 0, toDateTime64('{at}', 3, 'UTC') + number * {step},
toDateTime64('{at}', 3, 'UTC') + number * {step}, number % 2, {from} + number`,
	"landing_clicks": `landing_click_id, click_id, campaign_id, campaign, source_id, source, offer_id, offer, landing_id, landing, country, device,
copy, click_at, received_at, _partition, _offset
SELECT toString({from} + number), toString(intDiv({from} + number, 2)), 1 + intDiv(number, 2) % 3, concat('c', toString(1 + intDiv(number, 2) % 3)), 1,
's1', 1, 'o1', 1, 'l1', 'DE', 'mobile', number % 9 = 0, toDateTime64('{at}', 3, 'UTC') + number * {step}, toDateTime64('{at}', 3, 'UTC') + number * {step},
number % 2, {from} + number`,
}

// next is the first offset that no row has.
type rows struct{ next int }

// insert adds n rows of a table, the first of them at a time, and others after it.
func (r *rows) insert(t *testing.T, conn driver.Conn, table, at string, n int) {
	t.Helper()
	columns, query, _ := strings.Cut(fills[table], "\nSELECT")
	query = strings.NewReplacer("{at}", at, "{from}", fmt.Sprint(r.next), "{step}", fmt.Sprint(86400*20/n)).Replace(query)
	r.next += n
	execute(t, conn, fmt.Sprintf("INSERT INTO tributary.%s (%s) SETTINGS async_insert = 0, insert_deduplicate = 0 SELECT%s FROM numbers(%d)", table, columns, query, n))
}

func execute(t *testing.T, conn driver.Conn, statement string) {
	t.Helper()
	if err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatalf("%.200s: %v", statement, err)
	}
}

// everything fills all tables with some months.
func everything(t *testing.T, conn driver.Conn, n int) *rows {
	t.Helper()
	r := &rows{}
	for _, table := range archive.Tables() {
		for _, at := range []string{"2026-01-05 10:00:00", "2026-02-05 10:07:00", "2026-03-05 10:00:00"} {
			r.insert(t, conn, table, at, n)
		}
	}
	return r
}

// shown are the views whose figures may not move.
var shown = []string{"totals_by_hour", "rollup_hour", "rollup_hour_traffic", "epc_roi_by_campaign", "epc_roi_by_source",
	"epc_roi_by_country", "epc_roi_by_day", "epc_roi_by_landing", "epc_roi_by_buyer", "epc_roi_by_campaign_source_hour",
	"events_by_campaign_day", "source_quality", "latest_names"}

// figures are all rows of a view: of the views of sums as they add up, for a key may have several rows.
func figures(ctx context.Context, conn driver.Conn, view string) (string, error) {
	query := "SELECT * FROM tributary." + view + " ORDER BY ALL"
	if strings.HasPrefix(view, "totals_") || strings.HasPrefix(view, "rollup_") {
		list := report.Views().List
		v := list[slices.IndexFunc(list, func(v schemas.View) bool { return v.Name == view })]
		var columns []string
		for _, c := range v.Columns {
			if c.Type == schemas.FigureCount || c.Type == schemas.FigureMoney {
				c.Name = "sum(" + c.Name + ")"
			}
			columns = append(columns, c.Name)
		}
		query = "SELECT " + strings.Join(columns, ", ") + " FROM tributary." + view + " GROUP BY ALL ORDER BY ALL"
	}
	var text string
	err := conn.QueryRow(ctx, "SELECT arrayStringConcat(groupArray(toString(tuple(*))), '\n') FROM ("+query+")").Scan(&text)
	return text, err
}

func all(t *testing.T, conn driver.Conn, views ...string) map[string]string {
	t.Helper()
	of := map[string]string{}
	for _, view := range views {
		text, err := figures(t.Context(), conn, view)
		if err != nil {
			t.Fatalf("%s: %v", view, err)
		}
		of[view] = text
	}
	return of
}

// same says where figures moved.
func same(t *testing.T, what string, before, now map[string]string) {
	t.Helper()
	for _, view := range slices.Sorted(maps.Keys(before)) {
		if before[view] == now[view] {
			continue
		}
		was, is := strings.Split(before[view], "\n"), strings.Split(now[view], "\n")
		for i := range max(len(was), len(is)) {
			a, b := "none", "none"
			if i < len(was) {
				a = was[i]
			}
			if i < len(is) {
				b = is[i]
			}
			if a != b {
				t.Errorf("%s: %s moved, row %d of %d from %s\nto %s", what, view, i, len(was), a, b)
				break
			}
		}
	}
}

func before(month archive.Month) map[string]archive.Month {
	of := map[string]archive.Month{}
	for _, table := range archive.Tables() {
		of[table] = month
	}
	return of
}

func number(t *testing.T, conn driver.Conn, query string) uint64 {
	t.Helper()
	var n uint64
	if err := conn.QueryRow(t.Context(), query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// TestFiguresStay: by any grouping, before, after and once the rows are gone, they are the same.
func TestFiguresStay(t *testing.T) {
	t.Parallel()
	conn := database(t)
	everything(t, conn, 1000)
	was := all(t, conn, shown...)
	options := archive.Options{ClickHouse: conn, Before: before(202603)}
	done, err := archive.Run(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	if len(done) != 8 || done[0] != (archive.Done{Table: "clicks", Month: 202601, Summed: 1000}) {
		t.Errorf("it did %+v", done)
	}
	same(t, "after it", was, all(t, conn, shown...))
	options.Drop = true
	if done, err = archive.Run(t.Context(), options); err != nil || len(done) != 8 || done[0].Dropped != 1000 {
		t.Errorf("dropping: %+v, %v", done, err)
	}
	same(t, "without the rows", was, all(t, conn, shown...))
	for _, table := range archive.Tables() {
		if n := number(t, conn, "SELECT count() FROM tributary."+table); n != 1000 {
			t.Errorf("%s has %d rows left", table, n)
		}
	}
	if done, err := archive.Run(t.Context(), options); err != nil || len(done) != 0 {
		t.Errorf("once more it did %+v, %v", done, err)
	}
	same(t, "after nothing", was, all(t, conn, shown...))
	list, err := archive.List(t.Context(), options)
	if err != nil || len(list) != 12 || list[0].Archived != 1000 || list[0].Kept != 0 || list[0].Rows != 0 || list[2].Rows != 1000 {
		t.Errorf("the list is %+v, %v", list, err)
	}
}

// killed ends a command once so many of its statements have changed something: the answer to the last is lost, and it says no
// more. Between two of them it only reads, which changes nothing.
type killed struct {
	driver.Conn
	left int
}

var errKilled = errors.New("killed")

func (k *killed) Exec(ctx context.Context, query string, arguments ...any) error {
	if k.left <= 0 {
		return errKilled
	}
	err := k.Conn.Exec(ctx, query, arguments...)
	if k.left--; k.left == 0 {
		return errKilled
	}
	return err
}

func (k *killed) Query(ctx context.Context, query string, arguments ...any) (driver.Rows, error) {
	if k.left <= 0 {
		return nil, errKilled
	}
	return k.Conn.Query(ctx, query, arguments...)
}

type noRow struct{ driver.Row }

func (noRow) Scan(...any) error { return errKilled }

func (k *killed) QueryRow(ctx context.Context, query string, arguments ...any) driver.Row {
	if k.left <= 0 {
		return noRow{}
	}
	return k.Conn.QueryRow(ctx, query, arguments...)
}

// TestKilledAtEveryStatement: figures are the same wherever a command was killed, and the next one ends right. Each kill has
// a month of its own.
func TestKilledAtEveryStatement(t *testing.T) {
	t.Parallel()
	conn := database(t)
	r := &rows{}
	const view = "epc_roi_by_campaign"
	kills := 0
	for err := errKilled; err != nil; kills++ {
		year, month := 2020+kills/12, 1+kills%12
		r.insert(t, conn, "clicks", fmt.Sprintf("%d-%02d-03 00:00:00", year, month), 200)
		was := all(t, conn, view)
		options := archive.Options{ClickHouse: &killed{conn, kills + 1}, Drop: true,
			Before: map[string]archive.Month{"clicks": archive.Month(year*100+month) + 1}}
		_, err = archive.Run(t.Context(), options)
		if err != nil && !errors.Is(err, errKilled) {
			t.Fatalf("kill %d: %v", kills, err)
		}
		same(t, fmt.Sprintf("killed after statement %d", kills+1), was, all(t, conn, view))
		options.ClickHouse = conn
		if _, err := archive.Run(t.Context(), options); err != nil {
			t.Fatalf("after kill %d: %v", kills, err)
		}
		same(t, fmt.Sprintf("killed after statement %d and started again", kills+1), was, all(t, conn, view))
		if t.Failed() || kills > 40 {
			t.FailNow()
		}
	}
	if n := number(t, conn, "SELECT count() FROM tributary.clicks"); n != 0 {
		t.Errorf("%d rows are left", n)
	}
	if n, want := number(t, conn, "SELECT sum(rows) FROM tributary.archive_months"), uint64(200*kills); n != want {
		t.Errorf("%d rows are archived, want %d", n, want)
	}
	if n := number(t, conn, "SELECT count() FROM tributary.archive_sums WHERE attempt NOT IN (SELECT attempt FROM tributary.archive_months)"); n != 0 {
		t.Errorf("%d sums of attempts that did not win are left", n)
	}
	if kills < 8 {
		t.Errorf("only %d kills", kills)
	}
}

// TestLateRows: rows of a month that has changed sides count at once, and the next run adds them.
func TestLateRows(t *testing.T) {
	t.Parallel()
	conn := database(t)
	r := everything(t, conn, 500)
	for i, drop := range []bool{false, true} {
		for _, table := range archive.Tables() {
			r.insert(t, conn, table, "2026-01-07 00:00:00", 100)
		}
		was := all(t, conn, shown...)
		options := archive.Options{ClickHouse: conn, Before: before(202602), Drop: drop}
		done, err := archive.Run(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 && (len(done) != 4 || done[0].Summed != 100 || done[0].Late != 100) {
			t.Errorf("run %d did %+v", i, done)
		}
		same(t, fmt.Sprintf("run %d", i), was, all(t, conn, shown...))
	}
}

// TestTwoAtOnce: two commands at once, beside queries, which see the same figures all the time.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	conn := database(t)
	r := &rows{}
	months := []string{"2026-01-05 10:00:00", "2026-02-05 10:07:00", "2026-03-05 10:00:00"}
	for _, table := range []string{"clicks", "conversions"} {
		for _, at := range months {
			r.insert(t, conn, table, at, 500)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	var asking, running sync.WaitGroup
	const view = "epc_roi_by_campaign"
	was := all(t, conn, view)
	asked := 0
	asking.Go(func() {
		for ; ctx.Err() == nil; asked++ {
			if is, err := figures(ctx, conn, view); err == nil && is != was[view] {
				t.Errorf("a query amid it saw\n%s\nbefore\n%s", is, was[view])
				return
			}
		}
	})
	for range 2 {
		running.Go(func() {
			options := archive.Options{ClickHouse: conn,
				Before: map[string]archive.Month{"clicks": 202603, "conversions": 202602}, Drop: true}
			if _, err := archive.Run(t.Context(), options); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	cancel()
	asking.Wait()
	same(t, "two at once", was, all(t, conn, view))
	if n := number(t, conn, "SELECT sum(rows) FROM tributary.archive_months"); n != 1500 {
		t.Errorf("%d rows are archived", n)
	}
	if n := number(t, conn, "SELECT (SELECT count() FROM tributary.clicks) + (SELECT count() FROM tributary.conversions)"); n != 1500 {
		t.Errorf("%d rows are left", n)
	}
	t.Logf("%d queries", asked)
}
