package ingest

import (
	"bytes"
	"net"
	"net/netip"
	"unsafe"

	"github.com/valyala/fasthttp"
)

// proxies are the networks whose X-Forwarded-For is believed.
type proxies []netip.Prefix

func (p proxies) trust(addr netip.Addr) bool {
	for _, prefix := range p {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// client answers who sent the request: the connection's peer or, when the peer is a trusted proxy, the right-most address
// in X-Forwarded-For that is not one. What stands left of it was written by the client itself and proves nothing.
func (p proxies) client(ctx *fasthttp.RequestCtx) netip.Addr {
	addr := peer(ctx)
	if len(p) == 0 || !p.trust(addr) {
		return addr
	}
	lines := ctx.Request.Header.PeekAll(fasthttp.HeaderXForwardedFor)
	for i := len(lines) - 1; i >= 0; i-- {
		for rest := lines[i]; len(rest) > 0; {
			hop := rest
			if j := bytes.LastIndexByte(rest, ','); j >= 0 {
				hop, rest = rest[j+1:], rest[:j]
			} else {
				rest = nil
			}
			next, ok := parseHop(bytes.TrimSpace(hop))
			if !ok {
				return addr
			}
			addr = next
			if !p.trust(addr) {
				return addr
			}
		}
	}
	return addr
}

// parseHop reads an address with or without a port.
func parseHop(hop []byte) (netip.Addr, bool) {
	if len(hop) == 0 || len(hop) > 64 {
		return netip.Addr{}, false
	}
	text := unsafe.String(&hop[0], len(hop))
	if addr, err := netip.ParseAddr(text); err == nil {
		return addr.Unmap().WithZone(""), true
	}
	if pair, err := netip.ParseAddrPort(text); err == nil {
		return pair.Addr().Unmap().WithZone(""), true
	}
	return netip.Addr{}, false
}

func peer(ctx *fasthttp.RequestCtx) netip.Addr {
	if tcp, ok := ctx.RemoteAddr().(*net.TCPAddr); ok {
		if addr, ok := netip.AddrFromSlice(tcp.IP); ok {
			return addr.Unmap()
		}
	}
	return netip.IPv4Unspecified()
}
