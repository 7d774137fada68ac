package ingest

import (
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"tributary/schemas"
)

// TestBodyLimit: a few bytes may not make the edge take a megabyte, and uploads still have room.
func TestBodyLimit(t *testing.T) {
	b := newBench(t, nil)
	for _, c := range []struct {
		path string
		want int // 0 for max_body_bytes
	}{
		{"/v1/clicks", 0},
		{"/postback/acme/batch", 0},
		{"/postback/acme/batch/?x=1", 0},
		{"/c/summer?x=/v1/clicks", 2 * schemas.MaxBodyBytes},
		{"/postback?network=acme", 2 * schemas.MaxBodyBytes},
		{"/postback/acme", 2 * schemas.MaxBodyBytes},
		{"/nothing", 2 * schemas.MaxBodyBytes},
	} {
		var header fasthttp.RequestHeader
		header.SetRequestURI(c.path)
		if got := b.edge.bodyLimit(&header).MaxRequestBodySize; got != c.want {
			t.Errorf("%s may have %d bytes, want %d", c.path, got, c.want)
		}
	}
	body := strings.Repeat("x", 2*schemas.MaxBodyBytes+1)
	if got := b.send("POST", "/postback?network=acme", "application/x-www-form-urlencoded", body); got.status != 413 || !strings.Contains(got.body, "too_long") {
		t.Errorf("a body far too large: %d %s", got.status, got.body)
	}
	if letters := b.letters(); len(letters) != 1 || letters[0].Reason != string(schemas.RejectTooLong) {
		t.Errorf("dead letters: %v", letters)
	}
}
