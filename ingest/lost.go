package ingest

import (
	"github.com/valyala/fasthttp"

	"tributary/catalog"
	"tributary/catalog/dialect"
	"tributary/schemas"
	"tributary/schemas/events"
	"tributary/schemas/id"
)

const (
	// maxLostBytes and maxLostTries bound the search for a click ID in a request that nothing takes.
	maxLostBytes = 16 << 10
	maxLostTries = 16
)

// answerLost answers a request that no route takes. Where it carries a click ID that this tracker gave out, it may be
// somebody's money: then it leaves a dead letter, as many of an address as it may make with what proves nothing. HEAD
// brings no money.
func (e *Edge) answerLost(ctx *fasthttp.RequestCtx, status int, said *refusal) {
	cat := e.catalog.Load()
	openBody(ctx)
	var found string
	if cat != nil && !ctx.IsHead() {
		if found = clickIDIn(cat, ctx.Request.Header.RequestURI()); found == "" {
			found = clickIDIn(cat, ctx.Request.Body())
		}
	}
	if found == "" {
		e.answerError(ctx, status, answer{Error: said})
		return
	}
	now, addr := e.now(), e.proxies.client(ctx)
	refused := refuse(schemas.RejectUnknownPath, "", said.Detail+", and the request has the click ID "+found,
		said.WouldBeRight)
	if wait := e.unproved.over(ctx, addr, e.unproved.postbacks, now); wait > 0 {
		e.answerOver(ctx, addr, refused, wait)
		return
	}
	e.hideTokens(ctx)
	letter := e.lostLetter(ctx, cat, refused, found)
	if err := e.file(letter, nil); err != nil {
		e.answerUnavailable(ctx, err)
		return
	}
	e.answerError(ctx, status, answer{Error: refused, ReceiptID: letter.LetterId})
}

// lostLetter shows what was at stake as far as native names tell it. Whose postback it is nobody said.
func (e *Edge) lostLetter(ctx *fasthttp.RequestCtx, cat *catalog.Catalog, refused *refusal,
	clickID string) *events.DeadLetter {
	now := e.now()
	p := &postback{asked: asked{dialect: &dialect.Native}, addr: e.proxies.client(ctx)}
	p.event.ReceiptId, p.event.EventMs = e.receipt(now), now.UnixMilli()
	path, rawQuery := target(ctx)
	_, rawQuery = Meant(cat, path, rawQuery)
	var form []byte
	if isForm(ctx) {
		form = clip(ctx.Request.Body(), schemas.MaxBodyBytes)
	}
	p.read(cat, rawQuery, form, nil)
	p.network, p.event.Network, p.reader = nil, "", catalog.DialectPostback(&dialect.Native)
	letter, _ := e.postbackLetter(p, cat, refused, now, rawRequest(ctx))
	letter.ClickId = clickID
	return letter
}

// clickIDIn answers the first click ID of this tracker in a text that nobody reads otherwise, empty for none.
func clickIDIn(cat *catalog.Catalog, text []byte) string {
	text = clip(text, maxLostBytes)
	for start, tries := 0, 0; start < len(text) && tries < maxLostTries; {
		end := start
		for end < len(text) && isAlphanumeric(text[end]) {
			end++
		}
		if word := text[start:end]; id.LooksLikeClick(word) {
			tries++
			if click, err := id.ParseClick(word); err == nil && cat.Keyring().Verify(&click) == nil {
				return click.String()
			}
		}
		start = end + 1
	}
	return ""
}

func isAlphanumeric(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' }
