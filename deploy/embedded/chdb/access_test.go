package chdb_test

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tributary/deploy/embedded/chdb"
	"tributary/deploy/embedded/chdb/chdbtest"
)

// ask sends a query as a user.
func ask(t testing.TB, user, password, method, address string, params url.Values, body string) response {
	t.Helper()
	request, err := http.NewRequest(method, "http://"+address+"/?"+params.Encode(), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth(user, password)
	return sendAsIs(t, request)
}

func asGuest(t testing.TB, address string, params url.Values, body string) response {
	t.Helper()
	return ask(t, chdbtest.Guest, chdbtest.GuestPassword, http.MethodPost, address, params, body)
}

func TestNothingIsAnsweredWithoutAPassword(t *testing.T) {
	address, _ := database(t)
	for name, test := range map[string]struct {
		path    string
		headers map[string]string
		status  int
		code    string
	}{
		"liveness":               {"/ping", nil, 200, ""},
		"nobody":                 {"/?query=SELECT+1", nil, 401, "194"},
		"nobody at the root":     {"/", nil, 401, "194"},
		"nobody elsewhere":       {"/tributary/status", nil, 401, "194"},
		"nobody where is nobody": {"/play", nil, 401, "194"},
		"no password":            {"/?query=SELECT+1&user=default", nil, 403, "516"},
		"the old way":            {"/?query=SELECT+1&user=default&password=", nil, 403, "516"},
		"wrong":                  {"/?query=SELECT+1", map[string]string{"X-ClickHouse-User": "default", "X-ClickHouse-Key": "wrong"}, 403, "516"},
		"another's":              {"/?query=SELECT+1", map[string]string{"X-ClickHouse-User": "default", "X-ClickHouse-Key": chdbtest.GuestPassword}, 403, "516"},
		"unknown":                {"/?query=SELECT+1", map[string]string{"X-ClickHouse-User": "root", "X-ClickHouse-Key": chdbtest.Password}, 403, "516"},
		"by headers":             {"/?query=SELECT+1", map[string]string{"X-ClickHouse-User": "default", "X-ClickHouse-Key": chdbtest.Password}, 200, ""},
		"by parameters":          {"/?query=SELECT+1&user=analyst&password=" + url.QueryEscape(chdbtest.GuestPassword), nil, 200, ""},
		"guest's status":         {"/tributary/status?user=analyst&password=" + url.QueryEscape(chdbtest.GuestPassword), nil, 403, "497"},
		"roles' status":          {"/tributary/status?password=" + url.QueryEscape(chdbtest.Password), nil, 200, ""},
	} {
		request, err := http.NewRequest(http.MethodGet, "http://"+address+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for key, value := range test.headers {
			request.Header.Set(key, value)
		}
		answer := sendAsIs(t, request)
		if answer.status != test.status || answer.header.Get("X-ClickHouse-Exception-Code") != test.code {
			t.Errorf("%s: %d %s", name, answer.status, answer.body)
		}
		if challenge := answer.header.Get("WWW-Authenticate"); (answer.status == 401) != (challenge != "") {
			t.Errorf("%s: %d with challenge %q", name, answer.status, challenge)
		}
	}
}

func TestWebPagesAreRefused(t *testing.T) {
	address, _ := database(t)
	_, port, _ := strings.Cut(address, ":")
	for name, test := range map[string]struct {
		host, header, value string
		status              int
	}{
		"as sent":               {"", "", "", 200},
		"localhost":             {"localhost:" + port, "", "", 200},
		"IPv6":                  {"[::1]:" + port, "", "", 200},
		"by a forwarded port":   {"127.0.0.1:1", "", "", 200},
		"typed":                 {"", "Sec-Fetch-Site", "none", 200},
		"name that points here": {"rebound.example:" + port, "", "", 403},
		"name like ours":        {"localhost.example", "", "", 403},
		"origin":                {"", "Origin", "https://page.example", 403},
		"own origin":            {"", "Origin", "http://" + address, 403},
		"no origin":             {"", "Origin", "null", 403},
		"cross-site":            {"", "Sec-Fetch-Site", "cross-site", 403},
		"same-site":             {"", "Sec-Fetch-Site", "same-site", 403},
	} {
		request, err := http.NewRequest(http.MethodGet, "http://"+address+"/?query=SELECT+1", nil)
		if err != nil {
			t.Fatal(err)
		}
		if test.host != "" {
			request.Host = test.host
		}
		if test.header != "" {
			request.Header.Set(test.header, test.value)
		}
		if answer := send(t, request); answer.status != test.status {
			t.Errorf("%s: %d %s", name, answer.status, answer.body)
		}
	}
}

// What a link asks must not change anything, whatever it asks for, in a session or not.
func TestGetNeverWrites(t *testing.T) {
	address, db := database(t)
	mustPost(t, address, nil, "CREATE TABLE "+db+".t (a UInt32) ENGINE = MergeTree ORDER BY a")
	for _, session := range []string{"", "links"} {
		for _, readonly := range []string{"", "0", "1", "2"} {
			for _, query := range []string{
				"CREATE TABLE " + db + ".u (a UInt8) ENGINE = Memory", "INSERT INTO " + db + ".t VALUES (1)", "INSERT INTO " + db + ".t SELECT 1",
				"DROP TABLE " + db + ".t", "TRUNCATE TABLE " + db + ".t", "ALTER TABLE " + db + ".t DELETE WHERE 1", "SYSTEM STOP MERGES", "KILL QUERY WHERE 1",
				"SELECT 1 INTO OUTFILE '/tmp/never'", "SELECT $$ ' $$; DROP TABLE " + db + ".t", "SET readonly = 0", "SELECT 1 SETTINGS readonly = 0",
			} {
				params := url.Values{"query": {query}}
				if session != "" {
					params.Set("session_id", session)
				}
				if readonly != "" {
					params.Set("readonly", readonly)
				}
				if answer := ask(t, "default", chdbtest.Password, http.MethodGet, address, params, ""); answer.status == 200 {
					t.Errorf("GET %s: 200 %s", params.Encode(), answer.body)
				}
			}
		}
	}
	if got := mustPost(t, address, nil, "SELECT count(), sum(total_rows) FROM system.tables WHERE database = '"+db+"'"); got != "1\t0" {
		t.Errorf("tables and rows are %q", got)
	}
}

func TestGuestReadsOnly(t *testing.T) {
	address, db := database(t)
	in := url.Values{"database": {db}}
	mustPost(t, address, in, "CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a")
	mustPost(t, address, in, "INSERT INTO t SELECT number FROM numbers(10)")
	for query, want := range map[string]string{
		"SELECT sum(a) FROM t":                    "45",
		"SELECT sum(a) FROM t FORMAT JSONEachRow": `{"sum(a)":45}`,
		"SHOW TABLES":                             "t",
		"EXISTS t":                                "1",
		"WITH 1 AS x SELECT x + {y:UInt8}":        "3",
		"SELECT count() FROM system.columns WHERE database = '" + db + "'": "1",
		"SELECT getSetting('readonly')":                                    "1",
		"SELECT count() FROM (SELECT * FROM numbers(5) UNION ALL SELECT * FROM generateRandom('number UInt64', 1) LIMIT 2)": "7",
	} {
		with := url.Values{"database": {db}, "param_y": {"2"}}
		if answer := asGuest(t, address, with, query); answer.status != 200 || strings.TrimSpace(answer.body) != want {
			t.Errorf("%s: %d %s, want %s", query, answer.status, answer.body, want)
		}
	}
	for _, session := range []string{"", "guest"} {
		for _, query := range []string{
			"INSERT INTO t VALUES (1)", "INSERT INTO t SELECT 1", "INSERT INTO t FORMAT TSV\n1\n", "CREATE TABLE u (a UInt8) ENGINE = Memory", "CREATE TEMPORARY TABLE u (a UInt8)",
			"DROP TABLE t", "TRUNCATE TABLE t", "ALTER TABLE t DELETE WHERE 1", "ALTER TABLE t ADD COLUMN b UInt8", "OPTIMIZE TABLE t FINAL", "RENAME TABLE t TO v", "DETACH TABLE t",
			"ATTACH TABLE u UUID 'a0000000-0000-0000-0000-000000000001' (a UInt8) ENGINE = MergeTree ORDER BY a", "SYSTEM STOP MERGES", "SYSTEM STOP MERGES t", "KILL MUTATION WHERE 1", "SYSTEM JEMALLOC PURGE", "SYSTEM SHUTDOWN",
			"SET readonly = 0", "SET readonly = 2", "SET max_memory_usage = 0", "SET max_execution_time = 0", "SELECT 1 SETTINGS readonly = 0", "SELECT 1 SETTINGS max_threads = 1, readonly = 0", "SELECT 1 SETTINGS max_temporary_data_on_disk_size_for_query = 0", "SELECT 1 SETTINGS format_schema = 'x'",
			"SELECT r FROM (SELECT getSetting('readonly') AS r SETTINGS readonly = 0)", "SELECT getSetting('readonly') SETTINGS readonly = 0 UNION ALL SELECT 1", "SELECT 1 UNION ALL (SELECT 1 SETTINGS readonly = 0)",
			"SELECT query FROM (SELECT query FROM system.processes SETTINGS readonly = 0)", "SELECT query FROM (SELECT query FROM system.processes SETTINGS readonly)", "SELECT query FROM (SELECT query FROM system.processes SETTINGS `readonly` = 0)",
			"WITH x AS (SELECT 1 AS a SETTINGS max_memory_usage = 0) SELECT a FROM x SETTINGS max_threads = 1", "SELECT 1 IN (SELECT 1 SETTINGS/**/max_execution_time = 0)", "SELECT (SELECT 1 SETTINGS a.b = 1)", "EXPLAIN SELECT * FROM (SELECT 1 SETTINGS readonly = 0)",
			"SELECT b FROM generateRandom('a UInt8, b UInt64 ALIAS (SELECT getSetting(\\'readonly\\') SETTINGS readonly = 0)') LIMIT 1",
			"SELECT a FROM t SETTINGS additional_table_filters = {'t': 'a IN (SELECT 1 SETTINGS readonly = 0)'}",
			"SELECT a FROM t SETTINGS additional_table_filters = {'t': 'file(\\'x\\') = 1'}", "SELECT a FROM t SETTINGS additional_table_filters = {'t': '1 INTO OUTFILE \\'x\\''}", "SELECT 1 SETTINGS additional_result_filter = 'file(\\'x\\')'", "GRANT ALL ON *.* TO default", "CREATE VIEW w AS SELECT 1",
		} {
			params := url.Values{"database": {db}}
			if session != "" {
				params.Set("session_id", session)
			}
			if answer := asGuest(t, address, params, query); answer.status == 200 || answer.header.Get("X-ClickHouse-Exception-Code") == "" {
				t.Errorf("%s: %d %s", query, answer.status, answer.body)
			}
		}
	}
	for name, value := range map[string]string{
		"readonly": "0", "max_execution_time": "-1", "max_threads": "1;", "allow_ddl": "1", "dialect": "prql", "format_schema": "/etc/passwd", "format_template_row": "/etc/passwd", "log_comment": "x",
		"additional_table_filters": "{}", "storage_file_read_method": "mmap", "max_temporary_data_on_disk_size_for_query": "0", "output_format_schema": "x",
	} {
		answer := asGuest(t, address, url.Values{name: {value}}, "SELECT getSetting('max_threads') <= 2")
		if name == "max_threads" { // not a number below its own: as if it were not there
			if answer.body != "1\n" {
				t.Errorf("%s = %s: %d %s", name, value, answer.status, answer.body)
			}
		} else if answer.status == 200 {
			t.Errorf("%s = %s was taken: %s", name, value, answer.body)
		}
	}
	// What is only called so is not refused.
	if answer := asGuest(t, address, in, "SELECT settings, settings = 2, 'SETTINGS readonly = 0' FROM (SELECT a AS settings FROM t WHERE settings = 2) AS settings WHERE settings = 2"); answer.body != "2\t1\tSETTINGS readonly = 0\n" {
		t.Errorf("%d %s", answer.status, answer.body)
	}
	// Bounds can be lowered, not lifted.
	for value, want := range map[string]string{"0": "60", "1000000": "60", "5": "5"} {
		if answer := asGuest(t, address, url.Values{"max_execution_time": {value}}, "SELECT toUInt64(getSetting('max_execution_time'))"); answer.body != want+"\n" {
			t.Errorf("max_execution_time = %s became %s", value, answer.body)
		}
	}
	// What Grafana writes into its statements.
	for query, want := range map[string]string{
		"SELECT DISTINCT a FROM t ORDER BY a LIMIT 2 SETTINGS max_execution_time=10":                                                    "0\n1",
		"SELECT toUInt64(getSetting('max_execution_time')) SETTINGS max_execution_time = 0":                                             "60",
		"SELECT toUInt64(getSetting('max_execution_time')) SETTINGS max_execution_time = 7 FORMAT JSONCompactEachRow":                   "[7]",
		"SELECT sum(a) FROM t settings additional_table_filters={'t' : ' a > 7 AND \\'it\\\\\\'s\\' != \\'file(\\' '}, max_threads = 1": "17",
	} {
		if answer := asGuest(t, address, in, query); strings.TrimSpace(answer.body) != want {
			t.Errorf("%s: %d %s, want %s", query, answer.status, answer.body, want)
		}
	}
	if got := mustPost(t, address, in, "SELECT count() FROM t"); got != "10" {
		t.Errorf("the table has %s rows", got)
	}
}

// A guest neither sees nor ends what others ask.
func TestGuestDoesNotSeeOthersQueries(t *testing.T) {
	address, _ := database(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan response, 1)
	go func() {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/?query_id=chosen", strings.NewReader("SELECT 'of the roles', sum(sipHash64(number)) FROM numbers(1000000000000)"))
		if err == nil {
			request.SetBasicAuth("default", chdbtest.Password)
			var answer *http.Response
			if answer, err = http.DefaultClient.Do(request); err == nil {
				answer.Body.Close()
				ended <- response{status: answer.StatusCode}
			}
		}
	}()
	running := func() string {
		return mustPost(t, address, nil, "SELECT count() FROM system.processes WHERE query LIKE '%of the roles%' AND query NOT LIKE '%processes%'")
	}
	eventually(t, 30*time.Second, "the query's start", func() bool { return running() == "1" })
	if answer := asGuest(t, address, nil, "SELECT count() FROM system.processes WHERE query LIKE '%of the roles%' AND query NOT LIKE '%processes%'"); answer.body != "0\n" {
		t.Errorf("a guest sees %d %s", answer.status, answer.body)
	}
	post(t, address, nil, "SELECT toUInt8('of the roles')") // an error that quotes
	for _, query := range []string{
		"SELECT count() FROM system.user_processes", "SELECT count() FROM system.errors", "SELECT count() FROM system.errors WHERE last_error_message LIKE '%of the roles%'",
		"SELECT count() FROM merge('system', 'user_processes|errors')",
	} {
		if answer := asGuest(t, address, nil, query); answer.body != "0\n" && !strings.Contains(answer.body, "grant") {
			t.Errorf("%s: a guest sees %d %s", query, answer.status, answer.body)
		}
	}
	if got := mustPost(t, address, nil, "SELECT count() > 0 FROM system.errors"); got != "1" {
		t.Errorf("the roles see %s", got)
	}
	for _, query := range []string{"KILL QUERY WHERE 1 SYNC", "KILL QUERY WHERE query LIKE '%roles%' ASYNC"} {
		asGuest(t, address, nil, query)
	}
	// A guest that gives its query the same identifier and leaves.
	leaving, leave := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer leave()
	request, err := http.NewRequestWithContext(leaving, http.MethodPost, "http://"+address+"/?query_id=chosen", strings.NewReader(endless))
	must(t, err)
	request.SetBasicAuth(chdbtest.Guest, chdbtest.GuestPassword)
	if answer, err := http.DefaultClient.Do(request); err == nil {
		answer.Body.Close()
		t.Error("the endless query ended")
	}
	eventually(t, 30*time.Second, "the end of the guest's query", func() bool {
		return mustPost(t, address, nil, "SELECT count() FROM system.processes WHERE query LIKE '%sipHash64(number)%' AND query NOT LIKE '%roles%'") == "0"
	})
	if running() != "1" {
		t.Error("a guest ended a query of the roles")
	}
	cancel()
	eventually(t, 30*time.Second, "the query's end", func() bool { return running() == "0" })
	select {
	case answer := <-ended:
		t.Errorf("the query ended by itself: %d", answer.status)
	default:
	}
}

// Reading system.stack_trace ended the engine. It is gone at the first start and at the next.
func TestStackTraceIsWithheld(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		process, err := chdb.Start(t.Context(), chdbtest.Config(t, dir))
		must(t, err)
		for _, query := range []string{
			"SELECT count() FROM system.stack_trace", "SELECT * FROM merge('system', 'stack_trace') LIMIT 1", "SELECT * FROM merge('system', '^stack_') LIMIT 1",
			"SELECT count() FROM system.`stack_trace` WHERE thread_id = 1", "DESCRIBE TABLE system.stack_trace",
		} {
			for _, user := range []struct{ name, password string }{{"default", chdbtest.Password}, {chdbtest.Guest, chdbtest.GuestPassword}} {
				if answer := ask(t, user.name, user.password, http.MethodPost, process.Address(), nil, query); answer.status == http.StatusOK {
					t.Errorf("%s: %s: %d %s", user.name, query, answer.status, answer.body)
				}
			}
		}
		must(t, process.Err())
		must(t, process.Stop())
	}
}

func TestChildHasNoSecrets(t *testing.T) {
	t.Setenv("TRIBUTARY_OPS_TOKEN", "0123456789abcdef")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "a secret of the cloud")
	process := chdbtest.Start(t)
	for _, name := range []string{"environ", "cmdline"} {
		content, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", process.PID(), name))
		if err != nil {
			t.Skipf("a process's %s is read from Linux's /proc: %v", name, err)
		}
		for _, secret := range []string{"TRIBUTARY_OPS_TOKEN", "0123456789abcdef", "AWS_", "a secret of", chdbtest.Password, chdbtest.GuestPassword, os.Getenv("PATH")} {
			if strings.Contains(string(content), secret) {
				t.Errorf("the child's %s has %q", name, secret)
			}
		}
	}
}

