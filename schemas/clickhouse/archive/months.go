package archive

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"tributary/schemas"
)

// A standing is what there is of a month of a table.
type standing struct {
	month Month
	// rows of the table by stamp, 0 for none.
	rows map[uint64]uint64
	// runs are committed, with how many rows each summed.
	runs   map[uint64]uint64
	latest time.Time
}

// pending are the stamps that are not committed.
func (s *standing) pending() []uint64 {
	var list []uint64
	for _, stamp := range slices.Sorted(maps.Keys(s.rows)) {
		if _, committed := s.runs[stamp]; stamp != 0 && !committed {
			list = append(list, stamp)
		}
	}
	return list
}

// uncommitted rows count as rows.
func (s *standing) uncommitted() uint64 {
	n := s.rows[0]
	for _, stamp := range s.pending() {
		n += s.rows[stamp]
	}
	return n
}

// all rows that are there.
func (s *standing) all() uint64 {
	var n uint64
	for _, rows := range s.rows {
		n += rows
	}
	return n
}

// standings are the months of a table, the oldest first.
func (a *archive) standings(ctx context.Context, table string) ([]standing, error) {
	return a.standingsWhere(ctx, table, "1", "1")
}

func (a *archive) standing(ctx context.Context, table string, month Month) (standing, error) {
	all, err := a.standingsWhere(ctx, table, fmt.Sprintf("toYYYYMM(received_at) = %d", month), fmt.Sprintf("month = %d", month))
	if err != nil || len(all) == 0 {
		return standing{month: month}, err
	}
	return all[0], nil
}

func (a *archive) standingsWhere(ctx context.Context, table, ofRows, ofMonths string) ([]standing, error) {
	all := map[Month]*standing{}
	at := func(month uint32) *standing {
		if all[Month(month)] == nil {
			all[Month(month)] = &standing{month: Month(month), rows: map[uint64]uint64{}, runs: map[uint64]uint64{}}
		}
		return all[Month(month)]
	}
	// Rows are read first: a run that is committed between the two, and its rows dropped, is seen as committed.
	rows, err := a.ClickHouse.Query(ctx, a.text("SELECT toUInt32(toYYYYMM(received_at)) AS month, "+schemas.StampColumn+
		", count() FROM {database}."+table+" WHERE "+ofRows+" GROUP BY month, "+schemas.StampColumn))
	if err != nil {
		return nil, fmt.Errorf("looking for the months of %s: %w", table, err)
	}
	defer rows.Close() // its error is rows.Err's
	for rows.Next() {
		var month uint32
		var stamp, n uint64
		if err := rows.Scan(&month, &stamp, &n); err != nil {
			return nil, fmt.Errorf("looking for the months of %s: %w", table, err)
		}
		at(month).rows[stamp] = n
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("looking for the months of %s: %w", table, err)
	}
	committed, err := a.ClickHouse.Query(ctx, a.text("SELECT month, run, rows, committed_at FROM {database}."+
		schemas.TableArchiveMonths+" WHERE base = '"+table+"' AND "+ofMonths))
	if err != nil {
		return nil, fmt.Errorf("looking for archived months of %s: %w", table, err)
	}
	defer committed.Close()
	for committed.Next() {
		var month uint32
		var run, n uint64
		var when time.Time
		if err := committed.Scan(&month, &run, &n, &when); err != nil {
			return nil, fmt.Errorf("looking for archived months of %s: %w", table, err)
		}
		s := at(month)
		s.runs[run] = n
		if when.After(s.latest) {
			s.latest = when
		}
	}
	if err := committed.Err(); err != nil {
		return nil, fmt.Errorf("looking for archived months of %s: %w", table, err)
	}
	list := make([]standing, 0, len(all))
	for _, month := range slices.Sorted(maps.Keys(all)) {
		list = append(list, *all[month])
	}
	return list, nil
}

// A Listed is a month of a table as it is.
type Listed struct {
	Table string `json:"table"`
	Month Month  `json:"month"`
	// Rows count as rows. Archived are in the sums, by Runs; Kept of them are there still.
	Rows     uint64 `json:"rows"`
	Archived uint64 `json:"archived"`
	Runs     int    `json:"runs"`
	Kept     uint64 `json:"kept"`
	// Latest is when the newest of the runs was committed, UTC; zero where none was.
	Latest time.Time `json:"latest"`
}

// List returns every month of every table that is archived, the oldest of each first.
func List(ctx context.Context, options Options) ([]Listed, error) {
	a, err := open(ctx, options)
	if err != nil {
		return nil, err
	}
	var list []Listed
	for _, table := range Tables() {
		months, err := a.standings(ctx, table)
		if err != nil {
			return nil, err
		}
		for _, s := range months {
			l := Listed{Table: table, Month: s.month, Rows: s.uncommitted(), Runs: len(s.runs), Latest: s.latest}
			for run, n := range s.runs {
				l.Archived += n
				l.Kept += s.rows[run]
			}
			list = append(list, l)
		}
	}
	return list, nil
}
