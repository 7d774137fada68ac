package clickhouse

import (
	"context"
	"fmt"

	"tributary/schemas"
)

// Rows of old months may be dropped once they are summed (`tributary archive`). The archive keeps their offsets: such a row
// is none that an insert lacks, and inserted again it would count twice.

// maxDayMS is the last day that ClickHouse's Date has.
const maxDayMS = 65535 * 24 * 60 * 60 * 1000

// gone are offsets of a place of which the archive has the row and the table has not. It tells the day of a row, where the
// row itself tells the time.
func (in *inserter) gone(ctx context.Context, p place, where string) (map[uint64]bool, error) {
	if schemas.FactNamed(in.table.name()) == nil {
		return nil, nil
	}
	archived, err := in.readOffsets(ctx, fmt.Sprintf("SELECT DISTINCT arrayJoin(bitmapToArray(bitmapSubsetInRange(offsets, toUInt64(%d), "+
		"toUInt64(%d)))) AS _offset FROM %s.%s WHERE base = '%s' AND _partition = %d AND day BETWEEN "+
		"toDate(fromUnixTimestamp64Milli(%d, 'UTC')) AND toDate(fromUnixTimestamp64Milli(%d, 'UTC')) AND attempt IN (SELECT attempt FROM %[3]s.%[9]s)",
		p.first, uint64(p.last)+1, in.database, schemas.TableArchiveOffsets, in.table.name(), p.partition,
		min(p.minMS, maxDayMS), min(p.maxMS, maxDayMS), schemas.TableArchiveMonths))
	if err != nil || len(archived) == 0 {
		return nil, err
	}
	// They are dropped some time after they are in the archive.
	there, err := in.readOffsets(ctx, "SELECT _offset FROM "+in.database+"."+in.table.name()+" WHERE "+where)
	if err != nil {
		return nil, err
	}
	for offset := range there {
		delete(archived, offset)
	}
	return archived, nil
}

// readOffsets are those that a query returns.
func (in *inserter) readOffsets(ctx context.Context, query string) (map[uint64]bool, error) {
	rows, err := in.conn.Query(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("reading which offsets are in %s.%s: %w", in.database, in.table.name(), err)
	}
	defer rows.Close() // its error is rows.Err's
	found := make(map[uint64]bool)
	for rows.Next() {
		var offset uint64
		if err := rows.Scan(&offset); err != nil {
			return nil, fmt.Errorf("reading which offsets are in %s.%s: %w", in.database, in.table.name(), err)
		}
		found[offset] = true
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading which offsets are in %s.%s: %w", in.database, in.table.name(), err)
	}
	return found, nil
}
