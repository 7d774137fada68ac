package ingest

import (
	"bytes"
	"net/netip"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"tributary/ingest/catalog"
	"tributary/ingest/money"
	"tributary/ingest/query"
	"tributary/ingest/trust"
	"tributary/schemas"
	"tributary/schemas/events"
	"tributary/schemas/id"
)

// param is an index into a postback's parameters.
type param uint8

const (
	paramNetwork param = iota
	paramClickID
	paramEvent
	paramStatus
	paramPayout
	paramCurrency
	paramTxID
	paramTS
	params
)

// paramInfos has their names and limits, in the order in which problems are answered.
var paramInfos = [params]struct {
	name  string
	limit int
	// filled: the network fills it in; a macro in it is refused.
	filled bool
}{
	{"network", schemas.MaxNameBytes, false},
	{"click_id", schemas.MaxClickIDBytes, true},
	{"event", schemas.MaxNameBytes, true},
	{"status", schemas.MaxNameBytes, true},
	{"payout", schemas.MaxNameBytes, true},
	{"currency", schemas.MaxNameBytes, true},
	{"txid", schemas.MaxTxIDBytes, true},
	{"ts", schemas.MaxNameBytes, true},
}

// postback is one request while it is being read. Its values may point into the request.
type postback struct {
	event events.Postback
	raw   [params][]byte
	value [params][]byte
	// claimed is the click ID that a forged one pretends to be.
	claimed id.Click
	forged  bool
	// addr is the client behind declared proxies.
	addr netip.Addr
	// proved: the network was believed when the postback first came.
	proved    bool
	admission trust.Admission
}

func (p *postback) text(n param) string { return string(p.value[n]) }

// set takes a parameter unless an earlier one of that name did; an empty one is as good as none.
func (p *postback) set(key, raw, value []byte) {
	value = bytes.TrimSpace(value)
	if len(value) == 0 {
		return
	}
	for n := range paramInfos {
		if string(key) == paramInfos[n].name {
			if p.value[n] == nil {
				p.raw[n], p.value[n] = raw, value
			}
			return
		}
	}
}

// readForm reads a query or a form. Its values stay in raw, or in one buffer: decoded text is never longer than raw.
func (p *postback) readForm(raw []byte) {
	text := make([]byte, 0, len(raw))
	decoded := func(part []byte) []byte {
		if !query.Encoded(part) {
			return part
		}
		start := len(text)
		text = query.Decode(text, part)
		return text[start:len(text):len(text)]
	}
	for scan := query.Scan(raw); ; {
		key, value, ok := scan.Next()
		if !ok {
			return
		}
		p.set(decoded(key), value, decoded(value))
	}
}

// readBody takes the body's parameters, before the query's: what the body names counts.
func (e *Edge) readBody(ctx *fasthttp.RequestCtx, p *postback) *refusal {
	body := ctx.Request.Body()
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	if len(body) > schemas.MaxBodyBytes {
		return refuse(schemas.RejectTooLong, "", "the body has "+strconv.Itoa(len(body))+" bytes", "at most "+strconv.Itoa(schemas.MaxBodyBytes)+" bytes")
	}
	kind, _, _ := bytes.Cut(ctx.Request.Header.ContentType(), []byte{';'})
	switch kind = bytes.ToLower(bytes.TrimSpace(kind)); {
	case string(kind) == "application/json" || len(kind) == 0 && bytes.TrimSpace(body)[0] == '{':
		return e.readPostbackJSON(p, body)
	case string(kind) == "application/x-www-form-urlencoded" || len(kind) == 0:
		p.readForm(body)
		return nil
	}
	return refuse(schemas.RejectBadBody, "", "the content type "+quoted(kind)+" cannot be read", "application/json or application/x-www-form-urlencoded")
}

