package report

import (
	"strings"

	"tributary/schemas"
)

// moneyViews are the views of every figure, by what they tell apart. A new one is a line here.
var moneyViews = []string{
	"campaign", "source", "campaign source", "offer", "country", "device", "os", "browser", "hour", "day",
	"campaign day", "source day", "campaign source day", "campaign source hour", "minute", "buyer", "team", "landing",
}

// money is the view of every figure by some dimensions. What has a number is told apart by it, and shown with its name.
func money(by string) view {
	words := strings.Fields(by)
	g := grouped{named: true}
	for _, word := range words {
		d := must(schemas.DimensionNamed(word), "dimension", word)
		if d.NameOf != "" {
			g.by = append(g.by, must(schemas.DimensionNamed(d.NameOf), "dimension", d.NameOf))
		}
		g.by = append(g.by, d)
	}
	for i := range schemas.Metrics {
		if m := &schemas.Metrics[i]; !m.Aside {
			g.columns = append(g.columns, column{m.Name, m})
		}
	}
	v := view{name: "epc_roi_by_" + strings.Join(words, "_"), query: g.sql("")}
	reads := "totals_by_hour"
	for _, d := range g.by {
		if d.Grain == schemas.GrainMinute {
			reads = "totals_by_minute"
		}
		v.columns = append(v.columns, schemas.ViewColumn{Name: d.Name, Type: plain(d.Type), Comment: d.Comment})
	}
	for _, c := range g.columns {
		v.columns = append(v.columns, schemas.ViewColumn{Name: c.name, Type: c.metric.Type, Comment: c.metric.Means()})
	}
	v.comment = "Money figures by " + strings.Join(words, " and ") + ", over all time unless the view has a time " +
		"column. Money in the base currency; time is click time, UTC. Reads what " + reads + " reads."
	return v
}
