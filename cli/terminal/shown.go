// Package terminal makes text of unknown origin fit to be shown to a person.
//
// Place in the flow: wherever a command prints what a stranger wrote.
//
// Invariants: one line; nothing in it steers the terminal, turns the direction of what follows, or takes no room.
//
// Not responsible for: what may be kept (catalog/query, text.go).
package terminal

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Shown returns the first limit characters of text, with escapes in place of what a person would not see: control,
// format and bidirectional characters, bytes that are no UTF-8.
func Shown(text string, limit int) string {
	var b strings.Builder
	n := 0
	for i, r := range text {
		if n == limit {
			b.WriteString("…")
			break
		}
		n++
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], string(utf8.RuneError)):
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			q := fmt.Sprintf("%+q", r)
			b.WriteString(q[1 : len(q)-1])
		}
	}
	return b.String()
}
