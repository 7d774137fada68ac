package aside

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	units "tributary/catalog/money"
	"tributary/cli/misuse"
	"tributary/cli/terminal"
	"tributary/ingest/spool"
	"tributary/schemas"
	"tributary/schemas/events"
)

// ListOptions say what to list and how.
type ListOptions struct {
	// Dir is the spool's folder.
	Dir string
	// Limit is how many files a table shows, the oldest; 0 for all.
	Limit int
	// JSON prints a line for each file instead of a table.
	JSON bool
	Out  io.Writer
}

// file is one for machines.
type file struct {
	File string `json:"file"`
	// State is refused, requeued or damaged.
	State    string    `json:"state"`
	Topic    string    `json:"topic,omitempty"`
	ID       string    `json:"id,omitempty"`
	Received time.Time `json:"received,omitzero"`
	SetAside time.Time `json:"set_aside"`
	Bytes    int64     `json:"bytes"`
	Money    *money    `json:"money,omitempty"`
	What     string    `json:"what,omitempty"`
	Why      string    `json:"why"`
}

type money struct {
	Micros   int64  `json:"micros"`
	Currency string `json:"currency"`
}

// States of a file.
const (
	stateRefused  = "refused"
	stateRequeued = "requeued"
	stateDamaged  = "damaged"
)

func describe(f *spool.AsideFile) file {
	out := file{File: f.Name, State: stateRefused, SetAside: f.At.UTC(), Bytes: f.Bytes, Why: f.Why}
	switch {
	case f.Record == nil:
		out.State = stateDamaged
		return out
	case f.Requeued:
		out.State = stateRequeued
	}
	r := f.Record
	out.Topic, out.ID, out.Received = r.Topic, string(r.ID), time.UnixMilli(r.TimeMS).UTC()
	var err error
	switch r.Topic {
	case schemas.TopicClicks:
		c := &events.Click{}
		if err = c.UnmarshalVT(r.Value); err == nil {
			out.What, out.Money = "click of campaign "+c.Campaign, &money{c.CostMicros, c.Currency}
		}
	case schemas.TopicPostbacks:
		p := &events.Postback{}
		if err = p.UnmarshalVT(r.Value); err == nil {
			out.What = "postback of network " + p.Network + ", click " + p.ClickId + ", event " + p.Event + ", txid " + p.Txid
			if p.HasPayout {
				out.Money = &money{p.PayoutMicros, p.Currency}
			}
		}
	case schemas.TopicDeadLetters:
		l := &events.DeadLetter{}
		if err = l.UnmarshalVT(r.Value); err == nil {
			out.What = "dead letter " + l.Reason
			if l.PayoutMicros != 0 {
				out.Money = &money{l.PayoutMicros, l.Currency}
			}
		}
	}
	if err != nil {
		out.What = "its event cannot be decoded by this program: " + err.Error()
	}
	return out
}

// List prints what is set aside, the oldest first.
func List(o ListOptions) (err error) {
	if o.Limit < 0 {
		return misuse.Errorf("--limit %d is out of range; right would be 0 or more", o.Limit)
	}
	if err := isSpool(o.Dir); err != nil {
		return err
	}
	out := bufio.NewWriter(o.Out)
	defer func() { err = errors.Join(err, out.Flush()) }()
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	encoder := terminal.NewJSON(out)
	var files, records, bytes int64
	err = spool.ReadAside(o.Dir, func(f *spool.AsideFile) error {
		d := describe(f)
		files++
		bytes += d.Bytes
		if f.Record != nil {
			records++
		}
		switch {
		case o.Limit > 0 && files > int64(o.Limit):
			return nil
		case o.JSON:
			return encoder.Encode(d)
		case files == 1:
			fmt.Fprintln(table, "RECEIVED (UTC)\tSTATE\tTOPIC\tID\tMONEY\tBYTES\tFILE\tWHY")
		}
		at, amount := d.Received, "-"
		if at.IsZero() {
			at = d.SetAside
		}
		if d.Money != nil {
			amount = inUnits(d.Money.Micros) + " " + terminal.Shown(d.Money.Currency, 8)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", at.Format(time.DateTime), d.State, dash(d.Topic), dash(d.ID), amount, d.Bytes, terminal.Shown(d.File, 80), dash(d.Why))
		return nil
	})
	if err != nil {
		return fmt.Errorf("listing what is set aside: %w", err)
	}
	if o.JSON {
		return nil
	}
	if files == 0 {
		fmt.Fprintf(out, "Nothing is set aside in %s.\n", o.Dir)
		return nil
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	fmt.Fprintf(out, "\n%d acknowledged records that Kafka refused, %d damaged places, %d bytes in %s", records, files-records, bytes, filepath.Join(o.Dir, "aside"))
	if o.Limit > 0 && files > int64(o.Limit) {
		fmt.Fprintf(out, "; the oldest %d are shown (--limit)", o.Limit)
	}
	fmt.Fprintln(out, ".\nFix what Kafka refused them for, then `tributary spool requeue FILE...` or `--all`. A damaged place holds no whole record.")
	return nil
}

// inUnits writes micros with a point.
func inUnits(micros int64) string {
	if micros < 0 {
		return "-" + string(units.Append(nil, -micros))
	}
	return string(units.Append(nil, micros))
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return terminal.Shown(text, 120)
}

// isSpool says what is wrong with a folder that is none of a spool.
func isSpool(dir string) error {
	if dir == "" {
		return misuse.Errorf("there is no spool: ingest.spool.dir is empty")
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return misuse.Errorf("there is no folder %s; right would be the data_dir or ingest.spool.dir of the edge, on its machine (--config, --set)", dir)
	case err != nil:
		return fmt.Errorf("looking at the spool: %w", err)
	case !info.IsDir():
		return misuse.Errorf("%s is not a folder; right would be the ingest.spool.dir of the edge", dir)
	}
	return nil
}
