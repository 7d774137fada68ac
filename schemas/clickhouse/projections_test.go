package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"tributary/report"
)

// projectionsVersion is the migration that replaces the rollups that materialized views filled.
const projectionsVersion = 13

// dying is a connection whose owner dies when ClickHouse has run a statement, once for each.
type dying struct {
	driver.Conn
	died map[string]bool
	dead bool
	// sparing: of three statements it dies after one.
	sparing bool
}

var (
	errDied = errors.New("the migration was killed here")
	// Of statements that are alike some are enough.
	alike  = regexp.MustCompile(`VIEW tributary.(epc_roi|totals|rollup_minute|rece)|DROP VIEW .*traffic|MODIFY SETTING|_empty`)
	random = regexp.MustCompile(`_[0-9a-f]{8}\b`)
)

func (d *dying) Exec(ctx context.Context, query string, arguments ...any) error {
	if d.dead {
		return errDied
	}
	if err := d.Conn.Exec(ctx, query, arguments...); err != nil {
		return err
	}
	what := random.ReplaceAllString(query, "")
	if d.died[what] || alike.MatchString(what) {
		return nil
	}
	d.died[what] = true
	if d.sparing && len(d.died)%3 != 0 {
		return nil
	}
	d.dead = true
	return errDied
}

// execIn runs a statement with {db} as the database's name.
func execIn(t *testing.T, conn driver.Conn, database, query string, arguments ...any) {
	t.Helper()
	query = strings.ReplaceAll(fmt.Sprintf(query, arguments...), "{db}", database)
	if err := conn.Exec(t.Context(), query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

const (
	insertDims   = "campaign_id, campaign, source_id, source, offer_id, offer, country, device, os, browser"
	insertValues = "1 + number %% 3, concat('c', toString(number %% 3)), number %% 2, 's', 1, 'o', ['DE', 'US'][1 + number %% 2], 'mobile', 'iOS', 'Safari'"
)

func insertClicks(t *testing.T, conn driver.Conn, database, table, at string, n int) {
	t.Helper()
	execIn(t, conn, database, "INSERT INTO {db}.%s (click_id, event_at, received_at, cost, score, unique, landing_id, _layout, "+insertDims+") SELECT toString(number), toDateTime64('%s', 3, 'UTC') + number %% 1000 * 7 AS e, e + 1, 0.25, number %% 100, number %% 2 = 0, number %% 2, 1, "+insertValues+" FROM numbers(%d)", table, at, n)
}

func insertOthers(t *testing.T, conn driver.Conn, database, at string, n int) {
	t.Helper()
	execIn(t, conn, database, "INSERT INTO {db}.conversions (conversion_id, click_at, received_at, kind, score, conversions_delta, approved_delta, revenue_confirmed_delta, "+insertDims+") SELECT toString(number), toDateTime64('%s', 3, 'UTC') + number %% 100 * 70 AS e, e + 5000, if(number %% 4 = 0, 'status', 'created'), 10, number %% 4 != 0, 1, if(number %% 4 = 0, -1, 5.5), "+insertValues+" FROM numbers(%d)", at, n)
	execIn(t, conn, database, "INSERT INTO {db}.impressions (impression_id, event_at, received_at, cost, copy, bot, campaign_id, campaign, source_id, source, country, device) SELECT toString(number), toDateTime64('%s', 3, 'UTC') + number %% 1000 AS e, e, 0.001, number %% 10 = 0, if(number < 5, 'bot', ''), 1, 'c0', 1, 's', 'DE', 'mobile' FROM numbers(%d)", at, n)
	execIn(t, conn, database, "INSERT INTO {db}.landing_clicks (landing_click_id, click_at, received_at, copy, "+insertDims+") SELECT toString(number), toDateTime64('%s', 3, 'UTC') + number %% 1000 AS e, e, number %% 10 = 0, "+insertValues+" FROM numbers(%d)", at, n)
}

// moneyViews are the shipped views that give sums, and whether the projections answer them.
var moneyViews = map[string]bool{"rollup_hour": true, "rollup_hour_traffic": true, "totals_by_hour": true, "source_quality": true,
	// A minute is finer than the projections: these read rows, those of the parts that by_time leaves over.
	"rollup_minute": false, "rollup_minute_traffic": false, "totals_by_minute": false, "epc_roi_by_minute": false}

func init() {
	for _, view := range trafficViews {
		if _, ok := moneyViews[view]; !ok {
			moneyViews[view] = true
		}
	}
}

// figures of every view of money, but those of a day of receipt or of clicks. Of those by dimensions the columns up to
// landing_clicks, which were there before and mean what they meant.
func figures(t *testing.T, conn driver.Conn, but string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, grain := range []string{"minute", "hour"} {
		for _, suffix := range []string{"", "_traffic"} {
			view := "rollup_" + grain + suffix
			var sums []string
			for name := range strings.FieldsSeq(asText(t, conn, "SELECT name FROM system.columns WHERE database = 'tributary' AND table = '"+view+"' AND (type = 'Int64' OR type LIKE 'Decimal%') ORDER BY position")) {
				sums = append(sums, "sum("+name+")")
			}
			keys := "ledger_day, " + grain + ", campaign_id, campaign, source_id, source, offer_id, offer, country, device"
			all[view] = asText(t, conn, "SELECT "+keys+", "+strings.Join(sums, ", ")+" FROM tributary."+view+" WHERE ledger_day != '"+but+"' GROUP BY "+keys+" ORDER BY ALL")
		}
	}
	of := func(view, day string) {
		columns := strings.Fields(asText(t, conn, "SELECT name FROM system.columns WHERE database = 'tributary' AND table = '"+view+"' ORDER BY position"))
		last := slices.Index(columns, "landing_clicks")
		if last < 20 {
			t.Fatalf("%s has the columns %v", view, columns)
		}
		all[view] = asText(t, conn, "SELECT "+strings.Join(columns[:last+1], ", ")+" FROM tributary."+view+" WHERE "+day+" != '"+but+"' ORDER BY ALL")
	}
	for _, view := range []string{"epc_roi_by_day", "epc_roi_by_campaign_day", "epc_roi_by_source_day", "epc_roi_by_campaign_source_day"} {
		of(view, "day")
	}
	of("epc_roi_by_campaign_source_hour", "toDate(hour)")
	of("epc_roi_by_minute", "toDate(minute)")
	return all
}

// TestProjectionsUpgrade kills the migration at each statement that its steps make and at some of the others, and holds every figure against
// what there was before: the same, but for the rows that the rollups lacked. There are rows of three months: those of the first are gone by
// retention, of the second some are, and of the third the rollups lack an insert, as several kills of ClickHouse could leave it.
func TestProjectionsUpgrade(t *testing.T) {
	t.Parallel()
	conn, ctx := open(t), t.Context()
	all, err := Migrations()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := migrate(ctx, quiet(conn, DefaultDatabase), formerMigrations(t)[:projectionsVersion-1]); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{"2026-01-10 12:00:00", "2026-02-03 12:00:00", "2026-02-20 12:00:00", "2026-03-10 12:00:00"} {
		insertClicks(t, conn, DefaultDatabase, "clicks", at, 1000)
		insertOthers(t, conn, DefaultDatabase, at, 1000)
	}
	const lacking = "2026-03-12"
	old := figures(t, conn, lacking)
	execIn(t, conn, DefaultDatabase, "CREATE TABLE {db}.scratch AS {db}.clicks")
	insertClicks(t, conn, DefaultDatabase, "scratch", lacking+" 01:00:00", 1000)
	execIn(t, conn, DefaultDatabase, "ALTER TABLE {db}.clicks ATTACH PARTITION ID '202603' FROM {db}.scratch")
	execIn(t, conn, DefaultDatabase, "DROP TABLE {db}.scratch")
	for _, table := range ProjectedTables {
		execIn(t, conn, DefaultDatabase, "ALTER TABLE {db}.%s DROP PARTITION ID '202601'", table)
		part := strings.TrimSpace(asText(t, conn, "SELECT name FROM system.parts WHERE active AND database = 'tributary' AND table = '"+table+"' AND partition_id = '202602' ORDER BY min_time, min_block_number LIMIT 1"))
		execIn(t, conn, DefaultDatabase, "ALTER TABLE {db}.%s DROP PART '%s'", table, part)
		days := int(time.Since(time.Date(2026, 2, 10, 0, 0, 0, 0, time.UTC)).Hours() / 24)
		execIn(t, conn, DefaultDatabase, "ALTER TABLE {db}.%s MODIFY TTL toDateTime(received_at) + toIntervalDay(%d) SETTINGS materialize_ttl_after_modify = 0", table, days)
	}
	var told []string
	died := map[string]bool{}
	kills := 0
	for {
		r := whole(&dying{Conn: conn, died: died, sparing: !*everyVersion}, DefaultDatabase)
		r.progress = func(p Progress) { told = append(told, p.What) }
		_, err := r.bring(ctx, all)
		if err == nil {
			break
		}
		if !errors.Is(err, errDied) {
			t.Fatalf("after %d kills: %v", kills, err)
		}
		kills++
	}
	if kills < 35 {
		t.Errorf("the migration was killed %d times, want more", kills)
	}
	t.Logf("killed %d times", kills)
	for view, got := range figures(t, conn, lacking) {
		if got != old[view] {
			t.Errorf("%s shows\n%.3000s\nbefore\n%.3000s", view, got, old[view])
		}
	}
	if got := asText(t, conn, "SELECT clicks, cost, unique_clicks, landing_views FROM tributary.epc_roi_by_day WHERE day = '"+lacking+"'"); got != "1000 250 500 500\n" {
		t.Errorf("of the rows that the rollups lacked the views have %s", got)
	}
	if got := asText(t, conn, "SELECT name FROM system.tables WHERE database = 'tributary' AND (name LIKE 'archive%' OR name LIKE 'replaced%' OR name LIKE 'retention%' OR name LIKE 'rollup_%_from_%') ORDER BY name"); got != "archive_minute\narchive_minute_traffic\narchive_months\narchive_offsets\narchive_quarter\narchive_quarter_traffic\narchive_sums\n" {
		t.Errorf("the migration left %s", got)
	}
	if got := asText(t, conn, "SELECT name FROM system.tables WHERE database = 'tributary' AND engine_full LIKE '% TTL %'"); got != "" {
		t.Errorf("a retention is left: %s", got)
	}
	if got := asText(t, conn, "SELECT min(ledger_day), max(ledger_day), sum(clicks), sum(entries) FROM tributary.archive_quarter"); !strings.HasSuffix(got, " 2000 200\n") && !strings.HasSuffix(got, " 2000 2000\n") {
		t.Errorf("the archive has %s", got)
	}
	// Rows of a day that is in the archive still come.
	insertClicks(t, conn, DefaultDatabase, "clicks", "2026-01-10 12:00:00", 10)
	if got := asText(t, conn, "SELECT sum(clicks) FROM tributary.rollup_minute WHERE ledger_day = '2026-01-10'"); got != "1010\n" {
		t.Errorf("with late rows the day has %s", got)
	}
	if len(told) == 0 {
		t.Error("nobody was told anything")
	}
}

// telling is whole and keeps what it says.
func telling(conn driver.Conn, told *strings.Builder) *run {
	r := whole(conn, DefaultDatabase)
	r.progress = func(p Progress) { told.WriteString(p.What) }
	return r
}

// TestRetentionWentOnMeanwhile: the migration was killed before it ended the retention, which took more rows until the next run.
func TestRetentionWentOnMeanwhile(t *testing.T) {
	conn, ctx := open(t), t.Context()
	all, err := Migrations()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := migrate(ctx, quiet(conn, DefaultDatabase), formerMigrations(t)[:projectionsVersion-1]); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{"2026-01-10 12:00:00", "2026-02-10 12:00:00", "2026-03-10 12:00:00"} {
		insertClicks(t, conn, DefaultDatabase, "clicks", at, 1000)
	}
	keep := func(month time.Month) {
		days := int(time.Since(time.Date(2026, month, 5, 0, 0, 0, 0, time.UTC)).Hours() / 24)
		execIn(t, conn, DefaultDatabase, "ALTER TABLE {db}.clicks MODIFY TTL toDateTime(received_at) + toIntervalDay(%d) SETTINGS materialize_ttl_after_modify = 0", days)
	}
	execIn(t, conn, DefaultDatabase, "ALTER TABLE {db}.clicks DROP PARTITION ID '202601'")
	keep(time.February)
	if err := noteRetention(ctx, quiet(conn, DefaultDatabase)); err != nil {
		t.Fatal(err)
	}
	// A month later.
	execIn(t, conn, DefaultDatabase, "ALTER TABLE {db}.clicks DROP PARTITION ID '202602'")
	keep(time.March)
	var told strings.Builder
	if _, err := telling(conn, &told).bring(ctx, all); err != nil {
		t.Fatal(err)
	}
	for _, view := range []string{"rollup_minute", "rollup_hour", "totals_by_hour", "epc_roi_by_campaign"} {
		if got := asText(t, conn, "SELECT sum(clicks), sum(cost) FROM tributary."+view); got != "3000 750\n" {
			t.Errorf("%s has %s; told: %s", view, got, told.String())
		}
	}
}

// TestMigrationsAtOnce: several processes migrate the same database with rows in it.
func TestMigrationsAtOnce(t *testing.T) {
	conn, ctx := open(t), t.Context()
	all, err := Migrations()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := migrate(ctx, quiet(conn, DefaultDatabase), formerMigrations(t)[:projectionsVersion-1]); err != nil {
		t.Fatal(err)
	}
	insertClicks(t, conn, DefaultDatabase, "clicks", "2026-01-10 12:00:00", 1000)
	execIn(t, conn, DefaultDatabase, "ALTER TABLE {db}.clicks DROP PARTITION ID '202601'")
	insertClicks(t, conn, DefaultDatabase, "clicks", "2026-03-10 12:00:00", 1000)
	failed := make(chan error, 3)
	for range cap(failed) {
		go func() {
			_, err := whole(conn, DefaultDatabase).bring(ctx, all)
			failed <- err
		}()
	}
	for range cap(failed) {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
	if got := asText(t, conn, "SELECT sum(clicks), sum(cost) FROM tributary.rollup_hour"); got != "2000 500\n" {
		t.Errorf("rollup_hour has %s", got)
	}
	if got := asText(t, conn, "SELECT groupArray(name) FROM (SELECT name FROM system.tables WHERE database = 'tributary' AND (name LIKE 'archive%' OR name LIKE 'replaced%') ORDER BY name)"); got != "[archive_minute archive_minute_traffic archive_months archive_offsets archive_quarter archive_quarter_traffic archive_sums]\n" {
		t.Errorf("there are %s", got)
	}
}

// TestUnexplainedSurplus: what a rollup has more than the rows, where no retention took any, is not booked and not thrown away.
func TestUnexplainedSurplus(t *testing.T) {
	conn, ctx := open(t), t.Context()
	all, err := Migrations()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := migrate(ctx, quiet(conn, DefaultDatabase), formerMigrations(t)[:projectionsVersion-1]); err != nil {
		t.Fatal(err)
	}
	insertClicks(t, conn, DefaultDatabase, "clicks", "2026-03-10 12:00:00", 1000)
	execIn(t, conn, DefaultDatabase, "INSERT INTO {db}.rollup_hour (ledger_day, hour, campaign_id, source_id, clicks, cost) VALUES ('2026-03-10', '2026-03-10 12:00:00', 1, 1, 7, 3.5)")
	var told strings.Builder
	if _, err := telling(conn, &told).bring(ctx, all); err != nil {
		t.Fatal(err)
	}
	if got := asText(t, conn, "SELECT sum(clicks), sum(cost) FROM tributary.rollup_hour"); got != "1000 250\n" {
		t.Errorf("rollup_hour has %s", got)
	}
	if got := asText(t, conn, "SELECT sum(clicks), sum(cost) FROM tributary.replaced_rollup_hour"); got != "1007 253.5\n" || !strings.Contains(told.String(), "rollup_hour had 7 more of clicks") {
		t.Errorf("what was replaced has %s; told: %s", got, told.String())
	}
}

// projectionsRead counts the projections of sums in an explained query.
func projectionsRead(plan string) (n int) {
	for _, names := range Projections {
		for _, name := range names {
			if name != NamesProjection {
				n += strings.Count(plan, "ReadFromMergeTree ("+name+")")
			}
		}
	}
	return n
}

// TestViewsReadProjections asks ClickHouse how it answers each shipped view of sums.
func TestViewsReadProjections(t *testing.T) {
	conn, ctx := open(t), t.Context()
	if _, err := Migrate(ctx, conn, Options{Views: report.Views()}); err != nil {
		t.Fatal(err)
	}
	insertClicks(t, conn, DefaultDatabase, "clicks", "2026-03-10 12:00:00", 50_000)
	insertOthers(t, conn, DefaultDatabase, "2026-03-10 12:00:00", 50_000)
	read := func(query string) (projections, rows int) {
		plan := asText(t, conn, "EXPLAIN "+query)
		return projectionsRead(plan), strings.Count(plan, "ReadFromMergeTree (tributary.clicks)") + strings.Count(plan, "ReadFromMergeTree (tributary.conversions)") +
			strings.Count(plan, "ReadFromMergeTree (tributary.impressions)") + strings.Count(plan, "ReadFromMergeTree (tributary.landing_clicks)")
	}
	tables := map[string]int{"rollup_hour": 2, "rollup_hour_traffic": 3, "rollup_minute": 2, "rollup_minute_traffic": 3, "source_quality": 2}
	for view, projected := range moneyViews {
		want := tables[view]
		if want == 0 {
			want = 4
		}
		projections, rows := read("SELECT * FROM tributary." + view)
		if projected && (projections != want || rows != 0) || !projected && (projections != 0 || rows != want) {
			t.Errorf("%s reads %d projections and the rows of %d tables; answered by projections: %v, of %d tables", view, projections, rows, projected, want)
		}
	}
	for _, query := range []string{
		"SELECT campaign_id, sum(clicks), sum(cost) FROM tributary.totals_by_hour WHERE quarter >= '2026-03-10 12:15:00' AND campaign_id = 1 GROUP BY campaign_id",
		"SELECT country, sum(clicks) FROM tributary.totals_by_hour WHERE hour < '2026-03-10 13:00:00' AND ledger_day = '2026-03-10' GROUP BY country",
		"SELECT * FROM tributary.epc_roi_by_campaign_day WHERE campaign_id = 1 AND day = '2026-03-10'",
		"SELECT * FROM tributary.epc_roi_by_hour WHERE hour = '2026-03-10 12:00:00'",
	} {
		if projections, rows := read(query); projections != 4 || rows != 0 {
			t.Errorf("%s reads %d projections and the rows of %d tables", query, projections, rows)
		}
	}
}