// Whatever modes the folder had, nobody else reads what the engine writes.
func TestFilesAreTheOwnersAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "clickhouse")
	must(t, os.Mkdir(dir, 0o755))
	must(t, os.Chmod(dir, 0o755))
	address := chdbtest.StartIn(t, dir).Address()
	mustPost(t, address, nil, "CREATE TABLE t (a String) ENGINE = MergeTree ORDER BY a")
	mustPost(t, address, nil, "INSERT INTO t VALUES ('x')")
	files := 0
	must(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(path)
		if err == nil && info.Mode()&fs.ModeSymlink == 0 && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %s", path, info.Mode())
		}
		files++
		return nil // what a merge has just removed is not there
	}))
	if files < 20 {
		t.Errorf("saw %d files", files)
	}
}

func TestKeptUsers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	first, err := chdb.KeptUsers(dir)
	must(t, err)
	for i, name := range []string{chdb.RolesPasswordFile, chdb.GuestPasswordFile} {
		info, err := os.Stat(filepath.Join(dir, name))
		must(t, err)
		if len(first[i].Password) < chdb.MinPasswordBytes || info.Mode() != 0o600 {
			t.Errorf("made %q with mode %s", first[i].Password, info.Mode())
		}
	}
	if first[0].Guest || !first[1].Guest || first[0].Password == first[1].Password {
		t.Errorf("the users are %+v", first)
	}
	if second, err := chdb.KeptUsers(dir); err != nil || !slices.Equal(second, first) {
		t.Errorf("the second call returned others: %v", err)
	}
	must(t, os.Chmod(filepath.Join(dir, chdb.GuestPasswordFile), 0o640))
	if _, err := chdb.KeptUsers(dir); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("readable to others: %v", err)
	}
	for _, short := range []string{"", "short"} {
		if _, err := chdb.Start(t.Context(), chdb.ProcessConfig{DataDir: t.TempDir(), Users: []chdb.User{{Name: "default", Password: short}}}); err == nil || !strings.Contains(err.Error(), "at least 16 are needed") {
			t.Errorf("a user with the password %q: %v", short, err)
		}
	}
	if _, err := chdb.Start(t.Context(), chdb.ProcessConfig{DataDir: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "no users") {
		t.Errorf("no users: %v", err)
	}
}
