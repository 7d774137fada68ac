package schemas

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"tributary/schemas/events"
)

// Types of columns, as ClickHouse spells them.
const (
	TypeText    = "String"
	TypeWord    = "LowCardinality(String)"
	TypeMoney   = "Decimal(18, 6)"
	TypeTime    = "DateTime64(3, 'UTC')"
	TypeAddress = "IPv6"
	TypeBool    = "Bool"
	TypeUint8   = "UInt8"
	TypeUint32  = "UInt32"
	TypeUint64  = "UInt64"
	TypeInt32   = "Int32"
	TypeInt64   = "Int64"
	TypeFloat64 = "Float64"

	TypeTexts    = "Array(String)"
	TypeWords    = "Array(LowCardinality(String))"
	TypeUint32s  = "Array(UInt32)"
	TypeUint64s  = "Array(UInt64)"
	TypeFloat64s = "Array(Float64)"
)

// A Fill says where a column's value comes from.
type Fill int

const (
	// FillField is the event's field.
	FillField Fill = iota
	// FillOrReceived is the field, or received_at where it is 0 or no time.
	FillOrReceived
	// FillCopy is whether the row is a copy of an earlier one; the field marks records that may be copies.
	FillCopy
	// FillLayout is the version of what the loader writes.
	FillLayout
	// FillPartition and FillOffset are where the record was read.
	FillPartition
	FillOffset
	// FillRow is the value of a Row at the column's place: see [RowTable].
	FillRow
	// FillNone: no loader does: ClickHouse computes it, when it is read (Alias) or as the row is written (Stored), or a
	// row has its default at first.
	FillNone
)

// Privacy says whether a column tells of a visitor.
type Privacy int

const (
	// PrivacyUndecided is refused of a column that may have a person's words.
	PrivacyUndecided Privacy = iota
	// PrivacyNone tells nothing of a visitor, or must stay whoever asks.
	PrivacyNone
	// PrivacyPersonal tells of one, or may: `tributary forget` blanks it.
	PrivacyPersonal
)

// A Table is a ClickHouse table that the loader fills from a topic, and all that is known of it.
type Table struct {
	Name, Comment string
	// Topic is what it is loaded from.
	Topic Topic
	// Message has the fields; nil of a table of rows (RowTable).
	Message protoreflect.MessageDescriptor
	// ID is the column that names what a row is about, for people who look for it.
	ID string
	// OrderBy are names of columns. PartitionBy is an expression.
	OrderBy     []string
	PartitionBy string
	// Indexes and Settings are as ClickHouse writes them.
	Indexes, Settings []string
	// Columns are in the table's order.
	Columns []Column
	// ReportedElsewhere: another reader of the topic makes dead letters of records that are no event.
	ReportedElsewhere bool
}

// A Column is a column of a table.
type Column struct {
	Name, Comment string
	// Type is one of the constants Type….
	Type string
	// Codec, Default, Alias and Stored are expressions; empty for none. One with Alias is computed when it is read, one
	// with Stored as the row is written: nobody can write it, `SELECT *` leaves both out.
	Codec, Default, Alias, Stored string
	Fill                          Fill
	// Path is the field: of the table's message, or of a message in a field of it.
	Path    []protoreflect.FieldDescriptor
	Privacy Privacy
	// Audited: verify holds it against its record. Of a table of rows that is every column that is not personal:
	// those may be blanked.
	Audited bool
	// Required: an event without it is refused.
	Required bool
}

// Column returns the column of a name, nil where there is none.
func (t *Table) Column(name string) *Column {
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return &t.Columns[i]
		}
	}
	return nil
}

// IsText: its values may be a person's words.
func (c *Column) IsText() bool { return strings.Contains(c.Type, "String") || c.Type == TypeAddress }

// IsArray: a value has elements.
func (c *Column) IsArray() bool { return strings.HasPrefix(c.Type, "Array(") }

// Tables returns the tables that messages declare (proto/tributary/v1/options.proto), in the order of the messages.
// It panics where a declaration makes no sense, which TestTables finds first. The result is shared: do not change it.
var Tables = sync.OnceValue(func() []Table {
	var files []protoreflect.FileDescriptor
	protoregistry.GlobalFiles.RangeFilesByPackage(events.File_tributary_v1_events_proto.Package(),
		func(file protoreflect.FileDescriptor) bool {
			files = append(files, file)
			return true
		})
	slices.SortFunc(files, func(a, b protoreflect.FileDescriptor) int { return strings.Compare(a.Path(), b.Path()) })
	tables, err := readTables(files...)
	if err != nil {
		panic("schemas: " + err.Error())
	}
	return tables
})

// TableOf returns the table that a topic (without prefix) is loaded into, nil where there is none. Tables that stages
// declare are not among them.
func TableOf(topic string) *Table {
	all := Tables()
	for i := range all {
		if all[i].Topic.Name == topic {
			return &all[i]
		}
	}
	return nil
}

