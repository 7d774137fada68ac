package dialect

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"

	"tributary/ingest/query"
	"tributary/schemas"
	"tributary/schemas/events"
)

// Custom is what a network's configuration adds to its dialect, or changes in it. Statuses are named registered, pending,
// approved, rejected or chargeback.
type Custom struct {
	// Params are further parameters, each with what it means (ParamNames).
	Params map[string]string
	// Statuses are further status words, in any case, each with the status it means.
	Statuses map[string]string
	// Events gives event types other names: "2" is "ftd".
	Events map[string]string
	// DefaultStatus is the status of postbacks that name none; empty for the dialect's.
	DefaultStatus string
	// UnknownStatus is what a status word stands for that nothing declares; empty refuses it.
	UnknownStatus string
}

var errTooMany = errors.New("there are more than " + strconv.Itoa(maxParams) + " entries")

// statusNames are the words of events.Status, known in every dialect unless it gives them another meaning.
var statusNames = map[string]events.Status{
	"registered": events.Status_STATUS_REGISTERED, "pending": pending, "approved": approved, "rejected": rejected, "chargeback": chargeback,
}

const statusList = "registered, pending, approved, rejected, chargeback"

// Postback reads postbacks of one dialect as one network sends them.
type Postback struct {
	dialect       *Dialect
	names         map[string]paramName
	words         map[string]events.Status
	events        map[string]string
	defaultStatus events.Status
	unknownStatus events.Status
}

type paramName struct {
	param Param
	form  Form
	name  string
}

// NewPostback compiles the postbacks of d with what a configuration adds. The error has one line a problem.
func NewPostback(d *Dialect, c Custom) (*Postback, error) {
	if !d.HasPostbacks() {
		return nil, errors.New("the dialect " + d.Name + " has no postbacks")
	}
	t := &d.Postback
	p := &Postback{
		dialect: d, defaultStatus: t.Default, names: make(map[string]paramName, len(t.Names)+len(c.Params)),
		words: make(map[string]events.Status), events: make(map[string]string),
	}
	var problems []error
	problem := func(text string) { problems = append(problems, errors.New(text)) }
	for _, m := range []map[string]string{c.Params, c.Statuses, c.Events} {
		if len(m) > maxParams {
			problems = append(problems, errTooMany)
		}
	}

	for _, n := range t.Names {
		p.names[n.Name] = paramName{n.Param, n.Form, n.Name}
	}
	for _, name := range sortedKeys(c.Params) {
		meaning, ok := ParseParam(c.Params[name])
		if !ok {
			problem("params." + name + ": " + c.Params[name] + " is no part of a postback; one of " + ParamNames)
		}
		// The dialect's way of writing it stays: amount is amount, whatever it means.
		p.names[name] = paramName{meaning, p.names[name].form, name}
	}
	for word, status := range statusNames {
		p.words[word] = status
	}
	for _, w := range t.Words {
		p.words[w.Word] = w.Status
	}
	status := func(where, name string, to *events.Status) {
		s, ok := statusNames[strings.ToLower(name)]
		if !ok {
			problem(where + ": " + name + " is no status; one of " + statusList)
		}
		*to = s
	}
	for _, word := range sortedKeys(c.Statuses) {
		var s events.Status
		status("statuses."+word, c.Statuses[word], &s)
		p.words[strings.ToLower(strings.TrimSpace(word))] = s
	}
	if c.DefaultStatus != "" {
		status("default_status", c.DefaultStatus, &p.defaultStatus)
	}
	if c.UnknownStatus != "" {
		status("unknown_status", c.UnknownStatus, &p.unknownStatus)
	}
	for _, r := range t.Events {
		p.events[r.From] = r.To
	}
	for _, from := range sortedKeys(c.Events) {
		p.events[p.eventName([]byte(from))] = strings.ToLower(c.Events[from])
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return p, nil
}

// Dialect is the one whose postbacks it reads.
func (p *Postback) Dialect() *Dialect { return p.dialect }

// Param answers what a parameter means, by its decoded name; ParamUnknown and ParamIgnored for those that have no place.
func (p *Postback) Param(name []byte) Param {
	if n, ok := p.names[string(name)]; ok {
		return n.param
	}
	return ParamUnknown
}

// Name is what the sender calls a parameter: what its dialect's documentation names first, else our own name.
func (p *Postback) Name(n Param) string {
	for _, name := range p.dialect.Postback.Names {
		if name.Param == n {
			return name.Name
		}
	}
	return n.String()
}

// A Value is one parameter of a postback.
type Value struct {
	// Name is what the sender calls it, empty when the postback has none.
	Name string
	// Raw is as it came, Text decoded, without spaces around it and without the dialect's own way of writing it.
	Raw, Text []byte
}

// Reading collects the parameters of one postback. Its values point into the request.
type Reading struct {
	Values [Params]Value
	// IgnoredParams and UnknownParams count parameters that a postback has no place for.
	IgnoredParams, UnknownParams int
}

// Text is the decoded value of a parameter, nil when the postback has none.
func (r *Reading) Text(n Param) []byte { return r.Values[n].Text }

// Set takes one parameter: key and value decoded, raw as it came. The first of one meaning counts, an empty one does not.
func (p *Postback) Set(r *Reading, key, raw, value []byte) {
	if value = bytes.TrimSpace(value); len(value) == 0 {
		return
	}
	n, ok := p.names[string(key)]
	switch {
	case !ok:
		r.UnknownParams++
	case n.param == ParamIgnored:
		r.IgnoredParams++
	case r.Values[n.param].Text == nil:
		if n.form == Comma {
			value = pointed(value)
		}
		r.Values[n.param] = Value{n.name, raw, value}
	}
}

// pointed writes the comma before the last one or two digits as a point. A comma elsewhere may separate thousands: nobody
// can tell, so it stays and the amount is refused.
func pointed(value []byte) []byte {
	i := bytes.IndexByte(value, ',')
	if i < 0 || bytes.IndexByte(value, '.') >= 0 || i < len(value)-3 || i == len(value)-1 {
		return value
	}
	value = bytes.Clone(value)
	value[i] = '.'
	return value
}

// ReadQuery takes the parameters of a raw query or of a form.
func (p *Postback) ReadQuery(r *Reading, raw []byte) {
	// Decoded text is never longer than raw, so one buffer does.
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
		p.Set(r, decoded(key), value, decoded(value))
	}
}

