package chdb

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// The engine's interface gives no say in query identifiers: it makes its own. So each request's statement runs under
// a mark, which is its log_comment setting: whose it is, a part that nobody else has, and the client's query_id. By
// its mark a query is killed, and shown in system.processes under the identifier and the user that its client knows.
//
// The mark's first part is what a row policy lets a guest see of system.processes by (see engineUsers): keep the two
// alike.
const (
	userTagBytes   = 8
	userTagLength  = 2 * userTagBytes
	markHeadLength = userTagLength + 1 + 26 + 1
	markPattern    = `^[0-9a-f]{16}\.[A-Z2-7]{26}\.`
)

// userTag stands for a user in marks.
func userTag(user string) string {
	sum := sha256.Sum256([]byte(user))
	return hex.EncodeToString(sum[:userTagBytes])
}

// newMark is the mark of a request's statement.
func newMark(who admitted, id string) string { return who.tag + "." + rand.Text() + "." + id }

// running knows the requests whose statement runs or is about to.
type running struct {
	mu     sync.Mutex
	byMark map[string]*runningQuery
}

type runningQuery struct {
	user, id string
	ended    chan struct{}
}

// codeSameID is QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING.
const codeSameID = 216

// begin notes a request's statement; end must be called. A user's identifiers that run are all different, as on a
// server: rival is the mark of one that has this one.
func (r *running) begin(mark, user, id string) (end func(), rival string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for other, q := range r.byMark {
		if q.user == user && q.id == id {
			return nil, other
		}
	}
	q := &runningQuery{user: user, id: id, ended: make(chan struct{})}
	if r.byMark == nil {
		r.byMark = make(map[string]*runningQuery)
	}
	r.byMark[mark] = q
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.byMark, mark)
		close(q.ended)
	}, ""
}

// find returns the statement with a mark, nil for none.
func (r *running) find(mark string) *runningQuery {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.byMark[mark]
}

// register notes the request's statement under its mark. One that runs under the same identifier is killed first
// where the request wants to replace it, and is a refusal else.
func (s *server) register(params url.Values, who admitted, id string, gone <-chan struct{}) (mark string, end func(),
	err error) {
	mark = newMark(who, id)
	for {
		end, rival := s.running.begin(mark, who.name, id)
		if rival == "" {
			return mark, end, nil
		}
		if !truthy(params.Get("replace_running_query")) {
			return "", nil, refuse(codeSameID, "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING",
				"Query with id = %s is already running: choose another query_id, or none", id)
		}
		if q := s.running.find(rival); q != nil {
			s.kill(rival)
			select {
			case <-q.ended:
			case <-gone:
				return "", nil, fmt.Errorf("waiting for the query to be replaced: the client has gone")
			}
		}
	}
}

// processesTable is system.processes as clients know their queries, for the place of a table in a statement: the
// requests' statements, and none of this server's own.
func (s *server) processesTable() string {
	var tags, names []string
	for _, u := range s.doorman.users {
		tags, names = append(tags, quote(u.tag)), append(names, quote(u.name))
	}
	user := fmt.Sprintf("transform(substring(Settings['log_comment'], 1, %d), [%s], [%s], '')", userTagLength,
		strings.Join(tags, ", "), strings.Join(names, ", "))
	id := fmt.Sprintf("substring(Settings['log_comment'], %d)", markHeadLength+1)
	return fmt.Sprintf("(SELECT * REPLACE (%s AS user, %s AS initial_user, %s AS query_id, %s AS initial_query_id) "+
		"FROM system.processes WHERE match(Settings['log_comment'], %s))",
		user, user, id, id, quote(markPattern))
}

// showProcesses returns a statement, given in the engine's words, that reads processesTable in the place of
// system.processes. found is false where it reads no such table.
func (s *server) showProcesses(text string) (shown string, found bool) {
	if !strings.Contains(text, "processes") && !strings.Contains(text, "PROCESSLIST") {
		return text, false
	}
	if rest, is := strings.CutPrefix(text, "SHOW PROCESSLIST"); is {
		return "SELECT * FROM " + s.processesTable() + " ORDER BY elapsed DESC" + rest, true
	}
	var b strings.Builder
	from := 0
	for _, at := range processesIn(text) {
		b.WriteString(text[from:at.start])
		b.WriteString(s.processesTable())
		if !at.named {
			b.WriteString(" AS processes")
		}
		from = at.end
	}
	b.WriteString(text[from:])
	return b.String(), from > 0
}

// mention is where a table stands in a statement, and whether a name of its own follows.
type mention struct {
	start, end int
	named      bool
}

// processesIn finds system.processes where a statement in the engine's words reads it as a table.
func processesIn(text string) (found []mention) {
	var tokens []token
	sc := scanner{text: text}
	for t, ok := sc.next(); ok; t, ok = sc.next() {
		tokens = append(tokens, t)
	}
	for i := 1; i+2 < len(tokens); i++ {
		before := tokens[i-1]
		if !before.isWord("FROM") && !before.isWord("JOIN") && !before.is(",") {
			continue
		}
		if nameOf(tokens[i]) != "system" || !tokens[i+1].is(".") || nameOf(tokens[i+2]) != "processes" {
			continue
		}
		at := mention{start: tokens[i].start, end: tokens[i+2].end}
		if i+3 < len(tokens) {
			if tokens[i+3].is(".") { // a column
				continue
			}
			at.named = tokens[i+3].isWord("AS")
		}
		found = append(found, at)
	}
	return slices.Clip(found)
}

// nameOf is the name that a token is.
func nameOf(t token) string {
	if t.quoted {
		return strings.Trim(t.text, "`\"")
	}
	return t.text
}
