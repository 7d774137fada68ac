package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tributary/schemas"
)

// A Plan is a question's SQL, and what its columns are.
type Plan struct {
	// SQL has {database} where the database's name goes.
	SQL string
	// Reads names what is read, for a person: a table and how.
	Reads []string

	question Question
	zone     *time.Location
	period   Period
	before   Period
	by       []*asked
	metrics  []*schemas.Metric
	names    Names
	notes    []string
	// keys are the columns of the dimensions: a name has its number before it.
	keys []key
	// unmoved: the SQL has no sums of archived months, and movedColumn says how many there are after all.
	unmoved bool
}

// movedColumn is how many months the archive has, of a plan that leaves it out.
const movedColumn = "months_moved"

// A key is a column that groups are told apart by.
type key struct {
	name string
	by   *asked
	// number: the number of the name that follows.
	number bool
	local  bool
}

// Settings of planning.
type planning struct {
	names Names
	// self: the SQL has the latest names in itself.
	self bool
	// absent are tables without rows.
	absent map[string]bool
}

// inlineNames is how many names are written into the SQL that sorts by them.
const inlineNames = 500

// newPlan checks a question and writes its SQL.
func newPlan(q Question, p planning) (*Plan, error) {
	plan := &Plan{question: q, names: p.names, period: q.Period}
	var err error
	if plan.zone, err = Zone(q.Zone); err != nil {
		return nil, err
	}
	if q.Basis == "" {
		q.Basis = ByClick
		plan.question.Basis = ByClick
	}
	if q.Basis != ByClick && q.Basis != ByReceived {
		return nil, wrong("there is no basis %q%s", q.Basis, near(string(q.Basis), []string{string(ByClick), string(ByReceived)}))
	}
	if err := q.Period.check(plan.zone); err != nil {
		return nil, err
	}
	if len(q.By) > MaxBy {
		return nil, wrong("%d dimensions are more than %d", len(q.By), MaxBy)
	}
	for i, name := range q.By {
		a, err := askedNamed(name)
		if err != nil {
			return nil, err
		}
		if slices.Contains(q.By[:i], name) {
			return nil, wrong("the dimension %s is named twice", name)
		}
		plan.by = append(plan.by, a)
		if a.named() {
			plan.keys = append(plan.keys, key{name: a.number(), by: a, number: true})
		}
		plan.keys = append(plan.keys, key{name: name, by: a, local: a.local != ""})
	}
	if plan.metrics, err = metricsOf(q.Metrics); err != nil {
		return nil, err
	}
	if len(q.Where) > MaxFilters || len(q.Having) > MaxFilters {
		return nil, wrong("more than %d filters", MaxFilters)
	}
	if q.Limit < 0 || q.Limit > MaxRows || q.Offset < 0 || q.Offset > MaxRows {
		return nil, wrong("limit and offset are 0 to %d", MaxRows)
	}
	if !q.Scope.All && len(q.Scope.Campaigns)+len(q.Scope.Buyers)+len(q.Scope.Teams) == 0 {
		return nil, wrong("the scope names nothing that may be seen")
	}
	var moved shift
	if plan.before, moved, err = q.Compare.before(q.Period, plan.zone); err != nil {
		return nil, err
	}
	w := writing{plan: plan, planning: p, moved: moved}
	if err := w.look(); err != nil {
		return nil, err
	}
	plan.SQL, err = w.sql()
	return plan, err
}

// compared: there is another period.
func (p *Plan) compared() bool { return p.question.Compare.Kind != "" }

// A writing is a plan whose SQL is being written.
type writing struct {
	plan *Plan
	planning
	moved   shift
	filters []filter
	// parts are the sums that every figure is made of.
	parts []*schemas.Metric
	// sorts and havings as SQL, over the columns that are shown and more.
	order, having []string
	// more are figures that are sorted or left out by and not shown.
	more []figure
}

// A figure is a metric of a period, or a comparison of the two.
type figure struct {
	metric *schemas.Metric
	suffix string
}

func (f figure) name() string { return f.metric.Name + f.suffix }

// figureNamed resolves a metric with a suffix.
func (w *writing) figureNamed(name string) (figure, error) {
	suffix := ""
	base := name
	for _, s := range []string{Before, Delta, Change} {
		if cut, ok := strings.CutSuffix(name, s); ok && schemas.MetricNamed(name) == nil {
			base, suffix = cut, s
		}
	}
	m := schemas.MetricNamed(base)
	if m == nil {
		return figure{}, wrong("there is no metric %q%s", base, near(base, metricNames()))
	}
	if suffix != "" && !w.plan.compared() {
		return figure{}, wrong("%s compares with another period, and the question names none", name)
	}
	return figure{m, suffix}, nil
}

