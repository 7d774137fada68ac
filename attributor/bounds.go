package attributor

import (
	"fmt"
	"slices"
	"strconv"

	"tributary/schemas"
	"tributary/schemas/events"
	"tributary/schemas/state"
)

// The bounds of money. They depend on the postback, which carries what its network had declared when the edge accepted
// it, and on the book: a replay refuses what was refused before, whatever the catalog says by then.

// inRange tells whether an amount is one that the edge may write.
func inRange(micros int64) bool {
	return micros >= -schemas.MaxMoneyMicros && micros <= schemas.MaxMoneyMicros
}

// amountProblem says why a postback's amount cannot be the edge's, which holds it against the same bounds; "" when it
// can. A record that was produced past the edge must not book what no network could.
func amountProblem(pb *events.Postback) string {
	if !pb.HasPayout {
		return ""
	}
	if !inRange(pb.PayoutMicros) || !inRange(pb.PayoutBaseMicros) {
		return fmt.Sprintf("a payout of %s %s, %s in the base currency, is beyond %s either way", units(pb.PayoutMicros), pb.Currency,
			units(pb.PayoutBaseMicros), units(schemas.MaxMoneyMicros))
	}
	if limit := pb.MaxPayoutBaseMicros; limit > 0 && (pb.PayoutBaseMicros > limit || pb.PayoutBaseMicros < -limit) {
		return fmt.Sprintf("a payout of %s in the base currency is beyond the %s that network %s may pay (max_payout)", units(pb.PayoutBaseMicros),
			units(limit), pb.Network)
	}
	return ""
}

// ClickAmountProblem says why a click's amounts cannot be the edge's; "" when they can.
func ClickAmountProblem(c *events.Click) string {
	if inRange(c.CostMicros) && inRange(c.CostBaseMicros) && inRange(c.OfferPayoutMicros) && inRange(c.OfferPayoutBaseMicros) {
		return "" // every click comes by here
	}
	for _, amount := range [...]struct {
		name   string
		micros int64
	}{
		{"cost", c.CostMicros}, {"cost in the base currency", c.CostBaseMicros},
		{"offer payout", c.OfferPayoutMicros}, {"offer payout in the base currency", c.OfferPayoutBaseMicros},
	} {
		if !inRange(amount.micros) {
			return fmt.Sprintf("the %s, %s, is beyond %s either way", amount.name, units(amount.micros), units(schemas.MaxMoneyMicros))
		}
	}
	return ""
}

// units writes micros for a person, exactly.
func units(micros int64) string {
	text := strconv.FormatInt(micros, 10)
	sign := ""
	if text[0] == '-' {
		sign, text = "-", text[1:]
	}
	for len(text) < 7 {
		text = "0" + text
	}
	whole, part := text[:len(text)-6], text[len(text)-6:]
	for part != "" && part[len(part)-1] == '0' {
		part = part[:len(part)-1]
	}
	if part == "" {
		return sign + whole
	}
	return sign + whole + "." + part
}

// tooMany says why the postback's network may make no more of the click; "" when it may. The bound holds for its
// transactions: a conversion and its correction, in whichever order they come, are one, so that the bound takes both or
// neither, and what is booked of a transaction is all that was booked or nothing. A correction whose conversion was
// refused is refused too.
func tooMany(book *state.Book, pb *events.Postback) string {
	most := int(pb.MaxConversions)
	if most == 0 || len(book.Items) < most {
		return ""
	}
	same, transactions, known := 0, 0, false
	for _, item := range book.Items {
		switch {
		case !isOf(item, pb.Network):
			continue
		case isCorrection(item) == corrects(pb):
			same++
		case item.Event == pb.Event && item.Txid == pb.Txid:
			known = true
		}
		if !isCorrection(item) || !hasConversion(book, item, pb.Network) {
			transactions++
		}
	}
	switch {
	case same >= most:
		return fmt.Sprintf("this click has %d %ss of network %s already, which may make %d (max_conversions_per_click)", same, kindOf(pb), pb.Network, most)
	case known || transactions < most:
		return ""
	case corrects(pb):
		return fmt.Sprintf("this corrects a conversion (event %q, txid %q) that is not booked, and network %s has made %d of this click already, of %d (max_conversions_per_click)",
			pb.Event, pb.Txid, pb.Network, transactions, most)
	}
	return fmt.Sprintf("network %s has %d transactions of this click already, conversions and corrections that came before theirs, and may make %d (max_conversions_per_click)",
		pb.Network, transactions, most)
}

// hasConversion tells whether the network's conversion that an item corrects is in the book. One without a transaction ID
// corrects any of its event that has none either.
func hasConversion(book *state.Book, correction *state.Item, network string) bool {
	return slices.ContainsFunc(book.Items, func(item *state.Item) bool {
		return !isCorrection(item) && item.Event == correction.Event && item.Txid == correction.Txid && isOf(item, network)
	})
}
