package importer

import (
	"errors"
	"math/big"
	"strings"
	"time"

	"tributary/catalog/moment"
	"tributary/catalog/money"
)

// DecimalNames are the values of --decimal.
var DecimalNames = map[string]money.Decimal{"auto": money.DecimalAuto, "point": money.DecimalPoint,
	"comma": money.DecimalComma}

const rightAmount = "digits with a point, such as 0.0125"

// amount reads an amount as an export writes it and answers it as the edge reads it, with the currency's code or sign
// beside it. problem says what is wrong with it.
func amount(text string, decimal money.Decimal, cents bool) (plain string, micros int64, beside money.Written, problem,
	right string) {
	text = withoutExponent(strings.TrimSpace(text), decimal)
	written, err := decimal.Read([]byte(text))
	switch {
	case errors.Is(err, money.ErrComma):
		return "", 0, beside, err.Error(), "--decimal comma or --decimal point"
	case errors.Is(err, money.ErrGroups):
		return "", 0, beside, err.Error(), rightAmount + ", or another --decimal"
	case err != nil:
		return "", 0, beside, err.Error(), rightAmount
	}
	plain = string(written.Plain)
	if cents {
		r, ok := new(big.Rat).SetString(plain)
		if !ok || len(plain) > 30 {
			return "", 0, beside, "no decimal number", "an amount in hundredths, such as 125"
		}
		plain = r.Quo(r, big.NewRat(100, 1)).FloatString(9)
	}
	micros, err = money.Parse([]byte(plain))
	if err != nil {
		if strings.HasPrefix(plain, "-") {
			return "", 0, beside, "an amount below 0", rightAmount
		}
		return "", 0, beside, err.Error(), rightAmount
	}
	return string(money.Append(nil, micros)), micros, written, "", ""
}

// withoutExponent writes out what a spreadsheet shows of a small cost, 1.5e-05, with the decimal mark that is declared: whoever
// writes an exponent writes no thousands. Anything else stays as it is.
func withoutExponent(text string, decimal money.Decimal) string {
	pointed := strings.Replace(text, ",", ".", 1)
	plain := money.WithoutExponent([]byte(pointed))
	if string(plain) == pointed {
		return text
	}
	return string(decimal.Write(plain))
}

// DateOrders are the values of --dates.
var DateOrders = moment.Orders

const rightTime = "2026-01-31 12:00:00, RFC 3339, Unix seconds or milliseconds"

// when reads a time as an export writes it; zone is that of times that name none. It answers Unix milliseconds; of a
// day without a time, its beginning.
func when(text string, zone *time.Location, order moment.Order) (atMS int64, problem, right string) {
	at, err := moment.Read(text, moment.Rules{Zone: zone, Order: order})
	switch {
	case errors.Is(err, moment.ErrOrder):
		return 0, err.Error(), "--dates dmy or --dates mdy, or a date such as 2026-01-31"
	case err != nil:
		return 0, err.Error(), rightTime
	}
	return at.MS, "", ""
}
