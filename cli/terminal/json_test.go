package terminal

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestJSON(t *testing.T) {
	for text, want := range map[string]string{
		"plain <größe> & €": "\"plain <größe> & €\"\n",
		"a\u202eb":          "\"a\\u202eb\"\n",
		"\u200ba\u2066":     "\"\\u200ba\\u2066\"\n",
		"a\x7fb\x1b[2J":     "\"a\\u007fb\\u001b[2J\"\n",
		"\U000e0041tag":     "\"\\udb40\\udc41tag\"\n",
		"👍":                 "\"👍\"\n",
	} {
		var out bytes.Buffer
		if err := NewJSON(&out).Encode(text); err != nil {
			t.Fatal(err)
		}
		if out.String() != want {
			t.Errorf("%q is written as %q, want %q", text, out.String(), want)
		}
		var back string
		if err := json.Unmarshal(out.Bytes(), &back); err != nil || back != text {
			t.Errorf("%q is read back as %q (%v)", text, back, err)
		}
	}
}
