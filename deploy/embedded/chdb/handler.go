package chdb

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go/compress"
)

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-ClickHouse-Server-Display-Name", s.host)
	switch r.URL.Path {
	case "/ping", "/replicas_status":
		_, _ = io.WriteString(w, "Ok.\n")
		return
	case "/", "/query":
	default:
		http.Error(w, "There is no handle "+r.URL.Path+"\nUse / for queries, /ping or /replicas_status for health.", http.StatusNotFound)
		return
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut:
	default:
		w.Header().Set("Allow", "GET, HEAD, POST, PUT")
		http.Error(w, "Send queries by GET (reading) or POST.", http.StatusMethodNotAllowed)
		return
	}
	params := r.URL.Query()
	if r.Method != http.MethodPost && r.Method != http.MethodPut && !params.Has("query") {
		_, _ = io.WriteString(w, "Ok.\n") // ClickHouse's answer to a bare GET
		return
	}
	s.answerQuery(w, r, params)
}

func (s *server) answerQuery(w http.ResponseWriter, r *http.Request, params url.Values) {
	id := params.Get("query_id")
	if id == "" {
		id = strings.ToLower(rand.Text())
	}
	w.Header().Set("X-ClickHouse-Query-Id", id)
	w.Header().Set("X-ClickHouse-Timezone", s.timezone)
	a := &answer{w: w, control: http.NewResponseController(w), timeout: s.cfg.IOTimeout, version: s.version}
	if truthy(params.Get("enable_http_compression")) {
		a.encoding = acceptedEncoding(r.Header.Get("Accept-Encoding"))
	}
	if truthy(params.Get("compress")) {
		a.frames = &frameWriter{compressor: blockCompressor(params)}
	}
	free, err := s.admit(r.Context())
	if err != nil {
		w.Header().Set("Retry-After", "1")
		a.fail(err)
		return
	}
	defer free()
	s.queries.Add(1)
	// A deadline left on a kept-alive connection would strike its next request.
	defer a.control.SetWriteDeadline(time.Time{}) //nolint:errcheck // a broken connection has no next request
	if err := s.execute(r, params, id, a); err != nil {
		a.fail(err)
		return
	}
	a.end()
}

// admit takes one of the slots for running queries, waiting in a bounded queue.
func (s *server) admit(ctx context.Context) (free func(), err error) {
	free = func() { <-s.running }
	select {
	case s.running <- struct{}{}:
		return free, nil
	default:
	}
	defer s.waiting.Add(-1)
	if s.waiting.Add(1) > int64(s.cfg.MaxWaiting) {
		return nil, refuse(codeTooManyQueries, "TOO_MANY_SIMULTANEOUS_QUERIES", "Too many simultaneous queries: %d run and %d wait, the limit; try again later", s.cfg.MaxRunning, s.cfg.MaxWaiting)
	}
	select {
	case s.running <- struct{}{}:
		return free, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for a turn: %w", context.Cause(ctx))
	}
}

// execute runs the request's query and sends its output.
func (s *server) execute(r *http.Request, params url.Values, id string, a *answer) error {
	_ = a.control.SetReadDeadline(time.Now().Add(s.cfg.IOTimeout))
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") {
		return refuse(codeNotImplemented, "NOT_IMPLEMENTED", "External tables (multipart/form-data) are not served by the embedded engine: use a temporary table in a session, or a ClickHouse server")
	}
	r.Body = http.MaxBytesReader(a.w, r.Body, s.cfg.MaxBodyBytes+1)
	decoded, freeDecoder, err := decodedBody(r, truthy(params.Get("decompress")))
	if err != nil {
		return s.bodyError(err)
	}
	defer freeDecoder()
	body := &cappedReader{source: decoded, left: s.cfg.MaxBodyBytes}

	stmt, head, err := s.readStatement(params.Get("query"), body)
	if err != nil {
		return s.bodyError(err)
	}
	if stmt.blank {
		return refuse(codeSyntaxError, "SYNTAX_ERROR", "Syntax error: the query is empty. Give it as the parameter 'query' or as the body")
	}
	if stmt.several {
		return refuse(codeSyntaxError, "SYNTAX_ERROR", "Syntax error (Multi-statements are not allowed): one request runs one statement")
	}
	a.format = firstOf(stmt.format, r.Header.Get("X-ClickHouse-Format"), params.Get("default_format"), "TabSeparated")
	a.w.Header().Set("X-ClickHouse-Format", a.format)

	if stmt.text == handshakeQuery && params.Get("client_protocol_version") != "" && params.Get("client_protocol_version") != "0" {
		a.format = "Native"
		return a.write(handshakeBlock(s.host, s.version, s.timezone))
	}

	// The engine keeps state by thread while a query is under way.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	conn, release, err := s.connectionFor(params)
	if err != nil {
		return err
	}
	defer release()
	if database := firstOf(params.Get("database"), r.Header.Get("X-ClickHouse-Database")); database != "" {
		if err := conn.exec("USE " + quoteName(database)); err != nil {
			return err
		}
	}
	if params.Get("session_id") != "" && readsOnly(r) && !stmt.harmless() {
		// A session's readonly could not be lifted for its next request, so the rule is applied here.
		return refuse(codeReadonly, "READONLY", "Cannot execute query in readonly mode: send it by POST")
	}
	settings, err := s.settings(r, params, id, stmt.streamable(a.format))
	if err != nil {
		return err
	}
	if err := conn.exec(settings); err != nil {
		return err
	}
	var bound *parameters
	for name, values := range params {
		if name, ok := strings.CutPrefix(name, "param_"); ok && len(values) > 0 {
			if bound == nil {
				bound = new(parameters)
			}
			bound.add(name, values[len(values)-1])
		}
	}
	if stmt.insert != nil {
		data, err := s.spools.take()
		if err != nil {
			return s.bodyError(spoolError{err})
		}
		defer s.spools.give(data)
		if err := data.fill(head, body); err != nil {
			return s.bodyError(err)
		}
		// The body is here; a deadline while the engine works would look like a client that left.
		_ = a.control.SetReadDeadline(time.Time{})
		defer s.killWhenGone(r.Context(), id)()
		return s.insert(conn, &stmt, data, bound)
	}
	_ = a.control.SetReadDeadline(time.Time{})
	defer s.killWhenGone(r.Context(), id)()
	return s.run(conn, &stmt, bound, a)
}

