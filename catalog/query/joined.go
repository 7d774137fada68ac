package query

import (
	"bytes"
	"encoding/binary"
)

// maxJoinedName is the longest name that is looked for behind what may stand for an ampersand.
const maxJoinedName = 64

// ampersands is what is left of an ampersand behind the ampersand itself: "&amp;" and its like, whose semicolon a careful
// sender has encoded. Lower case.
var ampersands = []string{"amp;", "amp%3b", "amp%253b", "#38;", "#038;", "#x26;", "%2338;", "%2338%3b", "%23038;", "%23x26;", "%23x26%3b"}

// Ampersand is how many bytes at the beginning of a name are left of an ampersand that HTML escaped, once or more often.
func Ampersand(name []byte) int { return ampersand(name) }

func ampersand(text []byte) (n int) {
next:
	for len(text) > n {
		switch text[n] {
		case 'a', 'A', '#', '%':
		default:
			return n
		}
		for _, one := range ampersands {
			if len(text)-n >= len(one) && lowerIs(text[n:n+len(one)], one) {
				n += len(one)
				continue next
			}
		}
		return n
	}
	return n
}

// htmlCharacters are other characters as HTML writes them, behind their ampersand.
var htmlCharacters = []string{"lt;", "gt;", "quot;", "apos;", "nbsp;", "#34;", "#39;", "#039;", "#x27;", "#x22;", "#60;", "#62;", "#x3c;", "#x3e;"}

// CutByHTML tells whether a name begins with what HTML writes for a character: it is the end of the value before it, which an
// ampersand cut short. "txid=&lt;TX&gt;"
func CutByHTML(name []byte) bool {
	for _, one := range htmlCharacters {
		if len(name) >= len(one) && lowerIs(name[:len(one)], one) {
			return true
		}
	}
	return false
}

// scriptAmpersands are an ampersand as JSON and scripts escape it ("T1\u0026status=rejected"), behind the backslash.
var scriptAmpersands = []string{"u0026", "x26", "u{26}"}

// ScriptAmpersand is how many bytes at the beginning of text are an ampersand that JSON or a script escaped, once or more
// often; 0 for none. encoded: its backslash is percent-encoded, as in a value that somebody encoded as a text.
func ScriptAmpersand(text []byte) (n int, encoded bool) {
	for n < len(text) {
		switch {
		case text[n] == '\\':
			n++
			continue
		case len(text)-n >= 3 && lowerIs(text[n:n+3], "%5c"):
			n, encoded = n+3, true
			continue
		case n == 0:
			return 0, false
		}
		break
	}
	for _, one := range scriptAmpersands {
		if len(text)-n >= len(one) && lowerIs(text[n:n+len(one)], one) {
			return n + len(one), encoded
		}
	}
	return 0, false
}

// Escaped tells whether a query or a URL has an ampersand that HTML, JSON or a script escaped.
func Escaped(text []byte) bool {
	for i, c := range text {
		if c == '\\' || c == '%' {
			if n, _ := ScriptAmpersand(text[i:]); n > 0 {
				return true
			}
		}
	}
	for rest := text; ; {
		i := bytes.IndexByte(rest, '&')
		if i < 0 {
			break
		}
		if rest = rest[i+1:]; ampersand(rest) > 0 {
			return true
		}
	}
	lower := bytes.ToLower(text)
	return bytes.Contains(lower, []byte("%26amp;")) || bytes.Contains(lower, []byte("%26amp%3b"))
}

