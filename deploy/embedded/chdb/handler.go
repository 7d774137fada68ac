package chdb

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go/compress"
)

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-ClickHouse-Server-Display-Name", s.host)
	w.Header().Set("Keep-Alive", keepAlive)
	if r.URL.Path == "/ping" { // all that is said without a password: it is alive
		_, _ = io.WriteString(w, "Ok.\n")
		return
	}
	params := r.URL.Query()
	a := &answer{w: w, control: http.NewResponseController(w), timeout: s.cfg.IOTimeout, version: s.version, since: time.Now()}
	if err := s.foreign(r); err != nil {
		s.counts.refused.Add(1)
		a.fail(err)
		return
	}
	who, err := s.doorman.admit(r, params)
	if err != nil {
		s.counts.refused.Add(1)
		if errors.Is(err, errAnonymous) {
			w.Header().Set("WWW-Authenticate", `Basic realm="ClickHouse of Tributary"`)
		}
		a.fail(err)
		return
	}
	if who.guest && !s.cfg.confined && !s.cfg.GuestsUnconfined {
		s.counts.refused.Add(1)
		a.fail(refuse(codeAccessDenied, "ACCESS_DENIED", "%s: Not enough privileges: the operating system of this machine does not confine the engine (%s), so that a guest might read its files. clickhouse.guests_without_sandbox: true lets guests in all the same; the user of the roles is not refused", who.name, s.cfg.whyNot))
		return
	}
	switch r.URL.Path {
	case "/replicas_status":
		_, _ = io.WriteString(w, "Ok.\n")
		return
	case statusPath:
		if who.guest {
			a.fail(refuse(codeAccessDenied, "ACCESS_DENIED", "%s: Not enough privileges", who.name))
			return
		}
		s.sendStatus(w, a)
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
	if r.Method != http.MethodPost && r.Method != http.MethodPut && !params.Has("query") {
		_, _ = io.WriteString(w, "Ok.\n") // ClickHouse's answer to a bare GET
		return
	}
	s.answerQuery(w, r, params, who, a)
}

// idleLimit is how long a connection is kept without a request; clients are told to be done with it a little sooner, so that
// none sends a request into its end.
const idleLimit = 5 * time.Minute

var keepAlive = fmt.Sprintf("timeout=%d", int((idleLimit - 10*time.Second).Seconds()))

func (s *server) answerQuery(w http.ResponseWriter, r *http.Request, params url.Values, who admitted, a *answer) {
	id := params.Get("query_id")
	if id == "" {
		id = strings.ToLower(rand.Text())
	}
	w.Header().Set("X-ClickHouse-Query-Id", id)
	w.Header().Set("X-ClickHouse-Timezone", s.timezone)
	a.whole = truthy(params.Get("wait_end_of_query"))
	if truthy(params.Get("enable_http_compression")) {
		a.encoding = acceptedEncoding(r.Header.Get("Accept-Encoding"))
	}
	if truthy(params.Get("compress")) {
		a.frames = &frameWriter{compressor: blockCompressor(params)}
	}
	free, err := s.slotsOf(who).admit(r.Context())
	if err != nil {
		w.Header().Set("Retry-After", "1")
		a.fail(err)
		return
	}
	defer free()
	if who.guest {
		a.bound(&s.cfg.Guests)
	}
	s.queries.Add(1)
	// A deadline left on a kept-alive connection would strike its next request.
	defer a.control.SetWriteDeadline(time.Time{}) //nolint:errcheck // a broken connection has no next request
	if err := s.execute(r, params, who, id, a); err != nil {
		a.fail(err)
		return
	}
	a.end()
}