// look resolves filters, havings and sorts.
func (w *writing) look() error {
	q := &w.plan.question
	for _, f := range q.Where {
		looked, err := f.look()
		if err != nil {
			return err
		}
		w.filters = append(w.filters, looked)
		w.plan.notes = append(w.plan.notes, looked.unknown(w.planning.names)...)
	}
	for _, h := range q.Having {
		f, err := w.figureNamed(h.Metric)
		if err != nil {
			return err
		}
		text, err := h.condition(f)
		if err != nil {
			return err
		}
		w.having, w.more = append(w.having, text), append(w.more, f)
	}
	return w.sorts(q)
}

func (w *writing) sorts(q *Question) error {
	sorts := slices.Clone(q.Sort)
	if len(sorts) == 0 {
		i := slices.IndexFunc(w.plan.by, func(a *asked) bool { return a.local != "" })
		if i >= 0 {
			sorts = []Sort{{Name: w.plan.by[i].name}}
		} else {
			sorts = []Sort{{Name: w.plan.metrics[0].Name, Descending: true}}
		}
	}
	for _, s := range sorts {
		direction := " ASC"
		if s.Descending {
			direction = " DESC"
		}
		if slices.Contains(q.By, s.Name) {
			w.order = append(w.order, s.Name+direction)
			continue
		}
		f, err := w.figureNamed(s.Name)
		if err != nil {
			if _, dimension := askedNamed(s.Name); dimension == nil {
				return wrong("the answer cannot be sorted by %s, which it is not told apart by", s.Name)
			}
			return wrong("there is nothing named %q to sort by%s", s.Name, near(s.Name, append(metricNames(), q.By...)))
		}
		w.order, w.more = append(w.order, f.name()+direction+" NULLS LAST"), append(w.more, f)
	}
	for _, k := range w.plan.keys { // so that equal figures have one order, and pages do not overlap
		if !slices.Contains(w.order, k.name+" ASC") && !slices.Contains(w.order, k.name+" DESC") {
			w.order = append(w.order, k.name+" ASC")
		}
	}
	return nil
}

var havingOps = []string{"=", "!=", "<", "<=", ">", ">="}

// condition of a group.
func (h Having) condition(f figure) (string, error) {
	if !slices.Contains(havingOps, h.Op) {
		return "", wrong("there is no %q in a filter of %s; there are %s", h.Op, h.Metric, strings.Join(havingOps, ", "))
	}
	value := strings.TrimSpace(h.Value)
	if !number.MatchString(value) {
		return "", wrong("%s is compared with a number such as 50 or -12.5, and %q is none", h.Metric, h.Value)
	}
	if f.metric.Type == schemas.FigureRatio || f.suffix == Change {
		return "ifNull(" + f.name() + " " + h.Op + " toFloat64(" + value + "), false)", nil
	}
	if _, places, _ := strings.Cut(value, "."); len(places) > 6 {
		return "", wrong("%s has 6 decimal places, and %s has more", h.Metric, value)
	}
	return f.name() + " " + h.Op + " toDecimal128(" + quote(value) + ", 6)", nil
}

// sql is the whole statement: the union of the facts, summed by group and in all, and the figures made of the sums.
func (w *writing) sql() (string, error) {
	w.gather()
	union, err := w.union("        ")
	if err != nil {
		return "", err
	}
	const indent = "    "
	var middle, outer []string
	for _, k := range w.plan.keys {
		middle = append(middle, by+k.name)
		outer = append(outer, w.shownKey(k)+" AS "+k.name)
	}
	with := withLists(append([]string{schemas.Archived}, namesLists(w.namedSubqueries(), "")...), "")
	total := "toUInt8(1)"
	if len(w.plan.keys) > 0 {
		total = "toUInt8(grouping(" + by + w.plan.keys[0].name + "))"
	}
	middle = append(middle, total+" AS is_total")
	for _, m := range w.parts {
		middle = append(middle, w.summed(m, 0, part))
		if w.plan.compared() {
			middle = append(middle, w.summed(m, 1, was))
		}
	}
	for _, f := range w.figures() {
		outer = append(outer, w.figure(f)+" AS "+f.name())
	}
	outer = append(outer, "is_total", "count() OVER () AS rows_in_all")
	if w.plan.unmoved = w.absent[schemas.TableArchiveSums]; w.plan.unmoved {
		outer = append(outer, "toUInt64(length(archived.1)) AS "+movedColumn)
	}
	group := ""
	if len(w.plan.keys) > 0 {
		keys := make([]string, len(w.plan.keys))
		for i, k := range w.plan.keys {
			keys[i] = by + k.name
		}
		group = "\n" + indent + "GROUP BY GROUPING SETS ((" + strings.Join(keys, ", ") + "), ())"
		if w.distinct() { // rows for the totals alone are no group
			group += "\n" + indent + "HAVING is_total = 1 OR max(told) = 1"
		}
	}
	text := with + "SELECT\n" + indent + strings.Join(outer, ",\n"+indent) + "\nFROM\n(\n" +
		indent + "SELECT\n" + indent + indent + strings.Join(middle, ",\n"+indent+indent) + "\n" + indent + "FROM\n" + indent +
		"(\n" + union + "\n" + indent + ") AS parts" + group + "\n) AS sums"
	if len(w.having) > 0 {
		text += "\nWHERE is_total = 1 OR " + strings.Join(w.having, " AND ")
	}
	text += "\nORDER BY " + strings.Join(append([]string{"is_total DESC"}, w.order...), ", ")
	// The row of the totals comes first, and one more than is allowed tells that there are too many.
	limit := MaxRows + 1
	if w.plan.question.Limit > 0 {
		limit = w.plan.question.Limit
	}
	return text + "\nLIMIT " + strconv.Itoa(1+w.plan.question.Offset+limit), nil
}

