package ingest

import (
	"net/netip"
	"time"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fastjson"

	"tributary/catalog"
	"tributary/schemas"
	"tributary/schemas/events"
)

// A PostbackRequest is a postback that came before and is looked at again, as much of it as was kept.
type PostbackRequest struct {
	// Path that it came to: /postback, /postback/{network} or that of another dialect. Empty for a postback that the edge had
	// accepted: then Query has the parameters under their native names, as far as Body lacks them, and Network the network's name.
	Path    []byte
	Network string
	// Query and Body as they came. What the body names counts before the query.
	Query, Body []byte
	// ContentType of the body; empty when it was not kept: a body that begins with { is then JSON, any other a form.
	ContentType string
	// ReceiptID is the one it got when it first came: a conversion that is new for each receipt stays the same one.
	ReceiptID string
	// Arrived is when it first came: its event time unless it names one, and the day of its exchange rate.
	Arrived time.Time
	IP      netip.Addr
	// Proved: the network was believed when it first came (see trust.Proves). What is not proved is proved now, as of Arrived:
	// a token or signature that came in a header was not kept and cannot be.
	Proved bool
}

// A Judgement is what the edge makes of a postback. Exactly one of Postback and Reason is set.
type Judgement struct {
	Postback *events.Postback
	Reason   schemas.RejectReason
	// Detail, Field and WouldBeRight are those of the answer that the sender would get.
	Detail, Field, WouldBeRight string
}

// JudgePostback reads a postback by the rules of a catalog, through the same code as a request over HTTP, and keeps and sends
// nothing. now is when it is judged: the event's received_ms.
func JudgePostback(cat *catalog.Catalog, r PostbackRequest, now time.Time) Judgement {
	ctx := &fasthttp.RequestCtx{}
	ctx.Request.SetBody(r.Body)
	ctx.Request.Header.SetContentType(r.ContentType)
	ctx.Request.Header.SetNoDefaultContentType(true)
	openBody(ctx)
	p := &postback{addr: r.IP, proved: r.Proved}
	r.Path, r.Query = Meant(cat, r.Path, r.Query)
	if refused := p.arrive(cat, ctx, &r); refused != nil {
		return judged(refused)
	}
	ip := r.IP.As16()
	p.event.ReceiptId, p.event.Ip = r.ReceiptID, ip[:]
	p.event.ReceivedMs, p.event.EventMs = now.UnixMilli(), r.Arrived.UnixMilli()
	if p.event.Raw = clip(ctx.Request.Body(), schemas.MaxRawBytes); len(p.event.Raw) == 0 {
		p.event.Raw = clip(r.Query, schemas.MaxRawBytes)
	}
	if refused := new(Edge).readPostback(ctx, p, cat, r.Query, now); refused != nil {
		return judged(refused)
	}
	return Judgement{Postback: &p.event}
}

func judged(r *refusal) Judgement {
	return Judgement{Reason: r.Reason, Detail: r.Detail, Field: r.Field, WouldBeRight: r.WouldBeRight}
}

// arrive finds out what the path tells, as the edge's routes do.
func (p *postback) arrive(cat *catalog.Catalog, ctx *fasthttp.RequestCtx, r *PostbackRequest) *refusal {
	if len(r.Path) == 0 {
		p.accepted = true
		p.asked.network, p.asked.named = []byte(r.Network), r.Network != ""
		return nil
	}
	var ok bool
	if p.asked, ok = askedAt(r.Path); !ok {
		var parser fastjson.Parser
		form, object, _ := bodyOf(ctx, &parser)
		p.asked, ok = askedIn(cat, r.Path, r.Query, form, object)
	}
	if !ok || p.asked.batch {
		return refuse(schemas.RejectUnknownNetwork, "", quoted(r.Path)+" is no path of a single postback", "/postback, /postback/NAME or the path of another tracker's postbacks")
	}
	return nil
}
