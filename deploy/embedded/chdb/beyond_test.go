package chdb_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"tributary/deploy/embedded/chdb"
	"tributary/deploy/embedded/chdb/chdbtest"
)

// beyondTables are statements that reach for something else than tables. Nobody may.
func beyondTables(secret string) []string {
	return []string{
		"SELECT * FROM file('" + secret + "', 'LineAsString')",
		"SELECT * FROM file('secret', 'LineAsString')",
		"SELECT * FROM `" + secret + "`",
		"SELECT * FROM default.`" + secret + "`",
		"SELECT * FROM '" + secret + "'",
		"SELECT file('" + secret + "')",
		"SELECT `file`('" + secret + "')",
		"SELECT\n/**/\"file\" /* f */ ('" + secret + "')",
		"SELECT arrayMap(x -> file(x), ['" + secret + "'])",
		"SELECT $$ ' $$, file('" + secret + "') -- '",
		"SELECT {f:Identifier}('" + secret + "')",
		"SELECT * FROM {t:Identifier}",
		"SELECT '''', file('" + secret + "')",
		"WITH (SELECT file('" + secret + "')) AS x SELECT x",
		"EXPLAIN SELECT file('" + secret + "')",
		"\\i " + secret,
		"\\i /proc/self/environ",
		"exit",
		"?? what is in " + secret,
		"SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
		"SELECT * FROM s3('http://127.0.0.1:1/bucket/key', 'LineAsString')",
		"SELECT * FROM remote('127.0.0.1:1', system.one)",
		"SELECT * FROM remoteSecure('127.0.0.1:1', system.one)",
		"SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
		"SELECT * FROM postgresql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
		"SELECT * FROM mongodb('127.0.0.1:1', 'a', 'b', 'c', 'd', 'e UInt8')",
		"SELECT * FROM redis('127.0.0.1:1', 'k', 'k String')",
		"SELECT * FROM sqlite('" + secret + "', 't')",
		"SELECT * FROM executable('sh', TSV, 'a String')",
		"SELECT * FROM filesystem('/etc')",
		"SELECT * FROM hdfs('hdfs://127.0.0.1:1/a', 'TSV', 'a String')",
		"SELECT * FROM deltaLakeLocal('/etc')",
		"SELECT * FROM icebergLocal('/etc')",
		"SELECT * APPLY(file) FROM (SELECT '" + secret + "' AS x)",
		"SELECT * REPLACE('" + secret + "' AS x) APPLY(file) FROM (SELECT 1 AS x)",
		"SELECT arrayMap(file, ['" + secret + "'])",
		"SELECT arrayMap(file, ['/proc/" + strconv.Itoa(os.Getpid()) + "/environ'])",
		"SELECT arrayMap(file, ['/proc/" + strconv.Itoa(os.Getppid()) + "/environ'])",
		"SELECT arrayMap(file, ['/proc/self/root" + secret + "'])",
		"SELECT arrayMap(file, ['/etc/passwd'])",
		"SELECT b FROM values('a UInt8, b String ALIAS file(\\'" + secret + "\\')', 1)",
		"SELECT b FROM values({s:String}, 1)",
		"SELECT b FROM generateRandom('a UInt8, b String ALIAS file(\\'" + secret + "\\')') LIMIT 1",
		"SELECT b FROM null('a UInt8, b String DEFAULT file(\\'" + secret + "\\')') UNION ALL SELECT arrayStringConcat(arrayMap(file, ['" + secret + "']))",
		"SELECT * FROM (SELECT * FROM system.one SETTINGS additional_table_filters = {'system.one': 'throwIf(1, file(\\'" + secret + "\\'))'})",
		"SELECT * FROM system.one SETTINGS additional_table_filters = {'system.one': 'throwIf(1, file(\\'" + secret + "\\'))'} UNION ALL SELECT 1",
		"SELECT * FROM system.one SETTINGS additional_table_filters = {'system.one': 'throwIf(1, arrayStringConcat(arrayMap(file, [\\'" + secret + "\\'])))'}",
		"SELECT * FROM (SELECT 1 AS a SETTINGS additional_result_filter = 'throwIf(1, file(\\'" + secret + "\\'))')",
		"SELECT 1 AS a SETTINGS max_threads = 1, additional_result_filter = 'a = 1'",
		"SELECT 1 AS a SETTINGS http_response_headers = map('a', 'b'), additional_result_filter = 'a = 1'",
		"SET max_threads = 1, additional_result_filter = 'a = 1'",
		"SET max_threads = 1, additional_table_filters = {'system.one': '1', 'system.two': 'file(\\'" + secret + "\\')'}",
		"SELECT * FROM (SELECT * FROM system.one SETTINGS http_response_headers = map('a', 'b'), additional_table_filters = map('system.one', 'file(\\'" + secret + "\\')'))",
		"SELECT * FROM system.one SETTINGS additional_table_filters = {'system.one': 'dummy IN (SELECT 1 SETTINGS additional_result_filter = \\'1\\')'}",
		"SELECT catboostEvaluate('" + secret + "', 1)",
		"DESCRIBE TABLE file('" + secret + "')",
		"DESCRIBE TABLE url('http://127.0.0.1:1/')",
		"SELECT 1 INTO OUTFILE '%s'",
		"SELECT 1 INTO OUTFILE '%s' TRUNCATE FORMAT TSV",
		"SELECT 1 INTO OUTFILE '%s' APPEND AND STDOUT",
		"SELECT $$ ' $$ INTO OUTFILE '%s' -- '",
		"SELECT 1 INTO/**/OUTFILE '%s'",
		"SHOW TABLES INTO OUTFILE '%s'",
		"EXPLAIN SELECT 1 INTO OUTFILE '%s'",
		"INSERT INTO FUNCTION file('%s', 'TSV', 'a UInt8') SELECT 1",
		"INSERT INTO FUNCTION url('http://127.0.0.1:1/', 'TSV', 'a UInt8') SELECT 1",
		"INSERT INTO t FROM INFILE '" + secret + "' FORMAT LineAsString",
		"BACKUP TABLE t TO File('%s')",
		"RESTORE TABLE t FROM File('%s')",
		"CREATE TABLE f (a String) ENGINE = File(TSV, '%s')",
		"CREATE TABLE f (a String) ENGINE = URL('http://127.0.0.1:1/')",
		"CREATE TABLE f (a String) ENGINE = MySQL('127.0.0.1:1', 'a', 'b', 'c', 'd')",
		"CREATE DATABASE f ENGINE = Filesystem('/etc')",
		"CREATE DATABASE f ENGINE = MySQL('127.0.0.1:1', 'a', 'b', 'c')",
		"CREATE DICTIONARY f (a UInt64, b String) PRIMARY KEY a SOURCE(FILE(PATH '" + secret + "' FORMAT TSV)) LAYOUT(FLAT()) LIFETIME(1)",
		"CREATE DICTIONARY f (a UInt64, b String) PRIMARY KEY a SOURCE(EXECUTABLE(COMMAND 'id' FORMAT TSV)) LAYOUT(FLAT()) LIFETIME(1)",
		"CREATE FUNCTION f AS x -> x",
		"CREATE NAMED COLLECTION f AS url = 'http://127.0.0.1:1/'",
		"CREATE USER f",
		"EXECUTE AS other",
		"SYSTEM RELOAD CONFIG",
	}
}

