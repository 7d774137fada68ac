package archive

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"tributary/schemas"
)

// chunkRows is how many rows one statement sums at most, unless a day has more: it bounds ClickHouse's memory.
const chunkRows = 5_000_000

// attempts to sum the rows of a run, which somebody may be changing amid it (`tributary forget`).
const attempts = 3

// A chunk is a run of days of received_at, and how many rows they have.
type chunk struct {
	first, last string
	rows        uint64
}

// settle sums the rows of a run and commits it. It returns how many rows changed sides: none where another process was
// faster.
func (a *archive) settle(ctx context.Context, f *schemas.Fact, month Month, run uint64) (uint64, error) {
	for i := 1; ; i++ {
		attempt := number()
		rows, err := a.sum(ctx, f, month, run, attempt)
		if err == nil {
			if err := a.await(ctx, "before sums of "+month.String()+" of "+f.Table+" count"); err != nil {
				return 0, err
			}
			err = a.commit(ctx, f, month, run, attempt, rows)
		}
		winner, wonErr := a.winner(ctx, f, run)
		switch {
		case ctx.Err() != nil:
			return 0, ctx.Err()
		case wonErr != nil:
			return 0, errors.Join(err, wonErr)
		case winner == attempt:
			a.done += rows
			return rows, nil
		case winner != 0:
			return 0, nil
		case !errors.Is(err, ErrDiffers) || i == attempts:
			return 0, err
		}
	}
}

// sum writes the sums and the offsets of a run under an attempt, and compares both with the rows.
func (a *archive) sum(ctx context.Context, f *schemas.Fact, month Month, run, attempt uint64) (rows uint64, err error) {
	where := fmt.Sprintf("toYYYYMM(received_at) = %d AND %s = %d", month, schemas.StampColumn, run)
	chunks, err := a.chunks(ctx, f, where)
	if err != nil {
		return 0, err
	}
	what := "summing " + month.String() + " of " + f.Table + ", rows"
	a.tell(what, 0)
	into := fmt.Sprintf("%d, %d, %d", month, run, attempt)
	how := schemas.ArchivingOf(f)
	for _, c := range chunks {
		of := fmt.Sprintf("%s AND toDate(received_at) BETWEEN '%s' AND '%s'", where, c.first, c.last)
		for _, statement := range []string{
			"INSERT INTO {database}." + schemas.TableArchiveSums + " (base, month, run, attempt, " + columns(how) + ") " +
				written + " SELECT '" + f.Table + "', " + into + ", * FROM (" + strings.ReplaceAll(how.Query, "{where}", of) + ")",
			"INSERT INTO {database}." + schemas.TableArchiveOffsets + " (base, month, run, attempt, day, _partition, offsets) " +
				written + " SELECT '" + f.Table + "', " + into + ", toDate(received_at) AS day, _partition, " +
				"groupBitmapState(_offset) FROM {database}." + f.Table + " WHERE " + of + " GROUP BY day, _partition",
		} {
			if err := a.exec(ctx, statement); err != nil {
				return 0, err
			}
		}
		if err := a.compare(ctx, f, how, c, of, attempt); err != nil {
			return 0, err
		}
		rows += c.rows
		a.tell(what, rows)
	}
	for _, kind := range f.Names {
		if err := a.exec(ctx, fmt.Sprintf("INSERT INTO {database}.names (kind, id, name, at) %s SELECT '%[2]s', %[2]s_id, "+
			"%[2]s, max(received_at) FROM {database}.%[3]s WHERE %[4]s AND %[2]s_id != 0 AND %[2]s != '' GROUP BY %[2]s_id, %[2]s",
			written, kind, f.Table, where)); err != nil {
			return 0, err
		}
	}
	return rows, nil
}

// written are the settings of an insert that is there when it is answered, and whose blocks are never taken for others.
const written = "SETTINGS async_insert = 0, insert_deduplicate = 0"

func columns(how schemas.Archiving) string {
	list := append([]string{}, how.Keys...)
	for _, m := range how.Figures {
		list = append(list, m.Name)
	}
	return strings.Join(list, ", ")
}

// chunks cuts the rows of a run into days.
func (a *archive) chunks(ctx context.Context, f *schemas.Fact, where string) ([]chunk, error) {
	rows, err := a.ClickHouse.Query(ctx, a.text("SELECT toString(toDate(received_at) AS day), count() FROM {database}."+f.Table+
		" WHERE "+where+" GROUP BY day ORDER BY day"))
	if err != nil {
		return nil, fmt.Errorf("counting rows of days: %w", err)
	}
	defer rows.Close() // its error is rows.Err's
	var list []chunk
	for rows.Next() {
		var c chunk
		if err := rows.Scan(&c.first, &c.rows); err != nil {
			return nil, fmt.Errorf("counting rows of days: %w", err)
		}
		c.last = c.first
		if n := len(list); n > 0 && list[n-1].rows+c.rows <= chunkRows {
			list[n-1].last, list[n-1].rows = c.last, list[n-1].rows+c.rows
			continue
		}
		list = append(list, c)
	}
	return list, rows.Err()
}

