package report

import (
	"fmt"
	"slices"
	"strings"

	"tributary/schemas"
)

// union is the sums of each fact that has some of the figures, of each period and segment.
func (w *writing) union(indent string) (string, error) {
	columns := make([]column, len(w.parts))
	for i, m := range w.parts {
		columns[i] = column{m.Name, m}
	}
	eras := []Period{w.plan.period}
	if w.plan.compared() {
		eras = append(eras, w.plan.before)
	}
	var branches []string
	for _, f := range needed(columns) {
		for era, p := range eras {
			branches = append(branches, w.branches(&f, era, p)...)
		}
	}
	if branches == nil { // nothing can fulfil the filters
		branches = []string{w.nothing()}
	}
	for i, b := range branches {
		branches[i] = indent + strings.ReplaceAll(b, "\n", "\n"+indent)
	}
	return strings.Join(branches, "\n"+indent+"UNION ALL\n"), nil
}

// branches are the sums of a fact's rows of a period.
func (w *writing) branches(f *schemas.Fact, era int, p Period) []string {
	fact := *f
	fact.Table = strings.ReplaceAll(fact.Table, "{grain}", schemas.GrainQuarter)
	fact.At = strings.ReplaceAll(fact.At, "{grain}", schemas.GrainQuarter)
	q := &w.plan.question
	b := branch{form: form{fact: &fact, table: fact.Table, basis: q.Basis, zone: w.plan.zone}, era: era}
	kept := true
	for _, c := range w.conditions(&b.form) {
		if c.none {
			return nil
		}
		kept = kept && c.kept
		if c.text != "" {
			b.conditions = append(b.conditions, c.text)
		}
	}
	for _, k := range w.plan.keys {
		e := w.keyOf(&b.form, k, era)
		kept = kept && e.kept
		b.keys = append(b.keys, e)
	}
	single := slices.ContainsFunc(w.parts, func(m *schemas.Metric) bool { return m.Sum[f.Name] != "" && distinct(m) })
	s := span{period: p, basis: q.Basis, known: q.Known}
	var list []string
	for _, seg := range s.segments(&fact, kept, single) {
		list = append(list, w.branch(&b, seg, false))
		if single && !fact.Archive && len(w.plan.keys) > 0 {
			list = append(list, w.branch(&b, seg, true))
		}
		how := "rows of "
		if seg.kept {
			how = "projection of "
		}
		if fact.Archive {
			how = "sums in "
		}
		if how += fact.Table; !slices.Contains(w.plan.Reads, how) {
			w.plan.Reads = append(w.plan.Reads, how)
		}
	}
	return list
}

// conditions of a fact's rows but those of time.
func (w *writing) conditions(f *form) []condition {
	list := []condition{w.plan.question.Scope.condition(f)}
	if f.fact.Where != "" {
		list = append(list, condition{text: f.fact.Where, kept: true})
	}
	for i := range w.filters {
		list = append(list, w.filters[i].condition(f, w.planning.names))
	}
	return list
}

// keyOf is a key of a fact's rows. Times of the compared period are moved to those that they are compared with.
func (w *writing) keyOf(f *form, k key, era int) expression {
	if k.number {
		return f.column(k.by.number())
	}
	if k.by.named() {
		number, name := f.column(k.by.number()), f.column(k.name)
		if number.constant {
			return expression{text: "''", constant: true, kept: true}
		}
		return expression{text: undeclared(number.text, name.text), kept: number.kept && name.kept}
	}
	e := f.of(k.by)
	if era == 1 && k.local {
		e.text = w.moved.of(k.by, e.text, w.plan.zone.String())
	}
	return e
}

