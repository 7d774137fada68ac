package ingest

import (
	"bytes"
	"errors"
	"net"
	"strings"

	"github.com/valyala/fasthttp"

	"tributary/catalog"
	"tributary/catalog/dialect"
	"tributary/catalog/query"
	"tributary/schemas"
	"tributary/schemas/events"
)

// Header names in the form that fasthttp writes them.
var (
	headerLocation     = []byte("Location")
	headerCacheControl = []byte("Cache-Control")
	headerClickID      = []byte("X-Click-Id")
	valueNoStore       = []byte("no-store")

	pathClick    = []byte("/c/")
	pathPass     = []byte("/r/")
	pathShow     = []byte("/i/")
	pathLanding  = []byte("/l/")
	pathClicks   = []byte("/v1/clicks")
	pathPostback = []byte("/postback")
	pathHealth   = []byte("/healthz")
	pathReady    = []byte("/readyz")
	pathMetrics  = []byte("/metrics")
)

const knownRoutes = "GET /c/{campaign}, GET /i/{campaign}, GET /l/{click_id}, POST /v1/clicks, GET or POST /postback and /postback/{network}, POST /postback/{network}/batch, GET /v1/receipts/{id}, GET /healthz, GET /readyz"

// handle answers one request. It reads the request line itself: the router of four paths that it needs is a few
// comparisons, and fasthttp's URI would decode and copy what is decoded here anyway.
func (e *Edge) handle(ctx *fasthttp.RequestCtx) {
	e.metrics.inFlight.Inc()
	path, rawQuery := target(ctx)
	e.metrics.received.Add(float64(len(path) + len(rawQuery) + len(ctx.Request.Body())))
	r := e.dispatch(ctx, path, rawQuery)
	if status := ctx.Response.StatusCode(); status >= 0 && status < len(e.metrics.requests[r]) {
		e.metrics.requests[r][status].Inc()
	}
	e.metrics.inFlight.Dec()
}

func (e *Edge) dispatch(ctx *fasthttp.RequestCtx, path, rawQuery []byte) route {
	if cat := e.catalog.Load(); cat != nil {
		path, rawQuery = Meant(cat, path, rawQuery)
	}
	own := spelled(ctx, path)
	switch {
	case bytes.HasPrefix(path, pathClick):
		r := routeClick
		if e.admit(ctx, &r) {
			e.serveLink(ctx, nil, segments(path, pathClick), rawQuery)
		}
		return r
	case bytes.Equal(bytes.TrimSuffix(own, []byte{'/'}), pathClicks):
		if e.allow(ctx, "POST, OPTIONS") && e.mayBringClicks(ctx) {
			e.serveClicks(ctx)
		}
		return routeClicks
	case bytes.HasPrefix(path, pathPostback):
		if a, ok := askedAt(path); ok {
			return e.postbackAt(ctx, a, rawQuery)
		}
	case bytes.Equal(own, pathHealth):
		if e.allow(ctx, "GET, HEAD, OPTIONS") {
			writeJSON(ctx, health{Status: "ok"})
		}
		return routeHealth
	case bytes.HasPrefix(path, pathReceipts):
		if e.allow(ctx, "GET, HEAD, OPTIONS") {
			e.serveReceipt(ctx, path[len(pathReceipts):])
		}
		return routeReceipt
	case bytes.HasPrefix(path, pathShow):
		r := routeImpression
		if e.admit(ctx, &r) {
			e.serveImpression(ctx, segments(path, pathShow), rawQuery)
		}
		return r
	case bytes.HasPrefix(path, pathLanding):
		r := routeLanding
		if e.admit(ctx, &r) {
			e.serveLanding(ctx, segments(path, pathLanding), rawQuery)
		}
		return r
	case bytes.HasPrefix(path, pathPass):
		r := routePass
		if e.admit(ctx, &r) {
			e.servePass(ctx, path[len(pathPass):])
		}
		return r
	case bytes.Equal(own, pathReady):
		if e.allow(ctx, "GET, HEAD, OPTIONS") {
			if e.maySeeInside(ctx) {
				e.serveReady(ctx)
			} else {
				e.servePlainReady(ctx)
			}
		}
		return routeReady
	case e.cfg.Trust.ManagementRoutes && bytes.Equal(own, pathMetrics):
		if e.allow(ctx, "GET, HEAD, OPTIONS") {
			e.serveMetrics(ctx)
		}
		return routeMetrics
	}
	if r, ok := e.serveDialect(ctx, path, rawQuery); ok {
		return r
	}
	e.answerLost(ctx, fasthttp.StatusNotFound, &refusal{Reason: reasonNotFound, Detail: "nothing is at " + quoted(path),
		WouldBeRight: knownRoutes})
	return routeOther
}

