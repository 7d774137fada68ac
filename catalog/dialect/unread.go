package dialect

import (
	"bytes"

	"tributary/catalog/query"
	"tributary/schemas"
)

// A parameter that a network's dialect does not have is left out, counted and shown. It is refused where its name says
// that it is what the postback lacks: a payout, the payout's currency, a status, an event type, a transaction ID. Else
// "amount=12.5" would be booked at the offer's payout, "conversion_status=rejected" as approved, two "order_id" as one
// conversion. The rule asks for names that hardly anybody gives to anything else; "price", "total", "value", "id"
// and "oid", which is an offer as often as an order, are not among them. What the customer paid is no payout:
// "sale_amount" and "order_currency" are left out like any other. Where a name says it half, the value has to say the
// rest: "currency_rate=1.08" is no currency, "fraud=0" no fraud, "marital_status=single" and "state=CA" no status, and
// "state=rejected" (docs.adgatemedia.com/postbacks/postback-information) and "type=chargeback" are one.

// The names are in lower case without what joins their words.
var (
	eventNamed = setOf("event", "eventid", "eventname", "eventtype", "eventcode", "goal", "goalid", "goalname", "goalref",
		"goalalias", "goaltype", "conversiontype", "conversionevent", "actiontype", "cet", "et")
	txidNamed = setOf("txid", "txnid", "tid", "transactionid", "transid", "transaction", "orderid", "ordernumber",
		"orderno", "conversionid", "convid", "actionid", "leadid", "saleid", "invoiceid", "paymentid", "depositid",
		"uniqueid", "conversionuniqueid")
	payoutNamed = setOf("amount", "amt", "sum", "summ", "rev", "payment", "paymentamount", "profit", "income", "money",
		"usdvalue", "bounty", "reward")
	currencyNamed = setOf("cur", "ccy", "curr", "valuta")
)

// payoutWords make a payout's name of any that has them, unless one of besidePayout makes something else of it:
// payout_type. besideCurrency does so of a name with "currency" in it: order_currency.
var (
	payoutWords  = words("payout", "revenue", "commission", "comission", "earning")
	besidePayout = words("type", "model", "name", "date", "time", "percent", "pct", "method", "share", "rate", "plan",
		"level", "tier", "group")
	besideCurrency = words("order", "sale", "cart", "basket", "purchase", "product", "item", "customer", "buyer", "shop",
		"store", "rate", "symbol", "sign", "format", "position")
)

// A name with "status" in it is the status where one of statusOf stands before it, and else where its value is one of
// statusWords.
var (
	statusOf = setOf("", "cnv", "conversion", "conv", "commission", "transaction", "trans", "tx", "order", "sale", "lead",
		"action", "payment", "payout", "event", "goal", "approval", "postback", "deposit", "affiliate", "affiliation",
		"network", "aff", "adv", "new", "current")
	statusWords = setOf("registered", "pending", "approved", "rejected", "chargeback", "declined", "decline", "reject",
		"approve", "confirmed", "confirm", "accepted", "paid", "unpaid", "cancelled", "canceled", "cancel",
		"refunded", "refund", "reversed", "reversal", "trash", "fraud", "invalid", "void", "voided", "hold", "onhold", "waiting",
		"returned", "deleted", "denied", "failed", "expired", "lead", "sale", "rebill", "chargedback")
	// A name that ends with one of turnEnds is the status where its value takes the conversion back: type=chargeback.
	// "type=lead" is an event type, or anything.
	turnEnds  = words("type", "action", "result", "operation")
	takenBack = setOf("rejected", "reject", "chargeback", "chargedback", "declined", "decline", "cancelled", "canceled", "cancel", "refunded",
		"refund", "reversed", "reversal", "trash", "fraud", "void", "voided", "returned", "denied")
)

// flags tell by their value whether the postback would be misread without them: true where yes means what a postback
// without a status is taken for.
var (
	flags = map[string]bool{
		"approved": true, "isapproved": true, "rejected": false, "isrejected": false, "declined": false,
		"isdeclined": false, "reversed": false, "isreversed": false, "reversal": false, "chargeback": false,
		"ischargeback": false, "refund": false, "refunded": false, "isrefund": false, "cancelled": false, "canceled": false,
		"trash": false, "istrash": false, "fraud": false, "isfraud": false,
	}
	yes = setOf("1", "true", "yes", "y")
	no  = setOf("0", "false", "no", "n", "none")
)

func words(list ...string) [][]byte {
	all := make([][]byte, len(list))
	for i, word := range list {
		all[i] = []byte(word)
	}
	return all
}

// partNamed returns which part of a postback the name of a parameter says it is, ParamUnknown for none. half is what
// its value has to say besides; nil where the name says it all. A name that is a path, data.txid or data[txid], is what
// its end says where it says nothing as a whole.
func (p *Postback) partNamed(name []byte) (part Param, half func(value []byte) bool) {
	if part, half = p.partOf(name); part != ParamUnknown {
		return part, half
	}
	if end := pathEnd(name); len(end) < len(name) {
		return p.partOf(end)
	}
	return ParamUnknown, nil
}

// pathEnd is the last word of a name that is a path: txid of data.txid, data[txid] and data[txid][].
func pathEnd(name []byte) []byte {
	name = bytes.TrimRight(name, "[]0123456789")
	if i := bytes.LastIndexAny(name, ".["); i >= 0 {
		return name[i+1:]
	}
	return name
}

