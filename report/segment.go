package report

import (
	"strings"
	"time"

	"tributary/schemas"
)

// A segment is a part of a fact's rows, by time. Segments of one fact have no row in common.
type segment struct {
	conditions []string
	// kept: the projection of the sums answers it.
	kept bool
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

// segments are a fact's rows of a span: whole where the projection has what tells them apart, else the days that the
// projection has and the rows at their edges. kept says whether all else that is asked is in the projection; single that
// the figures of two segments cannot be added up.
func (s *span) segments(f *schemas.Fact, kept, single bool) []segment {
	if f.Archive {
		return []segment{s.archived()}
	}
	if s.basis == ByReceived {
		return s.received(kept, single)
	}
	whole := segment{kept: kept, conditions: s.booked(f, kept)}
	if s.known.IsZero() {
		return []segment{whole}
	}
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

// booked is the period by the time that a fact's rows are booked on: by the quarter's expression it is answered from the
// projection, by the column the parts and granules of other times are left out.
func (s *span) booked(f *schemas.Fact, kept bool) []string {
	at := f.At
	if kept {
		at = strings.ReplaceAll(schemas.DimensionNamed("quarter").Of, "{at}", f.At)
	}
	return s.either(at, !kept)
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
