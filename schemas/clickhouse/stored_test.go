package clickhouse

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"tributary/schemas"
)

// withoutSubs are the parts that lack a column of a sub.
const withoutSubs = "SELECT count() FROM system.parts WHERE database = '%[1]s' AND table IN ('clicks', " +
	"'conversions', " +
	"'impressions') AND active AND (table, name) NOT IN (SELECT table, name FROM system.parts_columns WHERE database = " +
	"'%[1]s' AND active AND column IN ('sub1', 'sub20') GROUP BY table, name HAVING count() = 2)"

// TestSubsBecomeStored: subs of a database of the former version, which computes them when they are read, are stored.
func TestSubsBecomeStored(t *testing.T) {
	conn, ctx := open(t), t.Context()
	all, err := Migrations()
	if err != nil {
		t.Fatal(err)
	}
	ledgerOfBefore(t, conn, "was")
	execIn(t, conn, "was", "INSERT INTO {db}.impressions (impression_id, received_at, subs) SELECT toString(number), "+
		"'2026-03-10 12:00:00', ['a', 'b'] FROM numbers(10)")
	execIn(t, conn, "was", "CREATE VIEW {db}.theirs AS SELECT sub3, sub1, count() AS n FROM {db}.clicks GROUP BY "+
		"sub3, sub1")
	read := func() string {
		return asText(t, conn, "SELECT * FROM was.theirs ORDER BY sub3") +
			asText(t, conn, "SELECT sub3, sub20 = '', count() FROM was.conversions GROUP BY ALL ORDER BY sub3") +
			asText(t, conn, "DESCRIBE (SELECT sub3, sub1 FROM was.clicks)")
	}
	before := read()
	if !strings.Contains(before, "3 zone 50") {
		t.Fatalf("there is %s", before)
	}
	r := withSomeViews(conn, "was")
	var said []Progress
	r.progress = func(p Progress) {
		if p.Done > p.Total || p.Rate < 0 || p.Left < 0 {
			t.Errorf("it said %v", p)
		}
		said = append(said, p)
	}
	if _, err := r.bring(ctx, all); err != nil {
		t.Fatal(err)
	}
	if got := read(); got != before {
		t.Errorf("who reads it sees\n%s\nbefore\n%s", got, before)
	}
	if n := asText(t, conn, fmt.Sprintf(withoutSubs, "was")); n != "0\n" {
		t.Errorf("%s parts have none of it", n)
	}
	for _, want := range []string{"stored from now on sub1, sub2", "storing sub1 to sub20 of clicks, at month 202602, " +
		"rows 180 180",
		"storing sub1 to sub20 of impressions, at month 202603, rows 10 10"} {
		if !strings.Contains(fmt.Sprint(said), want) {
			t.Errorf("it did not say %q: %v", want, said)
		}
	}
	// What it is for: one column is read.
	plan := asText(t, conn, "EXPLAIN header = 1 SELECT count() FROM was.clicks WHERE sub3 = '1' SETTINGS "+
		"query_plan_optimize_prewhere = 0")
	if !strings.Contains(plan, "sub3 String") || strings.Contains(plan, "subs Array") {
		t.Errorf("a filter on sub3 reads\n%s", plan)
	}
	// SELECT * is what it was for who copies rows.
	if names := asText(t, conn, "SELECT count() FROM system.columns WHERE database = 'was' AND table = 'clicks' AND "+
		"match(name, '^sub\\\\d+$') AND default_kind = 'MATERIALIZED' AND "+
		"compression_codec = 'CODEC(ZSTD(1))'"); names != "20\n" {
		t.Errorf("%s columns are as they must be", names)
	}
	if described := asText(t, conn, "DESCRIBE (SELECT * FROM was.clicks)"); strings.Contains(described, "sub1 ") {
		t.Errorf("SELECT * has more columns:\n%s", described)
	}
	// What is blanked is blanked there too.
	execIn(t, conn, "was", "ALTER TABLE {db}.clicks UPDATE subs = [] WHERE 1 SETTINGS mutations_sync = 1")
	if got := asText(t, conn, "SELECT count(), countIf(sub1 = '' AND sub3 = '') FROM was.clicks"); got != "180 180\n" {
		t.Errorf("rows, and those that are blank: %s", got)
	}
}

