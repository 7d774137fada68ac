// Package clickhouse is the database schema: tables, rollups and views as numbered SQL files, and the runner that applies
// them.
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
//   - A block inserted into a base table reaches, through the materialized views, one partition of each rollup: both are
//     partitioned by month of received_at. So one insert token guards all of it.
//
//   - Tables that the sink or a materialized view writes keep the last 10,000 insert tokens.
//
//   - A migration that adds a rollup of a table with rows loses and doubles none, loaders running or not: the loader that fills the rollup writes its
//     version into the row (_layout), the rollup's view takes rows of that version alone, views take those of older ones from the
//     table, and the last statement adds a column without which the new loader inserts nothing.
//
// Retention: no table expires rows by itself. [Options].RetentionDays sets a TTL on received_at (rollups: ledger_day).
//
// Concurrency: Migrate may run in several processes at once; they apply the same statements.
//
// Not responsible for: creating users, clusters (ON CLUSTER, Replicated engines), loading rows.
package clickhouse