func (e *Edge) servePostback(ctx *fasthttp.RequestCtx, rawQuery []byte) {
	cat := e.catalog.Load()
	if cat == nil {
		e.answerUnavailable(ctx, errNoCatalog)
		return
	}
	now := e.now()
	p := &postback{}
	addr := e.proxies.client(ctx)
	p.addr = addr
	ip := addr.As16()
	p.event.ReceivedMs, p.event.EventMs, p.event.Ip = now.UnixMilli(), now.UnixMilli(), ip[:]
	p.event.ReceiptId = e.receipt(now)
	if p.event.Raw = clip(ctx.Request.Body(), schemas.MaxRawBytes); len(p.event.Raw) == 0 {
		p.event.Raw = clip(rawQuery, schemas.MaxRawBytes)
	}
	refused := e.readPostback(ctx, p, cat, rawQuery, now)
	if refused != nil {
		e.refusePostback(ctx, p, cat, refused, now, addr)
		return
	}
	d, err := e.producer.prepare(topicPostbacks, []byte(p.event.ClickId), p.event.ReceiptId, &p.event)
	if err == nil {
		e.producer.send(d)
		err = e.producer.wait(d)
	}
	if err != nil {
		p.admission.Undo()
		e.answerUnavailable(ctx, err)
		return
	}
	ctx.Response.Header.SetCanonical(headerCacheControl, valueNoStore)
	ctx.Response.Header.SetContentType("application/json")
	// A receipt has no character that JSON would escape.
	ctx.Response.AppendBodyString(`{"receipt_id":"`)
	ctx.Response.AppendBodyString(p.event.ReceiptId)
	ctx.Response.AppendBodyString("\",\"status\":\"accepted\"}\n")
}

// readPostback makes the event of a request. Receipt, times, address and raw are set already.
func (e *Edge) readPostback(ctx *fasthttp.RequestCtx, p *postback, cat *catalog.Catalog, rawQuery []byte, now time.Time) *refusal {
	refused := e.readBody(ctx, p)
	p.readForm(clip(rawQuery, schemas.MaxURLBytes))
	if unproved := e.believe(ctx, p, cat, rawQuery); unproved != nil {
		return unproved
	}
	if refused == nil && len(rawQuery) > schemas.MaxURLBytes {
		refused = refuse(schemas.RejectTooLong, "", "the query has "+strconv.Itoa(len(rawQuery))+" bytes", "at most "+strconv.Itoa(schemas.MaxURLBytes)+" bytes")
	}
	if refused == nil {
		refused = p.resolve(cat, now)
	}
	if p.event.BlankTxidIsNew && p.event.Txid == "" {
		// A replay that passes the gate, at another edge or after a restart, is the same conversion to the processor.
		p.event.Txid = p.admission.Nonce
	}
	return refused
}

func (e *Edge) refusePostback(ctx *fasthttp.RequestCtx, p *postback, cat *catalog.Catalog, refused *refusal, now time.Time, addr netip.Addr) {
	if refused.unavailable != nil {
		e.answerUnavailable(ctx, refused.unavailable)
		return
	}
	retryAfter(ctx, refused.wait)
	if refused.unkept {
		e.answerError(ctx, refused.status(), answer{Error: refused})
		return
	}
	letter := e.letter(events.DeadLetter_KIND_POSTBACK, refused, p.event.ReceiptId, now, addr, rawRequest(ctx))
	letter.Network = received(p.value[paramNetwork], schemas.MaxNameBytes)
	if letter.Network == "" {
		letter.Network = p.event.Network
	}
	letter.ClickId = received(p.value[paramClickID], schemas.MaxClickIDBytes)
	letter.Event = received(p.value[paramEvent], schemas.MaxNameBytes)
	letter.Txid = received(p.value[paramTxID], schemas.MaxTxIDBytes)
	letter.OriginalStatus = received(p.value[paramStatus], schemas.MaxNameBytes)
	letter.Currency = received(p.value[paramCurrency], schemas.MaxCurrency)
	// As much of the money as can be read, so that the row shows what was at stake.
	if micros, err := money.Parse(p.value[paramPayout]); err == nil {
		letter.PayoutMicros = micros
		currency, _ := findCurrency(cat, p.value[paramCurrency])
		if n := cat.Network([]byte(letter.Network)); n != nil && len(p.value[paramCurrency]) == 0 {
			currency = n.Currency
		}
		if currency != nil {
			letter.Currency = currency.Code
			if base, refused := datedBase(currency, micros, p.event.EventMs, "", ""); refused == nil {
				letter.PayoutBaseMicros = base
			}
		}
	}
	var anomaly *events.Anomaly
	if p.forged {
		anomaly = forged(p, letter, cat)
	}
	if err := e.file(letter, anomaly); err != nil {
		p.admission.Undo()
		e.answerUnavailable(ctx, err)
		return
	}
	e.answerError(ctx, refused.status(), answer{Error: refused, ReceiptID: p.event.ReceiptId})
}

