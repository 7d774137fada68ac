package clickhouse

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

// fill makes rest the next of the block's bytes, a column at a time; false at the end.
func (b *nativeBody) fill() (bool, error) {
	if len(b.rest) > 0 {
		return true, nil
	}
	if !b.until.IsZero() && time.Now().After(b.until) {
		return false, errStale
	}
	if b.done || b.next == len(b.columns) {
		return false, nil
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
	return true, nil
}

// Read is called by the HTTP client's own goroutine, maybe still after the request has failed.
func (b *nativeBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	more, err := b.fill()
	if err != nil {
		return 0, err
	}
	if !more {
		return 0, io.EOF
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// maxWrite is the most bytes of a column that one write carries: large enough that system calls and the HTTP chunks' frames
// do not count, small enough that release never waits for more.
const maxWrite = 512 << 10

// WriteTo spares the HTTP client the copies of a Read. Each write has the lock alone, so that release gets its turn.
func (b *nativeBody) WriteTo(w io.Writer) (written int64, err error) {
	for more := true; more; {
		var n int
		n, more, err = b.writeNext(w)
		written += int64(n)
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

func (b *nativeBody) writeNext(w io.Writer) (n int, more bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if more, err = b.fill(); !more || err != nil {
		return 0, false, err
	}
	n, err = w.Write(b.rest[:min(len(b.rest), maxWrite)])
	b.rest = b.rest[n:]
	return n, true, err
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
