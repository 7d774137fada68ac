package sql

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/ClickHouse/clickhouse-go/v2"

	"tributary/deploy/embedded/chdb"
	"tributary/deploy/embedded/chdb/chdbtest"
)

func guestOf(engine *chdb.Process) Server {
	return Server{Address: engine.Address(), User: chdbtest.Guest, Password: chdbtest.GuestPassword}
}

func TestAsk(t *testing.T) {
	engine := chdbtest.Start(t)
	roles := guestOf(engine)
	roles.User, roles.Password = "default", chdbtest.Password
	for _, test := range []struct {
		as                         Server
		query, format, want, wrong string
	}{
		{guestOf(engine), "SELECT 1 AS a, 'x\ty' AS b", "TSV", "1\tx\\ty\n", ""},
		{guestOf(engine), "SELECT 1 AS a, 'x' AS b", "CSVWithNames", "\"a\",\"b\"\n1,\"x\"\n", ""},
		{guestOf(engine), "SELECT 1 AS a FORMAT JSONEachRow", "TSV", "{\"a\":1}\n", ""},
		{guestOf(engine), "SELECT 1 WHERE 0", "TSV", "", ""},
		{roles, "SELECT getSetting('readonly')", "TSV", "1\n", ""},
		{roles, "CREATE DATABASE never", "TSV", "", "readonly"},
		{guestOf(engine), "SELCT 1", "TSV", "", "Syntax error: failed at position 1"},
		{guestOf(engine), "SELECT * FROM nowhere", "TSV", "", "nowhere"},
		{Server{Address: engine.Address(), User: "analyst", Password: "wrong"}, "SELECT 1", "TSV", "", "Authentication failed"},
		{Server{Address: "127.0.0.1:1"}, "SELECT 1", "TSV", "", "nobody answers"},
	} {
		var out strings.Builder
		err := Ask(t.Context(), test.as, test.query, test.format, &out)
		if out.String() != test.want || (err == nil) != (test.wrong == "") || err != nil && (!strings.Contains(err.Error(), test.wrong) || strings.Contains(err.Error(), "(version")) {
			t.Errorf("%s as %s: %q, %v", test.query, test.as.User, out.String(), err)
		}
	}
	var out strings.Builder
	err := Ask(t.Context(), guestOf(engine), "SELECT throwIf(number = 3000000, 'on purpose') FROM numbers(10000000)", "TSV", &out)
	if err == nil || !strings.Contains(err.Error(), "is incomplete: Code: 395. DB::Exception: on purpose") || strings.Contains(out.String(), "exception") || !strings.HasPrefix(out.String(), "0\n0\n") {
		t.Errorf("a result that breaks off: %v after %d bytes", err, out.Len())
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if err := Ask(gone, guestOf(engine), "SELECT 1", "TSV", &out); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that left: %v", err)
	}
}

// The frame that says why a result breaks off may come in any pieces.
func TestCopyResultInPieces(t *testing.T) {
	const body = "1\n2\r\n__exc\n3\n\r\n__exception__\r\nabcd\r\nCode: 1. why (version 26.5.1.1)\n31 abcd\r\n__exception__\r\n"
	for name, source := range map[string]func(io.Reader) io.Reader{
		"at once": func(r io.Reader) io.Reader { return r }, "bytes": iotest.OneByteReader, "halves": iotest.HalfReader, "with the end": iotest.DataErrReader,
	} {
		var out strings.Builder
		err := copyResult(&out, source(strings.NewReader(body)), "abcd")
		if err == nil || err.Error() != "the result is incomplete: Code: 1. why" || out.String() != "1\n2\r\n__exc\n3\n" {
			t.Errorf("%s: %v after %q", name, err, out.String())
		}
	}
}

func TestAskNative(t *testing.T) {
	options := chdbtest.Start(t).Options()
	options.Auth = clickhouse.Auth{Username: chdbtest.Guest, Password: chdbtest.GuestPassword}
	conn, err := clickhouse.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const query = `SELECT toUInt8(1) AS n, 'a	"b"' AS s, CAST(NULL, 'Nullable(Int64)') AS none, toDecimal64('1.500000', 6) AS money, toDate('2026-01-02') AS day,
toDateTime64('2026-01-02 03:04:05.678', 3, 'UTC') AS at, [1, 2] AS list, toIPv6('::1') AS ip, true AS yes`
	for format, want := range map[string]string{
		"TSV":          "1\ta\\t\"b\"\t\\N\t1.5\t2026-01-02\t2026-01-02 03:04:05.678\t[1,2]\t::1\ttrue\n",
		"TSVWithNames": "n\ts\tnone\tmoney\tday\tat\tlist\tip\tyes\n1\ta\\t\"b\"\t\\N\t1.5\t2026-01-02\t2026-01-02 03:04:05.678\t[1,2]\t::1\ttrue\n",
		"CSVWithNames": "n,s,none,money,day,at,list,ip,yes\n1,\"a\t\"\"b\"\"\",\\N,1.5,2026-01-02,2026-01-02 03:04:05.678,\"[1,2]\",::1,true\n",
		"JSONEachRow":  `{"at":"2026-01-02 03:04:05.678","day":"2026-01-02","ip":"::1","list":[1,2],"money":"1.5","n":1,"none":null,"s":"a\t\"b\"","yes":true}` + "\n",
	} {
		var out strings.Builder
		if err := AskNative(t.Context(), conn, query, format, &out); err != nil || out.String() != want {
			t.Errorf("%s: %v\n%s\nwant\n%s", format, err, out.String(), want)
		}
	}
	var out strings.Builder
	if err := AskNative(t.Context(), conn, "SELECT number AS n FROM numbers(2)", "PrettyCompact", &out); err != nil || !strings.Contains(out.String(), "│ n │") || !strings.Contains(out.String(), "│ 1 │") {
		t.Errorf("%v\n%s", err, out.String())
	}
	if err := AskNative(t.Context(), conn, "SELECT 1", "Parquet", &out); err == nil || !strings.Contains(err.Error(), "clickhouse.protocol: http") {
		t.Errorf("a format of the server's: %v", err)
	}
	if err := AskNative(t.Context(), conn, "CREATE DATABASE never", "TSV", &out); err == nil {
		t.Error("it wrote")
	}
}

// A query that provokes the error of a read-only user is not sent again without the setting.
func TestNoErrorLiftsReadonly(t *testing.T) {
	engine := chdbtest.Start(t)
	roles := guestOf(engine)
	roles.User, roles.Password = "default", chdbtest.Password
	conn, err := clickhouse.Open(engine.Options())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Exec(t.Context(), "CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a"); err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{
		"INSERT INTO t SELECT 1 SETTINGS readonly = 0", "INSERT INTO t SELECT 1 SETTINGS readonly = 0, max_threads = 1", "SET readonly = 0",
		"INSERT INTO t SELECT a FROM (SELECT 1 AS a SETTINGS readonly = 0)",
	} {
		var out strings.Builder
		if err := Ask(t.Context(), roles, query, "TSV", &out); err == nil || !strings.Contains(err.Error(), "readonly") {
			t.Errorf("%s: %v", query, err)
		}
		if err := AskNative(t.Context(), conn, query, "TSV", &out); err == nil {
			t.Errorf("%s by the driver: no error", query)
		}
	}
	var rows uint64
	if err := conn.QueryRow(t.Context(), "SELECT count() FROM t").Scan(&rows); err != nil || rows != 0 {
		t.Errorf("the table has %d rows, %v", rows, err)
	}
}
