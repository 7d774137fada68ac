package clickhouse

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"tributary/report"
)

// TestLocalDays runs the queries of docs/formats.md for the days of a zone, over clicks and conversions at every quarter of an hour around changes of
// clocks, in zones at whole hours, :30 and :45: each day has what its own calendar gives it, 23, 23.5, 24.5 and 25 hours included.
func TestLocalDays(t *testing.T) {
	page, err := os.ReadFile("../../docs/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	queries := regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(queries) != 4 {
		t.Fatalf("the page has %d queries, want 4", len(queries))
	}
	conn, ctx := open(t), t.Context()
	if _, err := Migrate(ctx, conn, Options{Views: report.Views()}); err != nil {
		t.Fatal(err)
	}
	// Five days around the spring and the autumn changes of Berlin, Lord Howe and St. John's.
	const quarters = 5 * 24 * 4
	var starts []time.Time
	for _, day := range []string{"2026-03-06", "2026-03-27", "2026-04-03", "2026-10-02", "2026-10-23", "2026-10-30"} {
		at, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		starts = append(starts, at)
		for _, insert := range []string{
			"INSERT INTO tributary.clicks (click_id, event_at, received_at, campaign_id, campaign, cost) SELECT toString(number), toDateTime64('%[1]s 00:00:00', 3, 'UTC') + number * 900 AS event_at, event_at, 1, 'c', 0.25 FROM numbers(%[2]d)",
			"INSERT INTO tributary.conversions (conversion_id, click_at, received_at, campaign_id, campaign, kind, conversions_delta, revenue_confirmed_delta) SELECT toString(number), toDateTime64('%[1]s 00:00:00', 3, 'UTC') + number * 900 AS click_at, click_at, 1, 'c', 'created', 1, 2 FROM numbers(%[2]d)",
		} {
			if err := conn.Exec(ctx, fmt.Sprintf(insert, day, quarters)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, name := range []string{"Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns",
		"Europe/Berlin", "UTC"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		days, order := map[string]int{}, []string{}
		for _, start := range starts {
			for i := range quarters {
				day := start.Add(time.Duration(i) * 15 * time.Minute).In(zone).Format(time.DateOnly)
				if days[day] == 0 {
					order = append(order, day)
				}
				days[day]++
			}
		}
		want := make([]strings.Builder, len(queries))
		for _, day := range order {
			n := days[day]
			date, cost := day+" 00:00:00 +0000 UTC", strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f",
				float64(n)*0.25), "0"), ".")
			fmt.Fprintf(&want[0], "%s %d %s\n", date, n, cost)
			fmt.Fprintf(&want[1], "%s %d %d\n", date, n, 2*n)
			for i := range want[2:] {
				fmt.Fprintf(&want[2+i], "%s %d %s %d %d\n", date, n, cost, n, 2*n)
			}
		}
		for i, q := range queries {
			if got := asText(t, conn, strings.ReplaceAll(q[1], "Asia/Kolkata", name)); got != want[i].String() {
				t.Errorf("%s, query %d:\n%s\nwant\n%s", name, i+1, got, want[i].String())
			}
		}
	}
}
