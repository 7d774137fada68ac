package ingest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

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

// TestChunkedBodyLimit: a body that does not say how long it is has the same limit, whether it is long or a chunk only says that it will be.
// Its request line is gone by then, so that it has no dead letter and no receipt: its sender keeps it.
func TestChunkedBodyLimit(t *testing.T) {
	b := newBench(t, nil)
	long := strings.Repeat("x", 2*schemas.MaxBodyBytes+1)
	for _, c := range []struct{ name, path, expect, body string }{
		{"one chunk", "/postback?network=acme", "", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(long), long)},
		{"many chunks", "/postback?network=acme", "", strings.Repeat(fmt.Sprintf("%x\r\n%s\r\n", 1000, long[:1000]), len(long)/1000+1) + "0\r\n\r\n"},
		{"only announced", "/postback?network=acme", "", "fffffff\r\nx"},
		{"after 100 Continue", "/postback?network=acme", "Expect: 100-continue\r\n", "fffffff\r\nx"},
		{"an upload", "/postback/acme/batch", "", "fffffff\r\nx"},
		{"clicks", "/v1/clicks", "", "fffffff\r\nx"},
	} {
		conn, err := net.Dial("tcp", b.edge.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\n%sTransfer-Encoding: chunked\r\n\r\n%s", c.path, c.expect, c.body)
		read := bufio.NewReader(conn)
		answer, err := http.ReadResponse(read, nil)
		if err == nil && answer.StatusCode == http.StatusContinue {
			answer, err = http.ReadResponse(read, nil)
		}
		if err != nil || answer.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: %v, %v", c.name, answer, err)
		} else if body, _ := io.ReadAll(answer.Body); !strings.Contains(string(body), "too_long") || strings.Contains(string(body), "receipt_id") {
			t.Errorf("%s: %s", c.name, body)
		}
		conn.Close()
	}
	if letters := b.letters(); len(letters) != 0 {
		t.Errorf("dead letters: %v", letters)
	}
}
