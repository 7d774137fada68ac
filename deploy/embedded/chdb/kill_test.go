package chdb_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"tributary/deploy/embedded/chdb/chdbtest"
)

type who struct{ name, password string }

var (
	theRoles = who{"default", chdbtest.Password}
	theGuest = who{chdbtest.Guest, chdbtest.GuestPassword}
)

func as(t testing.TB, by who, address string, params url.Values, body string) response {
	t.Helper()
	return ask(t, by.name, by.password, http.MethodPost, address, params, body)
}

// endlessly starts a query that ends only when it is killed, and returns when the engine has it. Its end is sent on
// the channel.
func endlessly(t *testing.T, by who, address, id string) <-chan response {
	t.Helper()
	ended := make(chan response, 1)
	ctx, leave := context.WithCancel(context.Background())
	t.Cleanup(leave)
	go func() {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost,
			"http://"+address+"/?query_id="+url.QueryEscape(id), strings.NewReader(endless))
		if err != nil {
			t.Error(err)
			return
		}
		request.SetBasicAuth(by.name, by.password)
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return // the test is over
		}
		defer answer.Body.Close()
		body, _ := io.ReadAll(answer.Body)
		ended <- response{answer.StatusCode, answer.Header, string(body)}
	}()
	eventually(t, 30*time.Second, "the start of "+id, func() bool {
		return as(t, by, address, url.Values{"param_id": {id}},
			"SELECT count() FROM system.processes WHERE query_id = {id:String}").body == "1\n"
	})
	return ended
}

// killed waits for the end of a query and holds that it was killed.
func killed(t *testing.T, ended <-chan response) {
	t.Helper()
	select {
	case answer := <-ended:
		if code := answer.header.Get("X-ClickHouse-Exception-Code"); code != "394" {
			t.Errorf("the killed query: %d %s", answer.status, answer.body)
		}
	case <-time.After(30 * time.Second):
		t.Error("the killed query goes on")
	}
}

// A query is ended by the identifier that its client gave it.
func TestKillQuery(t *testing.T) {
	address, _ := database(t)
	for _, by := range []who{theRoles, theGuest} {
		for name, test := range map[string]struct{ id, statement, answer string }{
			"as JDBC does": {"an id", "KILL QUERY WHERE query_id = 'an id'", "waiting\tan id\t"},
			"to its end": {"it's an \"id\"", "kill query where query_id = {id:String} sync",
				"finished\tit\\'s an \"id\"\t"},
			"as JSON": {"j", "KILL QUERY WHERE query_id = 'j' ASYNC FORMAT JSONCompactEachRow", `["waiting", "j"`},
			"by user": {"u", "KILL QUERY WHERE user = '" + by.name + "' SYNC", "finished\tu\t"},
			"by text": {"t", "KILL QUERY WHERE (query LIKE '%sipHash64%') AND elapsed >= 0", "waiting\tt\t"},
			"by a subquery": {"s",
				"KILL QUERY WHERE query_id IN (SELECT query_id FROM system.processes WHERE query_id = 's')", "waiting\ts\t"},
			"by what JDBC's says": {"i", "KILL QUERY WHERE initial_query_id = 'i'", "waiting\ti\t"},
		} {
			ended := endlessly(t, by, address, test.id)
			testing := url.Values{"param_id": {test.id}}
			condition, _, _ := strings.Cut(strings.TrimSuffix(test.statement, " sync"), " FORMAT")
			for _, mode := range []string{" SYNC", " ASYNC"} {
				condition = strings.TrimSuffix(condition, mode)
			}
			if answer := as(t, by, address, testing, condition+" TEST"); !strings.HasPrefix(answer.body, "unknown_status\t") {
				t.Errorf("%s: TEST by %s: %d %s", name, by.name, answer.status, answer.body)
			}
			answer := as(t, by, address, testing, test.statement)
			said := strings.ReplaceAll(answer.body, `","`, `", "`)
			if answer.status != http.StatusOK || !strings.HasPrefix(said, test.answer) || !strings.Contains(said, by.name) {
				t.Errorf("%s: by %s: %d %q, want %q", name, by.name, answer.status, answer.body, test.answer)
			}
			killed(t, ended)
		}
	}
	for statement, want := range map[string]string{
		"KILL QUERY WHERE query_id = 'nobody'":                "",
		"KILL QUERY WHERE query_id = 'nobody' SYNC":           "",
		"KILL QUERY WHERE 1":                                  "", // not itself
		"KILL QUERY ON CLUSTER c WHERE query_id = 'n'":        "Code: 48.",
		"KILL QUERY WHERE nothing = 1":                        "Code: 47.",
		"KILL QUERY WHERE file('x') = ''":                     "Code: 497.",
		"KILL QUERY WHERE query_id = 'x' INTO OUTFILE '/tmp'": "Code: ",
	} {
		for _, by := range []who{theRoles, theGuest} {
			if answer := as(t, by, address, nil, statement); !strings.HasPrefix(answer.body, want) || want == "" &&
				answer.body != "" {
				t.Errorf("%s by %s: %d %q, want %q", statement, by.name, answer.status, answer.body, want)
			}
		}
	}
}

