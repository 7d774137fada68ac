package ingest

import (
	"strings"
	"testing"

	"github.com/valyala/fastjson"

	"tributary/schemas"
	"tributary/schemas/fuzzbound"
)

func TestJSONDepth(t *testing.T) {
	for body, want := range map[string]int{
		``: 0, `1`: 0, `{}`: 1, `[[],[]]`: 2, `{"a":{"b":[]},"c":[]}`: 3,
		`{"a":"[[["}`: 1, `["\"[["]`: 1, `["\\",[]]`: 2, `["\`: 1, `]]][`: 0,
	} {
		if got := jsonDepth([]byte(body)); got != want {
			t.Errorf("%s is %d deep, want %d", body, got, want)
		}
	}
	var parser fastjson.Parser
	for _, c := range []struct {
		deep int
		ok   bool
	}{{schemas.MaxJSONDepth, true}, {schemas.MaxJSONDepth + 1, false}} {
		body := strings.Repeat(`{"a":`, c.deep-1) + "[]" + strings.Repeat("}", c.deep-1)
		if _, err := parseJSON(&parser, []byte(body)); (err == nil) != c.ok {
			t.Errorf("%d deep: %v", c.deep, err)
		}
	}
}

// Whoever sends brackets pays for what they cost: the parser's own error about them would be a thousand times their size.
func TestBracketsAreCheapToRefuse(t *testing.T) {
	for _, body := range []string{strings.Repeat("[", 16<<10), strings.Repeat("[", 299) + "!", strings.Repeat(`{"a":`, 299)} {
		fuzzbound.Hold(t, 8*len(body), func() {
			var parser fastjson.Parser
			if _, err := parseJSON(&parser, []byte(body)); err == nil {
				t.Error("brackets are taken for JSON")
			}
		})
	}
}
