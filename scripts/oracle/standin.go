package oracle

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"tributary/schemas"
)

// tokenWindow is what the tables' non_replicated_deduplication_window says.
const tokenWindow = 10_000

// A standin answers for ClickHouse over HTTP: it takes the sink's inserts as the engine would, deduplicates by token, table and
// ClickHouse partition, and answers the few questions the sink has. It can do what an engine does to its clients at a bad moment: see mishap.
// What is summed is in the same part as the rows (projections), so that there is nothing beside them to keep.
type standin struct {
	database string
	trace    *trace
	server   *http.Server
	stopped  context.Context
	stop     context.CancelFunc
	late     sync.WaitGroup

	mu      sync.Mutex
	tables  map[string]*standinTable
	mishaps []*mishap
	// keep keeps loaded.
	keep   bool
	loaded []Loaded
	// odd is what no insert of a loader should do.
	odd []string
	// running are when the inserts under way began.
	running map[int]time.Time
	query   int
	// inserts counts the applied ones, repeats those whose token was known, for the report.
	inserts, repeats int
}

// A standinTable is a table of rows.
type standinTable struct {
	rows []Row
	// tokens remember inserts, oldest first.
	tokens *tokenLog
	// scratch: a table that the sink made.
	scratch bool
	// loaded is what a scratch table was given.
	loaded []Loaded
}

// A Loaded is one insert that was applied: of rows of one month.
type Loaded struct {
	Table, Columns string
	// Body is the block as the sink sent it, format Native.
	Body []byte
}

// Rows reads them.
func (l *Loaded) Rows() (rows []Row, err error) {
	blocks, err := decodeNative(l.Body)
	return slices.Concat(blocks...), err
}

type tokenLog struct {
	order []string
	known map[string]bool
}

func (l *tokenLog) add(id string) {
	l.order, l.known[id] = append(l.order, id), true
	for len(l.order) > tokenWindow/2 { // an insert writes two entries
		delete(l.known, l.order[0])
		l.order = l.order[1:]
	}
}

// How an insert goes wrong.
const (
	mishapLoseAnswer = "lose-answer" // applied, the connection breaks before the answer
	mishapLate       = "late"        // applied long after the client gave up
	mishapRefuse     = "refuse"      // refused for now
	mishapDrop       = "drop"        // the connection breaks before anything is done
	mishapTwice      = "twice"       // applied, the answer comes twice
	mishapUnknown    = "unknown"     // applied, answered by an error nobody has heard of
	mishapOrphan     = "orphan"      // the engine dies with the token written and the rows not
)

// A mishap befalls the next inserts of some table, within a time.
type mishap struct {
	Kind  string
	Table string // empty for any
	Count int
	Until time.Time
	Delay time.Duration // of a late one
}

// loadedTables are those that the sink loads a topic into.
var loadedTables = func() (names []string) {
	for _, t := range schemas.Tables() {
		names = append(names, t.Name)
	}
	return names
}()

func newStandin(database string, tr *trace) *standin {
	s := &standin{database: database, trace: tr, tables: map[string]*standinTable{}, running: map[int]time.Time{}}
	for _, name := range loadedTables {
		s.tables[name] = newStandinTable()
	}
	s.stopped, s.stop = context.WithCancel(context.Background())
	s.server = &http.Server{Handler: s}
	return s
}

func newStandinTable() *standinTable {
	return &standinTable{tokens: &tokenLog{known: map[string]bool{}}}
}

// close ends the server and waits for late inserts.
func (s *standin) close() {
	s.stop()
	s.late.Wait()
	_ = s.server.Close()
}

// befall adds a mishap.
func (s *standin) befall(m mishap) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mishaps = append(s.mishaps, &m)
}

// forgetTokens does what tokenWindow other inserts would have done. They would take minutes: it does not happen while an insert is
// under way, and one that is applied after them all is beyond what the sink promises (sink/clickhouse/DESIGN.md).
func (s *standin) forgetTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.running) > 0 {
		return
	}
	for _, t := range s.tables {
		t.tokens.order = nil
		clear(t.tokens.known)
	}
}

func (s *standin) next(table string) *mishap {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.mishaps = slices.DeleteFunc(s.mishaps, func(m *mishap) bool { return m.Count <= 0 || now.After(m.Until) })
	for _, m := range s.mishaps {
		if m.Table == "" || m.Table == table {
			m.Count--
			return m
		}
	}
	return nil
}

// exception is an answer of the engine that refuses a query.
type exception struct {
	code int
	text string
}

func (e *exception) Error() string { return fmt.Sprintf("Code: %d. DB::Exception: %s", e.code, e.text) }

func (s *standin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	query := r.URL.Query().Get("query")
	if query == "" {
		query, body = string(body), nil
	}
	if insertInto.MatchString(query) {
		s.serveInsert(w, r, query, body)
		return
	}
	answer, err := s.answer(query)
	if m := attachFrom.FindStringSubmatch(query); m != nil && err == nil && s.trouble(m[2]) == mishapLoseAnswer {
		panic(http.ErrAbortHandler)
	}
	if err != nil {
		s.refuse(w, err)
		return
	}
	w.Header().Set("X-ClickHouse-Format", "Native")
	_, _ = w.Write(answer)
}

func (s *standin) refuse(w http.ResponseWriter, err error) {
	code := 1002
	var e *exception
	if errors.As(err, &e) {
		code = e.code
	}
	w.Header().Set("X-ClickHouse-Exception-Code", strconv.Itoa(code))
	w.WriteHeader(http.StatusInternalServerError)
	_, _ = io.WriteString(w, err.Error())
}

