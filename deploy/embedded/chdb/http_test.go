package chdb_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"tributary/deploy/embedded/chdb/chdbtest"
)

func TestPlainHTTPQueries(t *testing.T) {
	address, db := database(t)
	mustPost(t, address, nil, "CREATE TABLE "+db+".t (a UInt32, s String DEFAULT 'none') ENGINE = MergeTree ORDER BY a")
	mustPost(t, address, nil, "INSERT INTO "+db+".t VALUES (1, 'one;\n''two')")
	in := func(query string) string { return "/?database=" + db + "&query=" + url.QueryEscape(query) }
	for _, test := range []struct {
		path, want, contentType, format string
	}{
		{"/", "Ok.\n", "", ""},
		{"/ping", "Ok.\n", "", ""},
		{"/replicas_status", "Ok.\n", "", ""},
		{"/?query=SELECT+1", "1\n", "text/tab-separated-values; charset=UTF-8", "TabSeparated"},
		{"/?query=SELECT+1&user=unused&password=unused&session_timeout=x", "1\n", "", ""},
		{in("SELECT a, s FROM t FORMAT JSONEachRow"), `{"a":1,"s":"one;\n'two"}` + "\n", "application/x-ndjson; charset=UTF-8", "JSONEachRow"},
		{in("SELECT a FROM t") + "&default_format=CSVWithNames", "\"a\"\n1\n", "text/csv; charset=UTF-8; header=absent", "CSVWithNames"},
		{in("SELECT a FROM t WHERE 0") + "&default_format=CSVWithNames", "\"a\"\n", "", ""},
		{in("SELECT a FROM t WHERE 0"), "", "", "TabSeparated"},
		{in("SHOW TABLES"), "t\n", "", ""},
		{in("(SELECT 1) UNION ALL (SELECT 1)"), "1\n1\n", "", ""},
		{in("/* FORMAT x */ SELECT a AS format FROM t -- FORMAT JSON"), "1\n", "", "TabSeparated"},
		{in("SELECT {x:UInt8} + 1, {s:String}") + "&param_x=4&param_s=" + url.QueryEscape("it's"), "5\tit\\'s\n", "", ""},
		{in("SELECT getSetting('max_block_size')") + "&max_block_size=77", "77\n", "", ""},
		{in("SELECT number % 2 AS k, count() FROM numbers(4) GROUP BY k WITH TOTALS ORDER BY k"), "0\t2\n1\t2\n\n0\t4\n", "", ""},
	} {
		answer := get(t, address, test.path)
		if answer.status != http.StatusOK || answer.body != test.want {
			t.Errorf("GET %s: %d %q, want %q", test.path, answer.status, answer.body, test.want)
		}
		if got := answer.header.Get("Content-Type"); test.contentType != "" && got != test.contentType {
			t.Errorf("GET %s: Content-Type %q, want %q", test.path, got, test.contentType)
		}
		if got := answer.header.Get("X-ClickHouse-Format"); test.format != "" && got != test.format {
			t.Errorf("GET %s: X-ClickHouse-Format %q, want %q", test.path, got, test.format)
		}
	}
	if got := mustPost(t, address, url.Values{"query": {"SELECT"}}, " 1 + 1"); got != "2" {
		t.Errorf("a query over parameter and body gave %q", got)
	}
	answer := get(t, address, in("SELECT a FROM t FORMAT JSON"))
	if !strings.Contains(answer.body, `"rows": 1`) || answer.header.Get("Content-Type") != "application/json; charset=UTF-8" {
		t.Errorf("FORMAT JSON gave %q %v", answer.body, answer.header)
	}
	if answer.header.Get("X-ClickHouse-Query-Id") == "" || answer.header.Get("X-ClickHouse-Timezone") == "" {
		t.Errorf("headers are %v", answer.header)
	}
}