// PersonalColumns returns the names of columns that are personal in any table, each once.
func PersonalColumns(tables []Table) []string {
	var names []string
	for _, t := range tables {
		for _, c := range t.Columns {
			if c.Privacy == PrivacyPersonal && !slices.Contains(names, c.Name) {
				names = append(names, c.Name)
			}
		}
	}
	return names
}

// place is where a row's record was read: every table has it.
func place() []Column {
	return []Column{
		{Name: "_partition", Type: TypeUint32, Fill: FillPartition,
			Comment: "Partition of the Kafka topic the row was read from."},
		{Name: "_offset", Type: TypeUint64, Fill: FillOffset, Codec: "Delta(8), ZSTD(1)",
			Comment: "Offset of its record in that partition; (_partition, _offset) is unique in the table."},
	}
}

// stamp is the column by which the archive tells the rows that it has summed.
func stamp() Column {
	return Column{Name: StampColumn, Type: TypeUint64, Fill: FillNone, Default: "0", Codec: "ZSTD(1)",
		Comment: "Run of `tributary archive` that has summed the row, see archive_months; 0 while none has."}
}

// codec is that of a type unless a column says otherwise.
func codec(kind string) string {
	switch kind {
	case TypeText, TypeAddress:
		return "ZSTD(1)"
	case TypeTime:
		return "Delta(8), ZSTD(1)"
	}
	return ""
}

// byMonth is how a table is partitioned unless it says otherwise.
const byMonth = "toYYYYMM(received_at)"

// columnType is the spelling of a type that an option names.
var columnType = map[events.Column_Type]string{
	events.Column_TEXT: TypeText, events.Column_WORD: TypeWord, events.Column_MONEY: TypeMoney,
	events.Column_TIME:    TypeTime,
	events.Column_ADDRESS: TypeAddress, events.Column_BOOL: TypeBool, events.Column_UINT8: TypeUint8,
	events.Column_UINT32: TypeUint32, events.Column_UINT64: TypeUint64, events.Column_INT32: TypeInt32,
	events.Column_INT64: TypeInt64, events.Column_FLOAT64: TypeFloat64, events.Column_TEXTS: TypeTexts,
	events.Column_WORDS: TypeWords, events.Column_UINT32S: TypeUint32s, events.Column_UINT64S: TypeUint64s,
	events.Column_FLOAT64S: TypeFloat64s,
}

// fieldType is the type of a field's column by its kind and name.
func fieldType(f protoreflect.FieldDescriptor) string {
	name := string(f.Name())
	switch f.Kind() {
	case protoreflect.StringKind:
		if f.IsList() {
			return TypeTexts
		}
		return TypeText
	case protoreflect.BytesKind:
		if name == "ip" {
			return TypeAddress
		}
		return TypeText
	case protoreflect.EnumKind:
		return TypeWord
	case protoreflect.BoolKind:
		return TypeBool
	case protoreflect.DoubleKind:
		return TypeFloat64
	case protoreflect.Uint32Kind:
		return TypeUint32
	case protoreflect.Uint64Kind:
		return TypeUint64
	case protoreflect.Int32Kind, protoreflect.Sint32Kind:
		return TypeInt32
	case protoreflect.Int64Kind, protoreflect.Sint64Kind:
		switch {
		case strings.HasSuffix(name, "_ms"):
			return TypeTime
		case strings.HasSuffix(name, "_micros"):
			return TypeMoney
		}
		return TypeInt64
	}
	return ""
}

// takes are the types that a field's column may have instead of the one by its kind.
var takes = map[string][]string{TypeText: {TypeWord}, TypeMoney: {TypeInt64}, TypeTime: {TypeInt64},
	TypeAddress: {TypeText}}

// arrayOf is the type of a column with one element a message.
var arrayOf = map[string]string{TypeText: TypeTexts, TypeWord: TypeWords, TypeUint32: TypeUint32s,
	TypeUint64: TypeUint64s, TypeFloat64: TypeFloat64s}

// columnName is a field's column where the option names none.
func columnName(f protoreflect.FieldDescriptor) string {
	name := string(f.Name())
	if base, ok := strings.CutSuffix(name, "_base_micros"); ok {
		return base
	}
	if original, ok := strings.CutSuffix(name, "_micros"); ok {
		if f.ContainingMessage().Fields().ByName(protoreflect.Name(original+"_base_micros")) != nil {
			return original + "_original"
		}
		return original
	}
	// A length of time has 32 bits and keeps its name.
	if at, ok := strings.CutSuffix(name, "_ms"); ok && f.Kind() == protoreflect.Int64Kind {
		return at + "_at"
	}
	return name
}

// FieldNames are the names of a column's field, for a message to a person.
func (c *Column) FieldNames() string {
	names := make([]string, len(c.Path))
	for i, f := range c.Path {
		names[i] = string(f.Name())
	}
	return strings.Join(names, ".")
}

func (t *Table) failing(column, format string, arguments ...any) error {
	where := "table " + t.Name
	if column != "" {
		where += ", column " + column
	}
	return fmt.Errorf("%s: %s", where, fmt.Sprintf(format, arguments...))
}
