package ingest

import (
	"bytes"
	"net/netip"

	"github.com/valyala/fasthttp"

	"tributary/ingest/trust"
)

// reasonUnauthorized is not in the closed list: nothing is dropped, the sender keeps its clicks.
const reasonUnauthorized = "unauthorized"

// mayBringClicks tells whether the sender may post clicks with times, costs and addresses of its own choice: with a token of
// ingest.trust.clicks_tokens or, while none is declared, from this machine or a private network. It answers the refused itself.
func (e *Edge) mayBringClicks(ctx *fasthttp.RequestCtx) bool {
	given, right := "", "Authorization: Bearer TOKEN with one of ingest.trust.clicks_tokens"
	if e.clicksTokens == nil {
		client := e.proxies.client(ctx)
		own := isOwn(client)
		if own && !isForwarded(&ctx.Request.Header) {
			return true
		}
		given = client.String() + " is no address of this machine or of a private network"
		if own {
			given = "the request came through a proxy from a client that is on no private network, or that the proxy does not name"
		}
		given, right = "no ingest.trust.clicks_tokens are declared, and "+given, "declare a token, and send it as Authorization: Bearer TOKEN"
	} else {
		token, isBearer := bytes.CutPrefix(ctx.Request.Header.Peek(fasthttp.HeaderAuthorization), []byte("Bearer "))
		if isBearer && e.clicksTokens.Match(token) {
			return true
		}
		given = "the request brings no token, or one that is not declared"
	}
	ctx.Response.Header.Set(fasthttp.HeaderWWWAuthenticate, "Bearer")
	e.answerError(ctx, fasthttp.StatusUnauthorized, answer{Error: &refusal{
		Reason: reasonUnauthorized, Detail: given + "; nothing was accepted", Field: "Authorization", WouldBeRight: right,
	}})
	return false
}

// isOwn tells addresses that the public cannot send from, unless something before the edge puts its own in their place.
func isOwn(client netip.Addr) bool {
	client = client.Unmap()
	return client.IsLoopback() || client.IsPrivate() || client.IsLinkLocalUnicast()
}

// isForwarded tells whether a proxy says that it sends for anyone but a private network. It is asked of proxies that are not declared
// too: behind one on this machine, everybody seems to be this machine. A liar only refuses himself.
func isForwarded(h *fasthttp.RequestHeader) bool {
	return len(h.Peek("Forwarded")) > 0 || !trust.EveryHop(h.PeekAll(fasthttp.HeaderXForwardedFor), isOwn) || !trust.EveryHop(h.PeekAll("X-Real-Ip"), isOwn)
}

// isFromHere tells of a request that this machine sends for itself. A peer without an IP address is in this process.
func isFromHere(ctx *fasthttp.RequestCtx, client netip.Addr) bool {
	return (client.Unmap().IsLoopback() || client.IsUnspecified()) && !isForwarded(&ctx.Request.Header)
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
