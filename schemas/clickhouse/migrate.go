package clickhouse

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"tributary/schemas"
)

// DefaultDatabase is used when Options names none.
const DefaultDatabase = "tributary"

var (
	// ErrEdited is wrapped when a migration that was applied has other contents now.
	ErrEdited = errors.New("an applied migration was edited")
	// ErrNewer is wrapped when the database has a migration that this program does not know.
	ErrNewer = errors.New("the database is newer than this program")
)

// Options say where and how to migrate.
type Options struct {
	// Database is created when missing. Default [DefaultDatabase]. Letters, digits and underscores.
	Database string
	// RetentionDays sets how long rows of a table are kept, by table name; 0 keeps them for ever. A table that is not
	// named keeps the setting it has. Rows that counts and money are made of have no TTL: `tributary archive` sums them first.
	RetentionDays map[string]int
	// Tables are made beside those of [schemas.Tables]: what stages declare.
	Tables []schemas.Table
	// Views are made after the tables, those whose text changed. Default: none are made.
	Views schemas.Views
	// Progress is called while a migration takes long, and with what a person should know of it. Default: nobody is told.
	Progress func(Progress)
}

// Applied is one migration this call applied.
type Applied struct {
	Version uint32
	Name    string
	Took    time.Duration
}

var databaseName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)

// Migrate brings the database to the newest schema and returns the migrations that it had to apply: none when it was there
// already. Then it makes the tables as they are declared, and the views. The connection's own default database must exist
// ("default" always does). Errors wrap [ErrEdited] or [ErrNewer] when the history does not fit, [ErrUnlike] when a table
// does not fit its declaration; what was applied before an error stays applied and is returned.
func Migrate(ctx context.Context, conn driver.Conn, options Options) ([]Applied, error) {
	migrations, err := Migrations()
	if err != nil {
		return nil, err
	}
	options.Database = cmp.Or(options.Database, DefaultDatabase)
	if options.Progress == nil {
		options.Progress = func(Progress) {}
	}
	r := &run{conn: conn, database: options.Database, progress: options.Progress,
		tables: append(slices.Clone(schemas.Tables()), options.Tables...), views: options.Views}
	began := time.Now()
	fresh, err := r.makeFresh(ctx, migrations)
	if err != nil {
		return nil, err
	}
	took := time.Since(began) / time.Duration(len(migrations))
	applied, err := r.bring(ctx, migrations)
	if fresh {
		for _, m := range migrations {
			applied = append(applied, Applied{m.Version, m.Name, took})
		}
	}
	if err != nil {
		return applied, err
	}
	return applied, retain(ctx, conn, options)
}

// bring a database to the newest schema: migrations, then the tables as they are declared, then what reads
// them: projections and views, then what rows of before lack.
func (r *run) bring(ctx context.Context, migrations []Migration) ([]Applied, error) {
	applied, err := migrate(ctx, r, migrations)
	if err != nil {
		return applied, err
	}
	changed, err := applyTables(ctx, r, append(slices.Clone(r.tables), schemas.ArchiveTables()...))
	for _, line := range changed {
		r.progress(Progress{What: line, Expected: true})
	}
	if err != nil {
		return applied, err
	}
	if err := r.applySums(ctx); err != nil {
		return applied, fmt.Errorf("bringing the sums of database %s up to date: %w", r.database, err)
	}
	if err := r.applyViews(ctx); err != nil {
		return applied, fmt.Errorf("making the views of database %s: %w", r.database, err)
	}
	// What follows takes long, and everything shows what it should while it is under way.
	if err := r.storeColumns(ctx); err != nil {
		return applied, fmt.Errorf("storing columns of database %s: %w", r.database, err)
	}
	if err := r.fillDimensions(ctx); err != nil {
		return applied, fmt.Errorf("filling the ledger's dimensions in database %s: %w", r.database, err)
	}
	return applied, nil
}

