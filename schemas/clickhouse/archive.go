package clickhouse

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// An oldRollup is a table that materialized views filled before there were projections, and the table that keeps of it what the rows no
// longer give.
type oldRollup struct {
	name, archive string
	// time is its column of time, kept the archive's; bucket makes it of a row's time.
	time, kept, bucket string
	dims               []string
	feeds              []oldFeed
}

// An oldFeed is a table that an oldRollup was filled from.
type oldFeed struct {
	table, at, only string
	// n counts its rows in the rollup, money are its columns of money there.
	n     string
	money []string
	// columns of the rollup that it fills, and what of its rows.
	columns, of []string
	offerless   bool
}

var (
	oldMoney = []oldFeed{
		{table: "clicks", at: "event_at", only: "1", n: "clicks", money: []string{"cost"},
			columns: []string{"clicks", "flagged_clicks", "bot_clicks", "click_score_sum", "cost"},
			of:      []string{"toInt64(count())", "toInt64(countIf(score >= 50))", "toInt64(countIf(bot != ''))", "toInt64(sum(score))", "sum(clicks.cost)"}},
		{table: "conversions", at: "click_at", only: "1", n: "entries", money: []string{"revenue_hold", "revenue_confirmed"},
			columns: []string{"entries", "conversions", "registered", "pending", "approved", "rejected", "chargebacks",
				"revenue_hold", "revenue_confirmed", "flagged", "created", "created_score_sum"},
			of: []string{"toInt64(count())", "sum(conversions_delta)", "sum(registered_delta)", "sum(pending_delta)", "sum(approved_delta)",
				"sum(rejected_delta)", "sum(chargeback_delta)", "sum(revenue_hold_delta)", "sum(revenue_confirmed_delta)", "sum(flagged_delta)",
				"toInt64(countIf(kind = 'created'))", "toInt64(sumIf(score, kind = 'created'))"}},
	}
	oldTraffic = []oldFeed{
		{table: "impressions", at: "event_at", only: "NOT copy", n: "impressions", money: []string{"impression_cost"}, offerless: true,
			columns: []string{"impressions", "bot_impressions", "impression_cost"},
			of:      []string{"toInt64(count())", "toInt64(countIf(bot != ''))", "sum(impressions.cost)"}},
		{table: "landing_clicks", at: "click_at", only: "NOT copy", n: "landing_clicks", columns: []string{"landing_clicks"}, of: []string{"toInt64(count())"}},
		{table: "clicks", at: "event_at", only: "_layout >= 1", n: "clicks", columns: []string{"clicks", "unique_clicks", "landing_views"},
			of: []string{"toInt64(count())", "toInt64(countIf(unique))", "toInt64(countIf(landing_id != 0))"}},
	}
	hourDims   = []string{"campaign_id", "campaign", "source_id", "source", "offer_id", "offer", "country", "device", "os", "browser"}
	oldRollups = []oldRollup{
		{"rollup_minute", "archive_minute", "minute", "minute", "toStartOfMinute(%s)", hourDims[:8], oldMoney},
		{"rollup_hour", "archive_quarter", "hour", "quarter", hourOf, hourDims, oldMoney},
		{"rollup_minute_traffic", "archive_minute_traffic", "minute", "minute", "toStartOfMinute(%s)", hourDims[:8], oldTraffic},
		{"rollup_hour_traffic", "archive_quarter_traffic", "hour", "quarter", hourOf, hourDims, oldTraffic},
	}
)

// hourOf a row's time, in the form that the projections answer.
const hourOf = "toStartOfHour(toStartOfInterval(%s, INTERVAL 15 MINUTE))"

// replaced is what an old rollup is called when a view has its name.
func (o oldRollup) replaced() string { return "replaced_" + o.name }

// archiveRollups keeps of each old rollup what its tables' rows no longer give. The archive table has its name as soon as it is complete.
func archiveRollups(ctx context.Context, r *run) error {
	for _, o := range oldRollups {
		if err := archiveRollup(ctx, r, o); err != nil {
			return fmt.Errorf("keeping of %s what rows no longer give: %w", o.name, err)
		}
	}
	return nil
}

