package report

import (
	"context"
	"fmt"
	"strings"

	"tributary/schemas"
)

// names tells whether the question shows names of numbers, and whether it leaves rows out by them or sorts by them.
func (q *Question) names() (shown, filtered bool) {
	named := func(name string) bool {
		a, err := askedNamed(name)
		return err == nil && a.named()
	}
	for _, name := range q.By {
		shown = shown || named(name)
	}
	for _, f := range q.Where {
		filtered = filtered || named(f.Dimension)
	}
	for _, s := range q.Sort {
		filtered = filtered || named(s.Name)
	}
	return shown, filtered
}

// readNames reads the latest name of each number. Planning that takes longer than most questions, so names are held.
func (e *Engine) readNames(ctx context.Context) (Names, error) {
	rows, err := e.cfg.Conn.Query(ctx, "SELECT kind, id, name FROM "+e.cfg.Database+"."+latestNames)
	if err != nil {
		return nil, fmt.Errorf("reading the names: %w", err)
	}
	defer rows.Close() // its error is rows.Err's
	names := Names{}
	for rows.Next() {
		var kind, name string
		var id uint32
		if err := rows.Scan(&kind, &id, &name); err != nil {
			return nil, fmt.Errorf("reading the names: %w", err)
		}
		if names[kind] == nil {
			names[kind] = map[uint32]string{}
		}
		names[kind][id] = name
	}
	return names, rows.Err()
}

// readAbsent reads which tables have no row, so that they need not be planned: the old archives and the traffic that an
// installation does not have, and the archive that months move to while none has moved. A month may move at any time: the
// SQL then says so itself, by the same look at the months that its rows are counted by (movedColumn).
func (e *Engine) readAbsent(ctx context.Context) (map[string]bool, error) {
	var tables []string
	for _, f := range schemas.Facts {
		switch f.Name {
		case schemas.FactArchive, schemas.FactArchiveTraffic, schemas.FactImpressions, schemas.FactLandingClicks:
			tables = append(tables, quote(strings.ReplaceAll(f.Table, "{grain}", schemas.GrainQuarter)))
		}
	}
	tables = append(tables, quote(schemas.TableArchiveMonths))
	rows, err := e.cfg.Conn.Query(ctx, "SELECT name FROM system.tables WHERE database = "+quote(e.cfg.Database)+
		" AND name IN ("+strings.Join(tables, ", ")+") AND total_rows = 0")
	if err != nil {
		return nil, fmt.Errorf("looking for tables without rows: %w", err)
	}
	defer rows.Close() // its error is rows.Err's
	absent := map[string]bool{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, fmt.Errorf("looking for tables without rows: %w", err)
		}
		if name == schemas.TableArchiveMonths {
			name = schemas.TableArchiveSums
		}
		absent[name] = true
	}
	return absent, rows.Err()
}

// nameless: a number of the answer has no name.
func (p *Plan) nameless(t *Table) bool {
	for i, k := range p.keys {
		if !k.number {
			continue
		}
		for _, r := range t.Rows {
			if id := r.Keys[i].(uint32); id != 0 && r.Keys[i+1] == "" {
				return true
			}
		}
	}
	return false
}

// nameAgain reads the names anew and gives them to those of an answer that have none.
func (e *Engine) nameAgain(ctx context.Context, p *Plan, t *Table) error {
	names, err := e.names.get(ctx, e.cfg.Now(), 0, 0, e.readNames)
	if err != nil {
		return err
	}
	for i, k := range p.keys {
		if !k.number {
			continue
		}
		kind := p.keys[i+1].name
		for _, r := range t.Rows {
			if id := r.Keys[i].(uint32); id != 0 && r.Keys[i+1] == "" {
				r.Keys[i+1] = names[kind][id]
			}
		}
	}
	return nil
}
