package ingest

import (
	"bytes"
	"cmp"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fastjson"

	"tributary/catalog"
	"tributary/catalog/dialect"
	"tributary/catalog/query"
	"tributary/catalog/trust"
	"tributary/schemas"
	"tributary/schemas/events"
	"tributary/schemas/id"
)

// checked are the parameters that become text of the event, with their limits, in the order in which problems are answered.
var checked = [...]struct {
	param dialect.Param
	limit int
}{
	{dialect.ClickID, schemas.MaxClickIDBytes}, {dialect.Event, schemas.MaxNameBytes}, {dialect.Status, schemas.MaxNameBytes}, {dialect.Payout, schemas.MaxNameBytes},
	{dialect.PayoutCurrency, schemas.MaxNameBytes}, {dialect.TxID, schemas.MaxTxIDBytes}, {dialect.Timestamp, schemas.MaxNameBytes},
}

// postback is one request while it is being read. Its values may point into the request.
type postback struct {
	event events.Postback
	asked asked
	// sent is how the request names its network; empty when it does not.
	sent []byte
	// network is nil for one that is not declared.
	network *catalog.Network
	reader  *dialect.Postback
	reading dialect.Reading
	// payout is the amount that is booked, which a dialect may write otherwise.
	payout []byte
	// claimed is the click ID that a forged one pretends to be.
	claimed id.Click
	forged  bool
	// addr is the client behind declared proxies.
	addr netip.Addr
	// proved: the network was believed when the postback first came.
	proved    bool
	admission trust.Admission
	// accepted: the query has what is known of a postback that was taken before, under native names.
	accepted bool
	// joined is what is wrong with what a signature covers.
	joined *dialect.Problem
}

func (p *postback) value(n dialect.Param) []byte { return p.reading.Text(n) }

// field is what the sender calls a parameter.
func (p *postback) field(n dialect.Param) string {
	if name := p.reading.Values[n].Name; name != "" {
		return name
	}
	return p.reader.Name(n)
}

func (e *Edge) servePostback(ctx *fasthttp.RequestCtx, a asked, rawQuery []byte) {
	cat := e.catalog.Load()
	if cat == nil {
		e.answerUnavailable(ctx, errNoCatalog)
		return
	}
	openBody(ctx)
	now := e.now()
	p := &postback{asked: a}
	p.addr = e.proxies.client(ctx)
	ip := p.addr.As16()
	p.event.ReceivedMs, p.event.EventMs, p.event.Ip = now.UnixMilli(), now.UnixMilli(), ip[:]
	p.event.ReceiptId = e.receipt(now)
	if p.event.Raw = clip(ctx.Request.Body(), schemas.MaxRawBytes); len(p.event.Raw) == 0 {
		p.event.Raw = clip(rawQuery, schemas.MaxRawBytes)
	}
	refused := e.readPostback(ctx, p, cat, rawQuery, now)
	e.notTaken.count(p)
	if refused != nil {
		e.refusePostback(ctx, p, cat, refused, now)
		return
	}
	e.redact(p.event.Raw)
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
	if status, written := e.reply(ctx, p, ""); written {
		return
	} else if status != 0 {
		ctx.SetStatusCode(status)
	}
	ctx.Response.Header.SetCanonical(headerCacheControl, valueNoStore)
	ctx.Response.Header.SetContentType("application/json")
	// A receipt has no character that JSON would escape.
	ctx.Response.AppendBodyString(`{"receipt_id":"`)
	ctx.Response.AppendBodyString(p.event.ReceiptId)
	ctx.Response.AppendBodyString("\",\"status\":\"accepted\"")
	if len(p.event.NotTaken) > 0 {
		appendNotTaken(ctx, p.event.NotTaken)
	}
	ctx.Response.AppendBodyString("}\n")
}

// reply answers as the network expects it. What it leaves to the caller is the whole answer when status is 0, else the body
// when it has not written one. detail says why the postback was refused, and is empty when it was not.
func (e *Edge) reply(ctx *fasthttp.RequestCtx, p *postback, detail string) (status int, written bool) {
	status, contentType, body := p.reader.AppendReply(nil, &p.reading, p.event.ReceiptId, detail)
	if len(body) == 0 {
		return status, false
	}
	ctx.SetStatusCode(status)
	ctx.Response.Header.SetCanonical(headerCacheControl, valueNoStore)
	ctx.Response.Header.SetContentType(contentType)
	ctx.Response.SetBodyRaw(body)
	return status, true
}

