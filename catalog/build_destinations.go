package catalog

import (
	"fmt"
	"slices"
	"strings"

	"tributary/catalog/destination"
)

// destinations checks and compiles whom conversions are told to.
func (b *builder) destinations(list []destination.Config) {
	built, problems := destination.Build(list, destination.Known{
		Campaign: func(name string) bool { c := b.cat.campaigns[name]; return c != nil && c.Name == name },
		Source:   func(name string) bool { return b.cat.sources[name] != nil },
		Offer:    func(name string) bool { return b.offers[name] != nil },
		Network:  func(name string) bool { return b.cat.networks[name] != nil },
		Currency: func(code string) string {
			switch {
			case b.cat.currencies[code] != nil:
				return ""
			case !IsCurrencyCode(code):
				return fmt.Sprintf("%q is no ISO 4217 code; right would be %s", code, RightCurrency(code))
			}
			return fmt.Sprintf("no exchange rate is declared for %s; add one to exchange_rates", code)
		},
	})
	b.problems = append(b.problems, problems...)
	slices.SortFunc(built, func(a, b *destination.Destination) int { return strings.Compare(a.Name, b.Name) })
	b.cat.destinations = built
}