func (p *Postback) partOf(name []byte) (part Param, half func(value []byte) bool) {
	if len(name) > schemas.MaxNameBytes {
		return ParamUnknown, nil
	}
	var buf [schemas.MaxNameBytes]byte
	plain := bytes.TrimRight(folded(buf[:0], name), "0123456789")
	switch {
	case bytes.Contains(plain, []byte("currency")) || currencyNamed[string(plain)]:
		if hasAny(plain, besideCurrency) {
			return ParamUnknown, nil
		}
		return PayoutCurrency, p.isOtherCurrency
	case bytes.Contains(plain, []byte("status")):
		before, after, _ := bytes.Cut(plain, []byte("status"))
		if statusOf[string(before)] && (len(after) == 0 || string(after) == "code" || string(after) == "id") {
			return Status, nil
		}
		return Status, isStatusWord
	case bytes.HasSuffix(plain, []byte("state")): // that of an address is no such word
		return Status, isStatusWord
	case eventNamed[string(plain)]:
		return Event, nil
	case txidNamed[string(plain)]:
		return TxID, nil
	case payoutNamed[string(plain)]:
		return Payout, hasDigit
	}
	if positive, ok := flags[string(plain)]; ok {
		return Status, func(value []byte) bool { return !isWord(value, yes, positive) && !isWord(value, no, !positive) }
	}
	for _, word := range payoutWords {
		if before, after, ok := bytes.Cut(plain, word); ok {
			if hasAny(plain, besidePayout) || len(before) == 0 && string(after) == "id" {
				break
			}
			return Payout, hasDigit // what has no digit is no amount
		}
	}
	for _, end := range turnEnds {
		if bytes.HasSuffix(plain, end) {
			return Status, isTakenBack
		}
	}
	return ParamUnknown, nil
}

// folded appends the letters and digits of a text, in lower case.
func folded(dst, text []byte) []byte {
	for _, c := range text {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			dst = append(dst, c)
		}
	}
	return dst
}

func hasAny(text []byte, words [][]byte) bool {
	for _, word := range words {
		if bytes.Contains(text, word) {
			return true
		}
	}
	return false
}

// isOtherCurrency tells whether a value is not the code of the currency that holds anyway.
func (p *Postback) isOtherCurrency(value []byte) bool {
	return !bytes.EqualFold(value, []byte(p.currency))
}

func isTakenBack(value []byte) bool { return isWord(value, takenBack, true) }

func isStatusWord(value []byte) bool { return isWord(value, statusWords, true) }

// isWord tells whether a value is one of some words, in any case; never where asked is false.
func isWord(value []byte, words map[string]bool, asked bool) bool {
	var buf [maxMarkedBytes]byte
	return asked && len(value) <= maxMarkedBytes && words[string(folded(buf[:0], value))]
}

// Unread returns the first parameter that the dialect does not have and whose name says that it is what the postback lacks; nil for none.
func (p *Postback) Unread(r *Reading) *Problem {
	for i := range r.Dropped {
		d := &r.Dropped[i]
		if d.Why != DropUnknown {
			continue
		}
		if d.meant != nil {
			if problem := p.unequal(r, d); problem != nil {
				return problem
			}
			continue
		}
		if part, half := p.partNamed(d.Name); part != ParamUnknown && p.lacks(r, part) && (half == nil || half(d.Text)) {
			return &Problem{schemas.RejectUnread, part, string(d.Name), d.Text, p.rightUnread(part, d.Name)}
		}
	}
	return nil
}

// unequal returns the problem of a parameter such as "payout:5", if it would be what the postback lacks with an equals
// sign.
func (p *Postback) unequal(r *Reading, d *Dropped) *Problem {
	part, half := ParamUnknown, (func(value []byte) bool)(nil)
	if n, known := p.names[string(d.meant)]; !known {
		part, half = p.partNamed(d.meant)
	} else if isOne(n.param) {
		part = n.param
	}
	if part == ParamUnknown || !p.lacks(r, part) || half != nil && !half(d.Text) {
		return nil
	}
	return &Problem{schemas.RejectUnread, part, string(query.Marked(d.Name, schemas.MaxNameBytes)), d.Text,
		p.Name(part) + "=VALUE, with an equals sign"}
}

// lacks tells whether nothing that was taken is that part of the postback.
func (p *Postback) lacks(r *Reading, part Param) bool {
	switch part {
	case PayoutCurrency:
		return r.Values[PayoutCurrency].Text == nil && r.Values[Payout].Text != nil
	case Status:
		return r.Values[Status].Text == nil && r.Values[Fraud].Text == nil
	}
	return r.Values[part].Text == nil
}

// rightUnread says how the network's configuration takes a parameter, or leaves it out.
func (p *Postback) rightUnread(part Param, name []byte) string {
	return p.Name(part) + " in its place, or in the network's params: {" + string(name) + ": " + part.String() + "} to take it, {" + string(name) + ": ignored} to leave it out"
}

// UnreadNames returns the first of the names of a table's columns that is unread where no other column is that part;
// -1 for none. Where a status' name leaves it to the values, each line is asked.
func (p *Postback) UnreadNames(names [][]byte) (at int, part Param) {
	has := map[Param]bool{}
	for _, name := range names {
		has[p.Param(name)] = true
	}
	for i, name := range names {
		if p.Param(name) != ParamUnknown {
			continue
		}
		part, half := p.partNamed(name)
		if part != ParamUnknown && !has[part] && (part != Status || half == nil) && (part != PayoutCurrency || has[Payout]) {
			return i, part
		}
	}
	return -1, ParamUnknown
}
