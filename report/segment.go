package report

import (
	"slices"
	"strings"
	"time"

	"tributary/schemas"
)

// A segment is a part of a fact's rows, by time. Segments of one fact have no row in common.
type segment struct {
	conditions []string
	// kept: the projection of the sums answers it.
	kept bool
	// few is the projection of few dimensions that answers it, "" for none.
	few string
	// daily: the time is told by the day of UTC, which the projection of days has.
	daily bool
	// having is a condition on groups, "" for none.
	having string
}

// A span is what a question asks of time.
type span struct {
	period Period
	basis  Basis
	known  time.Time
	// also is another period before it, without an edge in a day: by click time and with nothing known until some time.
	also Period
}

const day = 24 * time.Hour

func date(t time.Time) string { return "toDate('" + t.UTC().Format(time.DateOnly) + "')" }

// A reading is what all that is asked of a fact, but its time, takes.
type reading struct {
	// kept: it is in the projection, by the dimensions named.
	kept  bool
	named []string
	// sums are the figures.
	sums []*schemas.Metric
	// fine: it takes quarters of an hour.
	fine bool
	// single: the figures of two segments cannot be added up.
	single bool
}

func (r *reading) add(kept, fine bool, named []string) {
	r.kept, r.fine, r.named = r.kept && kept, r.fine || fine, append(r.named, named...)
}

// few is the projection of a fact that has all of it by few dimensions, "" where none has.
func (r *reading) few(f *schemas.Fact) string {
	lacks := func(m *schemas.Metric) bool { return m.Sum[f.Name] != "" && !slices.Contains(schemas.FewSums, m.Name) }
	if !r.kept || slices.ContainsFunc(r.sums, lacks) {
		return ""
	}
	for _, few := range f.Few {
		has := strings.Fields(few.Kept)
		if !slices.ContainsFunc(r.named, func(name string) bool { return !slices.Contains(has, name) }) {
			return few.Name
		}
	}
	return ""
}

// segments are a fact's rows of a span: whole where the projection has what tells them apart, else the days that the
// projection has and the rows at their edges.
func (s *span) segments(f *schemas.Fact, r *reading) []segment {
	if f.Archive {
		return []segment{s.archived()}
	}
	kept, single := r.kept, r.single
	if s.basis == ByReceived {
		return s.received(kept, single)
	}
	if s.known.IsZero() {
		return s.whole(f, r)
	}
	whole := segment{kept: kept, conditions: s.booked(f, kept)}
	until := s.known.Add(time.Millisecond) // before it
	midnight := until.Truncate(day)
	if !kept || single {
		rows := segment{conditions: append(s.booked(f, false), "received_at < "+instant(until, true))}
		return []segment{rows}
	}
	whole.conditions = append(whole.conditions, "toDate(received_at) < "+date(midnight))
	if midnight.Equal(until) {
		return []segment{whole}
	}
	rows := segment{conditions: append(s.booked(f, false), "received_at >= "+instant(midnight, true),
		"received_at < "+instant(until, true))}
	return []segment{whole, rows}
}

// whole is the period, or both: days of UTC within, and quarters of an hour at their edges. Days have a small part of the
// rows that their quarters have, unless a projection of few dimensions has fewer.
func (s *span) whole(f *schemas.Fact, r *reading) []segment {
	all := []segment{{kept: r.kept, few: r.few(f), conditions: s.booked(f, r.kept)}}
	if !r.kept || r.fine {
		return all
	}
	var days, edges []string
	periods := []Period{s.period}
	if s.also != (Period{}) {
		periods = append(periods, s.also)
	}
	for _, p := range periods {
		within := p.days()
		if !within.From.IsZero() && !within.To.IsZero() && !within.From.Before(within.To) {
			edges = append(edges, quarters(f, p))
			continue
		}
		days = append(days, joined(dates(f, within)))
		if !within.From.Equal(p.From) {
			edges = append(edges, quarters(f, Period{p.From, within.From}))
		}
		if !within.To.Equal(p.To) {
			edges = append(edges, quarters(f, Period{within.To, p.To}))
		}
	}
	if days == nil || edges != nil && (r.single || all[0].few != "") {
		return all
	}
	list := []segment{{kept: true, daily: true, few: all[0].few, conditions: either(days)}}
	if edges != nil {
		list = append(list, segment{kept: true, conditions: either(edges)})
	}
	return list
}

// days are the whole days of UTC of a period.
func (p Period) days() Period {
	if !p.From.IsZero() {
		p.From = nextDay(p.From)
	}
	if !p.To.IsZero() {
		p.To = p.To.Truncate(day)
	}
	return p
}

// nextDay is the beginning of the day of UTC, or where it is amid one of the next.
func nextDay(t time.Time) time.Time {
	if start := t.Truncate(day); !start.Equal(t) {
		return start.Add(day)
	}
	return t
}

func dayOf(f *schemas.Fact) string {
	return strings.ReplaceAll(schemas.DimensionNamed("day").Of, "{at}", f.At)
}

func quarterOf(f *schemas.Fact) string {
	return strings.ReplaceAll(schemas.DimensionNamed("quarter").Of, "{at}", f.At)
}

