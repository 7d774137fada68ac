package receipts

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"tributary/deploy/embedded/chdb/chdbtest"
	"tributary/ingest"
	"tributary/report"
	schema "tributary/schemas/clickhouse"
	"tributary/schemas/id"
)

var update = flag.Bool("update", false, "write testdata anew")

func open(t testing.TB) driver.Conn {
	t.Helper()
	conn, err := clickhouse.Open(chdbtest.Start(t).Options())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := schema.Migrate(t.Context(), conn, schema.Options{Views: report.Views()}); err != nil {
		t.Fatal(err)
	}
	return conn
}

// given is when the receipts of the tests were given.
const given = 1_767_225_600_000

// receiptAt answers a receipt of a time; number tells it from others.
func receiptAt(ms int64, number uint64) (r id.Receipt) {
	for i := range 6 {
		r[i] = byte(ms >> (40 - 8*i))
	}
	for i := range 8 {
		r[15-i] = byte(number >> (8 * i))
	}
	return r
}

func exec(t testing.TB, conn driver.Conn, format string, args ...any) {
	t.Helper()
	if err := conn.Exec(t.Context(), fmt.Sprintf(format, args...)); err != nil {
		t.Fatal(err)
	}
}

// A world writes what the sink would.
type world struct {
	notTaken string // SQL of the next postbacks' column
	t        *testing.T
	conn     driver.Conn
	n        uint64
}

func at(ms int64) string { return fmt.Sprintf("fromUnixTimestamp64Milli(%d, 'UTC')", ms) }

func (w *world) receipt() id.Receipt { w.n++; return receiptAt(given, w.n) }

func (w *world) postback(r id.Receipt, receivedMS int64) {
	w.t.Helper()
	w.n++
	exec(w.t, w.conn, "INSERT INTO tributary.postbacks (receipt_id, click_id, network, event, txid, status, original_status, has_payout, payout_original, currency, event_at, received_at, _offset, not_taken) SELECT '%s', 'c1', 'acme', 'sale', 't1', 'approved', 'ok', true, 12.5, 'USD', %s, %s, %d, %s",
		r, at(receivedMS), at(receivedMS), w.n, cmp.Or(w.notTaken, "[]"))
}

func (w *world) parked(r id.Receipt, receivedMS int64) {
	w.t.Helper()
	exec(w.t, w.conn, "INSERT INTO tributary.parked (receipt_id, click_id, network, event, txid, parked_at, until_at, received_at) SELECT '%s', 'c1', 'acme', 'sale', 't1', %s, %s, %s", r, at(receivedMS+300), at(receivedMS+900_000), at(receivedMS))
}

func (w *world) letter(r id.Receipt, receivedMS, decidedMS int64, reason, place string) {
	w.t.Helper()
	exec(w.t, w.conn, "INSERT INTO tributary.dead_letters (letter_id, kind, reason, detail, place, received_at, decided_at, network, click_id, event, txid) SELECT '%s', 'postback', '%s', 'why in words', '%s', %s, %s, 'acme', 'c1', 'sale', 't1'", r, reason, place, at(receivedMS), at(decidedMS))
}

func (w *world) entry(r id.Receipt, receivedMS, decidedMS int64, seq int, kind string) {
	w.t.Helper()
	payout := map[bool]string{false: "12.5", true: "-12.5"}[kind == "correction"]
	exec(w.t, w.conn, "INSERT INTO tributary.conversions (conversion_id, seq, kind, receipt_id, click_id, network, event, txid, status, original_status, payout_original, currency, match, received_at, decided_at) SELECT 'k1', %d, '%s', '%s', 'c1', 'acme', 'sale', 't1', 'approved', 'ok', %s, 'USD', 'click', %s, %s", seq, kind, r, payout, at(receivedMS), at(decidedMS))
}

