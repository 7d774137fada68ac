package catalog

import (
	"slices"
	"strings"

	"github.com/bojanz/currency"
)

// withdrawn are codes that ISO 4217 took out of use since 2011 (its list three): costs and payouts of then may still be
// imported or corrected.
var withdrawn = []string{
	"ANG",
	"BGN",
	"BYR",
	"CUC",
	"EEK",
	"HRK",
	"LTL",
	"LVL",
	"MRO",
	"SLL",
	"STD",
	"VEF",
	"ZMK",
	"ZWL",
}

// RightCurrency says what would be right in place of a code that IsCurrencyCode does not know, for error texts: amounts
// in a coin such as BTC or USDT have no code, so that they have to be converted before they are sent.
func RightCurrency(code string) string {
	if upper := strings.ToUpper(strings.TrimSpace(code)); upper != code && IsCurrencyCode(upper) {
		return upper
	}
	if coins[strings.ToUpper(strings.TrimSpace(code))] {
		return "the currency that the coin is paid out in, such as USD, with every amount in it: a coin has no code of " +
			"ISO 4217, and no amount of one is kept"
	}
	return "three upper-case letters of that list, such as USD or EUR"
}

// coins are those that networks of this trade pay in.
var coins = map[string]bool{
	"BTC": true, "XBT": true, "ETH": true, "USDT": true, "USDC": true, "BUSD": true, "DAI": true, "TUSD": true,
	"LTC": true, "BCH": true, "TRX": true, "BNB": true, "SOL": true, "TON": true, "XRP": true, "DOGE": true, "ADA": true,
	"XMR": true, "MATIC": true,
}

// IsCurrencyCode tells whether code is one of ISO 4217, in upper case: of a currency in use, or in use since 2011.
func IsCurrencyCode[T string | []byte](code T) bool {
	return len(code) == 3 && currency.IsValid(string(code)) || slices.Contains(withdrawn, string(code))
}
