package report_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"tributary/deploy/embedded/chdb/chdbtest"
	"tributary/report"
	schema "tributary/schemas/clickhouse"
)

// engineOf is a database with this program's tables and views, and an engine that asks it.
func open(t testing.TB) driver.Conn {
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

func TestThin(t *testing.T) {
	conn := open(t)
	ctx := t.Context()
	if err := conn.Exec(ctx, `INSERT INTO tributary.clicks (click_id, event_at, received_at, campaign_id, campaign, source_id, source, country, subs, cost)
SELECT toString(number), toDateTime64('2026-11-29 00:00:00', 3, 'UTC') + number * 60 AS at, at, 1 + number % 3, concat('c', toString(number % 3)), number % 2, 's', 'DE', [toString(number % 5)], 0.25 FROM numbers(4000)`); err != nil {
		t.Fatal(err)
	}
	e := report.New(report.Config{Conn: conn, Database: "tributary"})
	berlin, _ := time.LoadLocation("Europe/Berlin")
	p, err := report.ParsePeriod("2026-11-29..2026-11-30", time.Now(), berlin)
	if err != nil {
		t.Fatal(err)
	}
	for _, by := range [][]string{nil, {"campaign", "source"}, {"day"}, {"hour", "sub1"}} {
		table, err := e.Ask(ctx, report.Question{By: by, Period: p, Zone: "Europe/Berlin", Scope: report.Everything, Limit: 4, Metrics: []string{"clicks", "cost", "profit", "lp_ctr", "roi"},
			Compare: report.Compare{Kind: "previous"}})
		if err != nil {
			s, _ := e.SQL(ctx, report.Question{By: by, Period: p, Zone: "Europe/Berlin", Scope: report.Everything, Limit: 4, Metrics: []string{"clicks", "cost", "profit", "lp_ctr", "roi"},
				Compare: report.Compare{Kind: "previous"}})
			fmt.Println(s)
			t.Fatal(err)
		}
		fmt.Println(by, table.Groups, table.Totals, table.Took, table.Reads)
		for _, r := range table.Rows {
			fmt.Println("   ", r)
		}
	}
}