// TestStates: every state, and every pair of rows that could be taken for another one. The view receipts answers alike.
func TestStates(t *testing.T) {
	w := &world{t: t, conn: open(t)}
	const ms, later = int64(given), int64(given) + 3*24*60*60*1000
	for _, c := range []struct {
		name, state, reason string
		make                func(r id.Receipt)
	}{
		{"received", "received", "", func(r id.Receipt) { w.postback(r, ms) }},
		{"parked", "parked", "", func(r id.Receipt) { w.postback(r, ms); w.parked(r, ms) }},
		{"parked_by_a_slow_clock", "parked", "", func(r id.Receipt) {
			w.postback(r, ms)
			exec(t, w.conn, "INSERT INTO tributary.parked (receipt_id, parked_at, until_at, received_at) SELECT '%s', %s, %s, %s", r, at(ms-5000), at(ms+5000), at(ms))
		}},
		{"joined", "joined", "", func(r id.Receipt) { w.postback(r, ms); w.entry(r, ms, ms+40, 1, "created") }},
		{"joined_with_parameters_left_out", "joined", "", func(r id.Receipt) {
			w.notTaken = "['foo', 'adv_sub']"
			defer func() { w.notTaken = "" }()
			w.postback(r, ms)
			w.postback(r, ms)
			w.entry(r, ms, ms+40, 1, "created")
		}},
		{"joined_as_a_correction", "joined", "", func(r id.Receipt) { w.postback(r, ms); w.entry(r, ms, ms+40, 1, "correction") }},
		{"joined_before_the_log", "joined", "", func(r id.Receipt) { w.entry(r, ms, ms+40, 2, "status") }},
		{"joined_after_waiting", "joined", "", func(r id.Receipt) {
			w.postback(r, ms)
			w.parked(r, ms)
			w.entry(r, ms, ms+5000, 1, "created")
		}},
		{"joined_and_rescored", "joined", "", func(r id.Receipt) {
			w.postback(r, ms)
			w.entry(r, ms, ms+40, 1, "created")
			w.entry(r, ms, ms+90, 0, "rescored")
		}},
		{"sent_twice_by_the_edge", "joined", "", func(r id.Receipt) {
			w.postback(r, ms)
			w.postback(r, ms)
			w.entry(r, ms, ms+40, 1, "created")
			w.letter(r, ms, ms+60, "duplicate_postback", "processor")
		}},
		{"duplicate", "duplicate", "duplicate_postback", func(r id.Receipt) {
			w.postback(r, ms)
			w.letter(r, ms, ms+60, "duplicate_postback", "processor")
		}},
		{"orphan", "orphan", "orphan", func(r id.Receipt) {
			w.postback(r, ms)
			w.parked(r, ms)
			w.letter(r, ms, ms+900_000, "orphan", "processor")
		}},
		{"rejected_by_the_edge", "rejected", "bad_payout", func(r id.Receipt) { w.letter(r, ms, ms, "bad_payout", "ingest") }},
		{"rejected_by_the_processor", "rejected", "stale_status", func(r id.Receipt) {
			w.postback(r, ms)
			w.letter(r, ms, ms+30, "stale_status", "processor")
		}},
		{"replayed_and_joined", "joined", "", func(r id.Receipt) {
			w.letter(r, ms, ms, "unknown_status", "ingest")
			w.postback(r, later)
			w.entry(r, later, later+20, 1, "created")
		}},
		{"replayed_and_waiting", "parked", "", func(r id.Receipt) {
			w.letter(r, ms, ms, "unknown_status", "ingest")
			w.postback(r, later)
			w.parked(r, later)
		}},
		{"replayed_and_refused_again", "rejected", "outside_window", func(r id.Receipt) {
			w.letter(r, ms, ms, "unknown_status", "ingest")
			w.postback(r, later)
			w.letter(r, later, later+20, "outside_window", "processor")
		}},
	} {
		r := w.receipt()
		c.make(r)
		got, err := NewReader(w.conn, "tributary").Find(t.Context(), r)
		if err != nil || got == nil {
			t.Fatalf("%s: %v, %v", c.name, got, err)
		}
		if got.State != c.state || string(got.Reason) != c.reason || (got.WhatToDo != "") != (c.reason != "") || got.Final() != (c.state != "received" && c.state != "parked") {
			t.Errorf("%s: %+v", c.name, got)
		}
		golden(t, c.name, got)
		var state, reason, conversion, decided string
		if err := w.conn.QueryRow(t.Context(), "SELECT state, reason, conversion_id, formatDateTime(decided_at, '%Y-%m-%dT%H:%i:%S') FROM tributary.receipts WHERE receipt_id = '"+r.String()+"'").Scan(&state, &reason, &conversion, &decided); err != nil {
			t.Fatal(err)
		}
		if state != got.State || reason != string(got.Reason) || (conversion != "") != (got.Conversion != nil) || !strings.HasPrefix(got.DecidedAt, decided) {
			t.Errorf("%s: the view says %s %s %s %s, Find %+v", c.name, state, reason, conversion, decided, got)
		}
	}
	var names []string
	if err := w.conn.QueryRow(t.Context(), "SELECT not_taken FROM tributary.receipts WHERE notEmpty(not_taken)").Scan(&names); err != nil || strings.Join(names, " ") != "foo adv_sub" {
		t.Errorf("the view says that %q were left out: %v", names, err)
	}
	if got, err := NewReader(w.conn, "tributary").Find(t.Context(), w.receipt()); err != nil || got != nil {
		t.Errorf("a receipt that nobody gave: %v, %v", got, err)
	}
}

