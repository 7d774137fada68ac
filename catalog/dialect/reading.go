package dialect

import (
	"bytes"
	"strconv"

	"tributary/catalog/money"
	"tributary/catalog/query"
	"tributary/schemas"
)

// A Value is one parameter of a postback.
type Value struct {
	// Name is what the sender calls it, empty when the postback has none.
	Name string
	// Raw is as it came, Text decoded, without spaces around it and without the dialect's own way of writing it.
	Raw, Text []byte
	// rank is 0, or higher for a name before which others of the same meaning count.
	rank int
}

// A Dropped is a parameter that was not taken.
type Dropped struct {
	Name, Text []byte
	Why        DropReason
	// meant is the name where Name has the value too, "payout:5"; nil else.
	meant []byte
}

// DropReason says why a parameter was not taken.
type DropReason uint8

const (
	// DropUnknown: the network's dialect does not have it.
	DropUnknown DropReason = iota
	// DropNoPlace: it has it, and a postback has no place for it; or another name of the same meaning counts before it.
	DropNoPlace
	// DropDeclared: the network's configuration says that it is ignored.
	DropDeclared

	// DropReasons is how many there are.
	DropReasons
)

var dropNames = [DropReasons]string{"unknown", "no_place", "declared"}

// String is the reason as metrics have it.
func (d DropReason) String() string { return dropNames[d] }

// Reading collects the parameters of one postback. Its values point into the request.
type Reading struct {
	Values [Params]Value
	// Dropped are the parameters that were not taken, in their order; nil for none.
	Dropped []Dropped
	// conflict: a parameter of money or identity has two values.
	conflict *Problem
}

// Accepted completes what is known of a postback that was accepted before: what it lacks is taken from known. Two values and unread
// parameters are no problem of it any more.
func (r *Reading) Accepted(known *Reading) {
	for n := range r.Values {
		if r.Values[n].Text == nil {
			r.Values[n] = known.Values[n]
		}
	}
	r.conflict, r.Dropped = nil, nil
}

// Text is the decoded value of a parameter, nil when the postback has none.
func (r *Reading) Text(n Param) []byte { return r.Values[n].Text }

// Drop takes a parameter's value back.
func (r *Reading) Drop(n Param) {
	v := &r.Values[n]
	r.Dropped = append(r.Dropped, Dropped{Name: []byte(v.Name), Text: v.Text})
	*v = Value{}
}

// AppendNotTaken appends the names of the parameters that were not taken to names, each once and at most limit of them; those that the
// configuration ignores are left out. What is beyond the limit is counted in a last entry, "and 3 more".
func (r *Reading) AppendNotTaken(names []string, limit, maxBytes int) []string {
	first, more := len(names), 0
next:
	for i := range r.Dropped {
		d := &r.Dropped[i]
		if d.Why == DropDeclared {
			continue
		}
		name := string(query.Marked(d.Name, maxBytes))
		for _, other := range names[first:] {
			if other == name {
				continue next
			}
		}
		if len(names)-first >= limit {
			more++
			continue
		}
		names = append(names, name)
	}
	if more > 0 {
		names = append(names, "and "+strconv.Itoa(more)+" more")
	}
	return names
}

// Set takes one parameter: key and value decoded, raw as it came. An empty value is as good as none. Of two values of one meaning the
// first counts, and the postback is refused (see Interpret) unless they say the same.
func (p *Postback) Set(r *Reading, key, raw, value []byte) {
	key = key[query.Ampersand(key):]
	n, ok := p.names[string(key)]
	p.set(r, &n, ok, key, raw, value)
}

func (p *Postback) set(r *Reading, n *paramName, known bool, key, raw, value []byte) {
	if value = bytes.TrimSpace(value); len(value) == 0 {
		if name, said, ok := query.Unequal(key); ok && !known {
			r.Dropped = append(r.Dropped, Dropped{key, said, DropUnknown, name})
		}
		return
	}
	switch {
	case !known:
		r.Dropped = append(r.Dropped, Dropped{Name: key, Text: value})
		return
	case n.param == ParamProof:
		return
	case n.param == ParamIgnored:
		why := DropNoPlace
		if n.declared {
			why = DropDeclared
		}
		r.Dropped = append(r.Dropped, Dropped{Name: key, Text: value, Why: why})
		return
	}
	if n.form == Comma && p.decimal == money.DecimalPlain {
		value = pointed(value)
	}
	one := Value{n.name, raw, value, n.rank}
	old := &r.Values[n.param]
	switch {
	case old.Text == nil:
		*old = one
	case p.SameValue(n.param, old.Text, value):
	case old.rank > one.rank:
		r.Dropped = append(r.Dropped, Dropped{Name: []byte(old.Name), Text: old.Text, Why: DropNoPlace})
		*old = one
	case one.rank > old.rank:
		r.Dropped = append(r.Dropped, Dropped{Name: key, Text: value, Why: DropNoPlace})
	case isOne(n.param) && p.isUnfilled(n.param, &one):
		// It stands for none: the one before is not in doubt.
		r.Dropped = append(r.Dropped, Dropped{Name: key, Text: value, Why: DropNoPlace})
	case r.conflict == nil && isOne(n.param):
		r.conflict = &Problem{schemas.RejectTwoValues, n.param, n.name, value,
			"one value; " + old.Name + " is " + strconv.Quote(string(old.Text[:min(len(old.Text), maxMarkedBytes)])) + " before"}
	}
}

