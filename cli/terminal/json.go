package terminal

import (
	"encoding/json"
	"fmt"
	"io"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// NewJSON returns an encoder of lines of JSON that are read by people too: what a person would not see in a text is written as
// \uXXXX, which is the same text to every reader of JSON; <, > and & stay as they are.
func NewJSON(out io.Writer) *json.Encoder {
	encoder := json.NewEncoder(visible{out})
	encoder.SetEscapeHTML(false)
	return encoder
}

// visible escapes what is written to it; a write is whole JSON values, as an encoder's is.
type visible struct{ out io.Writer }

func (v visible) Write(text []byte) (int, error) {
	if _, err := v.out.Write(Visible(text)); err != nil {
		return 0, err
	}
	return len(text), nil
}

// Visible returns JSON with \uXXXX in place of control, format and bidirectional characters inside of its texts. It returns the
// argument itself where there are none. Bytes that are no UTF-8 are left alone: a JSON encoder writes none.
func Visible(text []byte) []byte {
	var changed []byte
	from := 0
	for i := 0; i < len(text); {
		if b := text[i]; b < utf8.RuneSelf {
			// A JSON encoder has escaped control characters but one; line ends and tabs stand between values.
			if b == 0x7f {
				changed = append(append(changed, text[from:i]...), `\u007f`...)
				from = i + 1
			}
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		if !unicode.IsPrint(r) && (r != utf8.RuneError || size > 1) {
			changed = append(changed, text[from:i]...)
			if high, low := utf16.EncodeRune(r); high != unicode.ReplacementChar {
				changed = fmt.Appendf(changed, `\u%04x\u%04x`, high, low)
			} else {
				changed = fmt.Appendf(changed, `\u%04x`, r)
			}
			from = i + size
		}
		i += size
	}
	if from == 0 {
		return text
	}
	return append(changed, text[from:]...)
}
