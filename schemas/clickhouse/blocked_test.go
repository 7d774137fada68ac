package clickhouse

import (
	"slices"
	"strings"
	"testing"

	"tributary/report"
	"tributary/schemas"
)

// blockedViews are of both grains, by a number and by a time.
var blockedViews = []string{"epc_roi_by_campaign", "epc_roi_by_minute"}

// TestBlockedClicks: a blocked click is none of clicks, nor are it and its conversions of what is counted by click; its cost is in
// cost, its revenue in revenue. A shadow block changes nothing but its own count, and rows of edges from before there were blocks count as
// they did.
func TestBlockedClicks(t *testing.T) {
	conn, ctx := open(t), t.Context()
	views := report.Views()
	views.List = slices.DeleteFunc(views.List, func(v schemas.View) bool { return !slices.Contains(blockedViews, v.Name) })
	if _, err := Migrate(ctx, conn, Options{Views: views}); err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{
		"INSERT INTO tributary.clicks (click_id, event_at, received_at, campaign_id, source_id, offer_id, cost, score, bot, unique, _layout) VALUES " +
			"('old1', '2026-03-01 12:00:00', '2026-03-01 12:00:00', 1, 1, 1, 0.5, 90, 'x', true, 1), ('old2', '2026-03-01 12:00:00', '2026-03-01 12:00:00', 1, 1, 1, 0.5, 0, '', true, 1)",
		"INSERT INTO tributary.clicks (click_id, event_at, received_at, campaign_id, source_id, offer_id, cost, score, bot, unique, _layout, block, blocked) VALUES " +
			"('shadow', '2026-03-01 12:00:00', '2026-03-01 12:00:00', 1, 1, 1, 0.5, 0, '', true, 1, 'b1', false), " +
			"('fallback', '2026-03-01 12:00:00', '2026-03-01 12:00:00', 1, 1, 2, 0.5, 90, '', true, 1, 'b2', true), " +
			"('away', '2026-03-01 12:00:00', '2026-03-01 12:00:00', 1, 1, 0, 0.5, 90, 'x', true, 1, 'b2', true)",
		"INSERT INTO tributary.conversions (conversion_id, click_at, received_at, campaign_id, source_id, offer_id, kind, conversions_delta, approved_delta, revenue_confirmed_delta) " +
			"VALUES ('c1', '2026-03-01 12:00:00', '2026-03-01 13:00:00', 1, 1, 1, 'created', 1, 1, 6)",
		"INSERT INTO tributary.conversions (conversion_id, click_at, received_at, campaign_id, source_id, offer_id, kind, conversions_delta, approved_delta, revenue_hold_delta, revenue_confirmed_delta, confirmed_only, block, blocked) " +
			"VALUES ('c2', '2026-03-01 12:00:00', '2026-03-01 13:00:00', 1, 1, 2, 'created', 1, 1, 0, 3, false, 'b2', true), " +
			"('c3', '2026-03-01 12:00:00', '2026-03-01 13:00:00', 1, 1, 2, 'created', 1, 0, 4, 0, true, 'b2', true)",
	} {
		if err := conn.Exec(ctx, query); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	for _, merged := range []bool{false, true} {
		if merged {
			for _, table := range ProjectedTables {
				if err := conn.Exec(ctx, "OPTIMIZE TABLE tributary."+table+" FINAL"); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, view := range blockedViews {
			for _, c := range []struct{ figures, want string }{
				{"clicks, clicks_blocked, clicks_shadowed, unique_clicks, flagged_clicks", "3 2 1 3 1"},
				{"toFloat64(cost), toFloat64(cost_blocked), toFloat64(revenue), toFloat64(revenue_gross), toFloat64(revenue_blocked)", "2.5 1 9 13 3"},
				{"conversions, conversions_blocked, toFloat64(profit)", "3 2 6.5"},
				{"epc, epc_confirmed, epc_gross, uepc, rpm", "2 2 2 2 2000"},
				{"round(cr * 3, 6), round(cr_confirmed * 3, 6), round(roi, 6), round(cpc * 3, 6), round(flagged_clicks_share * 3, 6)", "1 1 2.6 2.5 1"},
			} {
				if got := strings.TrimSpace(asText(t, conn, "SELECT "+c.figures+" FROM tributary."+view)); got != c.want {
					t.Errorf("merged %v, %s: %s is %s, want %s", merged, view, c.figures, got, c.want)
				}
			}
		}
	}
	const sums = "SELECT block, blocked, count(), toFloat64(sum(cost)) FROM tributary.clicks GROUP BY block, blocked ORDER BY block"
	if got, want := asText(t, conn, sums), " false 2 1\nb1 false 1 0.5\nb2 true 2 1\n"; got != want {
		t.Errorf("by block:\n%swant\n%s", got, want)
	}
	// Reports by block and by campaign are answered from the projection.
	for _, query := range []string{"SELECT block, countIf(blocked), sum(cost) FROM tributary.clicks GROUP BY block",
		"SELECT campaign_id, blocked, countIf(NOT blocked), sumIf(cost, blocked) FROM tributary.clicks GROUP BY campaign_id, blocked",
		"SELECT block, sumIf(revenue_confirmed_delta, blocked) FROM tributary.conversions GROUP BY block"} {
		if plan := asText(t, conn, "EXPLAIN "+query); !strings.Contains(plan, Projection) {
			t.Errorf("%s reads rows:\n%s", query, plan)
		}
	}
}
