package report

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var ops = []string{string(Is), string(IsNot), string(In), string(NotIn), string(Like), string(NotLike)}

// A filter is a Filter that has been looked at.
type filter struct {
	by *asked
	Filter
}

// look checks a filter.
func (f Filter) look() (filter, error) {
	a, err := askedNamed(f.Dimension)
	if err != nil {
		return filter{}, err
	}
	if !slices.Contains(ops, string(f.Op)) {
		return filter{}, wrong("there is no %q in a filter of %s; there are %s", f.Op, f.Dimension, strings.Join(ops, ", "))
	}
	if n := len(f.Values); n == 0 || n > MaxValues || n > 1 && f.Op != In && f.Op != NotIn {
		return filter{}, wrong("the filter of %s has %d values; %q takes %s", f.Dimension, n, f.Op,
			map[bool]string{true: "one to " + strconv.Itoa(MaxValues), false: "one"}[f.Op == In || f.Op == NotIn])
	}
	if a.kind != "String" && (f.Op == Like || f.Op == NotLike) {
		return filter{}, wrong("%s is no text: like cannot be asked of it", f.Dimension)
	}
	for _, v := range f.Values {
		if _, err := a.literal(v); err != nil {
			return filter{}, err
		}
	}
	return filter{a, f}, nil
}

// literal is a value as SQL.
func (a *asked) literal(value string) (string, error) {
	switch a.kind {
	case "UInt32", "UInt8":
		n, err := strconv.ParseUint(value, 10, 32)
		if err != nil {
			return "", wrong("%s is a whole number from 0 on, and %q is none", a.name, value)
		}
		return strconv.FormatUint(n, 10), nil
	case "Bool":
		if value != "true" && value != "false" {
			return "", wrong("%s is true or false, and %q is neither", a.name, value)
		}
		return value, nil
	case "Date":
		if !dayText.MatchString(value) {
			return "", wrong("%s is a day such as 2026-11-05, and %q is none", a.name, value)
		}
		return "toDate(" + quote(value) + ")", nil
	case "String":
		return quote(value), nil
	}
	return "", wrong("rows are not left out by %s: name the period instead", a.name)
}

// on is the condition of a text, a number or a truth.
func (f *filter) on(text string) string {
	values := make([]string, len(f.Values))
	for i, v := range f.Values {
		values[i], _ = f.by.literal(v) // it has been looked at
	}
	switch f.Op {
	case In, NotIn:
		return text + " " + strings.ToUpper(string(f.Op)) + " (" + strings.Join(values, ", ") + ")"
	case Like, NotLike:
		return text + " " + strings.ToUpper(string(f.Op)) + " " + values[0]
	}
	return text + " " + string(f.Op) + " " + values[0]
}

// takes: it leaves a value in. It is of texts what on is in ClickHouse.
func (f *filter) takes(value string) bool {
	switch f.Op {
	case Is, In:
		return slices.Contains(f.Values, value)
	case IsNot, NotIn:
		return !slices.Contains(f.Values, value)
	case Like:
		return liked(f.Values[0]).MatchString(value)
	}
	return !liked(f.Values[0]).MatchString(value)
}

