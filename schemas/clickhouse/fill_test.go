package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// ledgerOfBefore fills a database of the former version: clicks with all that they had, entries with none of it. Of
// every tenth click there is no row any more; every seventh entry's click was never found.
func ledgerOfBefore(t *testing.T, conn driver.Conn, database string) {
	t.Helper()
	if _, err := migrate(t.Context(), quiet(conn, database), fewViews(formerMigrations(t))); err != nil {
		t.Fatal(err)
	}
	for _, month := range []string{"2026-02-10 12:00:00", "2026-03-10 12:00:00"} {
		execIn(t, conn, database, "INSERT INTO {db}.clicks (click_id, event_at, received_at, campaign_id, campaign, "+
			"landing_id, "+
			"landing, keyword, city, asn, os_version, hosting, subs) SELECT concat('%[1]s ', toString(number)), "+
			"toDateTime64('%[1]s', 3, 'UTC') + number AS e, e, 7, 'c', number %% 3, concat('page ', toString(number %% 3)), "+
			"concat('word ', toString(number)), 'Ulm', number %% 5, '17.1', number %% 2, ['zone', '', toString(number %% 4)] "+
			"FROM numbers(100) WHERE number %% 10 != 0", month)
		execIn(t, conn, database, "INSERT INTO {db}.conversions (conversion_id, seq, kind, receipt_id, click_id, click_at, "+
			"received_at, match, campaign_id, campaign, subs, conversions_delta, pending_delta, revenue_hold_delta, _offset) "+
			"SELECT concat('%[1]s ', toString(number)), 1, 'created', toString(number), concat('%[1]s ', "+
			"toString(intDiv(number, 2))), toDateTime64('%[1]s', 3, 'UTC') + intDiv(number, 2) AS e, e + 60, "+
			"if(number %% 7 = 0, 'click_id', 'click'), 7, 'c', ['zone', '', toString(intDiv(number, 2) %% 4)], 1, 1, 1.25, "+
			"number "+
			"FROM numbers(200)", month)
	}
}

// filledWrongly are the entries that have not what they must: that of the click, where it was found and is there.
const filledWrongly = "SELECT count() FROM %[1]s.conversions AS e LEFT JOIN %[1]s.clicks AS c USING click_id " +
	"WHERE (e.landing_id, e.landing, e.keyword, e.city, e.asn, e.os_version, e.hosting) != if(e.match = 'click' AND " +
	"c.campaign_id = 7, (c.landing_id, c.landing, c.keyword, c.city, c.asn, c.os_version, c.hosting), " +
	"(0, '', '', '', 0, '', false))"

// sameSums compares what the projection has of money with the rows, by a dimension that was filled.
func sameSums(t *testing.T, conn driver.Conn, database string) {
	t.Helper()
	const query = "SELECT landing, sum(revenue_hold_delta), sum(conversions_delta), count() FROM %s.conversions " +
		"GROUP BY landing ORDER BY landing SETTINGS optimize_use_projections = %d"
	projected, rows := asText(t, conn, fmt.Sprintf(query, database, 1)), asText(t, conn, fmt.Sprintf(query, database, 0))
	if projected != rows || !strings.Contains(rows, "page 2") {
		t.Errorf("the projection has\n%s\nthe rows\n%s", projected, rows)
	}
	for _, name := range Projections["conversions"] {
		if n, err := quiet(conn, database).partsWithout(t.Context(), "conversions", name); n != 0 || err != nil {
			t.Errorf("%d parts lack the projection %s: %v", n, name, err)
		}
	}
	explained := asText(t, conn, strings.Replace("EXPLAIN "+fmt.Sprintf(query, database, 1), "ORDER BY landing ", "", 1))
	if projectionsRead(explained) != 1 {
		t.Errorf("the sums are not read from the projection:\n%s", explained)
	}
}

