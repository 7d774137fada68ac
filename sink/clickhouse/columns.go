package clickhouse

import (
	"encoding/binary"
	"math"
	"unsafe"
)

// A columnBuffer buffers the values of one ClickHouse column in the order the rows came. It owns its memory: what is
// appended is copied, so that a Kafka record may be released. All of a column's memory is reused after reset.
type columnBuffer interface {
	reset()
	// put appends the rows that order names, in that order, to e in ClickHouse's Native encoding of the column.
	put(e *encoder, order []uint32)
}

// encoder has the scratch memory that encoding needs. One insert uses it at a time.
type encoder struct {
	wire  []byte
	keys  []uint32
	remap []uint32
	words []string
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
func (c *textColumn) reset() { c.bytes, c.ends = c.bytes[:0], c.ends[:0] }

// at borrows the column's memory until reset.
func (c *textColumn) at(row uint32) string {
	start := 0
	if row > 0 {
		start = c.ends[row-1]
	}
	b := c.bytes[start:c.ends[row]]
	return unsafe.String(unsafe.SliceData(b), len(b))
}

func (c *textColumn) put(e *encoder, order []uint32) {
	for _, row := range order {
		e.putText(c.at(row))
	}
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
	// recent are numbers by a few bytes of their words: nearly every word is one of a handful, and comparing it is cheaper
	// than hashing it.
	recent [64]uint32
}

func (d *dictionary) number(v string) uint32 {
	if v == "" {
		return 0
	}
	slot := &d.recent[(len(v)+5*int(v[0])+17*int(v[len(v)/2])+31*int(v[len(v)-1]))%len(d.recent)]
	if n := *slot; n != 0 && d.words[n] == v {
		return n
	}
	n := d.look(v)
	*slot = n
	return n
}

func (d *dictionary) look(v string) uint32 {
	n, ok := d.numbers[v]
	if !ok {
		if d.numbers == nil {
			d.numbers, d.words = make(map[string]uint32), append(d.words, "")
		}
		v = string([]byte(v)) // v borrows the record's memory
		n = uint32(len(d.words))
		d.numbers[v], d.words = n, append(d.words, v)
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
func (c *wordColumn) reset()               { c.keys = c.keys[:0]; c.words.trim() }

func (c *wordColumn) put(e *encoder, order []uint32) {
	e.keys = e.keys[:0]
	for _, row := range order {
		e.keys = append(e.keys, c.keys[row])
	}
	e.putWords(&c.words)
}

// Flags of the LowCardinality encoding (ClickHouse: SerializationLowCardinality.cpp).
const (
	wordsOwnDictionary = 1<<9 | 1<<10 // has additional keys, and needs the dictionary updated
	wordsKeys8         = 0
	wordsKeys16        = 1
	wordsKeys32        = 2
)

// putWords writes e.keys as a LowCardinality(String) with the words that they use and no other.
func (e *encoder) putWords(d *dictionary) {
	e.remap = append(e.remap[:0], make([]uint32, max(1, len(d.words)))...)
	e.words = append(e.words[:0], "") // ClickHouse keeps place 0 for the default value
	for i, key := range e.keys {
		if key == 0 {
			continue
		}
		if e.remap[key] == 0 {
			e.remap[key] = uint32(len(e.words))
			e.words = append(e.words, d.words[key])
		}
		e.keys[i] = e.remap[key]
	}
	width := uint64(wordsKeys8)
	switch {
	case len(e.words) > math.MaxUint16:
		width = wordsKeys32
	case len(e.words) > math.MaxUint8:
		width = wordsKeys16
	}
	e.wire = binary.LittleEndian.AppendUint64(e.wire, wordsOwnDictionary|width)
	e.wire = binary.LittleEndian.AppendUint64(e.wire, uint64(len(e.words)))
	for _, word := range e.words {
		e.putText(word)
	}
	clear(e.words)
	e.wire = binary.LittleEndian.AppendUint64(e.wire, uint64(len(e.keys)))
	switch width {
	case wordsKeys8:
		for _, key := range e.keys {
			e.wire = append(e.wire, byte(key))
		}
	case wordsKeys16:
		for _, key := range e.keys {
			e.wire = binary.LittleEndian.AppendUint16(e.wire, uint16(key))
		}
	default:
		for _, key := range e.keys {
			e.wire = binary.LittleEndian.AppendUint32(e.wire, key)
		}
	}
}

func (e *encoder) putText(v string) {
	e.wire = binary.AppendUvarint(e.wire, uint64(len(v)))
	e.wire = append(e.wire, v...)
}

// int64Column is a Decimal(18, 6) of micros or a DateTime64(3) of milliseconds: an int64 a row.
type int64Column struct{ values []int64 }

func (c *int64Column) add(v int64) { c.values = append(c.values, v) }
func (c *int64Column) reset()      { c.values = c.values[:0] }
func (c *int64Column) put(e *encoder, order []uint32) {
	for _, row := range order {
		e.wire = binary.LittleEndian.AppendUint64(e.wire, uint64(c.values[row]))
	}
}

// plainColumn is a column of fixed width.
type plainColumn[T any] struct {
	values []T
	append func([]byte, T) []byte
}

func (c *plainColumn[T]) add(v T) { c.values = append(c.values, v) }
func (c *plainColumn[T]) reset()  { c.values = c.values[:0] }
func (c *plainColumn[T]) put(e *encoder, order []uint32) {
	for _, row := range order {
		e.wire = c.append(e.wire, c.values[row])
	}
}

func uint32Column() plainColumn[uint32] {
	return plainColumn[uint32]{append: binary.LittleEndian.AppendUint32}
}

func uint64Column() plainColumn[uint64] {
	return plainColumn[uint64]{append: binary.LittleEndian.AppendUint64}
}

func int32Column() plainColumn[int32] {
	return plainColumn[int32]{append: func(b []byte, v int32) []byte { return binary.LittleEndian.AppendUint32(b, uint32(v)) }}
}

func float64Column() plainColumn[float64] {
	return plainColumn[float64]{append: func(b []byte, v float64) []byte { return binary.LittleEndian.AppendUint64(b, math.Float64bits(v)) }}
}

func uint8Column() plainColumn[uint8] {
	return plainColumn[uint8]{append: func(b []byte, v uint8) []byte { return append(b, v) }}
}
func boolColumn() plainColumn[bool] {
	return plainColumn[bool]{append: func(b []byte, v bool) []byte {
		if v {
			return append(b, 1)
		}
		return append(b, 0)
	}}
}

// ipColumn is an IPv6.
type ipColumn struct{ plainColumn[[16]byte] }

func newIPColumn() ipColumn {
	return ipColumn{plainColumn[[16]byte]{append: func(b []byte, v [16]byte) []byte { return append(b, v[:]...) }}}
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

// end ends a row that has n elements.
func (s *spans) end(n int) {
	start := uint32(0)
	if len(s.ends) > 0 {
		start = s.ends[len(s.ends)-1]
	}
	s.ends = append(s.ends, start+uint32(n))
}

func (s *spans) put(e *encoder, order []uint32) {
	var total uint64
	for _, row := range order {
		start, end := s.bounds(row)
		total += uint64(end - start)
		e.wire = binary.LittleEndian.AppendUint64(e.wire, total)
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
func (c *textsColumn) reset() { c.elements.reset(); c.ends = c.ends[:0] }
func (c *textsColumn) put(e *encoder, order []uint32) {
	c.spans.put(e, order)
	for _, row := range order {
		for i, end := c.bounds(row); i < end; i++ {
			e.putText(c.elements.at(i))
		}
	}
}

// wordsColumn is an Array(LowCardinality(String)). The columns of one repeated message have the same spans.
type wordsColumn struct {
	spans *spans
	keys  []uint32
	words dictionary
}

func (c *wordsColumn) add(element string) { c.keys = append(c.keys, c.words.number(element)) }
func (c *wordsColumn) reset()             { c.keys = c.keys[:0]; c.words.trim() }
func (c *wordsColumn) put(e *encoder, order []uint32) {
	c.spans.put(e, order)
	e.keys = e.keys[:0]
	for _, row := range order {
		start, end := c.spans.bounds(row)
		e.keys = append(e.keys, c.keys[start:end]...)
	}
	if len(e.keys) > 0 { // of no elements at all, not even a dictionary is written
		e.putWords(&c.words)
	}
}

// numbersColumn is an Array of UInt32, UInt64 or Float64: width bytes an element, kept as the element's bits.
type numbersColumn struct {
	spans  *spans
	width  int
	values []uint64
}

func (c *numbersColumn) add(element uint64) { c.values = append(c.values, element) }
func (c *numbersColumn) addFloat(element float64) {
	c.values = append(c.values, math.Float64bits(element))
}
func (c *numbersColumn) reset() { c.values = c.values[:0] }
func (c *numbersColumn) put(e *encoder, order []uint32) {
	c.spans.put(e, order)
	for _, row := range order {
		start, end := c.spans.bounds(row)
		for _, v := range c.values[start:end] {
			if c.width == 4 {
				e.wire = binary.LittleEndian.AppendUint32(e.wire, uint32(v))
			} else {
				e.wire = binary.LittleEndian.AppendUint64(e.wire, v)
			}
		}
	}
}
