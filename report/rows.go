package report

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"tributary/schemas"
)

// Logs are the kinds of rows that Rows shows: tables of the loader's.
var Logs = []string{"clicks", "conversions", "impressions", "landing_clicks", "postbacks", "dead_letters", "anomalies"}

// MaxLogRows is the most rows that one question for rows is answered with.
const MaxLogRows = 1000

// rowSeconds bounds how long ClickHouse works for rows.
const rowSeconds = 20

// A RowQuestion asks for single rows, the newest first.
type RowQuestion struct {
	// Kind is one of Logs.
	Kind string
	// Where compares columns of the table; Is, IsNot, In, NotIn, Like and NotLike.
	Where []Filter
	// Period bounds received_at.
	Period Period
	// Before is where the page before ended; "" begins with the newest.
	Before string
	Limit  int
	Scope  Scope
	// Addresses: visitors' addresses are shown.
	Addresses bool
}

// Rows are the answer to one: values are text, numbers, bool, lists of these, or time.Time.
type Rows struct {
	Columns []string
	Rows    [][]any
	// Next is Before of the next page; "" where there is none.
	Next string
}

// ErrScope is wrapped where a kind of rows has nothing by which a scope could be told, and who asks has one.
var ErrScope = fmt.Errorf("%w: these rows do not say whose they are, and only who may see everything may see them", ErrQuestion)

// sql writes the statement.
func (q *RowQuestion) sql() (text string, columns []string, err error) {
	if !slices.Contains(Logs, q.Kind) {
		return "", nil, wrong("there are no rows of the kind %q%s", q.Kind, near(q.Kind, Logs))
	}
	i := slices.IndexFunc(schemas.Tables(), func(t schemas.Table) bool { return t.Name == q.Kind })
	if i < 0 {
		return "", nil, wrong("there is no table %q", q.Kind)
	}
	table := &schemas.Tables()[i]
	for _, c := range table.Columns {
		switch {
		case strings.HasPrefix(c.Name, "_"), c.Alias != "", c.Stored != "", c.Type == schemas.TypeAddress && !q.Addresses:
		default:
			columns = append(columns, c.Name)
		}
	}
	scope, err := q.Scope.ofTable(table)
	if err != nil {
		return "", nil, err
	}
	conditions := []string{scope}
	for _, f := range q.Where {
		c := table.Column(f.Dimension)
		if c == nil || !slices.Contains(columns, c.Name) && c.Stored == "" {
			return "", nil, wrong("%s has no column %q to filter by%s", q.Kind, f.Dimension, near(f.Dimension, columns))
		}
		condition, err := f.ofColumn(c)
		if err != nil {
			return "", nil, err
		}
		conditions = append(conditions, condition)
	}
	at := func(t time.Time) string { return fmt.Sprintf("fromUnixTimestamp64Milli(%d, 'UTC')", t.UnixMilli()) }
	if !q.Period.From.IsZero() {
		conditions = append(conditions, "received_at >= "+at(q.Period.From))
	}
	if !q.Period.To.IsZero() {
		conditions = append(conditions, "received_at < "+at(q.Period.To))
	}
	if q.Before != "" {
		var ms, offset int64
		var partition uint32
		if n, err := fmt.Sscanf(q.Before, "%d.%d.%d", &ms, &partition, &offset); err != nil || n != 3 {
			return "", nil, wrong("%q is no place between rows: it is what the page before said is next", q.Before)
		}
		conditions = append(conditions, fmt.Sprintf("(received_at, _partition, _offset) < (%s, %d, %d)", at(time.UnixMilli(ms)), partition, offset))
	}
	if q.Limit < 1 || q.Limit > MaxLogRows {
		return "", nil, wrong("the limit of rows is 1 to %d", MaxLogRows)
	}
	return "SELECT " + strings.Join(columns, ", ") + ", toUnixTimestamp64Milli(received_at), _partition, _offset\nFROM {database}." + q.Kind +
		"\nWHERE " + strings.Join(slices.DeleteFunc(conditions, func(c string) bool { return c == "" }), " AND ") +
		"\nORDER BY received_at DESC, _partition DESC, _offset DESC\nLIMIT " + strconv.Itoa(q.Limit+1), columns, nil
}

