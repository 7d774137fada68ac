package chdb_test

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"

	"tributary/deploy/embedded/chdb/chdbtest"
)

// sendForm sends a form as a user; a part whose name ends in @ is a file.
func sendForm(t *testing.T, user, address string, params url.Values, parts ...[2]string) response {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for _, part := range parts {
		name, is := strings.CutSuffix(part[0], "@")
		create := w.CreateFormField
		if is {
			create = func(name string) (io.Writer, error) { return w.CreateFormFile(name, "") }
		}
		to, err := create(name)
		if err == nil {
			_, err = to.Write([]byte(part[1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequest(http.MethodPost, "http://"+address+"/?"+params.Encode(), &body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", w.FormDataContentType())
	if user == chdbtest.Guest {
		request.SetBasicAuth(user, chdbtest.GuestPassword)
	}
	return send(t, request)
}

// A query and its parameters may come as a form, as Java's client sends them, and tables with them, for this query alone.
func TestExternalTables(t *testing.T) {
	address, db := database(t)
	mustPost(t, address, url.Values{"database": {db}}, "CREATE TABLE stored (id UInt32) ENGINE = MergeTree ORDER BY id")
	mustPost(t, address, url.Values{"database": {db}}, "INSERT INTO stored VALUES (1), (2), (3)")
	for _, user := range []string{chdbtest.Guest, "default"} {
		for name, c := range map[string]struct {
			params url.Values
			parts  [][2]string
			want   string
		}{
			"a form alone":       {nil, [][2]string{{"query", "SELECT {n:UInt8} + "}, {"param_n", "40"}, {"query", "2"}}, "42\n"},
			"text and parameter": {url.Values{"query": {"SELECT {s:String}"}}, [][2]string{{"param_s", "it's"}}, "it\\'s\n"},
			"a table": {url.Values{"wanted_structure": {"id UInt32, `of it` String"}, "wanted_format": {"CSV"}},
				[][2]string{{"wanted@", "2,two\n9,nine\n"}, {"query", "SELECT id, `of it` FROM stored JOIN wanted USING id"}}, "2\ttwo\n"},
			"types, two tables": {url.Values{"query": {"SELECT a._1 + b._1, b._2 FROM a, b"}, "a_types": {"UInt8"}, "b_types": {"UInt8,Array(Nullable(String))"}},
				[][2]string{{"a@", "1\n"}, {"b@", "2\t['x',NULL]\n"}}, "3\t['x',NULL]\n"},
			"described in the form": {nil, [][2]string{{"e_structure", "x Decimal(9, 2)"}, {"e@", "1.50"}, {"query", "SELECT sum(x) FROM e"}}, "1.5\n"},
			"no rows":               {url.Values{"query": {"SELECT count() FROM e"}, "e_types": {"UInt8"}}, [][2]string{{"e@", ""}}, "0\n"},
			"in a session": {url.Values{"query": {"SELECT count() FROM e"}, "e_types": {"UInt8"}, "session_id": {"forms of " + user}},
				[][2]string{{"e@", "1\n2\n"}}, "2\n"},
		} {
			params := url.Values{"database": {db}}
			for key, values := range c.params {
				params[key] = values
			}
			if answer := sendForm(t, user, address, params, c.parts...); answer.status != http.StatusOK || answer.body != c.want {
				t.Errorf("%s, %s: %d %q, want %q", user, name, answer.status, answer.body, c.want)
			}
			if strings.Contains(name, "session") { // which goes on without it
				answer := sendForm(t, user, address, url.Values{"session_id": params["session_id"]}, [2]string{"query", "SELECT count() FROM e"})
				if answer.status == http.StatusOK || !strings.Contains(answer.body, "UNKNOWN_TABLE") {
					t.Errorf("%s: the table stays: %d %q", user, answer.status, answer.body)
				}
			}
		}
	}
}

// Nothing but a type gets into a statement by way of a table's structure, and a form lifts no bound of a guest.
func TestExternalTablesAreBounded(t *testing.T) {
	address, db := database(t)
	table := [2]string{"e@", "1\n"}
	query := [2]string{"query", "SELECT * FROM e"}
	many := [][2]string{query}
	params := url.Values{}
	for n := range 17 {
		many = append(many, [2]string{fmt.Sprintf("t%d@", n), ""})
		params.Set(fmt.Sprintf("t%d_types", n), "UInt8")
	}
	zeros := strings.Repeat("\x00", 1<<20)
	for name, c := range map[string]struct {
		params url.Values
		parts  [][2]string
		code   string
		want   string
	}{
		"no columns":           {nil, [][2]string{table, query}, "6", "Nothing says which columns the external table e has"},
		"a default":            {url.Values{"e_structure": {"x UInt8 DEFAULT length(file('/etc/passwd'))"}}, [][2]string{table, query}, "", ""},
		"an alias":             {url.Values{"e_structure": {"x UInt8, y String ALIAS file('/etc/passwd')"}}, [][2]string{table, query}, "", ""},
		"another engine":       {url.Values{"e_structure": {"x UInt8) ENGINE = File(CSV, '/etc/passwd') --"}}, [][2]string{table, query}, "", ""},
		"a comment":            {url.Values{"e_structure": {"x UInt8 /*"}}, [][2]string{table, query}, "", ""},
		"a statement":          {url.Values{"e_types": {"UInt8); DROP TABLE stored; --"}}, [][2]string{table, query}, "", ""},
		"no type":              {url.Values{"e_structure": {"x Nothing8"}}, [][2]string{table, query}, "50", "Nothing8"},
		"no name of a column":  {url.Values{"e_structure": {"'x' UInt8"}}, [][2]string{table, query}, "6", "is no column of the external table e"},
		"no name of a table":   {nil, [][2]string{{"e`e@", "1"}, query}, "6", "cannot be called"},
		"no format":            {url.Values{"e_types": {"UInt8"}, "e_format": {"CSV SETTINGS readonly = 0"}}, [][2]string{table, query}, "6", "is no name of a format"},
		"data that do not fit": {url.Values{"e_types": {"UInt8"}}, [][2]string{{"e@", "one\n"}, query}, "", "the external table e"},
		"twice":                {url.Values{"e_types": {"UInt8"}}, [][2]string{table, table, query}, "6", "is there twice"},
		"too many":             {params, many, "307", "16 external tables at most"},
		"a setting":            {nil, [][2]string{{"readonly", "0"}, {"query", "SELECT 1"}}, "115", "settings belong into the URL"},
		"a write":              {url.Values{"e_types": {"UInt8"}}, [][2]string{table, {"query", "INSERT INTO stored SELECT * FROM e"}}, "164", "readonly"},
		"a file":               {url.Values{"e_types": {"String"}}, [][2]string{{"e@", "/etc/passwd"}, {"query", "SELECT arrayMap(file, [_1]) FROM e"}}, "", ""},
		"too large":            {url.Values{"e_types": {"String"}}, [][2]string{{"e@", strings.Repeat(zeros, 9)}, query}, "307", "external tables have more than"},
		"too large in memory":  {url.Values{"e_types": {strings.TrimSuffix(strings.Repeat("UInt256,", 100), ",")}, "e_format": {"CSV"}}, [][2]string{{"e@", strings.Repeat(strings.Repeat("1,", 99)+"1\n", 11_000)}, {"query", "SELECT count() FROM e"}}, "", "memory"},
		"no query":             {url.Values{"e_types": {"UInt8"}}, [][2]string{table}, "62", "the query is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.params == nil {
				c.params = url.Values{}
			}
			c.params.Set("database", db)
			answer := sendForm(t, chdbtest.Guest, address, c.params, c.parts...)
			code := answer.header.Get("X-ClickHouse-Exception-Code")
			if answer.status == http.StatusOK || code == "" || c.code != "" && code != c.code || !strings.Contains(answer.body, c.want) ||
				strings.Contains(answer.body, "root:") || strings.Contains(answer.body, "/proc/self/fd") {
				t.Errorf("%d, code %s: %.500s; want code %s and %q", answer.status, code, answer.body, c.code, c.want)
			}
		})
	}
	if answer := asGuest(t, address, nil, "SELECT 1"); answer.body != "1\n" {
		t.Errorf("afterwards: %d %s", answer.status, answer.body)
	}
}

// clickhouse-go's own external tables, over HTTP.
func TestExternalTablesOfTheDriver(t *testing.T) {
	address, db := database(t)
	guest := func(o *clickhouse.Options) {
		o.Auth.Username, o.Auth.Password = chdbtest.Guest, chdbtest.GuestPassword
	}
	for name, change := range map[string]func(*clickhouse.Options){
		"roles": nil, "guest": guest, "guest, without compression": func(o *clickhouse.Options) { guest(o); o.Compression = nil },
		"guest, zstd": func(o *clickhouse.Options) { guest(o); o.Compression.Method = clickhouse.CompressionZSTD },
		"guest, gzip": func(o *clickhouse.Options) { guest(o); o.Compression.Method = clickhouse.CompressionGZIP },
	} {
		conn := open(t, address, db, change)
		table, err := ext.NewTable("wanted", ext.Column("id", "UInt32"), ext.Column("name", "String"))
		if err != nil {
			t.Fatal(err)
		}
		for n := range uint32(1000) {
			if err := table.Append(n, fmt.Sprint("n", n)); err != nil {
				t.Fatal(err)
			}
		}
		var sum uint64
		var last string
		ctx := clickhouse.Context(t.Context(), clickhouse.WithExternalTable(table))
		if err := conn.QueryRow(ctx, "SELECT sum(id), argMax(name, id) FROM wanted").Scan(&sum, &last); err != nil || sum != 499500 || last != "n999" {
			t.Errorf("%s: %d %s %v", name, sum, last, err)
		}
	}
}
