package dialect

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"

	"tributary/catalog/money"
	"tributary/catalog/query"
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
	// Decimal is how the network writes amounts; a declared one counts before the dialect's own way.
	Decimal money.Decimal
	// Currency is the ISO 4217 code of payouts that name none.
	Currency string
	// Proofs are parameters by which senders prove themselves in every dialect. They are read elsewhere.
	Proofs []string
}

var errTooMany = errors.New("there are more than " + strconv.Itoa(maxParams) + " entries")

// statusNames are the words of events.Status, known in every dialect unless it gives them another meaning.
var statusNames = map[string]events.Status{
	"registered": events.Status_STATUS_REGISTERED, "pending": pending, "approved": approved, "rejected": rejected, "chargeback": chargeback,
}

const statusList = "registered, pending, approved, rejected, chargeback"

// Postback reads postbacks of one dialect as one network sends them.
type Postback struct {
	dialect *Dialect
	names   map[string]paramName
	// knows is what query.ScanFor asks.
	knows         func(name []byte) bool
	words         map[string]events.Status
	events        map[string]string
	defaultStatus events.Status
	unknownStatus events.Status
	decimal       money.Decimal
	currency      string
}

type paramName struct {
	param Param
	form  Form
	// rank: see Value.
	rank int
	name string
	// declared: a configuration says what it means.
	declared bool
}

// networkName is the parameter that names the sender in any dialect.
const networkName = "network"

// NewPostback compiles the postbacks of d with what a configuration adds. The error has one line a problem.
func NewPostback(d *Dialect, c Custom) (*Postback, error) {
	if !d.HasPostbacks() {
		return nil, errors.New("the dialect " + d.Name + " has no postbacks")
	}
	t := &d.Postback
	p := &Postback{
		dialect: d, defaultStatus: t.Default, decimal: c.Decimal, currency: c.Currency, names: make(map[string]paramName,
			len(t.Names)+len(c.Params)),
		words: make(map[string]events.Status), events: make(map[string]string),
	}
	var problems []error
	problem := func(text string) { problems = append(problems, errors.New(text)) }
	for _, m := range []map[string]string{c.Params, c.Statuses, c.Events} {
		if len(m) > maxParams {
			problems = append(problems, errTooMany)
		}
	}

	p.knows = func(name []byte) bool { _, ok := p.names[string(name)]; return ok }
	// Who sends it may be named in every dialect.
	p.names[networkName] = paramName{param: Network, name: networkName}
	for _, name := range c.Proofs {
		p.names[name] = paramName{param: ParamProof, name: name}
	}
	for i, n := range t.Names {
		one := paramName{param: n.Param, form: n.Form, name: n.Name}
		if n.Form == Second {
			one.rank = 1 + i
		}
		p.names[n.Name] = one
	}
	for _, name := range sortedKeys(c.Params) {
		meaning, ok := ParseParam(c.Params[name])
		if !ok {
			problem("params." + name + ": " + c.Params[name] + " is not a part of a postback; one of " + ParamNames)
		}
		// The dialect's way of writing it stays: amount is amount, whatever it means.
		form := p.names[name].form
		if form == Second {
			form = Plain
		}
		p.names[name] = paramName{param: meaning, form: form, name: name, declared: true}
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
			problem(where + ": " + name + " is not a status; one of " + statusList)
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

// Param returns what a parameter means, by its decoded name; ParamUnknown and ParamIgnored for those that have no place.
func (p *Postback) Param(name []byte) Param {
	if n, ok := p.names[string(name[query.Ampersand(name):])]; ok {
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

const (
	rightValue  = "the value itself; correct the macro in the network's postback settings"
	rightID     = "the ID as the network wrote it; format the spreadsheet's column as text before anything is pasted into it"
	rightJoined = "each parameter of its own, with & between them"

	rightCharacter = "the character itself, percent-encoded"
)

// Unfilled returns the first parameter whose value is none where one is needed: a macro or a placeholder, an ID that was made a
// number of, another parameter; nil for none.
func (p *Postback) Unfilled(r *Reading) *Problem {
	for _, n := range expanded {
		value := &r.Values[n]
		if len(value.Text) == 0 {
			continue
		}
		// An event type that the template calls optional was left out on purpose.
		if n == Event && p.dialect.isPlaceholder(value.Text) {
			*value = Value{}
			continue
		}
		switch {
		case p.isUnfilled(n, value):
			return &Problem{schemas.RejectUnexpandedMacro, n, value.Name, value.Text, rightValue}
		case (n == ClickID || n == TxID) && isRounded(value.Text):
			return &Problem{schemas.RejectRoundedID, n, value.Name, value.Text, rightID}
		case !isPlain(value.Text) && query.Joined(value.Text, p.knows):
			return &Problem{schemas.RejectJoined, n, value.Name, value.Text, rightJoined}
		}
	}
	return nil
}

// isUnfilled is strict where the parameter is money or identity. A word that the configuration knows is one.
func (p *Postback) isUnfilled(n Param, value *Value) bool {
	switch n {
	case Event, Status:
	case Fraud: // a flag, of which false is a value
		return !bytes.EqualFold(value.Text, []byte("false")) && p.dialect.unfilledValue(value.Raw, value.Text)
	default:
		return p.dialect.unfilledValue(value.Raw, value.Text)
	}
	if !p.dialect.unfilled(value.Raw, value.Text, n == Status) && !standInWord(value.Text) {
		return false
	}
	known := false
	if n == Event {
		_, known = p.events[p.eventName(value.Text)]
	} else {
		_, known = p.words[string(bytes.ToLower(value.Text))]
	}
	return !known
}

// Interpret makes of the parameters what they say. With a problem, which may be that of Unfilled, the verdict has what could
// be read.
func (p *Postback) Interpret(r *Reading) (Verdict, *Problem) {
	problem := p.Unfilled(r)
	v := Verdict{
		ClickID: r.Text(ClickID), TxID: r.Text(TxID), Payout: r.Text(Payout), Currency: r.Text(PayoutCurrency), Timestamp: r.Text(Timestamp),
		SaleAmount: r.Text(SaleAmount), Token: r.Text(Token), OriginalStatus: r.Text(Status), Status: p.defaultStatus,
	}
	if problem == nil {
		problem = r.conflict
	}
	if problem == nil {
		problem = p.Unread(r)
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
