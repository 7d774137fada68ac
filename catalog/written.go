package catalog

import (
	"tributary/catalog/moment"
	"tributary/catalog/money"
)

// written checks how a network writes amounts and times.
func (b *builder) written(field string, out *Network, n NetworkConfig) {
	var known bool
	if out.Decimal, known = money.Decimals[n.Decimal]; !known {
		b.problem(field+".decimal", "%q is unknown; right would be %s, or to leave it out", n.Decimal,
			money.DecimalNames)
	}
	if n.Dates != "" {
		if out.Times.Order, known = moment.Orders[n.Dates]; !known {
			b.problem(field+".dates", "%q is unknown; right would be %s, or to leave it out", n.Dates,
				moment.OrderNames)
		}
	}
	if n.TimeZone != "" {
		out.Times.Zone = b.zone(field+".time_zone", n.TimeZone)
	}
}
