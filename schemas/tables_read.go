package schemas

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"tributary/schemas/events"
)

// readTables reads the tables of files. The error names every declaration that makes no sense, and what would.
func readTables(files ...protoreflect.FileDescriptor) ([]Table, error) {
	var tables []Table
	var wrong []error
	for _, file := range files {
		messages := file.Messages()
		for i := range messages.Len() {
			m := messages.Get(i)
			if !proto.HasExtension(m.Options(), events.E_Table) {
				continue
			}
			t, err := readTable(m)
			if err != nil {
				wrong = append(wrong, fmt.Errorf("message %s: %w", m.Name(), err))
			}
			tables = append(tables, t)
		}
	}
	return tables, errors.Join(append(wrong, checkTables(tables))...)
}

// checkTables looks for what each table has for itself.
func checkTables(tables []Table) error {
	var wrong []error
	names, topics := map[string]bool{}, map[string]bool{}
	for _, t := range tables {
		if names[t.Name] {
			wrong = append(wrong, fmt.Errorf("table %s: it is declared twice", t.Name))
		}
		if topics[t.Topic.Name] {
			wrong = append(wrong, fmt.Errorf("table %s: the topic %s is another table's already", t.Name, t.Topic.Name))
		}
		names[t.Name], topics[t.Topic.Name] = true, true
	}
	return errors.Join(wrong...)
}

func readTable(m protoreflect.MessageDescriptor) (Table, error) {
	option := proto.GetExtension(m.Options(), events.E_Table).(*events.Table)
	topic := option.GetTopic()
	t := Table{
		Name: option.Name, Comment: option.Comment, Message: m, ID: option.Id, OrderBy: option.OrderBy,
		PartitionBy: option.PartitionBy, Indexes: option.Index, Settings: option.Setting,
		ReportedElsewhere: option.ReportedElsewhere,
		Topic: Topic{Name: topic.GetName(), Message: string(m.FullName()), Key: topic.GetKey(),
			RetentionMS: int64(topic.GetKeptDays()) * dayMS, CoPartitioned: topic.GetCoPartitioned(),
			Transactional: topic.GetTransactional()},
	}
	if t.PartitionBy == "" {
		t.PartitionBy = byMonth
	}
	b := builder{table: &t}
	b.fields(m.Fields(), nil, events.E_Column)
	for _, c := range place() {
		b.put(c, "")
	}
	if FactNamed(t.Name) != nil {
		b.put(stamp(), "")
	}
	for _, more := range option.More {
		b.more(more)
	}
	b.moveAll()
	return t, errors.Join(append(b.wrong, t.check())...)
}

// builder puts a table's columns together.
type builder struct {
	table *Table
	after []move
	wrong []error
}

// move puts a column behind another.
type move struct{ column, after string }

func (b *builder) put(c Column, after string) {
	b.table.Columns = append(b.table.Columns, c)
	if after != "" {
		b.after = append(b.after, move{c.Name, after})
	}
}

func (b *builder) fail(column, format string, arguments ...any) {
	b.wrong = append(b.wrong, b.table.failing(column, format, arguments...))
}

// fields adds the columns of a message's fields: those with the option.
func (b *builder) fields(fields protoreflect.FieldDescriptors, path []protoreflect.FieldDescriptor,
	option protoreflect.ExtensionType) {
	for i := range fields.Len() {
		f := fields.Get(i)
		if !proto.HasExtension(f.Options(), option) {
			continue
		}
		said := proto.GetExtension(f.Options(), option).(*events.Column)
		here := append(slices.Clone(path), f)
		switch {
		case f.Kind() != protoreflect.MessageKind:
			b.field(here, said, option == events.E_Array)
		case len(path) > 0:
			b.fail("", "field %s is a message in a message: want one level", f.FullName())
		case f.IsList():
			b.fields(f.Message().Fields(), here, events.E_Array)
		default:
			first := len(b.table.Columns)
			b.fields(f.Message().Fields(), here, events.E_Column)
			if said.Required && len(b.table.Columns) > first {
				b.table.Columns[first].Required = true
			}
		}
	}
}

var fills = map[events.Column_Fill]Fill{events.Column_OR_RECEIVED: FillOrReceived, events.Column_COPY: FillCopy,
	events.Column_LAYOUT: FillLayout}

// field adds the column of one field.
func (b *builder) field(path []protoreflect.FieldDescriptor, said *events.Column, array bool) {
	f := path[len(path)-1]
	c := Column{Name: said.Name, Comment: said.Comment, Type: fieldType(f), Codec: said.Codec, Path: path,
		Fill:    fills[said.Fill],
		Privacy: Privacy(said.Privacy), Audited: said.Audited, Required: said.Required}
	if c.Name == "" {
		c.Name = columnName(f)
	}
	allowed := append([]string{c.Type}, takes[c.Type]...)
	if array {
		for i := range allowed {
			allowed[i] = arrayOf[allowed[i]]
		}
		c.Type = allowed[0]
	}
	if said.Type != events.Column_TYPE_UNSPECIFIED {
		c.Type = columnType[said.Type]
	}
	if c.Type == "" || !slices.Contains(allowed, c.Type) {
		b.fail(c.Name, "a field %s of kind %s cannot be %s: want %s", f.Name(), f.Kind(), c.Type,
			strings.Join(slices.DeleteFunc(allowed, func(s string) bool { return s == "" }), " or "))
	}
	if f.IsList() && c.Type != TypeTexts {
		b.fail(c.Name, "a repeated %s has no column: want a repeated string", f.Kind())
	}
	if c.Fill == FillOrReceived {
		c.Default = "received_at"
	}
	if said.Alias != "" || said.Count != 0 || c.Fill == FillLayout || said.Fill == events.Column_STORED {
		b.fail(c.Name, "alias, count and fill LAYOUT or STORED are for columns of `more`, not for a field's")
	}
	if f.Kind() == protoreflect.EnumKind {
		c.Privacy = PrivacyNone
	}
	if c.Codec == "" {
		c.Codec = codec(c.Type)
	}
	b.put(c, said.After)
}

