package verify

import (
	"context"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// A rollup column, and what it sums in the table that feeds it.
type sum struct{ column, clicks, conversions string }

var rollupSums = []sum{
	{"clicks", "toInt64(count())", ""},
	{"flagged_clicks", "toInt64(countIf(score >= 50))", ""},
	{"cost", "sum(cost)", ""},
	{"entries", "", "toInt64(count())"},
	{"conversions", "", "sum(conversions_delta)"},
	{"registered", "", "sum(registered_delta)"},
	{"pending", "", "sum(pending_delta)"},
	{"approved", "", "sum(approved_delta)"},
	{"rejected", "", "sum(rejected_delta)"},
	{"chargebacks", "", "sum(chargeback_delta)"},
	{"revenue_hold", "", "sum(revenue_hold_delta)"},
	{"revenue_confirmed", "", "sum(revenue_confirmed_delta)"},
	{"flagged", "", "sum(flagged_delta)"},
}

// liveLooks is how often a rollup is looked at while rows come in: an insert reaches table and rollup one after the other, and
// a query may fall between.
const liveLooks = 8

// compareRollups adds up tables and rollups with opposite signs, by campaign, source and hour of the click: all must cancel.
func (a *auditor) compareRollups(ctx context.Context) error {
	for _, r := range []struct{ name, hour string }{{"rollup_minute", "toStartOfHour(minute)"}, {"rollup_hour", "hour"}} {
		a.options.Progress(Progress{What: "table " + r.name})
		var found []string
		for range liveLooks {
			var err error
			if found, err = a.rollupDifferences(ctx, r.name, r.hour); err != nil {
				return fmt.Errorf("comparing %s with its tables: %w", r.name, err)
			}
			if !a.live || len(found) == 0 {
				break
			}
			if err := pause(ctx, settlePoll); err != nil {
				return err
			}
		}
		for i, what := range found {
			if i == maxRollupRows {
				a.differ("table "+r.name, fmt.Sprintf("%d more of its hours differ", len(found)-i))
				break
			}
			a.differ("table "+r.name, what)
		}
	}
	return nil
}

func (a *auditor) rollupDifferences(ctx context.Context, name, hourColumn string) (found []string, err error) {
	err = a.query(ctx, a.rollupQuery(name, hourColumn), func(rows driver.Rows) error {
		var campaign, source, hour string
		by := make([]string, len(rollupSums))
		into := []any{&campaign, &source, &hour}
		for i := range by {
			into = append(into, &by[i])
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		var parts []string
		for i, s := range rollupSums {
			if strings.Trim(by[i], "0.") != "" {
				parts = append(parts, fmt.Sprintf("%s %s", s.column, signed(by[i])))
			}
		}
		found = append(found, fmt.Sprintf("campaign %s, source %s, hour %s: differs from the tables by %s", campaign, source, hour, strings.Join(parts, ", ")))
		return nil
	})
	return found, err
}

const maxRollupRows = 10

func signed(number string) string {
	if strings.HasPrefix(number, "-") {
		return number
	}
	return "+" + number
}

func (a *auditor) rollupQuery(name, hour string) string {
	column := func(expression, alias string) string {
		if expression == "" {
			expression = "0"
		}
		return fmt.Sprintf("toDecimal256(%s, 6) AS x_%s", expression, alias)
	}
	var rollup, clicks, conversions, outer, having []string
	for _, s := range rollupSums {
		rollup = append(rollup, fmt.Sprintf("toDecimal256(sum(%s), 6) AS x_%s", s.column, s.column))
		clicks = append(clicks, minus(column(s.clicks, s.column)))
		conversions = append(conversions, minus(column(s.conversions, s.column)))
		outer = append(outer, fmt.Sprintf("toString(sum(x_%s) AS d_%s)", s.column, s.column))
		having = append(having, fmt.Sprintf("d_%s != 0", s.column))
	}
	db := a.options.Database
	return fmt.Sprintf(`SELECT toString(k_campaign), toString(k_source), toString(k_hour), %s FROM (
SELECT campaign_id AS k_campaign, source_id AS k_source, %s AS k_hour, %s FROM %s.%s GROUP BY k_campaign, k_source, k_hour
UNION ALL SELECT campaign_id AS k_campaign, source_id AS k_source, toStartOfHour(toDateTime(event_at, 'UTC')) AS k_hour, %s FROM %s.clicks GROUP BY k_campaign, k_source, k_hour
UNION ALL SELECT campaign_id AS k_campaign, source_id AS k_source, toStartOfHour(toDateTime(click_at, 'UTC')) AS k_hour, %s FROM %s.conversions GROUP BY k_campaign, k_source, k_hour
) GROUP BY k_campaign, k_source, k_hour HAVING %s ORDER BY k_campaign, k_source, k_hour LIMIT %d`,
		strings.Join(outer, ", "), hour, strings.Join(rollup, ", "), db, name, strings.Join(clicks, ", "), db, strings.Join(conversions, ", "), db,
		strings.Join(having, " OR "), maxNamed)
}

func minus(column string) string { return "-" + column }
