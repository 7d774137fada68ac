package figures

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/shopspring/decimal"

	"tributary/cli/terminal"
	"tributary/report"
	"tributary/schemas"
)

// Formats that an answer is printed in.
var Formats = []string{"table", "csv", "json", "sql"}

// Table prints an answer for people: the totals last, numbers to the right, money with as many places as it has, two at
// least. currency may be unknown.
func Table(out io.Writer, t *report.Table, currency string) error {
	w := table.NewWriter()
	w.SetStyle(table.StyleLight)
	w.Style().Format.Header, w.Style().Format.Footer = text.FormatDefault, text.FormatDefault
	w.Style().Options = table.OptionsNoBorders
	w.Style().Options.SeparateFooter, w.Style().Options.SeparateHeader = true, true
	var head table.Row
	var configs []table.ColumnConfig
	column := func(name string, right bool) {
		head = append(head, name)
		c := table.ColumnConfig{Number: len(head)}
		if right {
			c.Align, c.AlignHeader, c.AlignFooter = text.AlignRight, text.AlignRight, text.AlignRight
		}
		configs = append(configs, c)
	}
	for _, k := range t.Keys {
		if !k.Number {
			column(k.Name, k.Type == "UInt32")
		}
	}
	forms := make([]form, len(t.Metrics))
	for i, m := range t.Metrics {
		forms[i] = formOf(t, i)
		column(m.Name+forms[i].unit, true)
		if t.Totals.Before != nil {
			column("Δ", true)
			column("Δ %", true)
		}
	}
	w.AppendHeader(head)
	w.SetColumnConfigs(configs)
	for i := range t.Rows {
		r := &t.Rows[i]
		line := keyCells(t, r)
		if len(t.Keys) == 0 {
			break
		}
		w.AppendRow(append(line, figureCells(t, r, forms)...))
	}
	var total table.Row
	for _, k := range t.Keys {
		if !k.Number {
			total = append(total, "")
		}
	}
	if len(total) > 0 {
		total[0] = "total"
		w.AppendFooter(append(total, figureCells(t, &t.Totals, forms)...))
	} else {
		w.AppendRow(figureCells(t, &t.Totals, forms))
	}
	_, err := fmt.Fprintf(out, "%s\n\n%s\n", trimmed(w.Render()), strings.Join(About(t, currency), "\n"))
	return err
}

// trimmed is a text whose lines end with what is seen.
func trimmed(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.Join(lines, "\n")
}

// About are the lines that say what the figures are of.
func About(t *report.Table, currency string) []string {
	if currency == "" {
		currency = "the base currency"
	}
	period := "all time"
	show := func(p report.Period) string {
		const layout = "2006-01-02 15:04 -07:00"
		from, to := "the beginning", "now on"
		if !p.From.IsZero() {
			from = p.From.In(t.Zone).Format(layout)
		}
		if !p.To.IsZero() {
			to = p.To.In(t.Zone).Format(layout)
		}
		return from + " until " + to
	}
	if t.Period != (report.Period{}) {
		period = show(t.Period)
	}
	booked := "booked on the click's time"
	if t.Basis == report.ByReceived {
		booked = "booked when it was accepted"
	}
	if !t.Known.IsZero() {
		booked += ", as known at " + t.Known.In(t.Zone).Format(time.RFC3339)
	}
	lines := []string{fmt.Sprintf("%s, %s; %s; money in %s.", period, t.Zone, booked, currency)}
	if t.Totals.Before != nil {
		lines = append(lines, "Δ to "+show(t.Before)+".")
	}
	if len(t.Keys) > 0 && len(t.Rows) < t.Groups {
		lines = append(lines, fmt.Sprintf("%d of %d groups are shown; the totals are of all. --limit shows more.", len(t.Rows), t.Groups))
	}
	return append(lines, t.Notes...)
}