func (s *standin) table(database, name string) (*standinTable, error) {
	t := s.tables[name]
	if database != s.database || t == nil {
		return nil, &exception{60, "there is no table " + database + "." + name}
	}
	return t, nil
}

func (s *standin) serveInsert(w http.ResponseWriter, r *http.Request, query string, body []byte) {
	m := insertInto.FindStringSubmatch(query)
	if m == nil {
		s.refuse(w, &exception{62, "the stand-in cannot read " + query})
		return
	}
	settings := r.URL.Query()
	bad := s.next(m[2])
	kind := ""
	if bad != nil {
		kind = bad.Kind
	}
	insert := func(how string) error { return s.insert(m[1], m[2], m[3], settings, body, how) }
	ended := s.begin()
	s.trace.add("standin", "insert into %s token %s bytes %s %s", m[2], settings.Get("insert_deduplication_token"), digestOf(body), kind)
	if kind != mishapLate {
		defer ended()
	}
	switch kind {
	case mishapDrop:
		panic(http.ErrAbortHandler)
	case mishapRefuse:
		s.refuse(w, &exception{241, "memory limit exceeded, says the stand-in"})
		return
	case mishapOrphan:
		_ = insert(kind)
		panic(http.ErrAbortHandler)
	case mishapLate:
		s.late.Add(1)
		go func() {
			defer s.late.Done()
			defer ended()
			timer := time.NewTimer(bad.Delay)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-s.stopped.Done():
			}
			s.trace.add("standin", "late insert into %s token %s", m[2], settings.Get("insert_deduplication_token"))
			_ = insert("")
		}()
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}
	err := insert("")
	switch {
	case kind == mishapLoseAnswer:
		panic(http.ErrAbortHandler)
	case err != nil:
		s.refuse(w, err)
	case kind == mishapUnknown:
		s.refuse(w, &exception{99_999, "a fault that no list has"})
	case kind == mishapTwice:
		s.answerTwice(w)
	default:
		w.WriteHeader(http.StatusOK)
	}
}

func (s *standin) answerTwice(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	const once = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	_, _ = conn.Write([]byte(once + once))
	_ = conn.Close()
}

// begin notes an insert under way.
func (s *standin) begin() (ended func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.query++
	id := s.query
	s.running[id] = time.Now()
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.running, id)
	}
}

// trouble takes a mishap that can befall any statement about a table.
func (s *standin) trouble(table string) string {
	if m := s.next(table); m != nil {
		return m.Kind
	}
	return ""
}

// insert applies the blocks of one insert, as a whole or as a dying engine does: mishapOrphan.
func (s *standin) insert(database, name, columns string, settings url.Values, body []byte, how string) error {
	blocks, err := decodeNative(body)
	if err != nil {
		return &exception{33, err.Error()}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.table(database, name)
	if err != nil {
		return err
	}
	if settings.Get("async_insert") != "0" {
		s.odd = append(s.odd, "an insert into "+name+" without async_insert=0")
	}
	for _, block := range blocks {
		for _, row := range block {
			if isPoison(name, row) {
				return &exception{117, "this row is poison, says the stand-in"}
			}
		}
	}
	months := map[int][]Row{}
	var order []int
	for _, block := range blocks {
		for _, row := range block {
			m := month(row.number("received_at"))
			if months[m] == nil {
				order = append(order, m)
			}
			months[m] = append(months[m], row)
		}
	}
	if limit, _ := strconv.Atoi(settings.Get("max_partitions_per_insert_block")); limit > 0 && len(order) > limit {
		return &exception{252, fmt.Sprintf("an insert into %d partitions", len(order))}
	}
	for _, m := range order {
		id := strconv.Itoa(m) + "/"
		if token := settings.Get("insert_deduplication_token"); token != "" {
			id += token
		} else {
			id += digestOf(body)
		}
		if settings.Get("insert_deduplicate") == "0" {
			id = ""
		}
		if !s.apply(t, name, id, months[m], how) || !s.keep {
			continue
		}
		if l := (Loaded{name, columns, body}); t.scratch {
			t.loaded = append(t.loaded, l)
		} else {
			s.loaded = append(s.loaded, l)
		}
	}
	return nil
}

// apply adds one block to the table. The caller holds s.mu.
func (s *standin) apply(t *standinTable, name, id string, rows []Row, how string) (added bool) {
	repeated := id != "" && t.tokens.known[id]
	if repeated {
		s.repeats++
	} else {
		s.inserts++
		if id != "" {
			t.tokens.add(id)
		}
		if how == mishapOrphan && id != "" {
			return false
		}
		t.rows, added = append(t.rows, rows...), true
	}
	s.trace.add("standin", "%s: %d rows, repeated %t", name, len(rows), repeated)
	return added
}

// snapshot copies what is compared.
func (s *standin) snapshot() tables {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := tables{rows: map[string][]Row{}, odd: slices.Clone(s.odd)}
	for name, t := range s.tables {
		if !t.scratch {
			out.rows[name] = slices.Clone(t.rows)
		}
	}
	return out
}

// counts answers the rows of each table.
func (s *standin) counts() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]int{}
	for name, t := range s.tables {
		out[name] = len(t.rows)
	}
	return out
}

// poison in a click's keyword or a conversion's transaction ID makes the stand-in refuse the row for good.
const poison = "poison"

func isPoison(table string, row Row) bool {
	switch table {
	case "clicks":
		return row["keyword"] == poison
	case "conversions":
		return strings.HasPrefix(row["txid"], poison)
	}
	return false
}

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:6])
}
