package chdb

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// killing is a KILL QUERY statement.
type killing struct {
	where  string // its condition, in the engine's words
	wait   bool   // SYNC: answer when the queries have ended
	test   bool   // TEST: only tell which they are
	remote bool   // ON CLUSTER
}

// analyseKill reads a KILL QUERY statement in the engine's words; nil for any other.
func analyseKill(text string) *killing {
	sc := scanner{text: text}
	kill, _ := sc.next()
	query, _ := sc.next()
	if !kill.isWord("KILL") || !query.isWord("QUERY") {
		return nil
	}
	var k killing
	start, end := -1, len(text)
	for t, ok := sc.next(); ok; t, ok = sc.next() {
		switch {
		case t.depth != 0 || !t.word:
		case start < 0 && t.isWord("ON"):
			k.remote = true
		case start < 0 && t.isWord("WHERE"):
			start = t.end
		case t.isWord("SYNC"), t.isWord("ASYNC"), t.isWord("TEST"), t.isWord("SETTINGS"), t.isWord("FORMAT"):
			end = min(end, t.start)
			k.wait = k.wait || t.isWord("SYNC")
			k.test = k.test || t.isWord("TEST")
		}
	}
	if start < 0 {
		return nil
	}
	k.where = strings.TrimSpace(text[start:end])
	return &k
}

// victim is a query that a KILL QUERY statement chose.
type victim struct{ mark, id, user, query string }

// maxShownQuery bounds the text of a killed query in the answer, bytes.
const maxShownQuery = 4096

// killQueries carries out a KILL QUERY statement on a connection under the request's own settings, and answers what a
// server does: a row a query, and nothing where there is none. The engine's own statement knows neither the clients'
// identifiers nor whose a query is; a guest's condition sees, and so ends, a guest's own queries.
func (s *server) killQueries(ctx context.Context, conn *connection, k *killing, bound *parameters, who admitted,
	own string, a *answer) error {
	if k.remote {
		return refuse(codeNotImplemented, "NOT_IMPLEMENTED",
			"KILL QUERY ON CLUSTER: the embedded engine is no cluster; leave ON CLUSTER out")
	}
	victims, err := s.chosen(conn, k.where, bound, own)
	if err != nil {
		return err
	}
	victims = slices.DeleteFunc(victims, func(v victim) bool {
		q := s.running.find(v.mark)
		return q == nil || who.guest && q.user != who.name
	})
	status := "waiting"
	if k.test {
		status = "unknown_status"
	}
	for _, v := range victims {
		if !k.test {
			s.kill(v.mark)
		}
	}
	if k.wait && !k.test {
		status = "finished"
		if err := s.awaitEnd(ctx, victims); err != nil {
			return err
		}
	}
	return s.tell(conn, status, victims, a)
}

// awaitEnd waits until the queries have ended.
func (s *server) awaitEnd(ctx context.Context, victims []victim) error {
	for _, v := range victims {
		q := s.running.find(v.mark)
		if q == nil {
			continue
		}
		select {
		case <-q.ended:
		case <-ctx.Done():
			return fmt.Errorf("waiting for the end of a killed query: %w", context.Cause(ctx))
		}
	}
	return nil
}

// chosen are the queries that a condition on system.processes chooses, but the one that asks.
func (s *server) chosen(conn *connection, where string, bound *parameters, own string) (victims []victim, err error) {
	where, _ = s.showProcesses(where)
	text := fmt.Sprintf("SELECT hex(Settings['log_comment']), hex(query_id), hex(user), hex(substring(query, 1, %d)) "+
		"FROM %s AS processes WHERE (%s) AND Settings['log_comment'] != %s",
		maxShownQuery, s.processesTable(), where, quote(own))
	err = conn.run(text, "TabSeparated", bound, func(output []byte, _ progress) error {
		for line := range strings.Lines(string(output)) {
			fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
			if len(fields) != 4 {
				return fmt.Errorf("the engine answered %q", line)
			}
			for i, field := range fields {
				raw, err := hex.DecodeString(field)
				if err != nil {
					return fmt.Errorf("the engine answered %q: %w", line, err)
				}
				fields[i] = string(raw)
			}
			victims = append(victims, victim{fields[0], fields[1], fields[2], fields[3]})
		}
		return nil
	})
	return victims, err
}

// tell sends what has become of the queries.
func (s *server) tell(conn *connection, status string, victims []victim, a *answer) error {
	if len(victims) == 0 {
		return nil
	}
	var rows []string
	for _, v := range victims {
		rows = append(rows, fmt.Sprintf("(%s, %s, %s, %s)", quote(status), quote(v.id), quote(v.user), quote(v.query)))
	}
	stmt := analyse("SELECT x.1 AS kill_status, x.2 AS query_id, x.3 AS user, x.4 AS query FROM (SELECT arrayJoin([" +
		strings.Join(rows, ", ") + "]) AS x)")
	return s.run(conn, &stmt, nil, a)
}
