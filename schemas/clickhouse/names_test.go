package clickhouse

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"tributary/report"
)

// namesMigration is the name of the migration that shows the latest name of each number.
const namesMigration = "names"

// named are the views that show a name beside its number, with the kinds of names.
func named(t *testing.T, conn driver.Conn) map[string][]string {
	t.Helper()
	views := map[string][]string{}
	for _, kind := range []string{"campaign", "source", "offer", "landing"} {
		query := fmt.Sprintf("SELECT table FROM system.columns WHERE database = 'tributary' AND name IN ('%[1]s', '%[1]s_id') "+
			"AND table IN (SELECT name FROM system.tables WHERE database = 'tributary' AND engine = 'View') GROUP BY table HAVING count() = 2", kind)
		for view := range strings.FieldsSeq(asText(t, conn, query)) {
			views[view] = append(views[view], kind)
		}
	}
	return views
}

// insertNamed adds one row each of clicks, conversions, impressions and presses under names, at an hour of a day.
func insertNamed(t *testing.T, conn driver.Conn, suffix, at string, clickedAt string) {
	t.Helper()
	dims := "campaign_id, campaign, source_id, source, offer_id, offer, country, device, os, browser"
	values := fmt.Sprintf("7, 'campaign%[1]s', 8, 'source%[1]s', 9, 'offer%[1]s', 'DE', 'mobile', 'iOS', 'Safari'", suffix)
	execIn(t, conn, DefaultDatabase, "INSERT INTO {db}.clicks (click_id, event_at, received_at, landing_id, landing, _layout, "+dims+") SELECT '%s', '%s', '%[2]s', 5, 'landing%[1]s', 1, "+values, suffix, at)
	execIn(t, conn, DefaultDatabase, "INSERT INTO {db}.clicks (click_id, event_at, received_at, source) SELECT '%s', '%s', '%[2]s', 'undeclared%[1]s'", suffix, at)
	execIn(t, conn, DefaultDatabase, "INSERT INTO {db}.impressions (impression_id, event_at, received_at, campaign_id, campaign, source_id, source) SELECT '%s', '%s', '%[2]s', 7, 'campaign%[1]s', 8, 'source%[1]s'", suffix, at)
	// A conversion, and a press, keep the names of their click, which may be long ago. Each time another event type
	// comes.
	execIn(t, conn, DefaultDatabase, "INSERT INTO {db}.conversions (conversion_id, seq, kind, click_at, received_at, conversions_delta, event, "+dims+") SELECT '%s', 1, 'created', '%s', '%s', 1, 'sale%[1]s', "+values, suffix, clickedAt, at)
	execIn(t, conn, DefaultDatabase, "INSERT INTO {db}.landing_clicks (landing_click_id, click_at, received_at, "+dims+") SELECT '%s', '%s', '%s', "+values, suffix, clickedAt, at)
}