// resolve checks every parameter and makes the event. It answers the first problem.
func (p *postback) resolve(cat *catalog.Catalog, now time.Time) *refusal {
	for n, info := range paramInfos {
		switch value := p.value[n]; {
		case info.filled && query.IsMacro(p.raw[n], value):
			return refuse(schemas.RejectUnexpandedMacro, info.name, quoted(value)+" is still a macro that the network should have replaced",
				"the value itself; correct the macro in the network's postback settings")
		case !query.IsText(value):
			return refuse(schemas.RejectBadText, info.name, quoted(value)+" is not UTF-8 text without control characters", "UTF-8, percent-encoded")
		case len(value) > info.limit:
			return refuse(schemas.RejectTooLong, info.name, info.name+" has "+strconv.Itoa(len(value))+" bytes", "at most "+strconv.Itoa(info.limit)+" bytes")
		}
	}
	network, refused := p.resolveNetwork(cat)
	if refused != nil {
		return refused
	}
	if refused := p.resolveClickID(cat, network); refused != nil {
		return refused
	}
	p.event.Txid = p.text(paramTxID)
	p.event.Event = network.DefaultEvent
	if value := bytes.ToLower(p.value[paramEvent]); len(value) > 0 {
		if !catalog.IsEvent(value) {
			return refuse(schemas.RejectBadEvent, "event", quoted(value)+" is no event type", "a-z, 0-9 and . _ - only, such as sale")
		}
		p.event.Event = string(value)
	}
	p.event.Status = network.DefaultStatus
	if value := p.value[paramStatus]; len(value) > 0 {
		status, known := network.Status(bytes.ToLower(value))
		if !known {
			return refuse(schemas.RejectUnknownStatus, "status", "network "+network.Name+" has no status word "+quoted(value),
				"a word in its statuses, or one of registered, pending, approved, rejected, chargeback")
		}
		p.event.Status, p.event.OriginalStatus = status, string(value)
	}
	if value := p.value[paramTS]; len(value) > 0 {
		atMS, ok := parseTime(value)
		if !ok || atMS > now.UnixMilli()+schemas.MaxClockSkewMS {
			return refuse(schemas.RejectBadTimestamp, "ts", quoted(value)+" is no time, or lies more than a day ahead", "Unix seconds, Unix milliseconds or RFC 3339")
		}
		p.event.EventMs = atMS
	}
	return p.resolvePayout(cat, network)
}

func (p *postback) resolveNetwork(cat *catalog.Catalog) (*catalog.Network, *refusal) {
	network := cat.DefaultNetwork()
	if value := p.value[paramNetwork]; len(value) > 0 {
		network = cat.Network(value)
	}
	if network == nil {
		detail := "the postback names no network"
		if value := p.value[paramNetwork]; len(value) > 0 {
			detail = "no network is named " + quoted(value)
		}
		return nil, refuse(schemas.RejectUnknownNetwork, "network", detail, "one of: "+clip(cat.NetworkNames(), schemas.MaxDetailBytes))
	}
	p.event.Network = network.Name
	p.event.BlankTxidIsNew = network.BlankTxIDIsNew
	return network, nil
}

