package ingest

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"tributary/catalog"
	"tributary/catalog/dialect"
	"tributary/catalog/moment"
	"tributary/catalog/money"
	"tributary/schemas"
)

// Amounts and times are read as their network writes them: by its decimal, time_zone and dates. What can be read two
// ways and is settled by none of these is refused, and the refusal names the setting.

// firstMS is the first number that is taken for milliseconds instead of seconds.
const firstMS = moment.FirstMS

// decimalOf is how the postback's network writes amounts.
func (p *postback) decimalOf() money.Decimal {
	if p.network == nil {
		return money.DecimalPlain
	}
	return p.network.Decimal
}

// readPayout reads the amount that is booked. currency is the one that holds when nothing stands beside the amount.
func (p *postback) readPayout(cat *catalog.Catalog, currency *catalog.Currency) (int64, *catalog.Currency, *refusal) {
	field := p.field(dialect.Payout)
	w, err := p.network.Decimal.Read(p.value(dialect.Payout))
	var micros int64
	if err == nil {
		micros, err = money.ParseSigned(w.Plain)
	}
	if err != nil {
		right := "digits with a point, such as 12.50"
		switch {
		case errors.Is(err, money.ErrComma):
			right += "; or decimal: comma (1.234,50) or point (1,234.50) for network " + p.network.Name
		case errors.Is(err, money.ErrGroups):
			right += "; or another decimal for network " + p.network.Name + ", one of " + money.DecimalNames
		}
		return 0, nil, refuse(schemas.RejectBadPayout, field, quoted(p.payout)+" is "+err.Error(), right)
	}
	currency, refused := besideAmount(cat, w, currency, len(p.value(dialect.PayoutCurrency)) > 0)
	if refused != nil {
		refused.Field = field
		return 0, nil, refused
	}
	return micros, currency, nil
}

// besideAmount settles the currency of an amount that may have one beside it: a code counts where no other says it, a
// sign has to fit.
func besideAmount(cat *catalog.Catalog, w money.Written, currency *catalog.Currency, said bool) (*catalog.Currency,
	*refusal) {
	switch {
	case w.Code != "" && w.Code != currency.Code && said:
		return nil, refuse(schemas.RejectBadCurrency, "",
			"the amount is in "+w.Code+", its currency is said to be "+currency.Code, "one currency, or none beside the amount")
	case w.Code != "" && w.Code != currency.Code:
		return findCurrency(cat, []byte(w.Code))
	case w.Sign != "" && !slices.Contains(money.Signs[w.Sign], currency.Code):
		return nil, refuse(schemas.RejectBadCurrency, "",
			"the amount is in "+w.Sign+", which does not stand for its currency "+currency.Code,
			"a parameter with the currency's code, one of "+strings.Join(money.Signs[w.Sign],
				", ")+"; or that currency for the network or the campaign")
	}
	return currency, nil
}

const rightCost = "digits with a point, such as 0.0125"

// costOf reads the cost that a click names, with the code of its currency if there is one. currency is the one that
// holds otherwise.
func costOf(cat *catalog.Catalog, cost, code []byte, decimal money.Decimal, perMille bool, currency *catalog.Currency) (
	int64, *catalog.Currency, *refusal) {
	w, err := decimal.Read(cost)
	var micros int64
	if err == nil {
		micros, err = money.Parse(w.Plain)
	}
	if err != nil {
		right := rightCost
		if errors.Is(err, money.ErrComma) || errors.Is(err, money.ErrGroups) {
			right += "; or decimal for its source: " + money.DecimalNames
		}
		return 0, nil, refuse(schemas.RejectBadCost, "cost", quoted(cost)+" is "+err.Error(), right)
	}
	if perMille {
		micros = (micros + 500) / 1000
	}
	var refused *refusal
	if len(code) > 0 {
		if currency, refused = findCurrency(cat, code); refused != nil {
			return 0, nil, refused
		}
	}
	if currency, refused = besideAmount(cat, w, currency, len(code) > 0); refused != nil {
		refused.Field = "currency"
	}
	return micros, currency, refused
}

