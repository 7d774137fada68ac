package report

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/shopspring/decimal"

	"tributary/schemas"
)

// errMoved: the archive has a month since it was planned without one, or may have.
var errMoved = errors.New("a month moved to the archive meanwhile")

// read runs a plan and reads its answer.
func (p *Plan) read(ctx context.Context, conn driver.Conn, sql string) (*Table, error) {
	rows, err := conn.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	defer rows.Close() // its error is rows.Err's
	t := p.empty()
	columns, types := rows.Columns(), rows.ColumnTypes()
	at := map[string]int{}
	into := make([]any, len(types))
	for i, kind := range types {
		at[columns[i]], into[i] = i, reflect.New(kind.ScanType()).Interface()
	}
	value := func(name string) any { return reflect.ValueOf(into[at[name]]).Elem().Interface() }
	told := false
	for n := -1; rows.Next(); n++ {
		told = true
		if err := rows.Scan(into...); err != nil {
			return nil, fmt.Errorf("reading a row: %w", err)
		}
		if n < 0 { // the totals come first
			if all, ok := value("rows_in_all").(uint64); ok {
				t.Groups = int(all) - 1
			}
			if p.unmoved && value(movedColumn) != uint64(0) {
				return nil, errMoved
			}
			if value("is_total").(uint8) != 1 {
				return nil, fmt.Errorf("the first row is not the totals: %v", columns)
			}
			t.Totals.Figures, t.Totals.Before = p.figuresOf(value)
			continue
		}
		if n < p.question.Offset {
			continue
		}
		if len(t.Rows) == MaxRows {
			return nil, wrong("there are %d groups, more than %d: name a limit, or leave some out", t.Groups, MaxRows)
		}
		var r Row
		r.Figures, r.Before = p.figuresOf(value)
		r.Keys = p.keysOf(value)
		t.Rows = append(t.Rows, r)
	}
	if p.unmoved && !told && rows.Err() == nil { // no row at all: none says whether a month has moved
		return nil, errMoved
	}
	if len(p.keys) == 0 {
		t.Rows, t.Groups = []Row{t.Totals}, 1
	}
	return t, rows.Err()
}

// empty is an answer without rows.
func (p *Plan) empty() *Table {
	t := &Table{Metrics: p.metrics, Period: p.period, Before: p.before, Zone: p.zone, Basis: p.question.Basis,
		Known: p.question.Known, Reads: p.Reads, Rows: []Row{}, Notes: p.notes}
	for _, k := range p.keys {
		t.Keys = append(t.Keys, KeyColumn{Name: k.name, Type: k.kind(), Number: k.number})
	}
	zeros := func() []any {
		list := make([]any, len(p.metrics))
		for i, m := range p.metrics {
			switch m.Type {
			case schemas.FigureCount:
				list[i] = int64(0)
			case schemas.FigureMoney:
				list[i] = decimal.Zero
			}
		}
		return list
	}
	t.Totals.Figures = zeros()
	if p.compared() {
		t.Totals.Before = zeros()
	}
	return t
}

func (p *Plan) figuresOf(value func(string) any) (now, before []any) {
	now = make([]any, len(p.metrics))
	for i, m := range p.metrics {
		now[i] = figureOf(value(m.Name))
	}
	if p.compared() {
		before = make([]any, len(p.metrics))
		for i, m := range p.metrics {
			before[i] = figureOf(value(m.Name + Before))
		}
	}
	return now, before
}

// figureOf is a value of the driver as Row has it.
func figureOf(v any) any {
	switch v := v.(type) {
	case *float64:
		if v == nil {
			return nil
		}
		return figureOf(*v)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil
		}
	}
	return v
}

func (p *Plan) keysOf(value func(string) any) []any {
	keys := make([]any, len(p.keys))
	for i, k := range p.keys {
		v := value(k.name)
		if !k.number && k.by.named() {
			if id, ok := keys[i-1].(uint32); ok && id != 0 {
				if name := p.names[k.name][id]; name != "" {
					v = name
				}
			}
		}
		if t, ok := v.(time.Time); ok {
			if v = t.UTC(); k.kind() == "Date" {
				v = Date(t.Format(time.DateOnly))
			}
		}
		keys[i] = v
	}
	return keys
}
