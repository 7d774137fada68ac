package ingest

import (
	"github.com/valyala/fasthttp"

	"tributary/catalog"
	"tributary/catalog/query"
	"tributary/schemas"
	"tributary/schemas/events"
)

// gif is a transparent image of one pixel, 43 bytes (GIF89a).
var gif = []byte("GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00\x21\xf9\x04\x01\x00\x00\x00\x00\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00\x3b")

var typeGIF = []byte("image/gif")

// serveImpression answers the image of a showing once that is durable. Parameters are forgiven as a click's are. HEAD is answered without
// being an impression. No cookie is set: the image stands on other people's pages.
func (e *Edge) serveImpression(ctx *fasthttp.RequestCtx, name, rawQuery []byte) {
	cat := e.catalog.Load()
	if cat == nil {
		e.answerUnavailable(ctx, errNoCatalog)
		return
	}
	v := e.newVisit()
	defer e.endVisit(v)
	if query.Encoded(name) {
		v.text = query.DecodePath(v.text, name)
		name = v.text
	}
	v.addr = e.proxies.client(ctx)
	campaign := cat.Campaign(name)
	if campaign == nil {
		refused := refuse(schemas.RejectUnknownCampaign, "campaign", "no campaign is named "+quoted(name), "the name of a campaign in catalog.campaigns")
		if ctx.IsHead() {
			e.answerError(ctx, refused.status(), answer{Error: refused})
			return
		}
		e.refuseLink(ctx, v, refused)
		return
	}
	if !ctx.IsHead() {
		e.readLinkOf(nil, v, cat, campaign, rawQuery)
		e.readHeaders(ctx, v)
		e.show(v, cat, campaign, e.now().UnixMilli())
		d, err := e.producer.prepare(topicImpressions, v.id[:len(v.shown.ImpressionId)], "", &v.shown)
		if err == nil {
			e.producer.send(d)
			err = e.producer.wait(d)
		}
		if err != nil {
			e.answerUnavailable(ctx, err)
			return
		}
	}
	h := &ctx.Response.Header
	h.SetCanonical(headerCacheControl, valueNoStore)
	h.SetContentTypeBytes(typeGIF)
	ctx.Response.SetBodyRaw(gif)
}

// show makes the event of an impression.
func (e *Edge) show(v *visit, cat *catalog.Catalog, campaign *catalog.Campaign, nowMS int64) {
	c := &v.event
	c.EventMs, c.ReceivedMs = nowMS, nowMS
	source := v.buy(cat, campaign)
	e.priceImpression(v, cat, campaign, source, nowMS)
	e.describe(v)
	nameSubs(c, source)
	if v.unfilled {
		e.macros.ofSource(c.SourceId).Inc()
	}
	minted := e.minter.Receipt(nowMS)
	v.shown = events.Impression{
		ImpressionId: view(minted.AppendText(v.id[:0])), EventMs: nowMS, ReceivedMs: nowMS,
		CampaignId: c.CampaignId, Campaign: c.Campaign, SourceId: c.SourceId, Source: c.Source,
		Subs: c.Subs, ExternalId: c.ExternalId, Keyword: c.Keyword, Creative: c.Creative,
		CostMicros: c.CostMicros, Currency: c.Currency, CostBaseMicros: c.CostBaseMicros,
		Ip: c.Ip, Country: c.Country, Device: c.Device, Os: c.Os, Browser: c.Browser, Bot: c.Bot, Referrer: c.Referrer, Language: c.Language,
		Buyer: c.Buyer, Team: c.Team, Tags: c.Tags, ReferrerDomain: c.ReferrerDomain,
		Zone: c.Zone, ZoneName: c.ZoneName, Site: c.Site, Placement: c.Placement,
		AdCampaign: c.AdCampaign, AdCampaignName: c.AdCampaignName, Adset: c.Adset, AdsetName: c.AdsetName, Ad: c.Ad, AdName: c.AdName,
	}
}

// priceImpression sets what the impression cost: what the link names, else the campaign's cost of a thousand.
func (e *Edge) priceImpression(v *visit, cat *catalog.Catalog, campaign *catalog.Campaign, source *catalog.Source, nowMS int64) {
	if len(v.cost) > 0 {
		refused := namedPrice(v, cat, campaign, source, nowMS, false)
		if refused == nil {
			return
		}
		if refused.Field == "currency" {
			e.metrics.sanitized[fieldCurrency].Inc()
		} else {
			e.metrics.sanitized[fieldCost].Inc()
		}
	}
	c := &v.event
	c.CostMicros, c.Currency = campaign.ImpressionCostMicros, campaign.Currency.Code
	c.CostBaseMicros = nearestBase(campaign.Currency, campaign.ImpressionCostMicros, nowMS)
}
