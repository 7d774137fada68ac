package demo

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/shopspring/decimal"

	"tributary/report"
)

// line is one row of a table.
type line struct {
	name                string
	clicks, conversions int64
	cost, revenue       float64
	epc, roi            *float64
	flaggedShare        *float64
	// ctr and pageCTR are nil without impressions and without visits of a landing page.
	ctr, pageCTR *float64
	flagged      int64
	topReason    string
}

// suspicious is the share of flagged conversions from which a line is marked, once there are enough of them.
const (
	suspicious       = .3
	enoughSuspicious = 5
)

func (l *line) suspicious() bool {
	return l.flaggedShare != nil && *l.flaggedShare >= suspicious && l.flagged >= enoughSuspicious
}

// figures are one look at ClickHouse.
type figures struct {
	campaigns, sources []line
	total              line
}

func (r *run) read(ctx context.Context) (*figures, error) {
	campaigns, _, err := ask(ctx, r.engine, "campaign")
	if err != nil {
		return nil, err
	}
	sources, total, err := ask(ctx, r.engine, "source")
	if err != nil {
		return nil, err
	}
	reasons, err := readReasons(ctx, r.ClickHouse, r.Database)
	if err != nil {
		return nil, err
	}
	for i := range sources {
		sources[i].topReason = reasons[sources[i].name]
	}
	// The table has findings and rates by source only.
	total.flaggedShare, total.ctr, total.pageCTR = nil, nil, nil
	return &figures{campaigns, sources, total}, nil
}

// mostLines is how many campaigns, or sources, are read.
const mostLines = 200

// ask returns the figures by a dimension, the most clicks first, and their totals.
func ask(ctx context.Context, engine *report.Engine, by string) (lines []line, total line, err error) {
	table, err := engine.Ask(ctx, report.Question{
		By: []string{by}, Scope: report.Everything, Limit: mostLines,
		Metrics: []string{"clicks", "conversions", "cost", "revenue", "epc", "roi", "flagged_share", "flagged", "ctr", "lp_ctr"},
		Sort:    []report.Sort{{Name: "clicks", Descending: true}, {Name: by}},
	})
	if err != nil {
		return nil, line{}, fmt.Errorf("asking for figures by %s: %w", by, err)
	}
	for _, row := range table.Rows {
		name, _ := row.Keys[len(row.Keys)-1].(string) // behind its number
		lines = append(lines, lineOf(name, row.Figures))
	}
	return lines, lineOf("", table.Totals.Figures), nil
}

// lineOf is a group of figures in the order in which ask names them.
func lineOf(name string, figures []any) line {
	count := func(i int) int64 { n, _ := figures[i].(int64); return n }
	money := func(i int) float64 { d, _ := figures[i].(decimal.Decimal); return d.InexactFloat64() }
	ratio := func(i int) *float64 {
		if f, ok := figures[i].(float64); ok {
			return &f
		}
		return nil
	}
	return line{name: name, clicks: count(0), conversions: count(1), cost: money(2), revenue: money(3), epc: ratio(4), roi: ratio(5),
		flaggedShare: ratio(6), flagged: count(7), ctr: ratio(8), pageCTR: ratio(9)}
}

// readReasons answers the most frequent finding behind each source's flagged conversions.
func readReasons(ctx context.Context, conn driver.Conn, database string) (map[string]string, error) {
	rows, err := conn.Query(ctx, fmt.Sprintf(`SELECT toString(source), toString(argMax(code, n)) FROM (
SELECT source, arrayJoin(reason_codes) AS code, count() AS n FROM %s.conversions WHERE score >= 50 GROUP BY source, code) GROUP BY source`, database))
	if err != nil {
		return nil, fmt.Errorf("reading the findings: %w", err)
	}
	defer rows.Close()
	out := map[string]string{}
	for rows.Next() {
		var source, code string
		if err := rows.Scan(&source, &code); err != nil {
			return nil, fmt.Errorf("reading the findings: %w", err)
		}
		out[source] = code
	}
	return out, rows.Err()
}
