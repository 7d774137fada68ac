package clickhouse

import (
	"cmp"
	"fmt"

	"tributary/schemas"
	"tributary/schemas/events"
)

// rows is a table that a stage declares: its events are Row, whose values are in the order of the table's columns.
type rows struct {
	position
	declared *schemas.Table
	event    events.Row
	// adds put a value into its column, by the place of the value.
	adds  []func(v *events.Value)
	all   []namedColumn
	order []func(a, b uint32) int
}

// newRows makes the table of a declaration that schemas.RowTable has checked.
func newRows(t *schemas.Table) *rows {
	r := &rows{position: newPosition(), declared: t}
	compare := map[string]func(a, b uint32) int{
		"received_at": func(a, b uint32) int { return cmp.Compare(r.received.values[a], r.received.values[b]) },
		"_partition":  func(a, b uint32) int { return cmp.Compare(r.partitions.values[a], r.partitions.values[b]) },
		"_offset":     func(a, b uint32) int { return cmp.Compare(r.offsets.values[a], r.offsets.values[b]) },
	}
	for _, c := range t.Values() {
		buffer, add, order := rowBuffer(c.Type)
		r.adds = append(r.adds, add)
		r.all = append(r.all, namedColumn{c.Name, c.Type, buffer})
		compare[c.Name] = order
	}
	r.all = append(r.all, namedColumn{"received_at", schemas.TypeTime, &r.received},
		namedColumn{"_partition", schemas.TypeUint32, &r.partitions},
		namedColumn{"_offset", schemas.TypeUint64, &r.offsets})
	for _, name := range t.OrderBy {
		r.order = append(r.order, compare[name])
	}
	return r
}

// rowBuffer makes a column's buffer, and says how a value is added to it and how two rows compare.
func rowBuffer(kind string) (columnBuffer, func(*events.Value), func(a, b uint32) int) {
	switch kind {
	case schemas.TypeText:
		c := new(textColumn)
		order := func(a, b uint32) int { return cmp.Compare(c.at(a), c.at(b)) }
		return c, func(v *events.Value) { c.add(v.Text) }, order
	case schemas.TypeWord:
		c := new(wordColumn)
		order := func(a, b uint32) int { return cmp.Compare(c.at(a), c.at(b)) }
		return c, func(v *events.Value) { c.add(v.Text) }, order
	case schemas.TypeMoney, schemas.TypeTime, schemas.TypeInt64:
		c := new(int64Column)
		order := func(a, b uint32) int { return cmp.Compare(c.values[a], c.values[b]) }
		return c, func(v *events.Value) { c.add(v.Number) }, order
	case schemas.TypeBool:
		return plainBuffer(boolColumn(), func(v *events.Value) bool { return v.Number != 0 }, func(a, b bool) int {
			return map[bool]int{true: 1}[a] - map[bool]int{true: 1}[b]
		})
	case schemas.TypeUint32:
		return plainBuffer(uint32Column(), func(v *events.Value) uint32 { return uint32(v.Number) }, cmp.Compare)
	case schemas.TypeUint64:
		return plainBuffer(uint64Column(), func(v *events.Value) uint64 { return uint64(v.Number) }, cmp.Compare)
	case schemas.TypeInt32:
		return plainBuffer(int32Column(), func(v *events.Value) int32 { return int32(v.Number) }, cmp.Compare)
	case schemas.TypeFloat64:
		return plainBuffer(float64Column(), func(v *events.Value) float64 { return v.Real }, cmp.Compare)
	}
	panic("sink: a table of rows has a column of type " + kind) // schemas.RowTable refuses it
}

func plainBuffer[T any](column plainColumn[T], of func(*events.Value) T, compare func(a, b T) int) (columnBuffer,
	func(*events.Value), func(a, b uint32) int) {
	c := &column
	return c, func(v *events.Value) { c.add(of(v)) }, func(a, b uint32) int { return compare(c.values[a], c.values[b]) }
}

func (r *rows) name() string           { return r.declared.Name }
func (r *rows) columns() []namedColumn { return r.all }

// add keeps nothing of value.
func (r *rows) add(value []byte, partition int32, offset int64) error {
	e := &r.event
	*e = events.Row{Values: e.Values[:0]}
	if err := e.UnmarshalVTUnsafe(value); err != nil {
		return fmt.Errorf("decoding a Row: %w", err)
	}
	if err := r.declared.CheckRow(e); err != nil {
		return fmt.Errorf("decoding a Row: %w", err)
	}
	r.position.add(partition, offset, e.ReceivedMs)
	for i, add := range r.adds {
		v := &noValue
		if i < len(e.Values) {
			v = e.Values[i]
		}
		add(v)
	}
	return nil
}

// noValue is that of a column that the record does not know yet.
var noValue events.Value

// sortKey leaves the order to tie: a stage's key may be anything.
func (r *rows) sortKey(uint32) (uint64, int64) { return 0, 0 }

func (r *rows) tie(a, b uint32) int {
	for _, compare := range r.order {
		if n := compare(a, b); n != 0 {
			return n
		}
	}
	return 0
}
