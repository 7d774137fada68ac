package demo

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"tributary/schemas"
)

// Terminal describes where the demo prints.
type Terminal struct {
	Out io.Writer
	// Live: a terminal, whose picture is drawn again in place. Else a picture is printed now and then.
	Live bool
	// Colour marks the suspicious line in red too; the marker "!!" is always there.
	Colour bool
	// Width and Height are the terminal's, 0 when unknown.
	Width, Height int
}

// screen draws pictures over each other.
type screen struct {
	Terminal
	drawn int
}

func (s *screen) draw(picture string) error {
	erase := ""
	if s.Live && s.drawn > 0 {
		erase = fmt.Sprintf("\x1b[%dA\x1b[J", s.drawn)
	}
	if !strings.HasSuffix(picture, "\n") {
		picture += "\n"
	}
	s.drawn = s.lines(picture)
	_, err := io.WriteString(s.Out, erase+picture)
	return err
}

// lines is how many lines of the terminal a picture takes: one that is too long for the width wraps.
func (s *screen) lines(picture string) int {
	if s.Width <= 0 {
		return strings.Count(picture, "\n")
	}
	n := 0
	for line := range strings.Lines(picture) {
		n += max(1, (text.StringWidthWithoutEscSequences(strings.TrimSuffix(line, "\n"))+s.Width-1)/s.Width)
	}
	return n
}

// mostRows is how many lines each of the two tables has where there is room.
const mostRows = 12

// picture is as much as the terminal has room for: both tables, else fewer lines of each, else the sources only.
func (s *screen) picture(f *figures, currency, status string, below []string) string {
	for _, campaigns := range []bool{true, false} {
		for rows := mostRows; rows >= 4; rows -= 2 {
			p := s.compose(f, currency, status, below, campaigns, rows)
			if !s.Live || s.Height == 0 || s.lines(p) < s.Height {
				return p
			}
		}
	}
	return s.compose(f, currency, status, nil, false, 4)
}

func (s *screen) compose(f *figures, currency, status string, below []string, campaigns bool, rows int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s\n", status)
	if campaigns {
		b.WriteString(s.table("campaign", f.campaigns, nil, currency, rows))
	}
	b.WriteString(s.table("source", f.sources, &f.total, currency, rows))
	for _, l := range f.sources {
		if l.suspicious() {
			fmt.Fprintf(&b, "%s %s: %.0f %% of its conversions are flagged, mostly %s: %s\n", s.paint("!!"), l.name, 100**l.flaggedShare, l.topReason, meaning(l.topReason))
		}
	}
	for _, l := range below {
		b.WriteString(l + "\n")
	}
	return b.String()
}

func meaning(code string) string {
	for _, s := range schemas.Signals {
		if s.Code == code {
			return s.Means
		}
	}
	return "see the data dictionary"
}

func (s *screen) paint(word string) string {
	if !s.Colour {
		return word
	}
	return text.Colors{text.FgRed, text.Bold}.Sprint(word)
}

// table shows the busiest lines, and every suspicious one. Click-through rates have columns where a campaign counts impressions or visits
// of a landing page and the terminal is wide enough. Sources have none: their clicks are of all campaigns, those without impressions
// among them, which would make a ratio of no meaning.
func (s *screen) table(by string, lines []line, total *line, currency string, limit int) string {
	if by == "campaign" {
		whole := s.render(by, lines, total, currency, limit, true)
		first, _, _ := strings.Cut(whole, "\n")
		if s.Width <= 0 || text.StringWidthWithoutEscSequences(first) <= s.Width {
			return whole
		}
	}
	return s.render(by, lines, total, currency, limit, false)
}

// render leaves out the columns that have nothing to show.
func (s *screen) render(by string, lines []line, total *line, currency string, limit int, funnels bool) string {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Options.SeparateRows = false
	t.Style().Format.Header, t.Style().Format.Footer = text.FormatDefault, text.FormatDefault
	t.SuppressEmptyColumns()
	t.AppendHeader(table.Row{by, "clicks", "conversions", "cost " + currency, "revenue " + currency, "EPC", "ROI", "CTR", "LP CTR", "flagged", ""})
	more := 0
	for i := range lines {
		l := &lines[i]
		if i >= limit && !l.suspicious() {
			more++
			continue
		}
		mark := ""
		if l.suspicious() {
			mark = "!! " + l.topReason
		}
		ctr, pageCTR := "", ""
		if funnels {
			ctr, pageCTR = funnelRatio(l.ctr), funnelRatio(l.pageCTR)
		}
		row := table.Row{l.name, l.clicks, l.conversions, money(l.cost), money(l.revenue), ratio(l.epc, "%.4f", 1), percent(l.roi), ctr, pageCTR, ratio(l.flaggedShare, "%.0f %%", 100), mark}
		if mark != "" && s.Colour {
			for j := range row {
				if row[j] != "" {
					row[j] = text.Colors{text.FgRed, text.Bold}.Sprint(row[j])
				}
			}
		}
		t.AppendRow(row)
	}
	if more > 0 {
		t.AppendRow(table.Row{fmt.Sprintf("and %d more", more)})
	}
	if total != nil {
		t.AppendFooter(table.Row{"all", total.clicks, total.conversions, money(total.cost), money(total.revenue), ratio(total.epc, "%.4f", 1), percent(total.roi)})
	}
	var columns []table.ColumnConfig
	for n := 2; n <= 10; n++ {
		columns = append(columns, table.ColumnConfig{Number: n, Align: text.AlignRight, AlignHeader: text.AlignRight, AlignFooter: text.AlignRight})
	}
	t.SetColumnConfigs(columns)
	return t.Render() + "\n"
}

// funnelRatio is empty for a campaign that does not count what it needs.
func funnelRatio(v *float64) string {
	if v == nil {
		return ""
	}
	return ratio(v, "%.1f %%", 100)
}

func money(amount float64) string { return fmt.Sprintf("%.2f", amount) }

// ratio writes a figure that has no value while its denominator is 0.
func ratio(v *float64, format string, by float64) string {
	if v == nil {
		return "–"
	}
	return fmt.Sprintf(format, *v*by)
}

// percent is ratio with a sign, but for what rounds to 0.
func percent(v *float64) string {
	if v != nil && math.Round(*v*100) == 0 {
		return "0 %"
	}
	return ratio(v, "%+.0f %%", 100)
}
