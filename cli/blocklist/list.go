package blocklist

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/jedib0t/go-pretty/v6/table"

	"tributary/catalog/block"
	"tributary/catalog/control"
	"tributary/cli/terminal"
)

// A Row is a block for people and programs.
type Row struct {
	ID       string `json:"id"`
	On       string `json:"on"`
	Campaign string `json:"campaign"`
	Answer   string `json:"answer"`
	Shadow   bool   `json:"shadow"`
	Removed  bool   `json:"removed,omitempty"`
	Until    string `json:"until,omitempty"`
	At       string `json:"at"`
	Author   string `json:"author"`
	Reason   string `json:"reason"`
	Revision int64  `json:"revision"`
}

// Rows are the blocks of a state in the order in which they go before one another as they were written; removed ones too where all is set.
func Rows(state *control.State, all bool) []Row {
	rows := []Row{}
	for e := range state.Each(block.Kind) {
		v := read(&e)
		if v == nil || v.Removed && !all {
			continue
		}
		r := Row{ID: e.ID, On: block.On(v), Campaign: block.In(v), Answer: block.AnswerName(v.Answer), Shadow: v.Shadow, Removed: v.Removed,
			At: e.At.UTC().Format(time.RFC3339), Author: e.Author, Reason: e.Reason, Revision: e.Revision}
		if v.UntilMs != 0 {
			r.Until = time.UnixMilli(v.UntilMs).UTC().Format(time.RFC3339)
		}
		rows = append(rows, r)
	}
	return rows
}

// shownBytes is how much of a text a cell shows.
const shownBytes = 48

// Print writes blocks as a table, or as lines of JSON.
func Print(out io.Writer, rows []Row, asJSON bool) error {
	if asJSON {
		encoder := terminal.NewJSON(out)
		for i := range rows {
			if err := encoder.Encode(&rows[i]); err != nil {
				return err
			}
		}
		return nil
	}
	t := table.NewWriter()
	t.SetOutputMirror(out)
	t.AppendHeader(table.Row{"block", "on", "campaign", "answer", "until", "by", "reason"})
	for _, r := range rows {
		answer := r.Answer
		if r.Shadow {
			answer = "shadow"
		}
		if r.Removed {
			answer = "removed"
		}
		until := r.Until
		if until == "" {
			until = "for ever"
		}
		t.AppendRow(table.Row{r.ID, terminal.Shown(r.On, shownBytes), terminal.Shown(r.Campaign, shownBytes), answer, until,
			terminal.Shown(r.Author, shownBytes), terminal.Shown(r.Reason, shownBytes)})
	}
	t.Render()
	_, err := fmt.Fprintf(out, "%d blocks\n", len(rows))
	return err
}

// A Past is one change, of the history.
type Past struct {
	At     time.Time `json:"at"`
	ID     string    `json:"id"`
	Ended  bool      `json:"ended"`
	Says   string    `json:"says"`
	Until  time.Time `json:"until,omitzero"`
	Author string    `json:"author"`
	Reason string    `json:"reason"`
}

// History reads the last changes of a block, or of all where id is empty, oldest first.
func History(ctx context.Context, conn driver.Conn, database, id string, limit int) (past []Past, err error) {
	query := "SELECT received_at, id, ended, says, until_at, author, reason FROM " + database + ".control_changes " +
		"WHERE kind = ? AND (? = '' OR id = ?) ORDER BY _offset DESC LIMIT ?"
	rows, err := conn.Query(ctx, query, block.Kind, id, id, limit)
	if err != nil {
		return nil, fmt.Errorf("asking ClickHouse for the history: %w", err)
	}
	defer rows.Close() // its error is rows.Err's
	for rows.Next() {
		var p Past
		if err := rows.Scan(&p.At, &p.ID, &p.Ended, &p.Says, &p.Until, &p.Author, &p.Reason); err != nil {
			return nil, fmt.Errorf("asking ClickHouse for the history: %w", err)
		}
		if p.Until.Unix() == 0 {
			p.Until = time.Time{}
		}
		past = append(past, p)
	}
	slices.Reverse(past)
	return past, rows.Err()
}

// PrintHistory writes changes as a table, or as lines of JSON.
func PrintHistory(out io.Writer, past []Past, asJSON bool) error {
	if asJSON {
		encoder := terminal.NewJSON(out)
		for i := range past {
			if err := encoder.Encode(&past[i]); err != nil {
				return err
			}
		}
		return nil
	}
	t := table.NewWriter()
	t.SetOutputMirror(out)
	t.AppendHeader(table.Row{"when, UTC", "block", "", "on, in, answer", "until", "by", "reason"})
	for _, p := range past {
		what, until, author := "in force", "for ever", p.Author
		if p.Ended {
			what, until = "ended", ""
		} else if !p.Until.IsZero() {
			until = p.Until.UTC().Format(time.RFC3339)
		}
		t.AppendRow(table.Row{p.At.UTC().Format(time.DateTime), p.ID, what, terminal.Shown(p.Says, 2*shownBytes), until,
			terminal.Shown(author, shownBytes), terminal.Shown(p.Reason, shownBytes)})
	}
	t.Render()
	_, err := fmt.Fprintf(out,
		"%d changes are in ClickHouse; one that was just made comes within seconds, and `tributary block list` has it at once\n",
		len(past))
	return err
}