// A guest sees and ends a guest's queries and nobody else's, by whatever condition; the roles end any.
func TestGuestKillsItsOwnOnly(t *testing.T) {
	address, _ := database(t)
	theirs, own := endlessly(t, theRoles, address, "same"), endlessly(t, theGuest, address, "same")
	for _, condition := range []string{"1", "query_id = 'same'", "user = 'default'", "user != currentUser()",
		"query_id IN (SELECT query_id FROM system.processes)", "Settings['log_comment'] != ''"} {
		answer := as(t, theGuest, address, nil, "KILL QUERY WHERE "+condition+" TEST")
		if strings.Contains(answer.body, "\tdefault\t") || answer.status != http.StatusOK {
			t.Errorf("a guest would kill by %s: %d %s", condition, answer.status, answer.body)
		}
	}
	for query, want := range map[string]string{
		"SELECT count() FROM system.processes WHERE user != 'analyst'":                                                   "0",
		"SELECT count() FROM merge('system', '^processes$') WHERE query LIKE '%sipHash64%' AND query NOT LIKE '%merge%'": "1",
		"SELECT user, query_id FROM system.processes WHERE query LIKE '%sipHash64(%' AND query NOT LIKE " +
			"'%processes%'": "analyst\tsame",
		"SELECT count() FROM system.user_processes": "0",
	} {
		if answer := as(t, theGuest, address, nil, query); strings.TrimSpace(answer.body) != want {
			t.Errorf("%s: a guest sees %d %s, want %s", query, answer.status, answer.body, want)
		}
	}
	if answer := as(t, theGuest, address, nil, "KILL QUERY WHERE query_id = 'same' SYNC"); strings.Count(answer.body,
		"\n") != 1 {
		t.Errorf("a guest's kill: %d %s", answer.status, answer.body)
	}
	killed(t, own)
	select {
	case answer := <-theirs:
		t.Fatalf("a guest ended a query of the roles: %d %s", answer.status, answer.body)
	default:
	}
	again := endlessly(t, theGuest, address, "again")
	if answer := as(t, theRoles, address, nil,
		"KILL QUERY WHERE query_id IN ('same', 'again') SYNC"); strings.Count(answer.body, "finished") != 2 {
		t.Errorf("the roles' kill: %d %s", answer.status, answer.body)
	}
	killed(t, theirs)
	killed(t, again)
}

