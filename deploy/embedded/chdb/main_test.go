package chdb_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"tributary/deploy/embedded/chdb"
	"tributary/deploy/embedded/chdb/chdbtest"
)

// One engine serves the tests that need none of their own; each works in a database of its own.
var shared struct {
	once    sync.Once
	process *chdb.Process
	err     error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.process != nil {
		if err := shared.process.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// database returns the shared engine's address and a new database in it.
func database(t testing.TB) (address, name string) {
	t.Helper()
	shared.once.Do(func() {
		dir, err := os.MkdirTemp("", "chdb")
		if err != nil {
			shared.err = err
			return
		}
		shared.process, shared.err = chdb.Start(context.Background(), chdbtest.Config(t, dir))
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	name = strings.ToLower(strings.NewReplacer("/", "_", "-", "_", "#", "_", "=", "_").Replace(t.Name()))
	mustPost(t, shared.process.Address(), nil, "CREATE DATABASE "+name)
	t.Cleanup(func() { mustPost(t, shared.process.Address(), nil, "DROP DATABASE "+name) })
	return shared.process.Address(), name
}

// open is a clickhouse-go connection pool on HTTP.
func open(t testing.TB, address, database string, change func(*clickhouse.Options)) clickhouse.Conn {
	t.Helper()
	options := &clickhouse.Options{
		Protocol:     clickhouse.HTTP,
		Addr:         []string{address},
		Auth:         clickhouse.Auth{Database: database, Username: "default", Password: chdbtest.Password},
		Compression:  &clickhouse.Compression{Method: clickhouse.CompressionLZ4},
		DialTimeout:  10 * time.Second,
		MaxOpenConns: 32,
	}
	if change != nil {
		change(options)
	}
	conn, err := clickhouse.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

type response struct {
	status int
	header http.Header
	body   string
}

// send asks as the roles' user, unless the request says otherwise.
func send(t testing.TB, request *http.Request) response {
	t.Helper()
	if request.Header.Get("Authorization") == "" {
		request.SetBasicAuth("default", chdbtest.Password)
	}
	return sendAsIs(t, request)
}

func sendAsIs(t testing.TB, request *http.Request) response {
	t.Helper()
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatalf("reading the answer: %v (so far: %.300q)", err, body)
	}
	return response{answer.StatusCode, answer.Header, string(body)}
}

func get(t testing.TB, address, path string) response {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return send(t, request)
}

func post(t testing.TB, address string, params url.Values, body string) response {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, "http://"+address+"/?"+params.Encode(), bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	return send(t, request)
}

// mustPost returns the trimmed answer of a query that must succeed.
func mustPost(t testing.TB, address string, params url.Values, body string) string {
	t.Helper()
	answer := post(t, address, params, body)
	if answer.status != http.StatusOK {
		t.Fatalf("%.200s: %d %.500s", body, answer.status, answer.body)
	}
	return strings.TrimSpace(answer.body)
}

// eventually retries until check is content.
func eventually(t testing.TB, patience time.Duration, what string, check func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !check() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, patience)
		}
		time.Sleep(20 * time.Millisecond) // between looks at another process
	}
}

// tryPost sends a query to an engine that may end under it.
func tryPost(address, query string) (answer string, err error) {
	request, err := http.NewRequest(http.MethodPost, "http://"+address+"/", strings.NewReader(query))
	if err != nil {
		return "", err
	}
	request.SetBasicAuth("default", chdbtest.Password)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}
