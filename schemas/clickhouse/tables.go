package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"tributary/schemas"
)

// Tables come from two places. What the loader fills is declared once, in schemas (Tables), and applyTables makes the
// database so: after the migrations, which have what happened before there were declarations and what else a table
// needs (projections, archives). A declaration may grow: tables and columns that the database lacks are made,
// comments changed. It may not turn: a column of another type is refused, and wants a migration.
//
// Every statement can be repeated and looks at what is there; two processes may be at it, and one may be killed
// anywhere.

// ErrUnlike is wrapped when a table has a column that is not as declared and cannot be made so.
var ErrUnlike = errors.New("a column is not as declared")

// A standing is what the database has of a table.
type standing struct {
	engine, comment string
	columns         map[string]standingColumn
}

type standingColumn struct{ kind, comment, defaultKind, codec string }

// applyTables makes the tables in the database those that are declared. It returns what it changed, a line each.
func applyTables(ctx context.Context, r *run, tables []schemas.Table) (changed []string, err error) {
	// Another process may have made, between our look and our statement, what we were about to make.
	for i := 1; ; i++ {
		if changed, err = applyTablesOnce(ctx, r, tables); err == nil || errors.Is(err, ErrUnlike) || i == attempts ||
			ctx.Err() != nil {
			return changed, err
		}
	}
}

func applyTablesOnce(ctx context.Context, r *run, tables []schemas.Table) ([]string, error) {
	there, err := r.standings(ctx)
	if err != nil {
		return nil, err
	}
	var unlike []error
	for i := range tables { // all are looked at before any is touched
		if s := there[tables[i].Name]; s != nil {
			unlike = append(unlike, compareTable(&tables[i], s))
		}
	}
	if err := errors.Join(unlike...); err != nil {
		return nil, fmt.Errorf("comparing database %s with the tables that this program declares: %w", r.database, err)
	}
	var changed []string
	for i := range tables {
		for _, a := range alterations(&tables[i], there[tables[i].Name], r.database) {
			if err := r.conn.Exec(ctx, a.statement); err != nil {
				return changed, fmt.Errorf("making table %s as declared: %.160s: %w", tables[i].Name, a.statement, err)
			}
			changed = append(changed, a.what)
		}
	}
	return changed, nil
}

// compareTable says which columns are not as declared.
func compareTable(t *schemas.Table, there *standing) error {
	if !strings.HasSuffix(there.engine, "MergeTree") {
		return fmt.Errorf("%w: %s is a %s, declared is a table; rename it in the database, or the declared one",
			ErrUnlike, t.Name, there.engine)
	}
	var unlike []error
	for i := range t.Columns {
		c := &t.Columns[i]
		has, ok := there.columns[c.Name]
		wantKind := computed(c)
		switch {
		case !ok:
		case has.kind == c.Type && turns(c, has):
		case has.kind != c.Type:
			unlike = append(unlike,
				fmt.Errorf("%w: %s.%s is %s, declared is %s; a type is changed by a migration, never by a declaration",
					ErrUnlike, t.Name, c.Name, has.kind, c.Type))
		case (isComputed(has.defaultKind) || isComputed(wantKind)) && has.defaultKind != wantKind:
			unlike = append(unlike,
				fmt.Errorf("%w: %s.%s is stored as %q, declared is %q; drop the column of the database, or rename the declared one",
					ErrUnlike, t.Name, c.Name, has.defaultKind, wantKind))
		}
	}
	return errors.Join(unlike...)
}

// How ClickHouse calls a column that it computes: when it is read, or as the row is written.
const (
	kindAlias  = "ALIAS"
	kindStored = "MATERIALIZED"
)

func isComputed(defaultKind string) bool {
	return defaultKind == kindAlias || defaultKind == kindStored
}

func computed(c *schemas.Column) string {
	switch {
	case c.Alias != "":
		return kindAlias
	case c.Stored != "":
		return kindStored
	}
	return ""
}

// turns: the column was computed when it was read, and is to be stored. That says nothing else to who reads it, and
// parts of before are computed as they were until storeColumns has been at them.
func turns(c *schemas.Column, has standingColumn) bool {
	return c.Stored != "" && has.defaultKind == kindAlias
}

// An alteration is a statement, and what it does in words.
type alteration struct{ statement, what string }

