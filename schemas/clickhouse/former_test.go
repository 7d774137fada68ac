package clickhouse

import (
	"archive/zip"
	"flag"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"tributary/schemas"
)

// formerMigrations are all files up to 18 as they were when they made the views and the rollups.
func formerMigrations(t *testing.T) []Migration {
	t.Helper()
	archive, err := zip.OpenReader("testdata/former.zip")
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	migrations, err := readMigrations(archive)
	if err != nil {
		t.Fatal(err)
	}
	return migrations
}

// TestFormer: the checksums that count as had are those of the texts that were, and of no others.
func TestFormer(t *testing.T) {
	all, err := Migrations()
	if err != nil {
		t.Fatal(err)
	}
	thinned := 0
	for i, was := range formerMigrations(t) {
		now := all[i]
		if was.Name != now.Name || !now.is(was.Checksum) || !now.is(now.Checksum) || now.is("") {
			t.Errorf("%04d_%s: a database that had %s is refused", was.Version, was.Name, was.Checksum)
		}
		if was.Checksum == now.Checksum {
			if former[now.Version] != "" {
				t.Errorf("%04d_%s is what it was, and has a former text", now.Version, now.Name)
			}
			continue
		}
		thinned++
		for _, statement := range now.statements {
			if strings.Contains(statement, "CREATE OR REPLACE VIEW") {
				t.Errorf("%04d_%s makes a view", now.Version, now.Name)
			}
		}
	}
	if thinned != len(former) {
		t.Errorf("%d files changed, %d have a former text", thinned, len(former))
	}
}

// someView is one of few: views are alike, and many.
var someView = regexp.MustCompile("^CREATE OR REPLACE VIEW " +
	`\{database\}\.(epc_roi_by_campaign|rollup_hour|conversions_current)\s`)

// withSomeViews is whole with few views.
func withSomeViews(conn driver.Conn, database string) *run {
	r := whole(conn, database)
	r.views.List = slices.DeleteFunc(r.views.List, func(v schemas.View) bool { return !someView.MatchString(v.SQL) })
	return r
}

// fewViews leaves out most of the views that a former file made.
func fewViews(migrations []Migration) []Migration {
	few := make([]Migration, len(migrations))
	for i, m := range migrations {
		few[i] = m
		few[i].statements = nil
		for _, s := range m.statements {
			if !strings.HasPrefix(s, "CREATE OR REPLACE VIEW") || someView.MatchString(s) {
				few[i].statements = append(few[i].statements, s)
			}
		}
	}
	return few
}

// everyVersion takes six seconds a version; without it the newest two and an eighth of the others are tried.
var everyVersion = flag.Bool("every-version", false, "upgrade from each former version, not from some of them")

// TestUpgradeFromEveryVersion brings databases that older programs made, with rows in them, to what this one has.
func TestUpgradeFromEveryVersion(t *testing.T) {
	t.Parallel()
	conn, ctx := open(t), t.Context()
	all, err := Migrations()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := withSomeViews(conn, "fresh").bring(ctx, all); err != nil {
		t.Fatal(err)
	}
	want := ddl(t, conn, "fresh")
	was := fewViews(formerMigrations(t))
	for n := 1; n <= len(was); n++ {
		if !*everyVersion && n%8 != 1 && n < len(was)-1 {
			continue
		}
		database := fmt.Sprintf("from%d", n)
		if _, err := migrate(ctx, quiet(conn, database), was[:n]); err != nil {
			t.Fatal(err)
		}
		execIn(t, conn, database, "INSERT INTO {db}.clicks (click_id, event_at, received_at, campaign_id, campaign, cost) "+
			"SELECT toString(number), toDateTime64('2026-03-10 12:00:00', 3, 'UTC') + number AS e, e, 7, 'c', 0.25 "+
			"FROM numbers(100)")
		if applied, err := withSomeViews(conn, database).bring(ctx, all); err != nil || len(applied) != len(all)-n {
			t.Errorf("from version %d it applied %v: %v", n, applied, err)
			continue
		}
		got := asText(t, conn, "SELECT campaign, clicks, cost, cpc FROM "+database+".epc_roi_by_campaign")
		if got != "c 100 25 0.25\n" {
			t.Errorf("from version %d the campaign has %s", n, got)
		}
		for name, text := range ddl(t, conn, database) {
			if text != want[name] {
				t.Errorf("from version %d %s is\n%s\nwant\n%s", n, name, text, want[name])
			}
		}
		if applied, err := withSomeViews(conn, database).bring(ctx, all); err != nil || len(applied) != 0 {
			t.Errorf("from version %d the second run applied %v: %v", n, applied, err)
		}
		execIn(t, conn, database, "DROP DATABASE {db}")
	}
}