// handshakeQuery is how clickhouse-go begins. It asks for blocks in its own protocol revision, which carry more than
// the engine's Native format writes over this interface; told that the server's revision is 0, it reads the plain form
// from then on. Only this first answer must be in the client's revision.
const handshakeQuery = "SELECT displayName(), version(), revision(), timezone()"

// readStatement finds the query's text: the query parameter, with the body as its data; or the body's beginning. head
// is what was read of the data so far.
func (s *server) readStatement(query string, body io.Reader) (stmt statement, head []byte, err error) {
	limit := s.cfg.MaxQueryBytes
	if query != "" {
		stmt = analyse(query)
		if in := stmt.insert; in != nil {
			return stmt, []byte(query[in.data:]), nil
		}
		// The body continues a query that is no insert of data.
		rest, err := io.ReadAll(io.LimitReader(body, limit+1))
		if err != nil {
			return stmt, nil, err
		}
		if len(rest) > 0 {
			stmt = analyse(query + "\n" + string(rest))
		}
	} else {
		text, err := io.ReadAll(io.LimitReader(body, limit+1))
		if err != nil {
			return stmt, nil, err
		}
		stmt = analyse(string(text))
		if in := stmt.insert; in != nil {
			return stmt, text[in.data:], nil
		}
	}
	if int64(len(stmt.text)) > limit {
		return stmt, nil, refuse(codeQueryTooLarge, "QUERY_IS_TOO_LARGE", "The query is longer than %d bytes; data belongs after INSERT … FORMAT or into a table", limit)
	}
	return stmt, nil, nil
}

// bodyError says in ClickHouse's form why a body could not be taken.
func (s *server) bodyError(err error) error {
	var already *engineError
	var tooLarge *http.MaxBytesError
	var network net.Error
	var keeping spoolError
	switch {
	case errors.As(err, &already):
		return already
	case errors.Is(err, errBodyTooLarge), errors.As(err, &tooLarge):
		return refuse(codeRequestTooLarge, "TOO_MANY_BYTES", "The body is larger than %d bytes; send it in parts", s.cfg.MaxBodyBytes)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return refuse(codeNetworkTimeout, "SOCKET_TIMEOUT", "The body did not arrive within %s", s.cfg.IOTimeout)
	case errors.As(err, &keeping):
		return refuse(codeCannotWriteToTempFile, "CANNOT_WRITE_TO_FILE_DESCRIPTOR", "%s", err)
	}
	return refuse(codeCannotDecompress, "CANNOT_DECOMPRESS", "The body cannot be read: %s", err)
}

func (s *server) connectionFor(params url.Values) (conn *connection, release func(), err error) {
	id := params.Get("session_id")
	if id == "" {
		conn, err := s.connect()
		if err != nil {
			return nil, nil, err
		}
		return conn, conn.close, nil
	}
	timeout := defaultSessionTimeout
	if text := params.Get("session_timeout"); text != "" {
		seconds, err := strconv.ParseUint(text, 10, 32)
		if err != nil || time.Duration(seconds)*time.Second > maxSessionTimeout {
			return nil, nil, refuse(codeUnknownSetting, "UNKNOWN_SETTING", "session_timeout %s is not a number of seconds up to %d", quote(text), int(maxSessionTimeout.Seconds()))
		}
		timeout = time.Duration(seconds) * time.Second
	}
	conn, done, err := s.sessions.acquire(id, truthy(params.Get("session_check")), timeout)
	if err != nil {
		return nil, nil, err
	}
	return conn, func() { done(truthy(params.Get("close_session"))) }, nil
}

