package report

import (
	"strings"

	"tributary/schemas"
)

// A grouped is a query of figures by dimensions. A number of 0 is told apart by what the rows say.
type grouped struct {
	by      []*schemas.Dimension
	columns shown
	// named: the latest names in place of those that the rows say.
	named bool
	// together is a name of which number 0 is not told apart.
	together string
	// and what else is selected.
	and []string
}

// sql is the query, each line but the first indented.
func (g *grouped) sql(indent string) string {
	var lines, keys []string
	grain := schemas.GrainQuarter
	for _, d := range g.by {
		if d.Grain == schemas.GrainMinute {
			grain = schemas.GrainMinute
		}
		if d.NameOf == "" {
			lines, keys = append(lines, d.Name), append(keys, d.Name)
			continue
		}
		if d.Name != g.together {
			keys = append(keys, undeclared(d.NameOf, said+d.Name))
		}
		name := "argMaxIf(" + said + d.Name + ", at, " + said + d.Name + " != '')"
		if g.named {
			name = latestName(d.Name, d.NameOf, name)
		}
		lines = append(lines, name+" AS "+d.Name)
	}
	lines = append(lines, g.and...)
	for _, c := range g.columns {
		lines = append(lines, g.columns.of(c)+" AS "+c.name)
	}
	parts := g.columns.parts()
	union := sums{by: g.by, columns: parts, grain: grain, facts: needed(parts), parted: true}
	lists := []string{schemas.Archived}
	if g.named {
		lists = append(lists, namesLists(g.by, indent)...)
	}
	with := withLists(lists, indent)
	return with + "SELECT\n" + indent + "    " + strings.Join(lines, ",\n"+indent+"    ") + "\n" +
		indent + "FROM\n" + indent + "(\n" + union.sql(indent+"    ") + "\n" + indent + ") AS parts\n" +
		indent + "GROUP BY " + strings.Join(keys, ", ")
}

// undeclared tells rows of number 0 apart.
func undeclared(number, name string) string {
	return "if(" + number + " = 0, toString(" + name + "), '')"
}

// needed are the facts that have some of the figures.
func needed(columns []column) []schemas.Fact {
	var list []schemas.Fact
	for _, f := range schemas.Facts {
		for _, c := range columns {
			if _, has := c.metric.Over(f.Name); has {
				list = append(list, f)
				break
			}
		}
	}
	return list
}
