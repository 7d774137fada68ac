package report_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tributary/report"
)

func TestZZPlan(t *testing.T) {
	conn := open(t)
	ctx := t.Context()
	if err := conn.Exec(ctx, `INSERT INTO tributary.clicks (click_id, event_at, received_at, campaign_id, campaign, source_id, source, country, subs, cost)
SELECT toString(number), toDateTime64('2026-11-29 00:00:00', 3, 'UTC') + number * 60 AS at, at, 1 + number % 3, concat('c', toString(number % 3)), number % 2, 's', 'DE', [toString(number % 5)], 0.25 FROM numbers(4000)`); err != nil {
		t.Fatal(err)
	}
	e := report.New(report.Config{Conn: conn, Database: "tributary"})
	berlin, _ := time.LoadLocation("Europe/Berlin")
	p, _ := report.ParsePeriod("2026-11-29..2026-11-30", time.Now(), berlin)
	ask := func(what string, q report.Question) {
		q.Scope = report.Everything
		best := time.Hour
		for range 8 {
			at := time.Now()
			if _, err := e.Ask(ctx, q); err != nil {
				t.Fatal(err)
			}
			best = min(best, time.Since(at))
		}
		s, _ := e.SQL(ctx, q)
		fmt.Println(what, best, len(s), strings.Count(s, "UNION ALL")+1)
	}
	ask("all", report.Question{Period: p})
	ask("clicks", report.Question{Period: p, Metrics: []string{"clicks"}})
	ask("country", report.Question{By: []string{"country"}, Period: p})
	ask("country/device", report.Question{By: []string{"country", "device"}, Period: p})
	ask("country compare", report.Question{By: []string{"country"}, Period: p, Compare: report.Compare{Kind: "previous"}})
	ask("campaign", report.Question{By: []string{"campaign"}, Period: p})
	ask("sub1", report.Question{By: []string{"sub1"}, Period: p})
	for _, q := range []string{"SELECT 1", "SELECT kind, id, name FROM tributary.latest_names", "SELECT name, total_rows FROM system.tables WHERE database='tributary' AND name IN ('clicks','archive_quarter')",
		"SELECT count() FROM tributary.clicks", "SELECT country, count() FROM tributary.clicks GROUP BY country", "SELECT country, count() FROM tributary.clicks WHERE toStartOfInterval(event_at, INTERVAL 15 MINUTE) >= toDateTime('2026-01-01 00:00:00','UTC') GROUP BY country",
		"SELECT country, sum(cost) FROM tributary.archive_quarter GROUP BY country"} {
		best := time.Hour
		for range 8 {
			at := time.Now()
			r, err := conn.Query(ctx, q)
			if err != nil {
				t.Fatal(err)
			}
			for r.Next() {
			}
			r.Close()
			best = min(best, time.Since(at))
		}
		fmt.Println(q[:min(len(q), 70)], best)
	}
}