// notSettings are the URL parameters of ClickHouse's HTTP interface that are not settings.
var notSettings = []string{
	"query", "database", "default_format", "query_id", "user", "password", "quota_key", "role", "compress", "decompress",
	"client_protocol_version", "session_id", "session_timeout", "session_check", "close_session", "stacktrace",
	"buffer_size", "wait_end_of_query", "internal",
}

var settingName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)

// settings is the SET statement that gives a connection this server's defaults and the request's own settings.
func (s *server) settings(r *http.Request, params url.Values, id string, streamed bool) (string, error) {
	values := map[string]string{
		// A row inserted is a row stored when the answer arrives, and each block keeps its own token.
		"async_insert": "0",
		// What a ClickHouse server has and the engine as a library has not.
		"implicit_select":               "0",
		"allow_introspection_functions": "0",
		"max_threads":                   strconv.Itoa(s.cfg.MaxThreads),
		"max_query_size":                strconv.FormatInt(s.cfg.MaxQueryBytes+1, 10),
		"log_comment":                   id,
		"max_result_bytes":              "0",
	}
	if !streamed { // what is streamed is bounded by the client's pace
		values["max_result_bytes"] = strconv.FormatInt(s.cfg.MaxResultBytes, 10)
	}
	if readsOnly(r) && params.Get("session_id") == "" {
		values["readonly"] = "2" // a link must not change data; ClickHouse's own rule
	}
	for name, given := range params {
		if slices.Contains(notSettings, name) || strings.HasPrefix(name, "param_") || len(given) == 0 {
			continue
		}
		if !settingName.MatchString(name) {
			return "", refuse(codeUnknownSetting, "UNKNOWN_SETTING", "Unknown setting %s", quote(name))
		}
		values[name] = given[len(given)-1]
	}
	names := make([]string, 0, len(values))
	for name := range values {
		if name != "readonly" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if _, ok := values["readonly"]; ok {
		names = append(names, "readonly") // last: it forbids what would follow
	}
	var b strings.Builder
	b.WriteString("SET ")
	for i, name := range names {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(name + " = " + quote(values[name]))
	}
	return b.String(), nil
}

func (s *server) insert(conn *connection, stmt *statement, data *spool, bound *parameters) error {
	if data.size == 0 {
		return nil // no rows: nothing to insert, as on a server
	}
	err := conn.run(stmt.fromFile(data.path), "", bound, nil)
	var failure *engineError
	if errors.As(err, &failure) {
		failure.text = strings.ReplaceAll(failure.text, "file/uri "+data.path, "the request's body")
	}
	return err
}

func (s *server) run(conn *connection, stmt *statement, bound *parameters, a *answer) error {
	if stmt.streamable(a.format) {
		return conn.stream(stmt.text, a.format, bound, a.write)
	}
	return conn.run(stmt.text, a.format, bound, func(output []byte, read readCounts) error {
		a.w.Header().Set("X-ClickHouse-Summary", fmt.Sprintf(`{"read_rows":"%d","read_bytes":"%d"}`, read.rows, read.bytes))
		return a.write(output)
	})
}

// killWhenGone stops the query id when ctx ends before the returned function is called.
func (s *server) killWhenGone(ctx context.Context, id string) (arrived func()) {
	stop := context.AfterFunc(ctx, func() { s.kill(id) })
	return func() { stop() }
}

func blockCompressor(params url.Values) *compress.Writer {
	if strings.EqualFold(params.Get("network_compression_method"), "ZSTD") {
		return compress.NewWriter(compress.LevelZero, compress.ZSTD)
	}
	return compress.NewWriter(compress.LevelZero, compress.LZ4)
}

func readsOnly(r *http.Request) bool {
	return r.Method == http.MethodGet || r.Method == http.MethodHead
}

func truthy(value string) bool { return value == "1" || strings.EqualFold(value, "true") }

func firstOf(values ...string) string {
	for _, value := range values {
		if value != "" {
			return value
		}
	}
	return ""
}

var quoted = strings.NewReplacer(`\`, `\\`, `'`, `\'`)

// quote makes a ClickHouse string literal.
func quote(text string) string { return "'" + quoted.Replace(text) + "'" }

var quotedName = strings.NewReplacer(`\`, `\\`, "`", "\\`")

func quoteName(name string) string { return "`" + quotedName.Replace(name) + "`" }
