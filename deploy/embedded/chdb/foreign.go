package chdb

import (
	"net"
	"net/http"
	"strings"
)

// foreign returns why a request is not for this server, or not of one who meant to send it: nil for all others. A web page
// that somebody on this machine looks at can send requests here, and by a name that it lets point here (DNS rebinding)
// even read what they return. A browser says so in headers that a page cannot leave out; other clients send none.
func (s *server) foreign(r *http.Request) error {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	if ip := net.ParseIP(host); !strings.EqualFold(host, "localhost") && !(ip != nil && ip.IsLoopback()) && host != s.ownHost {
		return refuse(codeAccessDenied, "ACCESS_DENIED", "The request is for the host %s, which this server is not: right would be localhost or a loopback address in the header Host", quote(r.Host))
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		return refuse(codeAccessDenied, "ACCESS_DENIED", "The request comes from a web page of %s: pages may not query this server; send it from a program", quote(origin))
	}
	switch site := r.Header.Get("Sec-Fetch-Site"); site {
	case "", "none", "same-origin": // no browser; typed or bookmarked by a person; this server has no pages
	default:
		return refuse(codeAccessDenied, "ACCESS_DENIED", "The request was made by another site's web page (Sec-Fetch-Site: %s): pages may not query this server; send it from a program", site)
	}
	return nil
}
