package verify

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"tributary/report"
	"tributary/schemas"
)

// sumViews are the shipped views whose rows add up to all that there is, whatever they are grouped by. Left out is
// conversions_current: it folds every conversion by its ID, which takes long.
func sumViews() []string {
	var names []string
	for _, v := range report.Views().List {
		sums := slices.ContainsFunc(v.Columns, func(c schemas.ViewColumn) bool {
			return slices.Contains([]string{"clicks", "conversions", "impressions", "revenue_confirmed"}, c.Name)
		})
		// Those of each event type repeat the clicks.
		if sums && v.Name != "conversions_current" && !strings.HasPrefix(v.Name, "events_by_") {
			names = append(names, v.Name)
		}
	}
	slices.Sort(names)
	return names
}

// made are the columns of views that are made of several sums of the tables, by those sums.
var made = map[string][]string{
	"revenue": {"revenue_hold_counted", "revenue_confirmed"}, "revenue_gross": {"revenue_hold", "revenue_confirmed"}, "cost": {"cost", "impression_cost"},
	"conversions_created": {"created"},
}

// sumsOf answers which sums of a base a view's column has; nil for none.
func (b *base) sumsOf(view, column string) (found []sum) {
	rollup := strings.HasPrefix(view, "rollup_")
	traffic := strings.HasSuffix(view, "_traffic")
	// Clicks that a loader from before impressions wrote are in what is counted of clicks, and not in the traffic's.
	if b.view == "rollup_hour_traffic" && !traffic && column == "clicks" {
		return nil
	}
	if rollup && traffic != (b.view == "rollup_hour_traffic") {
		return nil
	}
	parts := []string{column}
	if of, ok := made[column]; ok && !rollup {
		parts = of
	}
	for _, s := range b.sums {
		if slices.Contains(parts, s.column) {
			found = append(found, s)
		}
	}
	return found
}

// compareViews holds the total of each column of the shipped views against the rows and the archive.
func (a *auditor) compareViews(ctx context.Context) error {
	for _, view := range sumViews() {
		columns, err := a.sumColumns(ctx, view)
		if err != nil {
			return err
		}
		if len(columns) == 0 {
			a.differ("view "+view, "it does not exist: `tributary migrate` makes it again")
			continue
		}
		a.options.Progress(Progress{What: "view " + view})
		var found string
		for range liveLooks {
			if found, err = a.viewDifference(ctx, view, columns); err != nil {
				return fmt.Errorf("comparing the view %s: %w", view, err)
			}
			if !a.live || found == "" {
				break
			}
			if err := pause(ctx, settlePoll); err != nil {
				return err
			}
		}
		if found != "" {
			a.differ("view "+view, "its rows add up to something else than the tables' and the archive's, by "+found)
		}
	}
	return a.compareNames(ctx)
}

// sumColumns are the columns of a view that add up.
func (a *auditor) sumColumns(ctx context.Context, view string) (columns []string, err error) {
	query := fmt.Sprintf("SELECT name FROM system.columns WHERE database = '%s' AND table = '%s' ORDER BY position",
		a.options.Database, view)
	err = a.query(ctx, query, func(rows driver.Rows) error {
		var name string
		if err := rows.Scan(&name); err != nil {
			return err
		}
		for i := range bases {
			if len(bases[i].sumsOf(view, name)) > 0 {
				columns = append(columns, name)
				break
			}
		}
		return nil
	})
	return columns, err
}

