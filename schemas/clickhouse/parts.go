package clickhouse

import (
	"context"
	"fmt"
	"time"
)

// What came later than a row, a stored column or a projection, its part lacks: queries are right all the same, and slower.
// ClickHouse writes it into the part beside inserts, when it is asked to. How far that is, is asked of ClickHouse too, so
// that a run that was cut short is gone on with, and two at once do no harm.

// rewrite has ClickHouse bring what the clauses of an ALTER say into the parts of a table, until lacks, which is asked again
// and again, returns that no part lacks it.
func (r *run) rewrite(ctx context.Context, table, clauses string, lacks func() (bool, error)) error {
	asked := false
	return poll(ctx, func() (bool, error) {
		if more, err := lacks(); err != nil || !more {
			return err == nil, err
		}
		running, failed, err := r.mutations(ctx, table, "")
		switch {
		case err != nil:
			return false, err
		case failed != "":
			return false, stuck(failed)
		case !running && asked:
			// A part that was made with the table as it was before came after the last request.
			asked = false
		case !running:
			asked = true
			return false, r.exec(ctx, "ALTER TABLE %[1]s.%[2]s %[3]s SETTINGS mutations_sync = 0, alter_sync = 0",
				table, clauses)
		}
		return false, nil
	})
}

// mutations says whether ClickHouse is at rewriting parts of a table, by a command that has the text in it, and why it
// failed last.
func (r *run) mutations(ctx context.Context, table, text string) (running bool, failed string, err error) {
	var n uint64
	query := "SELECT count(), max(latest_fail_reason) FROM system.mutations " +
		"WHERE database = ? AND table = ? AND NOT is_done AND position(command, ?) > 0"
	if err := r.conn.QueryRow(ctx, query, r.database, table, text).Scan(&n, &failed); err != nil {
		return false, "", fmt.Errorf("asking how far ClickHouse is with %s: %w", table, err)
	}
	return n > 0, failed, nil
}

func stuck(failed string) error {
	return fmt.Errorf("ClickHouse could not: %s; it goes on trying, and so will the next run", failed)
}

// Paced adds rate and time left.
func Paced(p Progress, start time.Time) Progress {
	if took := time.Since(start); p.Done > 0 && took > 0 {
		p.Rate = float64(p.Done) / took.Seconds()
		p.Left = time.Duration(float64(took) * float64(p.Total-p.Done) / float64(p.Done))
	}
	return p
}
