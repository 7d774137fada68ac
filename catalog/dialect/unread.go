package dialect

import (
	"bytes"

	"tributary/schemas"
)

// A parameter that a network's dialect does not have is left out, counted and shown. It is refused where its name says that it is what
// the postback lacks: a payout, the payout's currency, a status, an event type, a transaction ID. Else "amount=12.5" would be booked at
// the offer's payout, "conversion_status=rejected" as approved, two "order_id" as one conversion. The rule asks for names that hardly
// anybody gives to anything else; "price", "total", "value", "type", "state" and "id" are not among them. What the customer paid is no
// payout: "sale_amount" is left out like any other.

// statusNamed, eventNamed, txidNamed, payoutNamed and currencyNamed are whole names, in lower case without what joins their words.
var (
	statusNamed = setOf("approved", "isapproved", "rejected", "isrejected", "declined", "isdeclined", "reversed", "isreversed", "reversal", "chargeback", "ischargeback",
		"refund", "refunded", "isrefund", "cancelled", "canceled", "trash", "istrash", "fraud", "isfraud", "disposition")
	eventNamed = setOf("event", "eventid", "eventname", "eventtype", "eventcode", "goal", "goalid", "goalname", "goalref", "goalalias", "goaltype", "conversiontype",
		"conversionevent", "actiontype", "cet", "et")
	txidNamed = setOf("txid", "txnid", "tid", "transactionid", "transid", "transaction", "orderid", "ordernumber", "orderno", "conversionid", "convid", "actionid", "leadid",
		"saleid", "invoiceid", "paymentid", "depositid", "uniqueid", "conversionuniqueid", "oid")
	payoutNamed   = setOf("amount", "amt", "sum", "summ", "rev", "payment", "paymentamount", "profit", "income", "money", "usdvalue", "bounty", "reward")
	currencyNamed = setOf("cur", "ccy", "curr", "valuta", "iso4217")
	payoutWords   = [][]byte{[]byte("payout"), []byte("revenue"), []byte("commission"), []byte("comission"), []byte("earning")}
	// besidePayout make of a payout's name one of something else: payout_type, payout_id.
	besidePayout = [][]byte{[]byte("type"), []byte("model"), []byte("name"), []byte("date"), []byte("time"), []byte("percent"), []byte("method")}
)

// partOf answers which part of a postback the name of a parameter says it is, ParamUnknown for none.
func partOf(name, value []byte) Param {
	if len(name) > schemas.MaxNameBytes {
		return ParamUnknown
	}
	var buf [schemas.MaxNameBytes]byte
	plain := buf[:0]
	for _, c := range name {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			plain = append(plain, c)
		}
	}
	plain = bytes.TrimRight(plain, "0123456789")
	switch {
	case bytes.Contains(plain, []byte("currency")) || currencyNamed[string(plain)]:
		return PayoutCurrency
	case bytes.Contains(plain, []byte("status")) || statusNamed[string(plain)]:
		return Status
	case eventNamed[string(plain)]:
		return Event
	case txidNamed[string(plain)]:
		return TxID
	case payoutNamed[string(plain)]:
		return amountIn(value)
	}
	for _, word := range payoutWords {
		if bytes.Contains(plain, word) {
			for _, beside := range besidePayout {
				if bytes.Contains(plain, beside) {
					return ParamUnknown
				}
			}
			return amountIn(value)
		}
	}
	return ParamUnknown
}

// amountIn: what has no digit is no amount.
func amountIn(value []byte) Param {
	if bytes.ContainsAny(value, "0123456789") {
		return Payout
	}
	return ParamUnknown
}

// Unread answers the first parameter that the dialect does not have and whose name says that it is what the postback lacks; nil for none.
func (p *Postback) Unread(r *Reading) *Problem {
	for i := range r.Dropped {
		d := &r.Dropped[i]
		if d.Why != DropUnknown {
			continue
		}
		if part := partOf(d.Name, d.Text); part != ParamUnknown && p.lacks(r, part) {
			return &Problem{schemas.RejectUnread, part, string(d.Name), d.Text, p.rightUnread(part, d.Name)}
		}
	}
	return nil
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

// UnreadNames answers the first of the names of a table's columns that is unread where no other column is that part; -1 for none.
func (p *Postback) UnreadNames(names [][]byte) (at int, part Param) {
	has := map[Param]bool{}
	for _, name := range names {
		has[p.Param(name)] = true
	}
	for i, name := range names {
		if p.Param(name) != ParamUnknown {
			continue
		}
		part := partOf(name, []byte("0"))
		if part != ParamUnknown && !has[part] && (part != PayoutCurrency || has[Payout]) {
			return i, part
		}
	}
	return -1, ParamUnknown
}