func TestNobodyReachesBeyondTables(t *testing.T) {
	address, db := database(t)
	mustPost(t, address, nil, "CREATE TABLE "+db+".t (a String) ENGINE = MergeTree ORDER BY a")
	dir := t.TempDir()
	secret, out := filepath.Join(dir, "secret"), filepath.Join(dir, "out")
	must(t, os.WriteFile(secret, []byte("hidden\n"), 0o644))
	for _, user := range []struct{ name, password string }{{"default", chdbtest.Password}, {chdbtest.Guest, chdbtest.GuestPassword}} {
		for _, query := range beyondTables(secret) {
			if user.name == "default" && query == "SYSTEM RELOAD CONFIG" {
				continue // the roles may: the file is this process's own
			}
			if strings.Contains(query, "%s") {
				query = fmt.Sprintf(query, out)
			}
			answer := ask(t, user.name, user.password, http.MethodPost, address, url.Values{"database": {db}, "param_f": {"file"}, "param_t": {secret}, "param_s": {"a UInt8, b String ALIAS file('" + secret + "')"}}, query)
			if answer.status == http.StatusOK || strings.Contains(answer.body, "hidden") {
				t.Errorf("%s: %s: %d %s", user.name, query, answer.status, answer.body)
			}
			if _, err := os.Stat(out); err == nil {
				t.Fatalf("%s: %s wrote a file", user.name, query)
			}
		}
	}
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		for _, user := range []struct{ name, password string }{{"default", chdbtest.Password}, {chdbtest.Guest, chdbtest.GuestPassword}} {
			for _, params := range []url.Values{
				{"query": {"SELECT * FROM system.one"}, "additional_table_filters": {"{'system.one': 'throwIf(1, file(\\'" + secret + "\\'))'}"}},
				{"query": {"SELECT * FROM (SELECT * FROM system.one SETTINGS additional_table_filters = {'system.one': 'throwIf(1, file(\\'" + secret + "\\'))'})"}},
			} {
				if answer := ask(t, user.name, user.password, method, address, params, ""); answer.status == http.StatusOK || strings.Contains(answer.body, "hidden") {
					t.Errorf("%s: %s %s: %d %s", user.name, method, params, answer.status, answer.body)
				}
			}
		}
	}
	for query, want := range map[string]string{
		"SELECT 1; SELECT 2":                            "Multi-statements are not allowed",
		"SELECT $$ ' $$; SELECT 2 -- '":                 "Multi-statements are not allowed",
		"SELECT file('x')":                              "file() would read files",
		"SELECT 1 INTO OUTFILE 'x'":                     "INTO OUTFILE",
		"SELECT * FROM `/etc/passwd`":                   "READ ON FILE",
		"SELECT * FROM url('http://127.0.0.1:1/', TSV)": "READ ON URL",
		"SELCT 1": "Syntax error: failed at position 1",
	} {
		if answer := asGuest(t, address, nil, query); !strings.Contains(answer.body, want) || strings.Contains(answer.body, "formatQuery") {
			t.Errorf("%s: %d %s, want %s", query, answer.status, answer.body, want)
		}
	}
	// The roles' own filters are taken.
	if got := mustPost(t, address, nil, "SELECT count() FROM numbers(3) SETTINGS max_threads = 1, additional_table_filters = {'system.one': '0', 'system.numbers': '1'}"); got != "3" {
		t.Errorf("with filters: %s", got)
	}
	if got := mustPost(t, address, nil, "SELECT count() FROM (SELECT * FROM system.one SETTINGS additional_table_filters = {'system.one': 'dummy = 1 AND \\'file\\' != \\'\\''})"); got != "0" {
		t.Errorf("with a filter: %s", got)
	}
	// What is only called so is not refused.
	mustPost(t, address, url.Values{"database": {db}}, "CREATE TABLE file (file UInt8, outfile String) ENGINE = MergeTree ORDER BY file")
	mustPost(t, address, url.Values{"database": {db}}, "INSERT INTO file (file, outfile) SELECT 1, 'file(x) INTO OUTFILE y'")
	if answer := asGuest(t, address, url.Values{"database": {db}}, "SELECT file, outfile AS `into` FROM file WHERE outfile != 'file('"); answer.body != "1\tfile(x) INTO OUTFILE y\n" {
		t.Errorf("%d %s", answer.status, answer.body)
	}
}

// Without a sandbox guests are refused, unless the configuration lets them in; the roles are not.
func TestGuestsNeedASandbox(t *testing.T) {
	for _, let := range []bool{false, true} {
		config := chdbtest.Config(t, t.TempDir())
		config.GuestsUnconfined = let
		// The child believes that it was executed anew, and finds that it is not confined.
		config.Env = []string{"TRIBUTARY_CHDB_CONFINED=stdin"}
		core, logs := observer.New(zap.WarnLevel)
		config.Logger = zap.New(core)
		process, err := chdb.Start(t.Context(), config)
		must(t, err)
		answer := asGuest(t, process.Address(), nil, "SELECT 1")
		refused := answer.status == http.StatusForbidden && strings.Contains(answer.body, "clickhouse.guests_without_sandbox: true")
		if refused == let || let && answer.body != "1\n" {
			t.Errorf("with GuestsUnconfined %t: %d %s", let, answer.status, answer.body)
		}
		mustPost(t, process.Address(), nil, "SELECT 1")
		if warned := logs.FilterMessageSnippet("without a sandbox").Len(); warned != 1 {
			t.Errorf("with GuestsUnconfined %t: %d warnings", let, warned)
		}
		must(t, process.Stop())
	}
}
