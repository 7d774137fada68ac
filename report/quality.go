package report

import (
	"strings"

	"tributary/schemas"
)

// quality is the view source_quality: figures of trust by source of a campaign, and the findings.
func quality() view {
	g := grouped{
		by: dimensions("campaign_id campaign source_id source"),
		columns: figures("clicks flagged_clicks flagged_clicks_share bot_clicks mean_click_score " +
			"conversions_created=created flagged flagged_share mean_conversion_score"),
		named:    true,
		together: "campaign",
		and:      []string{undeclared("source_id", said+"source") + " AS undeclared"},
	}
	says := map[string]string{
		"campaign_id":   "Campaign number.",
		"source_id":     "Source number; 0 when undeclared.",
		"flagged_share": "flagged / conversions_created, a fraction. " + string(schemas.NullDividing),
	}
	v := view{name: "source_quality", comment: "How trustworthy each source of each campaign is: shares of flagged " +
		"clicks and conversions, mean scores, findings by signal."}
	for _, d := range g.by {
		v.columns = append(v.columns, schemas.ViewColumn{Name: d.Name, Type: plain(d.Type), Comment: d.Comment})
	}
	for _, c := range g.columns {
		v.columns = append(v.columns, schemas.ViewColumn{Name: c.name, Type: c.metric.Type, Comment: c.metric.Means()})
	}
	lines := make([]string, len(v.columns))
	for i, c := range v.columns {
		lines[i] = "    r." + c.Name + " AS " + c.Name
		if said, ok := says[c.Name]; ok {
			v.columns[i].Comment = said
		}
	}
	v.columns = append(v.columns, schemas.ViewColumn{Name: "signals", Type: "Map(String, UInt64)",
		Comment: "Findings by signal code: distinct anomaly_id in anomalies."})
	v.query = "SELECT\n" + strings.Join(lines, ",\n") + ",\n    a.signals AS signals\nFROM\n(\n    " + g.sql("    ") + `
) AS r
LEFT JOIN
(
    SELECT
        campaign_id,
        source_id,
        undeclared,
        CAST((groupArray(signal), groupArray(findings)), 'Map(String, UInt64)') AS signals
    FROM
    (
        SELECT
            campaign_id,
            source_id,
            ` + undeclared("source_id", "source") + ` AS undeclared,
            toString(code) AS signal,
            uniqExact(anomaly_id) AS findings
        FROM {database}.anomalies
        GROUP BY campaign_id, source_id, undeclared, signal
        ORDER BY signal
    )
    GROUP BY campaign_id, source_id, undeclared
) AS a ON r.campaign_id = a.campaign_id AND r.source_id = a.source_id AND r.undeclared = a.undeclared`
	return v
}
