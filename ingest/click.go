package ingest

import (
	"bytes"
	"net/netip"
	"time"
	"unsafe"

	"tributary/catalog"
	"tributary/catalog/dialect"
	"tributary/schemas"
	"tributary/schemas/events"
	"tributary/schemas/id"
)

// visit is what one click is made of, reused from request to request. The strings of event point into the request and into
// text: both stay until the event is marshalled, which happens before the request is answered.
type visit struct {
	event  events.Click
	values catalog.Values
	subs   [schemas.MaxSubs][]byte

	source, externalID, keyword, creative []byte
	cost, currency                        []byte
	userAgent, referrer, language         []byte

	// offer is where the click goes; landing is where it goes before, nil for nowhere.
	offer   *catalog.Offer
	landing *catalog.Landing
	// turned is, of a blocked click, what its visitor gets; offer is nil where that is no offer.
	turned turnedTo
	// clickID is the ID that the caller brought, nil to mint one.
	clickID []byte
	addr    netip.Addr
	// look: the request is no click (HEAD), so that nothing is counted for it.
	look bool
	// key is the visitor's, once keyed is set; visitor is the ID that a sender gave him, anonymous tells that the sender told
	// nothing of him. wantsCookie: his key is to be put into one.
	key                           uint64
	keyed, anonymous, wantsCookie bool
	visitor                       []byte
	// counted is the offer's cap that this click was counted for.
	counted counted
	// eventMS is 0 for now.
	eventMS int64
	// shown and pressed are the events of an impression and of a landing page's button, made of event.
	shown   events.Impression
	pressed events.LandingClick
	// unfilled: a parameter was left empty because it still was a macro. dropped counts those that a click has no place for.
	unfilled bool
	dropped  int
	// named is what a link in another dialect says.
	named dialect.Click

	text []byte // decoded parameters
	out  []byte // the answer
	id   [id.ClickTextBytes]byte
}

// newVisit returns one that is blank; endVisit takes it back.
func (e *Edge) newVisit() *visit { return e.visits.Get().(*visit) }

// endVisit is called when nothing points into the visit any more.
func (e *Edge) endVisit(v *visit) {
	v.reset()
	e.visits.Put(v)
}

// reset forgets all of a visit but its memory. No field is left out because it "is always set": whoever makes it one
// that is set only when present would show the next visitor the last one's.
func (v *visit) reset() {
	subs, text, out := v.event.Subs, emptied(v.text), emptied(v.out)
	clear(subs[:cap(subs)])
	clear(unsafe.Slice(v, 1)) // half the time that *v = visit{} takes
	v.text, v.out, v.event.Subs = text, out, subs[:0]
}

// emptied keeps the memory of b for the next use, unless it is too much.
func emptied(b []byte) []byte {
	if cap(b) > keptBytes {
		return nil
	}
	return b[:0]
}

// view is b as a string without a copy: it changes when b does.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// fill resolves the visit against the catalog and makes the event. strict refuses what a link is forgiven.
func (e *Edge) fill(v *visit, cat *catalog.Catalog, campaign *catalog.Campaign, now time.Time, strict bool) *refusal {
	nowMS := now.UnixMilli()
	atMS := nowMS
	if v.eventMS != 0 {
		atMS = v.eventMS
	}
	c := &v.event
	c.EventMs, c.ReceivedMs = atMS, nowMS
	source := v.buy(cat, campaign)
	if refused := e.identify(v, cat, campaign, nowMS); refused != nil {
		return refused
	}
	atMS = c.EventMs
	if refused := e.price(v, cat, campaign, source, atMS, strict); refused != nil {
		return refused
	}

	e.describe(v)
	nameSubs(c, source)

	// Last, because nothing refuses the click any more: it is counted for the offer's cap.
	v.name()
	if met := e.judge(v, nowMS); met != nil {
		v.offer = v.turn(met, campaign)
	} else {
		v.offer = e.lead(v, campaign, nowMS)
	}
	c.Unique = false
	if offer := v.offer; offer != nil {
		c.OfferId, c.Offer, c.Goals = offer.ID, offer.Name, offer.Goals
		c.OfferPayoutMicros, c.OfferCurrency = offer.PayoutMicros, offer.Currency.Code
		c.OfferPayoutBaseMicros = nearestBase(offer.Currency, offer.PayoutMicros, atMS)
	}
	return nil
}

