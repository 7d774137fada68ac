package links

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"tributary/cli/terminal"
)

// Print writes a reading for a person, or as a JSON line.
func (r *Reading) Print(to io.Writer, asJSON bool) (err error) {
	if asJSON {
		return printJSON(to, r)
	}
	out := bufio.NewWriter(to)
	defer func() { err = errors.Join(err, out.Flush()) }()
	if r.Kind == KindOther {
		fmt.Fprintln(out, "Neither a click link nor a postback.")
	} else {
		article := "A"
		if r.Kind == KindImpression {
			article = "An"
		}
		fmt.Fprintf(out, "%s %s, as %s writes it.\n", article, r.Kind, r.Dialect)
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, f := range r.Facts {
		fmt.Fprintf(t, "  %s\t%s\n", f.Name, shown(f.Text, 300))
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	if len(r.Params) > 0 {
		fmt.Fprintln(out)
		fmt.Fprintln(t, "PARAMETER\tVALUE\tBECOMES\tNOTE")
		for _, p := range r.Params {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", shown(p.Name, 40), orDash(shown(p.Value, 60)), orDash(p.Becomes), orDash(shown(p.Note, 200)))
		}
		if err := t.Flush(); err != nil {
			return fmt.Errorf("printing: %w", err)
		}
	}
	for _, n := range r.Notes {
		fmt.Fprintf(out, "\nNote: %s", n)
	}
	if len(r.Notes) > 0 {
		fmt.Fprintln(out)
	}
	fmt.Fprintf(out, "\nThe edge would make of it: %s.\n", shown(r.Verdict, 1000))
	return nil
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func printJSON(to io.Writer, v any) error {
	encoder := terminal.NewJSON(to)
	if err := encoder.Encode(v); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	return nil
}

// Print writes what was built, and what the edge reads in it, for a person or as a JSON line.
func (b *Built) Print(to io.Writer, asJSON bool) (err error) {
	if asJSON {
		return printJSON(to, b)
	}
	out := bufio.NewWriter(to)
	defer func() { err = errors.Join(err, out.Flush()) }()
	fmt.Fprintln(out, b.URL)
	for _, n := range b.Notes {
		fmt.Fprintf(out, "\nNote: %s", n)
	}
	if len(b.Notes) > 0 {
		fmt.Fprintln(out)
	}
	if b.Reading != nil {
		fmt.Fprintln(out)
		return b.Reading.Print(out, false)
	}
	return nil
}
