package schemas

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

var figureName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// CheckMetrics says what is wrong with definitions of metrics, all of it: a name twice, a formula over a name that
// there is not or over itself, a division without a NULL rule, a type that does not fit, a text that is missing.
func CheckMetrics(metrics []Metric) error {
	var problems []error
	byName := map[string]*Metric{}
	formulas := map[string]*Formula{}
	for i := range metrics {
		m := &metrics[i]
		if byName[m.Name] != nil {
			problems = append(problems, fmt.Errorf("metric %s is there twice", m.Name))
		}
		byName[m.Name] = m
		f, err := m.check()
		if err != nil {
			problems = append(problems, fmt.Errorf("metric %q: %w", m.Name, err))
		}
		if f != nil {
			formulas[m.Name] = f
		}
	}
	for _, name := range slices.Sorted(maps.Keys(formulas)) {
		formulas[name].Names(func(used string) {
			if byName[used] == nil {
				problems = append(problems, fmt.Errorf("metric %q: there is no metric %q", name, used))
			}
		})
		if path := circle(formulas, []string{name}); path != nil {
			problems = append(problems, fmt.Errorf("metric %q is made of itself: %s", name, strings.Join(path, " of ")))
		}
	}
	return errors.Join(problems...)
}

// circle is a way from the last name of a path back to its first; nil where there is none.
func circle(formulas map[string]*Formula, path []string) []string {
	f := formulas[path[len(path)-1]]
	if f == nil {
		return nil
	}
	var found []string
	f.Names(func(used string) {
		switch {
		case found != nil:
		case used == path[0]:
			found = append(slices.Clone(path), used)
		case !slices.Contains(path, used):
			found = circle(formulas, append(slices.Clone(path), used))
		}
	})
	return found
}

func (m *Metric) check() (*Formula, error) {
	var problems []error
	problem := func(format string, arguments ...any) {
		problems = append(problems, fmt.Errorf(format, arguments...))
	}
	if !figureName.MatchString(m.Name) {
		problem("want a name of small letters, digits and underscores")
	}
	if m.Comment == "" {
		problem("it has no comment")
	}
	if units := []Unit{UnitCount, UnitMoney, UnitFraction, UnitScore}; !slices.Contains(units, m.Unit) {
		problem("its unit is %q, want one of %q", m.Unit, units)
	}
	if (m.Sum == nil) == (m.Formula == "") {
		problem("want either a sum or a formula")
	}
	want, divides := map[Unit]string{UnitCount: FigureCount, UnitMoney: FigureMoney}[m.Unit], false
	var f *Formula
	if m.Formula != "" {
		var err error
		if f, err = ParseFormula(m.Formula); err != nil {
			problem("%w", err)
		} else if divides = f.Divides(); divides {
			want = FigureRatio
		}
	}
	if m.Type != want {
		problem("its type is %q, want %q", m.Type, want)
	}
	if divides != (m.Null == NullDividing) {
		problem("it divides: %v, and its NULL rule is %q", divides, m.Null)
	}
	if (m.Sum != nil) != (m.Counted != "") {
		problem("Counted is for sums, and each has it")
	}
	problems = append(problems, checkFacts(m.Sum))
	return f, errors.Join(problems...)
}

// checkFacts refuses what is said of facts that there are not.
func checkFacts(by By) error {
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(by)) {
		if !slices.ContainsFunc(Facts, func(f Fact) bool { return f.Name == name }) {
			problems = append(problems, fmt.Errorf("there is no fact %q", name))
		}
	}
	return errors.Join(problems...)
}

// CheckDimensions says what is wrong with definitions of dimensions, all of it.
func CheckDimensions(dimensions []Dimension) error {
	var problems []error
	types := map[string]string{}
	for _, d := range dimensions {
		problem := func(format string, arguments ...any) {
			problems = append(problems, fmt.Errorf("dimension %q: "+format, append([]any{d.Name}, arguments...)...))
		}
		if types[d.Name] != "" {
			problem("it is there twice")
		}
		types[d.Name] = d.Type
		if !figureName.MatchString(d.Name) || d.Type == "" || d.Comment == "" {
			problem("want a name of small letters, digits and underscores, a type and a comment")
		}
		if (d.Of == "") != (d.Archived == "") {
			problem("want an expression of rows and one of the archive, or neither")
		}
		if grains := []string{"", GrainMinute, GrainQuarter}; !slices.Contains(grains, d.Grain) {
			problem("its grain is %q, want one of %q", d.Grain, grains)
		}
		if err := checkFacts(d.Lacking); err != nil {
			problem("%w", err)
		}
	}
	for _, d := range dimensions {
		if d.NameOf != "" && types[d.NameOf] != "UInt32" {
			problems = append(problems, fmt.Errorf("dimension %q: it names %q, which is no number", d.Name, d.NameOf))
		}
	}
	return errors.Join(problems...)
}