// viewDifference answers by how much a view differs, "" for nothing.
func (a *auditor) viewDifference(ctx context.Context, view string, columns []string) (found string, err error) {
	db := a.options.Database
	var of, totals []string
	for _, c := range columns {
		of = append(of, fmt.Sprintf("toDecimal256(sum(%[1]s), 6) AS x_%[1]s", c))
		totals = append(totals, fmt.Sprintf("toString(sum(x_%s))", c))
	}
	parts := []string{fmt.Sprintf("SELECT %s FROM %s.%s", strings.Join(of, ", "), db, view)}
	for i := range bases {
		b := &bases[i]
		var rows, archived, months []string
		any := false
		for _, c := range columns {
			row, gone, month := "toDecimal256(0, 6)", "toDecimal256(0, 6)", "toDecimal256(0, 6)"
			for _, s := range b.sumsOf(view, c) {
				any = true
				row += fmt.Sprintf(" - toDecimal256(%s, 6)", s.of)
				gone += fmt.Sprintf(" - toDecimal256(sum(%s), 6)", s.archived())
				month += fmt.Sprintf(" - toDecimal256(sum(%s), 6)", s.column)
			}
			rows = append(rows, row+" AS x_"+c)
			archived = append(archived, gone+" AS y_"+c)
			months = append(months, month+" AS y_"+c)
		}
		if !any {
			continue
		}
		archive := b.archive
		if strings.Contains(view, "minute") {
			archive = strings.Replace(archive, "quarter", "minute", 1)
		}
		parts = append(parts, fmt.Sprintf("SELECT %s FROM %s.%s WHERE %s AND %s", strings.Join(rows, ", "), db, b.table, b.only, countedRows(db)),
			fmt.Sprintf("SELECT %s FROM %s.archive_sums WHERE %s", strings.Join(months, ", "), db, archivedSums(db, b)),
			fmt.Sprintf("SELECT %s FROM %s.%s", strings.Join(archived, ", "), db, archive))
	}
	query := fmt.Sprintf("SELECT [%s] FROM (\n%s\n)", strings.Join(totals, ", "), strings.Join(parts, "\nUNION ALL "))
	err = a.query(ctx, query, func(rows driver.Rows) error {
		var by []string
		if err := rows.Scan(&by); err != nil {
			return err
		}
		var text []string
		for i, c := range columns {
			if strings.Trim(by[i], "0.") != "" {
				text = append(text, fmt.Sprintf("%s %s", c, signed(by[i])))
			}
		}
		found = strings.Join(text, ", ")
		return nil
	})
	return found, err
}

// compareNames holds the latest names that every view shows against the rows, which this reads one by one: argMax is
// in no projection.
func (a *auditor) compareNames(ctx context.Context) error {
	const where = "view latest_names"
	a.options.Progress(Progress{What: where})
	var parts []string
	for table, kinds := range map[string][]string{
		"clicks": {"campaign", "source", "offer", "landing"}, "impressions": {"campaign", "source"},
	} {
		for _, kind := range kinds {
			parts = append(parts, fmt.Sprintf("SELECT '%[1]s' AS kind, %[1]s_id AS id, "+
				"toString(argMax(%[1]s, (received_at, %[1]s))) AS name, max(received_at) AS at FROM %[2]s.%[3]s "+
				"WHERE %[1]s_id != 0 AND %[1]s != '' GROUP BY id", kind, a.options.Database, table))
		}
	}
	slices.Sort(parts)
	query := fmt.Sprintf("SELECT kind, toString(id), name, want FROM ("+
		"SELECT kind, id, argMax(name, (at, name)) AS want FROM ("+
		"SELECT toString(kind) AS kind, id, toString(name) AS name, at FROM %[1]s.names UNION ALL %[2]s"+
		") GROUP BY kind, id) AS rows "+
		"FULL JOIN (SELECT kind, id, name FROM %[1]s.latest_names) AS shown USING (kind, id) "+
		"WHERE name != want ORDER BY kind, id LIMIT %[3]d",
		a.options.Database, strings.Join(parts, " UNION ALL "), maxNamed)
	var found []string
	for range liveLooks {
		found = nil
		if err := a.query(ctx, query, func(rows driver.Rows) error {
			var kind, id, name, want string
			if err := rows.Scan(&kind, &id, &name, &want); err != nil {
				return err
			}
			found = append(found, fmt.Sprintf("%s %s is shown as %q, its newest row says %q", kind, id, name, want))
			return nil
		}); err != nil {
			return fmt.Errorf("comparing the latest names: %w", err)
		}
		if !a.live || len(found) == 0 {
			break
		}
		if err := pause(ctx, settlePoll); err != nil {
			return err
		}
	}
	for i, what := range found {
		if i == maxSumRows {
			a.differ(where, fmt.Sprintf("%d more names differ", len(found)-i))
			break
		}
		a.differ(where, what)
	}
	return nil
}
