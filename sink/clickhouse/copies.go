package clickhouse

import (
	"context"
	"fmt"
	"strings"
)

// The edge's own topics may have an event twice: an edge that died did not know whether Kafka had taken a record, and the next one sends it
// again, marked as resent. Nobody deduplicates these topics before the loader, so it marks the copies: a row whose record is marked
// is a copy when an earlier record of its partition has its ID. That follows from the topic alone, and so is the same whenever
// it is asked: copies have one key and therefore one partition, and what is before a batch has landed before it. Materialized
// views leave copies out, so that every count is of events and not of records.
//
// A copy is not known where the topic got more partitions between the two, or where the table's retention has removed the first.

// A copying table is of such a topic. Its IDs are 0-9 and a-z.
type copying interface {
	table
	// idColumn is the column of the event's ID.
	idColumn() string
	// suspects are the rows of records that are marked; id is a row's ID, until reset; mark makes a row a copy.
	suspects() []uint32
	id(row uint32) string
	mark(row uint32)
}

// copies is the column of IDs of a copying table, and what is known of copies.
type copies struct {
	textColumn
	resent []uint32
	copy   plainColumn[bool]
}

func newCopies() copies { return copies{copy: boolColumn()} }

func (c *copies) add(id string, resent bool) {
	if resent {
		c.resent = append(c.resent, uint32(len(c.ends)))
	}
	c.textColumn.add(id)
	c.copy.add(false)
}

// reset is the ID column's; the column copy is reset by itself.
func (c *copies) reset()               { c.textColumn.reset(); c.resent = c.resent[:0] }
func (c *copies) suspects() []uint32   { return c.resent }
func (c *copies) id(row uint32) string { return c.at(row) }
func (c *copies) mark(row uint32)      { c.copy.values[row] = true }

// maxAsked is how many IDs one query asks about: far below the length of a query that ClickHouse reads.
const maxAsked = 4000

// markCopies marks the copies among the rows of the batch. It asks ClickHouse only when a record is marked as resent.
func (o *owner) markCopies() error {
	t, ok := o.batch.table.(copying)
	if !ok || len(t.suspects()) == 0 {
		return nil
	}
	suspected := make(map[string]bool, len(t.suspects()))
	for _, row := range t.suspects() {
		suspected[t.id(row)] = true
	}
	known := make(map[string]bool)
	for rest := t.suspects(); len(rest) > 0; {
		some := rest[:min(len(rest), maxAsked)]
		rest = rest[len(some):]
		if err := o.insist(func(ctx context.Context) error {
			return o.insert.earlier(ctx, t, o.partition, o.batch.first, some, known)
		}); err != nil {
			return err
		}
	}
	marked := 0
	resent := t.suspects()
	for row := range uint32(t.rows()) {
		suspect := len(resent) > 0 && resent[0] == row
		if suspect {
			resent = resent[1:]
		}
		id := t.id(row)
		switch {
		case !suspected[id]:
		case suspect && known[id]:
			t.mark(row)
			marked++
		default:
			known[strings.Clone(id)] = true
		}
	}
	o.loader.metrics.copies.Add(float64(marked))
	return nil
}

// earlier adds to known which of the rows' IDs the table has from offsets of the partition below first. A copy has the received time of the event
// it is of, so that a small part of the table is read.
func (in *inserter) earlier(ctx context.Context, t copying, partition int32, first int64, rows []uint32, known map[string]bool) error {
	var query strings.Builder
	minMS, maxMS := t.receivedMS(rows[0]), t.receivedMS(rows[0])
	for _, row := range rows {
		minMS, maxMS = min(minMS, t.receivedMS(row)), max(maxMS, t.receivedMS(row))
	}
	fmt.Fprintf(&query, "SELECT DISTINCT %[1]s FROM %[2]s.%[3]s WHERE _partition = %[4]d AND _offset < %[5]d AND received_at BETWEEN fromUnixTimestamp64Milli(%[6]d, 'UTC') AND fromUnixTimestamp64Milli(%[7]d, 'UTC') AND %[1]s IN (",
		t.idColumn(), in.database, t.name(), partition, first, minMS, maxMS)
	for i, row := range rows {
		if i > 0 {
			query.WriteByte(',')
		}
		query.WriteString(quotedID(t.id(row)))
	}
	query.WriteByte(')')
	found, err := in.conn.Query(ctx, query.String())
	if err != nil {
		return fmt.Errorf("looking for copies in %s.%s: %w", in.database, t.name(), err)
	}
	defer found.Close() // its error is rows.Err's
	for found.Next() {
		var id string
		if err := found.Scan(&id); err != nil {
			return fmt.Errorf("looking for copies in %s.%s: %w", in.database, t.name(), err)
		}
		known[id] = true
	}
	if err := found.Err(); err != nil {
		return fmt.Errorf("looking for copies in %s.%s: %w", in.database, t.name(), err)
	}
	return nil
}

// quotedID is an ID as a literal. Anyone may write to the topic: what is no ID of the edge's is hexadecimal.
func quotedID(id string) string {
	for _, c := range []byte(id) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return fmt.Sprintf("unhex('%x')", id)
		}
	}
	return "'" + id + "'"
}