func TestInsertForms(t *testing.T) {
	address, db := database(t)
	mustPost(t, address, nil, "CREATE TABLE "+db+".t (a UInt32, s String DEFAULT 'none') ENGINE = MergeTree ORDER BY a")
	native := post(t, address, nil, "SELECT toUInt32(9) AS a, unhex('00FF0A00') AS s FORMAT Native").body
	for _, test := range []struct{ name, query, body, want string }{
		{"values", "", "INSERT INTO t VALUES (1, 'x'), (2, 'a;b')", "1 x\n2 a;b"},
		{"values in body", "INSERT INTO t (a) VALUES", "(3), (4)", "3 none\n4 none"},
		{"json lines in body", "INSERT INTO t FORMAT JSONEachRow", `{"a":5,"s":"s"}` + "\n" + `{"s":"r","a":6}`, "5 s\n6 r"},
		{"json lines after query", "", "INSERT INTO t FORMAT JSONEachRow\n{\"a\":7}\n{\"a\":8}\n", "7 none\n8 none"},
		{"csv with settings", "INSERT INTO t (s, a) SETTINGS format_csv_delimiter=';' FORMAT CSV", "q;10\n", "10 q"},
		{"native with zero bytes", "INSERT INTO t (a, s) FORMAT Native", native, "9 \\0\xff\\n\\0"},
		{"native after query", "", "INSERT INTO t FORMAT Native\n" + native, "9 \\0\xff\\n\\0"},
		{"select", "", "INSERT INTO t SELECT number + 20, 'n' FROM numbers(2)", "20 n\n21 n"},
		{"nothing", "INSERT INTO t FORMAT JSONEachRow", "", ""},
		{"comments and case", "", "insert /* into x */ into -- y\n `t` (a) format TSV\n30", "30 none"},
	} {
		params := url.Values{"database": {db}}
		if test.query != "" {
			params.Set("query", test.query)
		}
		mustPost(t, address, params, test.body)
		if got := mustPost(t, address, url.Values{"database": {db}}, "SELECT a, s FROM t ORDER BY a FORMAT TSV SETTINGS max_threads = 1"); strings.ReplaceAll(got, "\t", " ") != test.want {
			t.Errorf("%s: table holds %q, want %q", test.name, got, test.want)
		}
		mustPost(t, address, nil, "TRUNCATE TABLE "+db+".t")
	}
}

func TestEncodedBodies(t *testing.T) {
	address, db := database(t)
	mustPost(t, address, nil, "CREATE TABLE "+db+".t (a UInt32) ENGINE = MergeTree ORDER BY a")
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, _ = io.WriteString(w, "1\n2\n")
	_ = w.Close()
	request, _ := http.NewRequest(http.MethodPost, "http://"+address+"/?query="+url.QueryEscape("INSERT INTO "+db+".t FORMAT TSV"), &zipped)
	request.Header.Set("Content-Encoding", "gzip")
	if answer := send(t, request); answer.status != http.StatusOK {
		t.Fatal(answer.body)
	}
	request, _ = http.NewRequest(http.MethodGet, "http://"+address+"/?enable_http_compression=1&query="+url.QueryEscape("SELECT sum(a) FROM "+db+".t"), nil)
	request.Header.Set("Accept-Encoding", "gzip")
	answer := send(t, request)
	r, err := gzip.NewReader(strings.NewReader(answer.body))
	if err != nil {
		t.Fatalf("the answer is not gzip: %v %q", err, answer.body)
	}
	if body, _ := io.ReadAll(r); string(body) != "3\n" {
		t.Fatalf("read %q", body)
	}
	for _, encoding := range []string{"gzip", "zstd", "br", "deflate", "lz4", "what"} {
		request, _ = http.NewRequest(http.MethodPost, "http://"+address+"/?query="+url.QueryEscape("INSERT INTO "+db+".t FORMAT TSV"), strings.NewReader("no such data, only words"))
		request.Header.Set("Content-Encoding", encoding)
		if answer := send(t, request); answer.status != http.StatusBadRequest {
			t.Errorf("a broken %s body: %d %s", encoding, answer.status, answer.body)
		}
	}
	if answer := post(t, address, url.Values{"decompress": {"1"}, "query": {"INSERT INTO " + db + ".t FORMAT Native"}}, strings.Repeat("no frame", 10)); answer.status != http.StatusBadRequest {
		t.Errorf("a broken frame: %d %s", answer.status, answer.body)
	}
}

