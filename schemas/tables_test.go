package schemas

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"tributary/schemas/events"
)

type kind = descriptorpb.FieldDescriptorProto_Type

const (
	textKind  = descriptorpb.FieldDescriptorProto_TYPE_STRING
	int64Kind = descriptorpb.FieldDescriptorProto_TYPE_INT64
	boolKind  = descriptorpb.FieldDescriptorProto_TYPE_BOOL
)

// declared is the message Alarm with a table, in which everything may be turned.
type declared struct {
	table   *events.Table
	columns map[string]*events.Column
	kinds   map[string]kind
	names   []string
}

func alarm() *declared {
	d := &declared{table: &events.Table{Name: "alarms", Comment: "Alarms.", Id: "alarm_id",
		OrderBy: []string{"received_at", "alarm_id"},
		Topic:   &events.Topic{Name: "alarms", Key: "none", KeptDays: 7}}, columns: map[string]*events.Column{},
		kinds: map[string]kind{}}
	d.add("alarm_id", textKind, &events.Column{Comment: "Its ID.", Privacy: events.Column_NONE})
	d.add("received_ms", int64Kind, &events.Column{Comment: "When."})
	d.add("cost_micros", int64Kind, &events.Column{Comment: "Cost in its currency."})
	d.add("cost_base_micros", int64Kind, &events.Column{Comment: "Cost.", After: "received_at"})
	return d
}

func (d *declared) add(name string, k kind, c *events.Column) {
	d.names, d.columns[name], d.kinds[name] = append(d.names, name), c, k
}

func (d *declared) read(t *testing.T) ([]Table, error) {
	t.Helper()
	options := &descriptorpb.MessageOptions{}
	proto.SetExtension(options, events.E_Table, d.table)
	m := &descriptorpb.DescriptorProto{Name: proto.String("Alarm"), Options: options}
	for i, name := range d.names {
		options := &descriptorpb.FieldOptions{}
		proto.SetExtension(options, events.E_Column, d.columns[name])
		m.Field = append(m.Field,
			&descriptorpb.FieldDescriptorProto{Name: proto.String(name), Number: proto.Int32(int32(i + 1)),
				Type: d.kinds[name].Enum(), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
				Options: options})
	}
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{Name: proto.String("alarm.proto"),
		Syntax:  proto.String("proto3"),
		Package: proto.String("x"), MessageType: []*descriptorpb.DescriptorProto{m}}, protoregistry.GlobalFiles)
	if err != nil {
		t.Fatal(err)
	}
	return readTables(file)
}

func TestTables(t *testing.T) {
	if n := len(Tables()); n < 8 {
		t.Fatalf("only %d tables", n)
	}
	tables, err := alarm().read(t)
	if err != nil {
		t.Fatal(err)
	}
	var columns []string
	for _, c := range tables[0].Columns {
		columns = append(columns, c.Name+" "+c.Type)
	}
	const want = "alarm_id String, received_at DateTime64(3, 'UTC'), cost Decimal(18, 6), cost_original Decimal(18, 6), _partition UInt32, _offset UInt64"
	if got := strings.Join(columns, ", "); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for name, personal := range map[string]bool{"ip": true, "asn": true, "click_id": false, "cost": false} {
		got := false
		for _, c := range PersonalColumns(Tables()) {
			got = got || c == name
		}
		if got != personal {
			t.Errorf("%s is personal: %v", name, got)
		}
	}
}

// TestDeclarationsThatMakeNoSense: each is named, with what would make sense.
func TestDeclarationsThatMakeNoSense(t *testing.T) {
	for want, turn := range map[string]func(*declared){
		`table Alarms: want a name of a-z`:                                      func(d *declared) { d.table.Name = "Alarms" },
		`table alarms: it has no comment`:                                       func(d *declared) { d.table.Comment = "" },
		`table alarms: its topic "" wants a name`:                               func(d *declared) { d.table.Topic = nil },
		`table alarms: its id is "nobody"`:                                      func(d *declared) { d.table.Id = "nobody" },
		`table alarms: it has no order_by`:                                      func(d *declared) { d.table.OrderBy = nil },
		`table alarms: order_by names "nobody"`:                                 func(d *declared) { d.table.OrderBy = []string{"nobody"} },
		`table alarms: it has no received_at: want a field received_ms`:         func(d *declared) { d.columns["received_ms"].Name = "got_at" },
		`table alarms, column alarm_id: it has no comment`:                      func(d *declared) { d.columns["alarm_id"].Comment = "" },
		`table alarms, column alarm_id: it may have a person's words: want`:     func(d *declared) { d.columns["alarm_id"].Privacy = 0 },
		`table alarms, column Id: want a name of a-z`:                           func(d *declared) { d.columns["alarm_id"].Name = "Id" },
		`table alarms, column cost: it is there twice`:                          func(d *declared) { d.columns["cost_micros"].Name = "cost" },
		`table alarms, column cost: after names "nobody"`:                       func(d *declared) { d.columns["cost_base_micros"].After = "nobody" },
		`a field alarm_id of kind string cannot be UInt64: want String or LowC`: func(d *declared) { d.columns["alarm_id"].Type = events.Column_UINT64 },
		`alias, count and fill LAYOUT or STORED are for`:                        func(d *declared) { d.columns["alarm_id"].Alias = "1" },
		`column alarm_id: alias, count and fill LAYOUT or STORED are`: func(d *declared) {
			d.columns["alarm_id"].Fill = events.Column_STORED
		},
		`column x: nothing fills it: want`: func(d *declared) {
			d.table.More = []*events.Column{{Name: "x", Comment: "X.", Fill: events.Column_STORED}}
		},
		`column x: it may have a person's words: want privacy`: func(d *declared) {
			d.table.More = []*events.Column{{Name: "x", Comment: "X.", Type: events.Column_TEXT, Alias: "alarm_id",
				Fill: events.Column_STORED}}
		},
		`fill OR_RECEIVED is for a time, not for Decimal(18, 6)`: func(d *declared) { d.columns["cost_micros"].Fill = events.Column_OR_RECEIVED },
		`fill COPY is for a bool whose column is`: func(d *declared) {
			d.add("again", boolKind, &events.Column{Comment: "Again.", Fill: events.Column_COPY})
		},
		`only a text or a message can be required, not Decimal(18, 6)`: func(d *declared) { d.columns["cost_micros"].Required = true },
		`column received_at: only a field's number, text or time can be audited`: func(d *declared) {
			d.columns["received_ms"].Audited, d.columns["received_ms"].Fill = true, events.Column_OR_RECEIVED
		},
		`column x: nothing fills it: want an alias or fill LAYOUT`: func(d *declared) { d.table.More = []*events.Column{{Name: "x", Comment: "X."}} },
		`column x: it has no type`:                                 func(d *declared) { d.table.More = []*events.Column{{Name: "x", Comment: "X.", Alias: "1"}} },
	} {
		d := alarm()
		turn(d)
		if _, err := d.read(t); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	one := Tables()[0]
	if err := checkTables([]Table{one, one}); err == nil || !strings.Contains(err.Error(), "it is declared twice") ||
		!strings.Contains(err.Error(), "the topic scored.clicks is another table's already") {
		t.Error(err)
	}
}
