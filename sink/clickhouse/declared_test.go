package clickhouse

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"tributary/schemas"
	"tributary/schemas/events"
)

// filled sets every field of a message to a value that is no other field's and no other row's.
func filled(m protoreflect.Message, row int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		n := row*1000 + int(f.Number())
		one := func(k int) protoreflect.Value {
			switch f.Kind() {
			case protoreflect.StringKind:
				return protoreflect.ValueOfString(fmt.Sprint(f.Name(), n, "-", k))
			case protoreflect.BytesKind:
				return protoreflect.ValueOfBytes([]byte{15: byte(n), 14: byte(n >> 8)})
			case protoreflect.BoolKind:
				return protoreflect.ValueOfBool((row+i)%2 == 0)
			case protoreflect.EnumKind:
				return protoreflect.ValueOfEnum(protoreflect.EnumNumber(row % f.Enum().Values().Len()))
			case protoreflect.DoubleKind:
				return protoreflect.ValueOfFloat64(float64(n+k) / 8)
			case protoreflect.Uint32Kind:
				return protoreflect.ValueOfUint32(uint32(n + k))
			case protoreflect.Uint64Kind:
				return protoreflect.ValueOfUint64(uint64(n + k))
			case protoreflect.Int32Kind, protoreflect.Sint32Kind:
				return protoreflect.ValueOfInt32(-int32(n))
			case protoreflect.Int64Kind, protoreflect.Sint64Kind:
				return protoreflect.ValueOfInt64(baseMS + int64(n))
			}
			panic(f.Kind())
		}
		switch {
		case f.Kind() == protoreflect.MessageKind && !f.IsList():
			filled(m.Mutable(f).Message(), row)
		case f.Kind() == protoreflect.MessageKind:
			for k := range row % 4 {
				filled(m.Mutable(f).List().AppendMutable().Message(), row*10+k)
			}
		case f.IsList():
			for k := range row % 3 {
				m.Mutable(f).List().Append(one(k))
			}
		default:
			m.Set(f, one(0))
		}
	}
}

// shown is a field as the test writes a cell.
func shown(f protoreflect.FieldDescriptor, v protoreflect.Value, kind string) string {
	switch {
	case f.Kind() == protoreflect.EnumKind:
		words := string(f.Enum().Values().ByNumber(v.Enum()).Name())
		prefix := string(f.Enum().Values().Get(0).Name())
		return strings.ToLower(strings.TrimPrefix(words, strings.TrimSuffix(prefix, "UNSPECIFIED")))
	case kind == schemas.TypeAddress:
		ip, _ := netip.AddrFromSlice(v.Bytes())
		return ip.String()
	case f.Kind() == protoreflect.BytesKind:
		return string(v.Bytes())
	}
	return fmt.Sprint(v.Interface())
}

func cell(t *testing.T, c column.Interface, row int) string {
	switch c.(type) {
	case *column.Decimal:
		text := fmt.Sprint(c.Row(row, false))
		whole, part, _ := strings.Cut(text, ".")
		return strings.TrimLeft(whole+(part + "000000")[:6], "0")
	case *column.DateTime64:
		var ms int64
		if err := c.ScanRow(&ms, row); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(ms)
	}
	return fmt.Sprint(c.Row(row, false))
}

// TestEveryColumnIsItsField: what is declared of a table and what the loader does are one.
func TestEveryColumnIsItsField(t *testing.T) {
	const rows = 12
	for _, declaration := range schemas.Tables() {
		t.Run(declaration.Name, func(t *testing.T) {
			table := newTable(declaration.Topic.Name)
			kind, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(declaration.Topic.Message))
			if err != nil {
				t.Fatal(err)
			}
			messages := make([]protoreflect.Message, rows)
			order := make([]uint32, rows)
			for row := range messages {
				messages[row] = kind.New()
				filled(messages[row], row+1)
				value, err := proto.Marshal(messages[row].Interface())
				if err != nil {
					t.Fatal(err)
				}
				if err := table.add(value, 7, int64(row)); err != nil {
					t.Fatal(err)
				}
				clear(value)
				order[row] = uint32(rows - 1 - row)
			}
			block, err := encoded(table, order)
			if err != nil {
				t.Fatal(err)
			}
			names := block.ColumnsNames()
			for i := range declaration.Columns {
				c := &declaration.Columns[i]
				if c.Fill == schemas.FillNone {
					continue
				}
				if len(names) == 0 || names[0] != c.Name {
					t.Fatalf("the block goes on with %v, want %s", names, c.Name)
				}
				at := len(block.ColumnsNames()) - len(names)
				names = names[1:]
				for i, row := range order {
					if got, want := cell(t, block.Columns[at], i), expected(c, messages[row], row); got != want {
						t.Fatalf("%s of row %d is %s, want %s", c.Name, row, got, want)
					}
				}
			}
			if len(names) > 0 {
				t.Errorf("columns that are not declared: %v", names)
			}
		})
	}
}

