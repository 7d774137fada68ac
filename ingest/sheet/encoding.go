package sheet

import (
	"compress/flate"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

const encodingNames = "UTF-16, windows-1250 to windows-1258, ISO-8859-1 to ISO-8859-16, KOI8-R, KOI8-U, cp437, cp850, cp852, cp866, macintosh"

// encodings are those that are known, by their names in lower case without marks; nil is UTF-8.
var encodings = func() map[string]named {
	m := map[string]named{"utf8": {nil, "UTF-8"}, "usascii": {nil, "UTF-8"}, "ascii": {nil, "UTF-8"}}
	little := named{unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), "UTF-16LE"}
	m["utf16"], m["utf16le"] = little, little
	m["utf16be"] = named{unicode.UTF16(unicode.BigEndian, unicode.UseBOM), "UTF-16BE"}
	for _, e := range charmap.All {
		name := fmt.Sprint(e)
		if number, ok := strings.CutPrefix(name, "Windows 12"); ok {
			one := named{e, "windows-12" + number}
			m["windows12"+number], m["cp12"+number] = one, one
		} else if _, number, ok := strings.Cut(name, "Code Page "); ok { // what "CSV (MS-DOS)" is written in
			m["cp"+number], m["ibm"+number] = named{e, "cp" + number}, named{e, "cp" + number}
		} else if strings.HasPrefix(name, "ISO 8859-") || strings.HasPrefix(name, "KOI8-") {
			name = strings.ReplaceAll(name, " ", "-")
			m[folded(name)] = named{e, name}
		}
	}
	mac := named{charmap.Macintosh, "macintosh"} // what "CSV (Macintosh)" is written in
	m["macintosh"], m["macroman"] = mac, mac
	m["latin1"], m["latin2"] = m["iso88591"], m["iso88592"]
	return m
}()

type named struct {
	encoding.Encoding
	name string
}

// folded is a name without what people write differently.
func folded(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return -1
	}, name)
}

// encodingOf answers a character set by its name, canonical being empty for one that is not known; UTF-8's is nil.
func encodingOf(name string) (e encoding.Encoding, canonical string) {
	found := encodings[folded(name)]
	return found.Encoding, found.name
}

// IsUTF8 tells whether a character set's name is that of UTF-8 or of none.
func IsUTF8(name string) bool {
	e, canonical := encodingOf(name)
	return name == "" || e == nil && canonical != ""
}

// EncodingNames lists the character sets for error texts.
const EncodingNames = "UTF-8, " + encodingNames

// IsKnown tells whether a character set can be read.
func IsKnown(name string) bool {
	_, canonical := encodingOf(name)
	return canonical != ""
}

// IsSure tells whether a text of a file whose character set was guessed is the same in the others that it may have:
// ASCII, and the space that does not break, which all of them have in one place.
func IsSure(text string) bool {
	for _, r := range text {
		if r >= 0x80 && r != 0xa0 {
			return false
		}
	}
	return true
}

func isCorrupt(err error) bool {
	var corrupt flate.CorruptInputError
	return errors.As(err, &corrupt)
}
