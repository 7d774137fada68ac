package ingest

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fastjson"

	"tributary/catalog"
	"tributary/catalog/dialect"
	"tributary/catalog/money"
	"tributary/catalog/query"
	"tributary/schemas"
	"tributary/schemas/events"
)

// maxBatch is how many clicks one request may bring.
const maxBatch = 500

// line is the outcome of one click of POST /v1/clicks.
type line struct {
	ClickID string `json:"click_id,omitempty"`
	URL     string `json:"url,omitempty"`
	// Block is the one that keeps the visitor away: URL is then that of the fallback offer, or empty.
	Block string   `json:"block,omitempty"`
	Error *refusal `json:"error,omitempty"`
	// ReceiptID names the dead letter of a refused click.
	ReceiptID string `json:"receipt_id,omitempty"`

	sent    *delivery
	counted counted
}

type batch struct {
	Clicks []line `json:"clicks"`
}

// serveClicks takes one click or an array of them from a server. Every line of an array has an outcome of its own.
func (e *Edge) serveClicks(ctx *fasthttp.RequestCtx) {
	cat := e.catalog.Load()
	if cat == nil {
		e.answerUnavailable(ctx, errNoCatalog)
		return
	}
	parser := e.parsers.Get()
	defer e.parsers.Put(parser)
	v := e.newVisit()
	defer e.endVisit(v)
	now := e.now()
	unpack(ctx, e.cfg.MaxBodyBytes)
	if len(ctx.Request.Body()) > e.cfg.MaxBodyBytes {
		e.refuseBody(ctx, v, "the body has more than "+strconv.Itoa(e.cfg.MaxBodyBytes)+" bytes, unpacked")
		return
	}
	body, err := parseJSON(parser, textOf(ctx.Request.Body()))
	var clicks []*fastjson.Value
	switch {
	case err != nil:
		e.refuseBody(ctx, v, err.Error())
		return
	case body.Type() == fastjson.TypeArray:
		if clicks = body.GetArray(); len(clicks) == 0 || len(clicks) > maxBatch {
			e.refuseBody(ctx, v, "the batch has "+strconv.Itoa(len(clicks))+" clicks, not 1 to "+strconv.Itoa(maxBatch))
			return
		}
	case body.Type() == fastjson.TypeObject:
		clicks = []*fastjson.Value{body}
	default:
		e.refuseBody(ctx, v, "the body is neither an object nor an array of objects")
		return
	}
	lines := make([]line, len(clicks))
	for i, click := range clicks {
		lines[i] = e.takeClick(ctx, v, cat, click, now)
	}
	// All are on their way; only now wait for them.
	for i := range lines {
		if sent := lines[i].sent; sent != nil {
			e.producer.offer(sent)
		}
	}
	lost := 0
	for i := range lines {
		l := &lines[i]
		if l.sent != nil {
			err = e.producer.wait(l.sent)
		} else {
			err = errUnavailable
		}
		if err != nil {
			l.counted.giveBack()
			*l = line{Error: unavailable(err)}
			lost++
		}
	}
	if lost == len(lines) {
		e.answerUnavailable(ctx, err)
		return
	}
	if body.Type() == fastjson.TypeObject {
		if l := &lines[0]; l.Error != nil {
			e.answerError(ctx, l.Error.status(), answer{Error: l.Error, ReceiptID: l.ReceiptID})
			return
		}
		ctx.Response.Header.SetCanonical(headerCacheControl, valueNoStore)
		writeJSON(ctx, &lines[0])
		return
	}
	ctx.Response.Header.SetCanonical(headerCacheControl, valueNoStore)
	writeJSON(ctx, batch{Clicks: lines})
}

func (e *Edge) refuseBody(ctx *fasthttp.RequestCtx, v *visit, detail string) {
	v.addr = e.proxies.client(ctx)
	e.keepRefused(ctx, v, refuse(schemas.RejectBadBody, "", detail, `an object such as {"campaign":"summer"}, or an array of at most `+strconv.Itoa(maxBatch)))
}