func TestErrorsOnHTTP(t *testing.T) {
	address, db := database(t)
	mustPost(t, address, nil, "CREATE TABLE "+db+".t (a UInt32) ENGINE = MergeTree ORDER BY a")
	for _, test := range []struct {
		method, params, body string
		status               int
		code                 string
	}{
		{"POST", "", "SELCT 1", 400, "62"},
		{"POST", "", "", 400, "62"},
		{"POST", "", "SELECT 1; SELECT 2", 400, "62"},
		{"POST", "", "SELECT * FROM nowhere", 404, "60"},
		{"POST", "", "SELECT nothing", 404, "47"},
		{"POST", "database=nowhere", "SELECT 1", 404, "81"},
		{"POST", "max_threadz=1", "SELECT 1", 404, "115"},
		{"POST", "a'b=1", "SELECT 1", 404, "115"},
		{"POST", "max_threads=many", "SELECT 1", 400, "27"},
		{"POST", "", "SELECT toUInt8('x')", 400, "6"},
		{"POST", "query=INSERT+INTO+nowhere+FORMAT+TSV", "1", 404, "60"},
		{"POST", "query=INSERT+INTO+" + db + ".t+FORMAT+Native", "this is not native", 500, ""},
		{"POST", "", "SELECT throwIf(1, 'on purpose')", 500, "395"},
		{"POST", "session_id=s&session_check=1", "SELECT 1", 404, "372"},
		{"GET", "query=DROP+TABLE+" + db + ".t", "", 500, "164"},
		{"GET", "session_id=r&query=DROP+TABLE+" + db + ".t", "", 500, "164"},
		{"GET", "query=INSERT+INTO+" + db + ".t+VALUES+(1)", "", 500, "164"},
		{"POST", "max_result_bytes=1000&default_format=JSON", "SELECT * FROM numbers(10000)", 500, "396"},
	} {
		request, err := http.NewRequest(test.method, "http://"+address+"/?"+strings.ReplaceAll(test.params, "'", "%27"), strings.NewReader(test.body))
		if err != nil {
			t.Fatal(err)
		}
		answer := send(t, request)
		code := answer.header.Get("X-ClickHouse-Exception-Code")
		if answer.status != test.status || test.code != "" && code != test.code || !strings.HasPrefix(answer.body, "Code: "+code+". DB::Exception: ") || strings.Contains(answer.body, "/proc/") {
			t.Errorf("%s %s %s: status %d code %s, want %d %s: %s", test.method, test.params, test.body, answer.status, code, test.status, test.code, answer.body)
		}
	}
	if answer := get(t, address, "/no/such"); answer.status != 404 {
		t.Errorf("/no/such: %d", answer.status)
	}
}

// An answer that breaks off must not look whole, and says why.
func TestLateErrorBreaksTheAnswer(t *testing.T) {
	address, _ := database(t)
	request, err := http.NewRequest(http.MethodGet, "http://"+address+"/?query="+url.QueryEscape("SELECT throwIf(number = 3000000, 'on purpose') FROM numbers(10000000)"), nil)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth("default", chdbtest.Password)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusOK || err == nil {
		t.Fatalf("status %d, reading ended with %v", answer.StatusCode, err)
	}
	tail := string(body[max(0, len(body)-1000):])
	if tag := answer.Header.Get("X-ClickHouse-Exception-Tag"); !strings.Contains(tail, "\r\n__exception__\r\n"+tag+"\r\nCode: 395. DB::Exception: on purpose") {
		t.Fatalf("the answer ends in %q", tail)
	}
}

func TestSessions(t *testing.T) {
	address, db := database(t)
	in := url.Values{"session_id": {"mine"}}
	mustPost(t, address, in, "CREATE TEMPORARY TABLE temporary (a UInt8)")
	mustPost(t, address, in, "SET max_block_size = 123")
	mustPost(t, address, in, "INSERT INTO temporary VALUES (5)")
	if got := mustPost(t, address, in, "SELECT a, getSetting('max_block_size') FROM temporary"); got != "5\t123" {
		t.Errorf("in the session: %q", got)
	}
	if answer := post(t, address, nil, "SELECT a FROM temporary"); answer.status != 404 {
		t.Errorf("outside the session: %d %s", answer.status, answer.body)
	}
	in.Set("close_session", "1")
	mustPost(t, address, in, "SELECT 1")
	if answer := post(t, address, in, "SELECT a FROM temporary"); answer.status != 404 {
		t.Errorf("after the session: %d %s", answer.status, answer.body)
	}
	_ = db
}

