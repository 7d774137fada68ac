package ingest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"tributary/catalog"
	"tributary/catalog/dialect"
	"tributary/schemas"
)

// maxUploads is how many uploads are taken at the same time: each needs some megabytes.
const maxUploads = 8

// batchChunk is how many lines of an upload are on their way to Kafka at the same time.
const batchChunk = 500

// uploaded is the outcome of one line of POST /postback/{network}/batch.
type uploaded struct {
	Line      int    `json:"line"`
	ReceiptID string `json:"receipt_id,omitempty"`
	Status    string `json:"status"`
	// NotTaken are parameters of a line of JSON that were left out; a CSV has them in its header.
	NotTaken []string `json:"not_taken,omitempty"`
	Error    *refusal `json:"error,omitempty"`
}

// uploadOutcome is an index into what became of a line.
type uploadOutcome uint8

const (
	uploadAccepted uploadOutcome = iota
	uploadRefused
	uploadUnavailable
	uploadOutcomes
)

var uploadOutcomeNames = [uploadOutcomes]string{"accepted", "refused", "unavailable"}

// uploadAnswer has the outcome of every line. With an Error, which is that of the lines whose status is unavailable, the upload
// is to be sent again as it is.
type uploadAnswer struct {
	Accepted    int `json:"accepted"`
	Refused     int `json:"refused"`
	Unavailable int `json:"unavailable,omitempty"`
	// ReadAs is the character set of a CSV where nothing says it: a guess, which counts for texts alone.
	ReadAs string `json:"read_as,omitempty"`
	// UnknownColumns of a CSV are kept with their lines and mean nothing to the network.
	UnknownColumns []string   `json:"unknown_columns,omitempty"`
	Error          *refusal   `json:"error,omitempty"`
	Lines          []uploaded `json:"lines"`
}

// upload is a batch of postbacks while it is being taken.
type upload struct {
	edge   *Edge
	cat    *catalog.Catalog
	whole  *postback
	now    time.Time
	answer uploadAnswer
	// sent are the records of the lines from first on.
	sent  [][2]*delivery
	first int
	// repeats counts equal lines that name no transaction ID.
	repeats map[[sha256.Size]byte]int
}

// serveBatch takes an upload of one network's postbacks. The network proves itself for the whole; each line is judged as a
// postback, with a receipt of its own.
func (e *Edge) serveBatch(ctx *fasthttp.RequestCtx, a asked, rawQuery []byte) {
	cat := e.catalog.Load()
	if cat == nil {
		e.answerUnavailable(ctx, errNoCatalog)
		return
	}
	if e.uploads.Add(1) > maxUploads {
		e.uploads.Add(-1)
		e.answerUnavailable(ctx, errUploads)
		return
	}
	defer e.uploads.Add(-1)
	u := &upload{edge: e, cat: cat, whole: &postback{asked: a}, now: e.now()}
	p := u.whole
	p.addr = e.proxies.client(ctx)
	p.event.ReceivedMs, p.event.EventMs, p.event.ReceiptId = u.now.UnixMilli(), u.now.UnixMilli(), e.receipt(u.now)
	p.from(cat, nil, nil, nil)
	refused := e.believe(ctx, p, rawQuery)
	if refused == nil {
		refused = checkText("network", p.sent, schemas.MaxNameBytes)
	}
	if refused == nil && p.network == nil {
		refused = p.unknownNetwork(cat)
	}
	parser := e.parsers.Get()
	defer e.parsers.Put(parser)
	var lines uploadLines
	signed := p.network != nil && p.network.Trust.Signed()
	if refused == nil && signed {
		refused = p.refuseSpoken(rawQuery)
	}
	if refused == nil {
		lines, refused = uploadOf(&ctx.Request.Header, ctx.Request.Body(), signed, p.reader, parser)
	}
	if refused != nil {
		e.refuseUpload(ctx, u, refused)
		return
	}
	u.answer.Lines, u.answer.UnknownColumns = []uploaded{}, lines.strange()
	if table, ok := lines.(*csvLines); ok && table.guessed {
		u.answer.ReadAs = table.encoding
	}
	var l uploadLine
	for one := u.begin(); lines.next(one, &l); one = u.begin() {
		u.take(ctx, one, &l)
		if len(u.sent) == batchChunk {
			u.settle()
		}
	}
	u.settle()
	ctx.Response.Header.SetCanonical(headerCacheControl, valueNoStore)
	if u.answer.Error != nil {
		p.admission.Undo()
		ctx.Response.Header.Set(fasthttp.HeaderRetryAfter, strconv.Itoa(retryAfterSeconds))
		ctx.SetStatusCode(fasthttp.StatusServiceUnavailable)
	}
	writeJSON(ctx, &u.answer)
}

