package clickhouse

import (
	"fmt"
	"math"
	"slices"

	"tributary/schemas"
	"tributary/schemas/events"
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

// newTable returns the table of a topic (without prefix).
func newTable(topic string) table {
	switch topic {
	case schemas.TopicScoredClicks:
		return newClicks()
	case schemas.TopicConversions:
		return newConversions()
	case schemas.TopicAnomalies:
		return newAnomalies()
	case schemas.TopicDeadLetters:
		return newLetters()
	case schemas.TopicPostbacks:
		return newPostbacks()
	case schemas.TopicParked:
		return newParked()
	case schemas.TopicImpressions:
		return newImpressions()
	case schemas.TopicLandingClicks:
		return newLandingClicks()
	}
	panic("sink: no table for topic " + topic)
}

// Topics are the topics a Loader reads, without prefix.
var Topics = []string{schemas.TopicScoredClicks, schemas.TopicConversions, schemas.TopicAnomalies, schemas.TopicDeadLetters,
	schemas.TopicPostbacks, schemas.TopicParked, schemas.TopicImpressions, schemas.TopicLandingClicks}

const (
	kindText   = "String"
	kindWord   = "LowCardinality(String)"
	kindMoney  = "Decimal(18, 6)"
	kindTime   = "DateTime64(3, 'UTC')"
	kindTexts  = "Array(String)"
	kindWords  = "Array(LowCardinality(String))"
	kindUint8  = "UInt8"
	kindUint32 = "UInt32"
	kindUint64 = "UInt64"
	kindInt32  = "Int32"
	kindInt64  = "Int64"
	kindFloat  = "Float64"
	kindBool   = "Bool"
	kindIP     = "IPv6"
)

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

func (p *position) columns() []namedColumn {
	return []namedColumn{{"received_at", kindTime, &p.received}, {"_partition", kindUint32, &p.partitions}, {"_offset", kindUint64, &p.offsets}}
}
func (p *position) rows() int                   { return len(p.received.values) }
func (p *position) receivedMS(row uint32) int64 { return p.received.values[row] }
func (p *position) offset(row uint32) int64     { return int64(p.offsets.values[row]) }

// reasonColumns are the parallel arrays of an event's findings.
type reasonColumns struct {
	spans
	codes                                        wordsColumn
	points, observed, expected, n, llr, baseline numbersColumn
}

func newReasonColumns() *reasonColumns {
	r := new(reasonColumns)
	r.codes.spans = &r.spans
	for _, column := range []*numbersColumn{&r.points, &r.observed, &r.expected, &r.n, &r.llr, &r.baseline} {
		column.spans, column.width = &r.spans, 8
	}
	r.points.width, r.baseline.width = 4, 4
	return r
}

func (r *reasonColumns) add(reasons []*events.Reason) {
	for _, reason := range reasons {
		r.codes.keys = append(r.codes.keys, r.codes.words.number(reason.Code))
		r.points.values = append(r.points.values, uint64(reason.Points))
		r.observed.values = append(r.observed.values, math.Float64bits(reason.Observed))
		r.expected.values = append(r.expected.values, math.Float64bits(reason.Expected))
		r.n.values = append(r.n.values, reason.N)
		r.llr.values = append(r.llr.values, math.Float64bits(reason.Llr))
		r.baseline.values = append(r.baseline.values, uint64(reason.Baseline))
	}
	r.ends = append(r.ends, uint32(len(r.codes.keys)))
}

func (r *reasonColumns) columns() []namedColumn {
	return []namedColumn{
		{"reason_codes", kindWords, &spannedWords{r}},
		{"reason_points", "Array(UInt32)", &r.points},
		{"reason_observed", "Array(Float64)", &r.observed},
		{"reason_expected", "Array(Float64)", &r.expected},
		{"reason_n", "Array(UInt64)", &r.n},
		{"reason_llr", "Array(Float64)", &r.llr},
		{"reason_baselines", "Array(UInt32)", &r.baseline},
	}
}

// spannedWords is the codes column; it resets the spans for all of them.
type spannedWords struct{ *reasonColumns }

func (s *spannedWords) reset()                         { s.codes.reset(); s.ends = s.ends[:0] }
func (s *spannedWords) put(e *encoder, order []uint32) { s.codes.put(e, order) }

// checkTimes refuses times that ClickHouse's DateTime cannot hold: sums go by them.
func checkTimes(names [3]string, times [3]int64) error {
	for i, ms := range times {
		if names[i] != "" && (ms < 0 || ms >= schemas.MaxTimeMS) {
			return fmt.Errorf("%s is %d: want Unix milliseconds before the year 2106", names[i], ms)
		}
	}
	return nil
}

// decidedMS is when something was decided: when it came where nobody noted it, or noted what ClickHouse cannot hold.
func decidedMS(decided, received int64) int64 {
	if decided <= 0 || decided >= schemas.MaxTimeMS {
		return received
	}
	return decided
}

// checkReasons bounds what one event may bring.
func checkReasons(n int) error {
	if n > schemas.MaxReasons {
		return fmt.Errorf("it has %d reasons: want at most %d", n, schemas.MaxReasons)
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
