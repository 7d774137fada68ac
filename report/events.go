package report

import (
	"strings"

	"tributary/schemas"
)

// eventViews are the views of each event type by itself, by what else they tell apart. A new one is a line here.
var eventViews = []string{"campaign", "source", "offer", "campaign source", "campaign day"}

// events is the view of each event type: its own count, and its rate and cost beside the clicks of whatever else the view
// tells apart, which are the same in every row of it.
func events(by string) view {
	words := strings.Fields(by)
	g := grouped{named: true}
	for _, word := range append(words, "event") {
		d := must(schemas.DimensionNamed(word), "dimension", word)
		if d.NameOf != "" {
			g.by = append(g.by, must(schemas.DimensionNamed(d.NameOf), "dimension", d.NameOf))
		}
		g.by = append(g.by, d)
	}
	g.columns = figures("conversions=events registered=events_registered pending=events_pending approved=events_approved " +
		"rejected=events_rejected chargebacks=events_chargebacks revenue_hold revenue_confirmed revenue " +
		"own_clicks=clicks own_cost=cost")
	v := view{name: "events_by_" + strings.Join(words, "_"), comment: "Each event type's conversions by " +
		strings.Join(words, " and ") + ", whether or not the offer's goal has it. clicks and cost are those of the " +
		strings.Join(words, " and ") + ", the same for every event type: do not sum them over event types. Reads what " +
		"totals_by_hour reads."}
	var apart []string
	for _, d := range g.by {
		v.columns = append(v.columns, schemas.ViewColumn{Name: d.Name, Type: plain(d.Type), Comment: d.Comment})
		if d.Name != "event" {
			apart = append(apart, d.Name)
		}
	}
	for _, c := range g.columns {
		if strings.HasPrefix(c.name, "own_") {
			continue
		}
		means := strings.NewReplacer("of every event type, rebills too,", "of the event type", "of every event type", "of the event type",
			"Of every event type", "Of the event type").Replace(c.metric.Means())
		v.columns = append(v.columns, schemas.ViewColumn{Name: c.name, Type: c.metric.Type, Comment: means})
	}
	over := " OVER (PARTITION BY " + strings.Join(apart, ", ") + ")"
	ratio := func(of, by string) string { return "toFloat64(" + of + ") / nullIf(toFloat64(" + by + "), 0)" }
	said := []field{
		{"clicks", schemas.FigureCount, "all_clicks", "Clicks, of every event type together."},
		{"cost", schemas.FigureMoney, "all_cost", "Cost of the clicks and impressions, of every event type together, base currency."},
		{"cr", schemas.FigureRatio, ratio("conversions", "all_clicks"), "conversions / clicks, a fraction. " + string(schemas.NullDividing)},
		{"ar", schemas.FigureRatio, ratio("approved", "approved + rejected + pending"),
			"approved / (approved + rejected + pending), a fraction. " + string(schemas.NullDividing)},
		{"cpa", schemas.FigureRatio, ratio("all_cost", "conversions"),
			"Cost per conversion of the event type: cost / conversions, base currency. " + string(schemas.NullDividing)},
		{"ap", schemas.FigureRatio, ratio("revenue", "conversions"),
			"revenue / conversions of the event type, base currency. " + string(schemas.NullDividing)},
	}
	lines := make([]string, 0, len(v.columns)+len(said))
	for _, c := range v.columns {
		lines = append(lines, c.Name)
	}
	v.columns = append(v.columns, shownAs(said)...)
	lines = append(lines, selected(said, ",\n    "))
	v.query = "SELECT\n    " + strings.Join(lines, ",\n    ") + "\nFROM\n(\n" +
		"    SELECT *, sum(own_clicks)" + over + " AS all_clicks, sum(own_cost)" + over + " AS all_cost\n" +
		"    FROM\n    (\n        " + g.sql("        ") + "\n    ) AS apart\n) AS together\nWHERE event != ''"
	return v
}
