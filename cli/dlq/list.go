package dlq

import (
	"bufio"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"tributary/cli/misuse"
	"tributary/cli/terminal"
)

// ListOptions say what to list and how.
type ListOptions struct {
	Source
	Filter Filter
	// Limit is how many letters a table shows, the newest; 0 for MaxLetters. JSON lines have no limit when it is 0.
	Limit int
	// JSON prints a line for each letter, in the topic's order, instead of a table.
	JSON bool
	// Count prints numbers by reason, network and place instead of letters.
	Count bool
	Out   io.Writer
}

// List prints the letters that a filter takes.
func List(ctx context.Context, o ListOptions) (err error) {
	if o.Limit < 0 || o.Limit > MaxLetters {
		return misuse.Errorf("--limit %d is out of range; right would be 0 to %d", o.Limit, MaxLetters)
	}
	out := bufio.NewWriter(o.Out)
	defer func() { err = errors.Join(err, out.Flush()) }()
	switch {
	case o.Count:
		return o.count(ctx, out)
	case o.JSON:
		return o.lines(ctx, out)
	}
	return o.table(ctx, out)
}

func (o *ListOptions) table(ctx context.Context, out io.Writer) error {
	kept := keeper{limit: cmp.Or(o.Limit, MaxLetters), newest: true}
	all := newStakes()
	var matched, replayed int64
	seen, err := o.each(ctx, o.Filter, func(l *Letter) error {
		matched++
		if len(l.Replayed) > 0 {
			replayed++
		}
		all.add(l)
		kept.add(l)
		return nil
	})
	if err != nil {
		return err
	}
	if matched == 0 {
		fmt.Fprintf(out, "No dead letter matches; %s read.\n", plural(seen.Letters, "letter"))
		return nil
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "RECEIVED (UTC)\tKIND\tREASON\tNETWORK\tEVENT\tMONEY\tCLICK ID\tREPLAYED\tLETTER ID")
	for _, l := range kept.sorted() {
		e := l.Event
		again := "-"
		if n := len(l.Replayed); n > 0 {
			again = l.Replayed[n-1].Format(clockLayout)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", l.received().Format(clockLayout), kindWord(e.Kind), shown(e.Reason, 40), orDash(shown(e.Network, 24)),
			orDash(shown(e.Event, 16)), orDash(payout(e)), orDash(shown(e.ClickId, 40)), again, shown(e.LetterId, 80))
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	fmt.Fprintf(out, "\n%s", plural(matched, "letter"))
	if replayed > 0 {
		fmt.Fprintf(out, ", %d of them replayed", replayed)
	}
	if kept.dropped > 0 {
		fmt.Fprintf(out, "; the newest %d are shown (--limit)", len(kept.held))
	}
	fmt.Fprintf(out, ".\nMoney at stake: %s%s\n", all, atStakeNote(all))
	foreignNote(out, seen)
	fmt.Fprintln(out, "`tributary dlq show LETTER_ID` explains one; `tributary dlq replay` with the same filter says what could be sent again.")
	return nil
}

func atStakeNote(s *stakes) string {
	if s.String() == "-" {
		return ""
	}
	if s.full {
		return fmt.Sprintf(" (more than %d conversions: later tries of one may be counted again)", maxStakes)
	}
	return " (each conversion once, however often its sender tried)"
}

func foreignNote(out io.Writer, seen Seen) {
	if seen.Foreign > 0 {
		fmt.Fprintf(out, "Not shown: %s in the topic that are not dead letters; look for a foreign producer.\n", plural(seen.Foreign, "record"))
	}
}

type group struct{ Reason, Network, Place string }

type tally struct {
	group
	letters, replayed int64
	first, last       int64 // Unix ms
	stakes            *stakes
}

func (o *ListOptions) count(ctx context.Context, out io.Writer) error {
	tallies := map[group]*tally{}
	all := newStakes()
	var matched int64
	seen, err := o.each(ctx, o.Filter, func(l *Letter) error {
		e := l.Event
		key := group{e.Reason, e.Network, e.Place}
		if tallies[key] == nil && len(tallies) == maxGroups {
			key = group{"(others)", "(others)", "(others)"} // networks' names are whatever senders write
		}
		t := tallies[key]
		if t == nil {
			t = &tally{group: key, first: e.ReceivedMs, stakes: newStakes()}
			tallies[key] = t
		}
		matched++
		t.letters++
		if len(l.Replayed) > 0 {
			t.replayed++
		}
		t.first, t.last = min(t.first, e.ReceivedMs), max(t.last, e.ReceivedMs)
		t.stakes.add(l)
		all.add(l)
		return nil
	})
	if err != nil {
		return err
	}
	sorted := make([]*tally, 0, len(tallies))
	for _, t := range tallies {
		sorted = append(sorted, t)
	}
	slices.SortFunc(sorted, func(a, b *tally) int {
		return cmp.Or(cmp.Compare(b.letters, a.letters), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Network, b.Network), cmp.Compare(a.Place, b.Place))
	})
	if o.JSON {
		encoder := terminal.NewJSON(out)
		for _, t := range sorted {
			if err := encoder.Encode(struct {
				Reason        string           `json:"reason"`
				Network       string           `json:"network"`
				Place         string           `json:"place"`
				Letters       int64            `json:"letters"`
				Replayed      int64            `json:"replayed"`
				AtStakeMicros map[string]int64 `json:"at_stake_micros"`
				First         time.Time        `json:"first_received"`
				Last          time.Time        `json:"last_received"`
			}{t.Reason, t.Network, t.Place, t.letters, t.replayed, t.stakes.micros, time.UnixMilli(t.first).UTC(), time.UnixMilli(t.last).UTC()}); err != nil {
				return fmt.Errorf("printing: %w", err)
			}
		}
		return nil
	}
	if matched == 0 {
		fmt.Fprintf(out, "No dead letter matches; %s read.\n", plural(seen.Letters, "letter"))
		return nil
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "LETTERS\tREPLAYED\tREASON\tNETWORK\tPLACE\tMONEY AT STAKE\tLAST (UTC)\tWHAT TO DO")
	for _, t := range sorted {
		fmt.Fprintf(table, "%d\t%d\t%s\t%s\t%s\t%s\t%s\t%s\n", t.letters, t.replayed, shown(t.Reason, 40), orDash(shown(t.Network, 24)), t.Place, t.stakes,
			time.UnixMilli(t.last).UTC().Format(clockLayout), info(t.Reason).Mend)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	fmt.Fprintf(out, "\n%s. Money at stake: %s%s\n", plural(matched, "letter"), all, atStakeNote(all))
	foreignNote(out, seen)
	return nil
}

// maxGroups bounds the lines of a count.
const maxGroups = 1000

// line is a letter for machines. Times are RFC 3339, money is in micros.
type line struct {
	LetterID        string      `json:"letter_id"`
	Kind            string      `json:"kind"`
	Reason          string      `json:"reason"`
	Detail          string      `json:"detail"`
	Place           string      `json:"place"`
	Received        time.Time   `json:"received"`
	Network         string      `json:"network,omitempty"`
	ClickID         string      `json:"click_id,omitempty"`
	Event           string      `json:"event,omitempty"`
	TxID            string      `json:"txid,omitempty"`
	OriginalStatus  string      `json:"original_status,omitempty"`
	PayoutMicros    int64       `json:"payout_micros,omitempty"`
	Currency        string      `json:"currency,omitempty"`
	PayoutBase      int64       `json:"payout_base_micros,omitempty"`
	IP              string      `json:"ip,omitempty"`
	Raw             string      `json:"raw,omitempty"`
	RawBase64       string      `json:"raw_base64,omitempty"` // in place of raw where that is no text
	SourceTopic     string      `json:"source_topic,omitempty"`
	SourcePartition int32       `json:"source_partition,omitempty"`
	Stage           string      `json:"stage,omitempty"`
	SourceOffset    int64       `json:"source_offset,omitempty"`
	Partition       int32       `json:"partition"`
	Offset          int64       `json:"offset"`
	Replayed        []time.Time `json:"replayed,omitempty"`
}

func (l *Letter) line() line {
	e := l.Event
	out := line{LetterID: e.LetterId, Kind: kindWord(e.Kind), Reason: e.Reason, Detail: e.Detail, Place: e.Place, Received: l.received(), Network: e.Network,
		ClickID: e.ClickId, Event: e.Event, TxID: e.Txid, OriginalStatus: e.OriginalStatus, PayoutMicros: e.PayoutMicros, Currency: e.Currency,
		PayoutBase: e.PayoutBaseMicros, SourceTopic: e.SourceTopic, SourcePartition: e.SourcePartition, Stage: e.Stage, SourceOffset: e.SourceOffset,
		Partition: l.Partition, Offset: l.Offset, Replayed: l.Replayed}
	if addr := l.ip(); addr.IsValid() && !addr.IsUnspecified() {
		out.IP = addr.String()
	}
	if utf8.Valid(e.Raw) && !strings.ContainsRune(string(e.Raw), 0) {
		out.Raw = string(e.Raw)
	} else {
		out.RawBase64 = base64.StdEncoding.EncodeToString(e.Raw)
	}
	return out
}

func (o *ListOptions) lines(ctx context.Context, out io.Writer) error {
	encoder := terminal.NewJSON(out)
	n := 0
	errEnough := errors.New("enough")
	_, err := o.each(ctx, o.Filter, func(l *Letter) error {
		if err := encoder.Encode(l.line()); err != nil {
			return fmt.Errorf("printing: %w", err)
		}
		if n++; n == o.Limit {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}
