package clickhouse

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// trafficVersion is the migration that brings impressions, landing clicks and the counts of unique clicks.
const trafficVersion = 10

// views by the dimension that tells the two campaigns below apart.
var trafficViews = []string{"epc_roi_by_campaign", "epc_roi_by_source", "epc_roi_by_campaign_source", "epc_roi_by_country", "epc_roi_by_device", "epc_roi_by_os", "epc_roi_by_browser",
	"epc_roi_by_hour", "epc_roi_by_day", "epc_roi_by_campaign_day", "epc_roi_by_source_day", "epc_roi_by_campaign_source_day", "epc_roi_by_campaign_source_hour", "epc_roi_by_minute", "epc_roi_by_offer"}

// TestTrafficUpgrade brings a database with rows in it to the newest schema while a loader of the older program goes on: what its views showed
// before they show after, and every unique click is counted once, whoever wrote it and when.
func TestTrafficUpgrade(t *testing.T) {
	t.Parallel()
	conn, ctx := open(t), t.Context()
	all, err := Migrations()
	if err != nil {
		t.Fatal(err)
	}
	exec := func(query string, arguments ...any) {
		t.Helper()
		if err := conn.Exec(ctx, fmt.Sprintf(query, arguments...)); err != nil {
			t.Fatalf("%s: %v", fmt.Sprintf(query, arguments...), err)
		}
	}
	// Half of the clicks are unique; from gives each insert IDs of its own.
	const columns = "click_id, event_at, received_at, campaign_id, campaign, source_id, source, offer_id, offer, country, device, os, browser, cost, unique"
	clicks := func(from, n int, moreColumns, more string) {
		t.Helper()
		exec("INSERT INTO tributary.clicks (%s%s) SELECT toString(%d + number), toDateTime64('2026-03-01 12:00:00', 3, 'UTC') + number AS event_at, event_at, 1 + number %% 2, 'c', 1, 's', 1, 'o', 'DE', 'mobile', 'iOS', 'Safari', 0.25, number %% 4 < 2%s FROM numbers(%d)",
			columns, moreColumns, from, more, n)
	}
	if _, err := migrate(ctx, quiet(conn, DefaultDatabase), formerMigrations(t)[:trafficVersion-1]); err != nil {
		t.Fatal(err)
	}
	clicks(0, 1000, "", "")
	exec("INSERT INTO tributary.conversions (conversion_id, click_at, received_at, campaign_id, campaign, source_id, source, offer_id, offer, country, device, os, browser, kind, conversions_delta, revenue_confirmed_delta) VALUES ('v', '2026-03-01 12:00:00', '2026-03-01 13:00:00', 1, 'c', 1, 's', 1, 'o', 'DE', 'mobile', 'iOS', 'Safari', 'created', 1, 100)")
	old := map[string]string{}
	for _, view := range trafficViews {
		old[view] = asText(t, conn, "SELECT * FROM tributary."+view+" ORDER BY ALL")
	}
	if _, err := whole(conn, DefaultDatabase).bring(ctx, all); err != nil {
		t.Fatal(err)
	}
	for _, view := range trafficViews {
		names := asText(t, conn, "SELECT name FROM system.columns WHERE database = 'tributary' AND table = '"+view+"' AND position <= (SELECT position FROM system.columns WHERE database = 'tributary' AND table = '"+view+"' AND name = 'flagged_clicks_share') ORDER BY position")
		names = strings.ReplaceAll(strings.TrimSpace(names), "\n", ", ")
		if got := asText(t, conn, "SELECT "+names+" FROM tributary."+view+" ORDER BY ALL"); got != old[view] {
			t.Errorf("%s shows\n%s\nbefore\n%s", view, got, old[view])
		}
	}
	// A loader of the older program is still there, then the new one is, then both.
	clicks(10_000, 200, "", "")
	clicks(20_000, 400, ", landing_id, landing, _layout", ", if(number < 100, 7, 0), if(number < 100, 'page', ''), 1")
	clicks(30_000, 200, "", "")
	exec("INSERT INTO tributary.impressions (impression_id, event_at, received_at, campaign_id, campaign, source_id, source, country, device, os, browser, cost, bot, copy) SELECT toString(intDiv(number, 2)), toDateTime64('2026-03-01 12:00:00', 3, 'UTC') + intDiv(number, 2) AS event_at, event_at, 1, 'c', 1, 's', 'DE', 'mobile', 'iOS', 'Safari', 0.001, if(number < 20, 'bot', ''), number %% 2 = 1 FROM numbers(20000)")
	exec("INSERT INTO tributary.landing_clicks (landing_click_id, click_id, event_at, received_at, click_at, campaign_id, campaign, source_id, source, offer_id, offer, country, device, os, browser, copy) SELECT toString(number), toString(20000 + number), toDateTime64('2026-03-01 12:30:00', 3, 'UTC') AS event_at, event_at, toDateTime64('2026-03-01 12:00:00', 3, 'UTC') + number, 1, 'c', 1, 's', 1, 'o', 'DE', 'mobile', 'iOS', 'Safari', number >= 40 FROM numbers(50)")
	const figures = "sum(clicks), sum(unique_clicks), sum(landing_views), sum(landing_clicks), sum(impressions), sum(cost), sum(impression_cost), sum(revenue)"
	for _, view := range trafficViews {
		if got, want := strings.TrimSpace(asText(t, conn, "SELECT "+figures+" FROM tributary."+view)), "1800 900 100 40 10000 460 10 100"; got != want {
			t.Errorf("%s adds up to %s, want %s", view, got, want)
		}
	}
	got := asText(t, conn, "SELECT impressions, clicks, unique_clicks, landing_views, landing_clicks, cost, round(ctr, 6), round(uepc, 6), round(epc, 6), round(lp_ctr, 6), round(ecpm, 6), round(cpm, 6) FROM tributary.epc_roi_by_campaign WHERE campaign_id = 1")
	if want := "10000 900 450 50 40 235 0.09 0.222222 0.111111 0.8 10 23.5\n"; got != want {
		t.Errorf("campaign 1 has %s, want %s", got, want)
	}
	if got := asText(t, conn, "SELECT ctr, uepc, lp_ctr, ecpm, cpm FROM tributary.epc_roi_by_campaign WHERE campaign_id = 2"); got != "<nil> 0 0 <nil> <nil>\n" {
		t.Errorf("campaign 2, without impressions, has %s", got)
	}
	// What has been merged is what it was.
	for _, table := range ProjectedTables {
		exec("OPTIMIZE TABLE tributary.%s FINAL", table)
	}
	for _, rollup := range []string{"rollup_minute_traffic", "rollup_hour_traffic"} {
		const sums = "SELECT sum(impressions), sum(bot_impressions), sum(impression_cost), sum(clicks), sum(unique_clicks), sum(landing_views), sum(landing_clicks) FROM tributary."
		if got, want := asText(t, conn, sums+rollup), "10000 10 10 400 200 100 40\n"; got != want {
			t.Errorf("%s has %s, want %s", rollup, got, want)
		}
	}
	if applied, err := whole(conn, DefaultDatabase).bring(ctx, all); err != nil || len(applied) != 0 {
		t.Errorf("the second run applied %v: %v", applied, err)
	}
}

// asText is an answer with a line a row.
func asText(t *testing.T, conn driver.Conn, query string) string {
	t.Helper()
	rows, err := conn.Query(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	var text strings.Builder
	for rows.Next() {
		types := rows.ColumnTypes()
		into := make([]any, len(types))
		for i := range types {
			into[i] = reflect.New(types[i].ScanType()).Interface()
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		for i, v := range into {
			if i > 0 {
				text.WriteByte(' ')
			}
			value := reflect.ValueOf(v).Elem()
			if value.Kind() == reflect.Pointer && !value.IsNil() {
				value = value.Elem()
			}
			fmt.Fprint(&text, value.Interface())
		}
		text.WriteByte('\n')
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return text.String()
}
