package clickhouse

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"tributary/schemas"
)

// A Progress says how far a long part of a migration is.
type Progress struct {
	// What is being done, in words.
	What string
	// Done of Total parts of tables, or rows; both 0 where a thing is only said.
	Done, Total int
	// Rate is how many of them a second were done so far; 0 while that is not known.
	Rate float64
	// Expected: what is said is part of every upgrade, and nobody has to do anything.
	Expected bool
	// Left is how long the rest takes at the rate so far; 0 while that is not known.
	Left time.Duration
}

// A step is a part of a migration that depends on what it finds, which SQL cannot say. A statement CALL name in a migration's file runs
// it. It may have been begun or done before, and another process may be at it.
type step func(context.Context, *run) error

var steps = map[string]step{
	"note_retention":    noteRetention,
	"end_retention":     endRetention,
	"materialize":       materialize,
	"materialize_names": materializeNames,
	"await_inserts":     awaitInserts,
	"archive":           archiveRollups,
	"set_aside":         setAside,
	"drop_rollups":      dropRollups,
}

// run is what a step works with.
type run struct {
	conn     driver.Conn
	database string
	progress func(Progress)
	tables   []schemas.Table
	views    schemas.Views
	// fillMost is how many clicks fillDimensions takes at once; 0 stands for the constant.
	fillMost int
}

// exec formats a statement, in which %[1]s is the database.
func (r *run) exec(ctx context.Context, statement string, arguments ...any) error {
	statement = fmt.Sprintf(statement, append([]any{r.database}, arguments...)...)
	if err := r.conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%.160s: %w", statement, err)
	}
	return nil
}

// engine is the engine of a table with its settings, as ClickHouse writes it; empty where there is no such table.
func (r *run) engine(ctx context.Context, table string) (string, error) {
	rows, err := r.conn.Query(ctx, "SELECT if(engine_full = '', engine, engine_full) FROM system.tables WHERE database = ? AND name = ?", r.database, table)
	if err != nil {
		return "", fmt.Errorf("looking for the table %s: %w", table, err)
	}
	defer rows.Close() // its error is rows.Err's
	var engine string
	for rows.Next() {
		if err := rows.Scan(&engine); err != nil {
			return "", fmt.Errorf("looking for the table %s: %w", table, err)
		}
	}
	return engine, rows.Err()
}

// isTable: it has rows of its own.
func (r *run) isTable(ctx context.Context, table string) (bool, error) {
	engine, err := r.engine(ctx, table)
	return engine != "" && engine != "View" && engine != "MaterializedView", err
}

// poll asks until it is done.
func poll(ctx context.Context, done func() (bool, error)) error {
	const pause = 200 * time.Millisecond
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}