// Prefixes of the columns within: dimensions, the sums of a row of the union, and those of the other period.
const (
	by    = "by_"
	sumOf = "sum_"
	was   = "was_"
	whole = "whole_"
)

// figures are the columns of figures, each once.
func (w *writing) figures() []figure {
	var list []figure
	add := func(f figure) {
		if !slices.Contains(list, f) {
			list = append(list, f)
		}
	}
	for _, m := range w.plan.metrics {
		add(figure{m, ""})
		if w.plan.compared() {
			add(figure{m, Before})
		}
	}
	for _, f := range w.more {
		if f.suffix == Delta || f.suffix == Change {
			add(figure{f.metric, ""})
			add(figure{f.metric, Before})
		}
		add(f)
	}
	return list
}

// figure is what stands before AS.
func (w *writing) figure(f figure) string {
	now, then := f.metric.Name, f.metric.Name+Before
	switch f.suffix {
	case Delta:
		return now + " - " + then
	case Change:
		return "toFloat64(" + now + " - " + then + ") / nullIf(abs(toFloat64(" + then + ")), 0)"
	}
	prefix := part
	if f.suffix == Before {
		prefix = was
	}
	all := w.figures()
	return writer{
		beside: func(m *schemas.Metric) string {
			if other := (figure{m, f.suffix}); m != f.metric && slices.Contains(all, other) {
				return other.name()
			}
			return ""
		},
		part: func(m *schemas.Metric) string { return prefix + m.Name },
	}.of(f.metric)
}

// gather finds the sums that the figures are made of.
func (w *writing) gather() {
	var s shown
	for _, f := range w.figures() {
		s = append(s, column{f.metric.Name, f.metric})
	}
	for _, c := range s.parts() {
		w.parts = append(w.parts, c.metric)
	}
}

// distinct: some figure is not the sum of its groups', nor of two segments.
func (w *writing) distinct() bool {
	return len(w.plan.keys) > 0 && slices.ContainsFunc(w.parts, (*schemas.Metric).Distinct)
}

// counts: of a fact's rows it counts different values.
func counts(m *schemas.Metric, fact string) bool {
	of, _ := m.Over(fact)
	return strings.Contains(of, "uniqExact")
}

// summed is a sum of the union, of one of the periods.
func (w *writing) summed(m *schemas.Metric, era int, prefix string) string {
	of := func(name string) string {
		if w.plan.compared() {
			return fmt.Sprintf("sumIf(%s, era = %d)", name, era)
		}
		return "sum(" + name + ")"
	}
	text := of(sumOf + m.Name)
	if m.Distinct() && len(w.plan.keys) > 0 {
		text = "if(is_total = 1, " + of(whole+m.Name) + ", " + text + ")"
	}
	return text + " AS " + prefix + m.Name
}

// namedSubqueries are the names that a subquery gives: all, where the SQL is to stand by itself, else those that are
// sorted by and are too many to be written out.
func (w *writing) namedSubqueries() []*schemas.Dimension {
	var list []*schemas.Dimension
	for _, a := range w.plan.by {
		if a.named() && (w.self || w.sortsBy(a.name) && len(w.planning.names[a.name]) > inlineNames) {
			list = append(list, a.of)
		}
	}
	return list
}

func (w *writing) sortsBy(name string) bool {
	return slices.ContainsFunc(w.plan.question.Sort, func(s Sort) bool { return s.Name == name })
}

// shownKey is what stands before AS.
func (w *writing) shownKey(k key) string {
	name := by + k.name
	if !k.by.named() || k.number {
		return name
	}
	number := by + k.by.number()
	if slices.Contains(w.namedSubqueries(), k.by.of) {
		return latestName(k.name, number, name)
	}
	names := w.planning.names[k.name]
	if !w.sortsBy(k.name) || len(names) == 0 {
		return name
	}
	var ids, texts []string
	for _, id := range sortedIDs(names) {
		ids, texts = append(ids, strconv.FormatUint(uint64(id), 10)), append(texts, quote(names[id]))
	}
	return "transform(" + number + ", [" + strings.Join(ids, ", ") + "], [" + strings.Join(texts, ", ") + "], toString(" + name + "))"
}

func sortedIDs(names map[uint32]string) []uint32 {
	ids := make([]uint32, 0, len(names))
	for id := range names {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// Preview checks a question and returns an empty answer to it: its columns, periods and zone.
func Preview(q Question) (*Table, error) {
	plan, err := newPlan(q, planning{})
	if err != nil {
		return nil, err
	}
	return plan.empty(), nil
}
