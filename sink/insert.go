package sink

import (
	"context"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// tokenWindow is non_replicated_deduplication_window of the tables: how many inserts a table remembers. A margin below
// it covers inserts that are under way.
const (
	tokenWindow = 10_000
	tokenMargin = 1_000
)

// insertSettings keep one batch one block: in the table and in what its materialized views are given. The token would
// guard only the first of several.
func insertSettings(token string) clickhouse.Settings {
	return clickhouse.Settings{
		"async_insert":                0,
		"insert_deduplicate":          1,
		"insert_deduplication_token":  token,
		"max_insert_block_size":       2 * maxBatchRows,
		"min_insert_block_size_rows":  0,
		"min_insert_block_size_bytes": 0,
		"max_insert_threads":          1,
		// A row that would reach a second partition fails the insert instead of escaping its token.
		"max_partitions_per_insert_block":                    1,
		"deduplicate_blocks_in_dependent_materialized_views": 1,
		"min_insert_block_size_rows_for_materialized_views":  0,
		"min_insert_block_size_bytes_for_materialized_views": 0,
		"materialized_views_ignore_errors":                   0,
	}
}

// inserter makes inserts into one table. It is owned by one goroutine.
type inserter struct {
	conn     driver.Conn
	database string
	table    table
	query    string
	// http is set when the connection speaks HTTP: a block is then streamed as it is encoded. The native protocol goes
	// through the driver's columns.
	http    bool
	encoder encoder
}

func newInserter(conn driver.Conn, http bool, database string, t table) *inserter {
	in := &inserter{conn: conn, http: http, database: database, table: t}
	in.query = "INSERT INTO " + database + "." + t.name() + " (" + strings.Join(columnNames(t), ", ") + ")"
	return in
}

// insert sends the rows of order as one block. A nil error means that they are in the table and in its rollups.
func (in *inserter) insert(ctx context.Context, order []uint32, token string) error {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(insertSettings(token)))
	if in.http {
		body := newNativeBody(in.table.columns(), order, &in.encoder)
		defer body.release()
		if err := in.conn.InsertFormat(ctx, "Native", in.query, body); err != nil {
			return fmt.Errorf("inserting into %s.%s: %w", in.database, in.table.name(), err)
		}
		return nil
	}
	batch, err := in.conn.PrepareBatch(ctx, in.query)
	if err != nil {
		return fmt.Errorf("preparing an insert into %s.%s: %w", in.database, in.table.name(), err)
	}
	defer batch.Close() // after Send it does nothing
	into := batch.Columns()
	columns := in.table.columns()
	if len(into) != len(columns) {
		return fmt.Errorf("preparing an insert into %s.%s: %w", in.database, in.table.name(), &schemaError{fmt.Sprintf("the server takes %d columns, want %d", len(into), len(columns))})
	}
	for i, column := range columns {
		if into[i].Name() != column.name || string(into[i].Type()) != column.kind {
			return fmt.Errorf("preparing an insert into %s.%s: %w", in.database, in.table.name(),
				&schemaError{fmt.Sprintf("column %s is %s, want %s %s", into[i].Name(), into[i].Type(), column.name, column.kind)})
		}
		if err := in.encoder.fill(column, order, into[i]); err != nil {
			return fmt.Errorf("preparing an insert into %s.%s: %w", in.database, in.table.name(), err)
		}
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("inserting into %s.%s: %w", in.database, in.table.name(), err)
	}
	return nil
}

// place is where a span's rows are to be found: the offsets of one partition, both included, and their received times.
type place struct {
	partition    int32
	first, last  int64
	minMS, maxMS int64
}

// where is exact because the times are the span's own: rows of the same offsets in another month lie outside them, and
// so do rows of a topic that was deleted and made again.
func (p place) where() string {
	return fmt.Sprintf("_partition = %d AND _offset BETWEEN %d AND %d AND received_at BETWEEN fromUnixTimestamp64Milli(%d, 'UTC') AND fromUnixTimestamp64Milli(%d, 'UTC')",
		p.partition, p.first, p.last, p.minMS, p.maxMS)
}

// present counts the rows of a place that the table has.
func (in *inserter) present(ctx context.Context, p place) (int, error) {
	var count uint64
	query := "SELECT count() FROM " + in.database + "." + in.table.name() + " WHERE " + p.where()
	if err := in.conn.QueryRow(ctx, query).Scan(&count); err != nil {
		return 0, fmt.Errorf("looking for offsets %d to %d in %s.%s: %w", p.first, p.last, in.database, in.table.name(), err)
	}
	return int(count), nil
}

// tokenHolds says whether the table surely still remembers the token of rows that it has: fewer inserts than the window
// came after them. Block numbers count a table's inserts, and the name of the part that a row is in has those of its
// part. A merge with much older parts makes the answer false although it might be true.
func (in *inserter) tokenHolds(ctx context.Context, p place) (bool, error) {
	var newest, of int64
	query := fmt.Sprintf(`SELECT max(max_block_number), minIf(min_block_number, name IN (SELECT DISTINCT _part FROM %[1]s.%[2]s WHERE %[3]s))
FROM system.parts WHERE database = '%[1]s' AND table = '%[2]s' AND active`, in.database, in.table.name(), p.where())
	if err := in.conn.QueryRow(ctx, query).Scan(&newest, &of); err != nil {
		return false, fmt.Errorf("reading the parts of %s.%s: %w", in.database, in.table.name(), err)
	}
	return newest-of < tokenWindow-tokenMargin, nil
}