// A Problem is why a postback cannot be understood.
type Problem struct {
	Reason schemas.RejectReason
	Param  Param
	// Name is what the sender calls the parameter.
	Name string
	// Value is what the sender wrote, decoded.
	Value []byte
	// WouldBeRight is for the person who set the postback up.
	WouldBeRight string
}

// Error implements error.
func (p *Problem) Error() string {
	return string(p.Reason) + ": " + p.Name + " is " + strconv.Quote(string(p.Value)) + "; right would be " + p.WouldBeRight
}

// A Verdict is what a postback says. Its bytes point into the request; lengths, texts, amounts and times are not checked.
type Verdict struct {
	ClickID, TxID, Payout, Currency, Timestamp []byte
	// SaleAmount is what the customer paid. It is no payout.
	SaleAmount []byte
	// Event is in lower case; empty when the postback names none.
	Event          string
	Status         events.Status
	OriginalStatus []byte
	// Token is the secret that the sender proves itself with, nil for none.
	Token []byte
}

// expanded are the parameters in which a macro is a problem, in the order in which problems are answered.
var expanded = []Param{ClickID, Event, Status, Payout, PayoutCurrency, TxID, Timestamp, Fraud}

// Unfilled answers the first parameter that still is a macro or a placeholder where a value is needed, nil for none.
func (p *Postback) Unfilled(r *Reading) *Problem {
	for _, n := range expanded {
		value := &r.Values[n]
		// An event type that the template calls optional was left out on purpose.
		if n == Event && p.dialect.isPlaceholder(value.Text) {
			*value = Value{}
			continue
		}
		if p.dialect.unfilled(value.Raw, value.Text, n != Event) {
			return &Problem{schemas.RejectUnexpandedMacro, n, value.Name, value.Text, "the value itself; correct the macro in the network's postback settings"}
		}
	}
	return nil
}