// liked is the pattern of a LIKE.
func liked(pattern string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString(`(?s)^`)
	runes := []rune(pattern)
	for i := 0; i < len(runes); i++ {
		switch r := runes[i]; {
		case r == '%':
			b.WriteString(".*")
		case r == '_':
			b.WriteString(".")
		case r == '\\' && i+1 < len(runes) && strings.ContainsRune(`%_\`, runes[i+1]):
			i++
			b.WriteString(regexp.QuoteMeta(string(runes[i])))
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	return regexp.MustCompile(b.String() + "$")
}

// blankOf is the value of a dimension that rows lack, as a filter writes it.
func (a *asked) blank() string {
	switch a.kind {
	case "UInt32":
		return "0"
	case "Bool":
		return "false"
	}
	return ""
}

// A condition is a filter as a fact's rows take it.
type condition struct {
	text string
	// kept and named: see expression.
	kept  bool
	named []string
	// none: no row fulfils it. Empty text: every row does.
	none bool
	// fine and cut: see expression.
	fine, cut bool
}

// condition of a fact's rows. names has the latest name of each number.
func (f *filter) condition(of *form, names Names) condition {
	if !f.by.named() {
		e := of.of(f.by)
		if e.constant {
			return condition{kept: true, none: !f.takes(f.by.blank())}
		}
		return condition{text: f.on(e.text), kept: e.kept, named: e.named, fine: e.fine, cut: e.cut}
	}
	number, name := of.column(f.by.number()), of.column(f.by.name)
	if number.constant { // number 0, of which the rows say no name
		return condition{kept: true, none: !f.takes("")}
	}
	// A number has its latest name; of number 0 the rows say it, and a number that has none is blank.
	blank := f.takes("")
	var others []string
	for id, latest := range names[f.by.name] {
		if f.takes(latest) != blank {
			others = append(others, strconv.FormatUint(uint64(id), 10))
		}
	}
	slices.SortFunc(others, func(a, b string) int { return len(a) - len(b) + 2*strings.Compare(a, b)*boolInt(len(a) == len(b)) })
	said := number.text + " = 0 AND " + f.on(name.text)
	in := " IN ("
	switch {
	case blank:
		others, in = append([]string{"0"}, others...), " NOT IN ("
	case others == nil:
		return condition{text: "(" + said + ")", kept: number.kept && name.kept, named: append(number.named, name.named...)}
	}
	text := "(" + number.text + in + strings.Join(others, ", ") + ") OR " + said + ")"
	return condition{text: text, kept: number.kept && name.kept, named: append(number.named, name.named...)}
}

// unknown says which names of a filter nothing has.
func (f *filter) unknown(names Names) []string {
	if !f.by.named() || names == nil || f.Op == Like || f.Op == NotLike {
		return nil
	}
	known := slices.Sorted(maps.Values(names[f.by.name]))
	var notes []string
	for _, v := range f.Values {
		if v == "" || slices.Contains(known, v) {
			continue
		}
		hint := near(v, known)
		if !strings.Contains(hint, "did you mean") {
			hint = ""
		}
		notes = append(notes, fmt.Sprintf("No %s of the catalog is called %q%s", f.by.name, v, hint))
	}
	return notes
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Names are the latest names of numbers, by kind (campaign, source, offer, landing).
type Names map[string]map[uint32]string

// of a scope: the condition, "" where all is seen.
func (s *Scope) condition(of *form) condition {
	if s.All {
		return condition{kept: true}
	}
	var any, named []string
	kept := true
	if len(s.Campaigns) > 0 {
		ids := make([]string, len(s.Campaigns))
		for i, id := range s.Campaigns {
			ids[i] = strconv.FormatUint(uint64(id), 10)
		}
		any, named = append(any, "campaign_id IN ("+strings.Join(ids, ", ")+")"), append(named, "campaign_id")
	}
	for _, owners := range []struct {
		name   string
		values []string
	}{{"buyer", s.Buyers}, {"team", s.Teams}} {
		e := of.column(owners.name)
		// Nobody's traffic is no owner's: a blank name grants nothing.
		values := slices.DeleteFunc(slices.Clone(owners.values), func(v string) bool { return v == "" })
		if len(values) == 0 || e.constant {
			continue
		}
		quoted := make([]string, len(values))
		for i, v := range values {
			quoted[i] = quote(v)
		}
		any, kept = append(any, e.text+" IN ("+strings.Join(quoted, ", ")+")"), kept && e.kept
		named = append(named, e.named...)
	}
	if any == nil {
		return condition{kept: true, none: true}
	}
	return condition{text: "(" + strings.Join(any, " OR ") + ")", kept: kept, named: named}
}

// number is a decimal number.
var number = regexp.MustCompile(`^-?[0-9]{1,30}(\.[0-9]+)?$`)
