package report

import "tributary/schemas"

// mixed is the view offers_without_goal: whom the figures of an offer would mislead. What the processor's gauge of this
// name counts since its start, this names over all rows.
func mixed() view {
	g := grouped{by: dimensions("offer_id offer event"), columns: figures("conversions"), named: true}
	fields := []field{
		{"offer_id", "UInt32", "", "Offer number of the catalog."},
		{"offer", "String", "", "Latest name of the offer."},
		{"event_types", "Array(String)", "arrayMap(one -> one.1, arraySort(groupArray((event, conversions))) AS each)",
			"The event types that count together as its conversions, sorted: cr, ar, ap and cpa are of all of them."},
		{"counts", "Array(Int64)", "arrayMap(one -> one.2, each)", "How many conversions each of event_types has now, in " +
			"that order."},
	}
	return view{
		name: "offers_without_goal",
		comment: "Offers that show several event types and declare no goal (catalog.offers[].goal), so that their " +
			"conversions, cr, ar, ap and cpa are of several kinds together; empty where no figure mixes event types. An " +
			"offer is here until its clicks come with a goal. Reads a few columns of all clicks.",
		columns: shownAs(fields),
		query: "SELECT\n    " + selected(fields, ",\n    ") + "\nFROM\n(\n    " + g.sql("    ") + `
) AS counted
WHERE offer_id != 0 AND event != '' AND event != ` + quote(schemas.EventRebill) + ` AND conversions != 0
    AND offer_id NOT IN
    (
        SELECT offer_id
        FROM {database}.clicks
        GROUP BY offer_id
        HAVING argMax(notEmpty(goals), received_at)
    )
GROUP BY offer_id, offer
HAVING length(event_types) > 1`,
	}
}
