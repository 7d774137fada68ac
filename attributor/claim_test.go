package attributor

import (
	"fmt"
	"slices"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"tributary/schemas/events"
)

// TestARescoredEntryHasTheClick: it is a row of the same conversion, so that every dimension of its click is in it; what it does
// not have is what it does not change.
func TestARescoredEntryHasTheClick(t *testing.T) {
	e := &events.Conversion{}
	m := e.ProtoReflect()
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		switch f := fields.Get(i); {
		case f.IsList() && f.Kind() == protoreflect.StringKind:
			m.Mutable(f).List().Append(protoreflect.ValueOfString(string(f.Name())))
		case f.IsList():
		case f.Kind() == protoreflect.StringKind:
			m.Set(f, protoreflect.ValueOfString(string(f.Name())))
		case f.Kind() == protoreflect.BoolKind:
			m.Set(f, protoreflect.ValueOfBool(true))
		case f.Kind() == protoreflect.EnumKind:
			m.Set(f, protoreflect.ValueOfEnum(2))
		case f.Kind() == protoreflect.Uint32Kind:
			m.Set(f, protoreflect.ValueOfUint32(uint32(100+i)))
		case f.Kind() == protoreflect.Int64Kind || f.Kind() == protoreflect.Sint64Kind:
			m.Set(f, protoreflect.ValueOfInt64(int64(100+i)))
		case f.Kind() == protoreflect.Sint32Kind:
			m.Set(f, protoreflect.ValueOfInt32(int32(100+i)))
		default:
			t.Fatalf("%s is of a kind that this test does not know", f.Name())
		}
	}
	got := rescored(e)
	changed := []string{"seq", "kind", "previous_status", "conversions_delta", "registered_delta", "pending_delta", "approved_delta", "rejected_delta",
		"chargeback_delta", "revenue_hold_delta_micros", "revenue_confirmed_delta_micros", "flagged_delta", "score", "decided_ms"}
	for i := range fields.Len() {
		f := fields.Get(i)
		if a, b := got.ProtoReflect().Get(f), m.Get(f); !a.Equal(b) && !slices.Contains(changed, string(f.Name())) {
			t.Errorf("%s is %v, the conversion's is %v", f.Name(), fmt.Sprint(a), fmt.Sprint(b))
		}
	}
}
