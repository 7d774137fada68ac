package sums

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"tributary/deploy/embedded/chdb/chdbtest"
	"tributary/report"
	schema "tributary/schemas/clickhouse"
	"tributary/schemas/clickhouse/archive"
	"tributary/scripts/oracle"
)

var (
	seeds = flag.Int("seeds", 0, "scenarios to play; 0 for none, the nights play some")
	first = flag.Uint64("seed", 3, "the first; every third one has blocks")
)

// figures of a campaign, in micros or counts.
type figures struct {
	clicks, blocked, cost, costBlocked, revenue, revenueBlocked int64
}

func (f figures) String() string {
	text := fmt.Sprintf("%d %d %d %d %d %d", f.clicks, f.blocked, f.cost, f.costBlocked, f.revenue, f.revenueBlocked)
	ratio := func(of, by int64) string {
		if by == 0 {
			return " none"
		}
		return fmt.Sprintf(" %.6f", float64(of)/float64(by))
	}
	// A blocked click is in cost and ROI, and in neither clicks nor EPC.
	return text + ratio(f.revenue-f.revenueBlocked, f.clicks*1_000_000) + ratio(f.revenue-f.cost, f.cost)
}

const asked = `SELECT toString(campaign_id), concat(toString(sum(clicks)), ' ', toString(sum(clicks_blocked)), ' ', toString(toInt64(sum(cost) * 1000000)), ' ',
toString(toInt64(sum(cost_blocked) * 1000000)), ' ', toString(toInt64(sum(revenue) * 1000000)), ' ', toString(toInt64(sum(revenue_blocked) * 1000000)),
if(sum(clicks) = 0, ' none', concat(' ', toDecimalString(toFloat64(any(epc)), 6))), if(sum(cost) = 0, ' none', concat(' ', toDecimalString(toFloat64(any(roi)), 6))))
FROM tributary.epc_roi_by_campaign GROUP BY campaign_id`

func number(r oracle.Row, column string) int64 {
	n, _ := strconv.ParseInt(r[column], 10, 64)
	return n
}

// count adds a row to the naive sums.
func count(sums map[string]figures, table string, r oracle.Row) {
	f := sums[r["campaign_id"]]
	blocked := r["blocked"] == "true"
	switch table {
	case "clicks":
		if f.cost += number(r, "cost"); blocked {
			f.blocked, f.costBlocked = f.blocked+1, f.costBlocked+number(r, "cost")
		} else {
			f.clicks++
		}
	case "conversions":
		revenue := number(r, "revenue_confirmed_delta")
		if r["confirmed_only"] != "true" {
			revenue += number(r, "revenue_hold_delta")
		}
		if f.revenue += revenue; blocked {
			f.revenueBlocked += revenue
		}
	}
	sums[r["campaign_id"]] = f
}

// killed ends a command once so many of its statements have changed something.
type killed struct {
	driver.Conn
	left int
}

var errKilled = errors.New("killed")

func (k *killed) Exec(ctx context.Context, query string, arguments ...any) error {
	if k.left--; k.left < 0 {
		return errKilled
	}
	if err := k.Conn.Exec(ctx, query, arguments...); err != nil {
		return err
	}
	if k.left == 0 {
		return errKilled // the answer is lost
	}
	return nil
}

type rig struct {
	t    *testing.T
	conn driver.Conn
	url  string
	auth clickhouse.Auth
}

func (r *rig) load(l *oracle.Loaded) {
	r.t.Helper()
	query := url.Values{"query": {"INSERT INTO tributary." + l.Table + " (" + l.Columns + ") FORMAT Native"}, "async_insert": {"0"}, "insert_deduplicate": {"0"}}
	request, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, r.url+"/?"+query.Encode(), bytes.NewReader(l.Body))
	if err != nil {
		r.t.Fatal(err)
	}
	request.SetBasicAuth(r.auth.Username, r.auth.Password)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, _ := io.ReadAll(answer.Body); answer.StatusCode != http.StatusOK {
		r.t.Fatalf("inserting into %s: %d %s", l.Table, answer.StatusCode, text)
	}
}