// buy settles campaign and source of the event: the source that the link names, else the campaign's.
func (v *visit) buy(cat *catalog.Catalog, campaign *catalog.Campaign) (source *catalog.Source) {
	c := &v.event
	c.CampaignId, c.Campaign = campaign.ID, campaign.Name
	c.SourceId, c.Source = 0, ""
	if len(v.source) == 0 {
		source = campaign.Source
	} else if source = cat.Source(v.source); source == nil {
		c.Source = view(v.source)
	}
	if source != nil {
		c.SourceId, c.Source = source.ID, source.Name
	}
	v.own(campaign)
	return source
}

// own says whose traffic it is.
func (v *visit) own(campaign *catalog.Campaign) {
	c := &v.event
	c.Buyer, c.Team, c.Tags = campaign.Owner.Buyer, campaign.Owner.Team, campaign.Owner.Tags
}

// nameSubs gives the subs the names that their source has for them.
func nameSubs(c *events.Click, source *catalog.Source) {
	if source == nil {
		return
	}
	for _, n := range source.NamedSubs {
		if n.Sub < len(c.Subs) {
			*named(c, n.Name) = c.Subs[n.Sub]
		}
	}
}

// named is the place of one of a source's own names.
func named(c *events.Click, n catalog.SourceName) *string {
	switch n {
	case catalog.Zone:
		return &c.Zone
	case catalog.ZoneName:
		return &c.ZoneName
	case catalog.Site:
		return &c.Site
	case catalog.Placement:
		return &c.Placement
	case catalog.AdCampaign:
		return &c.AdCampaign
	case catalog.AdCampaignName:
		return &c.AdCampaignName
	case catalog.AdSet:
		return &c.Adset
	case catalog.AdSetName:
		return &c.AdsetName
	case catalog.Ad:
		return &c.Ad
	}
	return &c.AdName
}

// describe puts what is known of the visitor into the event.
func (e *Edge) describe(v *visit) {
	c := &v.event
	c.Subs = c.Subs[:0]
	last := len(v.subs)
	for last > 0 && len(v.subs[last-1]) == 0 {
		last--
	}
	for _, sub := range v.subs[:last] {
		c.Subs = append(c.Subs, view(sub))
	}
	c.ExternalId, c.Keyword, c.Creative = view(v.externalID), view(v.keyword), view(v.creative)

	start := len(v.text)
	ip := v.addr.As16()
	v.text = append(v.text, ip[:]...)
	c.Ip = v.text[start:len(v.text):len(v.text)]
	e.locate(c, v.addr)

	agent := e.agents.Parse(v.userAgent)
	c.Device, c.Os, c.OsVersion = agent.Device, agent.OS, agent.OSVersion
	c.Browser, c.BrowserVersion, c.Bot = agent.Browser, agent.BrowserVersion, agent.Bot
	c.BotClass = agent.BotClass
	c.UserAgent, c.Referrer, c.Language = view(v.userAgent), view(v.referrer), view(v.language)
	v.referrerDomain()
}