// expected is the cell that a message must give.
func expected(c *schemas.Column, m protoreflect.Message, row uint32) string {
	switch c.Fill {
	case schemas.FillPartition:
		return "7"
	case schemas.FillOffset:
		return fmt.Sprint(row)
	case schemas.FillCopy:
		return "false"
	case schemas.FillLayout:
		return fmt.Sprint(clickLayout)
	}
	f := c.Path[0]
	if len(c.Path) == 2 && !f.IsList() {
		m, f = m.Get(f).Message(), c.Path[1]
	}
	if !f.IsList() {
		return shown(f, m.Get(f), c.Type)
	}
	var elements []string
	list := m.Get(f).List()
	for i := range list.Len() {
		if len(c.Path) == 2 {
			elements = append(elements, shown(c.Path[1], list.Get(i).Message().Get(c.Path[1]), c.Type))
		} else {
			elements = append(elements, shown(f, list.Get(i), c.Type))
		}
	}
	return fmt.Sprint(elements)
}

// alarms is a table such as a stage declares: one column of each type.
func alarms(t testing.TB) schemas.Table {
	t.Helper()
	table, err := schemas.RowTable(schemas.Table{
		Name: "alarms", Comment: "Alarms.", ID: "click_id", OrderBy: []string{"kind", "received_at", "click_id"},
		Topic: schemas.Topic{Name: "alarms", Key: "the address", RetentionMS: 1000},
		Columns: []schemas.Column{
			{Name: "click_id", Type: schemas.TypeText, Comment: "Its click.", Privacy: schemas.PrivacyNone},
			{Name: "kind", Type: schemas.TypeWord, Comment: "Kind.", Privacy: schemas.PrivacyNone},
			{Name: "cost", Type: schemas.TypeMoney, Comment: "Cost."},
			{Name: "at", Type: schemas.TypeTime, Comment: "When."},
			{Name: "sure", Type: schemas.TypeBool, Comment: "Whether."},
			{Name: "clicks", Type: schemas.TypeUint32, Comment: "How many."},
			{Name: "bytes", Type: schemas.TypeUint64, Comment: "How many."},
			{Name: "change", Type: schemas.TypeInt32, Comment: "Change."},
			{Name: "balance", Type: schemas.TypeInt64, Comment: "Balance."},
			{Name: "share", Type: schemas.TypeFloat64, Comment: "Share."},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// TestRowsOfAStage: values arrive in their columns, those that a record of before lacks are empty, and the block is
// in the table's order.
func TestRowsOfAStage(t *testing.T) {
	ofTheRows(t)
	declaration := alarms(t)
	table := newTable("alarms", declaration)
	for i, values := range [][]any{
		{"c1", "late", int64(1_500_000), int64(baseMS), true, uint32(3), uint64(9), int32(-4), int64(-5), 0.25},
		{"c2", "early"},
		{"c3", "early", int64(-1)},
	} {
		row, err := declaration.NewRow(baseMS-int64(i), values...)
		if err != nil {
			t.Fatal(err)
		}
		value, _ := row.MarshalVT()
		if err := table.add(value, 2, int64(i)); err != nil {
			t.Fatal(err)
		}
		clear(value)
	}
	b := batch{table: table, values: make([][]byte, 3)}
	order := b.spans()[0].order
	block, err := encoded(table, order)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for i := range order {
		var line []string
		for _, c := range block.Columns {
			line = append(line, cell(t, c, i))
		}
		lines = append(lines, strings.Join(line, " "))
	}
	want := []string{
		fmt.Sprintf("c3 early -0000001 0 false 0 0 0 0 0 %d 2 2", baseMS-2),
		fmt.Sprintf("c2 early  0 false 0 0 0 0 0 %d 2 1", baseMS-1),
		fmt.Sprintf("c1 late 1500000 %d true 3 9 -4 -5 0.25 %d 2 0", baseMS, baseMS),
	}
	if strings.Join(lines, "\n") != strings.Join(want, "\n") {
		t.Errorf("the block is\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	for want, row := range map[string]*events.Row{
		"received_ms is -1: want Unix milliseconds":              {ReceivedMs: -1},
		"it has 11 values: table alarms has 10 columns":          {Values: make([]*events.Value, 11)},
		"column click_id of table alarms is String: want a text": {Values: []*events.Value{{Number: 1}}},
		"column cost of table alarms is Decimal(18, 6): want a whole": {Values: []*events.Value{{}, {},
			{Text: "1"}}},
		"column sure of table alarms is Bool: want 0 to 1, got 2": {Values: []*events.Value{{}, {}, {}, {},
			{Number: 2}}},
		"column clicks of table alarms is UInt32: want 0 to 4294967295": {Values: []*events.Value{{}, {}, {}, {}, {},
			{Number: -1}}},
		"column at of table alarms is DateTime64(3, 'UTC'): want 0 to 429": {Values: []*events.Value{{}, {}, {},
			{Number: -1}}},
	} {
		for i := range row.Values {
			if row.Values[i] == nil {
				row.Values[i] = &events.Value{}
			}
		}
		value, _ := row.MarshalVT()
		if err := table.add(value, 0, 9); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if err := table.add([]byte{0xff}, 0, 9); err == nil || table.rows() != 3 {
		t.Errorf("%v, %d rows", err, table.rows())
	}
}
