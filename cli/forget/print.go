package forget

import (
	"fmt"
	"io"
	"strings"
)

// Print writes the report for a person.
func (r *Report) Print(out io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%-16s %8s %14s  %s\n", "table", "rows", "personal data", "columns")
	for _, t := range r.Tables {
		what := fmt.Sprint(t.Personal)
		switch {
		case len(t.Columns) == 0:
			what = "none kept"
		case r.Done && t.Personal > 0 && t.Left == 0:
			what += " blanked"
		case r.Done && t.Left > 0:
			what = fmt.Sprintf("%d left", t.Left)
		}
		fmt.Fprintf(&b, "%-16s %8d %14s  %s\n", t.Name, t.Rows, what, strings.Join(t.Columns, ", "))
		if len(t.Fixed) > 0 {
			fmt.Fprintf(&b, "%-16s cannot be changed, being part of a key: %s\n", "", strings.Join(t.Fixed, ", "))
		}
	}
	rows, personal, left := r.Rows()
	switch {
	case rows == 0:
		b.WriteString("\nNo table has a row of these clicks. Are the IDs right, and is everything loaded?\n")
	case personal == 0:
		b.WriteString("\nNothing personal is left to blank.\n")
	case r.Done && left == 0:
		fmt.Fprintf(&b, "\nBlanked %d rows. Click IDs, money, country, device, operating system and browser are kept; sums are what they were.\n", personal)
	case r.Done:
		fmt.Fprintf(&b, "\nBlanked %d of %d rows.\n", personal-left, personal)
	default:
		fmt.Fprintf(&b, "\nA dry run: nothing was changed. With --yes, %d rows are blanked; this cannot be undone.\n", personal)
	}
	b.WriteString("\nWhat this does not reach:\n")
	for _, line := range Remains {
		fmt.Fprintf(&b, "- %s\n", line)
	}
	if len(r.Unreached) > 0 {
		fmt.Fprintf(&b, "- Rows without a click ID cannot be found by one: %s.\n", strings.Join(r.Unreached, ", "))
	}
	_, err := io.WriteString(out, b.String())
	return err
}
