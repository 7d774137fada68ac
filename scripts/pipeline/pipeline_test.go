package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tributary/cli/loadgen"
	"tributary/cli/verify"
)

func sizes(t *testing.T) (clicks, postbacks int) {
	clicks = 200_000
	if testing.Short() {
		clicks = 20_000
	}
	if text := os.Getenv("TRIBUTARY_TEST_CLICKS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1000 {
			t.Fatalf("TRIBUTARY_TEST_CLICKS is %q; a number from 1000 on would be right", text)
		}
		clicks = n
	}
	return clicks, clicks / 20
}

// drained is how long the pipeline may take to finish what the edge accepted.
const drained = 3 * time.Minute

// TestEveryTotalEqualsTheTruth sends realistic traffic through HTTP and holds every total in ClickHouse against what the
// generator knows; then the auditor must find nothing; then it must find each row that is removed or doubled.
func TestEveryTotalEqualsTheTruth(t *testing.T) {
	clicks, postbacks := sizes(t)
	now := time.Now()
	scenario := loadgen.FunnelScenario(now)
	system := Start(t, Options{Scenario: scenario})

	options := loadgen.DefaultOptions()
	options.Seed = seed(t)
	options.Clicks, options.Postbacks, options.End = clicks, postbacks, now
	options.Orphans, options.TooLate = .005, .003
	options.Impressions, options.Presses = 1, 1
	options.WindowMS = system.Processor.Window.Milliseconds()
	generator, err := loadgen.NewGenerator(scenario, options)
	if err != nil {
		t.Fatal(err)
	}
	truth := loadgen.NewTruth(scenario, options.WindowMS)
	driver := loadgen.NewDriver(loadgen.DriverOptions{Address: system.Edge.Addr().String()}, truth)
	if err := driver.Run(t.Context(), generator); err != nil {
		t.Fatalf("sending: %v", err)
	}
	s := &driver.Stats
	t.Logf("%d requests in %s: %.0f/s, p50 %s, p99 %s, %d attempts failed, %d retried", s.Answers(), s.Elapsed().Round(time.Millisecond), s.PerSecond(),
		s.Quantile(.5), s.Quantile(.99), s.Failed.Load(), s.Retried.Load())
	if total := truth.Total(); total.Clicks != int64(clicks) || s.Postbacks.Load() != int64(postbacks) {
		t.Fatalf("%d clicks and %d postbacks were acknowledged, want %d and %d", total.Clicks, s.Postbacks.Load(), clicks, postbacks)
	}
	sent := time.Now()
	Await(t, drained, "every total in ClickHouse to equal the truth", func() error { return compare(t.Context(), system, truth) })
	t.Logf("equal %s after the last request", time.Since(sent).Round(time.Millisecond))
	audit(t, system, nil)
	// The auditor has seen the pipeline quiet: nothing may come after it.
	if err := compare(t.Context(), system, truth); err != nil {
		t.Fatalf("after the audit: %v", err)
	}
	total := truth.Total()
	t.Logf("clicks %d, cost %d micros, conversions %d (%d approved, %d pending, %d registered), revenue %d + %d micros, rejects %v",
		total.Clicks, total.CostMicros, total.Conversions, total.Approved, total.Pending, total.Registered, total.RevenueHoldMicros, total.RevenueConfirmedMicros, truth.Rejects())
	t.Logf("impressions %d, landing views %d, landing clicks %d", total.Impressions, total.LandingViews, total.LandingClicks)
	t.Run("impressions and landing clicks are there once", func(t *testing.T) { trafficOnce(t, system, truth) })
	t.Run("owners, names and goals are those that the catalog has", func(t *testing.T) { ownersShow(t, system, scenario) })
	t.Run("the fraudulent source stands out", func(t *testing.T) { fraudStandsOut(t, system) })
	t.Run("the auditor bites", func(t *testing.T) { auditorBites(t, system) })
	t.Run("the truth misses an impression and finds a second press", func(t *testing.T) { truthBites(t, system, truth) })
}

// ownersShow: views of what the scenario declares have something in them, and nothing that it does not declare.
func ownersShow(t *testing.T, system *System, scenario *loadgen.Scenario) {
	one := func(query, want string) {
		t.Helper()
		var got string
		if err := system.ClickHouse.QueryRow(t.Context(), query).Scan(&got); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", query, got, err, want)
		}
	}
	one("SELECT arrayStringConcat(groupArray(buyer), ' ') FROM (SELECT buyer FROM tributary.epc_roi_by_buyer WHERE clicks > 0 ORDER BY buyer)", " anna ben chloe")
	one("SELECT arrayStringConcat(groupArray(team), ' ') FROM (SELECT team FROM tributary.epc_roi_by_team WHERE clicks > 0 ORDER BY team)", " core growth")
	for _, c := range scenario.Campaigns {
		one(fmt.Sprintf("SELECT concat(toString(any(buyer)), ' ', toString(any(team)), ' ', arrayStringConcat(any(tags), '+'), ' ', toString(uniqExact(buyer, team, tags))) FROM tributary.clicks WHERE campaign = '%s'", c.Name),
			c.Buyer+" "+c.Team+" "+strings.Join(slices.Sorted(slices.Values(c.Tags)), "+")+" 1")
	}
	for _, s := range scenario.Sources {
		named := map[string]bool{}
		for _, name := range s.Names {
			named[name] = true
		}
		// A zone is a zone whatever sub it came in, in clicks and in the ledger.
		for table, where := range map[string]string{"clicks": "", "conversions": " AND match = 'click'"} {
			one(fmt.Sprintf("SELECT concat(toString(countIf((zone LIKE 'zone%%') != %t)), ' ', toString(countIf((ad LIKE 'ad%%') != %t)), ' ', toString(countIf((ad_name LIKE 'Banner %%') != %t))) "+
				"FROM tributary.%s WHERE source = '%s'%s", named["zone"], named["ad"], named["ad_name"], table, s.Name, where), "0 0 0")
		}
	}
	for _, o := range scenario.Offers {
		beside := "0"
		if len(o.Goal) > 0 {
			beside = "event NOT IN ('" + strings.Join(o.Goal, "', '") + "')"
		}
		one("SELECT toString(countIf(beside_goal != ("+beside+"))) FROM tributary.conversions WHERE match = 'click' AND offer = '"+o.Name+"'", "0")
	}
	one("SELECT toString(countIf(beside_goal) > 0) FROM tributary.conversions", "1")
	one("SELECT arrayStringConcat(groupArray(offer), ' ') FROM tributary.offers_without_goal", "aposta-certa")
	one("SELECT concat(toString(countIf(confirmed_only != (network = 'leadbay'))), ' ', toString(countIf(confirmed_only) > 0)) FROM tributary.conversions", "0 1")
}

