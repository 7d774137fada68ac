package store

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// copied are the tables of a copy, each after those that it refers to. Sessions are not: a restored copy signs everybody out. Nor are
// tries that failed, and answers of the last day.
var copied = []struct {
	name    string
	columns []string
}{
	{"counters", []string{"name", "n"}},
	{"users", []string{"id", "login", "name", "role", "scope", "zone", "password", "totp_secret", "totp_step", "disabled", "revision", "created_ms"}},
	{"links", []string{"hash", "kind", "user_id", "login", "role", "scope", "author", "created_ms", "expires_ms"}},
	{"tokens", []string{"id", "hash", "user_id", "name", "role", "scope", "created_ms", "seen_ms", "expires_ms"}},
	{"views", []string{"id", "user_id", "name", "question", "shared", "revision", "changed_ms"}},
	{"shares", []string{"id", "hash", "user_id", "name", "question", "scope", "created_ms", "seen_ms", "expires_ms"}},
	{"audit", []string{"seq", "at_ms", "actor_id", "actor", "through", "address", "action", "kind", "object", "was", "became"}},
	{"catalog", []string{"kind", "name", "value", "revision"}},
	{"outbox", []string{"seq", "author", "reason", "at_ms"}},
}

// copyForm is the first line of a copy.
type copyForm struct {
	Tributary string `json:"tributary"`
	Version   int    `json:"version"`
	AtMS      int64  `json:"at_ms"`
}

// copyLine is a row of a copy; the last line has no table, and how many rows there are.
type copyLine struct {
	Table string `json:"table,omitempty"`
	Row   []any  `json:"row,omitempty"`
	Rows  int    `json:"rows,omitempty"`
}

const copyName = "console"

// Copy writes all that is kept, as it is at one moment, as lines of JSON: secrets are in it as they are in the database. The
// console goes on meanwhile. It returns how many rows there are.
func (s *Store) Copy(ctx context.Context, to io.Writer) (rows int, err error) {
	var tx *sql.Tx
	if s.server {
		tx, err = s.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	} else {
		tx, err = s.db.BeginTx(ctx, nil) // it waits for who writes, and who writes waits for it
	}
	if err != nil {
		return 0, s.explained(err)
	}
	defer func() { _ = tx.Rollback() }() // it changes nothing
	out := bufio.NewWriter(to)
	encoder := json.NewEncoder(out)
	if err := encoder.Encode(copyForm{copyName, 1, s.NowMS()}); err != nil {
		return 0, err
	}
	for _, table := range copied {
		n, err := s.copyTable(ctx, tx, encoder, table.name, table.columns)
		if err != nil {
			return 0, err
		}
		rows += n
	}
	return rows, errors.Join(encoder.Encode(copyLine{Rows: rows}), out.Flush())
}

func (s *Store) copyTable(ctx context.Context, tx *sql.Tx, encoder *json.Encoder, table string, columns []string) (n int, err error) {
	found, err := tx.QueryContext(ctx, "SELECT "+strings.Join(columns, ", ")+" FROM "+table+" ORDER BY 1, 2")
	if err != nil {
		return 0, s.explained(err)
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	for ; found.Next(); n++ {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := found.Scan(into...); err != nil {
			return n, err
		}
		if err := encoder.Encode(copyLine{Table: table, Row: values}); err != nil {
			return n, err
		}
	}
	return n, found.Err()
}

// Restore replaces all that is kept with what Copy wrote, on whichever of the two databases: all of it or nothing. It returns how many
// rows there are.
func (s *Store) Restore(ctx context.Context, from io.Reader) (rows int, err error) {
	decoder := json.NewDecoder(bufio.NewReader(from))
	decoder.UseNumber()
	var form copyForm
	if err := decoder.Decode(&form); err != nil || form.Tributary != copyName {
		return 0, errors.New("it is no copy of a console: its first line does not say so")
	}
	if form.Version != 1 {
		return 0, fmt.Errorf("the copy is of version %d, and this program knows 1; restore it with the program that made it", form.Version)
	}
	err = s.Change(ctx, Actor{Name: "command", Through: "command"}, func(tx *Tx) error {
		for _, table := range []string{"sessions", "requests", "failures"} {
			if err := tx.exec("DELETE FROM " + table); err != nil {
				return err
			}
		}
		for i := len(copied) - 1; i >= 0; i-- {
			if err := tx.exec("DELETE FROM " + copied[i].name); err != nil {
				return err
			}
		}
		for {
			var line copyLine
			if err := decoder.Decode(&line); err != nil {
				return fmt.Errorf("after %d rows the copy ends or is damaged; nothing was changed: %w", rows, err)
			}
			if line.Table == "" {
				if line.Rows != rows {
					return fmt.Errorf("the copy has %d rows and says that it has %d; nothing was changed", rows, line.Rows)
				}
				break
			}
			if err := tx.put(line); err != nil {
				return err
			}
			rows++
		}
		if err := tx.QueryRowContext(ctx, "UPDATE counters SET n = n + 1 WHERE name = 'changes' RETURNING n").Scan(&tx.seq); err != nil {
			return fmt.Errorf("the copy does not say how many changes there were; nothing was changed: %w", named(err))
		}
		return tx.Audit("restore", "console", fmt.Sprintf("a copy of %d", form.AtMS), nil, nil)
	})
	return rows, err
}

// put writes a row of a copy.
func (t *Tx) put(line copyLine) error {
	for _, table := range copied {
		if table.name != line.Table {
			continue
		}
		if len(line.Row) != len(table.columns) {
			return fmt.Errorf("a row of %s has %d values, and %d are right; nothing was changed", table.name, len(line.Row), len(table.columns))
		}
		marks := make([]string, len(line.Row))
		for i, v := range line.Row {
			marks[i] = fmt.Sprintf("$%d", i+1)
			if n, is := v.(json.Number); is {
				whole, err := n.Int64()
				if err != nil {
					return fmt.Errorf("a row of %s has the number %s; nothing was changed", table.name, n)
				}
				line.Row[i] = whole
			}
		}
		return t.exec("INSERT INTO "+table.name+" ("+strings.Join(table.columns, ", ")+") VALUES ("+strings.Join(marks, ", ")+")", line.Row...)
	}
	return fmt.Errorf("the copy has a table %q, which this program does not know; nothing was changed", line.Table)
}