// takeClick sends a click, or the dead letter of a refused one, and does not wait for it.
func (e *Edge) takeClick(ctx *fasthttp.RequestCtx, v *visit, cat *catalog.Catalog, click *fastjson.Value, now time.Time) line {
	v.reset()
	campaign, refused := e.readClick(ctx, v, cat, click, now)
	if refused == nil {
		refused = e.fill(v, cat, campaign, now, true)
	}
	if refused != nil {
		receipt := e.receipt(now)
		e.hideMember(click)
		raw := click.MarshalTo(append(requestLine(ctx), "\n\n"...))
		letter := e.letter(events.DeadLetter_KIND_CLICK, refused, receipt, now, v.addr, raw)
		letter.ClickId = received(v.clickID, schemas.MaxClickIDBytes)
		e.metrics.rejects[refused.Reason].Inc()
		l := line{Error: refused, ReceiptID: receipt}
		if d, err := e.producer.prepare(topicDeadLetters, []byte(letter.ClickId), receipt, letter); err == nil {
			e.producer.send(d)
			l.sent = d
		}
		return l
	}
	e.observe(v)
	l := line{ClickID: strings.Clone(v.event.ClickId), URL: string(v.link()), counted: v.counted}
	if v.event.Blocked {
		l.Block = v.event.Block
	}
	if d, err := e.producer.prepare(topicClicks, []byte(v.event.ClickId), "", &v.event); err == nil {
		e.producer.send(d)
		l.sent = d
	}
	return l
}

// readClick reads the members of one click. Unlike a link's, a bad one is refused: its sender reads the answer.
func (e *Edge) readClick(ctx *fasthttp.RequestCtx, v *visit, cat *catalog.Catalog, click *fastjson.Value, now time.Time) (*catalog.Campaign, *refusal) {
	v.addr = e.proxies.client(ctx)
	object, err := click.Object()
	if err != nil {
		return nil, refuse(schemas.RejectBadBody, "", "the click is not an object", `an object such as {"campaign":"summer"}`)
	}
	r := jsonClick{edge: e, visit: v, now: now}
	object.Visit(r.member)
	if r.refused != nil {
		return nil, r.refused
	}
	// What the connection tells is the visitor's own only when no other IP is named.
	if !r.seen["ip"] {
		if !r.seen["user_agent"] {
			v.userAgent = e.clean(v, ctx.UserAgent(), schemas.MaxUserAgent, fieldUserAgent)
		}
		if !r.seen["language"] {
			v.setLanguage(ctx.Request.Header.Peek(fasthttp.HeaderAcceptLanguage))
		}
	}
	// A server that tells nothing of its visitors would be one visitor for all of them: each click is then one of its own.
	v.anonymous = !r.seen["ip"]
	campaign := cat.Campaign(r.campaign)
	if len(r.campaign) == 0 {
		return nil, refuse(schemas.RejectUnknownCampaign, "campaign", "the click names no campaign", "the name of a campaign in catalog.campaigns")
	}
	if campaign == nil {
		return nil, refuse(schemas.RejectUnknownCampaign, "campaign", "no campaign is named "+quoted(r.campaign), "the name of a campaign in catalog.campaigns")
	}
	return campaign, nil
}

// jsonClick reads one object member by member; the first problem stays.
type jsonClick struct {
	edge     *Edge
	visit    *visit
	now      time.Time
	campaign []byte
	seen     map[string]bool
	refused  *refusal
}

const clickMembers = "campaign, source, sub1 to sub20, subs, cost, currency, click_id, event_ms, ip, visitor, user_agent, referrer, language, external_id, keyword, creative"

