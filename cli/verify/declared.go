package verify

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"tributary/schemas"
	"tributary/schemas/events"
)

// inputs are what the processor reads.
var inputs = []string{schemas.TopicClicks, schemas.TopicPostbacks}

// A scope is what is audited: it follows from which tables there are.
type scope struct {
	tables []*table
	// outputs are the topics that the processor writes and a table has, direct the edge's that the sink loads and no
	// processor reads.
	outputs, direct []string
	// loaded are the topics that have a table, audited all that are read, the processor's inputs first.
	loaded, audited []string
}

// A table is a declared one: its topic, and the text that a row and its record must both give.
type table struct {
	schemas.Table
	audited []*schemas.Column
	// values: the columns of a row's values, in their order.
	values []schemas.Column
	make   func() event
}

// event is a message with its fast codec, which every event of ours has.
type event interface {
	proto.Message
	UnmarshalVT(value []byte) error
}

// newScope returns what is audited where there are these tables.
func newScope(tables []schemas.Table) *scope {
	s := &scope{}
	for i := range tables {
		t := newTable(&tables[i])
		s.tables = append(s.tables, t)
		name := t.Topic.Name
		s.loaded = append(s.loaded, name)
		switch {
		case slices.Contains(inputs, name):
		case t.Topic.Transactional:
			s.outputs = append(s.outputs, name)
		default:
			s.direct = append(s.direct, name)
		}
	}
	s.audited = slices.Concat(inputs, s.outputs, s.direct)
	return s
}

func newTable(declared *schemas.Table) *table {
	t := &table{Table: *declared}
	for i := range t.Columns {
		if t.Columns[i].Audited {
			t.audited = append(t.audited, &t.Columns[i])
		}
	}
	if t.Topic.Message == schemas.RowMessage {
		t.values = t.Values()
	}
	kind, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(t.Topic.Message))
	if err != nil {
		panic("verify: table " + t.Name + ": " + err.Error()) // the program lacks its own event
	}
	t.make = func() event { return kind.New().Interface().(event) }
	return t
}

// tableOf returns a topic's table, nil where it has none.
func (s *scope) tableOf(topic string) *table {
	for _, t := range s.tables {
		if t.Topic.Name == topic {
			return t
		}
	}
	return nil
}

// hash is the expression of a row's fingerprint: the same as of its record's text.
func (t *table) hash() string {
	parts := []string{"toString(_offset)"}
	for _, c := range t.audited {
		parts = append(parts, "'|'", "toString("+inTable(c)+")")
	}
	return "xxHash64(concat(" + strings.Join(parts, ", ") + "))"
}

// inTable is a column as the number or text that its record has.
func inTable(c *schemas.Column) string {
	name := "`" + c.Name + "`"
	switch c.Type {
	case schemas.TypeMoney:
		return "reinterpretAsInt64(" + name + ")" // micros
	case schemas.TypeTime:
		return "toUnixTimestamp64Milli(" + name + ")"
	case schemas.TypeFloat64:
		return "reinterpretAsUInt64(" + name + ")" // its bits
	case schemas.TypeBool:
		return "toUInt8(" + name + ")"
	}
	return name
}

// text is what a record's row must give too: what identifies it and every amount. It is empty where the record needs
// no row, for it lacks what the loader requires.
func (t *table) text(offset int64, e event) string {
	text := strconv.AppendInt(make([]byte, 0, 128), offset, 10)
	if row, ok := e.(*events.Row); ok && t.values != nil {
		if t.CheckRow(row) != nil {
			return ""
		}
		for i := range t.values {
			if !t.values[i].Audited {
				continue
			}
			v := &events.Value{}
			if i < len(row.Values) {
				v = row.Values[i]
			}
			text = appendRowValue(append(text, '|'), t.values[i].Type, v)
		}
		return string(text)
	}
	m := e.ProtoReflect()
	for i := range t.Columns {
		if c := &t.Columns[i]; c.Required && !m.Has(c.Path[0]) {
			return ""
		}
	}
	for _, c := range t.audited {
		at := m
		for _, f := range c.Path[:len(c.Path)-1] {
			at = at.Get(f).Message()
		}
		f := c.Path[len(c.Path)-1]
		text = appendField(append(text, '|'), f, at.Get(f))
	}
	return string(text)
}

func appendField(text []byte, f protoreflect.FieldDescriptor, v protoreflect.Value) []byte {
	switch f.Kind() {
	case protoreflect.StringKind:
		return append(text, v.String()...)
	case protoreflect.BytesKind:
		return append(text, v.Bytes()...)
	case protoreflect.BoolKind:
		return appendBool(text, v.Bool())
	case protoreflect.DoubleKind:
		return strconv.AppendUint(text, math.Float64bits(v.Float()), 10)
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind:
		return strconv.AppendUint(text, v.Uint(), 10)
	case protoreflect.EnumKind:
		return append(text, schemas.Word(f.Enum(), v.Enum())...)
	}
	return strconv.AppendInt(text, v.Int(), 10)
}

func appendRowValue(text []byte, kind string, v *events.Value) []byte {
	switch kind {
	case schemas.TypeText, schemas.TypeWord:
		return append(text, v.Text...)
	case schemas.TypeFloat64:
		return strconv.AppendUint(text, math.Float64bits(v.Real), 10)
	}
	return strconv.AppendInt(text, v.Number, 10)
}

func appendBool(text []byte, v bool) []byte {
	if v {
		return append(text, '1')
	}
	return append(text, '0')
}

// identity is the column of an event that a person knows it by.
func (t *table) identity(e event) string {
	if row, ok := e.(*events.Row); ok && t.values != nil {
		if i := slices.IndexFunc(t.values, func(c schemas.Column) bool { return c.Name == t.ID }); i >= 0 &&
			i < len(row.Values) {
			return row.Values[i].Text
		}
		return ""
	}
	m := e.ProtoReflect()
	return m.Get(t.Column(t.ID).Path[0]).String()
}
