package ingest

import (
	"bytes"
	"net/netip"

	"github.com/valyala/fasthttp"

	"tributary/catalog/trust"
)

// reasonUnauthorized is not in the closed list: nothing is dropped, the sender keeps its clicks.
const reasonUnauthorized = "unauthorized"

// mayBringClicks tells whether the sender may post clicks with times, costs and addresses of its own choice: with a token of
// ingest.trust.clicks_tokens or, while none is declared, from this machine or a private network. It answers the refused itself.
func (e *Edge) mayBringClicks(ctx *fasthttp.RequestCtx) bool {
	h := &ctx.Request.Header
	const right = "Authorization: Bearer TOKEN with one of ingest.trust.clicks_tokens"
	if e.clicksTokens != nil {
		token, isBearer := bytes.CutPrefix(h.Peek(fasthttp.HeaderAuthorization), []byte("Bearer "))
		if isBearer && e.clicksTokens.Match(token) {
			return true
		}
		return e.forbidClicks(ctx, fasthttp.StatusUnauthorized, "Authorization", "the request brings no token, or one that is not declared", right)
	}
	const undeclared = "no ingest.trust.clicks_tokens are declared, and "
	if given := e.strange(ctx); given != "" {
		return e.forbidClicks(ctx, fasthttp.StatusUnauthorized, "Authorization", undeclared+given, "declare a token, and send it as Authorization: Bearer TOKEN")
	}
	// A web page that is open on this machine sends from here too.
	if given := fromPage(h); given != "" {
		return e.forbidClicks(ctx, fasthttp.StatusForbidden, given, undeclared+"the header "+given+" says that a web page sends this", "a server's request, without that header; or declare a token, and send "+right)
	}
	if kind := mediaType(h.ContentType()); string(kind) != mediaJSON {
		return e.forbidClicks(ctx, fasthttp.StatusUnsupportedMediaType, fasthttp.HeaderContentType,
			undeclared+"the content type is "+quoted(kind)+", which any web page may send", "Content-Type: "+mediaJSON+"; or declare a token, and send "+right)
	}
	return true
}

func (e *Edge) forbidClicks(ctx *fasthttp.RequestCtx, status int, field, detail, right string) bool {
	if status == fasthttp.StatusUnauthorized {
		ctx.Response.Header.Set(fasthttp.HeaderWWWAuthenticate, "Bearer")
	}
	e.answerError(ctx, status, answer{Error: &refusal{Reason: reasonUnauthorized, Detail: detail + "; nothing was accepted", Field: field, WouldBeRight: right}})
	return false
}

// strange says why a request is none of this machine's or of a private network's; it is empty for one that is. The
// connection's peer must be near, and so must be everybody whom a declared proxy, or any header, names: no header
// makes anybody nearer than his connection is.
func (e *Edge) strange(ctx *fasthttp.RequestCtx) string {
	for _, addr := range [...]netip.Addr{trust.AddrOf(ctx.RemoteAddr()), e.proxies.client(ctx)} {
		if !isOwn(addr) {
			return addr.String() + " is no address of this machine or of a private network"
		}
	}
	if isForwarded(&ctx.Request.Header) {
		return "the request came through a proxy from a client that is on no private network, or that the proxy does not name"
	}
	return ""
}

// fromPage names the header by which a browser shows that a web page made it send the request; empty for none.
// Browsers put Origin into every POST that a page makes, also into one to a name that was made to lead here. What a
// person types has none, or says so.
func fromPage(h *fasthttp.RequestHeader) string {
	if len(h.Peek(fasthttp.HeaderOrigin)) > 0 {
		return fasthttp.HeaderOrigin
	}
	if site := h.Peek("Sec-Fetch-Site"); len(site) > 0 && string(site) != "none" {
		return "Sec-Fetch-Site"
	}
	return ""
}

// isOwn tells addresses that the public cannot send from, unless something before the edge puts its own in their place.
func isOwn(client netip.Addr) bool {
	client = client.Unmap()
	return client.IsLoopback() || client.IsPrivate() || client.IsLinkLocalUnicast()
}

// clientHeaders are those in which proxies and delivery networks name the client, one or several addresses in each.
var clientHeaders = []string{
	fasthttp.HeaderXForwardedFor, "X-Real-Ip", "Cf-Connecting-Ip", "Cf-Connecting-Ipv6", "Cf-Pseudo-Ipv4", "True-Client-Ip", "X-Client-Ip", "X-Cluster-Client-Ip",
	"Fastly-Client-Ip", "Fly-Client-Ip", "X-Original-Forwarded-For", "X-Forwarded", "Forwarded-For", "X-Azure-Clientip", "X-Azure-Socketip",
	"X-Envoy-External-Address", "X-Appengine-User-Ip", "X-Remote-Ip", "X-Remote-Addr", "X-Originating-Ip", "X-Proxyuser-Ip", "Client-Ip",
}

// proxyHeaders are those that a proxy adds and that name nobody.
var proxyHeaders = []string{"Via", fasthttp.HeaderXForwardedHost, fasthttp.HeaderXForwardedProto, "X-Forwarded-Server", "X-Forwarded-Port", "Cf-Ray", "Cdn-Loop", "X-Amz-Cf-Id"}

// namesClient says of the headers that show a proxy whether they name the client. The names are as the server writes
// them in a request.
var namesClient = func() map[string]bool {
	m := map[string]bool{}
	for _, name := range clientHeaders {
		m[name] = true
	}
	for _, name := range proxyHeaders {
		m[name] = false
	}
	return m
}()

// isForwarded tells whether a proxy says that it sends for anyone but a private network, or does not say for whom. It
// is asked of proxies that are not declared too: behind one on this machine, everybody seems to be this machine. A
// liar only refuses himself.
//
// It passes the headers once: looking up each of some thirty names took over a microsecond of every request.
func isForwarded(h *fasthttp.RequestHeader) bool {
	named, proxied := false, false
	for name, value := range h.All() {
		client, shows := namesClient[string(name)]
		switch {
		case client:
			if !trust.EveryHop([][]byte{value}, isOwn) {
				return true
			}
			named = true
		case shows:
			proxied = proxied || len(value) > 0
		case len(value) > 0 && string(name) == "Forwarded":
			return true
		}
	}
	return proxied && !named
}

// isFromHere tells of a request that this machine sends for itself. A peer without an IP address is in this process.
func isFromHere(ctx *fasthttp.RequestCtx, client netip.Addr) bool {
	here := func(addr netip.Addr) bool { return addr.Unmap().IsLoopback() || addr.IsUnspecified() }
	return here(client) && here(trust.AddrOf(ctx.RemoteAddr())) && !isForwarded(&ctx.Request.Header)
}

// tokensOf are the tokens of a map by name, nil for none.
func tokensOf(declared map[string]trust.Secret) *trust.Tokens {
	if len(declared) == 0 {
		return nil
	}
	tokens := &trust.Tokens{}
	for name, secret := range declared {
		tokens.Add(name, string(secret))
	}
	return tokens
}