// of a time of the compared period: that of the other to which it is compared.
func (s shift) of(a *asked, text, zone string) string {
	switch a.name {
	case "weekday", "hour_of_day":
		return text
	case "quarter", "hour":
		switch {
		case s.months != 0:
			return fmt.Sprintf("toTimeZone(addMonths(toTimeZone(%s, '%s'), %d), 'UTC')", text, zone, s.months)
		case s.days != 0:
			return fmt.Sprintf("toTimeZone(addDays(toTimeZone(%s, '%s'), %d), 'UTC')", text, zone, s.days)
		}
		return fmt.Sprintf("%s + toIntervalSecond(%d)", text, int64(s.rest.Seconds()))
	case "week": // weeks stay weeks
		days := s.days + 30*s.months + int(s.rest.Hours()/24)
		if s.months == 12 {
			days = 364
		}
		return fmt.Sprintf("addDays(%s, %d)", text, (days+3)/7*7)
	case "month":
		months := s.months
		if months == 0 {
			months = int((float64(s.days)+s.rest.Hours()/24)/30.4 + .5)
		}
		return fmt.Sprintf("addMonths(%s, %d)", text, months)
	}
	if s.months != 0 {
		return fmt.Sprintf("addMonths(%s, %d)", text, s.months)
	}
	return fmt.Sprintf("addDays(%s, %d)", text, s.days+int(s.rest.Hours()/24))
}

// A branch is a SELECT of a fact.
type branch struct {
	form       form
	era        int
	keys       []expression
	conditions []string
}

// branch writes one. distinctOnly: not told apart, only what cannot be added up, for the totals.
func (w *writing) branch(b *branch, seg segment, distinctOnly bool) string {
	fill := strings.NewReplacer("{table}", b.form.fact.Table, "{at}", b.form.fact.At)
	var lines, groups []string
	for i, k := range w.plan.keys {
		text := b.keys[i].text
		if distinctOnly {
			text = k.blank()
		} else if !b.keys[i].constant {
			groups = append(groups, by+k.name)
		}
		lines = append(lines, text+" AS "+by+k.name)
	}
	if w.plan.compared() {
		lines = append(lines, fmt.Sprintf("toUInt8(%d) AS era", b.era))
	}
	for _, m := range w.parts {
		of, has := m.Sum[b.form.fact.Name]
		if !has || distinctOnly {
			of = zero(m.Type)
		}
		lines = append(lines, fill.Replace(of)+" AS "+sumOf+m.Name)
		if distinct(m) && len(w.plan.keys) > 0 {
			of = zero(m.Type)
			if has && (distinctOnly || b.form.fact.Archive) {
				of = m.Sum[b.form.fact.Name]
			}
			lines = append(lines, fill.Replace(of)+" AS "+whole+m.Name)
		}
	}
	text := "SELECT\n    " + strings.Join(lines, ",\n    ") + "\nFROM {database}." + b.form.fact.Table
	if conditions := append(slices.Clone(b.conditions), seg.conditions...); len(conditions) > 0 {
		text += "\nWHERE " + strings.Join(conditions, " AND ")
	}
	if len(groups) > 0 {
		return text + "\nGROUP BY " + strings.Join(groups, ", ")
	}
	return text + "\nHAVING count() > 0" // else a fact without rows would have a row
}

// kind is the type of a key's column.
func (k key) kind() string {
	if k.number {
		return "UInt32"
	}
	return k.by.kind
}

// blank is a value of that type.
func (k key) blank() string {
	switch kind := k.kind(); kind {
	case "String":
		return "''"
	case "Bool":
		return "false"
	case "Date":
		return "toDate(0)"
	case "DateTime('UTC')":
		return "toDateTime(0, 'UTC')"
	default:
		return "to" + kind + "(0)"
	}
}

// nothing is a union without rows.
func (w *writing) nothing() string {
	var lines []string
	for _, k := range w.plan.keys {
		lines = append(lines, k.blank()+" AS "+by+k.name)
	}
	if w.plan.compared() {
		lines = append(lines, "toUInt8(0) AS era")
	}
	for _, m := range w.parts {
		lines = append(lines, zero(m.Type)+" AS "+sumOf+m.Name)
		if distinct(m) && len(w.plan.keys) > 0 {
			lines = append(lines, zero(m.Type)+" AS "+whole+m.Name)
		}
	}
	return "SELECT\n    " + strings.Join(lines, ",\n    ") + "\nWHERE 0"
}
