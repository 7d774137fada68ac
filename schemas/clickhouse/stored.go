package clickhouse

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"tributary/schemas"
)

// A column that ClickHouse computes as a row is written (schemas.Column.Stored) is not in parts of before; there it is
// computed when it is read, from what was stored then. storeColumns makes ClickHouse write it into those parts, a month
// at a time and the newest first; with nothing to do it is a query a table. ClickHouse writes new parts of the new
// columns alone, and puts each in the place of the old one.

// storeColumns makes ClickHouse store what parts of before lack.
func (r *run) storeColumns(ctx context.Context) error {
	for i := range r.tables {
		t := &r.tables[i]
		var names []string
		for c := range t.Columns {
			if t.Columns[c].Stored != "" {
				names = append(names, t.Columns[c].Name)
			}
		}
		if len(names) == 0 {
			continue
		}
		lacking, err := r.lacking(ctx, t.Name, names)
		if err != nil {
			return err
		}
		job := &storing{run: r, table: t, columns: names, start: time.Now()}
		for _, l := range lacking {
			job.total += l.rows
		}
		for _, l := range lacking {
			if err := job.partition(ctx, l.partition); err != nil {
				return fmt.Errorf("table %s, %s: %w", t.Name, l.partition, err)
			}
		}
	}
	return nil
}

// storing is the work at one table.
type storing struct {
	*run
	table   *schemas.Table
	columns []string
	start   time.Time
	// total rows lacked the columns.
	total int
}

// without is how many rows of a partition are in parts that lack a column.
type without struct {
	partition string
	rows      int
}

// lacking looks for partitions with parts that lack a column, newest first.
func (r *run) lacking(ctx context.Context, table string, columns []string) ([]without, error) {
	quoted := make([]string, len(columns))
	for i, c := range columns {
		quoted[i] = quote(c)
	}
	of := fmt.Sprintf("database = '%s' AND table = '%s' AND active", r.database, table)
	rows, err := r.conn.Query(ctx, fmt.Sprintf("SELECT partition_id, sum(rows) FROM system.parts WHERE %[1]s "+
		"AND rows > 0 AND name NOT IN (SELECT name FROM system.parts_columns WHERE %[1]s AND column IN (%[2]s) "+
		"GROUP BY name HAVING uniqExact(column) = %[3]d) GROUP BY partition_id ORDER BY partition_id DESC",
		of, strings.Join(quoted, ", "), len(columns)))
	if err != nil {
		return nil, fmt.Errorf("looking for parts of %s without stored columns: %w", table, err)
	}
	defer rows.Close() // its error is rows.Err's
	var all []without
	for rows.Next() {
		var w without
		var n uint64
		if err := rows.Scan(&w.partition, &n); err != nil {
			return nil, fmt.Errorf("looking for parts of %s without stored columns: %w", table, err)
		}
		w.rows = int(n)
		all = append(all, w)
	}
	return all, rows.Err()
}

// partition has ClickHouse write the columns into the parts of one partition, and waits.
func (s *storing) partition(ctx context.Context, partition string) error {
	clauses := make([]string, len(s.columns))
	for i, c := range s.columns {
		clauses[i] = "MATERIALIZE COLUMN " + quoteName(c) + " IN PARTITION ID " + quote(partition)
	}
	return s.rewrite(ctx, s.table.Name, strings.Join(clauses, ", "), func() (bool, error) {
		lacking, err := s.lacking(ctx, s.table.Name, s.columns)
		if err != nil {
			return false, err
		}
		left := 0
		for _, l := range lacking {
			left += l.rows
		}
		s.tell(partition, left)
		return slices.ContainsFunc(lacking, func(l without) bool { return l.partition == partition }), nil
	})
}

func (s *storing) tell(partition string, left int) {
	s.total = max(s.total, left)
	first, last := s.columns[0], s.columns[len(s.columns)-1]
	what := fmt.Sprintf("storing %s to %s of %s, at month %s, rows", first, last, s.table.Name, partition)
	s.progress(Paced(Progress{What: what, Done: s.total - left, Total: s.total, Expected: true}, s.start))
}