// refuseSpoken refuses a signed upload whose query says something of a postback: it was signed as a single one, whose
// path the signature does not cover, and read as an upload it would say something else.
func (p *postback) refuseSpoken(rawQuery []byte) *refusal {
	var said dialect.Reading
	p.reader.ReadQuery(&said, clip(rawQuery, schemas.MaxURLBytes))
	for param := range said.Values {
		one := &said.Values[param]
		if param := dialect.Param(param); one.Name != "" && param != dialect.Token && param != dialect.Network {
			return refuse(schemas.RejectBadBody, one.Name, "the query of a signed upload names "+quoted([]byte(one.Name))+", which is a single postback's",
				"the parameters of a postback in its line; in the query only those of the signature")
		}
	}
	return nil
}

// refuseUpload keeps and answers an upload that is refused as a whole.
func (e *Edge) refuseUpload(ctx *fasthttp.RequestCtx, u *upload, refused *refusal) {
	if refused.unavailable != nil {
		e.answerUnavailable(ctx, refused.unavailable)
		return
	}
	retryAfter(ctx, refused.wait)
	if refused.unkept {
		e.answerError(ctx, refused.status(), answer{Error: refused})
		return
	}
	if e.overUnproved(ctx, u.whole, u.cat, refused, u.now) {
		return
	}
	letter, _ := e.postbackLetter(u.whole, u.cat, refused, u.now, rawUpload(ctx))
	if err := e.file(letter, nil); err != nil {
		u.whole.admission.Undo()
		e.answerUnavailable(ctx, err)
		return
	}
	e.answerError(ctx, refused.status(), answer{Error: refused, ReceiptID: letter.LetterId})
}

// begin makes the postback of the next line.
func (u *upload) begin() *postback {
	p := &postback{asked: u.whole.asked, sent: u.whole.sent, network: u.whole.network, reader: u.whole.reader, addr: u.whole.addr}
	ip := p.addr.As16()
	p.event.ReceivedMs, p.event.EventMs, p.event.Ip = u.now.UnixMilli(), u.now.UnixMilli(), ip[:]
	p.stamp()
	return p
}

// take judges a line and sends what it makes, without waiting for it.
func (u *upload) take(ctx *fasthttp.RequestCtx, p *postback, l *uploadLine) {
	if u.answer.Error != nil {
		// Kafka and disk are away: the rest is not worth the wait.
		u.sent = append(u.sent, [2]*delivery{})
		u.answer.Lines = append(u.answer.Lines, uploaded{Line: l.number})
		return
	}
	e := u.edge
	hideLine(p, l.raw)
	p.event.ReceiptId = e.receipt(u.now)
	p.event.Raw = clip(l.raw, schemas.MaxRawBytes)
	p.noteNotTaken()
	e.notTaken.count(p)
	refused := l.refused
	if refused == nil {
		refused = p.resolve(u.cat, u.now)
	}
	e.redact(p.event.Raw)
	out := uploaded{Line: l.number, ReceiptID: p.event.ReceiptId, Status: uploadOutcomeNames[uploadAccepted]}
	var sent [2]*delivery
	if refused == nil {
		if u.answer.UnknownColumns == nil {
			out.NotTaken = p.event.NotTaken
		}
		if p.event.BlankTxidIsNew && p.event.Txid == "" {
			p.event.Txid = u.nameOf(l.raw)
		}
		sent[0] = e.sent(topicPostbacks, p.event.ClickId, p.event.ReceiptId, &p.event)
	} else if out.Status, out.Error = uploadOutcomeNames[uploadRefused], refused; u.isFlood(ctx, p, refused) {
		refused.unkept = true
		refused.Detail += "; enough of its kind is on record, this one is not"
		out.ReceiptID = ""
	} else {
		raw := append([]byte("POST /postback/"+url.PathEscape(p.network.Name)+"\n\n"), l.raw...)
		letter, anomaly := e.postbackLetter(p, u.cat, refused, u.now, raw)
		letter.Detail = strings.ToValidUTF8(clip("line "+strconv.Itoa(l.number)+": "+letter.Detail, schemas.MaxDetailBytes), "")
		e.metrics.rejects[refused.Reason].Inc()
		sent[0] = e.sent(topicDeadLetters, letter.ClickId, letter.LetterId, letter)
		if anomaly != nil {
			sent[1] = e.sent(topicAnomalies, anomaly.ClickId, anomaly.AnomalyId, anomaly)
		}
	}
	u.sent = append(u.sent, sent)
	u.answer.Lines = append(u.answer.Lines, out)
}