// isOne tells the parameters that have one value: what a conversion is, and what it pays.
func isOne(n Param) bool {
	switch n {
	case ClickID, Event, Status, Payout, SaleAmount, PayoutCurrency, TxID, Timestamp, Network, Fraud:
		return true
	}
	return false
}

// SameValue tells whether two values of a parameter say the same: 1 and 1.00, usd and USD. Of amounts it tells as their network
// writes them: with a comma for the decimal mark 1.000 is a thousand, and not 1.
func (p *Postback) SameValue(n Param, a, b []byte) bool {
	a, b = bytes.TrimSpace(a), bytes.TrimSpace(b)
	if bytes.Equal(a, b) {
		return true
	}
	switch n {
	case Event, Status, PayoutCurrency:
		return bytes.EqualFold(a, b)
	case Payout, SaleAmount:
		one, code, ok := p.amount(a)
		other, otherCode, otherOK := p.amount(b)
		return ok && otherOK && one == other && code == otherCode
	}
	return false
}

// amount reads an amount, and what stands beside it for its currency.
func (p *Postback) amount(text []byte) (micros int64, currency string, ok bool) {
	w, err := p.decimal.Read(text)
	if err != nil {
		return 0, "", false
	}
	micros, err = money.ParseSigned(w.Plain)
	return micros, w.Code + w.Sign, err == nil
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

// ReadQuery takes the parameters of a raw query or of a form, also where something else stands for an ampersand between them.
func (p *Postback) ReadQuery(r *Reading, raw []byte) {
	p.readQuery(r, raw, query.ScanFor(raw, p.knows), query.DecodeID)
}

// Scan walks over the parameters of a query as ReadQuery does.
func (p *Postback) Scan(raw []byte) query.Scanner { return query.ScanFor(raw, p.knows) }

// ReadSigned takes the parameters of a raw query or of a form of which a signature covers every byte. Where something else than "&"
// stands between them it is not sure what was signed: the problem is then that of the postback. An ID is decoded as the signature's
// message has it, where a plus is a space: one message must not be two IDs, by how the request happens to be encoded.
func (p *Postback) ReadSigned(r *Reading, raw []byte) *Problem {
	p.readQuery(r, raw, query.Scan(raw), query.Decode)
	for scan := query.Scan(raw); ; {
		key, value, ok := scan.Next()
		switch {
		case !ok:
			return nil
		case query.JoinedRaw(value, p.knows):
			return &Problem{schemas.RejectJoined, ParamUnknown, string(query.Marked(query.Decode(nil, key), schemas.MaxNameBytes)), value, rightJoined}
		}
	}
}

func (p *Postback) readQuery(r *Reading, raw []byte, scan query.Scanner, decodeID func(dst, raw []byte) []byte) {
	// Decoded text is never longer than raw, so one buffer does.
	text := make([]byte, 0, len(raw))
	before := paramName{param: ParamUnknown}
	for {
		key, value, ok := scan.Next()
		if !ok {
			return
		}
		if query.Encoded(key) {
			start := len(text)
			text = query.Decode(text, key)
			key = text[start:len(text):len(text)]
		}
		n, known := p.names[string(key)]
		decoded := value
		if query.Encoded(value) {
			start := len(text)
			if known && isID(n.param) {
				text = decodeID(text, value)
			} else {
				text = query.Decode(text, value)
			}
			decoded = text[start:len(text):len(text)]
		}
		if !known && query.CutByHTML(key) && r.conflict == nil && isOne(before.param) {
			cut := append(append(bytes.Clone(r.Values[before.param].Text), '&'), key...)
			r.conflict = &Problem{schemas.RejectJoined, before.param, before.name, cut, rightCharacter}
		}
		if before = n; !known {
			before.param = ParamUnknown
		}
		p.set(r, &n, known, key, value, decoded)
	}
}

// isID tells the parameters that query.DecodeID reads.
func isID(n Param) bool { return n == ClickID || n == TxID }
