package report

import (
	"slices"
	"strings"

	"tributary/schemas"
)

// A sums is a union of facts, each summed by the same dimensions: what every view of figures is made of.
type sums struct {
	by      []*schemas.Dimension
	columns []column
	grain   string
	facts   []schemas.Fact
	// parted: another query adds it up again and calls its columns what they are called here. So names are said_… here
	// and figures part_…, and at is the time of the newest row, by which one of several names is chosen.
	parted bool
}

// A column is a figure under the name that a view gives it.
type column struct {
	name   string
	metric *schemas.Metric
}

// Prefixes of what is added up again.
const (
	said = "said_"
	part = "part_"
)

// sql is the union, each line indented.
func (s *sums) sql(indent string) string {
	var parts []string
	for _, f := range s.facts {
		lines := append([]string{"SELECT"}, s.of(f)...)
		parts = append(parts, indent+strings.Join(lines, "\n"+indent))
	}
	return strings.Join(parts, "\n"+indent+"UNION ALL\n")
}

// of one fact: the lines after SELECT.
func (s *sums) of(f schemas.Fact) []string {
	at := strings.ReplaceAll(f.At, "{grain}", s.grain)
	fill := strings.NewReplacer("{table}", strings.ReplaceAll(f.Table, "{grain}", s.grain), "{at}", at)
	keys, groups := s.keys(f, fill)
	figures := make([]string, len(s.columns))
	for i, c := range s.columns {
		of, has := c.metric.Over(f.Name)
		if !has {
			of = zero(c.metric.Type)
		}
		if s.parted {
			of += " AS " + part
		} else {
			of += " AS "
		}
		figures[i] = fill.Replace(of) + c.name
	}
	lines := []string{"    " + strings.Join(keys, ", ") + ",", "    " + strings.Join(figures, ", "),
		fill.Replace("FROM {database}.{table}")}
	if where := f.Counts(); where != "" {
		lines = append(lines, "WHERE "+where)
	}
	if len(groups) > 0 {
		return append(lines, "GROUP BY "+strings.Join(groups, ", "))
	}
	return append(lines, "HAVING count() > 0") // else a fact without rows would have a row
}

// keys are the dimensions of a fact, and those of them that are told apart.
func (s *sums) keys(f schemas.Fact, fill *strings.Replacer) (keys, groups []string) {
	named := false
	for _, d := range s.by {
		of, as := d.Of, d.Name
		if f.Archive {
			of = d.Archived
		}
		if of == "" {
			of = d.Name
		}
		lacking, constant := d.Lacking[f.Name]
		if constant {
			of = lacking
		}
		if d.NameOf != "" && s.parted {
			named, as = true, said+d.Name
		}
		key := fill.Replace(of)
		if !constant {
			groups = append(groups, as)
		}
		if key != as {
			key += " AS " + as
		}
		keys = append(keys, key)
	}
	switch {
	case named && f.Archive:
		keys = append(keys, fill.Replace("toDateTime64(max({at}), 3, 'UTC') AS at"))
	case named:
		keys = append(keys, fill.Replace("max({at}) AS at"))
	}
	return keys, groups
}

// zero is none of a figure, of the type of its sums.
func zero(kind string) string {
	if kind == schemas.FigureMoney {
		return "toDecimal128(0, 6)"
	}
	return "toInt64(0)"
}

// facts of names, in the order of the names.
func facts(names ...string) []schemas.Fact {
	list := make([]schemas.Fact, len(names))
	for i, name := range names {
		list[i] = schemas.Facts[slices.IndexFunc(schemas.Facts, func(f schemas.Fact) bool { return f.Name == name })]
	}
	return list
}

// dimensions of names, each a word.
func dimensions(names string) []*schemas.Dimension {
	var list []*schemas.Dimension
	for name := range strings.FieldsSeq(names) {
		list = append(list, must(schemas.DimensionNamed(name), "dimension", name))
	}
	return list
}

// figures of names, each a word; as=name shows it under another name.
func figures(names string) []column {
	var list []column
	for word := range strings.FieldsSeq(names) {
		as, name, other := strings.Cut(word, "=")
		if !other {
			name = word
		}
		list = append(list, column{as, must(schemas.MetricNamed(name), "metric", name)})
	}
	return list
}

// must panics where a definition that this package names is not there, which every test meets.
func must[T any](found *T, kind, name string) *T {
	if found == nil {
		panic("there is no " + kind + " " + name)
	}
	return found
}