// ddl is what ClickHouse says of each table and view of a database, and which there are.
func ddl(t *testing.T, conn driver.Conn, database string) map[string]string {
	t.Helper()
	const query = "SELECT name, create_table_query FROM system.tables WHERE database = ? ORDER BY name"
	rows, err := conn.Query(t.Context(), query, database)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	texts, names := map[string]string{}, []string{}
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			t.Fatal(err)
		}
		texts[name] = strings.ReplaceAll(text, database+".", "")
		names = append(names, name)
	}
	texts["all"] = strings.Join(names, " ")
	return texts
}

// otherwise are the columns of views that say or mean something else since: what counts as a conversion is the offer's
// goal, what revenue is the network's, lp_ctr counts clicks with a press, and blocked clicks are none of clicks.
const otherwise = "'conversions', 'registered', 'pending', 'approved', 'rejected', 'chargebacks', 'revenue', 'revenue_hold', 'revenue_confirmed', 'epc', 'lp_ctr', " +
	"'clicks', 'cost', 'epc_confirmed', 'cpc', 'cr', 'cr_confirmed', 'rpm', 'flagged_clicks', 'bot_clicks', 'click_score_sum', 'unique_clicks', 'uepc'"

var withoutArchive = strings.NewReplacer(" archive_sums", "", ",", "", " and", "")