// segments are what stands behind prefix. Whoever puts a slash at the end of every link loses no click by it.
func segments(path, prefix []byte) []byte {
	return bytes.TrimSuffix(path[len(prefix):], []byte{'/'})
}

// allow answers OPTIONS and methods that are not in the list itself, and then false.
func (e *Edge) allow(ctx *fasthttp.RequestCtx, methods string) bool {
	if ctx.IsOptions() {
		ctx.Response.Header.Set(fasthttp.HeaderAllow, methods)
		ctx.SetStatusCode(fasthttp.StatusNoContent)
		return false
	}
	method := view(ctx.Method())
	for rest := methods; rest != ""; {
		var one string
		one, rest, _ = strings.Cut(rest, ", ")
		if one == method {
			return true
		}
	}
	ctx.Response.Header.Set(fasthttp.HeaderAllow, methods)
	said := &refusal{Reason: reasonMethod, Detail: "the method " + quoted(ctx.Method()) + " is not for this path",
		WouldBeRight: methods}
	if methods == visits {
		e.answerError(ctx, fasthttp.StatusMethodNotAllowed, answer{Error: said}) // no route for money
	} else {
		e.answerLost(ctx, fasthttp.StatusMethodNotAllowed, said)
	}
	return false
}

type health struct {
	Status  string   `json:"status"`
	Reasons []string `json:"reasons,omitempty"`
	Note    string   `json:"note,omitempty"`
}

func (e *Edge) serveReady(ctx *fasthttp.RequestCtx) {
	err := e.Ready()
	if err == nil {
		writeJSON(ctx, health{Status: "ready", Note: e.Note()})
		return
	}
	ctx.SetStatusCode(fasthttp.StatusServiceUnavailable)
	writeJSON(ctx, health{Status: "not ready", Reasons: strings.Split(err.Error(), "\n"), Note: e.Note()})
}

// serveLink sends the click of a link, one of a dialect or our own where that is nil, on to its offer once it is durable. HEAD,
// which checkers of links use, is sent on without being a click: nothing is recorded and the link has no click ID.
//
// The answer is made while the record is on its way, and the visit serves others meanwhile: by the time that Kafka has confirmed,
// the processor's caches have forgotten both. What is not accepted after all is answered anew.
func (e *Edge) serveLink(ctx *fasthttp.RequestCtx, d *dialect.Dialect, name, rawQuery []byte) {
	cat := e.catalog.Load()
	if cat == nil {
		e.answerUnavailable(ctx, errNoCatalog)
		return
	}
	v := e.newVisit()
	sent, err := e.takeLink(ctx, v, cat, d, name, rawQuery)
	counted := v.counted
	e.endVisit(v)
	if sent != nil {
		err = e.producer.wait(sent)
	}
	if err != nil {
		counted.giveBack()
		ctx.Response.Reset()
		e.answerUnavailable(ctx, err)
	}
}

// takeLink makes answer and record of a link and sends the record, which is nil for a request that has none.
func (e *Edge) takeLink(ctx *fasthttp.RequestCtx, v *visit, cat *catalog.Catalog, d *dialect.Dialect, name, rawQuery []byte) (*delivery, error) {
	if d == nil && query.Encoded(name) {
		v.text = query.DecodePath(v.text, name)
		name = v.text
	}
	now := e.now()
	v.addr, v.look = e.proxies.client(ctx), ctx.IsHead()
	campaign := cat.Campaign(name)
	if campaign == nil {
		refused := refuse(schemas.RejectUnknownCampaign, "campaign", "no campaign is named "+quoted(name), "the name of a campaign in catalog.campaigns")
		if v.look {
			e.answerError(ctx, refused.status(), answer{Error: refused})
		} else {
			e.refuseLink(ctx, v, refused)
		}
		return nil, nil
	}
	e.readLinkOf(d, v, cat, campaign, rawQuery)
	e.readHeaders(ctx, v)
	e.readCookie(ctx, v)
	if refused := e.fill(v, cat, campaign, now, false); refused != nil {
		e.refuseLink(ctx, v, refused)
		return nil, nil
	}
	if v.look {
		v.event.ClickId, v.wantsCookie = "", false
		e.sendOn(ctx, v, cat, campaign.Redirect)
		return nil, nil
	}
	e.observe(v)
	sent, err := e.producer.prepare(topicClicks, v.id[:], "", &v.event)
	if err != nil {
		return nil, err
	}
	e.producer.send(sent)
	if v.offer != nil {
		ctx.Response.Header.SetCanonical(headerClickID, v.id[:])
	}
	e.sendOn(ctx, v, cat, campaign.Redirect)
	return sent, nil
}