// ofTable is the scope as a condition of a table's own columns.
func (s *Scope) ofTable(t *schemas.Table) (string, error) {
	if s.All {
		return "1", nil
	}
	var any []string
	if t.Column("campaign_id") == nil {
		return "", ErrScope
	}
	if len(s.Campaigns) > 0 {
		ids := make([]string, len(s.Campaigns))
		for i, id := range s.Campaigns {
			ids[i] = strconv.FormatUint(uint64(id), 10)
		}
		any = append(any, "campaign_id IN ("+strings.Join(ids, ", ")+")")
	}
	for name, values := range map[string][]string{"buyer": s.Buyers, "team": s.Teams} {
		quoted := []string{}
		for _, v := range values {
			if v != "" { // nobody's traffic is no owner's
				quoted = append(quoted, quote(v))
			}
		}
		if len(quoted) > 0 && t.Column(name) != nil {
			any = append(any, name+" IN ("+strings.Join(quoted, ", ")+")")
		}
	}
	if any == nil {
		return "0", nil
	}
	slices.Sort(any)
	return "(" + strings.Join(any, " OR ") + ")", nil
}

// ofColumn is a filter as a condition of a column, compared as text.
func (f *Filter) ofColumn(c *schemas.Column) (string, error) {
	if len(f.Values) == 0 || len(f.Values) > MaxValues {
		return "", wrong("a filter of %s has 1 to %d values", f.Dimension, MaxValues)
	}
	quoted := make([]string, len(f.Values))
	for i, v := range f.Values {
		quoted[i] = quote(v)
	}
	name := c.Name
	if c.Type != schemas.TypeText && c.Type != schemas.TypeWord {
		name = "toString(" + name + ")"
	}
	list := "(" + strings.Join(quoted, ", ") + ")"
	switch f.Op {
	case Is, In:
		return name + " IN " + list, nil
	case IsNot, NotIn:
		return name + " NOT IN " + list, nil
	case Like:
		return name + " LIKE " + quoted[0], nil
	case NotLike:
		return name + " NOT LIKE " + quoted[0], nil
	}
	return "", wrong("there is no %q in a filter of rows", f.Op)
}

// Rows answers with single rows. Whose they are is told by the same scope as in Ask.
func (e *Engine) Rows(ctx context.Context, q RowQuestion) (*Rows, error) {
	text, columns, err := q.sql()
	if err != nil {
		return nil, err
	}
	free, err := e.slots.take(ctx, askerOf(ctx))
	if err != nil {
		return nil, err
	}
	defer free()
	settings, err := e.settingsOnce(ctx)
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeoutCause(ctx, rowSeconds*time.Second, fmt.Errorf("it took longer than %d s: name a shorter period", rowSeconds))
	defer cancel()
	id := newQueryID()
	rows, err := e.cfg.Conn.Query(clickhouse.Context(limited, clickhouse.WithQueryID(id), clickhouse.WithSettings(settings)), e.fill(text))
	if err != nil {
		e.kill(id)
		return nil, explained(err)
	}
	defer rows.Close() // its error is rows.Err's
	out := &Rows{Columns: columns, Rows: [][]any{}}
	last := ""
	for rows.Next() {
		into := make([]any, len(rows.ColumnTypes()))
		for i, kind := range rows.ColumnTypes() {
			into[i] = reflect.New(kind.ScanType()).Interface()
		}
		if err := rows.Scan(into...); err != nil {
			return nil, fmt.Errorf("reading a row: %w", err)
		}
		if len(out.Rows) == q.Limit {
			out.Next = last
			break
		}
		values := make([]any, len(columns))
		for i := range columns {
			values[i] = reflect.ValueOf(into[i]).Elem().Interface()
		}
		place := into[len(columns):]
		last = fmt.Sprintf("%v.%v.%v", reflect.ValueOf(place[0]).Elem(), reflect.ValueOf(place[1]).Elem(), reflect.ValueOf(place[2]).Elem())
		out.Rows = append(out.Rows, values)
	}
	if err := rows.Err(); err != nil {
		return nil, explained(err)
	}
	return out, nil
}
