package loadgen

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"tributary/schemas"
)

// A Difference is one figure that ClickHouse answers otherwise than the truth.
type Difference struct {
	// What is the figure: "clicks", "revenue_hold" (micros), "dead letters: postback orphan".
	What string `json:"what"`
	// Campaign and Source are empty for a figure over all.
	Campaign string `json:"campaign,omitempty"`
	Source   string `json:"source,omitempty"`
	Want     int64  `json:"want"`
	// AtMost is above Want where requests of unknown outcome allow a range.
	AtMost int64 `json:"at_most"`
	Got    int64 `json:"got"`
}

func (d Difference) String() string {
	where := ""
	if d.Campaign != "" || d.Source != "" {
		where = fmt.Sprintf(" of campaign %q, source %q", d.Campaign, d.Source)
	}
	want := fmt.Sprint(d.Want)
	if d.AtMost != d.Want {
		want = fmt.Sprintf("%d to %d", d.Want, d.AtMost)
	}
	by := d.Got - d.Want
	if d.Got > d.AtMost {
		by = d.Got - d.AtMost
	}
	return fmt.Sprintf("%s%s: ClickHouse has %d, the truth is %s (%+d)", d.What, where, d.Got, want, by)
}

// Tables says what to hold the truth against.
type Tables struct {
	// Database is "tributary" when empty.
	Database string
	// Since leaves out rows that the edge received before, of an earlier run; the zero time takes all.
	Since time.Time
	// Without names campaigns whose traffic is somebody else's.
	Without []string
}

// Compare asks ClickHouse for every total that the truth knows, over all and by campaign and source, and answers what
// differs: nothing when all is right. Money is compared in micros: to the last decimal. An error says that ClickHouse did
// not answer.
func (t *Truth) Compare(ctx context.Context, conn driver.Conn, tables Tables) ([]Difference, error) {
	if tables.Database == "" {
		tables.Database = "tributary"
	}
	got, err := readGroups(ctx, conn, tables)
	if err != nil {
		return nil, err
	}
	rejects, err := readRejects(ctx, conn, tables)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return append(t.compareGroups(got), t.compareRejects(rejects)...), nil
}

func (t *Truth) compareGroups(got map[Group]*Totals) []Difference {
	var out []Difference
	var wantAll, mostAll, gotAll Totals
	keys := map[Group]bool{}
	for _, m := range []map[Group]*Totals{t.groups, t.doubt, got} {
		for key := range m {
			keys[key] = true
		}
	}
	sorted := slices.SortedFunc(maps.Keys(keys), func(a, b Group) int {
		return cmp.Or(cmp.Compare(a.Campaign, b.Campaign), cmp.Compare(a.Source, b.Source))
	})
	var groups []Difference
	for _, key := range sorted {
		var want, have Totals
		if sums := t.groups[key]; sums != nil {
			want = *sums
		}
		most := want
		if doubt := t.doubt[key]; doubt != nil {
			most.add(*doubt, 1)
		}
		if sums := got[key]; sums != nil {
			have = *sums
		}
		groups = append(groups, differences(key, want, most, have)...)
		wantAll.add(want, 1)
		mostAll.add(most, 1)
		gotAll.add(have, 1)
	}
	out = append(out, differences(Group{}, wantAll, mostAll, gotAll)...)
	return append(out, groups...)
}

func differences(key Group, want, most, have Totals) []Difference {
	var out []Difference
	for i, name := range totalNames {
		low, high, got := *want.fields()[i], *most.fields()[i], *have.fields()[i]
		if got < low || got > high {
			out = append(out, Difference{What: name, Campaign: key.Campaign, Source: key.Source, Want: low, AtMost: high, Got: got})
		}
	}
	return out
}

func (t *Truth) compareRejects(got map[Reject]int64) []Difference {
	keys := map[Reject]bool{}
	for _, m := range []map[Reject]int64{t.rejects, t.doubtRejects, got} {
		for key := range m {
			keys[key] = true
		}
	}
	var out []Difference
	for key := range keys {
		low := t.rejects[key]
		high := low + t.doubtRejects[key]
		if t.repeats && slices.Contains(repeated, key) {
			high = max(high, got[key])
		}
		if n := got[key]; n < low || n > high {
			out = append(out, Difference{What: fmt.Sprintf("dead letters: %s %s", key.Kind, key.Reason), Want: low, AtMost: high, Got: n})
		}
	}
	slices.SortFunc(out, func(a, b Difference) int { return cmp.Compare(a.What, b.What) })
	return out
}

// micros of a decimal sum, exact.
func microsOf(expression string) string {
	return "toInt64(toDecimal256(" + expression + ", 6) * 1000000)"
}

