package loadgen

import (
	"fmt"
	"math/big"
	"strings"
	"time"
)

const microsPerUnit = 1_000_000

// micros reads a decimal text such as "12.50" exactly. It panics on anything else: the texts are the generator's own.
func micros(text string) int64 {
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		panic(fmt.Sprintf("%q is not a decimal number", text))
	}
	r.Mul(r, big.NewRat(microsPerUnit, 1))
	if !r.IsInt() {
		panic(fmt.Sprintf("%q has more than six decimals", text))
	}
	return r.Num().Int64()
}

// amountText writes micros as the shortest decimal text with at least two decimals.
func amountText(amount int64) string {
	text := strings.TrimRight(fmt.Sprintf("%d.%06d", amount/microsPerUnit, amount%microsPerUnit), "0")
	if point := strings.IndexByte(text, '.'); len(text)-point < 3 {
		text += strings.Repeat("0", 3-(len(text)-point))
	}
	return text
}

// base converts an amount to the base currency at the rate of the UTC day of eventMS, rounding half to even.
func (s *Scenario) base(amount int64, currency string, eventMS int64) int64 {
	if amount < 0 {
		return -s.base(-amount, currency, eventMS)
	}
	if currency == s.BaseCurrency || amount == 0 {
		return amount
	}
	day := time.UnixMilli(eventMS).UTC().Format(time.DateOnly)
	found := ""
	from := ""
	for _, rate := range s.Rates {
		if rate.Currency == currency && rate.Date <= day && rate.Date >= from {
			found, from = rate.Rate, rate.Date
		}
	}
	if found == "" {
		panic(fmt.Sprintf("the scenario has no rate for %s on %s", currency, day))
	}
	rate, _ := new(big.Rat).SetString(found)
	exact := new(big.Rat).Mul(rate, new(big.Rat).SetInt64(amount))
	quotient, rest := new(big.Int).QuoRem(exact.Num(), exact.Denom(), new(big.Int))
	switch twice := rest.Lsh(rest, 1).Cmp(exact.Denom()); {
	case twice > 0, twice == 0 && quotient.Bit(0) == 1:
		quotient.Add(quotient, big.NewInt(1))
	}
	return quotient.Int64()
}