// execute runs the request's query and sends its output.
func (s *server) execute(r *http.Request, params url.Values, who admitted, id string, a *answer) error {
	_ = a.control.SetReadDeadline(time.Now().Add(s.cfg.IOTimeout))
	r.Body = http.MaxBytesReader(a.w, r.Body, s.cfg.MaxBodyBytes+1)
	decoded, freeDecoder, err := decodedBody(r, truthy(params.Get("decompress")))
	if err != nil {
		return s.bodyError(err)
	}
	defer freeDecoder()
	body := &cappedReader{source: decoded, left: s.cfg.MaxBodyBytes}

	var inForm *form
	query := params.Get("query")
	if isForm(r) {
		if inForm, err = s.readForm(r, body, params, who); err != nil {
			return s.bodyError(err)
		}
		defer inForm.drop(s)
		query += inForm.query
		body.source, body.left = http.NoBody, 0
	}
	stmt, head, err := s.readStatement(query, body, who.guest)
	if err != nil {
		return s.bodyError(err)
	}
	if stmt.blank {
		return refuse(codeSyntaxError, "SYNTAX_ERROR", "Syntax error: the query is empty. Give it as the parameter 'query' or as the body")
	}
	if stmt.several {
		return refuse(codeSyntaxError, "SYNTAX_ERROR", "Syntax error (Multi-statements are not allowed): one request runs one statement")
	}
	if stmt.insert != nil && who.guest {
		return refuse(codeReadonly, "READONLY", "%s: Cannot execute query in readonly mode", who.name)
	}
	if role := params.Get("role"); role != "" {
		return refuse(codeUnknownRole, "UNKNOWN_ROLE", "There is no role %s: the embedded engine's server has users, and no roles; leave the parameter 'role' out", quote(role))
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

	verb, harmless := stmt.verb, false
	var kill *killing
	var lifted map[string]string
	if stmt.insert == nil {
		parsed, err := s.examine(stmt.text, who.guest)
		if err != nil {
			return err
		}
		verb, harmless = parsed.verb, parsed.harmless()
		kill = analyseKill(parsed.text)
		// The engine's readonly setting refuses these too, but for SYSTEM and KILL of what it thinks is the user's own.
		if who.guest && !harmless && kill == nil {
			return refuse(codeReadonly, "READONLY", "%s: Cannot execute query in readonly mode", who.name)
		}
		if who.guest {
			var rest statement
			if rest, lifted, err = s.liftGuestSettings(parsed); err != nil {
				return err
			}
			if lifted != nil {
				stmt, parsed = rest, rest
			}
		} else if err := s.examineFilters(parsed.text); err != nil {
			return err
		}
		if readsOnly(r) && !harmless {
			return refuse(codeReadonly, "READONLY", "Cannot execute query in readonly mode: send it by POST")
		}
		if shown, found := s.showProcesses(parsed.text); found && kill == nil {
			stmt = analyse(shown)
		}
	} else if readsOnly(r) {
		return refuse(codeReadonly, "READONLY", "Cannot execute query in readonly mode: send it by POST")
	}
	mark, end, err := s.register(params, who, id, r.Context().Done())
	if err != nil {
		return err
	}
	defer end()
	settings, err := s.settings(r, params, who, lifted, !a.whole && stmt.streamable(a.format))
	if err != nil {
		return err
	}
	settings["log_comment"] = mark // no other's, whatever identifier a client chose
	here, err := s.placeFor(r, params, who, settings, inForm)
	if err != nil {
		return err
	}
	defer here.leave()
	conn := here.conn
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
		defer s.killWhenGone(r.Context(), mark)()
		defer s.watch(a, params, mark)()
		if err := s.insert(conn, &stmt, data, bound, a); err != nil {
			return err
		}
		return s.syncer.wait()
	}
	_ = a.control.SetReadDeadline(time.Time{})
	defer s.killWhenGone(r.Context(), mark)()
	defer s.watch(a, params, mark)()
	if kill != nil {
		return s.killQueries(r.Context(), conn, kill, bound, who, mark, a)
	}
	if err := s.run(conn, &stmt, bound, a); err != nil {
		return err
	}
	switch {
	case !harmless:
		if err := s.syncer.wait(); err != nil {
			return err
		}
	case !who.guest:
		// Whoever looks whether an insert went through must not see a part that the next start will not have.
		if err := s.lookAtParts(); err != nil {
			return err
		}
	}
	return here.note(verb)
}

// handshakeQuery is how clickhouse-go begins. It asks for blocks in its own protocol revision, which carry more than
// the engine's Native format writes over this interface; told that the server's revision is 0, it reads the plain form
// from then on. Only this first answer must be in the client's revision.
const handshakeQuery = "SELECT displayName(), version(), revision(), timezone()"

// queryLimit is how long a query's text may be, bytes.
func (s *server) queryLimit(guest bool) int64 {
	if guest {
		return min(s.cfg.MaxQueryBytes, s.cfg.Guests.MaxQueryBytes)
	}
	return s.cfg.MaxQueryBytes
}

