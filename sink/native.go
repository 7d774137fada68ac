package sink

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
)

// stateful says whether a column's data starts with the version of its dictionary's format.
func (c namedColumn) stateful() bool { return strings.Contains(c.kind, "LowCardinality") }

// dictionaryVersion is the only one there is: "shared dictionaries with additional keys".
const dictionaryVersion = 1

// nativeBody is a block in ClickHouse's Native format, encoded column by column while it is read: it never takes more than
// its largest column. It has at least one row.
type nativeBody struct {
	columns []namedColumn
	order   []uint32
	encoder *encoder
	// until is when the body fails instead of ending; zero is never. A process that slept over it has lost its partition.
	until time.Time

	mu   sync.Mutex
	next int
	// rest is what of the encoder's bytes has not been read.
	rest []byte
	done bool
}

func newNativeBody(columns []namedColumn, order []uint32, e *encoder) *nativeBody {
	b := &nativeBody{columns: columns, order: order, encoder: e}
	e.wire = binary.AppendUvarint(e.wire[:0], uint64(len(columns)))
	e.wire = binary.AppendUvarint(e.wire, uint64(len(order)))
	b.rest = e.wire
	return b
}

// Read is called by the HTTP client's own goroutine, maybe still after the request has failed.
func (b *nativeBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.rest) == 0 {
		if !b.until.IsZero() && time.Now().After(b.until) {
			return 0, errStale
		}
		if b.done || b.next == len(b.columns) {
			return 0, io.EOF
		}
		column := b.columns[b.next]
		b.next++
		b.encoder.wire = b.encoder.wire[:0]
		b.encoder.putText(column.name)
		b.encoder.putText(column.kind)
		if column.stateful() {
			b.encoder.wire = binary.LittleEndian.AppendUint64(b.encoder.wire, dictionaryVersion)
		}
		column.put(b.encoder, b.order)
		b.rest = b.encoder.wire
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// release takes the encoder and the columns back from a reader that may still be there.
func (b *nativeBody) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done, b.rest, b.next = true, nil, len(b.columns)
}

// fill gives the rows to a driver's column. The driver's Append converts each value through reflection or decimal.Decimal
// for some types; its Decode takes ClickHouse's own encoding in whole slices.
func (e *encoder) fill(c namedColumn, order []uint32, into column.Interface) error {
	e.wire = e.wire[:0]
	c.put(e, order)
	if err := into.Decode(proto.NewReader(bytes.NewReader(e.wire)), len(order)); err != nil {
		return fmt.Errorf("filling column %s: %w", c.name, err)
	}
	return nil
}
