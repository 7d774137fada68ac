package clickhouse

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"tributary/schemas"
)

// The table schema_views says with which text each view was made.
const viewsTable = `.schema_views
(
    name String COMMENT 'Name of the view.',
    checksum String COMMENT 'SHA-256 of the statement that made it, hex.',
    generation UInt32 COMMENT 'Generation of the program\'s views, which goes up when one changes.',
    applied_at DateTime64(3, 'UTC') COMMENT 'When it was made, UTC; the newest of a name counts.'
)
ENGINE = ReplacingMergeTree(applied_at)
ORDER BY name
COMMENT 'Which text each view was made with; one that is the same is not made again. Written by the migration runner.'`

// viewEngine is what ClickHouse calls the engine of a view.
const viewEngine = "View"

// checkGeneration refuses a database whose views a later program made.
func (r *run) checkGeneration(ctx context.Context) error {
	if len(r.views.List) == 0 {
		return nil
	}
	var generation uint32
	query := "SELECT max(generation) FROM " + r.database + ".schema_views"
	if err := r.conn.QueryRow(ctx, query).Scan(&generation); err != nil {
		return fmt.Errorf("reading %s.schema_views: %w", r.database, err)
	}
	if generation > r.views.Generation {
		return fmt.Errorf("%w: its views are of generation %d, those known here of %d; use the newer program",
			ErrNewer, generation, r.views.Generation)
	}
	return nil
}

// applyViews makes the views that are not there or have another text, in the order of the list, and drops the retired
// ones. It may be killed anywhere, and another process may be at the same: each statement can be repeated, and what was
// made is written down when all of it is there.
func (r *run) applyViews(ctx context.Context) error {
	if len(r.views.List) == 0 {
		return nil
	}
	engines, err := r.pairs(ctx, "SELECT name, engine FROM system.tables WHERE database = '"+r.database+"'")
	if err != nil {
		return fmt.Errorf("looking for what there is: %w", err)
	}
	made, err := r.pairs(ctx, "SELECT name, checksum FROM "+r.database+".schema_views FINAL")
	if err != nil {
		return fmt.Errorf("reading which text they have: %w", err)
	}
	var changed []schemas.View
	for _, v := range r.views.List {
		engine, there := engines[v.Name]
		if there && engine != viewEngine {
			return fmt.Errorf("%s is no view but has the engine %s; rename it or drop it, then start again", v.Name, engine)
		}
		if !there || made[v.Name] != checksum(v) {
			changed = append(changed, v)
		}
	}
	for i, v := range changed {
		r.progress(Progress{What: "views", Done: i, Total: len(changed)})
		if err := r.applyView(ctx, v); err != nil {
			return fmt.Errorf("making %s: %w", v.Name, err)
		}
	}
	if len(changed) > 0 {
		if err := r.noteViews(ctx, changed); err != nil {
			return fmt.Errorf("writing down which text they have: %w", err)
		}
		r.progress(Progress{What: "views", Done: len(changed), Total: len(changed)})
	}
	for _, name := range r.views.Retired {
		if engines[name] != viewEngine {
			continue
		}
		if err := r.exec(ctx, "DROP VIEW IF EXISTS %[1]s.%[2]s", name); err != nil {
			return fmt.Errorf("dropping %s: %w", name, err)
		}
	}
	return nil
}

// applyView makes one. Two processes that replace the same view can meet in ClickHouse's catalog; the next attempt
// replaces what the other has made.
func (r *run) applyView(ctx context.Context, v schemas.View) error {
	var err error
	for range attempts {
		if err = r.do(ctx, v.SQL); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// noteViews writes down the texts of views. The newest counts, also where ClickHouse's clock went back since.
func (r *run) noteViews(ctx context.Context, views []schemas.View) error {
	rows := make([]string, len(views))
	for i, v := range views {
		rows[i] = "('" + v.Name + "', '" + checksum(v) + "')"
	}
	return r.exec(ctx, "INSERT INTO %[1]s.schema_views (name, checksum, generation, applied_at) "+
		"SETTINGS async_insert = 0 "+
		"SELECT pair.1, pair.2, %[2]d, "+
		"(SELECT greatest(now64(3, 'UTC'), max(applied_at) + toIntervalMillisecond(1)) FROM %[1]s.schema_views) "+
		"FROM (SELECT arrayJoin([%[3]s]) AS pair)", r.views.Generation, strings.Join(rows, ", "))
}

func checksum(v schemas.View) string {
	sum := sha256.Sum256([]byte(v.SQL))
	return hex.EncodeToString(sum[:])
}

// pairs are the two columns of a query's rows.
func (r *run) pairs(ctx context.Context, query string) (map[string]string, error) {
	rows, err := r.conn.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close() // its error is rows.Err's
	pairs := map[string]string{}
	for rows.Next() {
		var key, value string
		if err := rows.Scan(&key, &value); err != nil {
			return nil, err
		}
		pairs[key] = value
	}
	return pairs, rows.Err()
}
