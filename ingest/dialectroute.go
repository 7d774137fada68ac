package ingest

import (
	"github.com/valyala/fasthttp"

	"tributary/catalog"
	"tributary/catalog/dialect"
)

// postbackAt serves a postback or an upload of them.
func (e *Edge) postbackAt(ctx *fasthttp.RequestCtx, a asked, rawQuery []byte) route {
	if a.batch {
		if e.allow(ctx, "POST, OPTIONS") {
			e.serveBatch(ctx, a, rawQuery)
		}
		return routeBatch
	}
	if e.allow(ctx, "GET, POST, OPTIONS") {
		e.servePostback(ctx, a, rawQuery)
	}
	return routePostback
}

// serveDialect serves what is none of our own routes, when it is a link or a postback as another tracker writes them. A path
// that may be a link, yet is any single word and names no campaign, is left to the caller.
func (e *Edge) serveDialect(ctx *fasthttp.RequestCtx, path, rawQuery []byte) (route, bool) {
	cat := e.catalog.Load()
	if cat == nil {
		// It may be somebody's postback: nobody can tell yet.
		e.answerUnavailable(ctx, errNoCatalog)
		return routeOther, true
	}
	m, ok := e.matchDialect(ctx, cat, path, rawQuery)
	switch {
	case !ok:
		return 0, false
	case m.Kind == dialect.KindPostback:
		return e.postbackAt(ctx, asked{dialect: m.Dialect, key: m.Key}, rawQuery), true
	}
	// Almost every name is shorter; a longer one costs an allocation.
	var buf [128]byte
	name := m.AppendCampaign(buf[:0])
	if m.Guess && cat.Campaign(name) == nil {
		return 0, false
	}
	r := routeClick
	if e.admit(ctx, &r) {
		e.serveLink(ctx, m.Dialect, name, rawQuery)
	}
	return r, true
}

// matchDialect looks at the query, and at a body only where there may be a postback in it.
func (e *Edge) matchDialect(ctx *fasthttp.RequestCtx, cat *catalog.Catalog, path, rawQuery []byte) (dialect.Match, bool) {
	if !ctx.IsPost() || len(ctx.Request.Body()) == 0 {
		return cat.Router().Match(path, rawQuery)
	}
	openBody(ctx)
	parser := e.parsers.Get()
	defer e.parsers.Put(parser)
	form, object, _ := bodyOf(ctx, parser)
	return match(cat.Router(), path, rawQuery, form, object)
}

// isPostback tells whether a path is that of a postback, also when its body could not be read.
func (e *Edge) isPostback(ctx *fasthttp.RequestCtx, path []byte) bool {
	cat := e.catalog.Load()
	if cat == nil {
		_, ok := askedAt(path)
		return ok
	}
	_, rawQuery := target(ctx)
	path, rawQuery = Meant(cat, path, rawQuery)
	if _, ok := askedAt(path); ok {
		return true
	}
	m, ok := cat.Router().Match(path, rawQuery)
	return ok && m.Kind == dialect.KindPostback
}