// dates are the conditions of whole days.
func dates(f *schemas.Fact, p Period) (list []string) {
	if !p.From.IsZero() {
		list = append(list, dayOf(f)+" >= "+date(p.From))
	}
	if !p.To.IsZero() {
		list = append(list, dayOf(f)+" < "+date(p.To))
	}
	return list
}

// quarters is the condition of a period by quarters, and by the days that it touches, which the projection is sorted by.
func quarters(f *schemas.Fact, p Period) string {
	touched := p
	if !p.From.IsZero() {
		touched.From = p.From.Truncate(day)
	}
	if !p.To.IsZero() {
		touched.To = nextDay(p.To)
	}
	return joined(append(dates(f, touched), between(quarterOf(f), p, false)...))
}

func joined(conditions []string) string { return strings.Join(conditions, " AND ") }

// either is one of some conditions as conditions; an empty one holds always.
func either(some []string) []string {
	switch {
	case slices.Contains(some, ""):
		return nil
	case len(some) == 1:
		return some
	}
	return []string{"(" + strings.Join(some, " OR ") + ")"}
}

// booked is the period by the time that a fact's rows are booked on: by the quarter's expression it is answered from the
// projection, by the column the parts and granules of other times are left out.
func (s *span) booked(f *schemas.Fact, kept bool) []string {
	if !kept {
		return s.either(f.At, true)
	}
	touched := s.period
	if s.also != (Period{}) {
		touched.From = s.also.From
	}
	if !touched.From.IsZero() {
		touched.From = touched.From.Truncate(day)
	}
	if !touched.To.IsZero() {
		touched.To = nextDay(touched.To)
	}
	return append(dates(f, touched), s.either(quarterOf(f), false)...)
}

// either is the period, and the other one where there is one.
func (s *span) either(at string, fine bool) []string {
	conditions := between(at, s.period, fine)
	switch {
	case s.also == (Period{}):
		return conditions
	case s.also.To.Equal(s.period.From):
		return between(at, Period{s.also.From, s.period.To}, fine)
	}
	return []string{"(" + strings.Join(between(at, s.also, fine), " AND ") + " OR " + strings.Join(conditions, " AND ") + ")"}
}

func between(at string, p Period, fine bool) []string {
	var list []string
	if !p.From.IsZero() {
		list = append(list, at+" >= "+instant(p.From, fine))
	}
	if !p.To.IsZero() {
		list = append(list, at+" < "+instant(p.To, fine))
	}
	return list
}

// clipped is the period by the time of receipt, as far as it is known.
func (s *span) clipped() Period {
	p := s.period
	if until := s.known.Add(time.Millisecond); !s.known.IsZero() && (p.To.IsZero() || until.Before(p.To)) {
		p.To = until
	}
	return p
}

func (s *span) received(kept, single bool) []segment {
	p := s.clipped()
	rows := func(p Period) segment { return segment{conditions: between("received_at", p, true)} }
	first, last := p.From, p.To
	if !first.IsZero() && !first.Equal(first.Truncate(day)) {
		first = first.Truncate(day).Add(day)
	}
	if !last.IsZero() {
		last = last.Truncate(day)
	}
	edges := !first.Equal(p.From) || !last.Equal(p.To)
	if !kept || edges && (single || !first.IsZero() && !last.IsZero() && !first.Before(last)) {
		return []segment{rows(p)}
	}
	days := segment{kept: true}
	if !first.IsZero() {
		days.conditions = append(days.conditions, "toDate(received_at) >= "+date(first))
	}
	if !last.IsZero() {
		days.conditions = append(days.conditions, "toDate(received_at) < "+date(last))
	}
	list := []segment{days}
	if !first.Equal(p.From) {
		list = append(list, rows(Period{p.From, first}))
	}
	if !last.Equal(p.To) {
		list = append(list, rows(Period{last, p.To}))
	}
	return list
}

// archivedDays is what a question is told that wants to cut a day of which only sums are left. It is in the SQL, so
// that it is said only where there are such sums.
const archivedDays = "rows of that time are gone, and their sums are kept by UTC day of receipt: ask by click time, or for whole days of UTC"

// throws is a condition that ends the query where something holds.
func throws(where string) string { return "throwIf(" + where + ", " + quote(archivedDays) + ") = 0" }

// archived are the sums of rows that are gone: by the quarter of the click and the day of receipt.
func (s *span) archived() segment {
	var list, cuts []string
	cut := func(t time.Time) {
		if !t.IsZero() && !t.Equal(t.Truncate(day)) {
			cuts = append(cuts, date(t))
		}
	}
	seg := segment{kept: true}
	p := s.clipped()
	if s.basis == ByReceived {
		cut(p.From)
		cut(p.To)
		if !p.From.IsZero() {
			list = append(list, "ledger_day >= "+date(p.From))
		}
		if !p.To.IsZero() {
			list = append(list, "ledger_day < "+date(p.To.Add(-1).Truncate(day).Add(day)))
		}
	} else {
		list = s.either("quarter", false)
		if !s.known.IsZero() {
			until := s.known.Add(time.Millisecond)
			cut(until)
			list = append(list, "ledger_day < "+date(until.Add(-1).Truncate(day).Add(day)))
		}
	}
	if cuts != nil {
		seg.having = throws("countIf(ledger_day IN (" + strings.Join(cuts, ", ") + ")) > 0")
	}
	seg.conditions = list
	return seg
}
