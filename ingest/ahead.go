package ingest

import (
	"bytes"

	"github.com/valyala/fasthttp"
)

// A browser or an app may ask for a link ahead of its visitor, who may never come: prefetch, prerender, preview. Such a
// request is no click. It is answered 503 and no-store, which no browser keeps: when the visitor comes, he asks
// himself, and is counted. Any other answer might be used for him without another request, and a redirect would be
// followed ahead of him as well.

// ahead is an index into the reasons for which somebody asks ahead of a visitor.
type ahead uint8

const (
	aheadPrefetch ahead = iota
	aheadPrerender
	aheadPreview
	aheads
	// notAhead: the visitor himself asks.
	notAhead = aheads
)

var aheadNames = [aheads]string{"prefetch", "prerender", "preview"}

// aheadHeaders are those that say so. Sec-Purpose is the standard's (https://fetch.spec.whatwg.org/#sec-purpose-header:
// prefetch, prefetch;prerender, prefetch;anonymous-client-ip); Purpose is that of Chrome and Safari from before it,
// X-Purpose that of Safari's Top Sites and of Facebook's app, X-Moz Firefox's.
var aheadHeaders = [...]string{"Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"}

const (
	shortestAheadHeader = len("X-Moz")
	longestAheadHeader  = len("Sec-Purpose")
)

// reasonAhead is not in the closed list: nothing is dropped, the visitor has not come yet.
const reasonAhead = "asked_ahead"

// askedAhead tells why a request comes ahead of its visitor. It passes the headers once and compares few of them.
func askedAhead(h *fasthttp.RequestHeader) ahead {
	found := notAhead
	for name, value := range h.All() {
		if n := len(name); n < shortestAheadHeader || n > longestAheadHeader || !isAheadHeader(name) {
			continue
		}
		switch kind := aheadOf(value); {
		case kind == notAhead:
		case kind == aheadPrerender, found == notAhead:
			found = kind
		}
	}
	return found
}

func isAheadHeader(name []byte) bool {
	for _, one := range aheadHeaders {
		if string(name) == one {
			return true
		}
	}
	return false
}

// aheadOf reads the words of such a header, in any case: what is not known says nothing.
func aheadOf(value []byte) ahead {
	found := notAhead
	for len(value) > 0 {
		end := bytes.IndexAny(value, ";, ")
		word := value
		if end >= 0 {
			word, value = value[:end], value[end+1:]
		} else {
			value = nil
		}
		for kind, name := range aheadNames {
			if len(word) == len(name) && bytes.EqualFold(word, []byte(name)) &&
				(found == notAhead || ahead(kind) == aheadPrerender) {
				found = ahead(kind)
			}
		}
	}
	return found
}

// comesAhead answers a request for a link, an image or a button that comes ahead of its visitor; false for any other.
func (e *Edge) comesAhead(ctx *fasthttp.RequestCtx) bool {
	kind := askedAhead(&ctx.Request.Header)
	if kind == notAhead {
		return false
	}
	e.metrics.ahead[kind].Inc()
	e.answerError(ctx, fasthttp.StatusServiceUnavailable, answer{Error: &refusal{
		Reason: reasonAhead, Detail: "this is a " + aheadNames[kind] +
			", which comes ahead of a visitor; nothing was counted", WouldBeRight: "the same request without that header when the visitor comes",
	}})
	return true
}

// visits are the methods of links, images and buttons.
const visits = "GET, HEAD, OPTIONS"

// admit answers what no visitor asks of a route for visits: other methods, and who comes ahead of him. r is then the
// route that the request is counted as.
func (e *Edge) admit(ctx *fasthttp.RequestCtx, r *route) bool {
	if !e.allow(ctx, visits) {
		return false
	}
	if e.comesAhead(ctx) {
		*r = routeAhead
		return false
	}
	return true
}
