package sink

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// A rollup is a table that a materialized view fills from every insert into a base table. Its rows are sums, so a span's
// share of them cannot be looked up by offset; but every row of the base table counts one in exactly one key of it.
type rollup struct {
	table, view string
	// time is the rollup's column of click time, and bucket the same of a base row.
	time, bucket string
	// n counts base rows; a and b are sums of money, base the same of base rows. Empty: there is none.
	n, a, b      string
	baseA, baseB string
	// only is the condition of the base rows that count at all; empty for every row.
	only string
	// offer is the offer number of a base row; empty for its column.
	offer string
}

// rollupsOf are the rollups of each table (schemas/clickhouse/migrations/0005_rollups.sql and 0010_traffic.sql).
var rollupsOf = map[string][]rollup{
	"clicks": {
		{table: "rollup_minute", view: "rollup_minute_from_clicks", time: "minute", bucket: "toStartOfMinute(toDateTime(event_at, 'UTC'))", n: "clicks", a: "cost", baseA: "cost"},
		{table: "rollup_hour", view: "rollup_hour_from_clicks", time: "hour", bucket: "toStartOfHour(toDateTime(event_at, 'UTC'))", n: "clicks", a: "cost", baseA: "cost"},
		{table: "rollup_minute_traffic", view: "rollup_minute_traffic_from_clicks", time: "minute", bucket: "toStartOfMinute(toDateTime(event_at, 'UTC'))", n: "clicks", only: "_layout >= 1"},
		{table: "rollup_hour_traffic", view: "rollup_hour_traffic_from_clicks", time: "hour", bucket: "toStartOfHour(toDateTime(event_at, 'UTC'))", n: "clicks", only: "_layout >= 1"},
	},
	"impressions": {
		{table: "rollup_minute_traffic", view: "rollup_minute_traffic_from_impressions", time: "minute", bucket: "toStartOfMinute(toDateTime(event_at, 'UTC'))", n: "impressions",
			a: "impression_cost", baseA: "cost", only: "NOT copy", offer: "toUInt32(0)"},
		{table: "rollup_hour_traffic", view: "rollup_hour_traffic_from_impressions", time: "hour", bucket: "toStartOfHour(toDateTime(event_at, 'UTC'))", n: "impressions",
			a: "impression_cost", baseA: "cost", only: "NOT copy", offer: "toUInt32(0)"},
	},
	"landing_clicks": {
		{table: "rollup_minute_traffic", view: "rollup_minute_traffic_from_landing_clicks", time: "minute", bucket: "toStartOfMinute(toDateTime(click_at, 'UTC'))", n: "landing_clicks", only: "NOT copy"},
		{table: "rollup_hour_traffic", view: "rollup_hour_traffic_from_landing_clicks", time: "hour", bucket: "toStartOfHour(toDateTime(click_at, 'UTC'))", n: "landing_clicks", only: "NOT copy"},
	},
	"conversions": {
		{table: "rollup_minute", view: "rollup_minute_from_conversions", time: "minute", bucket: "toStartOfMinute(toDateTime(click_at, 'UTC'))", n: "entries",
			a: "revenue_hold", b: "revenue_confirmed", baseA: "revenue_hold_delta", baseB: "revenue_confirmed_delta"},
		{table: "rollup_hour", view: "rollup_hour_from_conversions", time: "hour", bucket: "toStartOfHour(toDateTime(click_at, 'UTC'))", n: "entries",
			a: "revenue_hold", b: "revenue_confirmed", baseA: "revenue_hold_delta", baseB: "revenue_confirmed_delta"},
	},
}

// tallyKey is a coarse key of a rollup: Unix seconds of its time column, campaign, source and offer numbers.
type tallyKey struct{ at, campaign, source, offer uint32 }

// tally is how many base rows a key has, and two sums of their money in micros.
type tally struct{ n, a, b int64 }

type tallies map[tallyKey]tally

// maxTallyTimes bounds how many minutes or hours of a span are compared.
const maxTallyTimes = 1024

func (in *inserter) tallies(ctx context.Context, query string) (tallies, error) {
	rows, err := in.conn.Query(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("comparing %s.%s with its rollups: %w", in.database, in.table.name(), err)
	}
	defer rows.Close() // its error is rows.Err's
	found := make(tallies)
	for rows.Next() {
		var k tallyKey
		var t tally
		if err := rows.Scan(&k.at, &k.campaign, &k.source, &k.offer, &t.n, &t.a, &t.b); err != nil {
			return nil, fmt.Errorf("comparing %s.%s with its rollups: %w", in.database, in.table.name(), err)
		}
		found[k] = t
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("comparing %s.%s with its rollups: %w", in.database, in.table.name(), err)
	}
	return found, nil
}

func micros(column string) string {
	if column == "" {
		return "toInt64(0)"
	}
	return "toInt64(sum(" + column + ") * 1000000)"
}

const groupByKey = " GROUP BY at, campaign_id, source_id, offer_id"

