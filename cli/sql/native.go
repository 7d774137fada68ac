package sql

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/jedib0t/go-pretty/v6/table"
)

// NativeFormats are those that AskNative writes. The native protocol carries columns; the server formats nothing.
var NativeFormats = []string{"PrettyCompact", "TSV", "TSVWithNames", "CSVWithNames", "JSONEachRow"}

// AskNative sends a query over any of the driver's protocols and writes its result in one of NativeFormats. As Ask does, it
// sends it once, and as read-only unless the user cannot write anyway.
func AskNative(ctx context.Context, conn driver.Conn, query, format string, out io.Writer) error {
	write, err := newRowWriter(format, out)
	if err != nil {
		return err
	}
	var level uint8
	if err := conn.QueryRow(ctx, askReadonly).Scan(&level); err != nil {
		return err
	}
	if level == 0 {
		ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"readonly": 1}))
	}
	rows, err := conn.Query(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	types := rows.ColumnTypes()
	into := make([]any, len(types))
	for i, t := range types {
		into[i] = reflect.New(t.ScanType()).Interface()
	}
	if err := write.head(rows.Columns()); err != nil {
		return err
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return fmt.Errorf("reading a row: %w", err)
		}
		if err := write.row(types, into); err != nil {
			return fmt.Errorf("writing the result: %w", err)
		}
	}
	return errors.Join(rows.Err(), write.end())
}

// rowWriter writes rows in one format.
type rowWriter interface {
	head(names []string) error
	row(types []driver.ColumnType, values []any) error
	end() error
}

func newRowWriter(format string, out io.Writer) (rowWriter, error) {
	switch strings.ToLower(format) {
	case "prettycompact", "prettycompactmonoblock", "pretty":
		return &tableRows{table: table.NewWriter(), out: out}, nil
	case "tsv", "tabseparated":
		return &tabRows{out: out}, nil
	case "tsvwithnames", "tabseparatedwithnames":
		return &tabRows{out: out, names: true}, nil
	case "csvwithnames":
		return &csvRows{csv.NewWriter(out)}, nil
	case "jsoneachrow":
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false)
		return &jsonRows{encoder: encoder}, nil
	}
	return nil, fmt.Errorf("the format %q is not written over the native protocol: right would be one of %s, or clickhouse.protocol: http, over which the server writes every format of its own", format, strings.Join(NativeFormats, ", "))
}

// value is a scanned one as ClickHouse writes it; null for one that is absent.
func value(kind driver.ColumnType, scanned any) (text any, null bool) {
	v := reflect.ValueOf(scanned).Elem()
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return nil, true
		}
		v = v.Elem()
	}
	switch held := v.Interface().(type) {
	case time.Time:
		return timeText(kind.DatabaseTypeName(), held), false
	case fmt.Stringer:
		return held.String(), false
	case []byte:
		if !strings.HasPrefix(kind.DatabaseTypeName(), "Array(") {
			return string(held), false
		}
		numbers := make([]int, len(held)) // bytes are text to Go's encoders
		for i, n := range held {
			numbers[i] = int(n)
		}
		return numbers, false
	default:
		return held, false
	}
}

func timeText(kind string, at time.Time) string {
	kind = strings.TrimPrefix(kind, "Nullable(")
	switch {
	case strings.HasPrefix(kind, "DateTime64"):
		return at.Format("2006-01-02 15:04:05.000")
	case strings.HasPrefix(kind, "DateTime"):
		return at.Format(time.DateTime)
	}
	return at.Format(time.DateOnly)
}

// text is value for formats of plain texts. What is made of several values is written as JSON.
func text(kind driver.ColumnType, scanned any, null string) string {
	held, absent := value(kind, scanned)
	if absent {
		return null
	}
	switch reflect.TypeOf(held).Kind() {
	case reflect.Slice, reflect.Map, reflect.Struct, reflect.Array:
		if encoded, err := json.Marshal(held); err == nil {
			return string(encoded)
		}
	}
	return fmt.Sprint(held)
}

type tableRows struct {
	table table.Writer
	out   io.Writer
}

func (w *tableRows) head(names []string) error {
	row := make(table.Row, len(names))
	for i, name := range names {
		row[i] = name
	}
	style := table.StyleLight
	style.Format.Header = 0 // as it is
	w.table.SetStyle(style)
	w.table.AppendHeader(row)
	return nil
}

func (w *tableRows) row(types []driver.ColumnType, values []any) error {
	row := make(table.Row, len(values))
	for i := range values {
		row[i] = text(types[i], values[i], "NULL")
	}
	w.table.AppendRow(row)
	return nil
}

func (w *tableRows) end() error {
	if w.table.Length() == 0 {
		return nil
	}
	_, err := fmt.Fprintln(w.out, w.table.Render())
	return err
}

type tabRows struct {
	out   io.Writer
	names bool
}

var tabEscaped = strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`, "\x00", `\0`)

func (w *tabRows) head(names []string) error {
	if !w.names {
		return nil
	}
	return w.line(names)
}

func (w *tabRows) row(types []driver.ColumnType, values []any) error {
	fields := make([]string, len(values))
	for i := range values {
		if _, absent := value(types[i], values[i]); absent {
			fields[i] = `\N`
		} else {
			fields[i] = tabEscaped.Replace(text(types[i], values[i], ""))
		}
	}
	return w.line(fields)
}

func (w *tabRows) line(fields []string) error {
	_, err := fmt.Fprintln(w.out, strings.Join(fields, "\t"))
	return err
}

func (w *tabRows) end() error { return nil }

type csvRows struct{ to *csv.Writer }

func (w *csvRows) head(names []string) error { return w.to.Write(names) }

func (w *csvRows) row(types []driver.ColumnType, values []any) error {
	fields := make([]string, len(values))
	for i := range values {
		fields[i] = text(types[i], values[i], `\N`)
	}
	return w.to.Write(fields)
}

func (w *csvRows) end() error {
	w.to.Flush()
	return w.to.Error()
}

type jsonRows struct {
	encoder *json.Encoder
	names   []string
}

func (w *jsonRows) head(names []string) error { w.names = names; return nil }

func (w *jsonRows) row(types []driver.ColumnType, values []any) error {
	object := make(map[string]any, len(values))
	for i, name := range w.names {
		object[name], _ = value(types[i], values[i])
	}
	return w.encoder.Encode(object)
}

func (w *jsonRows) end() error { return nil }
