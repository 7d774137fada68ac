package dialect

import (
	"bytes"

	"tributary/catalog/query"
)

// maxMarkedBytes is the longest text that is looked at as a macro in marks of its own.
const maxMarkedBytes = 64

// moneyMarks mean a macro wherever a value stands for money or identity: no ID and no amount is written like that, while a
// keyword may well be [red shoes] or <b>.
var moneyMarks = []Mark{{"[[", "]]"}, {"[", "]"}, {"<", ">"}, {"{", "}"}, {"$", "$"}, {"!", "!"}, {"|", "|"}}

// unfilled tells whether a parameter is what a person or a machine should have replaced by a value: a macro in any of the
// usual marks, a placeholder of the dialect, or for money and identity anything in marks. raw is the value as it came, value
// the decoded one.
func (d *Dialect) unfilled(raw, value []byte, money bool) bool {
	if value = bytes.TrimSpace(value); len(value) == 0 {
		return false
	}
	if d.isPlaceholder(value) {
		return true
	}
	if isPlain(value) {
		return false
	}
	if query.IsMacro(raw, value) || isMarked(value, d.Marks) {
		return true
	}
	if money && isMarked(value, moneyMarks) {
		return true
	}
	// Encoded twice: one round of decoding leaves the marks encoded.
	if bytes.IndexByte(value, '%') < 0 || len(value) > 3*maxMarkedBytes {
		return false
	}
	var buf [3 * maxMarkedBytes]byte
	again := query.Decode(buf[:0], value)
	return d.isPlaceholder(again) || isMarked(again, d.Marks) || money && isMarked(again, moneyMarks)
}

// unfilledValue is unfilled of what is money or identity, where what people, programs and spreadsheets leave is none either.
func (d *Dialect) unfilledValue(raw, value []byte) bool {
	if value = bytes.TrimSpace(value); len(value) == 0 {
		return false
	}
	if isPlain(value) {
		// An ID or an amount, almost always: it has a digit, and what stands for none has hardly ever one.
		if value[0]|0x20 != 's' && value[0]|0x20 != 'a' && hasDigit(value) {
			return d.isPlaceholder(value) || isNilGUID(value)
		}
		return d.isPlaceholder(value) || standIn(value)
	}
	if isGUID(value) {
		return isNilGUID(value)
	}
	if d.unfilled(raw, value, true) || standIn(value) {
		return true
	}
	if bytes.IndexByte(value, '%') < 0 || len(value) > 3*maxMarkedBytes {
		return false
	}
	var buf [3 * maxMarkedBytes]byte
	return standIn(query.Decode(buf[:0], value))
}

// isPlain tells whether value is a number, a word or the like, with nothing in it that could mark a macro.
func isPlain(value []byte) bool {
	for _, c := range value {
		if !plain[c] {
			return false
		}
	}
	return len(value) == 0 || value[0] != '_'
}

var plain = func() (t [256]bool) {
	for _, c := range []byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") {
		t[c] = true
	}
	return t
}()

func (d *Dialect) isPlaceholder(value []byte) bool {
	for _, p := range d.Placeholders {
		if string(value) == p {
			return true
		}
	}
	return false
}

// isMarked tells whether value is text with a letter in it between one of the marks.
func isMarked(value []byte, marks []Mark) bool {
	for i := range marks {
		m := &marks[i]
		if n := len(value) - len(m.Open) - len(m.Shut); n > 0 && n <= maxMarkedBytes && string(value[:len(m.Open)]) == m.Open &&
			string(value[len(value)-len(m.Shut):]) == m.Shut && hasLetter(value[len(m.Open):len(m.Open)+n]) {
			return true
		}
	}
	return false
}

func hasDigit(text []byte) bool {
	for _, c := range text {
		if c >= '0' && c <= '9' {
			return true
		}
	}
	return false
}

func hasLetter(text []byte) bool {
	for _, c := range text {
		if c|0x20 >= 'a' && c|0x20 <= 'z' {
			return true
		}
	}
	return false
}
