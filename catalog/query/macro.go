package query

import "bytes"

// maxMacroBytes is the longest name between a macro's marks.
const maxMacroBytes = 64

// marks are the ways in which networks and traffic sources write the macros of a link. A value that is one from end to end
// was never filled in.
var marks = []struct {
	open, shut []byte
	// upper: the same marks with lower-case letters are ordinary text, such as the exact-match keyword [red shoes].
	upper bool
}{
	{[]byte("{{"), []byte("}}"), false},
	{[]byte("${"), []byte("}"), false},
	{[]byte("{"), []byte("}"), false},
	{[]byte("["), []byte("]"), true},
	{[]byte("%%"), []byte("%%"), false},
	{[]byte("%"), []byte("%"), false},
	{[]byte("##"), []byte("##"), false},
	{[]byte("#"), []byte("#"), false},
	{[]byte("__"), []byte("__"), true},
}

// IsMacro tells whether a parameter still is the macro that should have been replaced by a value: {payout}, {{ad.id}},
// ${SUBID}, [BID], %payout%, ##ID##, __CID__, or text with a {name} in it. raw is the value as it came, value the decoded
// one; both are needed because %da_te% decodes to a broken byte. A macro that was encoded twice is recognised too.
func IsMacro(raw, value []byte) bool {
	if isMacro(value) {
		return true
	}
	if len(raw) == 0 || bytes.IndexByte(raw, '%') < 0 {
		return false
	}
	if isMacro(raw) {
		return true
	}
	// Encoded twice: one round of decoding leaves the marks encoded.
	if i := bytes.IndexByte(value, '%'); i < 0 || len(value) > maxMacroBytes*3 {
		return false
	}
	var buf [maxMacroBytes * 3]byte
	return isMacro(Decode(buf[:0], value))
}

func isMacro(value []byte) bool {
	value = bytes.TrimSpace(value)
	if len(value) < 3 {
		return false
	}
	switch value[0] {
	case '{', '$', '[', '%', '#', '_':
		for i := range marks {
			m := &marks[i]
			if len(value) > len(m.open)+len(m.shut) && bytes.HasPrefix(value, m.open) && bytes.HasSuffix(value, m.shut) &&
				isName(value[len(m.open):len(value)-len(m.shut)], m.upper) {
				return true
			}
		}
	}
	for rest := value; ; {
		i := bytes.IndexByte(rest, '{')
		if i < 0 {
			return false
		}
		rest = rest[i+1:]
		if j := bytes.IndexByte(rest, '}'); j > 0 && isName(rest[:j], false) {
			return true
		}
	}
}

// isName tells whether name is what stands between a macro's marks: a letter, then letters, digits, "_", ".", "-" or ":".
func isName(name []byte, upper bool) bool {
	if len(name) == 0 || len(name) > maxMacroBytes {
		return false
	}
	for i, c := range name {
		switch {
		case c >= 'A' && c <= 'Z':
		case c >= 'a' && c <= 'z':
			if upper {
				return false
			}
		case i > 0 && (c >= '0' && c <= '9' || c == '_' || c == '.' || c == '-' || c == ':'):
		default:
			return false
		}
	}
	return true
}
