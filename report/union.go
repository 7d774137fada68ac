package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tributary/schemas"
)

// union is the sums of each fact that has some of the figures, of each period and segment.
func (w *writing) union(indent string) (string, error) {
	columns := make([]column, len(w.parts))
	for i, m := range w.parts {
		columns[i] = column{m.Name, m}
	}
	var branches []string
	for _, f := range needed(columns) {
		for _, e := range w.eras() {
			branches = append(branches, w.branches(&f, e)...)
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

// An era is what a branch reads of time: the question's period, the one that it is compared with, or both.
type era struct {
	span
	// number is 0 of the question's period, 1 of the other, and 2 of both.
	number int
	// since is when the question's period begins, after the end of the other.
	since time.Time
}

// eras are read one by one where they overlap, or where the edges of days are: else one pass over the rows serves both, and
// costs half the planning.
func (w *writing) eras() []era {
	q := &w.plan.question
	of := func(p Period) span { return span{period: p, basis: q.Basis, known: q.Known} }
	first := era{span: of(w.plan.period)}
	switch {
	case !w.plan.compared():
		return []era{first}
	case q.Basis == ByClick && q.Known.IsZero() && !w.plan.before.To.After(w.plan.period.From):
		first.number, first.since, first.also = 2, w.plan.period.From, w.plan.before
		return []era{first}
	}
	return []era{first, {span: of(w.plan.before), number: 1}}
}

// earlier is the condition that a row is of the other period.
func (e *era) earlier(f *form, daily bool) string {
	if daily {
		return dayOf(f.fact) + " < " + date(nextDay(e.since))
	}
	return f.quarterIn() + " < " + instant(e.since, false)
}

// told is the period that a row is of, 0 or 1.
func (e *era) told(f *form, daily bool) string {
	if e.number == 2 {
		return "toUInt8(" + e.earlier(f, daily) + ")"
	}
	return fmt.Sprintf("toUInt8(%d)", e.number)
}

// branches are the sums of a fact's rows of an era.
func (w *writing) branches(f *schemas.Fact, e era) []string {
	fact := *f
	fact.Table = strings.ReplaceAll(fact.Table, "{grain}", schemas.GrainQuarter)
	fact.At = strings.ReplaceAll(fact.At, "{grain}", schemas.GrainQuarter)
	if w.absent[fact.Table] {
		return nil
	}
	q := &w.plan.question
	b := branch{form: form{fact: &fact, table: fact.Table, basis: q.Basis, zone: w.plan.zone}}
	reads := reading{kept: true, sums: w.parts}
	for _, c := range w.conditions(&b.form) {
		if c.none {
			return nil
		}
		reads.add(c.kept, c.fine, c.named)
		b.cut = b.cut || c.cut
		if c.text != "" && !c.cut {
			b.conditions = append(b.conditions, c.text)
		}
	}
	for _, k := range w.plan.keys {
		key := w.keyOf(&b.form, k, &e, false)
		reads.add(key.kept, key.fine, key.named)
		b.cut = b.cut || key.cut
	}
	reads.single = slices.ContainsFunc(w.parts, func(m *schemas.Metric) bool { return counts(m, f.Name) })
	var list []string
	for _, seg := range e.segments(&fact, &reads) {
		b.era, b.keys = e.told(&b.form, seg.daily), nil
		for _, k := range w.plan.keys {
			b.keys = append(b.keys, w.keyOf(&b.form, k, &e, seg.daily))
		}
		list = append(list, w.branch(&b, seg, false))
		if reads.single && len(w.plan.keys) > 0 {
			list = append(list, w.branch(&b, seg, true))
		}
		how := "rows of "
		switch {
		case seg.few != "":
			how = "projection " + seg.few + " of "
		case seg.daily:
			how = "projection by day of "
		case seg.kept:
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

// bases are the tables whose rows the figures are sums of.
func (w *writing) bases() []string {
	var list []string
	for _, f := range schemas.Facts {
		if !f.Archive && slices.ContainsFunc(w.parts, func(m *schemas.Metric) bool { return m.Sum[f.Name] != "" }) {
			list = append(list, quote(f.Table))
		}
	}
	return list
}

// conditions of a fact's rows but those of time.
func (w *writing) conditions(f *form) []condition {
	list := []condition{w.plan.question.Scope.condition(f)}
	if counts := f.fact.Counts(); counts != "" {
		list = append(list, condition{text: counts, kept: true})
	}
	if f.fact.Name == schemas.FactSums { // else what is not asked of would make groups of zeros
		list = append(list, condition{text: "base IN (" + strings.Join(w.bases(), ", ") + ")", kept: true})
	}
	for i := range w.filters {
		list = append(list, w.filters[i].condition(f, w.planning.names))
	}
	return list
}

// keyOf is a key of a fact's rows. Times of the compared period are moved to those that they are compared with.
func (w *writing) keyOf(f *form, k key, e *era, daily bool) expression {
	if k.number {
		return f.column(k.by.number())
	}
	if k.by.named() {
		number, name := f.column(k.by.number()), f.column(k.name)
		if number.constant {
			return expression{text: "''", constant: true, kept: true}
		}
		return expression{text: undeclared(number.text, name.text), kept: number.kept && name.kept,
			named: append(number.named, name.named...)}
	}
	key := f.of(k.by)
	if e.number == 0 || !k.local {
		return key
	}
	moved := w.moved.of(k.by, key.text, w.plan.zone.String())
	switch {
	case e.number == 1:
		key.text = moved
	case moved != key.text:
		key.text = "if(" + e.earlier(f, daily) + ", " + moved + ", " + key.text + ")"
	}
	return key
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
	era        string
	keys       []expression
	conditions []string
	// cut: see expression.
	cut bool
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
		lines = append(lines, b.era+" AS era")
		if strings.Contains(b.era, "<") {
			groups = append(groups, "era")
		}
	}
	if w.distinct() {
		lines = append(lines, fmt.Sprintf("toUInt8(%d) AS told", boolInt(!distinctOnly)))
	}
	for _, m := range w.parts {
		of, has := m.Over(b.form.fact.Name)
		sum, all := of, of
		if !has || distinctOnly {
			sum = zero(m.Type)
		}
		if !has || distinctOnly != counts(m, b.form.fact.Name) {
			all = zero(m.Type)
		}
		lines = append(lines, fill.Replace(sum)+" AS "+sumOf+m.Name)
		if m.Distinct() && len(w.plan.keys) > 0 {
			lines = append(lines, fill.Replace(all)+" AS "+whole+m.Name)
		}
	}
	text := "SELECT\n    " + strings.Join(lines, ",\n    ") + "\nFROM {database}." + b.form.fact.Table
	if conditions := append(slices.Clone(b.conditions), seg.conditions...); len(conditions) > 0 {
		text += "\nWHERE " + strings.Join(conditions, " AND ")
	}
	having := seg.having
	if b.cut {
		having = throws("count() > 0")
	}
	if len(groups) > 0 {
		text += "\nGROUP BY " + strings.Join(groups, ", ")
	} else { // else a fact without rows would have a row
		having = strings.TrimPrefix(having+" AND count() > 0", " AND ")
	}
	if having != "" {
		text += "\nHAVING " + having
	}
	return text
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
	if w.distinct() {
		lines = append(lines, "toUInt8(0) AS told")
	}
	for _, m := range w.parts {
		lines = append(lines, zero(m.Type)+" AS "+sumOf+m.Name)
		if m.Distinct() && len(w.plan.keys) > 0 {
			lines = append(lines, zero(m.Type)+" AS "+whole+m.Name)
		}
	}
	return "SELECT\n    " + strings.Join(lines, ",\n    ") + "\nWHERE 0"
}
