package ingest

import (
	"time"

	"tributary/catalog"
	"tributary/catalog/money"
	"tributary/schemas"
)

// price sets what the click cost. A link's cost that cannot be read or converted gives way to the campaign's own.
func (e *Edge) price(v *visit, cat *catalog.Catalog, campaign *catalog.Campaign, source *catalog.Source, atMS int64, strict bool) *refusal {
	c := &v.event
	if len(v.cost) > 0 {
		refused := namedPrice(v, cat, campaign, source, atMS, strict)
		if refused == nil {
			return nil
		}
		if strict {
			return refused
		}
		if refused.Field == "currency" {
			e.metrics.sanitized[fieldCurrency].Inc()
		} else {
			e.metrics.sanitized[fieldCost].Inc()
		}
	}
	c.CostMicros, c.Currency = campaign.CostMicros, campaign.Currency.Code
	c.CostBaseMicros = nearestBase(campaign.Currency, campaign.CostMicros, atMS)
	return nil
}

// namedPrice reads the cost that the click itself names. Whoever posts clicks writes amounts as this tracker has
// them, and not as the source's links do.
func namedPrice(v *visit, cat *catalog.Catalog, campaign *catalog.Campaign, source *catalog.Source, atMS int64,
	posted bool) *refusal {
	decimal, currency := costRules(campaign, source)
	if posted {
		decimal = money.DecimalPlain
	}
	micros, currency, refused := costOf(cat, v.cost, v.currency, decimal, v.named.PerMille, currency)
	if refused != nil {
		if posted && refused.Reason == schemas.RejectBadCost {
			refused.WouldBeRight = rightCost
		}
		return refused
	}
	base, refused := datedBase(currency, micros, atMS, schemas.RejectBadCost, "cost")
	if refused != nil {
		return refused
	}
	c := &v.event
	c.CostMicros, c.Currency, c.CostBaseMicros = micros, currency.Code, base
	return nil
}

// findCurrency resolves the code of an amount, in any case.
func findCurrency(cat *catalog.Catalog, code []byte) (*catalog.Currency, *refusal) {
	if len(code) == schemas.MaxCurrency {
		upper := [schemas.MaxCurrency]byte{}
		for i, c := range code {
			if c >= 'a' && c <= 'z' {
				c -= 'a' - 'A'
			}
			upper[i] = c
		}
		if found := cat.Currency(upper[:]); found != nil {
			return found, nil
		}
		if catalog.IsCurrencyCode(upper[:]) {
			return nil, refuse(schemas.RejectNoExchangeRate, "currency", "no exchange rate is declared for "+string(upper[:]),
				"a currency with a rate in catalog.exchange_rates")
		}
	}
	return nil, refuse(schemas.RejectBadCurrency, "currency", quoted(code)+" is no ISO 4217 code",
		catalog.RightCurrency(string(clip(code, schemas.MaxNameBytes))))
}

// datedBase converts at the rate in force; field is the amount's.
func datedBase(c *catalog.Currency, micros, atMS int64, tooLarge schemas.RejectReason, name string) (int64, *refusal) {
	rate, dated := c.Rate(atMS)
	if !dated {
		return 0, refuse(schemas.RejectNoExchangeRate, "currency",
			"no exchange rate of "+c.Code+" is in force on "+time.UnixMilli(atMS).UTC().Format(time.DateOnly),
			"a rate in catalog.exchange_rates with that date or an earlier one")
	}
	base, ok := rate.Convert(micros)
	if !ok {
		detail, right := "the amount in the base currency is above 1000000000", "an amount from 0 to 1000000000"
		if micros < 0 {
			detail, right = "the amount in the base currency is below -1000000000", "an amount of at least -1000000000"
		}
		return 0, refuse(tooLarge, name, detail, right)
	}
	return base, nil
}

// nearestBase converts a declared amount, whose click is kept in any case: before the first dated rate at that one.
func nearestBase(c *catalog.Currency, micros, atMS int64) int64 {
	rate, _ := c.Rate(atMS)
	if base, ok := rate.Convert(micros); ok {
		return base
	}
	return schemas.MaxMoneyMicros
}
