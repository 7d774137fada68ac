package block

import (
	"strings"

	"tributary/catalog/control"
	"tributary/schemas/events"
)

// Entries is the kind of the topic control that blocks are.
func Entries() control.Kind { return control.Kind{Name: Kind, Check: Check, Says: says} }

// says puts a block in words: "source pushads sub1=123, in all, fallback, shadow".
func says(_ string, value []byte) (text string, ended bool) {
	var v events.Block
	if err := v.UnmarshalVT(value); err != nil {
		return "", false // Check has refused it
	}
	return Says(&v), v.Removed
}

// Says puts a block in words, for people.
func Says(v *events.Block) string {
	parts := []string{On(v), "in " + In(v), AnswerName(v.Answer)}
	if v.Shadow {
		parts = append(parts, "shadow")
	}
	return strings.Join(parts, ", ")
}

// InForce are the blocks of a state, those that were removed left out. What cannot be read is not there: the reader of the
// topic has checked every value. A state of no time ([control.State.At]) has those whose time is over too; an Index leaves them out.
func InForce(state *control.State) []Block {
	var list []Block
	for e := range state.Each(Kind) {
		b, removed, err := Decode(e.ID, e.Revision, e.Value)
		if err != nil || removed {
			continue
		}
		if ends := e.Expires.UnixMilli(); !e.Expires.IsZero() && (b.UntilMS == 0 || ends < b.UntilMS) {
			b.UntilMS = ends
		}
		list = append(list, b)
	}
	return list
}