// more adds a column, or several, that no field fills.
func (b *builder) more(said *events.Column) {
	if (said.Alias == "") != (said.Fill == events.Column_LAYOUT) {
		b.fail(said.Name, "nothing fills it: want an alias or fill LAYOUT, one of them")
		return
	}
	for i := range max(1, said.Count) {
		number := strings.NewReplacer("#", fmt.Sprint(i+1))
		if said.Count == 0 {
			number = strings.NewReplacer()
		}
		c := Column{Name: number.Replace(said.Name), Comment: number.Replace(said.Comment), Type: columnType[said.Type],
			Codec: said.Codec, Fill: FillLayout, Privacy: Privacy(said.Privacy)}
		switch expression := number.Replace(said.Alias); {
		case said.Fill == events.Column_STORED:
			c.Stored, c.Fill, c.Codec = expression, FillNone, cmp.Or(c.Codec, codec(c.Type))
		case expression != "":
			c.Alias, c.Fill = expression, FillNone
		}
		if c.Fill == FillLayout && c.Type != TypeUint8 {
			b.fail(c.Name, "the layout is a number below 256: want type UINT8")
		}
		b.put(c, said.After)
	}
}

// moveAll carries out `after`, in the order of the declarations.
func (b *builder) moveAll() {
	for _, m := range b.after {
		columns := b.table.Columns
		from := slices.IndexFunc(columns, func(c Column) bool { return c.Name == m.column })
		c := columns[from]
		columns = slices.Delete(columns, from, from+1)
		to := slices.IndexFunc(columns, func(c Column) bool { return c.Name == m.after })
		if to < 0 {
			b.fail(m.column, "after names %q, which the table does not have", m.after)
			to = len(columns) - 1
		}
		b.table.Columns = slices.Insert(columns, to+1, c)
	}
}

var (
	tableName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
	columnFit = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,63}$`)
	topicName = regexp.MustCompile(`^[a-z0-9._-]{1,100}$`)
)

// check says what is wrong with a table in itself.
func (t *Table) check() error {
	var wrong []error
	fail := func(column, format string, arguments ...any) {
		wrong = append(wrong, t.failing(column, format, arguments...))
	}
	if !tableName.MatchString(t.Name) {
		fail("", "want a name of a-z, 0-9 and _, at most 64")
	}
	if t.Comment == "" {
		fail("", "it has no comment: want what a row is")
	}
	if !topicName.MatchString(t.Topic.Name) || t.Topic.Key == "" || t.Topic.RetentionMS <= 0 {
		fail("", "its topic %q wants a name of a-z, 0-9, dots and dashes, what its key is, and how many days it is kept", t.Topic.Name)
	}
	seen := map[string]bool{}
	for _, c := range t.Columns {
		switch {
		case !columnFit.MatchString(c.Name):
			fail(c.Name, "want a name of a-z, 0-9 and _, at most 64")
		case seen[c.Name]:
			fail(c.Name, "it is there twice")
		case c.Comment == "":
			fail(c.Name, "it has no comment: want what a value means, for a person who queries")
		case c.Type == "":
			fail(c.Name, "it has no type")
		}
		seen[c.Name] = true
		if c.IsText() && c.Alias == "" && c.Privacy == PrivacyUndecided {
			fail(c.Name, "it may have a person's words: want privacy NONE or PERSONAL")
		}
		switch {
		case c.Fill == FillOrReceived && c.Type != TypeTime:
			fail(c.Name, "fill OR_RECEIVED is for a time, not for %s", c.Type)
		case c.Fill == FillCopy && (c.Type != TypeBool || c.Name != "copy"):
			fail(c.Name, "fill COPY is for a bool whose column is `copy`")
		case c.Audited && (c.IsArray() || c.Privacy == PrivacyPersonal || c.Type == TypeAddress ||
			c.Fill != FillField && c.Fill != FillRow):
			fail(c.Name, "only a field's number, text or time can be audited, and none that may be blanked")
		case c.Required && c.Type != TypeText && len(c.Path) < 2:
			fail(c.Name, "only a text or a message can be required, not %s", c.Type)
		}
	}
	if c := t.Column("received_at"); c == nil || c.Type != TypeTime || c.Alias != "" {
		fail("", "it has no received_at: want a field received_ms, which decides a row's partition")
	}
	if c := t.Column(t.ID); c == nil || c.Type != TypeText || len(c.Path) > 1 {
		fail("", "its id is %q: want a text column of its own", t.ID)
	}
	if len(t.OrderBy) == 0 {
		fail("", "it has no order_by")
	}
	for _, name := range t.OrderBy {
		if c := t.Column(name); c == nil || c.Alias != "" || c.IsArray() {
			fail("", "order_by names %q: want a column that is stored and no array", name)
		}
	}
	return errors.Join(wrong...)
}