func TestLimits(t *testing.T) {
	process := chdbtest.StartIn(t, t.TempDir(), "--max-body-bytes=1000000", "--max-running=1", "--max-waiting=1")
	address := process.Address()
	mustPost(t, address, nil, "CREATE TABLE t (a String) ENGINE = MergeTree ORDER BY a")
	insert := url.Values{"query": {"INSERT INTO t FORMAT TSV"}}
	if got := mustPost(t, address, insert, strings.Repeat("x", 1_000_000)); got != "" {
		t.Errorf("a body of the limit: %q", got)
	}
	answer := post(t, address, insert, strings.Repeat("x", 1_000_001))
	if answer.status != http.StatusRequestEntityTooLarge || !strings.Contains(answer.body, "larger than 1000000 bytes") {
		t.Errorf("a body beyond the limit: %d %s", answer.status, answer.body)
	}
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	_, _ = w.Write(make([]byte, 5_000_000))
	_ = w.Close()
	request, _ := http.NewRequest(http.MethodPost, "http://"+address+"/?"+insert.Encode(), &bomb)
	request.Header.Set("Content-Encoding", "gzip")
	if answer := send(t, request); answer.status != http.StatusRequestEntityTooLarge {
		t.Errorf("a small body that unfolds: %d %s", answer.status, answer.body)
	}
	if answer := post(t, address, nil, "SELECT '"+strings.Repeat("x", 990_000)+"'"); answer.status != http.StatusOK {
		t.Errorf("a long query: %d %.300s", answer.status, answer.body)
	}

	// One runs, one waits, the others are told to come back.
	answers := make(chan response)
	const asked = 5
	for range asked {
		go func() { answers <- post(t, address, nil, "SELECT sleep(0.5)") }()
	}
	served, refused := 0, 0
	for range asked {
		switch answer := <-answers; {
		case answer.status == http.StatusOK:
			served++
		case answer.status == http.StatusServiceUnavailable && answer.header.Get("X-ClickHouse-Exception-Code") == "202" && answer.header.Get("Retry-After") != "":
			refused++
		default:
			t.Errorf("%d %s", answer.status, answer.body)
		}
	}
	if served < 2 || refused == 0 {
		t.Errorf("%d served and %d refused with room for two", served, refused)
	}
}

func TestSlowClientsAndSlowQueries(t *testing.T) {
	address := chdbtest.StartIn(t, t.TempDir(), "--io-timeout=300ms", "--max-running=1").Address()
	for range 2 { // the second on the same connection
		if got := mustPost(t, address, nil, "SELECT sleep(0.8) + 1"); got != "1" {
			t.Fatalf("a query slower than the time-out for clients gave %q", got)
		}
	}
	mustPost(t, address, nil, "CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a")
	body, end := io.Pipe()
	go func() { _, _ = io.WriteString(end, "1\n") }() // and nothing more
	defer end.Close()
	request, _ := http.NewRequest(http.MethodPost, "http://"+address+"/?query="+url.QueryEscape("INSERT INTO t FORMAT TSV"), body)
	if answer := send(t, request); answer.header.Get("X-ClickHouse-Exception-Code") != "209" {
		t.Errorf("a body that stops: %d %s", answer.status, answer.body)
	}
	if got := mustPost(t, address, nil, "SELECT count() FROM t"); got != "0" {
		t.Errorf("half a body inserted %s rows", got)
	}
}

// Each insert must see its own body, also when its file is that of an earlier insert with as many bytes, or more.
func TestBodiesAreNotMixedUp(t *testing.T) {
	address, db := database(t)
	mustPost(t, address, nil, "CREATE TABLE "+db+".t (a UInt32) ENGINE = MergeTree ORDER BY a")
	insert := url.Values{"query": {"INSERT INTO " + db + ".t FORMAT TSV"}}
	sum := 0
	for i := range 200 {
		n := 1000 + i
		body := strconv.Itoa(n) + "\n"
		if i%3 == 0 {
			body += body + body
			sum += 2 * n
		}
		sum += n
		mustPost(t, address, insert, body)
	}
	if got := mustPost(t, address, nil, "SELECT sum(a) FROM "+db+".t"); got != strconv.Itoa(sum) {
		t.Errorf("the table sums to %s, want %d", got, sum)
	}
}