// referrerDomain keeps the referrer's host: lower case, without "www." and port. What is no HTTP address has none.
func (v *visit) referrerDomain() {
	host := v.referrer
	switch {
	case len(host) >= len(prefixHTTPS) && bytes.EqualFold(host[:len(prefixHTTPS)], prefixHTTPS):
		host = host[len(prefixHTTPS):]
	case len(host) >= len(prefixHTTP) && bytes.EqualFold(host[:len(prefixHTTP)], prefixHTTP):
		host = host[len(prefixHTTP):]
	default:
		return
	}
	for i, c := range host {
		if c == '/' || c == '?' || c == '#' {
			host = host[:i]
			break
		}
	}
	host = host[bytes.LastIndexByte(host, '@')+1:]
	if port := bytes.LastIndexByte(host, ':'); port > bytes.LastIndexByte(host, ']') {
		host = host[:port]
	}
	host = bytes.TrimSuffix(host, dot)
	lowered := true
	for _, b := range host {
		if 'A' <= b && b <= 'Z' {
			lowered = false
		}
	}
	if !lowered {
		start := len(v.text)
		for _, b := range host {
			if 'A' <= b && b <= 'Z' {
				b += 'a' - 'A'
			}
			v.text = append(v.text, b)
		}
		host = v.text[start:len(v.text):len(v.text)]
	}
	if bare := bytes.TrimPrefix(host, prefixWWW); bytes.IndexByte(bare, '.') >= 0 {
		host = bare
	}
	v.event.ReferrerDomain = view(host)
}

var (
	prefixHTTP, prefixHTTPS = []byte("http://"), []byte("https://")
	prefixWWW, dot          = []byte("www."), []byte(".")
)

// pastMS is how long ago a click may have happened and still count among those of now.
const pastMS = 10 * 60 * 1000

// past tells of a click that is brought in from elsewhere long after it happened. Its minute, its day and its visitor's window
// are over: it is neither counted for its IP, its visitor and its offer's cap, nor refused an offer by them.
func (v *visit) past() bool {
	return v.eventMS != 0 && v.event.ReceivedMs-v.event.EventMs > pastMS
}

// observe counts the visit for its IP and for its visitor. It is for a click that will be recorded: neither a refused one nor
// a checker's HEAD is one.
func (e *Edge) observe(v *visit) {
	c := &v.event
	if v.unfilled {
		e.macros.ofSource(c.SourceId).Inc()
	}
	if v.dropped > 0 {
		e.notTaken.countLink(c.SourceId, v.dropped)
	}
	if v.past() {
		c.IpClicksPerMinute = 0
		return
	}
	c.IpClicksPerMinute = e.rates.Observe(v.addr.As16(), c.ReceivedMs)
	if e.countBlocked(v); c.Blocked {
		return
	}
	unique, evicted := e.visitors.Observe(campaignKey(v.key, c.CampaignId), c.ReceivedMs)
	c.Unique = unique
	if evicted {
		e.metrics.evicted.Inc()
	}
}

// identify gives the click its ID: the caller's own when it proves to be one, else a new one. A new ID has the time of its
// making, not the event's: a minter never goes back, so one event time in the future would shift every later ID.
func (e *Edge) identify(v *visit, cat *catalog.Catalog, campaign *catalog.Campaign, nowMS int64) *refusal {
	c := &v.event
	c.Foreign = false
	if len(v.clickID) == 0 {
		minted := e.minter.Click(cat.Keyring(), nowMS, c.CampaignId, c.SourceId)
		c.ClickId = view(minted.AppendText(v.id[:0]))
		return nil
	}
	given, err := id.ParseClick(v.clickID)
	if err == nil {
		if err = cat.Keyring().Verify(&given); err == nil {
			if given.Campaign() != c.CampaignId || given.Source() != c.SourceId {
				return refuse(schemas.RejectForgedClickID, "click_id", "the click ID belongs to another campaign or source",
					"the click_id that this campaign and source were given, or none")
			}
			// The ID says when the click happened; a state look-up goes by it.
			c.EventMs = given.TimeMS()
			c.ClickId = view(given.AppendText(v.id[:0]))
			return nil
		}
	}
	switch {
	case campaign.AllowForeignClickIDs:
		c.Foreign, c.ClickId = true, view(v.clickID)
		return nil
	case id.LooksLikeClick(v.clickID):
		return refuse(schemas.RejectForgedClickID, "click_id", "the click ID does not prove itself: "+err.Error(), "a click_id that this tracker made, or none")
	}
	return refuse(schemas.RejectForeignClickID, "click_id", "the click ID is not one of ours: "+err.Error(),
		"a click_id that this tracker made, or none; allow_foreign_click_ids for the campaign admits others")
}
