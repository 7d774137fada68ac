package chdb_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tributary/deploy/embedded/chdb/chdbtest"
)

const endless = "SELECT sum(sipHash64(number)) FROM numbers(1000000000000)"

// startAsGuest begins queries that do not end before leave is called.
func startAsGuest(t *testing.T, address, query string, n int) (leave func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	for range n {
		go func() {
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/", strings.NewReader(query))
			if err != nil {
				return
			}
			request.SetBasicAuth(chdbtest.Guest, chdbtest.GuestPassword)
			if answer, err := http.DefaultClient.Do(request); err == nil {
				answer.Body.Close()
			}
		}()
	}
	return cancel
}

// What guests have parsed, again and again, is not before what the roles have parsed.
func TestGuestsParsingDoesNotStopTheRoles(t *testing.T) {
	const guests, questions = 6, 3
	address := chdbtest.StartIn(t, t.TempDir(), "--guests="+strconv.Itoa(guests), "--guest-query-bytes=1048576").Address()
	var ended atomic.Int32
	var all sync.WaitGroup
	enough, stop := context.WithCancel(t.Context())
	long := "SELECT " + strings.Repeat("1+", 200_000) + "1"
	for range guests {
		all.Go(func() {
			for enough.Err() == nil {
				asGuest(t, address, nil, long)
				ended.Add(1)
			}
		})
	}
	eventually(t, 60*time.Second, "guests that wait for each other", func() bool { return ended.Load() > guests })
	before := ended.Load()
	for range questions {
		mustPost(t, address, nil, "SELECT 1")
	}
	if passed := ended.Load() - before; passed >= 2*questions {
		t.Errorf("while %d queries of the roles came through, %d of guests did", questions, passed)
	}
	stop()
	all.Wait()
}

func TestGuestsStatementIsBounded(t *testing.T) {
	address, _ := database(t)
	for _, length := range []int{64 << 10, 64<<10 + 1} {
		query := "SELECT 1"
		query += strings.Repeat(" ", length-len(query))
		for name, answer := range map[string]response{
			"body":  asGuest(t, address, nil, query),
			"query": asGuest(t, address, url.Values{"query": {query}}, ""),
			"both":  asGuest(t, address, url.Values{"query": {"SELECT"}}, query[len("SELECT "):]),
		} {
			if refused := answer.status == http.StatusRequestEntityTooLarge && strings.Contains(answer.body, "longer than 65536 bytes"); refused != (length > 64<<10) || !refused && answer.body != "1\n" {
				t.Errorf("%d bytes in %s: %d %s", length, name, answer.status, answer.body)
			}
		}
		mustPost(t, address, nil, query)
	}
}

func TestSlowGuestsDoNotStopTheRoles(t *testing.T) {
	process := chdbtest.StartIn(t, t.TempDir(), "--guests=2", "--guest-patience=300ms", "--max-running=1")
	address := process.Address()
	mustPost(t, address, nil, "CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a")
	leave := startAsGuest(t, address, endless, 10)
	eventually(t, 30*time.Second, "all slots of guests taken", func() bool {
		status, err := process.Status(t.Context())
		must(t, err)
		return status.Guests.Running == 2
	})
	// The roles have a slot of their own.
	mustPost(t, address, url.Values{"query": {"INSERT INTO t FORMAT TSV"}}, "1\n")
	if got := mustPost(t, address, nil, "SELECT count() FROM t"); got != "1" {
		t.Errorf("the roles' insert made %s rows", got)
	}
	answer := asGuest(t, address, nil, "SELECT 1")
	if answer.status != http.StatusServiceUnavailable || answer.header.Get("X-ClickHouse-Exception-Code") != "202" || answer.header.Get("Retry-After") == "" ||
		!strings.Contains(answer.body, "2 run, the limit for a user who only reads, and none ended within 300ms") {
		t.Errorf("one guest too many: %d %s", answer.status, answer.body)
	}
	// Those who waited in vain have left; those who run are ended with their clients.
	leave()
	eventually(t, 30*time.Second, "the guests' queries' end", func() bool {
		status, err := process.Status(t.Context())
		must(t, err)
		return status.Guests.Running == 0 && status.Guests.Waiting == 0 && status.KilledQueries >= 2 && status.Guests.Refused >= 1 && status.Guests.Slots == 2 && status.Roles.Slots == 1
	})
	if answer := asGuest(t, address, nil, "SELECT 1"); answer.body != "1\n" {
		t.Errorf("a guest afterwards: %d %s", answer.status, answer.body)
	}
}