func (r *jsonClick) member(key []byte, value *fastjson.Value) {
	if r.refused != nil {
		return
	}
	name := string(key)
	if r.seen[name] {
		r.refused = refuse(schemas.RejectBadBody, received(key, schemas.MaxNameBytes), "the member is there twice", "each member once")
		return
	}
	if r.seen == nil {
		r.seen = make(map[string]bool, 16)
	}
	r.seen[name] = true
	if value.Type() == fastjson.TypeNull {
		return
	}
	v := r.visit
	switch name {
	case "campaign":
		r.campaign = r.text(name, value, schemas.MaxNameBytes, fields)
	case "source":
		v.source = r.text(name, value, schemas.MaxNameBytes, fieldSource)
	case "external_id":
		v.externalID = r.text(name, value, schemas.MaxExternalID, fieldExternalID)
	case "keyword":
		v.keyword = r.text(name, value, schemas.MaxKeywordBytes, fieldKeyword)
	case "creative":
		v.creative = r.text(name, value, schemas.MaxKeywordBytes, fieldCreative)
	case "currency":
		v.currency = r.text(name, value, schemas.MaxNameBytes, fieldCurrency)
	case "click_id":
		v.clickID = r.text(name, value, schemas.MaxClickIDBytes, fields)
	case "visitor":
		v.visitor = r.text(name, value, schemas.MaxNameBytes, fields)
	case "user_agent":
		v.userAgent = r.text(name, value, schemas.MaxUserAgent, fields)
	case "referrer":
		v.referrer = r.text(name, value, schemas.MaxReferrer, fields)
	case "language":
		v.setLanguage(r.text(name, value, schemas.MaxKeywordBytes, fields))
	case "cost":
		r.cost(value)
	case "event_ms":
		r.eventMS(value)
	case "ip":
		r.ip(value)
	case "subs":
		r.subs(value)
	default:
		if n := subNumber(key); n > 0 {
			if v.subs[n-1] != nil {
				r.refused = refuse(schemas.RejectBadBody, name, "subs has this one already", "either subs or "+name)
				return
			}
			v.subs[n-1] = r.text(name, value, schemas.MaxSubBytes, fieldSub)
			return
		}
		r.refused = refuse(schemas.RejectBadBody, received(key, schemas.MaxNameBytes), "there is no member "+quoted(key), "one of: "+clickMembers)
	}
}

// freeText are the members that are no names.
var freeText = map[string]bool{"keyword": true, "creative": true, "user_agent": true, "referrer": true, "language": true}

// text reads a string member. An unfilled macro is blanked and counted as in a link, where f is a link's field.
func (r *jsonClick) text(name string, value *fastjson.Value, limit int, f field) []byte {
	text, err := value.StringBytes()
	switch {
	case err != nil:
		r.refused = refuse(schemas.RejectBadBody, name, "the member is a "+value.Type().String(), "a string")
		return nil
	case !query.IsText(text):
		r.refused = refuse(schemas.RejectBadText, name, quoted(text)+" is not UTF-8 text without control characters", "UTF-8 text")
		return nil
	case !query.IsName(text) && !freeText[name]:
		r.refused = refuseHidden(name, text)
		return nil
	case len(text) > limit:
		r.refused = refuse(schemas.RejectTooLong, name, name+" has "+strconv.Itoa(len(text))+" bytes", "at most "+strconv.Itoa(limit)+" bytes")
		return nil
	case f < fields && (query.IsMacro(nil, text) || oneValue[f] && dialect.StandsForNone(nil, text)):
		r.visit.unfilled = true
		r.edge.metrics.sanitized[f].Inc()
		return []byte{}
	case (name == "click_id" || name == "external_id") && dialect.IsRounded(text):
		r.refused = refuse(schemas.RejectRoundedID, name, quoted(text)+" is a number in scientific notation: a spreadsheet or a program made it of the ID, whose last digits are lost",
			"the ID as its maker wrote it, as a string")
		return nil
	case name == "click_id" && dialect.StandsForNone(nil, text):
		r.refused = refuse(schemas.RejectUnexpandedMacro, name, quoted(text)+" is a macro that was not replaced, or stands for no value", "a click_id, or none")
		return nil
	}
	return text
}

// cost takes a string or a number, whose digits are read as written.
func (r *jsonClick) cost(value *fastjson.Value) {
	if value.Type() == fastjson.TypeNumber {
		r.visit.cost = money.WithoutExponent(value.MarshalTo(nil))
		return
	}
	r.visit.cost = r.text("cost", value, schemas.MaxNameBytes, fieldCost)
}

func (r *jsonClick) eventMS(value *fastjson.Value) {
	atMS, err := wholeNumber(value)
	if err != nil || atMS < firstMS || atMS > r.now.UnixMilli()+schemas.MaxClockSkewMS {
		r.refused = refuse(schemas.RejectBadTimestamp, "event_ms", "the time is not Unix milliseconds, or lies more than a day ahead", "Unix milliseconds")
		return
	}
	r.visit.eventMS = atMS
}

// wholeNumber reads a number that has no fraction, however it is written: 1772359200000, 1.7723592e12.
func wholeNumber(value *fastjson.Value) (int64, error) {
	if value.Type() != fastjson.TypeNumber {
		return value.Int64()
	}
	return strconv.ParseInt(string(money.WithoutExponent(value.MarshalTo(nil))), 10, 64)
}

