package sink

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
)

// A columnBuffer buffers the values of one ClickHouse column in the order the rows came. It owns its memory: what is appended
// is copied, so that a Kafka record may be released. All of a column's memory is reused after reset.
type columnBuffer interface {
	// size is how many bytes the buffered values take, roughly.
	size() int
	reset()
	// send appends the rows that order names, in that order, to the driver's column.
	send(g *gatherer, order []uint32, into driverColumn) error
}

// driverColumn is the driver's side of a column.
type driverColumn = column.Interface

// gatherer has the scratch memory that reordering needs. One insert uses it at a time.
//
// The driver's Append converts each value through reflection or decimal.Decimal for some types; for those the rows are
// written in ClickHouse's own column encoding and handed over through the driver column's Decode, which copies whole
// slices. Decimal64(6) is the int64 of micros there, DateTime64(3) the int64 of milliseconds.
type gatherer struct {
	wire    []byte
	texts   []string
	remap   []uint32
	bools   []bool
	uint32s []uint32
	uint64s []uint64
	int32s  []int32
	floats  []float64
	ips     [][16]byte
	source  bytes.Reader
	reader  *proto.Reader
}

func (g *gatherer) decode(into driverColumn, rows int) error {
	g.source.Reset(g.wire)
	if g.reader == nil {
		g.reader = proto.NewReader(&g.source)
	}
	if err := into.Decode(g.reader, rows); err != nil {
		g.reader = nil // it may hold bytes of the failed column
		return fmt.Errorf("encoding column %s: %w", into.Name(), err)
	}
	return nil
}

// textColumn is a String.
type textColumn struct {
	bytes []byte
	ends  []int
}

func (c *textColumn) add(v string) {
	c.bytes = append(c.bytes, v...)
	c.ends = append(c.ends, len(c.bytes))
}
func (c *textColumn) addBytes(v []byte) {
	c.bytes = append(c.bytes, v...)
	c.ends = append(c.ends, len(c.bytes))
}
func (c *textColumn) size() int { return len(c.bytes) + 8*len(c.ends) }
func (c *textColumn) reset()    { c.bytes, c.ends = c.bytes[:0], c.ends[:0] }

// at borrows the column's memory until reset.
func (c *textColumn) at(row uint32) string {
	start := 0
	if row > 0 {
		start = c.ends[row-1]
	}
	b := c.bytes[start:c.ends[row]]
	return unsafe.String(unsafe.SliceData(b), len(b))
}

func (c *textColumn) send(g *gatherer, order []uint32, into driverColumn) error {
	g.texts = g.texts[:0]
	total := 0
	for _, row := range order {
		text := c.at(row)
		g.texts, total = append(g.texts, text), total+len(text)
	}
	// The driver's column grows step by step and copies all it has at each; one long text makes the room at once.
	if total > 0 {
		if _, err := into.Append([]string{unsafe.String(unsafe.SliceData(c.bytes), total)}); err != nil {
			return err
		}
		into.Reset()
	}
	_, err := into.Append(g.texts) // copies
	clear(g.texts)
	return err
}

// maxInterned bounds the words a dictionary remembers between batches.
const maxInterned = 1 << 15

// wordColumn is a LowCardinality(String): each word once, and a key a row.
type wordColumn struct {
	keys  []uint32
	words dictionary
}

// dictionary numbers words in the order they were first seen; word 0 is the empty one. It lives longer than a batch, so
// that a word costs an allocation once.
type dictionary struct {
	numbers map[string]uint32
	words   []string
	bytes   int
}

func (d *dictionary) number(v string) uint32 {
	if v == "" {
		return 0
	}
	n, ok := d.numbers[v]
	if !ok {
		if d.numbers == nil {
			d.numbers, d.words = make(map[string]uint32), append(d.words, "")
		}
		v = string([]byte(v)) // v borrows the record's memory
		n = uint32(len(d.words))
		d.numbers[v], d.words, d.bytes = n, append(d.words, v), d.bytes+len(v)+48
	}
	return n
}

func (d *dictionary) word(n uint32) string {
	if n == 0 {
		return ""
	}
	return d.words[n]
}

func (d *dictionary) trim() {
	if len(d.words) > maxInterned {
		*d = dictionary{}
	}
}

