package importer

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"tributary/catalog/money"
	"tributary/cli/misuse"
)

const (
	// shownClicks and shownProblems bound what a report names; maxNames what it counts by name.
	shownClicks   = 5
	shownProblems = 12
	maxNames      = 200
	clockLayout   = "2006-01-02 15:04:05"
	others        = "(others)"
)

// report adds up what a file has.
type report struct {
	o       *Options
	format  *Format
	mapping *Mapping

	lines, good, bad, cut int64
	// unsure counts lines that hang on the file's character set, which nothing says.
	unsure int64
	// filled counts lines that have a value by field; example is the first one.
	filled  [Fields]int64
	example [Fields]string
	first   []click
	// minMS and maxMS are the earliest and the latest click.
	minMS, maxMS int64
	// old counts clicks that are older than the lookback window.
	old       int64
	campaigns map[string]*campaignTally
	costs     map[string]int64 // micros by currency
	problems  map[string]*problemTally
	noAddress int64
}

type campaignTally struct {
	theirs string
	clicks int64
}

type problemTally struct {
	first rejection
	lines int64
}

func newReport(o *Options, f *Format, m *Mapping) *report {
	return &report{o: o, format: f, mapping: m, campaigns: map[string]*campaignTally{}, costs: map[string]int64{}, problems: map[string]*problemTally{}}
}

// take counts one line.
func (r *report) take(record *Record, c *click, refused *rejection) {
	r.lines++
	if record.Problem == "" {
		for f := Field(0); int(f) < Fields; f++ {
			if i := r.mapping.Index[f]; i >= 0 && i < len(record.Fields) && strings.TrimSpace(record.Fields[i]) != "" {
				if r.filled[f]++; r.filled[f] == 1 {
					r.example[f] = strings.Clone(strings.TrimSpace(record.Fields[i]))
				}
			}
		}
	}
	if refused != nil {
		r.refuse(refused)
		return
	}
	if r.good++; len(r.first) < shownClicks {
		r.first = append(r.first, *c)
	}
	if c.cut {
		r.cut++
	}
	if c.IP == "::" {
		r.noAddress++
	}
	if r.good == 1 || c.EventMS < r.minMS {
		r.minMS = c.EventMS
	}
	r.maxMS = max(r.maxMS, c.EventMS)
	if r.o.Window > 0 && c.EventMS < r.o.Now().Add(-r.o.Window).UnixMilli() {
		r.old++
	}
	r.costs[c.costCurrency] += c.costMicros
	theirs := ""
	if i := r.mapping.Index[Campaign]; i >= 0 && i < len(record.Fields) {
		theirs = strings.TrimSpace(record.Fields[i])
	}
	key := c.Campaign + "\x00" + theirs
	t := r.campaigns[key]
	if t == nil {
		if len(r.campaigns) >= maxNames {
			key, theirs = c.Campaign+"\x00"+others, others
		}
		if t = r.campaigns[key]; t == nil {
			t = &campaignTally{theirs: strings.Clone(theirs)}
			r.campaigns[strings.Clone(key)] = t
		}
	}
	t.clicks++
}

// refuse counts a line that is not imported, with those of the same kind.
func (r *report) refuse(one *rejection) {
	r.bad++
	if one.unsure {
		r.unsure++
	}
	key := one.column + "\x00" + one.problem
	if one.field == Campaign { // each unknown campaign is a problem of its own
		key += "\x00" + one.value
	}
	t := r.problems[key]
	if t == nil {
		if len(r.problems) >= maxNames {
			key = others
			t = r.problems[key]
		}
		if t == nil {
			t = &problemTally{first: *one}
			t.first.record = nil
			r.problems[strings.Clone(key)] = t
		}
	}
	t.lines++
}

var separatorNames = map[rune]string{',': "comma", ';': "semicolon", '\t': "tab", '|': "|"}

// print writes what importing the file would do.
func (r *report) print(to io.Writer) (err error) {
	out := bufio.NewWriter(to)
	defer func() { err = errors.Join(err, out.Flush()) }()
	form := r.format.file.Encoding
	if r.format.file.BOM {
		form += " with a byte order mark"
	}
	if r.format.file.Guessed {
		form += " (a guess, since it is not UTF-8: name the right one with --encoding)"
	}
	if r.format.file.Gzip {
		form += ", compressed"
	}
	name := separatorNames[r.format.Separator]
	fmt.Fprintf(out,
		"%s: %s after the header line; separator %s, %s; columns as %s names them; times without a zone are %s.\n\n",
		r.o.File, plural(r.lines, "line"), cmp.Or(name, string(r.format.Separator)), form, r.o.Tracker.Name, r.o.Zone)
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "COLUMN\tBECOMES\tFILLED\tFIRST VALUE")
	for f := Field(0); int(f) < Fields; f++ {
		if r.mapping.Index[f] < 0 {
			continue
		}
		percent := int64(0)
		if r.lines > 0 {
			percent = r.filled[f] * 100 / r.lines
		}
		fmt.Fprintf(t, "%s\t%s\t%d %%\t%s\n", shown(r.mapping.Column(f), 40), f, percent, orDash(shown(r.example[f], 60)))
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	if len(r.mapping.Unused) > 0 {
		fmt.Fprintf(out, "Not imported: %s. --columns FIELD=NAME imports one (e.g. as sub5).\n", list(r.mapping.Unused))
	}
	r.printClicks(out)
	r.printProblems(out)
	r.printNotes(out)
	switch {
	case r.good == 0:
		fmt.Fprintln(out, "\nNothing can be imported as it is.")
	case r.unsure > 0:
		fmt.Fprintf(out, "\nNothing was sent: this was a dry run. The same with --yes stops at the first line whose letters "+
			"depend on the character set, of which there are %s: give --encoding.\n", grouped(r.unsure))
	case r.bad > 0:
		fmt.Fprintf(out, "\nNothing was sent: this was a dry run. The same with --yes imports %s and writes the other %s to %s.\n", plural(r.good, "click"), plural(r.bad, "line"), r.o.Rejected)
	default:
		fmt.Fprintf(out, "\nNothing was sent: this was a dry run. The same with --yes imports %s.\n", plural(r.good, "click"))
	}
	return nil
}

