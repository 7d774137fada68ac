package destination

import (
	"fmt"
	"slices"
	"strings"

	"tributary/catalog/trust"
)

// A Text is text with macros, compiled. Params stand in it as literals.
type Text struct {
	segments []segment
	escape   escape
}

type segment struct {
	// text is the literal, or the name of a macro.
	text   string
	secret trust.Secret
	kind   kind
	// bare: the macro is a JSON value as it stands, not part of a string.
	bare bool
}

type kind uint8

const (
	literal kind = iota
	macro
	optional // {name?}: what it stands in is left out where it is empty
	required // {name!}: nothing is told where it is empty
	secret
)

// An escape is how values are written so that they end nothing that they stand in.
type escape uint8

const (
	asText escape = iota
	asQuery
	asPath
	asJSON
	asHeader
)

// words are what stands in braces beside macros.
type words struct {
	params  map[string]string
	secrets map[string]trust.Secret
}

// compile reads text with macros. In JSON a brace that begins no word of a-z, 0-9 and _ is the text's own; elsewhere each brace is a
// macro's. The error says what is wrong and what would be right.
func (w *words) compile(text string, as escape) (*Text, error) {
	t := &Text{escape: as}
	quoted := false // amid a JSON string
	for rest := text; rest != ""; {
		i := strings.IndexAny(rest, "{}")
		if i < 0 {
			i = len(rest)
		}
		if as == asJSON && i < len(rest) {
			for i < len(rest) && wordEnd(rest[i:]) < 0 {
				next := strings.IndexByte(rest[i+1:], '{')
				if next < 0 {
					i = len(rest)
					break
				}
				i += 1 + next
			}
		}
		if i > 0 {
			t.literal(rest[:i])
			quoted = quotedAfter(quoted, rest[:i])
			rest = rest[i:]
			continue
		}
		end := wordEnd(rest)
		if end < 0 {
			return nil, fmt.Errorf("has %q at byte %d, which begins or ends no macro: a macro is a word of a-z, 0-9 and _ in braces, such as "+
				"{click_id}; write a brace of the text itself as %%7B or %%7D", rest[0], len(text)-len(rest)+1)
		}
		if err := t.add(w, rest[1:end], quoted); err != nil {
			return nil, err
		}
		rest = rest[end+1:]
	}
	return t, nil
}

// wordEnd returns where the word in braces that text begins with ends, -1 where it begins with none.
func wordEnd(text string) int {
	if text[0] != '{' {
		return -1
	}
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '}' && i > 1:
			return i
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '_':
		case (c == '?' || c == '!') && i > 1 && i+1 < len(text) && text[i+1] == '}':
		default:
			return -1
		}
	}
	return -1
}

// quotedAfter tells whether JSON is amid a string behind a text.
func quotedAfter(quoted bool, text string) bool {
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '"':
			quoted = !quoted
		case text[i] == '\\' && quoted:
			i++
		}
	}
	return quoted
}

func (t *Text) literal(text string) {
	if n := len(t.segments); n > 0 && t.segments[n-1].kind == literal {
		t.segments[n-1].text += text
		return
	}
	t.segments = append(t.segments, segment{text: text})
}

// add adds what stands in braces.
func (t *Text) add(w *words, word string, quoted bool) error {
	name := strings.TrimRight(word, "?!")
	s := segment{text: name, kind: macro, bare: t.escape == asJSON && !quoted}
	switch word[len(name):] {
	case "?":
		s.kind = optional
	case "!":
		s.kind = required
	}
	if value, ok := w.params[name]; ok {
		if s.kind == optional && value == "" {
			t.segments = append(t.segments, segment{text: name, kind: optional})
			return nil
		}
		t.literal(string(t.escape.append(nil, value)))
		return nil
	}
	if value, ok := w.secrets[name]; ok {
		t.segments = append(t.segments, segment{text: name, kind: secret, secret: value})
		return nil
	}
	m := macroNamed(name)
	if m == nil {
		return fmt.Errorf("has the unknown macro {%s}; the macros are %s, and what params and secrets name", word, macroNames())
	}
	if s.bare && !m.number {
		return fmt.Errorf("has {%s} as a JSON value of its own, and what it stands for may be no number; write \"{%s}\"", word, word)
	}
	if name == "external_id" && s.kind == macro {
		s.kind = required
	}
	t.segments = append(t.segments, s)
	return nil
}

