package ingest

import (
	"bytes"
	"errors"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"tributary/catalog"
	"tributary/catalog/money"
	"tributary/schemas"
	"tributary/schemas/events"
	"tributary/schemas/id"
)

// A campaign with landing pages sends a click to one of them. The page's button leads to /l/{click_id}, and from there to the offer
// that the visitor's rotation names; a page with several buttons may name the campaign's n-th offer, /l/{click_id}/{n}. The edge
// keeps nothing between the two: the click's ID says what it was, the visitor is known by his cookie, else by IP and user agent. So the
// offer is the one that the click has, unless a cap was reached, a rule's hours began or the visitor changed in between; the landing
// click has the offer he got. A cap counts presses, not clicks on the way to the page.

// lead settles where the click goes: its offer, and the landing page before it if the campaign has any. A click with another
// tracker's ID skips the page: its button could not lead on.
func (e *Edge) lead(v *visit, campaign *catalog.Campaign, nowMS int64) *catalog.Offer {
	c := &v.event
	c.LandingId, c.Landing = 0, ""
	page := campaign.Landing(v.key)
	if page == nil || v.past() || c.Foreign {
		return e.choose(v, campaign, nowMS)
	}
	v.landing = page
	c.LandingId, c.Landing = page.ID, page.Name
	look := v.look
	v.look = true
	offer := e.choose(v, campaign, nowMS)
	v.look = look
	return offer
}

// serveLanding sends the visitor who pressed a landing page's button on to an offer, once the press is durable. Parameters are for
// the macros of the offer's link. HEAD is sent on without being a press.
func (e *Edge) serveLanding(ctx *fasthttp.RequestCtx, rest, rawQuery []byte) {
	cat := e.catalog.Load()
	if cat == nil {
		e.answerUnavailable(ctx, errNoCatalog)
		return
	}
	v := e.newVisit()
	defer e.endVisit(v)
	v.addr, v.look = e.proxies.client(ctx), ctx.IsHead()
	now := e.now()
	campaign, given, offer, button, refused := e.readPress(cat, rest, now)
	if refused != nil {
		if v.look {
			e.answerError(ctx, refused.status(), answer{Error: refused})
			return
		}
		e.refuseLink(ctx, v, refused)
		return
	}
	e.readLink(v, rawQuery)
	e.readHeaders(ctx, v)
	e.readCookie(ctx, v)
	e.press(v, cat, campaign, offer, &given, now.UnixMilli())
	v.pressed.Button = uint32(button)
	if !v.look {
		minted := e.minter.Receipt(now.UnixMilli())
		start := len(v.text)
		v.text = minted.AppendText(v.text)
		v.pressed.LandingClickId = view(v.text[start:])
		d, err := e.producer.prepare(topicLandingClicks, v.text[start:], "", &v.pressed)
		if err == nil {
			e.producer.send(d)
			err = e.producer.wait(d)
		}
		if err != nil {
			v.counted.giveBack()
			e.answerUnavailable(ctx, err)
			return
		}
	}
	v.wantsCookie = false // the click gave it
	kind := campaign.Redirect
	if kind == catalog.RedirectJSON {
		kind = catalog.RedirectFound // nobody reads the answer to a press
	}
	e.sendOn(ctx, v, cat, kind)
}

// readPress reads what stands behind /l/: a click ID, and maybe a slash and the number of a button. offer is the button's, nil for the
// visitor's own.
func (e *Edge) readPress(cat *catalog.Catalog, rest []byte, now time.Time) (campaign *catalog.Campaign, given id.Click, offer *catalog.Offer, button int, refused *refusal) {
	clickID, text, numbered := bytes.Cut(rest, []byte{'/'})
	campaign, given, refused = e.pressedOn(cat, clickID, now)
	if refused == nil && numbered {
		button = number(text)
		offer, refused = buttonOffer(campaign, text)
	}
	return campaign, given, offer, button, refused
}