// Queries are shown under the identifier and the user that their clients know.
func TestProcesses(t *testing.T) {
	address, _ := database(t)
	for query, want := range map[string]string{
		"SELECT query_id, user FROM system.processes": "me\t%s",
		"SELECT p.query_id, p.initial_user FROM system.processes AS " +
			"p": "me\t%s",
		"SELECT processes.query_id, user FROM `system`.processes WHERE processes.query_id = 'me'": "me\t%s",
		"WITH x AS (SELECT query_id, user FROM system.processes) SELECT * FROM " +
			"x": "me\t%s",
		"SELECT p.query_id, p.user FROM (SELECT 1 AS one) AS o INNER JOIN system.processes AS p ON one = " +
			"is_initial_query": "me\t%s",
		"SELECT p.query_id, p.user FROM (SELECT 1 AS one) AS o, system.processes AS " +
			"p": "me\t%s",
		"SELECT query_id, user FROM system.processes SETTINGS max_threads = " +
			"1": "me\t%s",
		"SELECT 'FROM system.processes'": "FROM system.processes",
	} {
		for _, by := range []who{theRoles, theGuest} {
			if answer := as(t, by, address, url.Values{"query_id": {"me"}},
				query); strings.TrimSpace(answer.body) != strings.ReplaceAll(want, "%s", by.name) {
				t.Errorf("%s by %s: %d %s, want %s", query, by.name, answer.status, answer.body, want)
			}
		}
	}
	for _, query := range []string{"SHOW PROCESSLIST FORMAT JSONEachRow", "show processlist format JSONEachRow"} {
		var row struct {
			ID string `json:"query_id"`
		}
		if answer := as(t, theGuest, address, url.Values{"query_id": {"me"}}, query); json.Unmarshal([]byte(answer.body),
			&row) != nil || row.ID != "me" {
			t.Errorf("%s: %d %s", query, answer.status, answer.body)
		}
	}
}

// Two queries of one user do not share an identifier.
func TestSameIdentifier(t *testing.T) {
	address, _ := database(t)
	first := endlessly(t, theRoles, address, "twice")
	with := url.Values{"query_id": {"twice"}}
	if answer := as(t, theRoles, address, with, "SELECT 1"); answer.header.Get("X-ClickHouse-Exception-Code") != "216" {
		t.Errorf("the same identifier: %d %s", answer.status, answer.body)
	}
	with.Set("replace_running_query", "1")
	if answer := as(t, theRoles, address, with, "SELECT 1"); answer.body != "1\n" {
		t.Errorf("in its place: %d %s", answer.status, answer.body)
	}
	killed(t, first)
}

// summaryOf reads the header in which clients look for counts.
func summaryOf(t *testing.T, answer response) map[string]uint64 {
	t.Helper()
	var texts map[string]string
	if err := json.Unmarshal([]byte(answer.header.Get("X-ClickHouse-Summary")), &texts); err != nil {
		t.Fatalf("%d %s: summary %q: %v", answer.status, answer.body, answer.header.Get("X-ClickHouse-Summary"), err)
	}
	counts := map[string]uint64{}
	for key, text := range texts {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("%s is %q", key, text)
		}
		counts[key] = n
	}
	for _, key := range []string{"read_rows", "read_bytes", "written_rows", "written_bytes", "total_rows_to_read",
		"result_rows", "result_bytes", "elapsed_ns", "memory_usage"} {
		if _, ok := counts[key]; !ok {
			t.Errorf("the summary lacks %s: %v", key, texts)
		}
	}
	return counts
}

