package verify

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	schema "tributary/schemas/clickhouse"
)

// A sum is a column of a view of sums, and what it is of a row's table. gone is the archive's column where it has another
// name, or never: the rollups, which are published as they are, do not have these.
type sum struct{ column, of, gone string }

// never is the archive's column of what its rows are too old to have.
const never = "-"

// archived is what the sum is of the archive.
func (s sum) archived() string {
	if s.gone == never {
		return "0"
	}
	return cmp.Or(s.gone, s.column)
}

// A base is a table of which sums are shown: its time that they go by, the rows that count, the view that shows them, and the archive
// table that has what was summed of rows that are gone.
type base struct {
	table, at, only, view, archive string
	sums                           []sum
}

// counts tells the ledger entries whose conversions count: see the column beside_goal.
const counts = "NOT beside_goal AND event != 'rebill'"

var bases = []base{
	{"clicks", "event_at", "1", "rollup_hour", "archive_quarter", []sum{{"clicks", "toInt64(countIf(NOT blocked))", ""},
		{"flagged_clicks", "toInt64(countIf(score >= 50 AND NOT blocked))", ""}, {"bot_clicks", "toInt64(countIf(bot != '' AND NOT blocked))", ""},
		{"click_score_sum", "toInt64(sumIf(score, NOT blocked))", ""}, {"cost", "sum(cost)", ""},
		{"clicks_blocked", "toInt64(countIf(blocked))", never}, {"cost_blocked", "sumIf(cost, blocked)", never},
		{"clicks_shadowed", "toInt64(countIf(block != '' AND NOT blocked))", never}}},
	{"clicks", "event_at", "_layout >= 1", "rollup_hour_traffic", "archive_quarter_traffic", []sum{{"clicks", "toInt64(countIf(NOT blocked))", ""},
		{"unique_clicks", "toInt64(countIf(unique AND NOT blocked))", ""}, {"landing_views", "toInt64(countIf(landing_id != 0))", ""}}},
	{"conversions", "click_at", "1", "rollup_hour", "archive_quarter", []sum{{"entries", "toInt64(count())", ""}, {"conversions", "sumIf(conversions_delta, " + counts + ")", ""},
		{"registered", "sumIf(registered_delta, " + counts + ")", ""}, {"pending", "sumIf(pending_delta, " + counts + ")", ""}, {"approved", "sumIf(approved_delta, " + counts + ")", ""}, {"rejected", "sumIf(rejected_delta, " + counts + ")", ""},
		{"chargebacks", "sumIf(chargeback_delta, " + counts + ")", ""}, {"revenue_hold", "sum(revenue_hold_delta)", ""}, {"revenue_confirmed", "sum(revenue_confirmed_delta)", ""},
		{"flagged", "sum(flagged_delta)", ""}, {"created", "toInt64(countIf(kind = 'created'))", ""}, {"created_score_sum", "toInt64(sumIf(score, kind = 'created'))", ""},
		{"events", "sum(conversions_delta)", "conversions"},
		{"revenue_hold_counted", "sumIf(revenue_hold_delta, NOT confirmed_only)", "revenue_hold"},
		{"conversions_blocked", "sumIf(conversions_delta, blocked AND " + counts + ")", never}, {"approved_blocked", "sumIf(approved_delta, blocked AND " + counts + ")", never},
		{"revenue_hold_blocked", "sumIf(revenue_hold_delta, blocked)", never},
		{"revenue_hold_counted_blocked", "sumIf(revenue_hold_delta, blocked AND NOT confirmed_only)", never},
		{"revenue_confirmed_blocked", "sumIf(revenue_confirmed_delta, blocked)", never}}},
	{"impressions", "event_at", "NOT copy", "rollup_hour_traffic", "archive_quarter_traffic", []sum{{"impressions", "toInt64(count())", ""},
		{"bot_impressions", "toInt64(countIf(bot != ''))", ""}, {"impression_cost", "sum(cost)", ""}}},
	{"landing_clicks", "click_at", "NOT copy", "rollup_hour_traffic", "archive_quarter_traffic", []sum{{"landing_clicks", "toInt64(count())", ""}}},
}

// published are the sums that the rollups have.
func (b *base) published() *base {
	rolled := *b
	rolled.sums = slices.DeleteFunc(slices.Clone(b.sums), func(s sum) bool { return s.gone != "" })
	return &rolled
}

// liveLooks is how often sums are looked at while rows come in: an insert may come between the two halves of a query.
const liveLooks = 8

// maxSumRows is how many differing sums of a table are named.
const maxSumRows = 10