// baseTallies are the sums that a rollup should have of base rows.
func (in *inserter) baseTallies(ctx context.Context, r rollup, where string) (tallies, error) {
	offer := "offer_id"
	if r.offer != "" {
		offer = r.offer + " AS offer_id"
	}
	if r.only != "" {
		where += " AND " + r.only
	}
	return in.tallies(ctx, fmt.Sprintf("SELECT toUInt32(%s) AS at, campaign_id, source_id, %s, toInt64(count()) AS n, %s AS a, %s AS b FROM %s.%s WHERE %s",
		r.bucket, offer, micros(r.baseA), micros(r.baseB), in.database, in.table.name(), where)+groupByKey)
}

// rollupTallies are the sums that a rollup has.
func (in *inserter) rollupTallies(ctx context.Context, r rollup, where string) (tallies, error) {
	return in.tallies(ctx, fmt.Sprintf("SELECT toUInt32(%s) AS at, campaign_id, source_id, offer_id, toInt64(sum(%s)) AS n, %s AS a, %s AS b FROM %s.%s WHERE %s",
		r.time, r.n, micros(r.a), micros(r.b), in.database, r.table, where)+groupByKey)
}

// verdict is what a comparison of a span with a rollup shows.
type verdict uint8

const (
	// unclear: other inserts are in the way; look again.
	unclear verdict = iota
	present
	absent
)

// inRollup finds out whether a rollup has the rows of a place, all of which the table has. One insert's rows come to a
// rollup all together or not at all, the table has a row before its rollups have it, and nothing else adds to either. So
//
//   - if a key of the rollup, read before the table, misses fewer rows than the place has of that key, it has the place's;
//   - if, read after the table and after every insert that was running then, each key misses exactly what the place has of
//     it, it has not, or another insert with equal sums is missing in its stead, which is the same to every query.
func (in *inserter) inRollup(ctx context.Context, r rollup, p place, month int32) (verdict, error) {
	ours, err := in.baseTallies(ctx, r, p.where())
	if err != nil {
		return unclear, err
	}
	times := make(map[uint32]bool)
	var list []string
	for k := range ours {
		if !times[k.at] && len(list) < maxTallyTimes {
			times[k.at] = true
			list = append(list, fmt.Sprint(k.at))
		}
	}
	if len(list) == 0 {
		return present, nil // nothing to look for
	}
	atTimes := " AND at IN (" + strings.Join(list, ",") + ")"
	rollupWhere := fmt.Sprintf("toYYYYMM(ledger_day) = %d%s", month, atTimes)
	had, err := in.rollupTallies(ctx, r, rollupWhere)
	if err != nil {
		return unclear, err
	}
	all, err := in.baseTallies(ctx, r, fmt.Sprintf("toYYYYMM(received_at) = %d%s", month, atTimes))
	if err != nil {
		return unclear, err
	}
	read := time.Now()
	for k, our := range ours {
		if times[k.at] && all[k].n-had[k].n < our.n {
			return present, nil
		}
	}
	var running uint64
	query := fmt.Sprintf("SELECT count() FROM system.processes WHERE query_kind = 'Insert' AND elapsed > %.3f", time.Since(read).Seconds())
	if err := in.conn.QueryRow(ctx, query).Scan(&running); err != nil {
		return unclear, fmt.Errorf("looking for running inserts: %w", err)
	}
	if running > 0 {
		return unclear, nil
	}
	has, err := in.rollupTallies(ctx, r, rollupWhere)
	if err != nil {
		return unclear, err
	}
	for k, our := range ours {
		if times[k.at] && (tally{all[k].n - has[k].n, all[k].a - has[k].a, all[k].b - has[k].b}) != our {
			return unclear, nil
		}
	}
	return absent, nil
}

// fillRollup inserts the sums of a place into a rollup, as its view would have, in one block. It has no token: whether it went through
// is seen by comparing again.
func (in *inserter) fillRollup(ctx context.Context, r rollup, p place) error {
	var query string
	if err := in.conn.QueryRow(ctx, fmt.Sprintf("SELECT as_select FROM system.tables WHERE database = '%s' AND name = '%s'", in.database, r.view)).Scan(&query); err != nil {
		return fmt.Errorf("reading the view %s.%s: %w", in.database, r.view, err)
	}
	var columns []string
	if err := in.conn.QueryRow(ctx, fmt.Sprintf("SELECT groupArray(name) FROM (SELECT name FROM system.columns WHERE database = '%s' AND table = '%s' ORDER BY position)", in.database, r.view)).Scan(&columns); err != nil {
		return fmt.Errorf("reading the columns of %s.%s: %w", in.database, r.view, err)
	}
	insert := fmt.Sprintf("INSERT INTO %[1]s.%[2]s (%[3]s) %[4]s SETTINGS additional_table_filters = {'%[1]s.%[5]s': '%[6]s'}, insert_deduplicate = 0, async_insert = 0, max_insert_threads = 1, max_threads = 1, min_insert_block_size_rows = %[7]d, min_insert_block_size_bytes = 0",
		in.database, r.table, strings.Join(columns, ", "), query, in.table.name(), strings.ReplaceAll(p.where(), "'", `\'`), 2*maxBatchRows)
	if err := in.conn.Exec(ctx, insert); err != nil {
		return fmt.Errorf("filling %s.%s from %s: %w", in.database, r.table, in.table.name(), err)
	}
	return nil
}
