package schemas

import (
	"strings"
	"testing"
)

func TestCheckMetrics(t *testing.T) {
	clicks := Metric{Name: "clicks", Unit: UnitCount, Type: FigureCount, Sum: By{FactClicks: "count()"},
		Comment: "Clicks.", Counted: "Count."}
	ratio := func(change func(*Metric)) Metric {
		m := Metric{Name: "x", Unit: UnitFraction, Type: FigureRatio, Formula: "clicks / clicks", Null: NullDividing,
			Comment: "X."}
		change(&m)
		return m
	}
	if err := CheckMetrics([]Metric{clicks, ratio(func(*Metric) {})}); err != nil {
		t.Errorf("right definitions are refused: %v", err)
	}
	with := func(change func(*Metric)) []Metric { return []Metric{clicks, ratio(change)} }
	alone := func(change func(*Metric)) []Metric { m := clicks; change(&m); return []Metric{m} }
	for name, c := range map[string]struct {
		metrics []Metric
		want    string
	}{
		"twice":              {[]Metric{clicks, clicks}, "clicks is there twice"},
		"unknown":            {with(func(m *Metric) { m.Formula = "click / clicks" }), `there is no metric "click"`},
		"of itself":          {with(func(m *Metric) { m.Formula = "x / clicks" }), "x of x"},
		"no rule":            {with(func(m *Metric) { m.Null = NullNever }), "it divides: true, and its NULL rule is"},
		"rule for nothing":   {with(func(m *Metric) { m.Formula = "clicks * 2" }), "it divides: false"},
		"type":               {with(func(m *Metric) { m.Type = FigureCount }), `want "Nullable(Float64)"`},
		"unit":               {with(func(m *Metric) { m.Unit = "eggs" }), `its unit is "eggs"`},
		"name":               {with(func(m *Metric) { m.Name = "X-1" }), "small letters"},
		"comment":            {with(func(m *Metric) { m.Comment = "" }), "no comment"},
		"both":               {with(func(m *Metric) { m.Sum = clicks.Sum }), "either a sum or a formula"},
		"neither":            {with(func(m *Metric) { m.Formula = "" }), "either a sum or a formula"},
		"fact":               {alone(func(m *Metric) { m.Sum = By{"click": "count()"} }), `there is no fact "click"`},
		"not counted":        {alone(func(m *Metric) { m.Counted = "" }), "Counted is for sums"},
		"another language":   {with(func(m *Metric) { m.Formula = "clicks % 2" }), "% is none of + - * /"},
		"a call":             {with(func(m *Metric) { m.Formula = "sleep(3)" }), "is no name"},
		"no whole number":    {with(func(m *Metric) { m.Formula = "clicks / 0.5" }), "0.5 is no whole number"},
		"half a formula":     {with(func(m *Metric) { m.Formula = "clicks /" }), "reading the formula"},
		"a longer way round": {circleOf("a", "b", "c"), `metric "b" is made of itself: b of c of a of b`},
	} {
		if err := CheckMetrics(c.metrics); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// circleOf are metrics each of which is made of the next, the last of the first.
func circleOf(names ...string) []Metric {
	var list []Metric
	for i, name := range names {
		list = append(list, Metric{Name: name, Unit: UnitCount, Type: FigureCount, Comment: "X.",
			Formula: names[(i+1)%len(names)] + " + 1"})
	}
	return list
}

func TestCheckDimensions(t *testing.T) {
	number := Dimension{Name: "n_id", Type: "UInt32", Comment: "N."}
	for name, c := range map[string]struct {
		dimensions []Dimension
		want       string
	}{
		"twice":      {[]Dimension{number, number}, "there twice"},
		"no comment": {[]Dimension{{Name: "x", Type: "String"}}, "a type and a comment"},
		"half":       {[]Dimension{{Name: "x", Type: "Date", Comment: "X.", Of: "toDate(y)"}}, "or neither"},
		"grain":      {[]Dimension{{Name: "x", Type: "Date", Comment: "X.", Grain: "week"}}, `its grain is "week"`},
		"fact":       {[]Dimension{{Name: "x", Type: "Date", Comment: "X.", Lacking: By{"click": "0"}}}, `no fact "click"`},
		"of nothing": {[]Dimension{number, {Name: "n", Type: "String", Comment: "N.", NameOf: "n_ids"}}, "is no number"},
	} {
		if err := CheckDimensions(c.dimensions); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