func archiveRollup(ctx context.Context, r *run, o oldRollup) error {
	if done, err := r.isTable(ctx, o.archive); done || err != nil {
		return err
	}
	if there, err := r.isTable(ctx, o.name); err != nil {
		return err
	} else if !there { // this database never had it: the rows give everything
		return r.becomeArchive(ctx, o, o.archive+"_empty")
	}
	// A name of its own: another process may be at the same.
	var suffix [4]byte
	_, _ = rand.Read(suffix[:]) // never fails
	filling := o.archive + "_" + hex.EncodeToString(suffix[:])
	if err := r.exec(ctx, "CREATE TABLE %[1]s.%[2]s AS %[1]s.%[3]s_empty", filling, o.archive); err != nil {
		return err
	}
	for _, f := range o.feeds {
		var until time.Time
		if err := r.conn.QueryRow(ctx, "SELECT max(until) FROM "+r.database+".retention_before WHERE base = ?", f.table).Scan(&until); err != nil {
			return fmt.Errorf("reading up to when %s may lack rows: %w", f.table, err)
		}
		months, err := r.months(ctx, o, f, until)
		if err != nil {
			return err
		}
		for i, month := range months {
			r.progress(Progress{What: "sums of " + o.name + " whose rows in " + f.table + " are gone, by month", Done: i, Total: len(months)})
			if err := r.archiveMonth(ctx, o, f, filling, month, until); err != nil {
				return fmt.Errorf("month %d of %s: %w", month, f.table, err)
			}
		}
	}
	return r.becomeArchive(ctx, o, filling)
}

// becomeArchive gives a table the name of an archive table, unless another process was first.
func (r *run) becomeArchive(ctx context.Context, o oldRollup, table string) error {
	if err := r.exec(ctx, "RENAME TABLE %[1]s.%[2]s TO %[1]s.%[3]s", table, o.archive); err != nil {
		if done, err := r.isTable(ctx, o.archive); done && err == nil {
			return r.exec(ctx, "DROP TABLE IF EXISTS %[1]s.%[2]s", table)
		}
		return err
	}
	return nil
}

// months of received_at that an old rollup has of a feed, before a day.
func (r *run) months(ctx context.Context, o oldRollup, f oldFeed, until time.Time) ([]uint32, error) {
	rows, err := r.conn.Query(ctx, fmt.Sprintf("SELECT DISTINCT toYYYYMM(ledger_day) AS month FROM %s.%s WHERE ledger_day < '%s' AND %s != 0 ORDER BY month",
		r.database, o.name, until.Format(time.DateOnly), f.n))
	if err != nil {
		return nil, fmt.Errorf("reading its months: %w", err)
	}
	defer rows.Close() // its error is rows.Err's
	var months []uint32
	for rows.Next() {
		var month uint32
		if err := rows.Scan(&month); err != nil {
			return nil, fmt.Errorf("reading its months: %w", err)
		}
		months = append(months, month)
	}
	return months, rows.Err()
}

