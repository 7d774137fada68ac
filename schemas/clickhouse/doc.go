// Package clickhouse is the database schema: tables as numbered SQL files, and the runner that applies them and makes the
// views that it is given (package report has them).
//
// Place in the flow: `tributary migrate` (and `up`) applies it before a sink loads; the sink and whoever queries rely on
// the result. Every table and column carries its definition as a COMMENT, money in the base currency unless the name ends
// in _original; schemas/DICTIONARY.md is generated from them.
//
// Invariants:
//
//   - Migrations only go forward. An applied file is never edited: its checksum is in tributary.schema_migrations, and a
//     difference is an error. A change is a new file.
//
//   - Every statement can be repeated, because ClickHouse has no transaction around a migration: after a crash in the
//     middle of one, the next run starts that file again.
//
//   - An empty database is not taken through the migrations: it gets at once what they end in, and their rows in
//     tributary.schema_migrations (fresh.go, TestFreshIsTheMigratedOne).
//
//   - A view is made after the tables, when it is not there or its text changed, and is never part of a migration. A text
//     that a migration had when they made views counts as had (former.go, TestUpgradeFromEveryVersion).
//
//   - Where SQL cannot say what depends on what is found, a statement CALL name runs a step of this package (steps.go). It too may have been
//     begun before, at any of its own statements (TestProjectionsUpgrade).
//
//   - What the loader fills is declared in schemas (Tables), beside the fields of its events: after the migrations, tables and columns that
//     the database lacks are made and comments set (tables.go). A column of another type is refused. docs/tables.md.
//
//   - What is summed has no table of its own: clicks, conversions, impressions and landing_clicks have aggregate projections by quarter of
//     an hour (by_quarter) and by day of UTC (by_day), which are in the same part as the rows and cannot differ from them. The
//     views of sums add up the projections (TestViewsReadProjections) and the archive tables, which have what was summed of rows that are gone. docs/decisions/projections.md.
//
//   - Tables that the sink writes keep the last 10,000 insert tokens.
//
//   - A migration that adds a column of which something is summed loses and doubles none, loaders running or not: the last statement adds a
//     column without which the new loader inserts nothing.
//
// Retention: no table expires rows by itself. [Options].RetentionDays sets a TTL on received_at, but for the tables that counts and
// money are made of: package archive sums their rows by month, and may drop them then.
//
// Concurrency: Migrate may run in several processes at once; they apply the same statements.
//
// Not responsible for: what views show, creating users, clusters (ON CLUSTER, Replicated engines), loading rows.
package clickhouse
