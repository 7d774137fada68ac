package catalog

import (
	"tributary/catalog/moment"
	"tributary/catalog/money"
)

// decimal resolves how amounts are written.
func (b *builder) decimal(field, name string) money.Decimal {
	d, known := money.Decimals[name]
	if !known {
		b.problem(field, "%q is unknown; right would be %s, or to leave it out", name, money.DecimalNames)
	}
	return d
}

// written checks how a network writes amounts and times.
func (b *builder) written(field string, out *Network, n NetworkConfig) {
	var known bool
	out.Decimal = b.decimal(field+".decimal", n.Decimal)
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