// archiveMonth adds to a table what a month of an old rollup has more than the rows give, key by key, and counts that it did.
func (r *run) archiveMonth(ctx context.Context, o oldRollup, f oldFeed, filling string, month uint32, until time.Time) error {
	sums := make([]string, len(f.columns))
	for i, c := range f.columns {
		sums[i] = fmt.Sprintf("sum(d_%s) AS s_%s", c, c)
	}
	keys := "ledger_day, " + o.kept + ", " + strings.Join(o.dims, ", ")
	missing := fmt.Sprintf("SELECT %[1]s, %[2]s FROM (\n%[3]s\n) GROUP BY %[1]s HAVING s_%[4]s > 0", keys, strings.Join(sums, ", "),
		r.differences(o, f, o.name, fmt.Sprintf("toYYYYMM(%%s) = %d AND toDate(%%s) < '%s'", month, until.Format(time.DateOnly))), f.n)
	const settings = " SETTINGS async_insert = 0, max_bytes_before_external_group_by = 1000000000"
	if err := r.exec(ctx, "INSERT INTO %[1]s.%[2]s (%[3]s, %[4]s)"+settings+" %[5]s", filling, keys, strings.Join(f.columns, ", "), missing); err != nil {
		return err
	}
	// What is there now must be what was to be kept, every column of it.
	var want, have, total []string
	for _, c := range f.columns {
		want = append(want, "toString(sum(s_"+c+"))")
		have = append(have, "toString(sum("+c+"))")
	}
	var kept, there []string
	total = []string{strings.Join(want, ", "), strings.Join(have, ", ")}
	if err := r.conn.QueryRow(ctx, fmt.Sprintf("SELECT [%s] FROM (%s)"+settings, total[0], missing)).Scan(&kept); err != nil {
		return fmt.Errorf("adding up what is missing: %w", err)
	}
	if err := r.conn.QueryRow(ctx, fmt.Sprintf("SELECT [%s] FROM %s.%s WHERE toYYYYMM(ledger_day) = %d AND ledger_day < '%s'", total[1], r.database, filling, month,
		until.Format(time.DateOnly))).Scan(&there); err != nil {
		return fmt.Errorf("adding up what was kept: %w", err)
	}
	if a, b := strings.Join(kept, " "), strings.Join(there, " "); a != b {
		return fmt.Errorf("%s has %s of %s, want %s; nothing is dropped, start again", filling, b, strings.Join(f.columns, ", "), a)
	}
	return nil
}

// differences are rows of keys and d_ columns: the old rollup's sums and, with the opposite sign, those of the rows. where has two verbs
// for the day of received_at.
func (r *run) differences(o oldRollup, f oldFeed, old, where string) string {
	var ours, theirs []string
	for i, c := range f.columns {
		ours = append(ours, fmt.Sprintf("%s AS d_%s", c, c))
		theirs = append(theirs, fmt.Sprintf("-%s AS d_%s", f.of[i], c))
	}
	dims, group := strings.Join(o.dims, ", "), strings.Join(o.dims, ", ")
	if f.offerless {
		dims = strings.Replace(dims, "offer_id, offer", "toUInt32(0) AS offer_id, '' AS offer", 1)
		group = strings.Replace(group, "offer_id, offer, ", "", 1)
	}
	return fmt.Sprintf("SELECT ledger_day, %s AS %s, %s, %s FROM %s.%s WHERE %s", o.time, o.kept, strings.Join(o.dims, ", "), strings.Join(ours, ", "), r.database, old,
		fmt.Sprintf(where, "ledger_day", "ledger_day")) +
		"\nUNION ALL\n" + fmt.Sprintf("SELECT toDate(received_at) AS ledger_day, %s AS %s, %s, %s FROM %s.%s WHERE %s AND %s GROUP BY ledger_day, %s, %s",
		fmt.Sprintf(o.bucket, f.at), o.kept, dims, strings.Join(theirs, ", "), r.database, f.table, f.only,
		fmt.Sprintf(where, "received_at", "received_at"), o.kept, group)
}

// setAside frees the old rollups' names for the views.
func setAside(ctx context.Context, r *run) error {
	for _, o := range oldRollups {
		old, err := r.isTable(ctx, o.name)
		if err != nil || !old {
			if err != nil {
				return err
			}
			continue
		}
		if err := r.exec(ctx, "RENAME TABLE %[1]s.%[2]s TO %[1]s.%[3]s", o.name, o.replaced()); err != nil {
			if still, err2 := r.isTable(ctx, o.name); still || err2 != nil {
				return err
			}
		}
	}
	return nil
}

