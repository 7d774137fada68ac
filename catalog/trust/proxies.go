package trust

import (
	"bytes"
	"fmt"
	"net/netip"
	"unsafe"
)

// Proxies are the networks whose word on the client's address is believed.
type Proxies []netip.Prefix

// ParseProxies reads networks or single addresses.
func ParseProxies(texts []string) (Proxies, error) {
	var list Proxies
	for _, text := range texts {
		prefix, err := ParsePrefix(text)
		if err != nil {
			return nil, err
		}
		list = append(list, prefix)
	}
	return list, nil
}

// ParsePrefix reads a network such as 10.0.0.0/8 or a single address. One of IPv4 written within IPv6 is the one of IPv4.
func ParsePrefix(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("reading a network: %w", err)
	}
	if addr := prefix.Addr(); addr.Is4In6() && prefix.Bits() >= 96 {
		prefix = netip.PrefixFrom(addr.Unmap(), prefix.Bits()-96)
	}
	return prefix.Masked(), nil
}

// Trust tells whether addr is a declared proxy.
func (p Proxies) Trust(addr netip.Addr) bool { return contains(p, addr.Unmap()) }

// Client returns who sent a request: the connection's peer or, when the peer is a declared proxy, the right-most address in
// the lines of X-Forwarded-For that is not one. What stands left of it was written by the client itself and proves nothing.
// An entry that is no address ends the search at the proxy that passed it on. It does not allocate.
func (p Proxies) Client(peer netip.Addr, lines [][]byte) netip.Addr {
	addr := peer
	if !p.Trust(addr) {
		return addr
	}
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
			if !p.Trust(addr) {
				return addr
			}
		}
	}
	return addr
}

// EveryHop tells whether right holds for every address in the lines of X-Forwarded-For, declared proxies or not; an entry that is no
// address is not right.
func EveryHop(lines [][]byte, right func(netip.Addr) bool) bool {
	for _, line := range lines {
		for hop := range bytes.SplitSeq(line, []byte{','}) {
			if addr, ok := parseHop(bytes.TrimSpace(hop)); !ok || !right(addr) {
				return false
			}
		}
	}
	return true
}

// maxHopBytes is more than an IPv6 address with brackets, zone and port needs.
const maxHopBytes = 64

// parseHop reads an address with or without a port.
func parseHop(hop []byte) (netip.Addr, bool) {
	if len(hop) == 0 || len(hop) > maxHopBytes {
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