func (c *wordColumn) add(v string)         { c.keys = append(c.keys, c.words.number(v)) }
func (c *wordColumn) at(row uint32) string { return c.words.word(c.keys[row]) }
func (c *wordColumn) size() int            { return 4*len(c.keys) + c.words.bytes }
func (c *wordColumn) reset()               { c.keys = c.keys[:0]; c.words.trim() }

func (c *wordColumn) send(g *gatherer, order []uint32, into driverColumn) error {
	g.uint32s = g.uint32s[:0]
	for _, row := range order {
		g.uint32s = append(g.uint32s, c.keys[row])
	}
	g.wire = g.wire[:0]
	g.putWords(&c.words, g.uint32s)
	return g.decode(into, len(order))
}

// Flags of the LowCardinality encoding (ClickHouse: SerializationLowCardinality.cpp).
const (
	wordsOwnDictionary = 1<<9 | 1<<10 // has additional keys, and needs the dictionary updated
	wordsKeys8         = 0
	wordsKeys16        = 1
	wordsKeys32        = 2
)

// putWords writes a LowCardinality(String) with the words that keys use and no other. keys is overwritten.
func (g *gatherer) putWords(d *dictionary, keys []uint32) {
	g.remap = append(g.remap[:0], make([]uint32, max(1, len(d.words)))...)
	g.texts = append(g.texts[:0], "") // ClickHouse keeps place 0 for the default value
	for i, key := range keys {
		if key == 0 {
			continue
		}
		if g.remap[key] == 0 {
			g.remap[key] = uint32(len(g.texts))
			g.texts = append(g.texts, d.words[key])
		}
		keys[i] = g.remap[key]
	}
	width := uint64(wordsKeys8)
	switch {
	case len(g.texts) > math.MaxUint16:
		width = wordsKeys32
	case len(g.texts) > math.MaxUint8:
		width = wordsKeys16
	}
	g.wire = binary.LittleEndian.AppendUint64(g.wire, wordsOwnDictionary|width)
	g.wire = binary.LittleEndian.AppendUint64(g.wire, uint64(len(g.texts)))
	for _, word := range g.texts {
		g.putText(word)
	}
	clear(g.texts)
	g.wire = binary.LittleEndian.AppendUint64(g.wire, uint64(len(keys)))
	for _, key := range keys {
		switch width {
		case wordsKeys8:
			g.wire = append(g.wire, byte(key))
		case wordsKeys16:
			g.wire = binary.LittleEndian.AppendUint16(g.wire, uint16(key))
		default:
			g.wire = binary.LittleEndian.AppendUint32(g.wire, key)
		}
	}
}

func (g *gatherer) putText(v string) {
	g.wire = binary.AppendUvarint(g.wire, uint64(len(v)))
	g.wire = append(g.wire, v...)
}

// int64Column is a Decimal(18, 6) of micros or a DateTime64(3) of milliseconds: an int64 a row.
type int64Column struct{ values []int64 }

func (c *int64Column) add(v int64) { c.values = append(c.values, v) }
func (c *int64Column) size() int   { return 8 * len(c.values) }
func (c *int64Column) reset()      { c.values = c.values[:0] }
func (c *int64Column) send(g *gatherer, order []uint32, into driverColumn) error {
	g.wire = g.wire[:0]
	for _, row := range order {
		g.wire = binary.LittleEndian.AppendUint64(g.wire, uint64(c.values[row]))
	}
	return g.decode(into, len(order))
}

// plainColumn is a column whose Go slice the driver copies as it is.
type plainColumn[T any] struct {
	values  []T
	scratch func(*gatherer) *[]T
}

func (c *plainColumn[T]) add(v T)   { c.values = append(c.values, v) }
func (c *plainColumn[T]) size() int { return len(c.values) * int(unsafe.Sizeof(*new(T))) }
func (c *plainColumn[T]) reset()    { c.values = c.values[:0] }
func (c *plainColumn[T]) send(g *gatherer, order []uint32, into driverColumn) error {
	scratch := c.scratch(g)
	*scratch = (*scratch)[:0]
	for _, row := range order {
		*scratch = append(*scratch, c.values[row])
	}
	_, err := into.Append(*scratch)
	return err
}

