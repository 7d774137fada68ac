package report

import (
	"slices"

	"tributary/schemas"
)

// A totals is a view of sums by all dimensions, to be summed by whoever asks.
type totals struct {
	name, comment string
	grain         string
	columns       []column
	facts         []schemas.Fact
	// says has the words of this view where they differ from the definition's.
	says map[string]string
	// counted is added to what is said of each figure.
	counted string
}

// Columns of the views of sums, in the order in which they were published. A figure that is defined later follows in
// totals_by_… by itself.
const (
	ledgerSums = "clicks flagged_clicks bot_clicks click_score_sum cost entries conversions registered pending approved " +
		"rejected chargebacks revenue_hold revenue_confirmed flagged created created_score_sum"
	trafficSums = "impressions bot_impressions impression_cost clicks unique_clicks landing_views landing_clicks"
	totalSums   = ledgerSums + " impressions bot_impressions impression_cost unique_clicks landing_views landing_clicks"
)

const merged = " Rows of one key may not be merged yet: always sum()."

var (
	ofTraffic = map[string]string{
		"minute": "UTC minute in which the impression or the click happened.",
		"hour":   "UTC hour in which the impression or the click happened.",
		"quarter": "UTC quarter of an hour in which the impression or the click happened: a filter on it, on the hour or " +
			"on a day of it is answered from the projections.",
		"campaign_id": "Campaign number.",
		"source_id":   "Source number; 0 when undeclared.",
		"offer_id":    "Offer number; 0 for impressions.",
		"country":     "Country of the visitor.",
		"device":      "Device of the visitor.",
		"os":          "Operating system of the visitor.",
		"browser":     "Browser of the visitor.",
	}
	ofClicks = map[string]string{
		"minute": "UTC minute in which the click happened.",
		"hour":   "UTC hour in which the click happened.",
		"quarter": "UTC quarter of an hour in which the click happened: a filter on it, on the hour or on a day of it is " +
			"answered from the projections.",
		"campaign_id": "Campaign number.",
		"source_id":   "Source number; 0 when undeclared.",
		"offer_id":    "Offer number; 0 when the click was not found.",
		"country":     "Country of the click.",
		"device":      "Device of the click.",
		"os":          "Operating system of the click.",
		"browser":     "Browser of the click.",
		"cost":        "Sum of cost, base currency.",
	}
)

// totalsViews are the views of sums. A new one is an entry here.
func totalsViews() []totals {
	all := figures(totalSums)
	for i := range schemas.Metrics {
		m := &schemas.Metrics[i]
		if m.Sum != nil && !slices.ContainsFunc(all, func(c column) bool { return c.metric == m }) {
			all = append(all, column{m.Name, m})
		}
	}
	// Rollups of traffic had no clicks of loaders from before they were there.
	layout := facts(schemas.FactImpressions, schemas.FactLandingClicks, schemas.FactClicks, schemas.FactArchiveTraffic,
		schemas.FactSums)
	layout[2].Where = "_layout >= 1"
	layout[4].Where = "(base IN ('impressions', 'landing_clicks') OR base = 'clicks' AND layout)"
	traffic := figures(trafficSums)
	traffic[3].metric = &schemas.Metric{Name: "clicks", Type: schemas.FigureCount,
		Counted: "Count of clicks that loaders from version 1 on wrote.",
		Sum:     schemas.By{schemas.FactClicks: "toInt64(count())", schemas.FactArchiveTraffic: "sum({table}.clicks)"}}
	ledger := facts(schemas.FactClicks, schemas.FactConversions, schemas.FactArchive, schemas.FactSums)
	ledger[3].Where = "base IN ('clicks', 'conversions')"
	return []totals{
		{name: "totals_by_minute", grain: schemas.GrainMinute, columns: all, facts: schemas.Facts, says: ofTraffic,
			comment: "Every count and amount by minute and all dimensions, to be summed: of the rows of clicks, " +
				"conversions, impressions and landing_clicks, and of archive_minute, archive_minute_traffic and archive_sums."},
		{name: "totals_by_hour", grain: schemas.GrainQuarter, columns: all, facts: schemas.Facts, says: ofTraffic,
			comment: "Every count and amount by quarter of an hour and all dimensions, to be summed: of the projections " +
				"by_quarter of clicks, conversions, impressions and landing_clicks, and of archive_quarter, " +
				"archive_quarter_traffic and archive_sums."},
		{name: "rollup_minute", grain: schemas.GrainMinute, columns: figures(ledgerSums), facts: ledger, says: ofClicks,
			counted: merged,
			comment: "Sums of clicks and of the conversion ledger by minute, by click time, to be summed. A view: it " +
				"reads the rows of clicks and conversions, archive_minute and archive_sums."},
		{name: "rollup_hour", grain: schemas.GrainQuarter, columns: figures(ledgerSums), facts: ledger, says: ofClicks,
			counted: merged,
			comment: "Sums of clicks and of the conversion ledger by hour and quarter of an hour, by click time, to be " +
				"summed. A view: it reads the projections by_quarter of clicks and conversions, which are in the same " +
				"parts as the rows, archive_quarter and archive_sums."},
		{name: "rollup_minute_traffic", grain: schemas.GrainMinute, columns: traffic, facts: layout, says: ofTraffic,
			counted: merged,
			comment: "Sums of impressions, of unique clicks and of landing pages by minute, of impressions by their own " +
				"time, of the others by click time, to be summed. A view: it reads the rows of impressions, " +
				"landing_clicks and clicks, archive_minute_traffic and archive_sums."},
		{name: "rollup_hour_traffic", grain: schemas.GrainQuarter, columns: traffic, facts: layout, says: ofTraffic,
			counted: merged,
			comment: "Sums of impressions, of unique clicks and of landing pages by hour and quarter of an hour, of " +
				"impressions by their own time, of the others by click time, to be summed. A view: it reads the " +
				"projections by_quarter of impressions, landing_clicks and clicks, which are in the same parts as the " +
				"rows, archive_quarter_traffic and archive_sums."},
	}
}

// Dimensions of the views of sums: those of the archive of a grain.
var totalsBy = map[string]string{
	schemas.GrainMinute: "ledger_day minute campaign_id campaign source_id source offer_id offer country device",
	schemas.GrainQuarter: "ledger_day hour quarter campaign_id campaign source_id source offer_id offer country device " +
		"os browser",
}

func (t *totals) view() view {
	by := dimensions(totalsBy[t.grain])
	v := view{name: t.name, comment: t.comment}
	for _, d := range by {
		c := schemas.ViewColumn{Name: d.Name, Type: d.Type, Comment: d.Comment}
		if said, ok := t.says[d.Name]; ok {
			c.Comment = said
		}
		if d.NameOf != "" {
			c.Type = plain(d.Type)
		}
		v.columns = append(v.columns, c)
	}
	for _, f := range t.columns {
		c := schemas.ViewColumn{Name: f.name, Type: f.metric.Type, Comment: f.metric.Counted}
		if said, ok := t.says[f.name]; ok {
			c.Comment = said
		}
		c.Comment += t.counted
		v.columns = append(v.columns, c)
	}
	union := sums{by: by, columns: t.columns, grain: t.grain, facts: t.facts}
	v.query = renamed(by, union.sql("    "), "parts", schemas.Archived)
	return v
}
