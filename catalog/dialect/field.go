package dialect

import (
	"strconv"

	"tributary/schemas"
)

// Field is what a parameter of a click link means.
type Field uint8

const (
	// Unknown is a parameter that the dialect does not have.
	Unknown Field = iota
	// Ignored is one that it has and a click has no place for.
	Ignored
	Campaign
	Source
	ExternalID
	Keyword
	Creative
	Cost
	Currency
	// Sub1 is sub1; Sub answers the others.
	Sub1

	// Fields is how many there are.
	Fields = int(Sub1) + schemas.MaxSubs
)

// Sub is the field sub<n>, n from 1 to schemas.MaxSubs.
func Sub(n int) Field { return Sub1 + Field(n-1) }

var fieldNames = [Sub1]string{"unknown", "ignored", "campaign", "source", "external_id", "keyword", "creative", "cost", "currency"}

// String is the field's name in a native link: "cost", "sub3".
func (f Field) String() string {
	if f < Sub1 {
		return fieldNames[f]
	}
	return "sub" + strconv.Itoa(int(f-Sub1)+1)
}

// FieldNames lists the names that ParseField knows, for error texts.
const FieldNames = "source, external_id, keyword, creative, cost, currency, sub1 to sub20, ignored"

// ParseField reads a field's name as a configuration writes it.
func ParseField(name string) (Field, bool) {
	for f := Ignored; int(f) < Fields; f++ {
		if f != Campaign && f.String() == name {
			return f, true
		}
	}
	return Unknown, false
}

// Param is what a parameter of a postback means.
type Param uint8

const (
	// ClickID is the ID that the click's link passed on.
	ClickID Param = iota
	Event
	Status
	// Payout is what the conversion pays.
	Payout
	// SaleAmount is what the customer paid; only the network knows what share of it the conversion pays.
	SaleAmount
	// PayoutCurrency is the ISO 4217 code of the payout.
	PayoutCurrency
	TxID
	// Timestamp is when it happened.
	Timestamp
	// Token is the shared secret that the sender proves itself with.
	Token
	// Network is the network's name in the catalog; only native postbacks have one.
	Network
	// Fraud is a flag: 1 rejects the conversion.
	Fraud
	// Return is what the sender wants to be answered.
	Return
	// PendingWords, ApprovedWords, RejectedWords are lists of status words with their meaning for this request.
	PendingWords
	ApprovedWords
	RejectedWords
	// IgnoredWords is a list of status words to which nothing is to be done.
	IgnoredWords

	// Params is how many there are; they are the index of Reading.Values.
	Params

	// ParamProof is a parameter by which the sender proves itself in every dialect.
	ParamProof Param = 253
	// ParamIgnored is a parameter that the dialect has and a postback has no place for.
	ParamIgnored Param = 254
	// ParamUnknown is one that the dialect does not have.
	ParamUnknown Param = 255
)

var paramNames = [Params]string{"click_id", "event", "status", "payout", "sale_amount", "currency", "txid", "ts", "token", "network", "fraud", "return",
	"pending_words", "approved_words", "rejected_words", "ignored_words"}

// String is the parameter's name: that of a native postback where it has one.
func (p Param) String() string {
	switch {
	case p < Params:
		return paramNames[p]
	case p == ParamProof:
		return "proof"
	case p == ParamIgnored:
		return "ignored"
	}
	return "unknown"
}

// ParamNames lists the names that ParseParam knows, for error texts.
const ParamNames = "click_id, event, status, payout, sale_amount, currency, txid, ts, token, ignored"

// ParseParam reads a parameter's meaning as a configuration writes it.
func ParseParam(name string) (Param, bool) {
	for p := ClickID; p <= Token; p++ {
		if paramNames[p] == name {
			return p, true
		}
	}
	return ParamIgnored, name == "ignored"
}
