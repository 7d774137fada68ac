package dlq

import (
	"bytes"
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"tributary/catalog/trust"
	"tributary/ingest"
	"tributary/schemas"
	"tributary/schemas/events"
)

// unspecified stands for a sender whose address was not kept.
var unspecified = netip.IPv6Unspecified()

const postbackPath = "/postback"

// splitRequest reads a request as the edge keeps it: method, target, then a blank line and the body.
func splitRequest(raw []byte) (method, path, query string, body []byte, err error) {
	head, body, _ := bytes.Cut(raw, []byte("\n\n"))
	method, target, found := strings.Cut(string(head), " ")
	if !found || method == "" || target == "" || strings.ToUpper(method) != method {
		return "", "", "", nil, fmt.Errorf("its raw bytes do not begin with a request line such as GET %s?…", postbackPath)
	}
	if _, after, absolute := strings.Cut(target, "://"); absolute && !strings.HasPrefix(target, "/") {
		_, target, _ = strings.Cut(after, "/")
		target = "/" + target
	}
	// As the edge reads it: a number sign in a query is no fragment's.
	path, query, _ = strings.Cut(target, "?")
	path, _, fragment := strings.Cut(path, "#")
	if fragment {
		query = ""
	}
	return method, path, query, body, nil
}

// postbackRequest makes the request of a postback's letter again. The error says why it cannot.
func postbackRequest(l *Letter) (ingest.PostbackRequest, error) {
	e := l.Event
	r := ingest.PostbackRequest{ReceiptID: e.LetterId, Arrived: l.received(), IP: l.ip()}
	if !r.IP.IsValid() {
		r.IP = unspecified
	}
	if l.cut() {
		return r, fmt.Errorf("only its first %d bytes were kept; ask the network to send it again", schemas.MaxRawBytes)
	}
	if e.Place == "processor" {
		// What the edge accepted is kept as query or body without the rest of the request: what the letter knows fills in.
		r.Network, r.Query, r.Body, r.Proved = e.Network, []byte(accepted(e)), e.Raw, true
		return r, nil
	}
	method, path, query, body, err := splitRequest(e.Raw)
	switch {
	case err != nil:
		return r, err
	case strings.HasSuffix(path, "/batch"):
		return r, fmt.Errorf("it is an upload that was refused as a whole; its sender sends it again")
	case method == "POST" && len(body) == 0 && e.Reason == string(schemas.RejectTooLong):
		return r, fmt.Errorf("its body was too large to be kept; ask the network to send it again")
	}
	r.Path, r.Query, r.Body = []byte(path), []byte(query), body
	r.Proved = trust.Proves(schemas.RejectReason(e.Reason))
	return r, nil
}

// accepted is an accepted postback's parameters as a query.
func accepted(e *events.DeadLetter) string {
	v := url.Values{}
	set := func(name, value string) {
		if value != "" {
			v.Set(name, value)
		}
	}
	set("network", e.Network)
	set("click_id", e.ClickId)
	set("event", e.Event)
	set("txid", e.Txid)
	set("status", e.OriginalStatus)
	set("currency", e.Currency)
	if e.PayoutMicros != 0 {
		set("payout", amount(e.PayoutMicros))
	}
	// An encoded plus stays one; a space must not be one, which an ID would keep.
	return strings.ReplaceAll(v.Encode(), "+", "%20")
}