// alterations make what is there as declared.
func alterations(t *schemas.Table, there *standing, database string) []alteration {
	if there == nil {
		return []alteration{{createTable(t, database), "table " + t.Name + " is new"}}
	}
	alter := "ALTER TABLE " + database + "." + t.Name + " "
	var clauses, codecs, added, said, turned []string
	behind := "FIRST"
	for i := range t.Columns {
		c := &t.Columns[i]
		has, ok := there.columns[c.Name]
		switch {
		case !ok:
			clauses, added = append(clauses, "ADD COLUMN IF NOT EXISTS "+columnClause(c)+" "+behind), append(added, c.Name)
		case turns(c, has):
			clauses = append(clauses, fmt.Sprintf("MODIFY COLUMN %s %s %s %s COMMENT %s", quoteName(c.Name), c.Type,
				kindStored, c.Stored, quote(c.Comment)))
			turned = append(turned, c.Name)
		case has.comment != c.Comment:
			clauses, said = append(clauses, "COMMENT COLUMN "+quoteName(c.Name)+" "+quote(c.Comment)), append(said, c.Name)
		}
		// ClickHouse takes no codec together with the turn, for before it there was nothing to compress.
		if ok && c.Stored != "" && c.Codec != "" && has.codec != codecClause(c) {
			codecs = append(codecs, "MODIFY COLUMN "+quoteName(c.Name)+" "+codecClause(c))
		}
		behind = "AFTER " + quoteName(c.Name)
	}
	var all []alteration
	if len(clauses) > 0 {
		what := "table " + t.Name + ":"
		if len(added) > 0 {
			what += " new columns " + strings.Join(added, ", ")
		}
		if len(said) > 0 {
			what += " new comments of " + strings.Join(said, ", ")
		}
		if len(turned) > 0 {
			what += " stored from now on " + strings.Join(turned, ", ")
		}
		all = append(all, alteration{alter + strings.Join(clauses, ", "), what})
	}
	if len(codecs) > 0 {
		all = append(all, alteration{alter + strings.Join(codecs, ", "), "table " + t.Name + ": codecs of stored columns"})
	}
	if there.comment != t.Comment {
		all = append(all, alteration{alter + "MODIFY COMMENT " + quote(t.Comment), "table " + t.Name + ": a new comment"})
	}
	return all
}

// dedupWindow is how many insert tokens a table that the sink writes keeps.
const dedupWindow = "non_replicated_deduplication_window = 10000"

// createTable is a table's DDL, with clauses that follow its columns and indexes.
func createTable(t *schemas.Table, database string, more ...string) string {
	var lines []string
	for i := range t.Columns {
		lines = append(lines, "    "+columnClause(&t.Columns[i]))
	}
	for _, index := range t.Indexes {
		lines = append(lines, "    INDEX "+index)
	}
	for _, clause := range more {
		lines = append(lines, "    "+clause)
	}
	order := strings.Join(t.OrderBy, ", ")
	if len(t.OrderBy) > 1 {
		order = "(" + order + ")" // as ClickHouse writes it
	}
	return fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s.%s\n(\n%s\n)\nENGINE = MergeTree\nPARTITION BY %s\nORDER BY %s\nSETTINGS %s\nCOMMENT %s",
		database, t.Name, strings.Join(lines, ",\n"), t.PartitionBy, order,
		strings.Join(append([]string{dedupWindow}, t.Settings...), ", "), quote(t.Comment))
}

func columnClause(c *schemas.Column) string {
	text := quoteName(c.Name) + " " + c.Type
	switch {
	case c.Alias != "":
		text += " " + kindAlias + " " + c.Alias
	case c.Stored != "":
		text += " " + kindStored + " " + c.Stored
	case c.Default != "":
		text += " DEFAULT " + c.Default
	}
	text += " COMMENT " + quote(c.Comment)
	if c.Codec != "" && c.Alias == "" {
		text += " " + codecClause(c)
	}
	return text
}

func codecClause(c *schemas.Column) string { return "CODEC(" + c.Codec + ")" }

func quoteName(name string) string { return "`" + name + "`" }

// quote makes a text a literal of ClickHouse.
func quote(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}

// standings looks at the database's tables, by name.
func (r *run) standings(ctx context.Context) (map[string]*standing, error) {
	all := map[string]*standing{}
	rows, err := r.conn.Query(ctx, "SELECT name, engine, comment FROM system.tables WHERE database = ?", r.database)
	if err != nil {
		return nil, fmt.Errorf("looking for the tables: %w", err)
	}
	defer rows.Close() // its error is rows.Err's
	for rows.Next() {
		var name string
		s := &standing{columns: map[string]standingColumn{}}
		if err := rows.Scan(&name, &s.engine, &s.comment); err != nil {
			return nil, fmt.Errorf("looking for the tables: %w", err)
		}
		all[name] = s
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("looking for the tables: %w", err)
	}
	rows, err = r.conn.Query(ctx,
		"SELECT table, name, type, comment, default_kind, compression_codec FROM system.columns WHERE database = ?",
		r.database)
	if err != nil {
		return nil, fmt.Errorf("looking for the tables' columns: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var table, name string
		var c standingColumn
		if err := rows.Scan(&table, &name, &c.kind, &c.comment, &c.defaultKind, &c.codec); err != nil {
			return nil, fmt.Errorf("looking for the tables' columns: %w", err)
		}
		if s := all[table]; s != nil { // nil of one that came between
			s.columns[name] = c
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("looking for the tables' columns: %w", err)
	}
	return all, nil
}
