package main

import (
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"tributary/deploy/embedded/chdb/chdbtest"
	"tributary/report"
	schema "tributary/schemas/clickhouse"
)

// TestDataset: a dataset is what its description says, and one whose building was killed becomes the same.
func TestDataset(t *testing.T) {
	if testing.Short() {
		t.Skip("it needs the whole schema and two builds")
	}
	conn, err := clickhouse.Open(chdbtest.Start(t).Options())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := schema.Migrate(t.Context(), conn, schema.Options{Views: report.Views()}); err != nil {
		t.Fatal(err)
	}
	d := &dataset{dir: t.TempDir(), clicks: leastReportClicks, block: 3000}
	if err := d.build(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]uint64{
		"SELECT count() FROM tributary.clicks":                                                             leastReportClicks,
		"SELECT count() FROM tributary.conversions":                                                        leastReportClicks / clicksPerEntry,
		"SELECT uniqExact(toDate(event_at)) FROM tributary.clicks":                                         reportDays,
		"SELECT uniqExact(campaign_id) FROM tributary.clicks":                                              reportCampaigns,
		"SELECT uniqExact(source_id) FROM tributary.clicks":                                                reportSources,
		"SELECT uniqExact(click_id) FROM tributary.clicks":                                                 leastReportClicks,
		"SELECT max(n) FROM (SELECT uniqExact(source_id) AS n FROM tributary.clicks GROUP BY campaign_id)": 4,
		"SELECT max(n) FROM (SELECT uniqExact(country) AS n FROM tributary.clicks GROUP BY campaign_id)":   3,
		"SELECT max(n) <= 200 FROM (SELECT uniqExact(zone) AS n FROM tributary.clicks GROUP BY source_id)": 1,
		"SELECT count() FROM tributary.clicks WHERE event_at < '2026-08-03' OR event_at >= '2026-11-01'":   0,
		// A tenth of the clicks: what is asked within a campaign.
		"SELECT round(10 * countIf(campaign = 'campaign-2') / count()) FROM tributary.clicks": 1,
		// Each entry has what its click has, and what is on hold is confirmed later.
		`SELECT count() FROM tributary.conversions AS e JOIN tributary.clicks AS c USING (click_id, campaign_id, source_id, offer_id,
			landing_id, country, device, os, browser, sub1, sub2, keyword) WHERE e.click_at = c.event_at AND e.received_at > e.click_at`: leastReportClicks / clicksPerEntry,
		"SELECT toUInt64(sum(revenue_hold_delta)) + toUInt64(sum(pending_delta)) FROM tributary.conversions": 0,
	} {
		if got := number(t, conn, query); got != want {
			t.Errorf("%s: %d, want %d", query, got, want)
		}
	}
	const all = "SELECT sum(cityHash64(click_id, event_at, campaign, source, zone, sub2, keyword, cost, country, os, browser, _partition, _offset)) FROM tributary.clicks"
	whole := number(t, conn, all)

	// As a kill leaves it: half of a block, and none of another.
	m, err := d.kept()
	if err != nil || !m.Whole {
		t.Fatalf("the marker says %+v: %v", m, err)
	}
	m.Whole = false
	if err := d.keep(m); err != nil {
		t.Fatal(err)
	}
	if err := conn.Exec(t.Context(), "ALTER TABLE tributary.clicks DELETE WHERE _partition = 1001 AND _offset % 2 = 0 OR _partition = 1002 SETTINGS mutations_sync = 2"); err != nil {
		t.Fatal(err)
	}
	if err := d.build(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	if got := number(t, conn, all); got != whole {
		t.Errorf("after a kill its checksum is %d, want %d", got, whole)
	}

	other := &dataset{dir: d.dir, clicks: 2 * leastReportClicks}
	if err := other.build(t.Context(), conn); err == nil || !strings.Contains(err.Error(), "holds another dataset") {
		t.Errorf("another dataset in the same directory: %v", err)
	}
	nobodys := &dataset{dir: t.TempDir(), clicks: leastReportClicks}
	if err := nobodys.build(t.Context(), conn); err == nil || !strings.Contains(err.Error(), "no dataset of this benchmark") {
		t.Errorf("tables with rows of somebody else: %v", err)
	}
}

func number(t *testing.T, conn driver.Conn, query string) (n uint64) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), "SELECT toUInt64(("+query+"))").Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}
