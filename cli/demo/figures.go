package demo

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// line is one row of a view.
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

func read(ctx context.Context, conn driver.Conn, database string) (*figures, error) {
	f := &figures{}
	var err error
	if f.campaigns, err = readView(ctx, conn, database, "campaign"); err != nil {
		return nil, err
	}
	if f.sources, err = readView(ctx, conn, database, "source"); err != nil {
		return nil, err
	}
	reasons, err := readReasons(ctx, conn, database)
	if err != nil {
		return nil, err
	}
	for i := range f.sources {
		l := &f.sources[i]
		l.topReason = reasons[l.name]
		f.total.clicks += l.clicks
		f.total.conversions += l.conversions
		f.total.cost += l.cost
		f.total.revenue += l.revenue
		f.total.flagged += l.flagged
	}
	if f.total.clicks > 0 {
		epc := f.total.revenue / float64(f.total.clicks)
		f.total.epc = &epc
	}
	if f.total.cost > 0 {
		roi := (f.total.revenue - f.total.cost) / f.total.cost
		f.total.roi = &roi
	}
	return f, nil
}

func readView(ctx context.Context, conn driver.Conn, database, by string) ([]line, error) {
	rows, err := conn.Query(ctx, fmt.Sprintf(
		"SELECT toString(%s), clicks, conversions, toFloat64(cost), toFloat64(revenue), epc, roi, flagged_share, flagged, ctr, lp_ctr FROM %s.epc_roi_by_%s ORDER BY clicks DESC, 1 LIMIT 200", by, database, by))
	if err != nil {
		return nil, fmt.Errorf("reading epc_roi_by_%s: %w", by, err)
	}
	defer rows.Close()
	var out []line
	for rows.Next() {
		var l line
		if err := rows.Scan(&l.name, &l.clicks, &l.conversions, &l.cost, &l.revenue, &l.epc, &l.roi, &l.flaggedShare, &l.flagged, &l.ctr, &l.pageCTR); err != nil {
			return nil, fmt.Errorf("reading epc_roi_by_%s: %w", by, err)
		}
		out = append(out, l)
	}
	return out, rows.Err()
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