func TestSummary(t *testing.T) {
	const unknown = 1 << 40
	address, db := database(t)
	in := url.Values{"database": {db}}
	mustPost(t, address, in, "CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a")
	whole := url.Values{"database": {db}, "wait_end_of_query": {"1"}}
	for _, test := range []struct {
		params                url.Values
		query                 string
		read, written, result uint64
	}{
		{in, "INSERT INTO t VALUES (1), (2), (3)", 3, 3, 3},
		{in, "INSERT INTO t SELECT number FROM numbers(5)", 5, 5, 0},
		{in, "SELECT a FROM t FORMAT RowBinaryWithNamesAndTypes", 8, 0, 8},
		{whole, "SELECT a FROM t WHERE a > 1", 8, 0, 5},
		{whole, "SELECT number FROM numbers(300000)", 300_000, 0, 300_000},
		{in, "SELECT a FROM t LIMIT 1 FORMAT Native", unknown, 0, 0}, // begins before it has ended
		{in, "SELECT 1 WHERE 0", 0, 0, 0},
		{in, "CREATE TABLE u (a UInt8) ENGINE = Memory", 0, 0, 0},
		{in, "SELEC", 0, 0, 0},
		{in, "SELECT throwIf(1, 'on purpose')", 0, 0, 0},
	} {
		answer := as(t, theRoles, address, test.params, test.query)
		got := summaryOf(t, answer)
		if got["read_rows"] != test.read && test.read != unknown || got["written_rows"] != test.written ||
			got["result_rows"] != test.result || got["elapsed_ns"] == 0 {
			t.Errorf("%s: %v", test.query, got)
		}
	}
	// Held until it has ended, a query that fails in the middle is an error and no half of an answer.
	answer := as(t, theRoles, address, whole, "SELECT throwIf(number = 3000000) FROM numbers(10000000)")
	if answer.status != http.StatusInternalServerError || answer.header.Get("X-ClickHouse-Exception-Code") != "395" {
		t.Errorf("a late error: %d %.200s", answer.status, answer.body)
	}
}

func TestProgressHeaders(t *testing.T) {
	address, _ := database(t)
	params := url.Values{"send_progress_in_http_headers": {"1"}, "http_headers_progress_interval_ms": {"20"},
		"wait_end_of_query": {"1"}, "function_sleep_max_microseconds_per_block": {"10000000"}}
	answer := as(t, theRoles, address, params,
		"SELECT sum(number) FROM (SELECT number FROM numbers(40) WHERE sleepEachRow(0.02) = 0 SETTINGS max_block_size = 1)")
	lines := answer.header.Values("X-ClickHouse-Progress")
	if answer.body != "780\n" || len(lines) == 0 || len(lines) > 50 {
		t.Fatalf("%d %s with %d lines of progress", answer.status, answer.body, len(lines))
	}
	last := map[string]string{}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || last["read_rows"] == "" ||
		last["elapsed_ns"] == "0" {
		t.Errorf("the last line is %q: %v", lines[len(lines)-1], err)
	}
	if quick := as(t, theRoles, address, nil, "SELECT 1"); len(quick.header.Values("X-ClickHouse-Progress")) != 0 {
		t.Errorf("progress nobody asked for: %v", quick.header)
	}
}

func TestWhatIsNotServedIsRefused(t *testing.T) {
	address, _ := database(t)
	if answer := as(t, theRoles, address, url.Values{"role": {"admin"}},
		"SELECT 1"); answer.header.Get("X-ClickHouse-Exception-Code") != "511" {
		t.Errorf("a role: %d %s", answer.status, answer.body)
	}
	for _, path := range []string{"/play", "/dashboard", "/binary", "/js/uplot.js", "/metrics", "/write"} {
		if answer := get(t, address, path); answer.status != http.StatusNotFound || !strings.Contains(answer.body,
			"There is no handle "+path) {
			t.Errorf("%s: %d %s", path, answer.status, answer.body)
		}
	}
	for path, want := range map[string]int{"/ping": 200, "/replicas_status": 200, "/": 200, "/?query=SELECT+1": 200,
		"/?query=SELEC": 400} {
		request, err := http.NewRequest(http.MethodHead, "http://"+address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if answer := send(t, request); answer.status != want || answer.body != "" ||
			answer.header.Get("X-ClickHouse-Server-Display-Name") == "" || !strings.HasPrefix(answer.header.Get("Keep-Alive"),
			"timeout=") {
			t.Errorf("HEAD %s: %d %q %v", path, answer.status, answer.body, answer.header)
		}
	}
}