// TestLatestNames renames what a catalog names, before and after the migration: every view shows the latest name, in one row where it
// has one a number, and the rows keep the names of their time.
func TestLatestNames(t *testing.T) {
	t.Parallel()
	conn, ctx := open(t), t.Context()
	all, err := Migrations()
	if err != nil {
		t.Fatal(err)
	}
	before := slices.IndexFunc(all, func(m Migration) bool { return m.Name == namesMigration })
	if before < 0 {
		t.Fatalf("no migration is called %s", namesMigration)
	}
	if _, err := migrate(ctx, quiet(conn, DefaultDatabase), all[:before]); err != nil {
		t.Fatal(err)
	}
	insertNamed(t, conn, "-1", "2026-03-10 12:00:00", "2026-03-10 12:00:00")
	insertNamed(t, conn, "-2", "2026-03-11 12:00:00", "2026-03-10 12:00:00")
	execIn(t, conn, DefaultDatabase, "INSERT INTO {db}.archive_quarter (ledger_day, quarter, campaign_id, campaign, clicks) VALUES ('2020-01-01', '2020-01-01 00:00:00', 7, 'campaign-0', 1), ('2020-01-01', '2020-01-01 00:00:00', 6, 'archived', 1)")
	if _, err := whole(conn, DefaultDatabase).bring(ctx, all); err != nil {
		t.Fatal(err)
	}
	views := named(t, conn)
	if len(views) < 16 || len(views["totals_by_hour"]) != 3 || len(views["conversions_current"]) != 3 {
		t.Fatalf("views with names: %v", views)
	}
	holds := func(suffix string) {
		t.Helper()
		for view, kinds := range views {
			var shown, want []string
			for _, kind := range kinds {
				number := map[string]int{"campaign": 7, "source": 8, "offer": 9, "landing": 5}[kind]
				shown = append(shown, fmt.Sprintf("arrayStringConcat(groupUniqArrayIf(toString(%[1]s), %[1]s_id = %[2]d), '+')", kind, number))
				want = append(want, kind+suffix)
			}
			query := "SELECT " + strings.Join(shown, ", ") + " FROM tributary." + view
			if got := strings.TrimSpace(asText(t, conn, query)); got != strings.Join(want, " ") {
				t.Errorf("%s shows %s, want %s", view, got, want)
			}
		}
	}
	holds("-2")
	insertNamed(t, conn, "-3", "2026-03-12 12:00:00", "2026-03-10 12:00:00")
	// What comes late, or again, changes nothing.
	insertNamed(t, conn, "-1", "2026-03-10 13:00:00", "2026-03-10 13:00:00")
	insertNamed(t, conn, "-3", "2026-03-12 12:00:00", "2026-03-10 12:00:00")
	holds("-3")
	// A name that comes back.
	insertNamed(t, conn, "-1", "2026-03-13 12:00:00", "2026-03-13 12:00:00")
	execIn(t, conn, DefaultDatabase, "OPTIMIZE TABLE {db}.names FINAL")
	holds("-1")
	for view, rows := range map[string]string{"epc_roi_by_campaign": "campaign_id = 7", "epc_roi_by_source": "source_id = 8", "epc_roi_by_offer": "offer_id = 9", "epc_roi_by_campaign_source": "campaign_id = 7 AND source_id = 8"} {
		if got := asText(t, conn, "SELECT count() FROM tributary."+view+" WHERE "+rows); got != "1\n" {
			t.Errorf("%s has the renamed one in %s rows", view, got)
		}
	}
	if got := asText(t, conn, "SELECT DISTINCT campaign FROM tributary.clicks WHERE campaign_id = 7 ORDER BY campaign"); got != "campaign-1\ncampaign-2\ncampaign-3\n" {
		t.Errorf("the rows have %s", got)
	}
	if got := asText(t, conn, "SELECT sum(clicks) FROM tributary.totals_by_hour WHERE campaign = 'campaign-1'"); got != "7\n" {
		t.Errorf("by its name the campaign has %s clicks", got)
	}
	if got := asText(t, conn, "SELECT campaign FROM tributary.epc_roi_by_campaign WHERE campaign_id = 6"); got != "archived\n" {
		t.Errorf("a campaign of the archive is called %s", got)
	}
	if got := asText(t, conn, "SELECT DISTINCT source FROM tributary.epc_roi_by_source WHERE source_id = 0 AND source LIKE 'undeclared%' ORDER BY source"); got != "undeclared-1\nundeclared-2\nundeclared-3\n" {
		t.Errorf("undeclared sources are called %s", got)
	}
}

