package verify

import (
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"

	"tributary/deploy/embedded/chdb/chdbtest"
	"tributary/report"
	schema "tributary/schemas/clickhouse"
)

// TestArchivesThatDisagree: sums of rows that are gone are there twice, by minute and by hour. Where they differ, two views do.
func TestArchivesThatDisagree(t *testing.T) {
	conn, err := clickhouse.Open(chdbtest.Start(t).Options())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx := t.Context()
	if _, err := schema.Migrate(ctx, conn, schema.Options{Views: report.Views()}); err != nil {
		t.Fatal(err)
	}
	insert := func(table, columns, values string) {
		t.Helper()
		if err := conn.Exec(ctx, "INSERT INTO tributary."+table+" ("+columns+") VALUES "+values); err != nil {
			t.Fatal(err)
		}
	}
	notes := func() []string {
		t.Helper()
		a := &auditor{options: Options{ClickHouse: conn, Database: "tributary", Progress: func(Progress) {}}, report: &Report{}}
		if err := a.compareSums(ctx); err != nil {
			t.Fatal(err)
		}
		if !a.report.OK() {
			t.Errorf("differences: %v", a.report.Differences)
		}
		return a.report.Notes
	}
	const money = "ledger_day, minute, campaign_id, clicks, cost"
	insert("archive_minute", money, "('2026-01-10', '2026-01-10 12:01:00', 1, 3, 1.5), ('2026-01-10', '2026-01-10 12:59:00', 1, 2, 1)")
	insert("archive_quarter", strings.Replace(money, "minute", "quarter", 1), "('2026-01-10', '2026-01-10 12:00:00', 1, 5, 2.5)")
	insert("archive_minute_traffic", "ledger_day, minute, campaign_id, impressions", "('2026-01-10', '2026-01-10 12:01:00', 1, 7)")
	insert("archive_quarter_traffic", "ledger_day, quarter, campaign_id, impressions", "('2026-01-10', '2026-01-10 12:00:00', 1, 7)")
	if got := notes(); len(got) != 0 {
		t.Fatalf("equal ones: %v", got)
	}
	insert("archive_quarter", strings.Replace(money, "minute", "quarter", 1), "('2026-01-11', '2026-01-11 12:00:00', 1, 2, 0.5)")
	insert("archive_minute_traffic", "ledger_day, minute, campaign_id, impressions", "('2026-01-11', '2026-01-11 12:01:00', 1, 4)")
	got := strings.Join(notes(), "\n")
	for _, want := range []string{
		"archive_minute differs from archive_quarter in 1 hours of 2026-01-11 to 2026-01-11, all together by clicks -2, cost -0.5:",
		"archive_minute_traffic differs from archive_quarter_traffic in 1 hours of 2026-01-11 to 2026-01-11, all together by impressions +4:",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the notes lack %q: %s", want, got)
		}
	}
}