// TestSubsAreStoredByWhoComesNext: the run is killed before every statement, while a loader of before, which does not
// know the columns, goes on.
func TestSubsAreStoredByWhoComesNext(t *testing.T) {
	conn, ctx := open(t), t.Context()
	ledgerOfBefore(t, conn, "was")
	ours := schemas.Tables()
	two := []schemas.Table{ours[slices.IndexFunc(ours, func(t schemas.Table) bool { return t.Name == "clicks" })],
		ours[slices.IndexFunc(ours, func(t schemas.Table) bool { return t.Name == "conversions" })]}
	for killed := 0; ; killed++ {
		if killed > 30 {
			t.Fatal("it does not end")
		}
		execIn(t, conn, "was", "INSERT INTO {db}.clicks (click_id, received_at, subs) SETTINGS insert_deduplication_token = "+
			"'token %[1]d' VALUES ('new %[1]d', '2026-03-10 13:00:00', ['zone', '', '%[1]d'])", killed)
		k := quiet(&killable{conn, killed}, "was")
		k.tables = two
		_, err := applyTables(ctx, k, two)
		if err == nil {
			err = k.storeColumns(ctx)
		}
		if got := asText(t, conn, "SELECT sub3 FROM was.clicks WHERE click_id = '2026-02-10 12:00:00 7'"); got != "3\n" {
			t.Errorf("killed after %d statements, sub3 is %q", killed, got)
		}
		if err == nil {
			rows := asText(t, conn, "SELECT count(), countIf(sub3 = subs[3] AND sub1 = 'zone') FROM was.clicks")
			if want := fmt.Sprintf("%d %[1]d\n", 180+killed+1); rows != want {
				t.Errorf("there are %s, want %s", rows, want)
			}
			break
		}
		if !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
	}
	if n := asText(t, conn, strings.Replace(fmt.Sprintf(withoutSubs, "was"), ", 'impressions'", "", 1)); n != "0\n" {
		t.Errorf("%s parts have none of it", n)
	}
	if changed, err := applyTables(ctx, quiet(conn, "was"), two); len(changed) > 0 || err != nil {
		t.Errorf("then it changes %q: %v", changed, err)
	}
	// The other way round it is refused: `SELECT sub1` of a filter would read all subs again.
	back := slices.Clone(two[:1])
	back[0].Columns = slices.Clone(two[0].Columns)
	back[0].Column("sub1").Alias, back[0].Column("sub1").Stored = "subs[1]", ""
	if _, err := applyTables(ctx, quiet(conn, "was"), back); !errors.Is(err, ErrUnlike) ||
		!strings.Contains(err.Error(), `clicks.sub1 is stored as "MATERIALIZED", declared is "ALIAS"`) {
		t.Error(err)
	}
}

// TestUpgradeBesideALoader: a loader of the former version, and one of this, insert all the time. None is refused, and
// no row is lost, doubled or changed.
func TestUpgradeBesideALoader(t *testing.T) {
	conn, ctx := open(t), t.Context()
	all, err := Migrations()
	if err != nil {
		t.Fatal(err)
	}
	ledgerOfBefore(t, conn, "was")
	stop, stopped := make(chan struct{}), make(chan int)
	go func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				stopped <- n
				return
			default:
			}
			for table, columns := range map[string]string{"clicks": "click_id", "conversions": "conversion_id"} {
				query := fmt.Sprintf("INSERT INTO was.%s (%s, received_at, campaign, landing, subs, _offset) SETTINGS "+
					"insert_deduplication_token = 'token %[3]d' VALUES ('new %[3]d', '2026-03-10 13:00:00', 'new', 'its own', "+
					"['zone', '', '%[3]d'], %[3]d)", table, columns, n)
				if table == "conversions" { // as a loader of before, which knows no landing page of an entry
					query = strings.NewReplacer("campaign, landing, subs", "campaign, subs",
						"'new', 'its own'", "'new'").Replace(query)
				}
				if err := conn.Exec(ctx, query); err != nil {
					t.Errorf("inserting: %v", err)
				}
			}
		}
	}()
	_, err = withSomeViews(conn, "was").bring(ctx, all)
	close(stop)
	n := <-stopped
	if err != nil || n == 0 {
		t.Fatalf("after %d inserts: %v", n, err)
	}
	for table, id := range map[string]string{"clicks": "click_id", "conversions": "conversion_id"} {
		got := asText(t, conn, fmt.Sprintf("SELECT count(), uniqExact(%s), countIf(sub3 = toString(_offset) AND sub1 = "+
			"'zone') "+
			"FROM was.%s WHERE campaign = 'new'", id, table))
		if want := fmt.Sprintf("%d %[1]d %[1]d\n", n); got != want {
			t.Errorf("%s has rows, different ones, right ones: %s, want %s", table, got, want)
		}
	}
	if n := asText(t, conn, fmt.Sprintf(withoutSubs, "was")); n != "0\n" {
		t.Errorf("%s parts have none of it", n)
	}
	sameSums(t, conn, "was")
}