func TestGuestsAreBounded(t *testing.T) {
	address := chdbtest.StartIn(t, t.TempDir(), "--guest-time=2m", "--max-memory-bytes=1000000000").Address()
	for query, code := range map[string]string{
		endless: "159",
		"SELECT count() FROM (SELECT groupArray(number) AS a, groupArray(toString(number)) FROM numbers(30000000))": "241",
	} {
		params := url.Values{"default_format": {"JSON"}}
		if query == endless {
			params.Set("max_execution_time", "1")
		}
		answer := asGuest(t, address, params, query)
		if !strings.Contains(answer.body, "Code: "+code+".") {
			t.Errorf("%s: %d …%s, want code %s", query, answer.status, answer.body[max(0, len(answer.body)-500):], code)
		}
	}
	// A result that is sent as it is made ends too: at its bound, or when its reader takes too long.
	process := chdbtest.StartIn(t, t.TempDir(), "--guest-time=2s", "--guests=1")
	address = process.Address()
	answer := streamAsGuest(t, address, "SELECT number, repeat('x', 100) FROM numbers(3000000) SETTINGS max_execution_time = 2")
	body, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if tail := string(body[max(0, len(body)-500):]); err == nil || !strings.Contains(tail, "Code: 396.") && !strings.Contains(tail, "Code: 159.") || len(body) > 300<<20 {
		t.Errorf("a long result ended after %d bytes with %v: …%s", len(body), err, tail)
	}
	answer = streamAsGuest(t, address, "SELECT number FROM numbers(1000000000000)")
	defer answer.Body.Close() // and it is not read
	eventually(t, 30*time.Second, "the end of a result that nobody reads", func() bool {
		status, err := process.Status(t.Context())
		must(t, err)
		return status.Guests.Running == 0
	})
}

func streamAsGuest(t *testing.T, address, query string) *http.Response {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, "http://"+address+"/", strings.NewReader(query))
	must(t, err)
	request.SetBasicAuth(chdbtest.Guest, chdbtest.GuestPassword)
	answer, err := http.DefaultClient.Do(request)
	must(t, err)
	return answer
}

// Guests have sessions of their own, of which one too many ends the one idle longest.
func TestGuestsSessionsAreBounded(t *testing.T) {
	const most = 64 // of guests; the roles' bound is half of it
	process := chdbtest.Start(t)
	address := process.Address()
	mustPost(t, address, nil, "CREATE DATABASE kept")
	in := func(i int) url.Values {
		return url.Values{"session_id": {strconv.Itoa(i)}, "session_timeout": {"3600"}}
	}
	for i := range most + 6 {
		if i == most+1 { // the first was used since, so that the second is idle longest
			asGuest(t, address, in(1), "SELECT 1")
		}
		if answer := asGuest(t, address, in(i), "USE kept"); answer.status != http.StatusOK {
			t.Fatalf("session %d of a guest: %d %s", i, answer.status, answer.body)
		}
	}
	for i, want := range map[int]string{0: "372", 1: "", 2: "372", 6: "372", 7: "", most + 5: ""} {
		params := in(i)
		params.Set("session_check", "1")
		answer := asGuest(t, address, params, "SELECT currentDatabase()")
		if code := answer.header.Get("X-ClickHouse-Exception-Code"); code != want || code == "" && answer.body != "kept\n" {
			t.Errorf("session %d: %d %s", i, answer.status, answer.body)
		}
	}
	mustPost(t, address, in(1), "SELECT 1")
	status, err := process.Status(t.Context())
	must(t, err)
	if status.GuestsSessions != most || status.RolesSessions != 1 || status.EvictedSessions != 6 || !status.Confined {
		t.Errorf("the status is %+v", status)
	}
	for i := range 32 {
		post(t, address, in(i), "SELECT 1")
	}
	if answer := post(t, address, in(32), "SELECT 1"); answer.status != http.StatusServiceUnavailable || !strings.Contains(answer.body, "32 sessions are open") {
		t.Errorf("one session of the roles too many: %d %s", answer.status, answer.body)
	}
}

