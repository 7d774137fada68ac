package dlq

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"tributary/schemas"
)

// TestEveryRowHasAnIdentity: by what a row is found again follows from its table's declaration, so that a new topic with a
// table needs nothing here.
func TestEveryRowHasAnIdentity(t *testing.T) {
	for _, table := range schemas.Tables() {
		kind, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(table.Topic.Message))
		if err != nil {
			t.Fatal(err)
		}
		event := kind.New()
		fields := event.Descriptor().Fields()
		for i := range fields.Len() {
			switch f := fields.Get(i); {
			case f.IsList() || f.IsMap():
			case f.Kind() == protoreflect.MessageKind:
				event.Mutable(f)
			case f.Kind() == protoreflect.StringKind:
				event.Set(f, protoreflect.ValueOfString("of "+f.TextName()))
			case f.Kind() == protoreflect.Uint32Kind:
				event.Set(f, protoreflect.ValueOfUint32(7))
			}
		}
		raw, err := proto.Marshal(event.Interface())
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("`%s` = ?", table.ID)
		if table.Name == "conversions" {
			want = "`conversion_id` = ? AND `seq` = ?"
		}
		condition, values := rowIdentity(&table, raw)
		if !strings.Contains(condition, want) || len(values) != strings.Count(condition, "?") {
			t.Errorf("%s: %q of %v, want %s in it", table.Name, condition, values, want)
		}
		if condition, _ := rowIdentity(&table, []byte{0xff}); condition != "" {
			t.Errorf("%s: %q of no event", table.Name, condition)
		}
	}
}

// TestARowOfAStageHasAnIdentity: by its values, but those that may be blanked.
func TestARowOfAStageHasAnIdentity(t *testing.T) {
	table, err := schemas.RowTable(schemas.Table{
		Name: "alarms", Comment: "Alarms.", ID: "click_id", OrderBy: []string{"received_at"},
		Topic: schemas.Topic{Name: "alarms", Key: "none", RetentionMS: 1},
		Columns: []schemas.Column{
			{Name: "ip", Type: schemas.TypeText, Comment: "The address.", Privacy: schemas.PrivacyPersonal},
			{Name: "click_id", Type: schemas.TypeText, Comment: "The click.", Privacy: schemas.PrivacyNone},
			{Name: "clicks", Type: schemas.TypeUint32, Comment: "Clicks."},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	row, err := table.NewRow(1, "192.0.2.1", "c", uint32(9))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := row.MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	condition, values := rowIdentity(&table, raw)
	if condition != "`click_id` = ? AND `clicks` = ?" || fmt.Sprint(values) != "[c 9]" {
		t.Errorf("%q of %v", condition, values)
	}
}
