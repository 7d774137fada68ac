package report

import (
	"strings"

	"tributary/schemas"
)

// A view is a view before its statement is put together: its columns, and the query that gives them in their order.
type view struct {
	name, comment string
	columns       []schemas.ViewColumn
	query         string
}

// stored is the statement and what it says.
func (v *view) stored() schemas.View {
	columns := make([]string, len(v.columns))
	for i, c := range v.columns {
		columns[i] = "    " + c.Name + " " + c.Type + " COMMENT " + quote(c.Comment)
	}
	sql := "CREATE OR REPLACE VIEW {database}." + v.name + "\n(\n" + strings.Join(columns, ",\n") + "\n)\n" +
		"AS " + v.query + "\nCOMMENT " + quote(v.comment)
	return schemas.View{Name: v.name, SQL: sql, Comment: v.comment, Columns: v.columns}
}

// quote writes a text as SQL does. It has no line of its own, so that a statement can be indented.
func quote(text string) string {
	return "'" + quoting.Replace(text) + "'"
}

var quoting = strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`, "\r", `\r`, "\x00", `\0`)

// A field is a column of a view that is written out. of is what it is of a row, {name} being its name; empty where it
// is the column of that name.
type field struct{ name, kind, of, comment string }

// shownAs are the columns of fields.
func shownAs(fields []field) []schemas.ViewColumn {
	columns := make([]schemas.ViewColumn, len(fields))
	for i, f := range fields {
		columns[i] = schemas.ViewColumn{Name: f.name, Type: f.kind, Comment: f.comment}
	}
	return columns
}

// selected is the list of a SELECT.
func selected(fields []field, separator string) string {
	list := make([]string, len(fields))
	for i, f := range fields {
		list[i] = f.name
		if f.of != "" {
			list[i] = strings.ReplaceAll(f.of, "{name}", f.name) + " AS " + f.name
		}
	}
	return strings.Join(list, separator)
}

// plain is a type without the way in which a table stores it.
func plain(kind string) string {
	inner, ok := strings.CutPrefix(kind, "LowCardinality(")
	if !ok {
		return kind
	}
	return strings.TrimSuffix(inner, ")")
}
