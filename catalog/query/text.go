package query

import (
	"encoding/binary"
	"unicode"
	"unicode/utf8"
)

// What the edge keeps is one of two things.
//
// Text (IsText, Clean) is UTF-8 without control characters (category Cc): keywords, creatives, user agents,
// referrers. Its other characters stay: emoji and several scripts need joiners. Whoever shows it to a person escapes
// what cannot be seen.
//
// A name (IsName, CleanName) is text in which nothing is hidden: no character that takes no room, turns the direction
// of others or breaks lines. Two names that look alike are alike, and a name reads in its own order. Names are all
// that something is found by: campaigns, sources, offers, landing pages, networks, click IDs, transaction IDs, event
// types, status words, currencies, amounts, sub-IDs, external IDs, visitors.
//
// A name that is none is refused where its sender reads the answer (postbacks, POST /v1/clicks, the catalog); a
// postback leaves its dead letter. A click link loses the hidden characters and not the click (counted in
// tributary_ingest_sanitized_total). In the columns of a dead letter U+FFFD stands in their place; its raw request
// has them.

// IsText tells whether value is UTF-8 without control characters.
func IsText(value []byte) bool { return allowed(value, false) }

// IsName tells whether value is text in which nothing is hidden.
func IsName(value []byte) bool { return allowed(value, true) }

func allowed(value []byte, name bool) bool {
	for i := 0; i < len(value); {
		if i+8 <= len(value) && printable(binary.LittleEndian.Uint64(value[i:])) {
			i += 8
			continue
		}
		c := value[i]
		if c < utf8.RuneSelf {
			if c < ' ' || c == 0x7f {
				return false
			}
			i++
			continue
		}
		r, size := utf8.DecodeRune(value[i:])
		if r == utf8.RuneError && size == 1 || r < 0xa0 || name && isHidden(r) {
			return false
		}
		i += size
	}
	return true
}

// IsPlain tells whether a raw value is made of letters, digits, "-", "." and "_" alone and does not begin with "_": nearly
// all values of links are. It is a name as it stands: nothing in it is encoded, none is a macro, none is two parameters.
func IsPlain(raw []byte) bool {
	if len(raw) == 0 || raw[0] == '_' {
		return false
	}
	for _, c := range raw {
		if !plain[c] {
			return false
		}
	}
	return true
}

var plain = func() (is [256]bool) {
	for c := range is {
		is[c] = '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '-' || c == '.' || c == '_'
	}
	return is
}()

// printable tells whether each of eight bytes is from ' ' to '~': nearly all that comes is.
func printable(eight uint64) bool {
	const each, high = 0x0101010101010101, 0x8080808080808080
	// Without a high bit no byte borrows from the next but one that is below what is taken away, and then both are none.
	control, deleted := eight-' '*each, eight^0x7f*each
	return (eight|control|(deleted-each)&^deleted)&high == 0
}

// hidden are Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties: format characters, variation selectors
// and the listed others), with every format character, and the separators of lines and paragraphs.
var hidden = []*unicode.RangeTable{unicode.Cf, unicode.Zl, unicode.Zp, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point}

func isHidden(r rune) bool { return unicode.In(r, hidden...) }

// Hidden returns the first hidden character of a text, false for none.
func Hidden(value []byte) (rune, bool) {
	for len(value) > 0 {
		r, size := utf8.DecodeRune(value)
		if r >= utf8.RuneSelf && isHidden(r) {
			return r, true
		}
		value = value[size:]
	}
	return 0, false
}

// Clean makes value text of at most limit bytes, in place: it drops what IsText refuses and cuts at a character's
// border. changed tells whether anything was lost.
func Clean(value []byte, limit int) (text []byte, changed bool) {
	return clean(value, limit, false)
}

// CleanName is the same with what IsName refuses.
func CleanName(value []byte, limit int) (text []byte, changed bool) { return clean(value, limit, true) }

func clean(value []byte, limit int, name bool) (text []byte, changed bool) {
	if len(value) <= limit && allowed(value, name) {
		return value, false
	}
	text = value[:0]
	for i := 0; i < len(value); {
		r, size := utf8.DecodeRune(value[i:])
		if bad := r == utf8.RuneError && size == 1 || r < ' ' || r >= 0x7f && (r < 0xa0 || name && isHidden(r)); !bad {
			if len(text)+size > limit {
				break
			}
			// Never overtakes i: what is written is at most what was read.
			text = append(text, value[i:i+size]...)
		}
		i += size
	}
	return text, true
}

// Marked is text of at most limit bytes with U+FFFD for each hidden character. It is a copy.
func Marked(value []byte, limit int) []byte {
	text, _ := Clean(append([]byte(nil), value...), len(value))
	if IsName(text) && len(text) <= limit {
		return text
	}
	marked := make([]byte, 0, min(len(text), limit))
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if isHidden(r) {
			r = utf8.RuneError
		}
		if len(marked)+utf8.RuneLen(r) > limit {
			break
		}
		marked, text = utf8.AppendRune(marked, r), text[size:]
	}
	return marked
}
