package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"

	"tributary/schemas"
)

// An empty database is not taken through all migrations: it gets at once what they end in, with the projections in the
// statement that makes a table. The test TestFreshIsTheMigratedOne holds that both are the same.
//
// A table that is there already was made by another process, or by a run that was killed here: then the migrations do it,
// which can go on from anything. That a statement says CREATE TABLE without IF NOT EXISTS is what tells.

// tableExists is ClickHouse's code for a table that is there already.
const tableExists = 57

// makeFresh makes the tables of an empty database and writes down that it has had every migration. done is false where
// the database is not empty, or not any more.
func (r *run) makeFresh(ctx context.Context, migrations []Migration) (done bool, err error) {
	if !databaseName.MatchString(r.database) {
		return false, nil // prepare says why
	}
	var tables uint64
	query := "SELECT count() FROM system.tables WHERE database = ?"
	if err := r.conn.QueryRow(ctx, query, r.database).Scan(&tables); err != nil {
		return false, fmt.Errorf("looking for the tables of %s: %w", r.database, err)
	}
	if tables > 0 {
		return false, nil
	}
	had, err := prepare(ctx, r, migrations)
	if err != nil || len(had) > 0 {
		return false, err
	}
	for _, statement := range append(declaredWhole(migrations, r.database), undeclared(migrations)...) {
		err := r.do(ctx, statement)
		var exception *clickhouse.Exception
		if errors.As(err, &exception) && exception.Code == tableExists {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("making the tables of the empty database %s: %.160s: %w", r.database, statement, err)
		}
	}
	return true, r.recordAll(ctx, migrations)
}

// recordAll writes down that the database has had the migrations.
func (r *run) recordAll(ctx context.Context, migrations []Migration) error {
	rows := make([]string, len(migrations))
	for i, m := range migrations {
		rows[i] = fmt.Sprintf("(%d, '%s', '%s')", m.Version, m.Name, m.Checksum)
	}
	err := r.exec(ctx, "INSERT INTO %[1]s.schema_migrations (version, name, checksum, applied_at) SETTINGS async_insert = 0 "+
		"SELECT m.1, m.2, m.3, now64(3, 'UTC') FROM (SELECT arrayJoin([%[2]s]) AS m)", strings.Join(rows, ", "))
	if err != nil {
		return fmt.Errorf("recording the migrations: %w", err)
	}
	return nil
}

// declaredWhole are the statements that make the declared tables with the projections that migrations and sums add to them.
func declaredWhole(migrations []Migration, database string) []string {
	names := namesProjections(migrations)
	var statements []string
	for _, t := range append(slices.Clone(schemas.Tables()), schemas.ArchiveTables()...) {
		var projections []string
		add := func(name, text string) { projections = append(projections, "PROJECTION "+name+" ("+text+")") }
		if text := names[t.Name]; text != "" {
			add(NamesProjection, text)
		}
		for i := range schemas.Facts {
			f := &schemas.Facts[i]
			if f.Table != t.Name || f.Archive {
				continue
			}
			// In the order in which ClickHouse keeps them after the migrations' ALTER.
			t.Settings = append(slices.Clone(t.Settings), "index_granularity = 8192", "lightweight_mutation_projection_mode = 'rebuild'")
			add(sumsOf(f, Projection))
			add(sumsOf(f, DayProjection))
		}
		statements = append(statements, strings.Replace(createTable(&t, database, projections...), ifNotExists, "", 1))
	}
	return statements
}

const ifNotExists = "IF NOT EXISTS "

// What the migrations make beside the declared tables.
var (
	ofUndeclared = regexp.MustCompile(`^(?:CREATE TABLE IF NOT EXISTS|ALTER TABLE) \{database\}\.(?:archive_\w+_empty|names)\s`)
	ofNames      = regexp.MustCompile(`(?s)^ALTER TABLE \{database\}\.(\w+)\s+ADD PROJECTION IF NOT EXISTS ` + NamesProjection + `\s*\((.*)\)$`)
)

// undeclared are the statements that make those tables; a step of the migration takes the _empty from the name.
func undeclared(migrations []Migration) []string {
	var statements []string
	for _, m := range migrations {
		for _, s := range m.statements {
			if ofUndeclared.MatchString(s) {
				s = strings.Replace(s, "_empty\n", "\n", 1)
				statements = append(statements, strings.Replace(s, ifNotExists, "", 1))
			}
		}
	}
	return statements
}

// namesProjections are the texts of [NamesProjection] by table.
func namesProjections(migrations []Migration) map[string]string {
	texts := map[string]string{}
	for _, m := range migrations {
		for _, s := range m.statements {
			if found := ofNames.FindStringSubmatch(s); found != nil {
				texts[found[1]] = found[2]
			}
		}
	}
	return texts
}