// pressedOn reads whose landing page the visitor comes from.
func (e *Edge) pressedOn(cat *catalog.Catalog, text []byte, now time.Time) (*catalog.Campaign, id.Click, *refusal) {
	const right = "/l/ and the {click_id} that the landing page was given, then /1, /2 … for a button of its own"
	given, err := id.ParseClick(text)
	if err != nil {
		return nil, given, refuse(schemas.RejectMalformedClickID, "click_id", quoted(text)+" is no click ID of this tracker: "+err.Error(), right)
	}
	if err := cat.Keyring().Verify(&given); err != nil {
		if errors.Is(err, id.ErrUnknownKey) || errors.Is(err, id.ErrForged) {
			return nil, given, refuse(schemas.RejectForgedClickID, "click_id", "the click ID does not prove itself: "+err.Error(), right)
		}
		panic("verifying a click ID: " + err.Error())
	}
	if age := now.UnixMilli() - given.TimeMS(); age > e.cfg.LandingWindow.Milliseconds() {
		return nil, given, refuse(schemas.RejectExpiredClickID, "click_id", "the click happened "+time.UnixMilli(given.TimeMS()).UTC().Format(time.RFC3339)+", longer ago than "+e.cfg.LandingWindow.String(),
			"the click link again")
	}
	campaign := cat.CampaignByID(given.Campaign())
	if campaign == nil {
		return nil, given, refuse(schemas.RejectUnknownCampaign, "click_id", "no campaign has the click ID's number "+strconv.Itoa(int(given.Campaign())), "the campaign in catalog.campaigns again")
	}
	return campaign, given, nil
}

// number reads 1 to catalog.MaxRotation; 0 for anything else.
func number(text []byte) int {
	n := 0
	for _, c := range text {
		if c < '0' || c > '9' || n > catalog.MaxRotation {
			return 0
		}
		n = n*10 + int(c-'0')
	}
	if n > catalog.MaxRotation {
		return 0
	}
	return n
}

// buttonOffer is the campaign's n-th offer.
func buttonOffer(campaign *catalog.Campaign, text []byte) (*catalog.Offer, *refusal) {
	n := number(text)
	if n < 1 || n > len(campaign.Offers) {
		return nil, refuse(schemas.RejectUnknownOffer, "button", "the campaign has no offer "+quoted(text), "a number from 1 to "+strconv.Itoa(len(campaign.Offers))+", or none for the visitor's own offer")
	}
	return campaign.Offers[n-1], nil
}

// pricePress sets what {cost} stands for in the offer's link: the cost that the page passed on as its button's parameter cost, else the
// campaign's, which is that of every click whose link names none. What the link named is known where the click is, not here.
func (e *Edge) pricePress(v *visit, campaign *catalog.Campaign) {
	v.event.CostMicros = campaign.CostMicros
	if len(v.cost) == 0 {
		return
	}
	micros, err := money.Parse(v.cost)
	if err != nil {
		e.metrics.sanitized[fieldCost].Inc()
		return
	}
	v.event.CostMicros = micros
}

// press makes the event of a press. named is the offer of the button, nil for the visitor's own.
func (e *Edge) press(v *visit, cat *catalog.Catalog, campaign *catalog.Campaign, named *catalog.Offer, given *id.Click, nowMS int64) {
	c := &v.event
	c.EventMs, c.ReceivedMs = nowMS, nowMS
	c.ClickId = view(given.AppendText(v.id[:0]))
	c.CampaignId, c.Campaign = campaign.ID, campaign.Name
	c.SourceId, c.Source = given.Source(), ""
	if source := cat.SourceByID(given.Source()); source != nil {
		c.Source = source.Name
	}
	v.own(campaign)
	e.pricePress(v, campaign)
	e.describe(v)
	v.name()
	c.LandingId, c.Landing = 0, ""
	if page := campaign.Landing(v.key); page != nil {
		c.LandingId, c.Landing = page.ID, page.Name
	}
	met := e.judge(v, nowMS)
	switch {
	case met != nil:
		named = v.turn(met, campaign)
	case named == nil:
		named = e.choose(v, campaign, nowMS)
	case !e.caps.take(v, named, nowMS) && campaign.Fallback != nil:
		e.metrics.capped[cappedFallback].Inc()
		named = campaign.Fallback
	}
	if v.offer = named; named != nil {
		c.OfferId, c.Offer = named.ID, named.Name
	}
	v.pressed = events.LandingClick{
		ClickId: c.ClickId, EventMs: nowMS, ReceivedMs: nowMS, ClickMs: given.TimeMS(),
		CampaignId: c.CampaignId, Campaign: c.Campaign, SourceId: c.SourceId, Source: c.Source, OfferId: c.OfferId, Offer: c.Offer, LandingId: c.LandingId, Landing: c.Landing,
		Ip: c.Ip, Country: c.Country, Device: c.Device, Os: c.Os, Browser: c.Browser, Bot: c.Bot, Referrer: c.Referrer, Language: c.Language,
		Buyer: c.Buyer, Team: c.Team, Tags: c.Tags,
	}
}
