package attributor

import (
	"fmt"
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

// madeBy counts what the postback's network made of the click: its conversions, or its corrections for a correction.
// What was made by a postback that carried no bound is nobody's and counts for every network.
func madeBy(book *state.Book, pb *events.Postback) (n int) {
	for _, item := range book.Items {
		if isCorrection(item) == corrects(pb) && (item.Network == pb.Network || item.Network == "") {
			n++
		}
	}
	return n
}
