package catalog

import (
	"slices"

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

// IsCurrencyCode tells whether code is one of ISO 4217, in upper case: of a currency in use, or in use since 2011.
func IsCurrencyCode[T string | []byte](code T) bool {
	return len(code) == 3 && currency.IsValid(string(code)) || slices.Contains(withdrawn, string(code))
}
