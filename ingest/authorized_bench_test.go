package ingest

import (
	"net"
	"strconv"
	"testing"

	"github.com/valyala/fasthttp"
)

// BenchmarkStrange is what it costs to see that nobody names a client who is not near: of each request to /v1/clicks
// without tokens, and of each refused postback that nothing proves.
func BenchmarkStrange(b *testing.B) {
	e := newBench(b, nil).edge
	for _, headers := range []int{3, 15} {
		b.Run("headers="+strconv.Itoa(headers), func(b *testing.B) {
			ctx := &fasthttp.RequestCtx{}
			ctx.Init(&fasthttp.Request{}, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, nil)
			ctx.Request.Header.SetContentType("application/json")
			ctx.Request.Header.SetHost("t.example")
			for i := range headers {
				ctx.Request.Header.Set("X-Header-"+strconv.Itoa(i), "value")
			}
			b.ReportAllocs()
			for b.Loop() {
				if e.strange(ctx) != "" {
					b.Fatal("a request of this machine is strange")
				}
			}
		})
	}
}