// compareSums adds up rows twice, from the projections and one by one, with opposite signs: all must cancel, by campaign, source and hour
// of the click. Of the days that the archive has sums of, the views must show archive and rows together.
func (a *auditor) compareSums(ctx context.Context) error {
	for i := range bases {
		b := &bases[i]
		if i == 0 || bases[i-1].table != b.table {
			if err := a.checkParts(ctx, b.table); err != nil {
				return err
			}
		}
		for _, projection := range b.projections() {
			what := "the projection " + projection + " differs from the rows by"
			if err := a.compareSum(ctx, b, "sums of "+b.table, a.projectionQuery(b, projection), what); err != nil {
				return fmt.Errorf("comparing the projection %s: %w", projection, err)
			}
		}
		rolled := b.published()
		what := "it differs from the rows of " + b.table + " and " + b.archive + " by"
		if err := a.compareSum(ctx, rolled, "table "+b.view, a.archiveQuery(rolled), what); err != nil {
			return fmt.Errorf("comparing table %s: %w", b.view, err)
		}
	}
	return a.compareArchives(ctx)
}

// archivePairs are the archive tables of minutes and of quarters of an hour, and the columns of which both have the same sums.
var archivePairs = []struct {
	minute, quarter string
	columns         []string
}{
	{"archive_minute", "archive_quarter", []string{"clicks", "cost", "entries", "conversions", "revenue_hold", "revenue_confirmed"}},
	{"archive_minute_traffic", "archive_quarter_traffic", []string{"impressions", "impression_cost", "clicks", "landing_clicks"}},
}

// compareArchives notes where the archive of minutes and that of hours disagree, and with them the views: both were kept of rollups that
// filled one after the other, and rows that could tell which is right are gone.
func (a *auditor) compareArchives(ctx context.Context) error {
	db := a.options.Database
	for _, pair := range archivePairs {
		a.options.Progress(Progress{What: "table " + pair.minute})
		sums := func(sign, hour, table string) string {
			columns := make([]string, len(pair.columns))
			for i, c := range pair.columns {
				columns[i] = fmt.Sprintf("%ssum(toDecimal256(%s, 6)) AS x_%s", sign, c, c)
			}
			return fmt.Sprintf("SELECT ledger_day AS k_day, %s AS k_hour, campaign_id AS k_campaign, source_id AS k_source, %s FROM %s.%s GROUP BY k_day, k_hour, k_campaign, k_source",
				hour, strings.Join(columns, ", "), db, table)
		}
		var inner, having, outer []string
		for _, c := range pair.columns {
			inner = append(inner, fmt.Sprintf("sum(x_%s) AS d_%s", c, c))
			having = append(having, fmt.Sprintf("d_%s != 0", c))
			outer = append(outer, fmt.Sprintf("toString(sum(d_%s))", c))
		}
		query := fmt.Sprintf("SELECT count(), toString(min(k_day)), toString(max(k_day)), [%s] FROM (SELECT k_day, %s FROM (%s UNION ALL %s) GROUP BY k_day, k_hour, k_campaign, k_source HAVING %s)",
			strings.Join(outer, ", "), strings.Join(inner, ", "), sums("", "toStartOfHour(minute)", pair.minute), sums("-", "toStartOfHour(quarter)", pair.quarter), strings.Join(having, " OR "))
		err := a.query(ctx, query, func(rows driver.Rows) error {
			var n uint64
			var first, last string
			var by []string
			if err := rows.Scan(&n, &first, &last, &by); err != nil || n == 0 {
				return err
			}
			var parts []string
			for i, c := range pair.columns {
				if strings.Trim(by[i], "0.") != "" {
					parts = append(parts, fmt.Sprintf("%s %s", c, signed(by[i])))
				}
			}
			a.report.Notes = append(a.report.Notes, fmt.Sprintf("table %s differs from %s in %d hours of %s to %s, all together by %s: so did the rollups that they were kept of, "+
				"and the rows that would show which is right are gone; views by minute show the first, all others the second", pair.minute, pair.quarter, n, first, last, strings.Join(parts, ", ")))
			return nil
		})
		if err != nil {
			return fmt.Errorf("comparing %s with %s: %w", pair.minute, pair.quarter, err)
		}
	}
	return nil
}

