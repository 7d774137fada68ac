package ingest

import (
	"net/netip"

	"github.com/valyala/fasthttp"

	"tributary/catalog/trust"
)

// proxies are the networks whose X-Forwarded-For is believed.
type proxies trust.Proxies

// client answers who sent the request: the connection's peer, or whom the declared proxies before it name.
func (p proxies) client(ctx *fasthttp.RequestCtx) netip.Addr {
	peer := trust.AddrOf(ctx.RemoteAddr())
	if len(p) == 0 {
		return peer
	}
	return trust.Proxies(p).Client(peer, ctx.Request.Header.PeekAll(fasthttp.HeaderXForwardedFor))
}