// readStatement finds the query's text: the query parameter, with the body as its data; or the body's beginning. head
// is what was read of the data so far.
func (s *server) readStatement(query string, body io.Reader, guest bool) (stmt statement, head []byte, err error) {
	limit := s.queryLimit(guest)
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

// notSettings are the URL parameters of ClickHouse's HTTP interface that are not settings.
var notSettings = []string{
	"query", "database", "default_format", "query_id", "user", "password", "quota_key", "role", "compress", "decompress",
	"client_protocol_version", "session_id", "session_timeout", "session_check", "close_session", "stacktrace",
	"buffer_size", "wait_end_of_query", "internal",
}

var settingName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)

// defaults are the settings in which this server differs from the engine as a library.
func (s *server) defaults() map[string]string {
	return map[string]string{
		// A row inserted is a row stored when the answer arrives, and each block keeps its own token.
		"async_insert": "0",
		// What a ClickHouse server has and the engine as a library has not.
		"implicit_select":               "0",
		"allow_introspection_functions": "0",
		"max_threads":                   strconv.Itoa(s.cfg.MaxThreads),
		"max_query_size":                strconv.FormatInt(s.cfg.MaxQueryBytes+1, 10),
	}
}

// settings are those that the request's statement runs under beside the defaults: the request's own, and what it must
// not lift.
func (s *server) settings(r *http.Request, params url.Values, who admitted, lifted map[string]string, streamed bool) (values map[string]string, err error) {
	given := requestSettings(params)
	for name := range given {
		if !settingName.MatchString(name) {
			return nil, refuse(codeUnknownSetting, "UNKNOWN_SETTING", "Unknown setting %s", quote(name))
		}
	}
	if who.guest {
		if _, ok := given[tableFilters]; ok {
			return nil, refuse(codeReadonly, "READONLY", "Cannot modify '%s' setting in readonly mode: give it in the statement", tableFilters)
		}
		maps.Copy(given, lifted) // the statement's own come after the request's
		if values, err = s.cfg.Guests.settings(given, max(1, s.cfg.MaxThreads/2), true); err != nil {
			return nil, err
		}
		values["readonly"] = "1"
	} else {
		for name := range given {
			if err := noFilters(name); err != nil {
				return nil, err
			}
		}
		values = map[string]string{"max_result_bytes": "0"}
		if !streamed { // what is streamed is bounded by the client's pace
			values["max_result_bytes"] = strconv.FormatInt(s.cfg.MaxResultBytes, 10)
		}
		maps.Copy(values, given)
		if values["readonly"] == "0" {
			delete(values, "readonly")
		}
		if dialect, ok := values["dialect"]; ok && dialect != "clickhouse" {
			return nil, refuse(codeNotImplemented, "NOT_IMPLEMENTED", "The embedded engine's server reads ClickHouse's SQL only, not the dialect %s", quote(dialect))
		}
		if readsOnly(r) && values["readonly"] != "1" {
			values["readonly"] = "2" // a link must not change data, whatever it asks
		}
	}
	return values, nil
}

func (s *server) insert(conn *connection, stmt *statement, data *spool, bound *parameters, a *answer) error {
	if data.size == 0 {
		return nil // no rows: nothing to insert, as on a server
	}
	err := conn.run(stmt.fromFile(data.path), "", bound, func(_ []byte, p progress) error {
		a.progress = p
		// What came with the request was read, too; the engine counts what it reads of tables.
		a.progress.readRows, a.progress.readBytes, a.progress.totalRows = p.writtenRows, p.writtenBytes, p.writtenRows
		return nil
	})
	var failure *engineError
	if errors.As(err, &failure) {
		failure.text = strings.ReplaceAll(failure.text, "file/uri "+data.path, "the request's body")
	}
	return err
}

func (s *server) run(conn *connection, stmt *statement, bound *parameters, a *answer) error {
	if !a.whole && stmt.streamable(a.format) {
		return conn.stream(stmt.text, a.format, bound, func(chunk []byte, p progress) error {
			// A server that has not finished says nothing of the result, which a client would take for all of it.
			a.progress.readRows, a.progress.readBytes = p.readRows, p.readBytes
			return a.write(chunk)
		})
	}
	return conn.run(stmt.text, a.format, bound, func(output []byte, p progress) error {
		a.progress = p
		a.progress.totalRows = p.readRows
		return a.write(output)
	})
}

// killWhenGone stops the query with a mark when ctx ends before the returned function is called.
func (s *server) killWhenGone(ctx context.Context, mark string) (arrived func()) {
	stop := context.AfterFunc(ctx, func() { s.kill(mark) })
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