// resolveClickID checks the proof that the click ID carries. Where the network may send another tracker's IDs, one that does
// not prove itself is taken for such an ID: a tracker whose IDs have 40 hexadecimal digits writes what looks like ours. It
// brings no money until a click with that very ID is found.
func (p *postback) resolveClickID(cat *catalog.Catalog, network *catalog.Network) *refusal {
	value := p.value[paramClickID]
	if len(value) == 0 {
		return refuse(schemas.RejectMissingClickID, "click_id", "the postback names no click ID", "the click ID that the offer link passed on")
	}
	click, err := id.ParseClick(value)
	if err == nil {
		if err = cat.Keyring().Verify(&click); err == nil {
			p.event.ClickId = click.String()
			p.event.CampaignId, p.event.SourceId = click.Campaign(), click.Source()
			p.event.Campaign, p.event.Source = namesOf(cat, &click)
			return nil
		}
		if !network.AllowForeignClickIDs {
			p.forged, p.claimed = true, click
			return refuse(schemas.RejectForgedClickID, "click_id", "the click ID does not prove itself: "+err.Error(), "the click_id of the link, unchanged")
		}
	}
	if !network.AllowForeignClickIDs {
		return refuse(schemas.RejectMalformedClickID, "click_id", err.Error(), "the click_id of the link, unchanged; allow_foreign_click_ids for the network admits others")
	}
	p.event.ClickId, p.event.Foreign = string(value), true
	return nil
}

// namesOf looks up whose click it was; a number that the catalog lost has no name.
func namesOf(cat *catalog.Catalog, click *id.Click) (campaign, source string) {
	if c := cat.CampaignByID(click.Campaign()); c != nil {
		campaign = c.Name
	}
	if s := cat.SourceByID(click.Source()); s != nil {
		source = s.Name
	}
	return campaign, source
}

func (p *postback) resolvePayout(cat *catalog.Catalog, network *catalog.Network) *refusal {
	currency := network.Currency
	if value := p.value[paramCurrency]; len(value) > 0 {
		var refused *refusal
		if currency, refused = findCurrency(cat, value); refused != nil {
			return refused
		}
	}
	p.event.Currency = currency.Code
	value := p.value[paramPayout]
	if len(value) == 0 {
		return nil
	}
	micros, err := money.Parse(value)
	if err != nil {
		return refuse(schemas.RejectBadPayout, "payout", quoted(value)+" is "+err.Error(), "digits with a point, such as 12.50")
	}
	base, refused := datedBase(currency, micros, p.event.EventMs, schemas.RejectBadPayout, "payout")
	if refused != nil {
		return refused
	}
	p.event.HasPayout, p.event.PayoutMicros, p.event.PayoutBaseMicros = true, micros, base
	return nil
}

// firstMS is the first number that is taken for milliseconds instead of seconds: 1973 as the one, 5138 as the other.
const firstMS = 100_000_000_000

// parseTime reads Unix seconds, Unix milliseconds or RFC 3339.
func parseTime(text []byte) (atMS int64, ok bool) {
	if n, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		switch {
		case n <= 0 || n >= firstMS*1000:
			return 0, false
		case n < firstMS:
			return n * 1000, true
		}
		return n, true
	}
	// A plus sign that was not percent-encoded came as a space: 2026-01-31T10:00:00 01:00.
	if i := bytes.LastIndexByte(text, ' '); i > len("2026-01-31T") {
		text = append(append(append([]byte(nil), text[:i]...), '+'), text[i+1:]...)
	}
	t, err := time.Parse(time.RFC3339, string(text))
	if err != nil || t.UnixMilli() <= 0 {
		return 0, false
	}
	return t.UnixMilli(), true
}