// TestEntriesGetTheirDimensions: a database of the former version is upgraded.
func TestEntriesGetTheirDimensions(t *testing.T) {
	t.Parallel()
	conn, ctx := open(t), t.Context()
	all, err := Migrations()
	if err != nil {
		t.Fatal(err)
	}
	ledgerOfBefore(t, conn, "was")
	const others = "SELECT sum(revenue_hold_delta), sum(conversions_delta), sum(cityHash64(conversion_id, seq, kind, " +
		"receipt_id, click_id, click_at, received_at, match, subs, _partition, _offset)), count() FROM was.conversions"
	before := asText(t, conn, others)
	r := withSomeViews(conn, "was")
	r.fillMost = 40 // of 160 clicks a month: several chunks
	var said []Progress
	r.progress = func(p Progress) { said = append(said, p) }
	if _, err := r.bring(ctx, all); err != nil {
		t.Fatal(err)
	}
	if n := asText(t, conn, fmt.Sprintf(filledWrongly, "was")); n != "0\n" {
		t.Errorf("%s entries have not what their clicks have", n)
	}
	if n := asText(t, conn, "SELECT countIf(city = 'Ulm') FROM was.conversions"); n != "310\n" {
		t.Errorf("%s entries are filled, want 310", n)
	}
	if got := asText(t, conn, others); got != before {
		t.Errorf("the rest of the entries is %s, was %s", got, before)
	}
	sameSums(t, conn, "was")
	if told := fmt.Sprint(said); !strings.Contains(told, "310 ledger entries of before have the dimensions of their "+
		"clicks now; 32 keep none, for their clicks are not there any more") || !strings.Contains(told,
		"dimensions of ledger entries, at month 202602, entries 342 342") {
		t.Errorf("it said %s", told)
	}
	if got := asText(t, conn, "SELECT month, rows, gone FROM was.schema_fills ORDER BY month"); got !=
		"202602 155 16\n202603 155 16\n" {
		t.Errorf("written down is\n%s", got)
	}
	updates := "SELECT count() FROM system.mutations WHERE database = 'was' AND table = 'conversions' AND command " +
		"LIKE '%UPDATE%'"
	asked := asText(t, conn, updates)
	if asked != "10\n" {
		t.Errorf("%s updates, want 5 a month", asked)
	}

	t.Run("a role of before is at work still", func(t *testing.T) {
		const late = "INSERT INTO was.conversions (conversion_id, seq, kind, click_id, click_at, received_at, match, " +
			"campaign_id, campaign) VALUES ('%s', 1, 'created', '2026-03-10 12:00:00 55', '2026-03-10 12:00:00', now(), " +
			"'click', 7, 'c')"
		execIn(t, conn, "was", late, "late")
		if _, err := r.bring(ctx, all); err != nil {
			t.Fatal(err)
		}
		if got := asText(t, conn, "SELECT keyword FROM was.conversions WHERE conversion_id = 'late'"); got != "word 55\n" {
			t.Errorf("a late entry has the keyword %q", got)
		}
		// A day later it is done, and never looked at again.
		execIn(t, conn, "was", "INSERT INTO {db}.schema_fills SELECT name, month, rows, gone, done_at - toIntervalHour(25) "+
			"FROM {db}.schema_fills LIMIT 1")
		for i := range 2 {
			if _, err := r.bring(ctx, all); err != nil {
				t.Fatal(err)
			}
			execIn(t, conn, "was", late, fmt.Sprint("too late ", i))
		}
		if got := asText(t, conn, "SELECT count(), countIf(keyword = '') FROM was.conversions WHERE conversion_id LIKE "+
			"'too late%'"); got != "2 2\n" {
			t.Errorf("it went on: %q", got)
		}
		if got := asText(t, conn, "SELECT count() FROM was.schema_fills WHERE month = 0"); got != "1\n" {
			t.Errorf("the end is written down %s times", got)
		}
	})
	t.Run("a new database has nothing to fill", func(t *testing.T) {
		if _, err := withSomeViews(conn, "fresh").bring(ctx, all); err != nil {
			t.Fatal(err)
		}
		if got := asText(t, conn, "SELECT month FROM fresh.schema_fills"); got != "0\n" {
			t.Errorf("written down is %q", got)
		}
	})
}