// hideLine overwrites a token in a line: it proves nothing there, the upload did, and raw is kept.
func hideLine(p *postback, raw []byte) {
	if token := &p.reading.Values[dialect.Token]; p.network.Trust.IsToken(token.Text) {
		overwrite(raw, bytes.Clone(token.Text)) // of JSON, where it stands word for word
		p.network.Trust.Hide(raw)
	}
}

// isFlood tells that a refused line is one too many of its sender's: whoever may send for a network that asks for no proof could
// make thousands of rows with few bytes.
func (u *upload) isFlood(ctx *fasthttp.RequestCtx, p *postback, refused *refusal) bool {
	e := u.edge
	return !p.network.Trust.KnowsSender() && !e.gate.Fits(p.addr, u.now) ||
		!p.provesItself(u.cat, refused) && e.unproved.over(ctx, p.addr, e.unproved.postbacks, u.now) > 0
}

// sent hands a record over; nil when it cannot be made.
func (e *Edge) sent(t topic, key, id string, event message) *delivery {
	d, err := e.producer.prepare(t, []byte(key), id, event)
	if err != nil {
		return nil
	}
	e.producer.send(d)
	return d
}

// nameOf is the transaction ID of a line that has none, where each such line is a conversion of its own: its content, and
// its number among those of its kind. So the same upload sent twice counts once, and two equal lines of it count twice.
func (u *upload) nameOf(raw []byte) string {
	sum := sha256.Sum256(raw)
	if u.repeats == nil {
		u.repeats = map[[sha256.Size]byte]int{}
	}
	u.repeats[sum]++
	return "line-" + hex.EncodeToString(sum[:16]) + "-" + strconv.Itoa(u.repeats[sum])
}

// settle waits for the records of the lines that were taken since it was called last.
func (u *upload) settle() {
	e := u.edge
	for _, pair := range u.sent {
		for _, d := range pair {
			if d != nil {
				e.producer.offer(d)
			}
		}
	}
	for i, pair := range u.sent {
		out := &u.answer.Lines[u.first+i]
		var err error
		if pair[0] == nil && (out.Error == nil || !out.Error.unkept) {
			err = errUnavailable
		}
		// All must be waited for, or they would be forgotten on their way.
		for _, d := range pair {
			if d != nil {
				if late := e.producer.wait(d); late != nil {
					err = late
				}
			}
		}
		outcome := uploadAccepted
		switch {
		case err != nil:
			outcome = uploadUnavailable
			*out = uploaded{Line: out.Line, Status: uploadOutcomeNames[uploadUnavailable]}
			u.answer.Unavailable++
			if u.answer.Error == nil {
				u.answer.Error = unavailable(err)
				u.answer.Error.Detail = "not every line was taken: " + strings.TrimSuffix(u.answer.Error.Detail, "; nothing was accepted")
				u.answer.Error.WouldBeRight = "the same upload again, later: what was accepted counts once"
			}
		case out.Error != nil:
			outcome = uploadRefused
			u.answer.Refused++
		default:
			u.answer.Accepted++
		}
		e.metrics.uploaded[outcome].Inc()
	}
	u.first += len(u.sent)
	u.sent = u.sent[:0]
}