func (r *report) printClicks(out io.Writer) {
	if r.good == 0 {
		return
	}
	fmt.Fprintf(out, "\n%s can be imported, of %s to %s (UTC). The first:\n", plural(r.good, "click"), time.UnixMilli(r.minMS).UTC().Format(clockLayout), time.UnixMilli(r.maxMS).UTC().Format(clockLayout))
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "  TIME (UTC)\tCLICK ID\tCAMPAIGN\tSOURCE\tCOST")
	for i := range r.first {
		c := &r.first[i]
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\n", time.UnixMilli(c.EventMS).UTC().Format(clockLayout), shown(c.ClickID, 40), c.Campaign, orDash(shown(c.Source, 24)), moneyText(c.costMicros, c.costCurrency))
	}
	_ = t.Flush() // the caller's writer keeps its error
	fmt.Fprintln(out, "\nBy campaign:")
	t = tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	type line struct {
		ours string
		*campaignTally
	}
	var lines []line
	for key, tally := range r.campaigns {
		ours, _, _ := strings.Cut(key, "\x00")
		lines = append(lines, line{ours, tally})
	}
	slices.SortFunc(lines, func(a, b line) int {
		return cmp.Or(cmp.Compare(b.clicks, a.clicks), cmp.Compare(a.ours, b.ours), cmp.Compare(a.theirs, b.theirs))
	})
	for i, l := range lines {
		if i == shownProblems {
			fmt.Fprintf(t, "  … and %d more\n", len(lines)-i)
			break
		}
		from := ""
		if l.theirs != l.ours {
			from = "\tfrom " + orDash(shown(l.theirs, 60))
		}
		fmt.Fprintf(t, "  %s\t%s%s\n", l.ours, plural(l.clicks, "click"), from)
	}
	_ = t.Flush()
	var sums []string
	for _, code := range slices.Sorted(maps.Keys(r.costs)) {
		sums = append(sums, moneyText(r.costs[code], code))
	}
	fmt.Fprintf(out, "Cost: %s.", strings.Join(sums, ", "))
	if r.mapping.Index[Cost] < 0 {
		fmt.Fprint(out, " The file has no cost: each click costs what its campaign declares.")
	}
	fmt.Fprintln(out)
}

func moneyText(micros int64, code string) string {
	return string(money.Append(nil, micros)) + " " + code
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func (r *report) printProblems(out io.Writer) {
	if r.bad == 0 {
		return
	}
	fmt.Fprintf(out, "\n%s cannot be imported:\n", plural(r.bad, "line"))
	var tallies []*problemTally
	for _, t := range r.problems {
		tallies = append(tallies, t)
	}
	slices.SortFunc(tallies, func(a, b *problemTally) int {
		return cmp.Or(cmp.Compare(b.lines, a.lines), cmp.Compare(a.first.line, b.first.line))
	})
	for i, t := range tallies {
		if i == shownProblems {
			fmt.Fprintf(out, "  … and %d more kinds\n", len(tallies)-i)
			break
		}
		more := ""
		if t.lines > 1 {
			more = fmt.Sprintf(" (and %s more)", grouped(t.lines-1))
		}
		fmt.Fprintf(out, "  line %s%s: %s\n", grouped(t.first.line), more, t.first.String())
	}
}

func (r *report) printNotes(out io.Writer) {
	if r.good == 0 {
		return
	}
	var notes []string
	if r.cut > 0 {
		notes = append(notes, plural(r.cut, "click")+" with a text that is cleaned or cut to its limit.")
	}
	if r.noAddress > 0 {
		notes = append(notes, plural(r.noAddress, "click")+" without an IP address: they have no country.")
	}
	if r.old > 0 {
		notes = append(notes, fmt.Sprintf("%s older than the lookback window (processor.window, %s): they count, but a new conversion of theirs is refused as outside_window.", plural(r.old, "click"), r.o.Window))
	}
	if len(notes) > 0 {
		fmt.Fprintln(out)
	}
	for _, n := range notes {
		fmt.Fprintln(out, "Note: "+n)
	}
}

// printSent says what a run did. before is where it began.
func (r *report) printSent(out io.Writer, before, now *checkpoint, took time.Duration, err error) {
	sent, refused := now.Sent-before.Sent, now.Refused-before.Refused
	fmt.Fprintf(out, "%s sent in %s", plural(sent, "click"), took.Round(10*time.Millisecond))
	if before.Sent > 0 {
		fmt.Fprintf(out, " (%s with those of before)", grouped(now.Sent))
	}
	fmt.Fprintf(out, "; %s rejected.\n", plural(refused, "line"))
	r.printProblems(out)
	if now.Refused > 0 {
		fmt.Fprintf(out, "Rejected lines with their reasons are in %s: correct them there and import that file.\n", r.o.Rejected)
	}
	switch {
	case err == nil:
		fmt.Fprintln(out, "Done. A repeated line counts once, as long as its click is remembered (processor.window after the import).")
	case errors.Is(err, context.Canceled):
		fmt.Fprintf(out, "Stopped after line %s; the same command goes on there.\n", grouped(now.Line-1))
	case !misuse.Is(err):
		fmt.Fprintf(out, "Interrupted after line %s; the same command goes on there.\n", grouped(now.Line-1))
	}
}
