package report

import (
	"strconv"

	"tributary/schemas"
)

// A shown has the columns of a query that adds parts up. A figure is a formula over the columns beside it, and over the
// parts of one that is not there: so the text stays short, and with it the time that ClickHouse takes to plan it.
type shown []column

// of a column: what stands before AS.
func (s shown) of(c column) string {
	return s.writer().of(c.metric)
}

func (s shown) writer() writer {
	return writer{
		beside: func(m *schemas.Metric) string {
			for _, c := range s {
				if c.metric.Name == m.Name {
					return c.name
				}
			}
			return ""
		},
		part: func(m *schemas.Metric) string { return "sum(" + part + m.Name + ")" },
	}
}

// A writer writes formulas as SQL.
type writer struct {
	// beside is the column that has a figure already, "" for none; part is a figure that is no formula.
	beside, part func(*schemas.Metric) string
}

// of a figure: what stands before AS.
func (w writer) of(m *schemas.Metric) string {
	if m.Formula == "" {
		return w.part(m)
	}
	return w.sql(parse(m))
}

func (w writer) sql(f *schemas.Formula) string {
	text, _ := w.write(f)
	return text
}

// write returns the text and the operation that it is, 0 for none.
func (w writer) write(f *schemas.Formula) (string, byte) {
	switch {
	case f.Op == '/':
		return "toFloat64(" + w.sql(f.Left) + ") / nullIf(toFloat64(" + w.sql(f.Right) + "), 0)", '/'
	case f.Op != 0:
		left, right := w.operand(f.Left, f.Op, false), w.operand(f.Right, f.Op, true)
		return left + " " + string(f.Op) + " " + right, f.Op
	case f.Name == "":
		return strconv.FormatInt(f.Number, 10), 0
	}
	m := must(schemas.MetricNamed(f.Name), "metric", f.Name)
	if name := w.beside(m); name != "" {
		return name, 0
	}
	if m.Formula == "" {
		return w.part(m), 0
	}
	return w.write(parse(m))
}

// operand of an operation is in parentheses where it would be read otherwise without.
func (w writer) operand(f *schemas.Formula, outer byte, right bool) string {
	text, op := w.write(f)
	binds := map[byte]int{'+': 1, '-': 1, '*': 2, '/': 2}
	if op != 0 && (binds[op] < binds[outer] || right && binds[op] == binds[outer]) {
		return "(" + text + ")"
	}
	return text
}

// parts are the sums that the columns are made of, in the order of the definitions.
func (s shown) parts() []column {
	uses := map[string]bool{}
	var use func(m *schemas.Metric)
	use = func(m *schemas.Metric) {
		if m.Formula == "" {
			uses[m.Name] = true
			return
		}
		parse(m).Names(func(name string) { use(must(schemas.MetricNamed(name), "metric", name)) })
	}
	for _, c := range s {
		use(c.metric)
	}
	var list []column
	for i := range schemas.Metrics {
		if m := &schemas.Metrics[i]; uses[m.Name] {
			list = append(list, column{m.Name, m})
		}
	}
	return list
}

// parse reads the formula of a definition, which every test meets.
func parse(m *schemas.Metric) *schemas.Formula {
	f, err := schemas.ParseFormula(m.Formula)
	if err != nil {
		panic(err)
	}
	return f
}