// A setting of one request is gone with it, in a session too, whoever asks and however the request ends.
func TestRequestSettingsLeaveTheSession(t *testing.T) {
	address, db := database(t)
	in := func(more ...string) url.Values {
		params := url.Values{"session_id": {"settings of " + db}, "database": {db}}
		for i := 0; i+1 < len(more); i += 2 {
			params.Set(more[i], more[i+1])
		}
		return params
	}
	mustPost(t, address, in(), "CREATE TEMPORARY TABLE kept (a UInt8)")
	mustPost(t, address, in(), "SET max_block_size = 123")
	for name, value := range map[string]string{"readonly": "1", "max_block_size": "77", "max_result_rows": "1", "max_threads": "1", "output_format_json_quote_64bit_integers": "1", "join_use_nulls": "1"} {
		for _, query := range []string{"SELECT getSetting('" + name + "')", "SELECT throwIf(1, 'on purpose')"} {
			answer := post(t, address, in(name, value), query)
			if strings.Contains(query, "getSetting") && answer.body != value+"\n" && answer.body != "true\n" {
				t.Errorf("%s = %s: %d %s", name, value, answer.status, answer.body)
			}
		}
	}
	if got := mustPost(t, address, in(), "SELECT getSetting('readonly'), getSetting('max_block_size'), getSetting('max_result_rows'), getSetting('join_use_nulls'), count() FROM kept"); got != "0\t123\t0\tfalse\t0" {
		t.Errorf("the session's next request sees %q", got)
	}
	mustPost(t, address, in(), "INSERT INTO kept VALUES (1)")
	// What is read-only sees the session's database and settings.
	if answer := ask(t, "default", chdbtest.Password, http.MethodGet, address, url.Values{"session_id": {"settings of " + db}, "query": {"SELECT currentDatabase(), getSetting('max_block_size')"}}, ""); answer.body != db+"\t123\n" {
		t.Errorf("a link in the session: %d %s", answer.status, answer.body)
	}
	// A session that made itself read-only stays so, and works.
	mustPost(t, address, in(), "SET readonly = 1")
	for range 2 {
		if got := mustPost(t, address, in(), "SELECT getSetting('readonly'), getSetting('max_block_size')"); got != "1\t123" {
			t.Errorf("a session that made itself read-only: %s", got)
		}
	}
	if answer := post(t, address, in(), "CREATE TABLE never (a UInt8) ENGINE = Memory"); answer.status == 200 {
		t.Error("a session that made itself read-only wrote")
	}
	// A guest's session keeps its database, and is another than the roles' of the same name.
	guest := url.Values{"session_id": {"settings of " + db}}
	if answer := asGuest(t, address, guest, "USE "+db); answer.status != 200 {
		t.Errorf("%d %s", answer.status, answer.body)
	}
	if answer := asGuest(t, address, guest, "SELECT currentDatabase(), getSetting('max_block_size') = 123"); answer.body != db+"\tfalse\n" && answer.body != db+"\t0\n" {
		t.Errorf("a guest's session: %d %s", answer.status, answer.body)
	}
}
