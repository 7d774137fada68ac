package schemas_test

import (
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"tributary/schemas"
	"tributary/schemas/events"
	_ "tributary/schemas/state"
)

var update = flag.Bool("update", false, "write the golden files anew")

// fill sets every field of a message to a value that depends on the field number alone.
func fill(m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		n := int64(f.Number())
		var v protoreflect.Value
		switch f.Kind() {
		case protoreflect.BoolKind:
			v = protoreflect.ValueOfBool(true)
		case protoreflect.StringKind:
			v = protoreflect.ValueOfString(string(f.Name()))
		case protoreflect.BytesKind:
			v = protoreflect.ValueOfBytes([]byte{byte(n), 0, 0xff})
		case protoreflect.EnumKind:
			v = protoreflect.ValueOfEnum(1)
		case protoreflect.DoubleKind:
			v = protoreflect.ValueOfFloat64(float64(n) / 4)
		case protoreflect.Uint32Kind:
			v = protoreflect.ValueOfUint32(uint32(n) * 1000)
		case protoreflect.Uint64Kind:
			v = protoreflect.ValueOfUint64(uint64(n) << 33)
		case protoreflect.Int32Kind, protoreflect.Sint32Kind:
			v = protoreflect.ValueOfInt32(-int32(n))
		case protoreflect.Int64Kind, protoreflect.Sint64Kind:
			v = protoreflect.ValueOfInt64(-(n << 33))
		case protoreflect.MessageKind:
			if depth == 0 {
				continue
			}
			child := m.NewField(f)
			if f.IsMap() { // of texts; one entry, for more have no order
				child.Map().Set(protoreflect.ValueOfString("k"+strconv.Itoa(int(f.Number()))).MapKey(), protoreflect.ValueOfString("v"))
			} else if f.IsList() {
				elem := child.List().NewElement()
				fill(elem.Message(), depth-1)
				child.List().Append(elem)
			} else {
				fill(child.Message(), depth-1)
			}
			m.Set(f, child)
			continue
		default:
			panic("fill does not know " + f.Kind().String())
		}
		if f.IsList() {
			list := m.NewField(f).List()
			list.Append(v)
			list.Append(v)
			v = protoreflect.ValueOfList(list)
		}
		m.Set(f, v)
	}
}

// TestGoldenBytes holds the wire format: what an earlier version wrote must be read alike, and written alike, for ever.
func TestGoldenBytes(t *testing.T) {
	protoregistry.GlobalTypes.RangeMessages(func(mt protoreflect.MessageType) bool {
		name := string(mt.Descriptor().FullName())
		if !strings.HasPrefix(name, "tributary.") {
			return true
		}
		m := mt.New()
		fill(m, 2)
		wire, err := proto.MarshalOptions{Deterministic: true}.Marshal(m.Interface())
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("golden", strings.TrimPrefix(name, "tributary.")+".hex")
		if *update {
			if err := os.WriteFile(path, []byte(hex.EncodeToString(wire)+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Errorf("%s has no golden bytes: run go test ./schemas -update and commit the file (%v)", name, err)
			return true
		}
		golden, err := hex.DecodeString(strings.TrimSpace(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		back := mt.New().Interface()
		if err := proto.Unmarshal(golden, back); err != nil || len(back.ProtoReflect().GetUnknown()) > 0 {
			t.Errorf("%s: the golden bytes are not understood any more: %v", name, err)
		}
		if !proto.Equal(back, m.Interface()) {
			t.Errorf("%s reads differently:\n%s\nwant\n%s", name, protojson.Format(back), protojson.Format(m.Interface()))
		}
		fast, ok := mt.New().Interface().(interface {
			UnmarshalVT([]byte) error
			MarshalVT() ([]byte, error)
		})
		if !ok {
			t.Fatalf("%s has no fast codec", name)
		}
		if err := fast.UnmarshalVT(golden); err != nil {
			t.Errorf("%s: the fast codec does not read the golden bytes: %v", name, err)
		}
		if again, err := fast.MarshalVT(); err != nil || hex.EncodeToString(again) != strings.TrimSpace(string(text)) {
			t.Errorf("%s: the fast codec writes other bytes: %v", name, err)
		}
		return true
	})
}

// TestGoldenBytesOfBefore: what was written before a message had its newest fields is read without loss and written
// again alike. When a message gets a field, its golden bytes go to golden/before first.
func TestGoldenBytesOfBefore(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join("golden", "before", "*.hex"))
	if err != nil || len(paths) == 0 {
		t.Fatal("no golden bytes of before", err)
	}
	for _, path := range paths {
		name, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(path), ".hex"), "@")
		mt, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName("tributary." + name))
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		golden, err := hex.DecodeString(strings.TrimSpace(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		m := mt.New().Interface()
		if err := proto.Unmarshal(golden, m); err != nil || len(m.ProtoReflect().GetUnknown()) > 0 {
			t.Errorf("%s is not understood any more: %v", path, err)
		}
		fast, ok := mt.New().Interface().(interface {
			proto.Message
			UnmarshalVT([]byte) error
			MarshalVT() ([]byte, error)
		})
		if !ok {
			t.Fatalf("%s has no fast codec", name)
		}
		if err := fast.UnmarshalVT(golden); err != nil || !proto.Equal(fast, m) {
			t.Errorf("%s: the fast codec reads it differently: %v", path, err)
		}
		if again, err := fast.MarshalVT(); err != nil || hex.EncodeToString(again) != strings.TrimSpace(string(text)) {
			t.Errorf("%s: it is written again as other bytes: %v", path, err)
		}
	}
}

// TestAppendedFieldsMerge holds the property that scored clicks rest on: fields appended to accepted bytes are read as
// one event.
func TestAppendedFieldsMerge(t *testing.T) {
	click := &events.Click{ClickId: "c", Campaign: "summer", Subs: []string{"a"}}
	accepted, _ := click.MarshalVT()
	stamp, _ := (&events.Click{Score: 90, Reasons: []*events.Reason{{Code: schemas.SignalUABot, Points: 90}}}).MarshalVT()
	var back events.Click
	if err := back.UnmarshalVT(append(accepted, stamp...)); err != nil {
		t.Fatal(err)
	}
	click.Score, click.Reasons = 90, []*events.Reason{{Code: schemas.SignalUABot, Points: 90}}
	if !proto.Equal(&back, click) {
		t.Errorf("%v, want %v", &back, click)
	}
}

func TestListsAreClosed(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range schemas.RejectReasons {
		if seen[string(r.Reason)] || r.Means == "" || r.Mend == "" || (r.Place != "ingest" && r.Place != "processor" && r.Place != "sink") {
			t.Errorf("reject reason %q is listed twice or without its explanation", r.Reason)
		}
		seen[string(r.Reason)] = true
	}
	src, err := os.ReadFile("reasons.go")
	if err != nil {
		t.Fatal(err)
	}
	if declared := strings.Count(string(src), "RejectReason = \""); declared != len(schemas.RejectReasons) {
		t.Errorf("%d reject reasons are declared, %d explained", declared, len(schemas.RejectReasons))
	}
	for _, topic := range schemas.Topics {
		if _, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(topic.Message)); err != nil {
			t.Errorf("topic %s carries %s, which does not exist", topic.Name, topic.Message)
		}
	}
}