func (tables Tables) where() string {
	if tables.Since.IsZero() {
		return "1"
	}
	return fmt.Sprintf("received_at >= fromUnixTimestamp64Milli(toInt64(%d), 'UTC')", tables.Since.UnixMilli())
}

// whereOurs is where, of a table with campaigns.
func (tables Tables) whereOurs() string {
	text := tables.where()
	if len(tables.Without) > 0 {
		text += " AND campaign NOT IN ('" + strings.Join(tables.Without, "', '") + "')"
	}
	return text
}

func readGroups(ctx context.Context, conn driver.Conn, tables Tables) (map[Group]*Totals, error) {
	got := map[Group]*Totals{}
	clicks := fmt.Sprintf("SELECT toString(campaign), toString(source), toInt64(count()), %s, "+
		"toInt64(countIf(landing_id != 0)) FROM %s.clicks WHERE %s GROUP BY campaign, source",
		microsOf("sum(cost)"), tables.Database, tables.whereOurs())
	err := query(ctx, conn, clicks, func(rows driver.Rows) error {
		var key Group
		var n, cost, views int64
		if err := rows.Scan(&key.Campaign, &key.Source, &n, &cost, &views); err != nil {
			return err
		}
		sums := totals(got, key)
		sums.Clicks, sums.CostMicros, sums.LandingViews = n, cost, views
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("summing clicks: %w", err)
	}
	var sums []string
	for _, column := range []string{"conversions", "registered", "pending", "approved", "rejected", "chargeback"} {
		sums = append(sums, "toInt64(sum("+column+"_delta))")
	}
	conversions := fmt.Sprintf("SELECT toString(campaign), toString(source), %s, %s, %s, %s, toInt64(countIf(kind != "+
		"'rescored')) FROM %s.conversions WHERE %s GROUP BY campaign, source",
		strings.Join(sums, ", "), microsOf("sum(revenue_hold_delta)"), microsOf("sum(revenue_confirmed_delta)"),
		microsOf("sumIf(revenue_hold_delta, NOT confirmed_only) + sum(revenue_confirmed_delta)"), tables.Database, tables.whereOurs())
	err = query(ctx, conn, conversions, func(rows driver.Rows) error {
		var key Group
		var t Totals
		if err := rows.Scan(&key.Campaign, &key.Source, &t.Conversions, &t.Registered, &t.Pending, &t.Approved, &t.Rejected, &t.Chargeback,
			&t.RevenueHoldMicros, &t.RevenueConfirmedMicros, &t.RevenueMicros, &t.Entries); err != nil {
			return err
		}
		totals(got, key).add(t, 1)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("summing conversions: %w", err)
	}
	return got, readTraffic(ctx, conn, tables, got)
}

// readTraffic counts impressions and presses. A copy is a row that its sender may have sent before: it counts nowhere.
func readTraffic(ctx context.Context, conn driver.Conn, tables Tables, got map[Group]*Totals) error {
	for _, table := range []struct {
		name  string
		count func(*Totals) *int64
	}{
		{"impressions", func(t *Totals) *int64 { return &t.Impressions }},
		{"landing_clicks", func(t *Totals) *int64 { return &t.LandingClicks }},
	} {
		text := fmt.Sprintf("SELECT toString(campaign), toString(source), toInt64(countIf(NOT copy)) FROM %s.%s WHERE %s "+
			"GROUP BY campaign, source", tables.Database, table.name, tables.whereOurs())
		err := query(ctx, conn, text, func(rows driver.Rows) error {
			var key Group
			var n int64
			if err := rows.Scan(&key.Campaign, &key.Source, &n); err != nil {
				return err
			}
			*table.count(totals(got, key)) = n
			return nil
		})
		if err != nil {
			return fmt.Errorf("counting %s: %w", table.name, err)
		}
	}
	return nil
}

// readRejects counts dead letters. The edge and the sink write them at least once: those count by their identity.
func readRejects(ctx context.Context, conn driver.Conn, tables Tables) (map[Reject]int64, error) {
	got := map[Reject]int64{}
	text := fmt.Sprintf("SELECT toString(kind), toString(reason), toInt64(countIf(place = 'processor') + "+
		"uniqExactIf(letter_id, place != 'processor')) FROM %s.dead_letters WHERE %s GROUP BY kind, reason",
		tables.Database, tables.where())
	err := query(ctx, conn, text, func(rows driver.Rows) error {
		var key Reject
		var reason string
		var n int64
		if err := rows.Scan(&key.Kind, &reason, &n); err != nil {
			return err
		}
		key.Reason = schemas.RejectReason(reason)
		got[key] = n
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("counting dead letters: %w", err)
	}
	return got, nil
}

func query(ctx context.Context, conn driver.Conn, text string, scan func(driver.Rows) error) error {
	rows, err := conn.Query(ctx, text)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
