package clickhouse

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// firstProjection is the projection of sums that the migration makes: see sums.go for what follows it.
const firstProjection = "by_quarter"

// NamesProjection is the aggregate projection of the tables that the latest names are read from.
const NamesProjection = "by_names"

// ProjectedTables are the tables whose rows are all that counts and money are made of.
var ProjectedTables = []string{"clicks", "conversions", "impressions", "landing_clicks"}

// noteRetention writes down, before anything else is changed, up to which day rows of a table may be gone by its retention: the sums of
// those days are in the old rollups only. It does so at every run, and the latest counts: what a killed run wrote may be days old, in
// which retention went on.
func noteRetention(ctx context.Context, r *run) error {
	if err := r.exec(ctx, `CREATE TABLE IF NOT EXISTS %[1]s.retention_before
(
    base String COMMENT 'Table.',
    until Date COMMENT 'First day of received_at, UTC, of which no row can be gone by retention.'
)
ENGINE = MergeTree
ORDER BY base
COMMENT 'Up to when retention may have taken rows. The migration to projections keeps it while it runs.'`); err != nil {
		return err
	}
	ttl := regexp.MustCompile(` TTL toDateTime\(received_at\) \+ toIntervalDay\((\d+)\)`)
	values := make([]string, len(ProjectedTables))
	for i, table := range ProjectedTables {
		engine, err := r.engine(ctx, table)
		if err != nil {
			return err
		}
		// A row of day d expires in the course of day d+n; a day more is for midnight.
		kept := "toDate(0)"
		if m := ttl.FindStringSubmatch(engine); m != nil {
			n, err := strconv.Atoi(m[1])
			if err != nil {
				return fmt.Errorf("reading the retention of %s: %w", table, err)
			}
			kept = fmt.Sprintf("today() - %d", n-2)
		} else if strings.Contains(engine, " TTL ") {
			kept = "today()"
		}
		var until time.Time
		query := fmt.Sprintf("SELECT greatest(%s, if(count() = 0, today(), toDate(min(received_at)))) FROM %s.%s", kept, r.database, table)
		if err := r.conn.QueryRow(ctx, query).Scan(&until); err != nil {
			return fmt.Errorf("looking for the oldest row of %s: %w", table, err)
		}
		values[i] = fmt.Sprintf("('%s', '%s')", table, until.Format(time.DateOnly))
	}
	return r.exec(ctx, "INSERT INTO %[1]s.retention_before (base, until) SETTINGS async_insert = 0 VALUES %[2]s", strings.Join(values, ", "))
}

// endRetention lets rows stay: what counts is made of them.
func endRetention(ctx context.Context, r *run) error {
	for _, table := range ProjectedTables {
		engine, err := r.engine(ctx, table)
		if err != nil {
			return err
		}
		if strings.Contains(engine, " TTL ") {
			if err := r.exec(ctx, "ALTER TABLE %[1]s.%[2]s REMOVE TTL", table); err != nil {
				return err
			}
			r.progress(Progress{What: "rows of " + table + " have no retention any more: counts and money are made of them"})
		}
	}
	return nil
}

// materialize makes the projection in the parts that were there before it. Until a part has it, queries read its rows.
func materialize(ctx context.Context, r *run) error {
	for _, table := range ProjectedTables {
		if err := materializeTable(ctx, r, table, firstProjection, "MATERIALIZE INDEX by_time, "); err != nil {
			return fmt.Errorf("making the projections of %s: %w", table, err)
		}
	}
	return nil
}

// materializeNames is materialize for the names.
func materializeNames(ctx context.Context, r *run) error {
	for _, table := range ProjectedTables {
		if !slices.Contains(Projections[table], NamesProjection) {
			continue
		}
		if err := materializeTable(ctx, r, table, NamesProjection, ""); err != nil {
			return fmt.Errorf("making the projection of the names in %s: %w", table, err)
		}
	}
	return nil
}

// materializeTable makes a projection in every part of a table that lacks it, and what is made beside it.
func materializeTable(ctx context.Context, r *run, table, projection, beside string) error {
	start, total := time.Now(), 0
	clauses := beside + "MATERIALIZE PROJECTION " + projection
	return r.rewrite(ctx, table, clauses, func() (bool, error) {
		left, err := r.partsWithout(ctx, table, projection)
		if err != nil {
			return false, err
		}
		if total = max(total, left); total > 0 {
			r.progress(Paced(Progress{What: "projections of " + table, Done: total - left, Total: total}, start))
		}
		return left > 0, nil
	})
}

// partsWithout counts the parts of a table that lack a projection.
func (r *run) partsWithout(ctx context.Context, table, projection string) (int, error) {
	var n uint64
	query := fmt.Sprintf("SELECT count() FROM system.parts WHERE database = '%[1]s' AND table = '%[2]s' AND active AND rows > 0 AND NOT has(projections, '%[3]s')", r.database, table, projection)
	if err := r.conn.QueryRow(ctx, query).Scan(&n); err != nil {
		return 0, fmt.Errorf("looking for parts without the projection: %w", err)
	}
	return int(n), nil
}

// awaitInserts waits for the inserts that began before the rollups' views were dropped: they still fill them.
func awaitInserts(ctx context.Context, r *run) error {
	start := time.Now()
	return poll(ctx, func() (bool, error) {
		var running uint64
		query := fmt.Sprintf("SELECT count() FROM system.processes WHERE query_kind = 'Insert' AND elapsed > %.3f", time.Since(start).Seconds())
		if err := r.conn.QueryRow(ctx, query).Scan(&running); err != nil {
			return false, fmt.Errorf("looking for running inserts: %w", err)
		}
		return running == 0, nil
	})
}