// checkParts looks for parts that lack a projection. What is read of them is right, and slow.
func (a *auditor) checkParts(ctx context.Context, table string) error {
	for _, projection := range schema.Projections[table] {
		query := fmt.Sprintf("SELECT count() FROM system.parts WHERE database = '%s' AND table = '%s' AND active AND rows > 0 AND NOT has(projections, '%s')", a.options.Database, table, projection)
		if err := a.query(ctx, query, func(rows driver.Rows) error {
			var n uint64
			if err := rows.Scan(&n); err != nil || n == 0 {
				return err
			}
			a.differ("sums of "+table, fmt.Sprintf("%d parts lack the projection %s, so that what is read of them is slow: ALTER TABLE %s.%s MATERIALIZE PROJECTION %s",
				n, projection, a.options.Database, table, projection))
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

func (a *auditor) compareSum(ctx context.Context, b *base, where, query, what string) error {
	a.options.Progress(Progress{What: where})
	var found []string
	for range liveLooks {
		var err error
		if found, err = a.sumDifferences(ctx, b, query, what); err != nil {
			return err
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
			a.differ(where, fmt.Sprintf("%d more of its hours differ", len(found)-i))
			break
		}
		a.differ(where, what)
	}
	return nil
}

func (a *auditor) sumDifferences(ctx context.Context, b *base, query, what string) (found []string, err error) {
	err = a.query(ctx, query, func(rows driver.Rows) error {
		var campaign, source, hour string
		by := make([]string, len(b.sums))
		into := []any{&campaign, &source, &hour}
		for i := range by {
			into = append(into, &by[i])
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		var parts []string
		for i, s := range b.sums {
			if strings.Trim(by[i], "0.") != "" {
				parts = append(parts, fmt.Sprintf("%s %s", s.column, signed(by[i])))
			}
		}
		found = append(found, fmt.Sprintf("campaign %s, source %s, hour %s: %s %s", campaign, source, hour, what, strings.Join(parts, ", ")))
		return nil
	})
	return found, err
}

func signed(number string) string {
	if strings.HasPrefix(number, "-") {
		return number
	}
	return "+" + number
}

// Two forms of a row's hour: ClickHouse answers the first from the projection, where a part has it, and for the second it must read rows.
const (
	projectedHour = "toStartOfHour(toStartOfInterval(%s, INTERVAL 15 MINUTE))"
	rowsHour      = "toStartOfHour(toDateTime(%s, 'UTC'))"
	projectedDay  = "toDateTime(toDate(toStartOfInterval(%s, INTERVAL 15 MINUTE)), 'UTC')"
)

// part adds up a source of a query.
func (a *auditor) part(b *base, sign, hour, from, only string, of func(sum) string) string {
	columns := make([]string, len(b.sums))
	for i, s := range b.sums {
		columns[i] = fmt.Sprintf("%stoDecimal256(%s, 6) AS x_%s", sign, of(s), s.column)
	}
	return fmt.Sprintf("SELECT campaign_id AS k_campaign, source_id AS k_source, %s AS k_hour, %s FROM %s.%s WHERE %s GROUP BY k_campaign, k_source, k_hour",
		hour, strings.Join(columns, ", "), a.options.Database, from, only)
}

func ofRows(s sum) string { return s.of }

func ofSums(s sum) string { return "sum(" + s.column + ")" }

// projections are those of the sums of a base: of few dimensions they do not have what tells its rows.
func (b *base) projections() []string {
	return slices.DeleteFunc(slices.Clone(schema.Projections[b.table]), func(name string) bool {
		whole := strings.HasPrefix(name, schema.Projection+"_") || strings.HasPrefix(name, schema.DayProjection+"_")
		return name == schema.NamesProjection || !whole && b.only != "1"
	})
}

// projectionQuery adds up a base by a projection, and by its rows: by campaign, source and hour what is by quarter and all
// dimensions, by day what is not.
func (a *auditor) projectionQuery(b *base, projection string) string {
	projected := a.part(b, "", fmt.Sprintf(projectedHour, b.at), b.table, b.only, ofRows)
	rows := a.part(b, "-", fmt.Sprintf(rowsHour, b.at), b.table, b.only, ofRows)
	if !strings.HasPrefix(projection, schema.Projection+"_") {
		daily := strings.NewReplacer("campaign_id AS", "toUInt32(0) AS", "source_id AS", "toUInt32(0) AS", "toStartOfHour(", "toStartOfDay(")
		projected = daily.Replace(strings.Replace(projected, fmt.Sprintf(projectedHour, b.at), fmt.Sprintf(projectedDay, b.at), 1))
		rows = daily.Replace(rows)
	}
	return b.unequal(projected, rows) + " SETTINGS preferred_optimize_projection_name = '" + projection + "'"
}

func (a *auditor) archiveQuery(b *base) string {
	db := a.options.Database
	days := " AND %s IN (SELECT ledger_day FROM " + db + "." + b.archive + " UNION DISTINCT SELECT ledger_day FROM " + db + ".archive_sums WHERE " +
		archivedSums(db, b) + ")"
	return b.unequal(a.part(b, "", "hour", b.view, "1"+fmt.Sprintf(days, "ledger_day"), ofSums),
		a.part(b, "-", fmt.Sprintf(rowsHour, b.at), b.table, b.only+" AND "+countedRows(db)+fmt.Sprintf(days, "toDate(received_at)"), ofRows),
		a.part(b, "-", "toStartOfHour(quarter)", "archive_sums", archivedSums(db, b), ofSums),
		a.part(b, "-", "toStartOfHour(quarter)", b.archive, "1", ofSums))
}

// unequal answers the keys at which parts do not cancel.
func (b *base) unequal(parts ...string) string {
	var outer, having []string
	for _, s := range b.sums {
		outer = append(outer, fmt.Sprintf("toString(sum(x_%s) AS d_%s)", s.column, s.column))
		having = append(having, fmt.Sprintf("d_%s != 0", s.column))
	}
	return fmt.Sprintf("SELECT toString(k_campaign), toString(k_source), toString(k_hour), %s FROM (\n%s\n) GROUP BY k_campaign, k_source, k_hour HAVING %s ORDER BY k_campaign, k_source, k_hour LIMIT %d",
		strings.Join(outer, ", "), strings.Join(parts, "\nUNION ALL "), strings.Join(having, " OR "), maxNamed)
}