func migrate(ctx context.Context, r *run, migrations []Migration) ([]Applied, error) {
	had, err := prepare(ctx, r, migrations)
	if err != nil {
		return nil, err
	}
	var applied []Applied
	for _, m := range migrations {
		if _, done := had[m.Version]; done {
			continue
		}
		start := time.Now()
		if done, err := r.migration(ctx, m); err != nil || !done {
			if err != nil {
				return applied, err
			}
			continue
		}
		applied = append(applied, Applied{m.Version, m.Name, time.Since(start)})
	}
	return applied, nil
}

// prepare makes the tables of the migrations' own, and returns what the database has had. It refuses a database of a
// newer program before anything of it is changed.
func prepare(ctx context.Context, r *run, migrations []Migration) (map[uint32]Migration, error) {
	conn, database := r.conn, r.database
	if !databaseName.MatchString(database) {
		return nil, fmt.Errorf("naming the database %q: want letters, digits and underscores, at most 64", database)
	}
	for _, statement := range []string{
		"CREATE DATABASE IF NOT EXISTS " + database,
		"CREATE TABLE IF NOT EXISTS " + database + `.schema_migrations
(
    version UInt32 COMMENT 'Number of the migration.',
    name String COMMENT 'Name of its file, without number and ending.',
    checksum String COMMENT 'SHA-256 of its file, hex.',
    applied_at DateTime64(3, 'UTC') COMMENT 'When it was applied, UTC.'
)
ENGINE = ReplacingMergeTree(applied_at)
ORDER BY version
COMMENT 'Which migrations this database has had. Written by the migration runner only.'`,
		"CREATE TABLE IF NOT EXISTS " + database + installationTable,
		"CREATE TABLE IF NOT EXISTS " + database + viewsTable,
		"CREATE TABLE IF NOT EXISTS " + database + fillsTable,
	} {
		if err := conn.Exec(ctx, statement); err != nil {
			return nil, fmt.Errorf("preparing database %s: %w", database, err)
		}
	}
	had, err := history(ctx, conn, database)
	if err != nil {
		return nil, err
	}
	if err := compare(had, migrations); err != nil {
		return nil, fmt.Errorf("migrating database %s: %w", database, err)
	}
	if err := r.checkGeneration(ctx); err != nil {
		return nil, fmt.Errorf("migrating database %s: %w", database, err)
	}
	return had, nil
}

// attempts of a migration with steps: another process that is at the same takes away what it has finished with, and what this one was about
// to use.
const attempts = 3

// migration applies one. done is false where another process has.
func (r *run) migration(ctx context.Context, m Migration) (done bool, err error) {
	for i := 1; ; i++ {
		if err = apply(ctx, r, m); err == nil {
			return true, nil
		}
		if had, err := history(ctx, r.conn, r.database); err == nil && m.is(had[m.Version].Checksum) {
			return false, nil
		}
		if i == attempts || !slices.ContainsFunc(m.statements, isCall) {
			return false, err
		}
	}
}

func isCall(statement string) bool { return strings.HasPrefix(statement, call) }

// call begins a statement that runs a step.
const call = "CALL "

func history(ctx context.Context, conn driver.Conn, database string) (map[uint32]Migration, error) {
	rows, err := conn.Query(ctx, "SELECT version, name, checksum FROM "+database+".schema_migrations FINAL ORDER BY version")
	if err != nil {
		return nil, fmt.Errorf("reading %s.schema_migrations: %w", database, err)
	}
	defer rows.Close()
	had := make(map[uint32]Migration)
	for rows.Next() {
		var m Migration
		if err := rows.Scan(&m.Version, &m.Name, &m.Checksum); err != nil {
			return nil, fmt.Errorf("reading %s.schema_migrations: %w", database, err)
		}
		had[m.Version] = m
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading %s.schema_migrations: %w", database, err)
	}
	return had, nil
}

// compare holds what the database had against what this program knows.
func compare(had map[uint32]Migration, known []Migration) error {
	for _, m := range known {
		if before, ok := had[m.Version]; ok && !m.is(before.Checksum) {
			return fmt.Errorf("%w: %04d_%s has checksum %.12s…, the database had %.12s… as %04d_%s; restore the file and put the change into a new migration",
				ErrEdited, m.Version, m.Name, m.Checksum, before.Checksum, before.Version, before.Name)
		}
	}
	for version, m := range had {
		if int(version) > len(known) {
			return fmt.Errorf("%w: it has %04d_%s, the newest known here is %04d; use the newer program", ErrNewer, version, m.Name, len(known))
		}
	}
	return nil
}