// readPostback makes the event of a request. What its path tells, receipt, times, address and raw are set already.
func (e *Edge) readPostback(ctx *fasthttp.RequestCtx, p *postback, cat *catalog.Catalog, rawQuery []byte, now time.Time) *refusal {
	var parser *fastjson.Parser
	if len(ctx.Request.Body()) > 0 {
		parser = e.parsers.Get()
		defer e.parsers.Put(parser)
	}
	form, object, refused := bodyOf(ctx, parser)
	if badMember := p.read(cat, rawQuery, form, object); refused == nil {
		refused = badMember
	}
	if unproved := e.believe(ctx, p, rawQuery); unproved != nil {
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

// read takes the parameters, as the network that they are from writes them. What the body names counts before the query.
func (p *postback) read(cat *catalog.Catalog, rawQuery, form []byte, object *fastjson.Object) (refused *refusal) {
	rawQuery = clip(rawQuery, schemas.MaxURLBytes)
	p.from(cat, rawQuery, form, object)
	if object != nil {
		refused = p.readObject(object)
	}
	if len(form) > 0 {
		p.readQuery(form)
	}
	if p.accepted {
		p.noteNotTaken()
		p.readAccepted(rawQuery)
		return refused
	}
	p.readQuery(rawQuery)
	p.noteNotTaken()
	return refused
}

// readQuery takes the parameters of a query or a form. Of a signed one every byte was signed as it stands.
func (p *postback) readQuery(raw []byte) {
	if p.network == nil || !p.network.Trust.Signed() {
		p.reader.ReadQuery(&p.reading, raw)
		return
	}
	if problem := p.reader.ReadSigned(&p.reading, raw); p.joined == nil {
		p.joined = problem
	}
}

func (e *Edge) refusePostback(ctx *fasthttp.RequestCtx, p *postback, cat *catalog.Catalog, refused *refusal, now time.Time) {
	if refused.unavailable != nil {
		e.answerUnavailable(ctx, refused.unavailable)
		return
	}
	retryAfter(ctx, refused.wait)
	if refused.unkept {
		e.answerError(ctx, refused.status(), answer{Error: refused})
		return
	}
	if e.overUnproved(ctx, p, cat, refused, now) {
		return
	}
	p.hideOtherTokens(ctx)
	letter, anomaly := e.postbackLetter(p, cat, refused, now, rawRequest(ctx))
	if err := e.file(letter, anomaly); err != nil {
		p.admission.Undo()
		e.answerUnavailable(ctx, err)
		return
	}
	status := refused.status()
	// Who is to come again later must see that, in every dialect.
	if refused.Reason != schemas.RejectRateLimited {
		expected, written := e.reply(ctx, p, string(refused.Reason)+": "+refused.Detail)
		if written {
			return
		}
		status = cmp.Or(expected, status)
	}
	e.answerError(ctx, status, answer{Error: refused, ReceiptID: p.event.ReceiptId})
}

// postbackLetter is the dead letter of a refused postback, and the finding of a forged one.
func (e *Edge) postbackLetter(p *postback, cat *catalog.Catalog, refused *refusal, now time.Time, raw []byte) (*events.DeadLetter, *events.Anomaly) {
	if refused.Reason == schemas.RejectUnexpandedMacro {
		e.macros.ofNetwork(p.network).Inc()
	}
	letter := e.letter(events.DeadLetter_KIND_POSTBACK, refused, p.event.ReceiptId, now, p.addr, raw)
	letter.Network = received(p.sent, schemas.MaxNameBytes)
	if letter.Network == "" {
		letter.Network = p.event.Network
	}
	letter.ClickId = received(p.value(dialect.ClickID), schemas.MaxClickIDBytes)
	letter.Event = received(p.value(dialect.Event), schemas.MaxNameBytes)
	letter.Txid = received(p.value(dialect.TxID), schemas.MaxTxIDBytes)
	letter.OriginalStatus = received(p.value(dialect.Status), schemas.MaxNameBytes)
	letter.Currency = received(p.value(dialect.PayoutCurrency), schemas.MaxCurrency)
	for _, text := range []*string{&letter.Network, &letter.ClickId, &letter.Event, &letter.Txid, &letter.OriginalStatus} {
		*text = e.redacted(*text)
	}
	// As much of the money as can be read, so that the row shows what was at stake.
	if micros, code, ok := p.legiblePayout(); ok && !p.reader.Deletes(p.value(dialect.Payout)) {
		letter.PayoutMicros = micros
		currency, _ := findCurrency(cat, code)
		if p.network != nil && len(code) == 0 {
			currency = p.network.Currency
		}
		if currency != nil {
			letter.Currency = currency.Code
			if base, refused := datedBase(currency, micros, p.event.EventMs, "", ""); refused == nil {
				letter.PayoutBaseMicros = base
			}
		}
	}
	if p.forged {
		return letter, forged(p, letter, cat)
	}
	return letter, nil
}

// resolve checks every parameter and makes the event. It answers the first problem.
func (p *postback) resolve(cat *catalog.Catalog, now time.Time) *refusal {
	problem := p.joined
	if problem == nil {
		problem = p.reader.Unfilled(&p.reading)
	}
	if problem != nil {
		return p.refuseProblem(problem)
	}
	if refused := checkText("network", p.sent, schemas.MaxNameBytes); refused != nil {
		return refused
	}
	for _, c := range checked {
		if refused := checkText(p.reading.Values[c.param].Name, p.value(c.param), c.limit); refused != nil {
			return refused
		}
	}
	if p.network == nil {
		return p.unknownNetwork(cat)
	}
	if refused := p.otherNetwork(cat); refused != nil {
		return refused
	}
	if refused := p.resolveClickID(cat); refused != nil {
		return refused
	}
	verdict, problem := p.reader.Interpret(&p.reading)
	p.event.Txid = string(verdict.TxID)
	p.event.Event = p.network.DefaultEvent
	if problem != nil {
		return p.refuseProblem(problem)
	}
	if verdict.Event != "" {
		if !catalog.IsEvent([]byte(verdict.Event)) {
			return refuse(schemas.RejectBadEvent, p.field(dialect.Event), quoted([]byte(verdict.Event))+" is no event type", "a-z, 0-9 and . _ - only, such as sale")
		}
		p.event.Event = verdict.Event
	}
	p.event.Status, p.event.OriginalStatus = verdict.Status, string(verdict.OriginalStatus)
	if refused := p.resolveTime(verdict.Timestamp, now); refused != nil {
		return refused
	}
	p.payout = verdict.Payout
	return p.resolvePayout(cat)
}

// refuseHidden says which character of a name nobody sees.
func refuseHidden(field string, value []byte) *refusal {
	r, _ := query.Hidden(value)
	return refuse(schemas.RejectBadText, field, fmt.Sprintf("%s has the hidden character %U", quoted(value), r), field+" without characters that take no room or turn the direction of others")
}

// checkText holds a name against what an event may carry.
func checkText(field string, value []byte, limit int) *refusal {
	switch {
	case !query.IsText(value):
		return refuse(schemas.RejectBadText, field, quoted(value)+" is not UTF-8 text without control characters", "UTF-8, percent-encoded")
	case !query.IsName(value):
		return refuseHidden(field, value)
	case len(value) > limit:
		return refuse(schemas.RejectTooLong, field, field+" has "+strconv.Itoa(len(value))+" bytes", "at most "+strconv.Itoa(limit)+" bytes")
	}
	return nil
}

// refuseProblem is the refusal of what a dialect cannot understand.
func (p *postback) refuseProblem(problem *dialect.Problem) *refusal {
	value := quoted(problem.Value)
	detail := ""
	switch problem.Reason {
	case schemas.RejectUnexpandedMacro:
		detail = value + " is still a macro that the network should have replaced"
		if dialect.IsNothing(problem.Value) {
			detail = value + " stands for no value, and the network should have sent one or left the parameter empty"
		}
	case schemas.RejectRoundedID:
		detail = value + " is a number in scientific notation: a spreadsheet or a program made it of the ID, whose last digits are lost"
	case schemas.RejectJoined:
		detail = value + " has another parameter in it: what stands between them is no &"
		if _, behind, ok := bytes.Cut(problem.Value, []byte{'&'}); ok && query.CutByHTML(behind) {
			detail = value + " has a character as HTML writes it, whose & ended the value"
		}
	case schemas.RejectTwoValues:
		detail = problem.Param.String() + " has two values, the second is " + value
	case schemas.RejectUnread:
		detail = "network " + p.network.Name + " has no parameter " + quoted([]byte(problem.Name)) + ", whose name says that it is the " + problem.Param.String() +
			", and the postback has no other; its value is " + value
	case schemas.RejectIgnoredStatus:
		detail = "the postback's own URL says that " + value + " is to be ignored"
	default:
		detail = "network " + p.network.Name + " has no status word " + value
	}
	return refuse(problem.Reason, received([]byte(problem.Name), schemas.MaxNameBytes), detail, problem.WouldBeRight)
}

// resolveClickID checks the proof that the click ID carries. Where the network may send another tracker's IDs, one that does
// not prove itself is taken for such an ID: a tracker whose IDs have 40 hexadecimal digits writes what looks like ours. It
// brings no money until a click with that very ID is found.
func (p *postback) resolveClickID(cat *catalog.Catalog) *refusal {
	value, field := p.value(dialect.ClickID), p.field(dialect.ClickID)
	if len(value) == 0 {
		return refuse(schemas.RejectMissingClickID, field, "the postback names no click ID", "the click ID that the offer link passed on")
	}
	click, err := id.ParseClick(value)
	if err == nil {
		if err = cat.Keyring().Verify(&click); err == nil {
			p.event.ClickId = click.String()
			p.event.CampaignId, p.event.SourceId = click.Campaign(), click.Source()
			p.event.Campaign, p.event.Source = namesOf(cat, &click)
			return nil
		}
		if !p.network.AllowForeignClickIDs {
			p.forged, p.claimed = true, click
			return refuse(schemas.RejectForgedClickID, field, "the click ID does not prove itself: "+err.Error(), "the click_id of the link, unchanged")
		}
	}
	if !p.network.AllowForeignClickIDs {
		return refuse(schemas.RejectMalformedClickID, field, err.Error(), "the click_id of the link, unchanged; allow_foreign_click_ids for the network admits others")
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

func (p *postback) resolvePayout(cat *catalog.Catalog) *refusal {
	currency := p.network.Currency
	if value := p.value(dialect.PayoutCurrency); len(value) > 0 {
		var refused *refusal
		if currency, refused = findCurrency(cat, value); refused != nil {
			refused.Field = p.field(dialect.PayoutCurrency)
			return refused
		}
	}
	p.event.Currency = currency.Code
	if len(p.payout) == 0 {
		return nil
	}
	micros, currency, refused := p.readPayout(cat, currency)
	if refused != nil {
		return refused
	}
	p.event.Currency = currency.Code
	if micros < 0 && !p.network.Corrects {
		return refuse(schemas.RejectBadPayout, p.field(dialect.Payout), quoted(p.payout)+" is below 0, which network "+p.network.Name+" may not send",
			"digits with a point, such as 12.50; negative_payout: correct for the network makes a correction of it")
	}
	base, refused := datedBase(currency, micros, p.event.EventMs, schemas.RejectBadPayout, p.field(dialect.Payout))
	if refused != nil {
		return refused
	}
	if refused := p.holdPayout(micros, base); refused != nil {
		return refused
	}
	p.event.HasPayout, p.event.PayoutMicros, p.event.PayoutBaseMicros = true, micros, base
	return nil
}

// holdPayout holds a payout, either way, against its network's max_payout: exactly where both are in one currency, else
// as both are worth in the base currency at the postback's date.
func (p *postback) holdPayout(micros, base int64) *refusal {
	limit, currency := p.network.MaxPayoutMicros, p.network.Currency
	if limit == 0 {
		return nil
	}
	rate, dated := currency.Rate(p.event.EventMs)
	if !dated {
		return refuse(schemas.RejectNoExchangeRate, "currency", "no exchange rate of "+currency.Code+", in which network "+p.network.Name+
			" has its max_payout, is in force on "+time.UnixMilli(p.event.EventMs).UTC().Format(time.DateOnly), "a rate in catalog.exchange_rates with that date or an earlier one")
	}
	limitBase, ok := rate.Convert(limit)
	if !ok {
		limitBase = schemas.MaxMoneyMicros
	}
	over := micros > limit || micros < -limit
	if p.event.Currency != currency.Code {
		over = base > limitBase || base < -limitBase
	}
	if over {
		// Not the bound: who asks may be a stranger, and its owner has it in the catalog.
		return refuse(schemas.RejectOverMaxPayout, p.field(dialect.Payout), quoted(p.payout)+" "+p.event.Currency+" is more than the max_payout of network "+p.network.Name,
			"a payout within the network's max_payout")
	}
	p.event.MaxPayoutBaseMicros = max(limitBase, 1)
	return nil
}
