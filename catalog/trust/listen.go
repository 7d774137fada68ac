package trust

import (
	"net"
	"net/netip"
	"time"

	"github.com/pires/go-proxyproto"
)

// ListenPROXY makes a listener whose connections from declared proxies must begin with a PROXY protocol header, version 1 or 2,
// within timeout, and then have the client's address. From any other peer a header ends the connection before a byte
// of it is read as a request.
func ListenPROXY(inner net.Listener, declared Proxies, timeout time.Duration) net.Listener {
	return &proxyproto.Listener{Listener: inner, ReadHeaderTimeout: timeout, ConnPolicy: func(c proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
		if declared.Trust(AddrOf(c.Upstream)) {
			return proxyproto.REQUIRE, nil
		}
		return proxyproto.REJECT, nil
	}}
}

// AddrOf is the IP address of a TCP peer, 0.0.0.0 of any other.
func AddrOf(peer net.Addr) netip.Addr {
	if tcp, ok := peer.(*net.TCPAddr); ok {
		if addr, ok := netip.AddrFromSlice(tcp.IP); ok {
			return addr.Unmap()
		}
	}
	return netip.IPv4Unspecified()
}
