package ingest

import (
	"sync"
	"sync/atomic"

	"github.com/valyala/fasthttp"

	"tributary/catalog"
	"tributary/catalog/block"
)

// A click is held against the blocks before an offer is chosen for it: see docs/blocks.md. One that a block keeps away is kept,
// with its cost, and marked; it is counted for no cap and is nobody's first. A shadow block marks and nothing else.

// blocks are the edge's: the list as it was given, and what it is compiled to.
type blocks struct {
	index atomic.Pointer[block.Index]
	mu    sync.Mutex
	list  []block.Block
}

// set replaces the blocks.
func (b *blocks) set(list []block.Block, nowMS int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.list = list
	b.index.Store(block.Compile(list, nowMS))
}

// at are those in force at a time, nil for none.
func (b *blocks) at(nowMS int64) *block.Index {
	x := b.index.Load()
	if x == nil || x.Holds(nowMS) {
		return x
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if x = b.index.Load(); !x.Holds(nowMS) { // nobody else was first
		x = block.Compile(b.list, nowMS)
		b.index.Store(x)
	}
	return x
}

// SetBlocks replaces the blocks. It keeps the list, which must not change any more. Requests under way keep what they began
// with.
func (e *Edge) SetBlocks(list []block.Block) { e.blocks.set(list, e.now().UnixMilli()) }

// inForce is how many blocks there are now.
func (e *Edge) inForce() float64 {
	if x := e.blocks.at(e.now().UnixMilli()); x != nil {
		return float64(x.Len())
	}
	return 0
}

// judge holds a visit against the blocks. One that it met is in the event; met is nil where it is not applied. What happened long
// ago was sent on long ago.
func (e *Edge) judge(v *visit, nowMS int64) (met *block.Block) {
	x := e.blocks.at(nowMS)
	if x == nil || x.Len() == 0 || v.past() {
		return nil
	}
	c := &v.event
	if met = x.Match(&block.Visit{Campaign: c.CampaignId, SourceID: c.SourceId, Source: c.Source, Subs: c.Subs, Addr: v.addr,
		ASN: c.Asn, Device: c.Device, Bot: c.Bot, BotClass: c.BotClass}); met == nil {
		return nil
	}
	c.Block, c.Blocked = met.ID, !met.Shadow
	if met.Shadow {
		return nil
	}
	return met
}

// turnedTo is an index into what became of a click that met a block.
type turnedTo uint8

const (
	turnedFallback turnedTo = iota
	turnedEmpty
	turnedPage
	turnedNowhere // a shadow block: it went on
	turnedTos
)

var turnedNames = [turnedTos]string{"fallback", "empty", "page", "shadow"}

// turn settles what a blocked visitor gets: the offer, or nil, and then v.turned says which answer it is.
func (v *visit) turn(met *block.Block, campaign *catalog.Campaign) *catalog.Offer {
	v.turned = turnedPage
	switch {
	case met.Answer == block.Empty, met.Answer == block.Fallback && v.event.Bot != "": // a listed bot is surely no person
		v.turned = turnedEmpty
	case met.Answer == block.Fallback && campaign.Fallback != nil:
		v.turned = turnedFallback
		return campaign.Fallback
	}
	return nil
}

// countBlocked counts a click that is recorded.
func (e *Edge) countBlocked(v *visit) {
	switch c := &v.event; {
	case c.Blocked:
		e.metrics.blocked[v.turned].Inc()
	case c.Block != "":
		e.metrics.blocked[turnedNowhere].Inc()
	}
}

// blockedPage says nothing of why: whoever is blocked needs not know by what.
const blockedPage = `<!doctype html><meta charset="utf-8"><meta name="robots" content="noindex"><title>Not available</title>` +
	`<p>This page is not available.</p>` + "\n"

// turnAway answers who is sent nowhere. He learns no click ID and gets no cookie.
func (e *Edge) turnAway(ctx *fasthttp.RequestCtx, v *visit, kind catalog.Redirect) {
	h := &ctx.Response.Header
	h.SetCanonical(headerCacheControl, valueNoStore)
	if kind == catalog.RedirectJSON {
		h.SetCanonical(headerAllowOrigin, valueAnyOrigin)
		ctx.SetStatusCode(fasthttp.StatusNoContent) // a script asked: it has no use for a page
		return
	}
	if v.turned == turnedEmpty {
		ctx.SetStatusCode(fasthttp.StatusNoContent)
		return
	}
	h.SetContentTypeBytes(typeHTML)
	h.SetCanonical(headerReferrerPolicy, valueNoReferrer)
	h.SetCanonical(headerSniff, valueNoSniff)
	ctx.Response.SetBodyString(blockedPage)
}
