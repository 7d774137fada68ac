package verify

import (
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"

	"tributary/deploy/embedded/chdb/chdbtest"
	"tributary/report"
	schema "tributary/schemas/clickhouse"
	"tributary/schemas/clickhouse/archive"
)

// TestArchivedMonths: rows that were summed and dropped are counted from the archive; a sum that is not right is named, and so
// is one that is gone.
func TestArchivedMonths(t *testing.T) {
	conn, err := clickhouse.Open(chdbtest.Start(t).Options())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx := t.Context()
	if _, err := schema.Migrate(ctx, conn, schema.Options{Views: report.Views()}); err != nil {
		t.Fatal(err)
	}
	do := func(statement string) {
		t.Helper()
		if err := conn.Exec(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	audit := func() *Report {
		t.Helper()
		a := &auditor{options: Options{ClickHouse: conn, Database: "tributary", Progress: func(Progress) {}}, report: &Report{}}
		if err := a.compareSums(ctx); err != nil {
			t.Fatal(err)
		}
		if err := a.compareViews(ctx); err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{"clicks", "postbacks"} {
			if err := a.noteArchived(ctx, table); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := a.archivedOffsets(ctx, "clicks", 0, 40, 60); err != nil || len(got) != 20 || !got[40] || got[60] {
			t.Errorf("offsets 40 to 59 that the archive has: %v, %v", got, err)
		}
		return a.report
	}
	do("INSERT INTO tributary.clicks (click_id, campaign_id, campaign, cost, _layout, event_at, received_at, _partition, _offset) " +
		"SELECT toString(number), 1 + number % 2, 'c', number, number % 2, '2026-01-10 12:00:00', '2026-01-10 12:00:00', 0, number FROM numbers(100)")
	for _, drop := range []bool{false, true} {
		if _, err := archive.Run(ctx, archive.Options{ClickHouse: conn, Before: map[string]archive.Month{"clicks": 202602}, Drop: drop}); err != nil {
			t.Fatal(err)
		}
		if r := audit(); !r.OK() || drop != strings.Contains(strings.Join(r.Notes, "\n"), "table clicks: 100 rows of archived months were dropped") {
			t.Errorf("dropped %v: %v, notes %v", drop, r.Differences, r.Notes)
		}
	}
	do("ALTER TABLE tributary.archive_sums DELETE WHERE 1 SETTINGS mutations_sync = 1")
	if r := audit(); r.OK() || !strings.Contains(r.Differences[0].What, "month 202601 has 100 rows and archive_sums nothing of them") {
		t.Errorf("without the sums: %v", r.Differences)
	}
}
