package schemas

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// Word is an enumeration's value as ClickHouse has it and people read it: approved of STATUS_APPROVED; unknown of a
// number that this program does not know yet.
func Word(e protoreflect.EnumDescriptor, n protoreflect.EnumNumber) string {
	value := e.Values().ByNumber(n)
	if value == nil {
		return "unknown"
	}
	return strings.ToLower(strings.TrimPrefix(string(value.Name()), EnumPrefix(e)))
}

// EnumPrefix is what an enumeration's values begin with: PAYOUT_SOURCE_ of PayoutSource.
func EnumPrefix(e protoreflect.EnumDescriptor) string {
	var b strings.Builder
	for i, c := range string(e.Name()) {
		if i > 0 && c >= 'A' && c <= 'Z' {
			b.WriteByte('_')
		}
		b.WriteRune(c)
	}
	return strings.ToUpper(b.String()) + "_"
}