func uint32Column() plainColumn[uint32] {
	return plainColumn[uint32]{scratch: func(g *gatherer) *[]uint32 { return &g.uint32s }}
}
func uint64Column() plainColumn[uint64] {
	return plainColumn[uint64]{scratch: func(g *gatherer) *[]uint64 { return &g.uint64s }}
}
func int32Column() plainColumn[int32] {
	return plainColumn[int32]{scratch: func(g *gatherer) *[]int32 { return &g.int32s }}
}
func float64Column() plainColumn[float64] {
	return plainColumn[float64]{scratch: func(g *gatherer) *[]float64 { return &g.floats }}
}
func boolColumn() plainColumn[bool] {
	return plainColumn[bool]{scratch: func(g *gatherer) *[]bool { return &g.bools }}
}

// ipColumn is an IPv6.
type ipColumn struct{ plainColumn[[16]byte] }

func newIPColumn() ipColumn {
	return ipColumn{plainColumn[[16]byte]{scratch: func(g *gatherer) *[][16]byte { return &g.ips }}}
}

// add takes 16 bytes; anything else becomes ::.
func (c *ipColumn) add(v []byte) {
	var ip [16]byte
	if len(v) == len(ip) {
		copy(ip[:], v)
	}
	c.values = append(c.values, ip)
}

// spans are where each row's elements of an array column end.
type spans struct{ ends []uint32 }

func (s *spans) bounds(row uint32) (start, end uint32) {
	if row > 0 {
		start = s.ends[row-1]
	}
	return start, s.ends[row]
}

func (s *spans) put(g *gatherer, order []uint32) {
	g.wire = g.wire[:0]
	var total uint64
	for _, row := range order {
		start, end := s.bounds(row)
		total += uint64(end - start)
		g.wire = binary.LittleEndian.AppendUint64(g.wire, total)
	}
}

// textsColumn is an Array(String).
type textsColumn struct {
	spans
	elements textColumn
}

func (c *textsColumn) add(v []string) {
	for _, element := range v {
		c.elements.add(element)
	}
	c.ends = append(c.ends, uint32(len(c.elements.ends)))
}
func (c *textsColumn) size() int { return c.elements.size() + 4*len(c.ends) }
func (c *textsColumn) reset()    { c.elements.reset(); c.ends = c.ends[:0] }
func (c *textsColumn) send(g *gatherer, order []uint32, into driverColumn) error {
	c.put(g, order)
	for _, row := range order {
		for i, end := c.bounds(row); i < end; i++ {
			g.putText(c.elements.at(i))
		}
	}
	return g.decode(into, len(order))
}

// wordsColumn is an Array(LowCardinality(String)). It and the numbersColumns of one
// event's reasons have the same spans, which reasonColumns owns.
type wordsColumn struct {
	spans *spans
	keys  []uint32
	words dictionary
}

func (c *wordsColumn) size() int { return 4*len(c.keys) + c.words.bytes }
func (c *wordsColumn) reset()    { c.keys = c.keys[:0]; c.words.trim() }
func (c *wordsColumn) send(g *gatherer, order []uint32, into driverColumn) error {
	c.spans.put(g, order)
	g.uint32s = g.uint32s[:0]
	for _, row := range order {
		start, end := c.spans.bounds(row)
		g.uint32s = append(g.uint32s, c.keys[start:end]...)
	}
	if len(g.uint32s) > 0 { // of no elements at all, not even a dictionary is written
		g.putWords(&c.words, g.uint32s)
	}
	return g.decode(into, len(order))
}

// numbersColumn is an Array of UInt32, UInt64 or Float64: width bytes an element, kept as the element's bits.
type numbersColumn struct {
	spans  *spans
	width  int
	values []uint64
}

func (c *numbersColumn) size() int { return 8 * len(c.values) }
func (c *numbersColumn) reset()    { c.values = c.values[:0] }
func (c *numbersColumn) send(g *gatherer, order []uint32, into driverColumn) error {
	c.spans.put(g, order)
	for _, row := range order {
		start, end := c.spans.bounds(row)
		for _, v := range c.values[start:end] {
			if c.width == 4 {
				g.wire = binary.LittleEndian.AppendUint32(g.wire, uint32(v))
			} else {
				g.wire = binary.LittleEndian.AppendUint64(g.wire, v)
			}
		}
	}
	return g.decode(into, len(order))
}