func lowerIs(text []byte, lower string) bool {
	for i, c := range text {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// entities are those that HTML knows without a semicolon, by the Latin-1 character that a page makes of them: "&currency=EUR"
// that stood in a page arrives as "¤cy=EUR". "WHATWG HTML, named character references".
var entities = map[byte]string{
	0xa2: "cent", 0xa3: "pound", 0xa4: "curren", 0xa5: "yen", 0xa7: "sect", 0xa8: "uml", 0xa9: "copy", 0xaa: "ordf", 0xac: "not",
	0xae: "reg", 0xaf: "macr", 0xb0: "deg", 0xb5: "micro", 0xb6: "para", 0xb7: "middot", 0xba: "ordm", 0xd7: "times", 0xf7: "divide",
}

// mayJoin tells whether anything in raw may stand for an ampersand. It is asked of every query.
func mayJoin(raw []byte) bool {
	if bytes.IndexByte(raw, ';') >= 0 || bytes.IndexByte(raw, '\\') >= 0 {
		return true
	}
	for rest := raw; ; {
		i := bytes.IndexByte(rest, '%')
		if i < 0 {
			break
		}
		if rest = rest[i+1:]; len(rest) >= 2 && rest[0]|0x20 >= 'a' && rest[0]|0x20 <= 'f' {
			return true
		}
	}
	return !isASCII(raw)
}

// isASCII looks at eight bytes at once.
func isASCII(text []byte) bool {
	for ; len(text) >= 8; text = text[8:] {
		if binary.LittleEndian.Uint64(text)&0x8080808080808080 != 0 {
			return false
		}
	}
	for _, c := range text {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// Joined tells whether a text has another parameter in it: what stands for an ampersand, a name that is known, and "=".
// What stands for one is "&" in text that was decoded, ";", either of them percent-encoded, "?", what JSON and scripts
// write for "&", and the character that a page makes of the beginning of a name.
func Joined(text []byte, known func(name []byte) bool) bool {
	at, _, _ := joined(text, known, true)
	return at >= 0
}

// JoinedRaw tells the same of a value as it came, in which ScanFor would find another parameter: what is
// percent-encoded in it is text and separates nothing.
func JoinedRaw(raw []byte, known func(name []byte) bool) bool {
	at, _, _ := joined(raw, known, false)
	return at >= 0
}

// joined returns where the first other parameter's separator is, what is behind it, and the beginning of the name
// that it took away; -1 for none. encoded: "&" and ";" separate where they are percent-encoded, too.
func joined(text []byte, known func([]byte) bool, encoded bool) (at, behind int, eaten string) {
	for i := 0; i < len(text); i++ {
		n, name, isText := separator(text[i:])
		if n == 0 {
			continue
		}
		n += ampersand(text[i+n:])
		if isText && !encoded {
			i += n - 1 // an escaped ampersand's semicolon is as much text as it is: %26amp;
			continue
		}
		rest := text[i+n:]
		end := bytes.IndexByte(rest[:min(len(rest), maxJoinedName+1)], '=')
		if end <= 0 && name == "" || end < 0 || !isJoinedName(rest[:end]) {
			continue
		}
		whole := rest[:end]
		if name != "" {
			whole = append([]byte(name), whole...)
		}
		if known(whole) {
			return i, i + n, name
		}
	}
	return -1, 0, ""
}

// separator is how many bytes at the beginning of text stand for an ampersand, and the beginning of a name that is in
// them. isText: it is a "?", which a URL in a text has, or "&" or ";" percent-encoded, as whoever sends a text encodes
// them.
func separator(text []byte) (n int, eaten string, isText bool) {
	c := text[0]
	switch {
	case c == '&' || c == ';':
		return 1, "", false
	case c == '?': // a second one, where & belongs, or that of a URL that is the value
		return 1, "", true
	case c == '\\':
		n, isText = ScriptAmpersand(text)
		return n, "", isText
	case c == '%' && len(text) >= 3:
		decoded, ok := HexByte(text[1], text[2])
		switch {
		case !ok:
		case decoded == '&' || decoded == ';':
			return 3, "", true
		case decoded == '\\':
			n, _ = ScriptAmpersand(text)
			return n, "", true
		case decoded == 0xc2 || decoded == 0xc3:
			if len(text) >= 6 && text[3] == '%' {
				if low, ok := HexByte(text[4], text[5]); ok {
					return entity(latin(decoded, low), 6)
				}
			}
		default:
			return entity(decoded, 3)
		}
	case (c == 0xc2 || c == 0xc3) && len(text) >= 2:
		return entity(latin(c, text[1]), 2)
	}
	return 0, "", false
}

// latin is the Latin-1 character that two bytes of UTF-8 are.
func latin(first, second byte) byte { return first<<6 | second&0x3f }

func entity(c byte, size int) (n int, eaten string, isText bool) {
	if name, ok := entities[c]; ok {
		return size, name, false
	}
	return 0, "", false
}

func isJoinedName(name []byte) bool {
	for _, c := range name {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.') {
			return false
		}
	}
	return true
}