// golden holds the answer against testdata, the receipt's own text aside.
func golden(t *testing.T, name string, got *ingest.Receipt) {
	t.Helper()
	shown := *got
	shown.ReceiptID = "RECEIPT"
	text, err := json.MarshalIndent(&shown, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')
	path := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != string(want) {
		t.Errorf("%s differs (go test -update writes it)\ngot  %s\nwant %s", path, text, want)
	}
}

// TestAway: a server that is not there is an error, and a cancelled look-up ends.
func TestAway(t *testing.T) {
	conn, err := clickhouse.Open(&clickhouse.Options{Addr: []string{"127.0.0.1:1"}, Protocol: clickhouse.HTTP, DialTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got, err := NewReader(conn, "tributary").Find(t.Context(), receiptAt(given, 1)); err == nil || got != nil {
		t.Errorf("%v, %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := NewReader(open(t), "tributary").Find(ctx, receiptAt(given, 1)); err == nil {
		t.Error("a cancelled look-up answers")
	}
}

// BenchmarkFind looks receipts up among years of rows: a million in each of postbacks, conversions and dead_letters, many campaigns and
// sources. It shows milliseconds of the median and the slowest percentile, and rows that ClickHouse read a look-up.
func BenchmarkFind(b *testing.B) {
	conn := open(b)
	const rows = 1_000_000
	exec(b, conn, "CREATE TABLE tributary.ids (n UInt64, receipt String, other String) ENGINE = Memory")
	batch, err := conn.PrepareBatch(b.Context(), "INSERT INTO tributary.ids")
	if err != nil {
		b.Fatal(err)
	}
	for n := range uint64(rows) { // a row every minute: nearly two years
		ms := int64(given) + int64(n)*60_000
		if err := batch.Append(n, receiptAt(ms, n).String(), receiptAt(ms, n+rows).String()); err != nil {
			b.Fatal(err)
		}
	}
	if err := batch.Send(); err != nil {
		b.Fatal(err)
	}
	at := fmt.Sprintf("fromUnixTimestamp64Milli(%d + toInt64(n) * 60000, 'UTC')", int64(given))
	for from := 0; from < rows; from += rows / 5 {
		ids := fmt.Sprintf(" FROM (SELECT *, %s AS at FROM tributary.ids WHERE n >= %d AND n < %d) SETTINGS max_partitions_per_insert_block = 1000", at, from, from+rows/5)
		exec(b, conn, "INSERT INTO tributary.postbacks (receipt_id, click_id, network, event, txid, received_at, event_at, _offset) SELECT receipt, lower(hex(cityHash64(n))), concat('n', toString(n %% 12)), 'sale', toString(n), at, at, n%s", ids)
		exec(b, conn, "INSERT INTO tributary.conversions (conversion_id, seq, kind, receipt_id, click_id, campaign_id, source_id, received_at, decided_at, event_at, click_at, _offset) SELECT lower(hex(cityHash64(n, 1))), 1, 'created', receipt, lower(hex(cityHash64(n))), cityHash64(n) %% 50, cityHash64(n, 2) %% 40, at, at, at, at, n%s", ids)
		exec(b, conn, "INSERT INTO tributary.dead_letters (letter_id, kind, reason, place, received_at, decided_at, network, _offset) SELECT other, 'postback', concat('reason_', toString(n %% 20)), 'ingest', at, at, concat('n', toString(n %% 12)), n%s", ids)
	}
	reader := NewReader(conn, "tributary")
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		n := uint64(i*7919) % rows
		began := time.Now()
		got, err := reader.Find(b.Context(), receiptAt(given+int64(n)*60_000, n))
		took = append(took, time.Since(began))
		if err != nil || got == nil || got.State != ingest.ReceiptJoined {
			b.Fatalf("%d: %+v, %v", n, got, err)
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	var read uint64
	n := uint64(rows / 2)
	r := receiptAt(given+int64(n)*60_000, n)
	for _, query := range []string{"SELECT count() FROM tributary.postbacks WHERE receipt_id = '" + r.String() + "'", "SELECT * FROM tributary.receipt_events WHERE " + where(r, nil)} {
		rows, err := conn.Query(b.Context(), "EXPLAIN ESTIMATE "+query)
		if err != nil {
			b.Fatal(err)
		}
		for rows.Next() {
			var database, table string
			var parts, rowsRead, marks uint64
			if err := rows.Scan(&database, &table, &parts, &rowsRead, &marks); err != nil {
				b.Fatal(err)
			}
			b.Logf("%s: %d parts, %d rows, %d granules", table, parts, rowsRead, marks)
			read += rowsRead
		}
		rows.Close()
	}
	b.ReportMetric(float64(read), "rows-read")
}