// TestViewsShowWhatTheyShowed holds each view against the one of the last file that had its text: its columns in their
// places, and, of rows without goals and choices, what it showed.
func TestViewsShowWhatTheyShowed(t *testing.T) {
	t.Parallel()
	conn, ctx := open(t), t.Context()
	all, err := Migrations()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := migrate(ctx, quiet(conn, "was"), formerMigrations(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := whole(conn, "now").bring(ctx, all); err != nil {
		t.Fatal(err)
	}
	for _, database := range []string{"was", "now"} {
		everyKindOfRow(t, conn, database)
	}
	const names = "SELECT name FROM system.tables WHERE database = 'was' AND engine = 'View' ORDER BY name"
	views := strings.Fields(asText(t, conn, names))
	if len(views) < 26 {
		t.Fatalf("there were %v", views)
	}
	for _, view := range views {
		columns := strings.Fields(asText(t, conn, "SELECT name FROM system.columns WHERE database = 'was' AND table = '"+view+"' ORDER BY position"))
		shown := slices.DeleteFunc(slices.Clone(columns), func(c string) bool { return c == "lp_ctr" })
		for what, query := range map[string]string{
			"columns": fmt.Sprintf("SELECT name, type, position FROM system.columns WHERE database = '%%s' AND table = '%%s' AND position <= %d ORDER BY position", len(columns)),
			"comments": fmt.Sprintf("SELECT name, comment FROM system.columns WHERE database = '%%s' AND table = '%%s' AND position <= %d "+
				"AND (name NOT IN (%s) OR table IN ('conversions_current')) ORDER BY position", len(columns), otherwise),
			"comment": "SELECT comment FROM system.tables WHERE database = '%s' AND name = '%s'",
			"rows":    "SELECT " + strings.Join(shown, ", ") + " FROM %s.%s ORDER BY ALL",
		} {
			was, now := asText(t, conn, fmt.Sprintf(query, "was", view)), asText(t, conn, fmt.Sprintf(query, "now", view))
			if what == "comment" { // what the archive has is added since
				was, now = withoutArchive.Replace(was), withoutArchive.Replace(now)
			}
			if was != now || what != "comment" && strings.Count(was, "\n") < 2 {
				t.Errorf("%s of %s:\n%.3000s\nbefore:\n%.3000s", what, view, now, was)
			}
		}
	}
}

// everyKindOfRow fills every table that views read: names that change, numbers of 0, times around quarters and days, all
// figures, some of them 0.
func everyKindOfRow(t *testing.T, conn driver.Conn, database string) {
	t.Helper()
	insertClicks(t, conn, database, "clicks", "2026-03-10 23:50:00", 2000)
	insertOthers(t, conn, database, "2026-03-10 23:50:00", 2000)
	// Rows of nothing declared, of a number without clicks, and of corrections and bots.
	const dims = "campaign_id, campaign, source_id, source, offer_id, offer, country, device, os, browser"
	const odd = "number % 2 * 9, concat('odd', toString(number % 3)), 0, concat('link', toString(number % 2)), 0, '', " +
		"'', 'bot', '', '' FROM numbers(20)"
	const at = "toDateTime64('2026-03-12 10:14:59', 3, 'UTC') + number * 0.5 AS e"
	for _, insert := range []string{
		"clicks (click_id, event_at, received_at, bot, cost, _layout, " + dims + ") SELECT concat('odd', " +
			"toString(number)), " + at + ", e, if(number % 2 = 0, 'bot', ''), 0, 0, " + odd,
		"conversions (conversion_id, seq, kind, receipt_id, click_at, received_at, decided_at, score, payout_original, " +
			"flagged_delta, conversions_delta, pending_delta, registered_delta, rejected_delta, chargeback_delta, " +
			"revenue_hold_delta, " + dims + ") SELECT concat('odd', toString(intDiv(number, 2))), number % 2, " +
			"['created', 'rescored', 'status'][1 + number % 3], toString(number), " + at + ", e + 9, e + 9, 60, " +
			"number % 3 - 1, number % 2, 1, 1, 1, 1, 1, number % 3 - 1, " + odd,
		"conversions (conversion_id, click_at, received_at, revenue_confirmed_delta, campaign_id, campaign) VALUES " +
			"('alone', '2026-03-09 00:00:00', '2026-03-09 00:00:00', -3.25, 77, 'alone')",
		"anomalies (anomaly_id, code, campaign_id, campaign, source_id, source) SELECT toString(number % 15), " +
			"['DUP', 'UA_BOT'][1 + number % 2], number % 2 * 9, '', 0, concat('link', toString(number % 2)) " +
			"FROM numbers(20)",
		"postbacks (receipt_id, received_at, network, not_taken) SELECT toString(number), '2026-03-12 10:00:00', 'n', " +
			"['a', 'b'] FROM numbers(9)",
		"parked (receipt_id, received_at, parked_at) SELECT toString(number), '2026-03-12 10:00:00', " +
			"'2026-03-12 10:00:01' FROM numbers(5)",
		"dead_letters (letter_id, received_at, decided_at, kind, place, reason) SELECT toString(number), " +
			"'2026-03-12 10:00:00', '2026-03-12 10:00:02', 'postback', 'processor', " +
			"['orphan', 'duplicate_postback'][1 + number % 2] FROM numbers(7)",
	} {
		execIn(t, conn, database, "INSERT INTO {db}.%s", insert)
	}
	for _, grain := range []string{"minute", "quarter"} {
		more := map[string]string{"minute": "", "quarter": ", os, browser"}[grain]
		values := map[string]string{"minute": "", "quarter": ", 'iOS', 'Safari'"}[grain]
		const keys = "ledger_day, %[1]s, campaign_id, campaign, source_id, source, offer_id, offer, country, device%[2]s"
		const row = "toDate('2025-01-05'), toDateTime('2025-01-05 10:00:00', 'UTC') + number * 900, number %% 3, " +
			"concat('gone', toString(number)), 1, 's', 1, 'o', 'DE', 'mobile'%[3]s"
		execIn(t, conn, database, "INSERT INTO {db}.archive_%[1]s ("+keys+", clicks, flagged_clicks, bot_clicks, "+
			"click_score_sum, cost, entries, conversions, registered, pending, approved, rejected, chargebacks, "+
			"revenue_hold, revenue_confirmed, flagged, created, created_score_sum) SELECT "+row+", 10, 2, 1, 300, 2.5, "+
			"7, 6, 1, 1, 2, 1, 1, 1.5, 9, 1, 5, 200 FROM numbers(10)", grain, more, values)
		execIn(t, conn, database, "INSERT INTO {db}.archive_%[1]s_traffic ("+keys+", impressions, bot_impressions, "+
			"impression_cost, clicks, unique_clicks, landing_views, landing_clicks) SELECT "+row+", 100, 3, 0.5, 10, 8, "+
			"4, 2 FROM numbers(10)", grain, more, values)
	}
}