func apply(ctx context.Context, r *run, m Migration) error {
	for i, statement := range m.statements {
		if err := r.do(ctx, statement); err != nil {
			return fmt.Errorf("applying migration %04d_%s, statement %d of %d: %w", m.Version, m.Name, i+1, len(m.statements), err)
		}
	}
	record := fmt.Sprintf("INSERT INTO %s.schema_migrations (version, name, checksum, applied_at) SETTINGS async_insert = 0 SELECT %d, '%s', '%s', now64(3, 'UTC')",
		r.database, m.Version, m.Name, m.Checksum)
	if err := r.conn.Exec(ctx, record); err != nil {
		return fmt.Errorf("recording migration %04d_%s: %w", m.Version, m.Name, err)
	}
	return nil
}

// do runs a statement of a migration's file.
func (r *run) do(ctx context.Context, statement string) error {
	if name, ok := strings.CutPrefix(statement, call); ok {
		if steps[name] == nil {
			return fmt.Errorf("there is no step %q", name)
		}
		return steps[name](ctx, r)
	}
	return r.conn.Exec(ctx, strings.ReplaceAll(statement, "{database}", r.database))
}

// retained are the tables that may have a retention and the column it counts from.
var retained = map[string]string{
	"anomalies": "toDateTime(received_at)", "dead_letters": "toDateTime(received_at)", "postbacks": "toDateTime(received_at)", "parked": "toDateTime(received_at)",
}

// CheckRetention says what is wrong with the days that rows of a table are to be kept; 0 keeps them for ever.
func CheckRetention(table string, days int) error {
	rollup := slices.ContainsFunc(oldRollups, func(o oldRollup) bool { return o.name == table })
	switch {
	case retained[table] == "" && !slices.Contains(ProjectedTables, table) && !rollup || days < 0:
		return fmt.Errorf("keeping rows of %s for %d days: want anomalies, dead_letters, postbacks, parked, clicks, conversions, impressions or landing_clicks, and 0 or more", table, days)
	case rollup && days > 0:
		return fmt.Errorf("keeping rows of %s for %d days: it is a view now and has no rows of its own; leave it out", table, days)
	}
	return nil
}

// retain applies RetentionDays where the table has another TTL. Whole months are dropped at once as parts expire, so
// nothing is rewritten when the setting changes.
func retain(ctx context.Context, conn driver.Conn, options Options) error {
	tables := make([]string, 0, len(options.RetentionDays))
	for table := range options.RetentionDays {
		tables = append(tables, table)
	}
	slices.Sort(tables)
	for _, table := range tables {
		column, days := retained[table], options.RetentionDays[table]
		if err := CheckRetention(table, days); err != nil {
			return err
		}
		if column == "" {
			continue // its rows are summed first, and dropped by `tributary archive`: no TTL may take them
		}
		var create string
		if err := conn.QueryRow(ctx, "SELECT engine_full FROM system.tables WHERE database = '"+options.Database+"' AND name = '"+table+"'").Scan(&create); err != nil {
			return fmt.Errorf("reading the retention of %s: %w", table, err)
		}
		want := fmt.Sprintf("TTL %s + toIntervalDay(%d)", column, days)
		has := strings.Contains(create, " TTL ")
		switch {
		case days == 0 && !has, days > 0 && strings.Contains(create, want):
			continue
		case days == 0:
			want = "REMOVE TTL"
		default:
			want = "MODIFY " + want
		}
		if err := conn.Exec(ctx, "ALTER TABLE "+options.Database+"."+table+" "+want+" SETTINGS materialize_ttl_after_modify = 0"); err != nil {
			return fmt.Errorf("setting the retention of %s: %w", table, err)
		}
	}
	return nil
}