// compare holds what was written of a chunk against its rows, read one by one.
func (a *archive) compare(ctx context.Context, f *schemas.Fact, how schemas.Archiving, c chunk, of string, attempt uint64) error {
	var here, there, outer, having, keys []string
	for _, k := range how.Keys {
		keys = append(keys, "k_"+k)
		here, there = append(here, "k_"+k), append(there, k+" AS k_"+k)
	}
	for _, m := range how.Figures {
		value := "%s"
		if m.Distinct() {
			value = "finalizeAggregation(%s)"
		}
		here = append(here, fmt.Sprintf("toDecimal256("+value+", 6) AS x_%s", "s_"+m.Name, m.Name))
		there = append(there, fmt.Sprintf("-toDecimal256("+value+", 6) AS x_%s", m.Name, m.Name))
		outer = append(outer, fmt.Sprintf("sum(x_%s) AS d_%s", m.Name, m.Name))
		having = append(having, "d_"+m.Name+" != 0")
	}
	days := fmt.Sprintf("BETWEEN '%s' AND '%s'", c.first, c.last)
	query := fmt.Sprintf("SELECT count() FROM (SELECT %s FROM (SELECT %s FROM (%s) UNION ALL SELECT %s FROM {database}.%s "+
		"WHERE attempt = %d AND ledger_day %s) GROUP BY %s HAVING %s) SETTINGS optimize_use_projections = 0",
		strings.Join(outer, ", "), strings.Join(here, ", "), strings.ReplaceAll(how.Query, "{where}", of),
		strings.Join(there, ", "), schemas.TableArchiveSums, attempt, days, strings.Join(keys, ", "), strings.Join(having, " OR "))
	var n uint64
	if err := a.row(ctx, query, &n); err != nil {
		return fmt.Errorf("comparing the sums with their rows: %w", err)
	}
	if n > 0 {
		return fmt.Errorf("%w: %s in %d keys of days %s to %s", ErrDiffers, f.Table, n, c.first, c.last)
	}
	query = fmt.Sprintf("SELECT (SELECT uniqExact(_partition, _offset) FROM {database}.%s WHERE %s) - (SELECT toInt64(sum(n)) FROM "+
		"(SELECT groupBitmapMerge(offsets) AS n FROM {database}.%s WHERE attempt = %d AND day %s GROUP BY day, _partition))",
		f.Table, of, schemas.TableArchiveOffsets, attempt, days)
	var more int64
	if err := a.row(ctx, query, &more); err != nil {
		return fmt.Errorf("comparing the offsets with their rows: %w", err)
	}
	if more != 0 {
		return fmt.Errorf("%w: %s has %d more offsets than the archive of days %s to %s", ErrDiffers, f.Table, more, c.first, c.last)
	}
	return nil
}

// commits is how often a commit is tried: a token outlives the row that ClickHouse was killed before.
const commits = 10

// commit writes the row that changes the side of a run's rows. The token lets one in, whoever comes; where it is there and
// the row is not, ClickHouse was killed between the two, and nobody's row will come under it any more.
func (a *archive) commit(ctx context.Context, f *schemas.Fact, month Month, run, attempt, rows uint64) error {
	for i := range commits {
		if winner, err := a.winner(ctx, f, run); err != nil || winner != 0 {
			return err
		}
		if err := a.exec(ctx, fmt.Sprintf("INSERT INTO {database}.%s (base, month, run, attempt, rows, committed_at) "+
			"SETTINGS async_insert = 0, insert_deduplicate = 1, insert_deduplication_token = 'run-%d-%d' "+
			"VALUES ('%s', %d, %d, %d, %d, now64(3, 'UTC'))",
			schemas.TableArchiveMonths, run, i, f.Table, month, run, attempt, rows)); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: the row of run %d was taken %d times and is not there", ErrBusy, run, commits)
}

// winner is the attempt that counts of a run; 0 while none does.
func (a *archive) winner(ctx context.Context, f *schemas.Fact, run uint64) (uint64, error) {
	var attempt uint64
	query := fmt.Sprintf("SELECT max(attempt) FROM {database}.%s WHERE base = '%s' AND run = %d", schemas.TableArchiveMonths, f.Table, run)
	if err := a.row(ctx, query, &attempt); err != nil {
		return 0, fmt.Errorf("looking whether a run counts: %w", err)
	}
	return attempt, nil
}
