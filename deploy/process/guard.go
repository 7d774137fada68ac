package process

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"tributary/catalog/trust"
)

// A guard decides who is told what is inside the process: figures, profiles, the reasons of /readyz. Whether it lives
// and is ready is told to anyone.
//
// A listener on loopback is no permission by itself: every web page that is open on this machine reaches it through its
// reader's browser, under a name of its own that it lets point to 127.0.0.1.
type guard struct {
	// token is what a request must show; nil for none.
	token *trust.Tokens
	// loopback: only this machine reaches the listener.
	loopback bool
	// open: whoever reaches the listener may ask, though it is not on loopback.
	open bool
}

var (
	errNoToken     = errors.New("give the token of ops.token as Authorization: Bearer TOKEN")
	errNotDeclared = errors.New("ops.listen is reachable from other machines and there is no ops.token: set one, or listen on 127.0.0.1, or set ops.open where no stranger reaches it")
	errForeignPage = errors.New("a web page of another origin, or a name that is not this machine's, may not ask; use curl, a program, or http://127.0.0.1 and this port itself")
)

// refuses returns why a request may not be told more than whether the process is ready; nil when it may.
func (g *guard) refuses(r *http.Request) error {
	switch {
	case g.token != nil:
		if given, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); !g.token.Match([]byte(given)) {
			return errNoToken
		}
		return nil // a page of another origin has no token to send
	case !g.loopback && !g.open:
		return errNotDeclared
	case isOfAnotherPage(r) || g.loopback && !namesThisMachine(r.Host):
		return errForeignPage
	}
	return nil
}

// isOfAnotherPage tells whether a browser sends the request for a page that is not the listener's own.
func isOfAnotherPage(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
	default:
		return true
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	of, err := url.Parse(origin)
	return err != nil || of.Host != r.Host
}

// namesThisMachine tells whether a Host header has a loopback address or localhost: any other name may be a stranger's
// that points here.
func namesThisMachine(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// refuse answers a request that may not be told.
func refuse(w http.ResponseWriter, err error) {
	status := http.StatusForbidden
	if errors.Is(err, errNoToken) {
		w.Header().Set("WWW-Authenticate", "Bearer")
		status = http.StatusUnauthorized
	}
	http.Error(w, err.Error(), status)
}