// CostOf reads the cost of a click link as the edge does; source is nil for one that is not declared. problem says
// why the edge would not take it, and right what would be; empty when it would.
func CostOf(cat *catalog.Catalog, campaign *catalog.Campaign, source *catalog.Source, cost, code []byte,
	perMille bool) (micros int64, in *catalog.Currency, problem, right string) {
	decimal, currency := costRules(campaign, source)
	micros, in, refused := costOf(cat, cost, code, decimal, perMille, currency)
	if refused != nil {
		return 0, nil, refused.Detail, refused.WouldBeRight
	}
	return micros, in, "", ""
}

// costRules are how a link of a source writes its cost, and the currency that holds when it names none.
func costRules(campaign *catalog.Campaign, source *catalog.Source) (money.Decimal, *catalog.Currency) {
	if source == nil {
		return money.DecimalPlain, campaign.Currency
	}
	return source.Decimal, cmp.Or(source.Currency, campaign.Currency)
}

// legiblePayout is as much of the money as can be read, and the code of its currency, empty for the network's own.
func (p *postback) legiblePayout() (micros int64, code []byte, ok bool) {
	w, err := p.decimalOf().Read(p.value(dialect.Payout))
	if err != nil {
		return 0, nil, false
	}
	if micros, err = money.ParseSigned(w.Plain); err != nil {
		return 0, nil, false
	}
	if code = p.value(dialect.PayoutCurrency); len(code) == 0 {
		code = []byte(w.Code)
	}
	return micros, code, true
}

// asWritten writes a number of a JSON object, whose decimal mark is a point whoever sends it, as the network writes its
// amounts. A program that writes 100 as 1e2 has lost nothing of it.
func (p *postback) asWritten(key, number []byte) []byte {
	switch p.reader.Param(key) {
	case dialect.Payout, dialect.SaleAmount:
		return p.decimalOf().Write(money.WithoutExponent(number))
	case dialect.Timestamp:
		return money.WithoutExponent(number)
	}
	return number
}

// readAccepted reads what is known of a postback that was taken before: the query that was made of it has its amount
// with a point, whatever its network writes. What was read of its own body stays.
func (p *postback) readAccepted(rawQuery []byte) {
	var known dialect.Reading
	catalog.DialectPostback(&dialect.Native).ReadQuery(&known, rawQuery)
	if payout := &known.Values[dialect.Payout]; len(payout.Text) > 0 {
		payout.Text, payout.Raw = p.decimalOf().Write(payout.Text), nil
	}
	p.reading.Accepted(&known)
}

// resolveTime sets when the conversion happened. Of a day without a time it is the last moment that had come when the
// postback came, so that no conversion lies before its click.
func (p *postback) resolveTime(value []byte, now time.Time) *refusal {
	if len(value) == 0 {
		return nil
	}
	field := p.field(dialect.Timestamp)
	at, err := moment.Read(string(value), p.network.Times)
	if err != nil {
		right, what := moment.Right, " cannot be read: "+err.Error()
		switch {
		case errors.Is(err, moment.ErrSyntax):
			if what = " is no time"; p.network.Times.Order != moment.OrderUnknown {
				right += "; or other dates for network " + p.network.Name + ": " + moment.OrderNames
			}
		case errors.Is(err, moment.ErrZone):
			right += "; or time_zone for network " + p.network.Name + ", such as Europe/Moscow"
		case errors.Is(err, moment.ErrOrder):
			right += "; or dates for network " + p.network.Name + ": " + moment.OrderNames
		}
		return refuse(schemas.RejectBadTimestamp, field, quoted(value)+what, right)
	}
	if at.MS > now.UnixMilli()+schemas.MaxClockSkewMS {
		return refuse(schemas.RejectBadTimestamp, field, quoted(value)+" lies more than a day ahead",
			"the time of the conversion; "+moment.Right)
	}
	p.event.EventMs = min(at.EndMS, max(at.MS, p.event.EventMs))
	return nil
}
