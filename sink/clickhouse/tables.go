package clickhouse

import (
	"fmt"
	"slices"

	"tributary/schemas"
)

// A namedColumn ties a buffer to the column of the table it fills.
type namedColumn struct {
	name string
	// kind is the column's ClickHouse type, as the server spells it.
	kind string
	columnBuffer
}

// A table turns the events of one topic into the columns of one ClickHouse table. It is owned by one goroutine.
type table interface {
	// name is the table's name without database.
	name() string
	// columns are its buffers, always the same ones.
	columns() []namedColumn
	// add decodes value and appends a row, or appends nothing and says what is wrong; an error that wraps errReported needs no dead letter.
	// It keeps nothing of value.
	add(value []byte, partition int32, offset int64) error
	rows() int
	// receivedMS is the time that decides the row's ClickHouse partition.
	receivedMS(row uint32) int64
	offset(row uint32) int64
	// sortKey and tie order rows as the table's sorting key does: by the key's two numbers, then by tie.
	sortKey(row uint32) (first uint64, second int64)
	tie(a, b uint32) int
}

// newTable returns the table of a topic (without prefix): a declared one, or one of those that stages declare.
func newTable(topic string, own ...schemas.Table) table {
	if make := declared[topic]; make != nil {
		return make()
	}
	for i := range own {
		if own[i].Topic.Name == topic {
			return newRows(&own[i])
		}
	}
	panic("sink: no table for topic " + topic)
}

// loaded are the tables of a loader, where stages declare own.
func loaded(own []schemas.Table) []schemas.Table { return slices.Concat(schemas.Tables(), own) }

func topicsOf(tables []schemas.Table) []string {
	topics := make([]string, len(tables))
	for i, t := range tables {
		topics[i] = t.Topic.Name
	}
	return topics
}

// Topics are the topics of tables that events declare, without prefix.
var Topics = topicsOf(schemas.Tables())

// clickLayout is the version of what is written of a click: see the column _layout.
const clickLayout = 1

// position is the part every table has.
type position struct {
	partitions plainColumn[uint32]
	offsets    plainColumn[uint64]
	received   int64Column
}

func newPosition() position { return position{partitions: uint32Column(), offsets: uint64Column()} }

func (p *position) add(partition int32, offset, receivedMS int64) {
	p.partitions.add(uint32(partition))
	p.offsets.add(uint64(offset))
	p.received.add(receivedMS)
}

func (p *position) rows() int                   { return len(p.received.values) }
func (p *position) receivedMS(row uint32) int64 { return p.received.values[row] }
func (p *position) offset(row uint32) int64     { return int64(p.offsets.values[row]) }

// spanned is the first column of several that have the same spans, which it empties for all of them.
type spanned struct {
	columnBuffer
	spans *spans
}

func (s *spanned) reset() { s.columnBuffer.reset(); s.spans.ends = s.spans.ends[:0] }

// checkTime refuses a time that ClickHouse's DateTime cannot hold: sums go by it.
func checkTime(field string, ms int64) error {
	if ms >= 0 && ms < schemas.MaxTimeMS {
		return nil
	}
	return timeError(field, ms)
}

func timeError(field string, ms int64) error {
	return fmt.Errorf("%s is %d: want Unix milliseconds before the year 2106", field, ms)
}

// decidedMS is when something was decided: when it came where nobody noted it, or noted what ClickHouse cannot hold.
func decidedMS(decided, received int64) int64 {
	if decided <= 0 || decided >= schemas.MaxTimeMS {
		return received
	}
	return decided
}

// checkElements bounds what one event may bring of a repeated message.
func checkElements(field string, n int) error {
	if n > schemas.MaxReasons {
		return fmt.Errorf("it has %d %s: want at most %d", n, field, schemas.MaxReasons)
	}
	return nil
}

// reset empties a table for its next batch.
func reset(t table) {
	for _, column := range t.columns() {
		column.reset()
	}
}

func columnNames(t table) []string {
	columns := t.columns()
	names := make([]string, len(columns))
	for i, column := range columns {
		names[i] = column.name
	}
	return slices.Clip(names)
}
