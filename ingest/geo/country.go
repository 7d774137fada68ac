package geo

import (
	"net/netip"
	"strings"
	"time"

	"github.com/phuslu/iploc"
)

// country answers ISO 3166-1 alpha-2 by the embedded table, empty when the address belongs to none.
func country(addr netip.Addr) string {
	code := iploc.IPCountry(addr)
	if !isCountry(code) || code == "ZZ" {
		return ""
	}
	return code
}

// CountryTableDate is the day of the embedded table, which the library names its versions after; the zero time if it no longer
// does.
func CountryTableDate() time.Time {
	day, _ := time.Parse("20060102", iploc.Version[strings.LastIndexByte(iploc.Version, '.')+1:])
	return day
}
