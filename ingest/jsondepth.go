package ingest

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/valyala/fastjson"

	"tributary/schemas"
)

var errJSONDepth = errors.New("the body has objects and arrays more than " + strconv.Itoa(schemas.MaxJSONDepth) + " deep in one another")

// parseJSON parses a body that is not nested too deep. Its error is a sentence for the sender. The parser's error grows with every level it passes on its way out, so that 300
// brackets would cost it a megabyte.
func parseJSON(parser *fastjson.Parser, body []byte) (*fastjson.Value, error) {
	if jsonDepth(body) > schemas.MaxJSONDepth {
		return nil, errJSONDepth
	}
	value, err := parser.ParseBytes(body)
	if err != nil {
		return nil, fmt.Errorf("the body is not JSON: %w", err)
	}
	return value, nil
}

// jsonDepth is how deep objects and arrays lie in one another at most, of anything as far as it is JSON.
func jsonDepth(body []byte) (deepest int) {
	depth, text := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case c == '"':
			text = !text
		case text:
			if c == '\\' {
				i++
			}
		case c == '[' || c == '{':
			depth++
			deepest = max(deepest, depth)
		case c == ']' || c == '}':
			depth--
		}
	}
	return deepest
}