// keyCells are the cells of a group's dimensions.
func keyCells(t *report.Table, r *report.Row) table.Row {
	var cells table.Row
	for i, k := range t.Keys {
		if k.Number {
			continue
		}
		cell := terminal.Shown(KeyText(r.Keys[i], t.Zone), 60)
		if cell == "" {
			cell = "-"
		}
		cells = append(cells, cell)
	}
	return cells
}

// KeyText is a key as text; an instant is in the zone.
func KeyText(key any, zone *time.Location) string {
	switch key := key.(type) {
	case string:
		return key
	case report.Date:
		return key.String()
	case time.Time:
		return key.In(zone).Format("2006-01-02 15:04 -07:00")
	}
	return fmt.Sprint(key)
}

// A form is how the figures of a column are printed.
type form struct {
	unit    string
	percent bool
	places  int // decimal places
}

func formOf(t *report.Table, i int) form {
	m := t.Metrics[i]
	switch {
	case m.Unit == schemas.UnitFraction:
		return form{unit: " %", percent: true, places: 2}
	case m.Type == schemas.FigureRatio:
		return form{places: 4}
	case m.Type == schemas.FigureCount:
		return form{}
	}
	f := form{places: 2}
	look := func(v any) {
		if amount, ok := v.(decimal.Decimal); ok {
			f.places = max(f.places, places(amount))
		}
	}
	for _, r := range append([]report.Row{t.Totals}, t.Rows...) {
		look(r.Figures[i])
		if r.Before != nil {
			look(r.Before[i])
		}
	}
	return f
}

// places are the decimal places that an amount needs.
func places(d decimal.Decimal) int {
	text := d.String()
	_, after, _ := strings.Cut(text, ".")
	return len(strings.TrimRight(after, "0"))
}

func (f form) text(v any, signed bool) string {
	sign := ""
	switch v := v.(type) {
	case int64:
		if signed && v > 0 {
			sign = "+"
		}
		return sign + strconv.FormatInt(v, 10)
	case decimal.Decimal:
		if signed && v.IsPositive() {
			sign = "+"
		}
		return sign + v.StringFixed(int32(f.places))
	case float64:
		if f.percent {
			v *= 100
		}
		if signed && v > 0 {
			sign = "+"
		}
		return sign + strconv.FormatFloat(v, 'f', f.places, 64)
	}
	return "-"
}

func figureCells(t *report.Table, r *report.Row, forms []form) table.Row {
	var cells table.Row
	for i := range t.Metrics {
		cells = append(cells, forms[i].text(r.Figures[i], false))
		if t.Totals.Before != nil {
			cells = append(cells, forms[i].text(r.Delta(i), true), form{percent: true, places: 1}.text(r.Change(i), true))
		}
	}
	return cells
}

