package clickhouse

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// InsertSettings are the settings of the loader's inserts. They keep one batch one block: the token would guard only the first of several. So are
// the blocks that views of somebody's own are given.
func InsertSettings(token string) clickhouse.Settings {
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

// insert sends the rows of order as one block. A nil error means that they are in the table, or that the token was
// known. Its last byte leaves before until, or it fails with errStale.
func (in *inserter) insert(ctx context.Context, order []uint32, token string, until time.Time) error {
	return in.send(ctx, in.query, order, token, until)
}

// scratch is the table by way of which a graft brings rows into the table without a token: one of the same kind, whose one part the table
// takes over. It has the table's projections: a part keeps those that it came with, and lacks the others.
func (in *inserter) scratch(partition int32) string {
	return fmt.Sprintf("%s.%s_graft_%d", in.database, in.table.name(), partition)
}

// fillScratch makes a partition's scratch table with the rows of order. One that an earlier life left is thrown away.
func (in *inserter) fillScratch(ctx context.Context, order []uint32, partition int32, until time.Time) error {
	if err := in.dropScratch(ctx, partition); err != nil {
		return err
	}
	scratch := in.scratch(partition)
	if err := in.conn.Exec(ctx, "CREATE TABLE "+scratch+" AS "+in.database+"."+in.table.name()); err != nil {
		return fmt.Errorf("making the table %s: %w", scratch, err)
	}
	return in.send(ctx, "INSERT INTO "+scratch+" ("+strings.Join(columnNames(in.table), ", ")+")", order, "", until)
}

// attachScratch makes the scratch table's rows of a month the table's, all of them or none.
func (in *inserter) attachScratch(ctx context.Context, month, partition int32, until time.Time) error {
	if time.Now().After(until) {
		return errStale
	}
	scratch := in.scratch(partition)
	query := fmt.Sprintf("ALTER TABLE %s.%s ATTACH PARTITION ID '%d' FROM %s", in.database, in.table.name(), month, scratch)
	if err := in.conn.Exec(ctx, query); err != nil {
		return fmt.Errorf("taking rows over from %s: %w", scratch, err)
	}
	return nil
}

func (in *inserter) dropScratch(ctx context.Context, partition int32) error {
	scratch := in.scratch(partition)
	if err := in.conn.Exec(ctx, "DROP TABLE IF EXISTS "+scratch); err != nil {
		return fmt.Errorf("dropping the table %s: %w", scratch, err)
	}
	return nil
}

// send is one INSERT of one block.
func (in *inserter) send(ctx context.Context, query string, order []uint32, token string, until time.Time) error {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(InsertSettings(token)))
	if in.http {
		body := newNativeBody(in.table.columns(), order, &in.encoder)
		body.until = until
		defer body.release()
		if err := in.conn.InsertFormat(ctx, "Native", query, body); err != nil {
			return fmt.Errorf("inserting into %s.%s: %w", in.database, in.table.name(), err)
		}
		return nil
	}
	batch, err := in.conn.PrepareBatch(ctx, query)
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
	if time.Now().After(until) {
		return fmt.Errorf("inserting into %s.%s: %w", in.database, in.table.name(), errStale)
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

// present counts the rows of a place that the table has, or had before they were archived.
func (in *inserter) present(ctx context.Context, p place) (int, error) {
	return in.count(ctx, p, p.where())
}

// count counts the rows of a place, which where tells.
func (in *inserter) count(ctx context.Context, p place, where string) (int, error) {
	var count uint64
	query := "SELECT count() FROM " + in.database + "." + in.table.name() + " WHERE " + where
	if err := in.conn.QueryRow(ctx, query).Scan(&count); err != nil {
		return 0, fmt.Errorf("looking for offsets %d to %d in %s.%s: %w", p.first, p.last, in.database, in.table.name(), err)
	}
	gone, err := in.gone(ctx, p, where)
	return int(count) + len(gone), err
}

// offsets are those of a place that the table has, or had before they were archived.
func (in *inserter) offsets(ctx context.Context, p place) (map[uint64]bool, error) {
	found, err := in.readOffsets(ctx, "SELECT _offset FROM "+in.database+"."+in.table.name()+" WHERE "+p.where())
	if err != nil {
		return nil, err
	}
	gone, err := in.gone(ctx, p, p.where())
	for offset := range gone {
		found[offset] = true
	}
	return found, err
}

// countOffsets counts the rows that the table has, or had, of some offsets of a partition, whatever their time.
func (in *inserter) countOffsets(ctx context.Context, partition int32, first, last int64) (int, error) {
	return in.count(ctx, place{partition: partition, first: first, last: last, maxMS: maxDayMS},
		fmt.Sprintf("_partition = %d AND _offset BETWEEN %d AND %d", partition, first, last))
}
