package archive

import (
	"context"
	"fmt"
	"strings"
	"time"

	"tributary/schemas"
)

// drop deletes the rows of a month that are in the archive.
func (a *archive) drop(ctx context.Context, f *schemas.Fact, month Month) (uint64, error) {
	s, err := a.standing(ctx, f.Table, month)
	if err != nil {
		return 0, err
	}
	var stamps []string
	var rows uint64
	for run := range s.runs {
		if n := s.rows[run]; n > 0 {
			stamps, rows = append(stamps, fmt.Sprint(run)), rows+n
		}
	}
	if rows == 0 {
		return 0, nil
	}
	if err := a.await(ctx, "before rows of "+month.String()+" of "+f.Table+" are dropped"); err != nil {
		return 0, err
	}
	a.tell("dropping rows of "+month.String()+" of "+f.Table, 0)
	// Not the partition: a row may have come that no run has.
	if err := a.exec(ctx, fmt.Sprintf("ALTER TABLE {database}.%s DELETE IN PARTITION ID '%d' WHERE %s IN (%s) SETTINGS mutations_sync = 0",
		f.Table, month, schemas.StampColumn, strings.Join(stamps, ", "))); err != nil {
		return 0, err
	}
	return rows, a.stamped(ctx, f)
}

// clean deletes what attempts left that did not win.
func (a *archive) clean(ctx context.Context) error {
	for _, table := range []string{schemas.TableArchiveSums, schemas.TableArchiveOffsets} {
		lost := "attempt NOT IN (SELECT attempt FROM {database}." + schemas.TableArchiveMonths + ") AND " +
			"run IN (SELECT run FROM {database}." + schemas.TableArchiveMonths + ")"
		rows, err := a.ClickHouse.Query(ctx, a.text("SELECT DISTINCT month, attempt FROM {database}."+table+" WHERE "+lost))
		if err != nil {
			return fmt.Errorf("looking for attempts that did not win: %w", err)
		}
		attempts := map[uint32][]string{}
		for rows.Next() {
			var month uint32
			var attempt uint64
			if err := rows.Scan(&month, &attempt); err != nil {
				rows.Close()
				return fmt.Errorf("looking for attempts that did not win: %w", err)
			}
			attempts[month] = append(attempts[month], fmt.Sprint(attempt))
		}
		rows.Close()
		if err := rows.Err(); err != nil {
			return fmt.Errorf("looking for attempts that did not win: %w", err)
		}
		for month, list := range attempts {
			if err := a.exec(ctx, fmt.Sprintf("ALTER TABLE {database}.%s DELETE IN PARTITION ID '%d' WHERE attempt IN (%s) SETTINGS mutations_sync = 1",
				table, month, strings.Join(list, ", "))); err != nil {
				return err
			}
		}
	}
	return nil
}

// stamped waits until ClickHouse has stamped, or deleted, what was asked for of a table, by whomever.
func (a *archive) stamped(ctx context.Context, f *schemas.Fact) error {
	var disk fullDisk
	return a.poll(ctx, func() (string, error) {
		var left uint64
		query := "SELECT count() FROM system.mutations WHERE database = ? AND table = ? AND NOT is_done AND position(command, ?) > 0"
		if err := a.row(ctx, query, &left, a.Database, f.Table, schemas.StampColumn); err != nil || left == 0 {
			return "", err
		}
		var failed string
		query = strings.Replace(query, "count()", "max(latest_fail_reason)", 1)
		if err := a.row(ctx, query, &failed, a.Database, f.Table, schemas.StampColumn); err != nil {
			return "", err
		}
		if failed != "" {
			return "", fmt.Errorf(
				"%w: it could not rewrite parts of %s: %s; it goes on trying, and so will the next run", ErrBusy,
				f.Table, failed)
		}
		what := "rewriting parts of " + f.Table
		largest, free, err := a.space(ctx, f)
		if err != nil {
			return "", err
		}
		says, full := disk.look(largest, free, time.Now())
		if full {
			return "", fmt.Errorf(
				"%w: %s%s: free some of its disk; ClickHouse goes on by itself then, and so does the next run", ErrBusy,
				what, says)
		}
		return what + says, nil
	})
}

// space returns the size of the largest part of a table that is to be rewritten, and what ClickHouse's disk has room for, in bytes.
func (a *archive) space(ctx context.Context, f *schemas.Fact) (largest, free int64, err error) {
	const query = "SELECT toInt64(max(bytes_on_disk)), toInt64((SELECT max(unreserved_space) FROM system.disks)) FROM system.parts " +
		"WHERE database = ? AND table = ? AND active AND name IN " +
		"(SELECT arrayJoin(parts_to_do_names) FROM system.mutations WHERE database = ? AND table = ? AND NOT is_done)"
	if err := a.ClickHouse.QueryRow(ctx, query, a.Database, f.Table, a.Database, f.Table).Scan(&largest, &free); err != nil {
		return 0, 0, fmt.Errorf("asking ClickHouse for room on its disk: %w", err)
	}
	return largest, free, nil
}

// fullFor is how long ClickHouse's disk may be too full to go on.
const fullFor = time.Minute

// A fullDisk remembers since when ClickHouse has had no room for a part. It waits for room in silence: no mutation fails.
type fullDisk struct{ since time.Time }

// look says that there is no room, and whether there has been none for fullFor.
func (d *fullDisk) look(largest, free int64, now time.Time) (says string, full bool) {
	if largest <= free {
		d.since = time.Time{}
		return "", false
	}
	if d.since.IsZero() {
		d.since = now
	}
	return fmt.Sprintf(", the largest of which has %.1f MiB, and ClickHouse's disk has room for %.1f", float64(largest)/(1<<20), float64(free)/(1<<20)),
		now.Sub(d.since) >= fullFor
}

// await waits until every query has ended that began before: it may see tables as they were.
func (a *archive) await(ctx context.Context, why string) error {
	since := time.Now()
	return a.poll(ctx, func() (string, error) {
		var running uint64
		query := fmt.Sprintf(
			"SELECT count() FROM system.processes WHERE query_kind IN ('Select', 'Insert') AND elapsed > %.6f",
			time.Since(since).Seconds())
		if err := a.row(ctx, query, &running); err != nil {
			return "", fmt.Errorf("looking for running queries: %w", err)
		}
		if running == 0 {
			return "", nil
		}
		return fmt.Sprintf("waiting for %d queries to end, %s", running, why), nil
	})
}

// poll asks until nothing is named any more that is waited for.
func (a *archive) poll(ctx context.Context, asks func() (string, error)) error {
	const pause = 50 * time.Millisecond
	for deadline := time.Now().Add(a.Patience); ; {
		what, err := asks()
		if err != nil || what == "" {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%w: %s for %s; start again later", ErrBusy, what, a.Patience)
		}
		a.tell(what, 0)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}