// dropRollups drops each old rollup of which the rows and the archive have everything, and what else the migration needed.
func dropRollups(ctx context.Context, r *run) error {
	for _, o := range oldRollups {
		there, err := r.isTable(ctx, o.replaced())
		if err != nil {
			return err
		}
		if there {
			if err := r.dropRollup(ctx, o); err != nil {
				return err
			}
		}
		if err := r.exec(ctx, "DROP TABLE IF EXISTS %[1]s.%[2]s_empty", o.archive); err != nil {
			return err
		}
	}
	rows, err := r.conn.Query(ctx, "SELECT name FROM system.tables WHERE database = ? AND name LIKE 'archive\\_%'", r.database)
	if err != nil {
		return fmt.Errorf("looking for what a killed migration left: %w", err)
	}
	defer rows.Close() // its error is rows.Err's
	left := regexp.MustCompile(`^archive_(minute|quarter)(_traffic)?_[0-9a-f]{8}$`)
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return fmt.Errorf("looking for what a killed migration left: %w", err)
		}
		if left.MatchString(name) {
			names = append(names, name)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, name := range names {
		if err := r.exec(ctx, "DROP TABLE IF EXISTS %[1]s.%[2]s", name); err != nil {
			return err
		}
	}
	return r.exec(ctx, "DROP TABLE IF EXISTS %[1]s.retention_before")
}

// dropRollup compares an old rollup with the rows and the archive, by day of receipt, hour, campaign and source. More rows than it has is
// what several kills of ClickHouse have kept from it. Where it has more, that is kept for a person to look at.
func (r *run) dropRollup(ctx context.Context, o oldRollup) error {
	kept := false
	for _, f := range o.feeds {
		columns := append([]string{f.n}, f.money...)
		part := func(sign, day, hour, from, only string, of func(string) string) string {
			sums := make([]string, len(columns))
			for i, c := range columns {
				sums[i] = fmt.Sprintf("%s%s AS d_%s", sign, of(c), c)
			}
			return fmt.Sprintf("SELECT %s AS k_day, %s AS k_hour, campaign_id, source_id, %s FROM %s.%s WHERE %s GROUP BY k_day, k_hour, campaign_id, source_id",
				day, hour, strings.Join(sums, ", "), r.database, from, only)
		}
		summed := func(c string) string { return "sum(" + c + ")" }
		of := func(c string) string {
			for i, name := range f.columns {
				if name == c {
					return f.of[i]
				}
			}
			return "0"
		}
		unequal := []string{}
		outer := make([]string, len(columns))
		for i, c := range columns {
			outer[i] = fmt.Sprintf("sum(d_%s) AS s_%s", c, c)
			if i > 0 {
				unequal = append(unequal, "s_"+c+" != 0")
			}
		}
		surplus := "s_" + f.n + " > 0"
		if len(unequal) > 0 {
			surplus += " OR s_" + f.n + " = 0 AND (" + strings.Join(unequal, " OR ") + ")"
		}
		query := fmt.Sprintf("SELECT count(), toInt64(sum(s_%s)), toString(min(k_day)), toString(max(k_day)) FROM (SELECT k_day, %s FROM (\n%s\nUNION ALL %s\nUNION ALL %s\n) GROUP BY k_day, k_hour, campaign_id, source_id HAVING %s)",
			f.n, strings.Join(outer, ", "),
			part("", "ledger_day", "toStartOfHour("+o.time+")", o.replaced(), "1", summed),
			part("-", "ledger_day", "toStartOfHour("+o.kept+")", o.archive, "1", summed),
			part("-", "toDate(received_at)", fmt.Sprintf(hourOf, f.at), f.table, f.only, of), surplus)
		var hours uint64
		var more int64
		var first, last string
		if err := r.conn.QueryRow(ctx, query).Scan(&hours, &more, &first, &last); err != nil {
			return fmt.Errorf("comparing %s with %s: %w", o.replaced(), f.table, err)
		}
		if hours > 0 {
			kept = true
			r.progress(Progress{What: fmt.Sprintf("%s had %d more of %s than %s has rows, or other money, in %d hours of %s to %s, and no retention explains it: the views show what the rows say, and %s is kept for you to compare; drop it when you have",
				o.name, more, f.n, f.table, hours, first, last, o.replaced())})
		}
	}
	if kept {
		return nil
	}
	// A server refuses large tables unless it is told.
	return r.exec(ctx, "DROP TABLE IF EXISTS %[1]s.%[2]s SETTINGS max_table_size_to_drop = 0", o.replaced())
}
