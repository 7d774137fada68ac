package chdb_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/shopspring/decimal"
)

func TestDriverCompressions(t *testing.T) {
	address, db := database(t)
	for _, method := range []clickhouse.CompressionMethod{
		clickhouse.CompressionNone, clickhouse.CompressionLZ4, clickhouse.CompressionZSTD,
		clickhouse.CompressionGZIP, clickhouse.CompressionDeflate, clickhouse.CompressionBrotli,
	} {
		t.Run(method.String(), func(t *testing.T) {
			ctx := context.Background()
			conn := open(t, address, db, func(o *clickhouse.Options) {
				o.Compression = &clickhouse.Compression{Method: method, Level: 1}
				o.Settings = clickhouse.Settings{"enable_http_compression": 1}
			})
			must(t, conn.Exec(ctx, "CREATE OR REPLACE TABLE t (a UInt64, s String, l LowCardinality(String), n Nullable(Int64), d DateTime64(3), x Array(String), ip IPv6, m Decimal(18, 6)) ENGINE = MergeTree ORDER BY a"))
			const rows = 20_000
			a, s := make([]uint64, rows), make([]string, rows)
			l, n := make([]string, rows), make([]*int64, rows)
			d, x, ip := make([]time.Time, rows), make([][]string, rows), make([]string, rows)
			for i := range rows {
				a[i], s[i], l[i] = uint64(i), "\x00\xff"+strconv.Itoa(i), strconv.Itoa(i%10)
				if i%2 == 0 {
					v := int64(-i)
					n[i] = &v
				}
				d[i], x[i], ip[i] = time.UnixMilli(int64(i)), []string{"a", strconv.Itoa(i)}, "2001:db8::1"
			}
			batch, err := conn.PrepareBatch(ctx, "INSERT INTO t (a, s, l, n, d, x, ip)")
			must(t, err)
			for i, column := range []any{a, s, l, n, d, x, ip} {
				must(t, batch.Column(i).Append(column))
			}
			must(t, batch.Send())
			result, err := conn.Query(ctx, "SELECT a, s, l, n, d, x, toString(ip), m FROM t WHERE a >= ? ORDER BY a", 10)
			must(t, err)
			defer result.Close()
			read := 10
			for ; result.Next(); read++ {
				var (
					a        uint64
					s, l, ip string
					n        *int64
					d        time.Time
					x        []string
					m        decimal.Decimal
				)
				must(t, result.Scan(&a, &s, &l, &n, &d, &x, &ip, &m))
				unequal := a != uint64(read) || s != "\x00\xff"+strconv.Itoa(read) || l != strconv.Itoa(read%10) || (n == nil) != (read%2 == 1) || d.UnixMilli() != int64(read) || x[1] != strconv.Itoa(read) || ip != "2001:db8::1"
				if unequal {
					t.Fatalf("row %d is %v %q %v %v %v %v %v", read, a, s, l, n, d, x, ip)
				}
			}
			must(t, result.Err())
			if read != rows {
				t.Fatalf("read %d rows of %d", read, rows)
			}
		})
	}
}

func TestDriverErrors(t *testing.T) {
	address, db := database(t)
	conn := open(t, address, db, nil)
	ctx := context.Background()
	for query, want := range map[string]int32{
		"SELECT FROM WHERE":     62,
		"SELECT * FROM nowhere": 60,
		"SELECT throwIf(number = 3000000) FROM numbers(10000000)": 395, // after megabytes of good rows
	} {
		rows, err := conn.Query(ctx, query)
		if err == nil {
			for rows.Next() {
			}
			err = rows.Err()
		}
		var exception *clickhouse.Exception
		if !errors.As(err, &exception) || exception.Code != want || exception.CodeName == "" {
			t.Errorf("%s: %v, want code %d", query, err, want)
		}
	}
	if err := conn.Exec(ctx, "CREATE TABLE x"); err == nil {
		t.Error("a broken CREATE passed")
	}
	if rows, err := conn.Query(ctx, "SELECT 1 AS x WHERE 0"); err != nil || rows.Next() || rows.Err() != nil {
		t.Errorf("an empty result: %v", err)
	}
	if err := conn.Ping(ctx); err != nil {
		t.Error(err)
	}
}

// A request's settings, database and SET statements must be gone with it, also when hundreds share the server.
func TestNothingLeaksBetweenRequests(t *testing.T) {
	address, db := database(t)
	conn := open(t, address, "default", nil)
	ctx := context.Background()
	var before uint64
	must(t, conn.QueryRow(ctx, "SELECT toUInt64(getSetting('max_block_size'))").Scan(&before))
	for range 20 {
		must(t, conn.Exec(ctx, "SET max_block_size = 99"))
		must(t, conn.Exec(ctx, "USE "+db))
		with := clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"max_block_size": 77, "insert_deduplication_token": "x"}))
		var size uint64
		must(t, conn.QueryRow(with, "SELECT toUInt64(getSetting('max_block_size'))").Scan(&size))
		if size != 77 {
			t.Fatalf("the request's own setting was %d", size)
		}
		var token, current string
		must(t, conn.QueryRow(ctx, "SELECT toUInt64(getSetting('max_block_size')), getSetting('insert_deduplication_token'), currentDatabase()").Scan(&size, &token, &current))
		if size != before || token != "" || current != "default" {
			t.Fatalf("the next request saw %d, %q, %q", size, token, current)
		}
	}
}