func (r *jsonClick) ip(value *fastjson.Value) {
	text := bytes.TrimSpace(r.text("ip", value, schemas.MaxNameBytes, fields))
	if r.refused != nil {
		return
	}
	addr, err := netip.ParseAddr(string(text))
	if err != nil {
		r.refused = refuse(schemas.RejectBadBody, "ip", quoted(text)+" is no IP address", "an address such as 203.0.113.7")
		return
	}
	r.visit.addr = addr.Unmap().WithZone("")
}

func (r *jsonClick) subs(value *fastjson.Value) {
	list, err := value.Array()
	if err != nil || len(list) > schemas.MaxSubs {
		r.refused = refuse(schemas.RejectBadBody, "subs", "the member is not an array of at most 20 strings", `an array such as ["a","b"]`)
		return
	}
	for i, one := range list {
		name := "subs[" + strconv.Itoa(i) + "]"
		text := r.text(name, one, schemas.MaxSubBytes, fieldSub)
		if r.refused != nil {
			return
		}
		if r.visit.subs[i] != nil {
			r.refused = refuse(schemas.RejectBadBody, name, "sub"+strconv.Itoa(i+1)+" has this one already", "either subs or sub"+strconv.Itoa(i+1))
			return
		}
		r.visit.subs[i] = text
	}
}

// objectOf parses a postback's body. The object lasts until the parser is used again.
func objectOf(parser *fastjson.Parser, body []byte) (*fastjson.Object, *refusal) {
	parsed, err := parseJSON(parser, body)
	if err != nil {
		return nil, refuse(schemas.RejectBadBody, "", err.Error(), postbackObject)
	}
	object, err := parsed.Object()
	if err != nil {
		return nil, refuse(schemas.RejectBadBody, "", "the body is not a JSON object", postbackObject)
	}
	return object, nil
}

const postbackObject = `an object such as {"click_id":"…","payout":"12.50"}`

// readObject takes a postback's parameters from a JSON object. Members that its network does not have are passed over, as
// parameters of a query are; one that is an object or an array is its members, each by its path: data.status.
func (p *postback) readObject(object *fastjson.Object) (refused *refusal) {
	object.Visit(func(key []byte, value *fastjson.Value) {
		if problem := p.readMember(bytes.Clone(key), value); refused == nil {
			refused = problem
		}
	})
	return refused
}

// readMember takes one member; key is its path.
func (p *postback) readMember(key []byte, value *fastjson.Value) (refused *refusal) {
	var text []byte
	switch value.Type() {
	case fastjson.TypeNull:
		return nil
	case fastjson.TypeString:
		// The parser's memory is used again by the next request.
		text = append(text, value.GetStringBytes()...)
	case fastjson.TypeNumber:
		text = value.MarshalTo(nil)
		if n := p.reader.Param(key); (n == dialect.ClickID || n == dialect.TxID) && bytes.ContainsAny(text, "eE") {
			refused = refuse(schemas.RejectRoundedID, received(key, schemas.MaxNameBytes),
				"the number "+quoted(text)+" has lost the last digits of the ID", "the ID as a string")
		}
		text = p.asWritten(key, text)
	default:
		if p.reader.Param(key) < dialect.Params {
			return refuse(schemas.RejectBadBody, string(key), "the member is a "+value.Type().String(), "a string or a number")
		}
		// A path longer than a name is nobody's, and repeating it for each of its members could take up all memory.
		if len(key) <= schemas.MaxNameBytes && p.reader.Param(key) == dialect.ParamUnknown {
			if some, refused := p.readMembers(key, value); some {
				return refused
			}
		}
		text = value.MarshalTo(nil) // it is left out, and its name is kept
	}
	p.reader.Set(&p.reading, key, nil, text)
	return refused
}

// readMembers takes the members of an object or an array, those of an array all under its own path. some tells whether it
// has some; nothing else has.
func (p *postback) readMembers(path []byte, value *fastjson.Value) (some bool, refused *refusal) {
	take := func(path []byte, value *fastjson.Value) {
		some = true
		if problem := p.readMember(path, value); refused == nil {
			refused = problem
		}
	}
	if object := value.GetObject(); object != nil {
		object.Visit(func(key []byte, value *fastjson.Value) {
			take(append(append(bytes.Clone(path), '.'), key...), value)
		})
		return some, refused
	}
	for _, one := range value.GetArray() {
		take(path, one)
	}
	return some, refused
}
