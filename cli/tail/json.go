package tail

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"tributary/cli/terminal"
	"tributary/schemas"
	"tributary/schemas/events"
)

// A printer prints the records of one topic.
type printer struct {
	message proto.Message  // nil for text or bytes
	table   *schemas.Table // of rows; nil for other events
}

// appendRecord writes one record as one line, without its end.
func (p printer) appendRecord(dst []byte, r *kgo.Record) []byte {
	message := p.message
	dst = fmt.Appendf(dst, `{"_partition":%d,"_offset":%d,"_at":%q`, r.Partition, r.Offset, r.Timestamp.UTC().Format("2006-01-02T15:04:05.000Z07:00"))
	if message == nil {
		dst = appendPlain(append(dst, `,"_key`...), r.Key)
		return append(appendPlain(append(dst, `,"_value`...), r.Value), '}')
	}
	if err := proto.Unmarshal(r.Value, message); err != nil {
		dst = append(dst, `,"_error":`...)
		dst = appendText(dst, "not a "+string(message.ProtoReflect().Descriptor().FullName())+": "+err.Error())
		dst = append(dst, `,"_value":`...)
		dst = appendText(dst, base64.StdEncoding.EncodeToString(r.Value))
		return append(dst, '}')
	}
	if row, ok := message.(*events.Row); ok && p.table != nil && p.table.CheckRow(row) == nil {
		return append(appendRow(dst, p.table, row), '}')
	}
	dst = appendFields(dst, message.ProtoReflect(), false)
	return append(dst, '}')
}

// appendRow writes a row's values under the names of their columns.
func appendRow(dst []byte, t *schemas.Table, row *events.Row) []byte {
	for i, v := range row.Values {
		c := t.Values()[i]
		dst = append(appendText(append(dst, ','), c.Name), ':')
		switch c.Type {
		case schemas.TypeText, schemas.TypeWord:
			dst = appendText(dst, v.Text)
		case schemas.TypeBool:
			dst = strconv.AppendBool(dst, v.Number != 0)
		case schemas.TypeFloat64:
			dst = appendNumber(dst, v.Real)
		default:
			dst = strconv.AppendInt(dst, v.Number, 10)
		}
	}
	return fmt.Appendf(dst, `,"received_ms":%d`, row.ReceivedMs)
}

// appendPlain ends a member's name and writes bytes of no known form: text as it is, anything else as base64 under a name
// that says so.
func appendPlain(dst, b []byte) []byte {
	if utf8.Valid(b) {
		return appendText(append(dst, `":`...), string(b))
	}
	return appendText(append(dst, `_base64":`...), base64.StdEncoding.EncodeToString(b))
}

// appendFields writes the set fields in the order of their declaration.
func appendFields(dst []byte, m protoreflect.Message, first bool) []byte {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if !m.Has(f) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = appendText(dst, string(f.Name()))
		dst = append(dst, ':')
		if !f.IsList() {
			dst = appendValue(dst, f, m.Get(f))
			continue
		}
		dst = append(dst, '[')
		list := m.Get(f).List()
		for j := range list.Len() {
			if j > 0 {
				dst = append(dst, ',')
			}
			dst = appendValue(dst, f, list.Get(j))
		}
		dst = append(dst, ']')
	}
	return dst
}

func appendValue(dst []byte, f protoreflect.FieldDescriptor, v protoreflect.Value) []byte {
	switch f.Kind() {
	case protoreflect.MessageKind:
		dst = append(dst, '{')
		dst = appendFields(dst, v.Message(), true)
		return append(dst, '}')
	case protoreflect.EnumKind:
		if f.Enum().Values().ByNumber(v.Enum()) != nil {
			return appendText(dst, schemas.Word(f.Enum(), v.Enum()))
		}
		return fmt.Appendf(dst, "%d", v.Enum())
	case protoreflect.BytesKind:
		return appendText(dst, textOf(f, v.Bytes()))
	case protoreflect.StringKind:
		return appendText(dst, v.String())
	}
	return appendNumber(dst, v.Interface())
}

// appendNumber writes a number or bool as JSON does; NaN and the infinities, which JSON lacks, are null.
func appendNumber(dst []byte, v any) []byte {
	number, err := json.Marshal(v)
	if err != nil {
		return append(dst, "null"...)
	}
	return append(dst, number...)
}

// textOf reads bytes as what they are: an address, text, or else base64.
func textOf(f protoreflect.FieldDescriptor, b []byte) string {
	if f.Name() == "ip" {
		if addr, ok := netip.AddrFromSlice(b); ok {
			return addr.Unmap().String()
		}
	}
	if utf8.Valid(b) {
		return string(b)
	}
	return base64.StdEncoding.EncodeToString(b)
}

func appendText(dst []byte, text string) []byte {
	var b strings.Builder
	if err := terminal.NewJSON(&b).Encode(text); err != nil {
		panic(err) // a string
	}
	return append(dst, strings.TrimSuffix(b.String(), "\n")...)
}