// CSV prints the groups of an answer, money to the last place; what was compared with stands in columns beside.
func CSV(out io.Writer, t *report.Table) error {
	w := csv.NewWriter(out)
	var head []string
	for _, k := range t.Keys {
		head = append(head, k.Name)
	}
	for _, m := range t.Metrics {
		head = append(head, m.Name)
		if t.Totals.Before != nil {
			head = append(head, m.Name+report.Before, m.Name+report.Delta, m.Name+report.Change)
		}
	}
	if err := w.Write(head); err != nil {
		return err
	}
	for i := range t.Rows {
		r := &t.Rows[i]
		var line []string
		for _, key := range r.Keys {
			line = append(line, defused(csvKey(key, t.Zone)))
		}
		for j := range t.Metrics {
			line = append(line, exact(r.Figures[j]))
			if t.Totals.Before != nil {
				line = append(line, exact(r.Before[j]), exact(r.Delta(j)), exact(r.Change(j)))
			}
		}
		if err := w.Write(line); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

func csvKey(key any, zone *time.Location) string {
	if at, ok := key.(time.Time); ok {
		return at.In(zone).Format(time.RFC3339)
	}
	return KeyText(key, zone)
}

// defused is a text that no spreadsheet takes for a formula.
func defused(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		if _, err := decimal.NewFromString(text); err != nil {
			return "'" + text
		}
	}
	return text
}

// exact is a figure to the last place; empty where it is NULL.
func exact(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return fmt.Sprint(v)
}

// JSON prints an answer as one object: money as text, so that no reader rounds it; a ratio that is NULL as null.
func JSON(out io.Writer, t *report.Table) error {
	value := func(v any) any {
		if d, ok := v.(decimal.Decimal); ok {
			return d.String()
		}
		if f, ok := v.(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
			return nil
		}
		return v
	}
	figures := func(r *report.Row) map[string]any {
		object := map[string]any{}
		for i, m := range t.Metrics {
			object[m.Name] = value(r.Figures[i])
			if r.Before != nil {
				object[m.Name+report.Before], object[m.Name+report.Delta] = value(r.Before[i]), value(r.Delta(i))
				object[m.Name+report.Change] = value(r.Change(i))
			}
		}
		return object
	}
	rows := make([]map[string]any, len(t.Rows))
	for i := range t.Rows {
		rows[i] = figures(&t.Rows[i])
		for j, k := range t.Keys {
			rows[i][k.Name] = t.Rows[i].Keys[j]
			switch key := t.Rows[i].Keys[j].(type) {
			case time.Time:
				rows[i][k.Name] = key.In(t.Zone).Format(time.RFC3339)
			case report.Date:
				rows[i][k.Name] = key.String()
			}
		}
	}
	bounds := func(p report.Period) map[string]any {
		object := map[string]any{}
		if !p.From.IsZero() {
			object["from"] = p.From.In(t.Zone).Format(time.RFC3339)
		}
		if !p.To.IsZero() {
			object["to"] = p.To.In(t.Zone).Format(time.RFC3339)
		}
		return object
	}
	answer := map[string]any{"rows": rows, "totals": figures(&t.Totals), "groups": t.Groups, "period": bounds(t.Period),
		"zone": t.Zone.String(), "basis": t.Basis, "asked": t.Asked.UTC().Format(time.RFC3339Nano), "reads": t.Reads}
	if t.Totals.Before != nil {
		answer["before"] = bounds(t.Before)
	}
	if !t.Known.IsZero() {
		answer["known"] = t.Known.UTC().Format(time.RFC3339Nano)
	}
	if len(t.Notes) > 0 {
		answer["notes"] = t.Notes
	}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(answer)
}

// Known prints every dimension and figure with its meaning.
func Known(out io.Writer) error {
	w := table.NewWriter()
	w.SetStyle(table.StyleLight)
	w.Style().Options = table.OptionsNoBordersAndSeparators
	w.SetColumnConfigs([]table.ColumnConfig{{Number: 2, WidthMax: 90, WidthMaxEnforcer: text.WrapSoft}})
	for _, d := range report.Dimensions() {
		w.AppendRow(table.Row{d.Name, d.Comment})
	}
	dimensions := trimmed(w.Render())
	w.ResetRows()
	for i := range schemas.Metrics {
		m := &schemas.Metrics[i]
		w.AppendRow(table.Row{m.Name, m.Means()})
	}
	_, err := fmt.Fprintf(out, "Dimensions (--by, --where):\n\n%s\n\nFigures (--metrics, --having, --sort):\n\n%s\n", dimensions,
		trimmed(w.Render()))
	return err
}

// Far says how far a question is.
func Far(p report.Progress) string {
	millions := func(n uint64) string { return fmt.Sprintf("%.1f M", float64(n)/1e6) }
	line := fmt.Sprintf("%s rows read", millions(p.Read))
	if p.Total > p.Read {
		line = fmt.Sprintf("%s of %s rows read", millions(p.Read), millions(p.Total))
	}
	if seconds := p.Elapsed.Seconds(); seconds > 0 {
		line += fmt.Sprintf(", %s/s, %s", millions(uint64(float64(p.Read)/seconds)), p.Elapsed.Round(100*time.Millisecond))
	}
	if left := p.Left(); left > 0 {
		line += fmt.Sprintf(", about %s left", left.Round(time.Second))
	}
	return line + "; Ctrl-C ends it"
}
