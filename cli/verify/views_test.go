package verify

import (
	"slices"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"

	"tributary/deploy/embedded/chdb/chdbtest"
	"tributary/report"
	schema "tributary/schemas/clickhouse"
)

// TestViewsAddUp: the views show what the rows and the archive have; one that leaves something out, or counts it twice, or
// shows another name, is told with what and by how much.
func TestViewsAddUp(t *testing.T) {
	conn, err := clickhouse.Open(chdbtest.Start(t).Options())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx := t.Context()
	if _, err := schema.Migrate(ctx, conn, schema.Options{Views: report.Views()}); err != nil {
		t.Fatal(err)
	}
	exec := func(query string) {
		t.Helper()
		if err := conn.Exec(ctx, query); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	auditor := &auditor{options: Options{ClickHouse: conn, Database: "tributary", Progress: func(Progress) {}}}
	differences := func() []Difference {
		t.Helper()
		auditor.report = &Report{}
		if err := auditor.compareViews(ctx); err != nil {
			t.Fatal(err)
		}
		return auditor.report.Differences
	}
	// Every shipped view with a sum is looked at.
	rows, err := conn.Query(ctx, "SELECT DISTINCT table FROM system.columns WHERE database = 'tributary' AND table NOT LIKE 'events_by_%' AND table != 'conversions_current' AND name IN ('clicks', 'conversions', 'impressions', 'revenue_confirmed') "+
		"AND table IN (SELECT name FROM system.tables WHERE database = 'tributary' AND engine = 'View') ORDER BY table")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var shipped []string
	for rows.Next() {
		var view string
		if err := rows.Scan(&view); err != nil {
			t.Fatal(err)
		}
		shipped = append(shipped, view)
	}
	if !slices.Equal(shipped, sumViews()) {
		t.Fatalf("the shipped views are %v", shipped)
	}
	if columns, err := auditor.sumColumns(ctx, "epc_roi_by_day"); err != nil || len(columns) < 16 {
		t.Fatalf("of epc_roi_by_day only %v are compared, %v", columns, err)
	}
	if got := differences(); len(got) != 0 {
		t.Fatalf("nothing is there: %v", got)
	}
	const names = "7, 'summer', 8, 'push', 9, 'tea'"
	exec("INSERT INTO tributary.clicks (click_id, event_at, received_at, cost, score, bot, unique, landing_id, landing, _layout, campaign_id, campaign, source_id, source, offer_id, offer) " +
		"SELECT toString(number), '2026-03-10 12:00:00', '2026-03-10 12:00:00', 0.25, 60, 'bot', number % 2, number % 2 * 5, 'page', number % 2, " + names + " FROM numbers(10)")
	exec("INSERT INTO tributary.conversions (conversion_id, seq, kind, click_at, received_at, conversions_delta, approved_delta, revenue_confirmed_delta, revenue_hold_delta, flagged_delta, campaign_id, campaign, source_id, source, offer_id, offer) " +
		"SELECT toString(number), 1, 'created', '2026-03-10 12:00:00', '2026-03-10 13:00:00', 1, 1, 3.5, 0.5, 1, " + names + " FROM numbers(4)")
	exec("INSERT INTO tributary.conversions (conversion_id, seq, kind, click_at, received_at, conversions_delta, revenue_hold_delta, event, beside_goal, confirmed_only, campaign_id, campaign, source_id, source, offer_id, offer) VALUES " +
		"('reg', 1, 'created', '2026-03-10 12:00:00', '2026-03-10 13:00:00', 1, 1, 'reg', true, true, " + names + "), ('rebill', 1, 'created', '2026-03-10 12:00:00', '2026-03-10 13:00:00', 1, 0, 'rebill', false, false, " + names + ")")
	exec("INSERT INTO tributary.impressions (impression_id, event_at, received_at, cost, copy, campaign_id, campaign, source_id, source) " +
		"SELECT toString(number), '2026-03-10 12:00:00', '2026-03-10 12:00:00', 0.001, number = 0, 7, 'summer', 8, 'push' FROM numbers(6)")
	exec("INSERT INTO tributary.landing_clicks (landing_click_id, click_at, received_at, campaign_id, campaign) SELECT '1', '2026-03-10 12:00:00', '2026-03-10 12:00:00', 7, 'summer'")
	for _, grain := range []string{"minute", "quarter"} {
		exec("INSERT INTO tributary.archive_" + grain + " (ledger_day, " + grain + ", campaign_id, campaign, clicks, cost, revenue_confirmed) VALUES ('2020-01-10', '2020-01-10 12:00:00', 7, 'older', 3, 1.5, 2)")
		exec("INSERT INTO tributary.archive_" + grain + "_traffic (ledger_day, " + grain + ", campaign_id, campaign, impressions, impression_cost) VALUES ('2020-01-10', '2020-01-10 12:00:00', 7, 'older', 7, 0.5)")
	}
	if got := differences(); len(got) != 0 {
		t.Fatalf("all adds up: %v", got)
	}

	for view, with := range map[string]string{
		"epc_roi_by_country":    "SELECT * FROM tributary.was_epc_roi_by_country UNION ALL SELECT * FROM tributary.was_epc_roi_by_country",
		"epc_roi_by_day":        "SELECT * FROM tributary.was_epc_roi_by_day WHERE day > '2021-01-01'",
		"rollup_minute_traffic": "SELECT * REPLACE (landing_views * 2 AS landing_views) FROM tributary.was_rollup_minute_traffic",
		"latest_names":          "SELECT kind, id, if(kind = 'offer', 'coffee', name) AS name FROM tributary.was_latest_names WHERE kind != 'landing'",
	} {
		exec("RENAME TABLE tributary." + view + " TO tributary.was_" + view)
		exec("CREATE VIEW tributary." + view + " AS " + with)
	}
	exec("DROP VIEW tributary.epc_roi_by_os")
	const other = "its rows add up to something else than the tables' and the archive's, by "
	want := []Difference{
		{Where: "view epc_roi_by_country", What: other + "clicks +13, conversions +4, approved +4, revenue_hold +3, revenue_confirmed +16, revenue +18, cost +4.505, " +
			"flagged +4, flagged_clicks +10, impressions +12, impression_cost +0.505, unique_clicks +5, landing_views +5, landing_clicks +1, events +6, revenue_gross +19"},
		{Where: "view epc_roi_by_day", What: other + "clicks -3, revenue_confirmed -2, revenue -2, cost -2, impressions -7, impression_cost -0.5, revenue_gross -2"},
		{Where: "view epc_roi_by_os", What: "it does not exist: `tributary migrate` makes it again"},
		{Where: "view rollup_minute_traffic", What: other + "landing_views +5"},
		{Where: "view latest_names", What: `landing 5 is shown as "", its newest row says "page"`},
		{Where: "view latest_names", What: `offer 9 is shown as "coffee", its newest row says "tea"`},
	}
	if got := differences(); !slices.EqualFunc(got, want, func(a, b Difference) bool { return a.Where == b.Where && a.What == b.What }) {
		t.Errorf("the differences are\n%v\nwant\n%v", got, want)
	}
}