func seed(t *testing.T) uint64 {
	n := uint64(time.Now().UnixNano())
	if text := os.Getenv("TRIBUTARY_TEST_SEED"); text != "" {
		var err error
		if n, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("TRIBUTARY_TEST_SEED is %q, not a number", text)
		}
	}
	t.Logf("seed %d (TRIBUTARY_TEST_SEED=%d repeats it)", n, n)
	return n
}

func compare(ctx context.Context, system *System, truth *loadgen.Truth) error {
	differences, err := truth.Compare(ctx, system.ClickHouse, loadgen.Tables{Database: system.Database})
	if err != nil {
		return err
	}
	if len(differences) == 0 {
		return nil
	}
	var lines []string
	for i, d := range differences {
		if i == 30 {
			lines = append(lines, fmt.Sprintf("and %d more", len(differences)-i))
			break
		}
		lines = append(lines, d.String())
	}
	return errors.New(strings.Join(lines, "\n"))
}

// audit runs the auditor and requires a difference for each of wants: all of its words in one difference.
func audit(t *testing.T, system *System, wants [][]string) {
	t.Helper()
	report, err := verify.Run(t.Context(), verify.Options{
		Brokers: system.Brokers, TopicPrefix: system.Prefix, ProcessorGroup: system.Processor.Group, SinkGroup: system.Sink.Group,
		ClickHouse: system.ClickHouse, Database: system.Database, Grace: system.Processor.Grace, Wait: time.Minute,
	})
	if err != nil {
		t.Fatalf("auditing: %v", err)
	}
	var text strings.Builder
	if err := report.Print(&text); err != nil {
		t.Fatal(err)
	}
	if len(wants) == 0 {
		t.Log("\n" + text.String())
		if !report.OK() {
			t.Fatalf("the auditor found differences")
		}
		return
	}
next:
	for _, words := range wants {
		for _, d := range report.Differences {
			found := true
			for _, word := range words {
				found = found && strings.Contains(d.String(), word)
			}
			if found {
				continue next
			}
		}
		t.Errorf("no difference names %q in\n%s", words, &text)
	}
}

func fraudStandsOut(t *testing.T, system *System) {
	rows, err := system.ClickHouse.Query(t.Context(), `SELECT toString(source), toInt64(sum(flagged_delta)) AS flagged, toInt64(countIf(kind = 'created')) AS created
FROM tributary.conversions GROUP BY source ORDER BY flagged DESC`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all, flagged, fraudFlagged, fraudAll int64
	for rows.Next() {
		var source string
		var f, n int64
		if err := rows.Scan(&source, &f, &n); err != nil {
			t.Fatal(err)
		}
		if source == loadgen.FraudSource {
			fraudFlagged, fraudAll = f, n
		} else {
			all += n
			flagged += f
		}
	}
	t.Logf("flagged: %d of %d conversions of the fraudulent source, %d of %d of the others", fraudFlagged, fraudAll, flagged, all)
	// The first conversions of a source cannot be told from chance.
	if fraudAll >= 30 && fraudFlagged*2 < fraudAll {
		t.Errorf("less than half of the fraudulent source's conversions are flagged")
	}
	if flagged*20 > all {
		t.Errorf("more than 5 %% of the honest sources' conversions are flagged")
	}
}

// auditorBites takes a row away, doubles one and alters an amount behind the pipeline's back; each must be named, with its ID.
func auditorBites(t *testing.T, system *System) {
	exec := func(text string) {
		t.Helper()
		if err := system.ClickHouse.Exec(t.Context(), text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	one := func(text string) string {
		t.Helper()
		var id string
		if err := system.ClickHouse.QueryRow(t.Context(), text).Scan(&id); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return id
	}
	click := one("SELECT click_id FROM tributary.clicks ORDER BY _partition, _offset LIMIT 1")
	receipt := one("SELECT receipt_id FROM tributary.conversions WHERE kind = 'created' ORDER BY _partition, _offset LIMIT 1")
	letter := one("SELECT letter_id FROM tributary.dead_letters ORDER BY _partition, _offset LIMIT 1")
	exec("ALTER TABLE tributary.clicks DELETE WHERE click_id = '" + click + "' SETTINGS mutations_sync = 2")
	exec("INSERT INTO tributary.conversions SELECT * FROM tributary.conversions WHERE receipt_id = '" + receipt + "'")
	exec("ALTER TABLE tributary.dead_letters UPDATE payout = payout + 0.000001 WHERE letter_id = '" + letter + "' SETTINGS mutations_sync = 2")
	audit(t, system, [][]string{
		{"table clicks", "1 row missing", click},
		{"table conversions", "too many", receipt},
		{"table dead_letters", "other contents", letter},
		{"table conversions", "entries have gaps, repeat"},
	})
}