// readHeaders takes what the connection tells about the visitor.
func (e *Edge) readHeaders(ctx *fasthttp.RequestCtx, v *visit) {
	h := &ctx.Request.Header
	v.userAgent = e.clean(v, h.UserAgent(), schemas.MaxUserAgent, fieldUserAgent)
	v.referrer = e.clean(v, h.Referer(), schemas.MaxReferrer, fieldReferrer)
	v.setLanguage(h.Peek(fasthttp.HeaderAcceptLanguage))
}

func (v *visit) setLanguage(header []byte) {
	start := len(v.text)
	v.text = appendLanguage(v.text, header)
	v.language = v.text[start:len(v.text):len(v.text)]
}

// refuseLink refuses what anybody may send: a link, an image, a button.
func (e *Edge) refuseLink(ctx *fasthttp.RequestCtx, v *visit, refused *refusal) {
	if wait := e.unproved.over(ctx, v.addr, e.unproved.clicks, e.now()); wait > 0 {
		e.answerOver(ctx, v.addr, refused, wait)
		return
	}
	e.keepRefused(ctx, v, refused)
}

// keepRefused makes the dead letter of a click and answers with its receipt.
func (e *Edge) keepRefused(ctx *fasthttp.RequestCtx, v *visit, refused *refusal) {
	now := e.now()
	receipt := e.receipt(now)
	if err := e.file(e.letter(events.DeadLetter_KIND_CLICK, refused, receipt, now, v.addr, rawRequest(ctx)), nil); err != nil {
		e.answerUnavailable(ctx, err)
		return
	}
	e.answerError(ctx, refused.status(), answer{Error: refused, ReceiptID: receipt})
}

// bodyLimit keeps who announces a large body and sends none from taking memory for it: the server makes room for all of it at
// once. Only routes that take uploads get max_body_bytes; a postback somewhat beyond its limit is still read, for its dead letter.
func (e *Edge) bodyLimit(header *fasthttp.RequestHeader) fasthttp.RequestConfig {
	path, _, _ := bytes.Cut(header.RequestURI(), []byte{'?'})
	if path = bytes.TrimSuffix(path, []byte{'/'}); bytes.HasSuffix(path, pathClicks) || bytes.HasSuffix(path, suffixBatch) {
		return fasthttp.RequestConfig{}
	}
	return fasthttp.RequestConfig{MaxRequestBodySize: min(e.cfg.MaxBodyBytes, 2*schemas.MaxBodyBytes)}
}

// handleBroken answers what fasthttp could not read as a request it may serve. A postback whose body is too large still
// leaves a dead letter: its request line was read.
func (e *Edge) handleBroken(ctx *fasthttp.RequestCtx, err error) {
	status, refused := fasthttp.StatusBadRequest, &refusal{Reason: reasonRequest, Detail: "the request is not HTTP that this server can read"}
	var small *fasthttp.ErrSmallBuffer
	var timeout net.Error
	switch {
	case errors.As(err, &small):
		status = fasthttp.StatusRequestHeaderFieldsTooLarge
		refused = refuse(schemas.RejectTooLong, "", "the request line and headers are too long", "a shorter URL")
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		status = fasthttp.StatusRequestEntityTooLarge
		refused = refuse(schemas.RejectTooLong, "", "the body is too large", "a smaller body, or a smaller batch")
	case errors.As(err, &timeout) && timeout.Timeout():
		status, refused.Detail = fasthttp.StatusRequestTimeout, "the request did not arrive in time"
	}
	var receipt string
	path, _ := target(ctx)
	client, now := e.proxies.client(ctx), e.now()
	if status == fasthttp.StatusRequestEntityTooLarge && e.isPostback(ctx, path) && e.unproved.over(ctx, client, e.unproved.postbacks, now) == 0 {
		receipt = e.receipt(now)
		e.hideTokens(ctx)
		if err := e.file(e.letter(events.DeadLetter_KIND_POSTBACK, refused, receipt, now, client, rawRequest(ctx)), nil); err != nil {
			e.answerUnavailable(ctx, err)
			e.metrics.requests[routeOther][fasthttp.StatusServiceUnavailable].Inc()
			return
		}
	}
	e.answerError(ctx, status, answer{Error: refused, ReceiptID: receipt})
	e.metrics.requests[routeOther][status].Inc()
}
