package report

import "tributary/schemas"

// What the entries of a conversion say of a column: the first, in which the click is told, and the latest. An entry
// with seq 0 changed the score alone.
const (
	ofFirst = "argMin(c.{name}, (c.seq = 0, c.seq))"
	ofLast  = "argMax(c.{name}, c.seq)"
)

var conversionFields = []field{
	{"conversion_id", "String", "c.conversion_id", "Identity of the conversion: 32 hex digits derived from " +
		"(click ID, event, txid, correction or not)."},
	{"click_id", "String", ofFirst, "Click ID the conversion belongs to."},
	{"network", "String", ofFirst, "Network that sent the postback."},
	{"event", "String", ofFirst, "Event type (goal), lower case: lead, sale, reg, ftd …"},
	{"txid", "String", ofFirst, "The network's transaction ID; empty when it names none."},
	{"match", "String", ofFirst, "click (its click was found) or click_id (not found within the grace time; " +
		"campaign and source come from the signed click ID)."},
	{"foreign", "Bool", ofFirst, "The click ID is another tracker's."},
	{"correction", "Bool", "toBool(min(c.payout_original) < 0)", "It is a correction: a payout below 0, which " +
		"moves revenue and counts as no conversion. Count conversions where it is false."},
	{"campaign_id", "UInt32", ofFirst, "Campaign number of the click."},
	{"campaign", "String", ofFirst, "Latest name of the campaign."},
	{"source_id", "UInt32", ofFirst, "Source number of the click; 0 when undeclared."},
	{"source", "String", ofFirst, "Latest name of the source; of an undeclared one (0), what its link said."},
	{"offer_id", "UInt32", ofFirst, "Offer number of the click; 0 when its click was not found."},
	{"offer", "String", ofFirst, "Latest name of the offer."},
	{"country", "String", ofFirst, "Country of the click."},
	{"device", "String", ofFirst, "Device of the click."},
	{"os", "String", ofFirst, "Operating system of the click."},
	{"browser", "String", ofFirst, "Browser of the click."},
	{"subs", "Array(String)", ofFirst, "sub1…sub20 of the click link in order; trailing empty ones are left out."},
	{"external_id", "String", ofFirst, "The traffic source's own ID of the click."},
	{"status", "String", ofLast, "Status now."},
	{"original_status", "String", ofLast, "The network's word behind the status now."},
	{"payout", "Decimal(18, 6)", ofLast, "Payout now, base currency."},
	{"payout_original", "Decimal(18, 6)", ofLast, "Payout now, in units of currency."},
	{"currency", "String", ofLast, "ISO 4217 code of payout_original."},
	{"transitions", "UInt64", "countIf(c.seq > 0)", "Ledger entries that changed status or payout, the first " +
		"included."},
	{"revenue_hold", "Decimal(38, 6)", "sum(c.revenue_hold_delta)", "sum of revenue_hold_delta, base currency."},
	{"revenue_confirmed", "Decimal(38, 6)", "sum(c.revenue_confirmed_delta)", "sum of revenue_confirmed_delta, " +
		"base currency."},
	{"score", "UInt32", "argMax(c.score, (c.received_at, c.seq))", "Score of the latest entry, 0 to 100."},
	{"flagged", "Int64", "sum(c.flagged_delta)", "1 when flagged now: sum of flagged_delta."},
	{"click_at", "DateTime64(3, 'UTC')", "min(c.click_at)", "When its click happened, UTC."},
	{"first_received_at", "DateTime64(3, 'UTC')", "min(c.received_at)", "When its first postback was accepted, UTC."},
	{"last_received_at", "DateTime64(3, 'UTC')", "max(c.received_at)", "When its latest postback was accepted, UTC."},
}

// conversions is the view conversions_current: the ledger's entries of each conversion, folded.
func conversions() view {
	query := "    SELECT\n        " + selected(conversionFields, ",\n        ") + `
    FROM {database}.conversions AS c
    GROUP BY c.conversion_id`
	return view{
		name:    "conversions_current",
		comment: "State of each conversion and each correction now, one row each: its ledger entries folded.",
		columns: shownAs(conversionFields),
		query:   renamed(namesAmong(conversionFields), query, "named"),
	}
}

// namesAmong are the fields that are names of numbers.
func namesAmong(fields []field) []*schemas.Dimension {
	var list []*schemas.Dimension
	for _, f := range fields {
		if d := schemas.DimensionNamed(f.name); d != nil && d.NameOf != "" {
			list = append(list, d)
		}
	}
	return list
}