// Interpret makes of the parameters what they say. With a problem, which may be that of Unfilled, the verdict has what could
// be read.
func (p *Postback) Interpret(r *Reading) (Verdict, *Problem) {
	problem := p.Unfilled(r)
	v := Verdict{
		ClickID: r.Text(ClickID), TxID: r.Text(TxID), Payout: r.Text(Payout), Currency: r.Text(PayoutCurrency), Timestamp: r.Text(Timestamp),
		SaleAmount: r.Text(SaleAmount), Token: r.Text(Token), OriginalStatus: r.Text(Status), Status: p.defaultStatus,
	}
	if problem != nil {
		return v, problem
	}
	if word := r.Text(Status); len(word) > 0 {
		if problem := p.status(r, word, &v.Status); problem != nil {
			return v, problem
		}
	}
	if flag := r.Text(Fraud); len(flag) == 1 && flag[0] == '1' {
		v.Status = rejected
	}
	if p.Deletes(v.Payout) {
		v.Payout, v.Status = nil, rejected
	}
	if event := r.Text(Event); len(event) > 0 {
		v.Event = p.eventName(event)
		if to, ok := p.events[v.Event]; ok {
			v.Event = to
		}
	}
	return v, nil
}

// Deletes tells whether a payout takes the conversion back: then it is no amount.
func (p *Postback) Deletes(payout []byte) bool {
	return slices.Contains(p.dialect.Postback.Deletes, string(payout))
}

// eventName writes an event type in lower case.
func (p *Postback) eventName(text []byte) string {
	name := strings.ToLower(string(text))
	if p.dialect.Postback.Spaced {
		name = strings.ReplaceAll(name, " ", "_")
	}
	return name
}

// status reads a status word: as the request itself explains it, else as configured, else as the dialect has it.
func (p *Postback) status(r *Reading, word []byte, to *events.Status) *Problem {
	name := r.Values[Status].Name
	if inList(r.Text(IgnoredWords), word) {
		return &Problem{schemas.RejectIgnoredStatus, Status, name, word, "nothing: the postback's own URL has it ignored"}
	}
	switch {
	case inList(r.Text(PendingWords), word):
		*to = pending
		return nil
	case inList(r.Text(ApprovedWords), word):
		*to = approved
		return nil
	case inList(r.Text(RejectedWords), word):
		*to = rejected
		return nil
	}
	s, ok := p.words[string(bytes.ToLower(word))]
	if !ok {
		s = p.unknownStatus
	}
	if s == events.Status_STATUS_UNSPECIFIED {
		return &Problem{schemas.RejectUnknownStatus, Status, name, word, "a word in its statuses, or one of " + statusList}
	}
	*to = s
	return nil
}

// inList tells whether a list of words with commas between them has word, in any case.
func inList(list, word []byte) bool {
	for len(list) > 0 {
		one, rest, _ := bytes.Cut(list, []byte{','})
		if bytes.EqualFold(bytes.TrimSpace(one), word) {
			return true
		}
		list = rest
	}
	return false
}

// maxReturnBytes bounds what an answer repeats of its request.
const maxReturnBytes = 64

// AppendReply appends to dst the body that the sender expects. status 0 leaves the whole answer to the caller, an empty
// contentType the body. detail says why the postback was refused, empty when it was accepted.
func (p *Postback) AppendReply(dst []byte, r *Reading, receiptID, detail string) (status int, contentType string, body []byte) {
	reply := &p.dialect.Postback.Accepted
	if detail != "" {
		reply = &p.dialect.Postback.Refused
	}
	if reply.Status == 0 {
		return 0, "", dst
	}
	text := reply.Body
	if strings.Contains(text, "{return}") {
		back := r.Text(Return)
		if len(back) == 0 || len(back) > maxReturnBytes || !query.IsText(back) || p.dialect.unfilled(r.Values[Return].Raw, back, true) {
			return 0, "", dst
		}
		text = strings.ReplaceAll(text, "{return}", string(back))
	}
	if text == "" {
		return reply.Status, "", dst
	}
	if strings.HasPrefix(reply.ContentType, "application/json") {
		quoted := strconv.AppendQuoteToASCII(nil, strings.Map(jsonSafe, strings.ToValidUTF8(detail, "")))
		detail = string(quoted[1 : len(quoted)-1])
	} else {
		detail = strings.Map(textSafe, strings.ToValidUTF8(detail, ""))
	}
	text = strings.NewReplacer("{receipt_id}", receiptID, "{detail}", detail).Replace(text)
	return reply.Status, reply.ContentType, append(dst, text...)
}

// jsonSafe drops control characters and what Go would quote otherwise than JSON does.
func jsonSafe(r rune) rune {
	if r < ' ' || r >= 0x7f && r < 0xa0 || r > 0xffff {
		return -1
	}
	return r
}

// textSafe also drops the semicolon, which ends a field of such an answer.
func textSafe(r rune) rune {
	if r == ';' {
		return ','
	}
	return jsonSafe(r)
}
