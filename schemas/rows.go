package schemas

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"tributary/schemas/events"
)

// RowMessage is the event of tables that are declared in Go: by stages.
const RowMessage = "tributary.v1.Row"

// rowTypes are the types that columns of such a table may have.
var rowTypes = []string{TypeText, TypeWord, TypeMoney, TypeTime, TypeBool, TypeUint32, TypeUint64, TypeInt32, TypeInt64,
	TypeFloat64}

// RowTable completes the declaration of a table whose rows a stage emits: t has name, comment, topic (name, key,
// retention), id, order_by and columns (name, type, comment, and privacy of a text). The table gets received_at,
// _partition and _offset behind them. Columns are only ever added, at the end: records of before have fewer. The
// error names all that makes no sense.
func RowTable(t Table) (Table, error) {
	t.Topic.Message, t.Topic.Transactional = RowMessage, true
	if t.PartitionBy == "" {
		t.PartitionBy = byMonth
	}
	t.Columns = slices.Clone(t.Columns)
	var wrong []error
	for i := range t.Columns {
		c := &t.Columns[i]
		c.Fill, c.Audited = FillRow, c.Privacy != PrivacyPersonal
		if c.Codec == "" {
			c.Codec = codec(c.Type)
		}
		if !slices.Contains(rowTypes, c.Type) {
			wrong = append(wrong, t.failing(c.Name, "its type is %q: want one of %q", c.Type, rowTypes))
		}
		if c.Alias != "" || c.Stored != "" || c.Default != "" || len(c.Path) > 0 {
			wrong = append(wrong, t.failing(c.Name, "a row's value fills it: want no alias, default or path"))
		}
	}
	t.Columns = append(t.Columns, Column{Name: "received_at", Type: TypeTime, Codec: codec(TypeTime), Fill: FillRow,
		Comment: "When what the row is about was received, UTC; decides the ClickHouse partition."})
	t.Columns = append(t.Columns, place()...)
	wrong = append(wrong, t.check())
	return t, errors.Join(wrong...)
}

// Values are the columns of a row's values, in their order.
func (t *Table) Values() []Column { return t.Columns[:len(t.Columns)-3] }

// NewRow makes the event of a row, or says which value does not fit. Values are in the order of the columns and may
// be fewer: string, bool, int, int32, int64, uint32, uint64 or float64, as the column's type has it; money is in
// micros, a time in Unix milliseconds.
func (t *Table) NewRow(receivedMS int64, values ...any) (*events.Row, error) {
	row := &events.Row{ReceivedMs: receivedMS, Values: make([]*events.Value, len(values))}
	for i, value := range values {
		v := &events.Value{}
		row.Values[i] = v
		switch value := value.(type) {
		case string:
			v.Text = value
		case bool:
			if value {
				v.Number = 1
			}
		case int:
			v.Number = int64(value)
		case int32:
			v.Number = int64(value)
		case int64:
			v.Number = value
		case uint32:
			v.Number = int64(value)
		case uint64:
			if value > math.MaxInt64 {
				return nil, t.failing("", "value %d is %d: want less than 2^63", i+1, value)
			}
			v.Number = int64(value)
		case float64:
			v.Real = value
		default:
			return nil, t.failing("", "value %d is a %T: want a string, bool, integer or float64", i+1, value)
		}
		if i < len(t.Values()) && !takesKind(t.Columns[i].Type, value) {
			return nil, t.failing(t.Columns[i].Name, "it is %s, and the value is the %T %v", t.Columns[i].Type, value,
				value)
		}
	}
	return row, t.CheckRow(row)
}

func takesKind(kind string, value any) bool {
	switch value.(type) {
	case string:
		return kind == TypeText || kind == TypeWord
	case bool:
		return kind == TypeBool
	case float64:
		return kind == TypeFloat64
	}
	return kind != TypeText && kind != TypeWord && kind != TypeBool && kind != TypeFloat64
}

// CheckRow says why a row does not fit the table. It allocates nothing for one that does.
func (t *Table) CheckRow(row *events.Row) error {
	if row.ReceivedMs < 0 || row.ReceivedMs >= MaxTimeMS {
		return fmt.Errorf("received_ms is %d: want Unix milliseconds before the year 2106", row.ReceivedMs)
	}
	columns := t.Values()
	if len(row.Values) > len(columns) {
		return fmt.Errorf("it has %d values: table %s has %d columns for them", len(row.Values), t.Name, len(columns))
	}
	for i, v := range row.Values {
		if problem := misfit(columns[i].Type, v); problem != "" {
			return fmt.Errorf("column %s of table %s is %s: %s", columns[i].Name, t.Name, columns[i].Type, problem)
		}
	}
	return nil
}

// misfit says why a value cannot be of a type.
func misfit(kind string, v *events.Value) string {
	low, high := int64(math.MinInt64), int64(math.MaxInt64)
	switch kind {
	case TypeText, TypeWord:
		if v.Number != 0 || v.Real != 0 {
			return "want a text, got a number"
		}
		return ""
	case TypeFloat64:
		if v.Number != 0 || v.Text != "" {
			return "want a real number"
		}
		return ""
	case TypeBool:
		low, high = 0, 1
	case TypeUint32:
		low, high = 0, math.MaxUint32
	case TypeUint64:
		low = 0
	case TypeInt32:
		low, high = math.MinInt32, math.MaxInt32
	case TypeMoney: // 18 digits
		low, high = -999_999_999_999_999_999, 999_999_999_999_999_999
	case TypeTime:
		low, high = 0, MaxTimeMS-1
	}
	if v.Text != "" || v.Real != 0 {
		return "want a whole number"
	}
	if v.Number < low || v.Number > high {
		return fmt.Sprintf("want %d to %d, got %d", low, high, v.Number)
	}
	return ""
}
