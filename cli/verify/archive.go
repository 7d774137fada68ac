package verify

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Rows of old months may be gone (`tributary archive`): what was summed of them counts, and what tells so is one row of
// archive_months. This says it in other words than the views do.

// countedRows holds of rows that count as rows.
func countedRows(db string) string {
	return "_archived NOT IN (SELECT run FROM " + db + ".archive_months)"
}

// archivedSums holds of sums that count of a base.
func archivedSums(db string, b *base) string {
	where := "base = '" + b.table + "' AND attempt IN (SELECT attempt FROM " + db + ".archive_months)"
	if b.only == "_layout >= 1" {
		where += " AND layout"
	}
	return where
}

// noteArchived looks at what the archive has of a table: as many records as its months say, and sums of each of them. It
// notes rows that are gone.
func (a *auditor) noteArchived(ctx context.Context, table string) error {
	db := a.options.Database
	text := fmt.Sprintf(`SELECT toString(month), toInt64(rows), toInt64(rows - there), toInt64(records), toInt64(sums) FROM
(SELECT month, run, attempt, rows FROM %[1]s.archive_months WHERE base = '%[2]s') AS months
LEFT JOIN (SELECT attempt, sum(n) AS records FROM (SELECT attempt, groupBitmapMerge(offsets) AS n FROM %[1]s.archive_offsets
    WHERE base = '%[2]s' GROUP BY attempt, day, _partition) GROUP BY attempt) AS records USING (attempt)
LEFT JOIN (SELECT attempt, count() AS sums FROM %[1]s.archive_sums WHERE base = '%[2]s' GROUP BY attempt) AS sums USING (attempt)`, db, table)
	stamped := fmt.Sprintf("\nLEFT JOIN (SELECT _archived AS run, count() AS there FROM %s.%s WHERE _archived != 0 GROUP BY run) AS stamped USING (run)", db, table)
	if !archives(table) {
		return nil
	}
	var gone int64
	err := a.query(ctx, text+stamped+"\nORDER BY month", func(rows driver.Rows) error {
		var month string
		var n, missing, records, sums int64
		if err := rows.Scan(&month, &n, &missing, &records, &sums); err != nil {
			return err
		}
		gone += missing
		switch {
		case n > 0 && records == 0:
			a.differ("archive of "+table, fmt.Sprintf("month %s has %d rows and archive_offsets none of their records", month, n))
		case records > n:
			a.differ("archive of "+table, fmt.Sprintf("month %s has %d rows and archive_offsets %d records", month, n, records))
		case sums == 0 && table != "impressions" && table != "landing_clicks": // those may be copies, which count nowhere
			a.differ("archive of "+table, fmt.Sprintf("month %s has %d rows and archive_sums nothing of them", month, n))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("looking at the archive of %s: %w", table, err)
	}
	if gone > 0 {
		a.report.Notes = append(a.report.Notes, fmt.Sprintf("table %s: %d rows of archived months were dropped; views have them from archive_sums, "+
			"and which records they were of from archive_offsets", table, gone))
	}
	return nil
}

// archives: rows of the table may be in the archive.
func archives(table string) bool {
	for i := range bases {
		if bases[i].table == table {
			return true
		}
	}
	return false
}

// archivedOffsets are those of a partition that the archive has.
func (a *auditor) archivedOffsets(ctx context.Context, table string, partition int, from, to int64) (map[int64]bool, error) {
	found := map[int64]bool{}
	if !archives(table) {
		return found, nil
	}
	db := a.options.Database
	text := fmt.Sprintf("SELECT DISTINCT toInt64(arrayJoin(bitmapToArray(bitmapSubsetInRange(offsets, toUInt64(%d), toUInt64(%d))))) FROM %s.archive_offsets "+
		"WHERE base = '%s' AND _partition = %d AND attempt IN (SELECT attempt FROM %[3]s.archive_months)", from, to, db, table, partition)
	err := a.query(ctx, text, func(rows driver.Rows) error {
		var offset int64
		if err := rows.Scan(&offset); err != nil {
			return err
		}
		found[offset] = true
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("looking which records the archive has: %w", err)
	}
	return found, nil
}