// hold asks what people see.
func (r *rig) hold(when string, sums map[string]figures) {
	r.t.Helper()
	rows, err := r.conn.Query(r.t.Context(), asked)
	if err != nil {
		r.t.Fatal(err)
	}
	defer rows.Close()
	got := map[string]string{}
	for rows.Next() {
		var campaign, text string
		if err := rows.Scan(&campaign, &text); err != nil {
			r.t.Fatal(err)
		}
		got[campaign] = text
	}
	if err := rows.Err(); err != nil {
		r.t.Fatal(err)
	}
	for campaign, f := range sums {
		if want := f.String(); got[campaign] != want {
			r.t.Errorf("%s: campaign %s is shown as %q, its rows come to %q (clicks, blocked, cost, of the blocked, revenue, of the blocked, EPC, ROI)", when, campaign, got[campaign], want)
		}
		delete(got, campaign)
	}
	if len(got) > 0 {
		r.t.Errorf("%s: campaigns without rows are shown: %v", when, got)
	}
}

// TestSumsAmidTheArchive: figures are those of the rows at any time, whatever of the archive was done, and killed where.
func TestSumsAmidTheArchive(t *testing.T) {
	if *seeds == 0 {
		t.Skip("builds a Go runtime; -seeds says how many scenarios")
	}
	d, err := oracle.Build(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	engine := chdbtest.Start(t)
	options := engine.Options()
	conn, err := clickhouse.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := schema.Migrate(t.Context(), conn, schema.Options{Views: report.Views()}); err != nil {
		t.Fatal(err)
	}
	for i := range *seeds {
		seed := *first + 3*uint64(i)
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			played, err := d.One(t.Context(), seed, oracle.Options{}, "-inserts")
			if err != nil {
				t.Fatal(err)
			}
			for _, table := range append(archive.Tables(), "archive_sums", "archive_offsets", "archive_months") {
				if err := conn.Exec(t.Context(), "TRUNCATE TABLE tributary."+table); err != nil {
					t.Fatal(err)
				}
			}
			(&rig{t, conn, "http://" + options.Addr[0], options.Auth}).play(played, rand.New(rand.NewPCG(seed, 0x73756d73)))
		})
	}
}

func (r *rig) play(played *oracle.Result, random *rand.Rand) {
	t := r.t
	loaded := slices.DeleteFunc(played.Loaded, func(l oracle.Loaded) bool { return l.Table != "clicks" && l.Table != "conversions" })
	sums, kills, archived := map[string]figures{}, 0, uint64(0)
	before := map[string]archive.Month{}
	for _, table := range archive.Tables() {
		before[table] = 200003 // scenarios are of the first months of 2000
	}
	// As many moments as there are statements to be killed after, and some more.
	moments := map[int]bool{len(loaded) - 1: true}
	for range 6 {
		moments[random.IntN(len(loaded))] = true
	}
	for i := range loaded {
		r.load(&loaded[i])
		rows, err := loaded[i].Rows()
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			count(sums, loaded[i].Table, row)
		}
		if !moments[i] {
			continue
		}
		when := fmt.Sprintf("after insert %d of %d", i+1, len(loaded))
		r.hold(when, sums)
		o := archive.Options{ClickHouse: &killed{r.conn, 1 + random.IntN(14)}, Before: before, Drop: random.IntN(2) == 0}
		done, err := archive.Run(t.Context(), o)
		if err != nil && !errors.Is(err, errKilled) {
			t.Fatalf("%s, archiving: %v", when, err)
		}
		if err != nil {
			kills++
		}
		for _, one := range done {
			archived += one.Summed
		}
		r.hold(when+" and an archive that was killed", sums)
	}
	o := archive.Options{ClickHouse: r.conn, Before: before, Drop: true}
	done, err := archive.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	r.hold("without any rows", sums)
	var left uint64
	if err := r.conn.QueryRow(t.Context(), "SELECT (SELECT count() FROM tributary.clicks) + (SELECT count() FROM tributary.conversions)").Scan(&left); err != nil || left > 0 {
		t.Errorf("%d rows are left of %v: %v", left, strings.Join(archive.Tables(), ", "), err)
	}
	t.Logf("%d inserts, %d kills, at last %+v", len(loaded), kills, done)
}