// TestEntriesAreFilledByWhoComesNext: the run is killed before every statement, while rows come in.
func TestEntriesAreFilledByWhoComesNext(t *testing.T) {
	t.Parallel()
	conn, ctx := open(t), t.Context()
	ledgerOfBefore(t, conn, "was")
	r := quiet(conn, "was")
	if _, err := migrate(ctx, r, nil); err != nil && !errors.Is(err, ErrNewer) {
		t.Fatal(err)
	}
	execIn(t, conn, "was", "CREATE TABLE IF NOT EXISTS {db}%s", fillsTable)
	if _, err := applyTables(ctx, r, r.tables); err != nil {
		t.Fatal(err)
	}
	if err := r.applySums(ctx); err != nil {
		t.Fatal(err)
	}
	rows := 400
	for killed := 0; ; killed++ {
		if killed > 60 {
			t.Fatal("it does not end")
		}
		// Entries that have their dimensions come with the loader meanwhile.
		execIn(t, conn, "was", "INSERT INTO {db}.conversions (conversion_id, seq, kind, click_id, click_at, received_at, "+
			"match, "+
			"landing, keyword) SETTINGS insert_deduplication_token = 'token %[1]d' VALUES ('new %[1]d', 1, 'created', "+
			"'2026-03-10 12:00:00 55', '2026-03-10 12:00:00', '2026-03-10 13:00:00', 'click', 'its own', 'own')", killed)
		rows++
		k := quiet(&killable{conn, killed}, "was")
		k.fillMost = 100
		err := k.fillDimensions(ctx)
		if err == nil {
			break
		}
		if !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
	}
	if got := asText(t, conn, "SELECT count(), uniqExact(conversion_id) FROM was.conversions"); got !=
		fmt.Sprintf("%d %[1]d\n", rows) {
		t.Errorf("there are %s entries, want %d", got, rows)
	}
	if n := asText(t, conn, fmt.Sprintf(filledWrongly+" AND landing != 'its own'", "was")); n != "0\n" {
		t.Errorf("%s entries have not what their clicks have", n)
	}
	if n := asText(t, conn, "SELECT countIf(landing = 'its own' AND keyword = 'own') FROM was.conversions"); n !=
		fmt.Sprintln(rows-400) {
		t.Errorf("%s new entries are as they were, want %d", n, rows-400)
	}
	sameSums(t, conn, "was")
	if left := asText(t, conn, "SELECT name FROM system.tables WHERE database = 'was' AND engine = 'Join'"); left != "" {
		t.Errorf("it left %s", left)
	}
}

// meddling is a connection on which something else happens before the statements that have a text.
type meddling struct {
	driver.Conn
	at     string
	before func(n int)
	n      int
}

func (m *meddling) Exec(ctx context.Context, query string, arguments ...any) error {
	if strings.Contains(query, m.at) {
		m.n++
		m.before(m.n)
	}
	return m.Conn.Exec(ctx, query, arguments...)
}

// TestWhatIsForgottenStaysSo: a click's data are blanked, in it and its entries, after they were read for these and
// before they are written there.
func TestWhatIsForgottenStaysSo(t *testing.T) {
	t.Parallel()
	for at, much := range map[string]string{
		"INSERT INTO was.schema_fills":       "when all is done",
		"ALTER TABLE was.conversions UPDATE": "before it is asked for",
		"DROP TABLE IF EXISTS":               "when it is done, and the clicks may be read again",
	} {
		t.Run(much, func(t *testing.T) {
			conn, ctx := open(t), t.Context()
			ledgerOfBefore(t, conn, "was")
			m := &meddling{Conn: conn, at: at}
			m.before = func(n int) {
				if n > 1 {
					return
				}
				for _, table := range []string{"clicks", "conversions"} {
					execIn(t, conn, "was", "ALTER TABLE {db}.%s UPDATE keyword = '' WHERE click_id = '2026-03-10 12:00:00 55' "+
						"SETTINGS mutations_sync = 1", table)
				}
			}
			r := quiet(m, "was")
			execIn(t, conn, "was", "CREATE TABLE IF NOT EXISTS {db}%s", fillsTable)
			if _, err := applyTables(ctx, r, r.tables); err != nil {
				t.Fatal(err)
			}
			if err := r.fillDimensions(ctx); err != nil {
				t.Fatal(err)
			}
			if m.n == 0 {
				t.Fatal("nothing happened in between")
			}
			if n := asText(t, conn, fmt.Sprintf(filledWrongly, "was")); n != "0\n" {
				t.Errorf("%s entries have not what their clicks have", n)
			}
			if got := asText(t, conn, "SELECT count(), countIf(keyword = ''), countIf(landing = 'page 1') FROM was.conversions "+
				"WHERE click_id = '2026-03-10 12:00:00 55'"); got != "2 2 2\n" {
				t.Errorf("entries, without keyword, with landing page: %s", got)
			}
			if left := asText(t, conn, "SELECT name FROM system.tables WHERE database = 'was' AND engine = 'Join'"); left != "" {
				t.Errorf("it left %s", left)
			}
		})
	}
}
