package process

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// refuseForeign keeps web pages away from what a server that asks for no password tells whoever reaches it: a page of
// another site, by the headers that browsers add, and one under a name that was made to lead to this machine (DNS
// rebinding), by that name. A connection from this machine to itself may name the server by an address or as
// localhost only.
func refuseForeign(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Origin") != "" {
			http.Error(w, "the header Origin says that a web page sends this; right would be a request of a program, without it", http.StatusForbidden)
			return
		}
		if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" {
			http.Error(w, "the header Sec-Fetch-Site says that a page of another site sends this; right would be the address typed in", http.StatusForbidden)
			return
		}
		if isLoopback(r) && !namesThisMachine(r.Host) {
			http.Error(w, "from this machine the server is localhost or its address, not "+host(r.Host), http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isLoopback tells whether the connection leads from this machine to itself.
func isLoopback(r *http.Request) bool {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return ok && addr.IP.IsLoopback()
}

func namesThisMachine(hostport string) bool {
	name := strings.ToLower(host(hostport))
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	return name == "" || name == "localhost" || strings.HasSuffix(name, ".localhost")
}

// host is a Host header without its port and brackets.
func host(hostport string) string {
	if name, _, err := net.SplitHostPort(hostport); err == nil {
		return name
	}
	return strings.Trim(hostport, "[]")
}
