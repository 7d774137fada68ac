package ingest

import (
	"bytes"
	"strconv"

	"github.com/valyala/fasthttp"

	"tributary/catalog"
	"tributary/catalog/money"
	"tributary/schemas"
)

var (
	headerSetCookie      = []byte("Set-Cookie")
	headerAllowOrigin    = []byte("Access-Control-Allow-Origin")
	headerReferrerPolicy = []byte("Referrer-Policy")
	headerSniff          = []byte("X-Content-Type-Options")
	valueAnyOrigin       = []byte("*")
	valueNoReferrer      = []byte("no-referrer")
	valueNoSniff         = []byte("nosniff")
	typeHTML             = []byte("text/html; charset=utf-8")
	typeJSON             = []byte("application/json")
)

// Both pages ask the browser to tell the offer no referrer, and say nothing but where to go.
const (
	metaHead = `<!doctype html><meta name="referrer" content="no-referrer"><meta http-equiv="refresh" content="0;url=`
	metaTail = `">`
	// The script is for browsers that run one, the rest for those that do not.
	scriptHead   = `<!doctype html><meta name="referrer" content="no-referrer"><script>location.replace("`
	scriptMiddle = `")</script><noscript><meta http-equiv="refresh" content="0;url=`
	scriptTail   = `"></noscript>`
)

// sendOn answers a click in the way of its campaign. fasthttp copies what it is given.
func (e *Edge) sendOn(ctx *fasthttp.RequestCtx, v *visit, cat *catalog.Catalog, kind catalog.Redirect) {
	if v.offer == nil {
		e.turnAway(ctx, v, kind)
		return
	}
	h := &ctx.Response.Header
	h.SetCanonical(headerCacheControl, valueNoStore)
	e.writeCookie(ctx, v)
	link := v.link()
	switch kind {
	case catalog.RedirectFound, catalog.RedirectTemporary:
		status := fasthttp.StatusFound
		if kind == catalog.RedirectTemporary {
			status = fasthttp.StatusTemporaryRedirect
		}
		ctx.SetStatusCode(status)
		h.SetCanonical(headerLocation, link)
		return
	case catalog.RedirectJSON:
		// A page that asks by script stands on another domain; the answer holds nothing but what this very click made.
		h.SetContentTypeBytes(typeJSON)
		h.SetCanonical(headerAllowOrigin, valueAnyOrigin)
	case catalog.RedirectDoubleMeta:
		if len(link) <= catalog.MaxPassLink {
			v.out, v.text = cat.AppendPass(append(v.out[:len(link)], pathPass...), v.text, link, v.event.ReceivedMs)
			v.out = v.out[:copy(v.out, v.out[len(link):])]
		}
		kind = catalog.RedirectMeta
		fallthrough
	default:
		h.SetContentTypeBytes(typeHTML)
		h.SetCanonical(headerReferrerPolicy, valueNoReferrer)
	}
	h.SetCanonical(headerSniff, valueNoSniff)
	// v.out holds the link; the body is built behind it and may move both.
	n := len(v.out)
	switch kind {
	case catalog.RedirectMeta:
		v.out = append(appendAttribute(append(v.out, metaHead...), v.out[:n]), metaTail...)
	case catalog.RedirectScript:
		v.out = appendScriptText(append(v.out, scriptHead...), v.out[:n])
		v.out = append(appendAttribute(append(v.out, scriptMiddle...), v.out[:n]), scriptTail...)
	case catalog.RedirectJSON:
		// Neither text has anything that JSON escapes: see catalog.ParseTemplate and schemas/id.
		v.out = append(append(v.out, `{"click_id":"`...), v.event.ClickId...)
		v.out = append(append(append(v.out, `","url":"`...), v.out[:n]...), '"', '}', '\n')
	}
	ctx.Response.AppendBody(v.out[n:])
}

// servePass answers the second page of a double meta refresh. The click was recorded with the first.
func (e *Edge) servePass(ctx *fasthttp.RequestCtx, pass []byte) {
	cat := e.catalog.Load()
	if cat == nil {
		e.answerUnavailable(ctx, errNoCatalog)
		return
	}
	v := e.newVisit()
	defer e.endVisit(v)
	link, err := cat.OpenPass(v.text, pass, e.now().UnixMilli())
	if err != nil {
		e.answerError(ctx, fasthttp.StatusNotFound, answer{Error: &refusal{Reason: reasonNotFound, Detail: err.Error(), WouldBeRight: "the click link again"}})
		return
	}
	h := &ctx.Response.Header
	h.SetCanonical(headerCacheControl, valueNoStore)
	h.SetContentTypeBytes(typeHTML)
	h.SetCanonical(headerReferrerPolicy, valueNoReferrer)
	h.SetCanonical(headerSniff, valueNoSniff)
	v.text = link
	v.out = append(appendAttribute(append(v.out, metaHead...), link), metaTail...)
	ctx.Response.AppendBody(v.out)
}

// appendAttribute escapes a link for an attribute in double quotes. Links have no quotes or angle brackets, the catalog
// refuses them and percent-encodes those of values; they are escaped here all the same.
func appendAttribute(dst, link []byte) []byte {
	for _, c := range link {
		switch c {
		case '&':
			dst = append(dst, "&amp;"...)
		case '"':
			dst = append(dst, "&#34;"...)
		case '\'':
			dst = append(dst, "&#39;"...)
		case '<':
			dst = append(dst, "&lt;"...)
		case '>':
			dst = append(dst, "&gt;"...)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// appendScriptText escapes a link for a string in double quotes inside <script>, on the same terms.
func appendScriptText(dst, link []byte) []byte {
	for _, c := range link {
		switch c {
		case '"', '\\', '\'', '<', '>', '&':
			dst = append(dst, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// link replaces the macros of the offer's or landing page's link and appends it to v.out.
func (v *visit) link() []byte {
	if v.offer == nil {
		return nil
	}
	c := &v.event
	start := len(v.text)
	v.text = money.Append(v.text, c.CostMicros)
	cost := view(v.text[start:])
	asn := ""
	if c.Asn != 0 {
		start = len(v.text)
		v.text = strconv.AppendUint(v.text, uint64(c.Asn), 10)
		asn = view(v.text[start:])
	}
	v.values = catalog.Values{
		ClickID: c.ClickId, Campaign: c.Campaign, Source: c.Source, Offer: c.Offer,
		ExternalID: c.ExternalId, Keyword: c.Keyword, Creative: c.Creative, Cost: cost,
		Country: c.Country, Device: c.Device, OS: c.Os, Browser: c.Browser, Language: c.Language, Subs: c.Subs,
		City: c.City, Region: c.Region, ASN: asn, ConnectionType: c.ConnectionType,
	}
	url := v.offer.URL
	if v.landing != nil {
		url = v.landing.URL
	}
	v.out = url.Append(v.out, &v.values)
	return v.out
}

// appendLanguage appends the first language of Accept-Language, lower case, or nothing when it is no language tag.
func appendLanguage(dst, header []byte) []byte {
	if i := bytes.IndexAny(header, ",;"); i >= 0 {
		header = header[:i]
	}
	header = bytes.TrimSpace(header)
	if len(header) > schemas.MaxLanguage {
		return dst
	}
	start := len(dst)
	for _, c := range header {
		switch {
		case c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-':
		default:
			return dst[:start]
		}
		dst = append(dst, c)
	}
	return dst
}