// TestNamesAreWhereTheirRowsAre: rows come into the table and whatever else an insert fills is not filled, as after a kill of
// ClickHouse between the two, or where a part is attached. Their names are known all the same, of such rows from before
// the migration too.
func TestNamesAreWhereTheirRowsAre(t *testing.T) {
	conn, ctx := open(t), t.Context()
	all, err := Migrations()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := migrate(ctx, quiet(conn, DefaultDatabase), all[:17]); err != nil {
		t.Fatal(err)
	}
	attach := func(suffix, at string) {
		t.Helper()
		for _, table := range []string{"clicks", "impressions"} {
			execIn(t, conn, DefaultDatabase, "CREATE TABLE {db}.scratch AS {db}.%s", table)
			columns := "campaign_id, campaign, source_id, source"
			values := fmt.Sprintf("7, 'campaign%[1]s', 8, 'source%[1]s'", suffix)
			if table == "clicks" {
				columns, values = columns+", offer_id, offer, landing_id, landing", values+fmt.Sprintf(", 9, 'offer%[1]s', 5, 'landing%[1]s'", suffix)
			} else { // others' names: that they are known is by impressions alone
				values = strings.NewReplacer("7", "17", "8", "18").Replace(values)
			}
			execIn(t, conn, DefaultDatabase, "INSERT INTO {db}.scratch (event_at, received_at, %s) SELECT '%[2]s', '%[2]s', %[3]s", columns, at, values)
			execIn(t, conn, DefaultDatabase, "ALTER TABLE {db}.%s ATTACH PARTITION ID '202603' FROM {db}.scratch", table)
			execIn(t, conn, DefaultDatabase, "DROP TABLE {db}.scratch")
		}
	}
	latest := func(suffix string) {
		t.Helper()
		want := strings.ReplaceAll("campaign 7 campaign-N\ncampaign 17 campaign-N\nlanding 5 landing-N\noffer 9 offer-N\nsource 8 source-N\nsource 18 source-N\n", "-N", suffix)
		if got := asText(t, conn, "SELECT * FROM tributary.latest_names ORDER BY ALL"); got != want {
			t.Errorf("the names are\n%s, want\n%s", got, want)
		}
	}
	attach("-1", "2026-03-10 12:00:00")
	if _, err := whole(conn, DefaultDatabase).bring(ctx, all); err != nil {
		t.Fatal(err)
	}
	latest("-1")
	attach("-2", "2026-03-11 12:00:00")
	latest("-2")
}

// TestNamesReadProjections asks ClickHouse how it answers a filter on a number and on a name.
func TestNamesReadProjections(t *testing.T) {
	conn := open(t)
	if _, err := Migrate(t.Context(), conn, Options{Views: report.Views()}); err != nil {
		t.Fatal(err)
	}
	insertClicks(t, conn, DefaultDatabase, "clicks", "2026-03-10 12:00:00", 50_000)
	insertOthers(t, conn, DefaultDatabase, "2026-03-10 12:00:00", 50_000)
	for _, kind := range []string{"campaign", "source", "offer", "landing"} {
		estimate := strings.Fields(asText(t, conn, "SELECT sum(rows) FROM (EXPLAIN ESTIMATE SELECT * FROM tributary.latest_names WHERE kind = '"+kind+"')"))
		if rows, err := strconv.Atoi(estimate[0]); err != nil || rows > 100 {
			t.Errorf("the latest names of a kind read %v rows", estimate)
		}
	}
	for _, query := range []string{
		"SELECT campaign, sum(clicks) FROM tributary.totals_by_hour WHERE campaign_id = 1 GROUP BY campaign",
		"SELECT campaign, sum(clicks) FROM tributary.totals_by_hour WHERE campaign = 'c1' AND quarter >= '2026-03-10 12:15:00' GROUP BY campaign",
		"SELECT * FROM tributary.epc_roi_by_campaign_day WHERE campaign = 'c1'",
		"SELECT * FROM tributary.epc_roi_by_offer WHERE offer_id = 1",
	} {
		plan := asText(t, conn, "EXPLAIN indexes = 1 "+query)
		n := projectionsRead(plan)
		if n != 4 {
			t.Errorf("%s reads %d projections of 4:\n%s", query, n, plan)
		}
		if strings.Contains(query, "campaign_id = 1") && !strings.Contains(plan, "(campaign_id in [1, 1])") {
			t.Errorf("%s does not go by the key of the projection:\n%s", query, plan)
		}
	}
}