// Uses are the macros in it; Needs are those of them without which nothing is told.
func (t *Text) Uses() []string { return t.named(macro, optional, required) }

// Needs are the macros without which nothing is told.
func (t *Text) Needs() []string { return t.named(required) }

func (t *Text) named(kinds ...kind) (names []string) {
	if t == nil {
		return nil
	}
	for i := range t.segments {
		if s := &t.segments[i]; slices.Contains(kinds, s.kind) && macroNamed(s.text) != nil && !slices.Contains(names, s.text) {
			names = append(names, s.text)
		}
	}
	return names
}

// masked is what stands for a secret where a person may look.
const masked = "***"

// Append writes the text with its macros replaced by values.
func (t *Text) Append(dst []byte, values map[string]string) []byte {
	return t.append(dst, values, false)
}

// Render is Append to a string; of a nil Text it is empty.
func (t *Text) Render(values map[string]string) string {
	if t == nil {
		return ""
	}
	return string(t.append(nil, values, false))
}

func (t *Text) append(dst []byte, values map[string]string, mask bool) []byte {
	for i := range t.segments {
		switch s := &t.segments[i]; s.kind {
		case literal:
			dst = append(dst, s.text...)
		case secret:
			if mask {
				dst = append(dst, masked...)
			} else {
				dst = t.escape.append(dst, string(s.secret))
			}
		default:
			value := values[s.text]
			if s.bare && value == "" {
				value = "null"
			}
			dst = t.escape.append(dst, value)
		}
	}
	return dst
}

// leftOut tells of a text whose optional macros are all empty.
func (t *Text) leftOut(values map[string]string) bool {
	has := false
	for i := range t.segments {
		if s := &t.segments[i]; s.kind == optional {
			if values[s.text] != "" {
				return false
			}
			has = true
		}
	}
	return has
}

func (e escape) append(dst []byte, value string) []byte {
	switch e {
	case asQuery:
		return appendEscaped(dst, value)
	case asPath:
		return appendInPath(dst, value)
	case asJSON:
		return appendJSON(dst, value)
	case asHeader:
		return appendHeader(dst, value)
	}
	return append(dst, value...)
}

// appendEscaped percent-encodes all but RFC 3986's unreserved characters.
func appendEscaped(dst []byte, value string) []byte {
	const digits = "0123456789ABCDEF"
	for i := range len(value) {
		if c := value[i]; unreserved[c] {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', digits[c>>4], digits[c&15])
		}
	}
	return dst
}

// appendInPath is appendEscaped without dots that stand alone between slashes: clients resolve them, encoded or not.
func appendInPath(dst []byte, value string) []byte {
	for value != "" {
		end := strings.IndexAny(value, `/\`)
		if end < 0 {
			end = len(value)
		}
		if strings.Trim(value[:end], ".") != "" {
			dst = appendEscaped(dst, value[:end])
		}
		if end < len(value) {
			dst = appendEscaped(dst, value[end:end+1])
			end++
		}
		value = value[end:]
	}
	return dst
}

// appendJSON writes a value as the inside of a JSON string.
func appendJSON(dst []byte, value string) []byte {
	const digits = "0123456789abcdef"
	for _, r := range value {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r < ' ' || r == 0x7f:
			dst = append(dst, '\\', 'u', '0', '0', digits[r>>4], digits[r&15])
		default:
			dst = append(dst, string(r)...)
		}
	}
	return dst
}

// appendHeader writes a value so that it stays in its header: what is not visible ASCII or a blank is percent-encoded.
func appendHeader(dst []byte, value string) []byte {
	const digits = "0123456789ABCDEF"
	for i := range len(value) {
		if c := value[i]; c >= ' ' && c < 0x7f {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', digits[c>>4], digits[c&15])
		}
	}
	return dst
}

var unreserved = func() (t [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~") {
		t[c] = true
	}
	return t
}()