func TestSixteenClients(t *testing.T) {
	address, db := database(t)
	conn := open(t, address, db, nil)
	ctx := context.Background()
	must(t, conn.Exec(ctx, "CREATE TABLE t (client UInt8, a UInt64) ENGINE = MergeTree ORDER BY (client, a)"))
	const clients, inserts, rows = 16, 10, 500
	var all sync.WaitGroup
	for client := range clients {
		all.Go(func() {
			for i := range inserts {
				batch, err := conn.PrepareBatch(ctx, "INSERT INTO t (client, a)")
				if err != nil {
					t.Error(err)
					return
				}
				for a := range rows {
					_ = batch.Append(uint8(client), uint64(i*rows+a))
				}
				if err := batch.Send(); err != nil {
					t.Error(err)
					return
				}
				var count uint64
				if err := conn.QueryRow(ctx, "SELECT count() FROM t WHERE client = ?", client).Scan(&count); err != nil || count != uint64((i+1)*rows) {
					t.Errorf("client %d sees %d rows after %d inserts: %v", client, count, i+1, err)
					return
				}
			}
		})
	}
	all.Wait()
	var total uint64
	must(t, conn.QueryRow(ctx, "SELECT count() FROM (SELECT DISTINCT client, a FROM t)").Scan(&total))
	if total != clients*inserts*rows {
		t.Fatalf("%d rows, want %d", total, clients*inserts*rows)
	}
}

func TestCancelledQueryEndsInTheEngine(t *testing.T) {
	address, db := database(t)
	conn := open(t, address, db, nil)
	const endless = "SELECT sum(sipHash64(number)) FROM numbers(1000000000000)"
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	var sum uint64
	if err := conn.QueryRow(ctx, endless).Scan(&sum); err == nil {
		t.Fatal("the endless query ended")
	}
	running := func() string {
		return mustPost(t, address, nil, "SELECT count() FROM system.processes WHERE query LIKE '%sipHash64(number)%' AND query NOT LIKE '%processes%'")
	}
	eventually(t, 10*time.Second, "the end of the cancelled query", func() bool { return running() == "0" })

	// A client that leaves in the middle of a long answer.
	ctx, cancel = context.WithCancel(context.Background())
	rows, err := conn.Query(ctx, "SELECT number, sipHash64(number) FROM numbers(1000000000000)")
	must(t, err)
	for range 1000 {
		rows.Next()
	}
	cancel()
	eventually(t, 10*time.Second, "the end of the abandoned answer", func() bool { return running() == "0" })
}

func TestBigInsertIsOnePartAndBigSelectIsBounded(t *testing.T) {
	address, db := database(t)
	conn := open(t, address, db, nil)
	ctx := context.Background()
	must(t, conn.Exec(ctx, "CREATE TABLE t (a UInt64, s String) ENGINE = MergeTree ORDER BY a"))
	const rows = 1_200_000 // above max_insert_block_size
	a, s := make([]uint64, rows), make([]string, rows)
	for i := range rows {
		a[i], s[i] = uint64(i), "value "+strconv.Itoa(i)
	}
	batch, err := conn.PrepareBatch(ctx, "INSERT INTO t (a, s)")
	must(t, err)
	must(t, batch.Column(0).Append(a))
	must(t, batch.Column(1).Append(s))
	must(t, batch.Send())
	var parts, count uint64
	must(t, conn.QueryRow(ctx, "SELECT count(), sum(rows) FROM system.parts WHERE active AND table = 't' AND database = ?", db).Scan(&parts, &count))
	if parts != 1 || count != rows {
		t.Fatalf("%d rows in %d parts, want %d in 1", count, parts, rows)
	}

	peak := watchMemory(t, shared.process.PID())
	before := peak()
	result, err := conn.Query(ctx, "SELECT number, repeat('x', 100) FROM numbers(5000000)") // 550 MB
	must(t, err)
	read := 0
	for result.Next() {
		read++
	}
	must(t, result.Err())
	after := peak()
	t.Logf("anonymous memory of the child: %d MiB before, at most %d MiB while sending 550 MB", before>>20, after>>20)
	if read != 5_000_000 {
		t.Fatalf("read %d rows", read)
	}
	if grown := after - before; grown > 200<<20 {
		t.Fatalf("the child grew by %d MiB while sending a result", grown>>20)
	}
}

// watchMemory looks at a process's resident anonymous memory; the function returns the most seen since its last call.
func watchMemory(t testing.TB, pid int) (peak func() int64) {
	t.Helper()
	var mu sync.Mutex
	var most int64
	look := func() {
		mu.Lock()
		defer mu.Unlock()
		most = max(most, statusBytes(t, pid, "RssAnon"))
	}
	stop := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				look()
			case <-stop:
				return
			}
		}
	})
	t.Cleanup(func() { close(stop); watching.Wait() })
	return func() int64 {
		look()
		mu.Lock()
		defer mu.Unlock()
		seen := most
		most = 0
		return seen
	}
}

func statusBytes(t testing.TB, pid int, field string) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Skipf("memory is read from Linux's /proc: %v", err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			must(t, err)
			return kib << 10
		}
	}
	t.Fatalf("no %s in /proc/%d/status", field, pid)
	return 0
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
