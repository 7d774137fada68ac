package verify

import (
	"context"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// A rollup column, and what it sums in each of the tables that feed it, in the order of their feeds; empty for nothing.
type sum struct {
	column string
	of     [3]string
}

// A feed is a table that a rollup is filled from: its time that the rollup goes by, and the rows that count.
type feed struct{ table, at, only string }

// A family is rollups of the same sums of the same tables.
type family struct {
	suffix string
	feeds  []feed
	sums   []sum
}

var families = []family{
	{"", []feed{{"clicks", "event_at", "1"}, {"conversions", "click_at", "1"}}, moneySums},
	{"_traffic", []feed{{"impressions", "event_at", "NOT copy"}, {"landing_clicks", "click_at", "NOT copy"}, {"clicks", "event_at", "_layout >= 1"}}, trafficSums},
}

var trafficSums = []sum{
	{"impressions", [3]string{"toInt64(count())"}},
	{"bot_impressions", [3]string{"toInt64(countIf(bot != ''))"}},
	{"impression_cost", [3]string{"sum(cost)"}},
	{"landing_clicks", [3]string{"", "toInt64(count())"}},
	{"clicks", [3]string{"", "", "toInt64(count())"}},
	{"unique_clicks", [3]string{"", "", "toInt64(countIf(unique))"}},
	{"landing_views", [3]string{"", "", "toInt64(countIf(landing_id != 0))"}},
}

var moneySums = []sum{
	{"clicks", [3]string{"toInt64(count())", ""}},
	{"flagged_clicks", [3]string{"toInt64(countIf(score >= 50))", ""}},
	{"cost", [3]string{"sum(cost)", ""}},
	{"entries", [3]string{"", "toInt64(count())"}},
	{"conversions", [3]string{"", "sum(conversions_delta)"}},
	{"registered", [3]string{"", "sum(registered_delta)"}},
	{"pending", [3]string{"", "sum(pending_delta)"}},
	{"approved", [3]string{"", "sum(approved_delta)"}},
	{"rejected", [3]string{"", "sum(rejected_delta)"}},
	{"chargebacks", [3]string{"", "sum(chargeback_delta)"}},
	{"revenue_hold", [3]string{"", "sum(revenue_hold_delta)"}},
	{"revenue_confirmed", [3]string{"", "sum(revenue_confirmed_delta)"}},
	{"flagged", [3]string{"", "sum(flagged_delta)"}},
}

// liveLooks is how often a rollup is looked at while rows come in: an insert reaches table and rollup one after the other, and
// a query may fall between.
const liveLooks = 8

// compareRollups adds up tables and rollups with opposite signs, by campaign, source and hour of the click: all must cancel.
func (a *auditor) compareRollups(ctx context.Context) error {
	for _, r := range []struct{ name, hour string }{{"rollup_minute", "toStartOfHour(minute)"}, {"rollup_hour", "hour"}} {
		for i := range families {
			if err := a.compareRollup(ctx, &families[i], r.name+families[i].suffix, r.hour); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *auditor) compareRollup(ctx context.Context, f *family, name, hour string) error {
	a.options.Progress(Progress{What: "table " + name})
	var found []string
	for range liveLooks {
		var err error
		if found, err = a.rollupDifferences(ctx, f, name, hour); err != nil {
			return fmt.Errorf("comparing %s with its tables: %w", name, err)
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
			a.differ("table "+name, fmt.Sprintf("%d more of its hours differ", len(found)-i))
			break
		}
		a.differ("table "+name, what)
	}
	return nil
}

func (a *auditor) rollupDifferences(ctx context.Context, f *family, name, hourColumn string) (found []string, err error) {
	err = a.query(ctx, a.rollupQuery(f, name, hourColumn), func(rows driver.Rows) error {
		var campaign, source, hour string
		by := make([]string, len(f.sums))
		into := []any{&campaign, &source, &hour}
		for i := range by {
			into = append(into, &by[i])
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		var parts []string
		for i, s := range f.sums {
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

// rollupQuery adds up the rollup and, with the opposite sign, its tables.
func (a *auditor) rollupQuery(f *family, name, hour string) string {
	db := a.options.Database
	part := func(hour, table, only string, expressions func(sum) string) string {
		columns := make([]string, len(f.sums))
		for i, s := range f.sums {
			columns[i] = expressions(s)
		}
		return fmt.Sprintf("SELECT campaign_id AS k_campaign, source_id AS k_source, %s AS k_hour, %s FROM %s.%s WHERE %s GROUP BY k_campaign, k_source, k_hour", hour, strings.Join(columns, ", "), db, table, only)
	}
	parts := []string{part(hour, name, "1", func(s sum) string { return fmt.Sprintf("toDecimal256(sum(%s), 6) AS x_%s", s.column, s.column) })}
	for i, from := range f.feeds {
		parts = append(parts, part("toStartOfHour(toDateTime("+from.at+", 'UTC'))", from.table, from.only, func(s sum) string {
			expression := s.of[i]
			if expression == "" {
				expression = "0"
			}
			return fmt.Sprintf("-toDecimal256(%s, 6) AS x_%s", expression, s.column)
		}))
	}
	var outer, having []string
	for _, s := range f.sums {
		outer = append(outer, fmt.Sprintf("toString(sum(x_%s) AS d_%s)", s.column, s.column))
		having = append(having, fmt.Sprintf("d_%s != 0", s.column))
	}
	return fmt.Sprintf("SELECT toString(k_campaign), toString(k_source), toString(k_hour), %s FROM (\n%s\n) GROUP BY k_campaign, k_source, k_hour HAVING %s ORDER BY k_campaign, k_source, k_hour LIMIT %d",
		strings.Join(outer, ", "), strings.Join(parts, "\nUNION ALL "), strings.Join(having, " OR "), maxNamed)
}
