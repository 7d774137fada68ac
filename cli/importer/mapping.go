package importer

import (
	"slices"
	"strings"
	"unicode"

	"tributary/cli/misuse"
)

// Mapping says which column is which field.
type Mapping struct {
	// Index is the column of each field, -1 for none.
	Index [Fields]int
	// Cents tells that a field's amount is in hundredths.
	Cents [Fields]bool
	// Unused are the names of columns that nothing is read from.
	Unused []string
	header []string
}

// Column is the name of a field's column, empty for none.
func (m *Mapping) Column(f Field) string {
	if i := m.Index[f]; i >= 0 {
		return m.header[i]
	}
	return ""
}

// MapColumns finds the fields of a header by a tracker's names. named are the caller's own, by field, which win.
func MapColumns(header []string, t *Tracker, named map[Field]string) (*Mapping, error) {
	m := &Mapping{header: header}
	for f := range m.Index {
		m.Index[f] = -1
	}
	byKey := map[string]int{}
	for i, name := range header {
		if _, taken := byKey[nameKey(name)]; !taken {
			byKey[nameKey(name)] = i
		}
	}
	for f := Field(0); int(f) < Fields; f++ {
		name, ok := named[f]
		if !ok || name == "" {
			continue
		}
		i := slices.Index(header, name)
		if i < 0 {
			if i, ok = byKey[nameKey(name)]; !ok {
				return nil, misuse.Errorf("--columns %s=%s: the file has no column %q%s; its columns are %s", f, name, name, misuse.Near(name, header), list(header))
			}
		}
		m.Index[f] = i
	}
	for _, c := range t.Columns {
		if _, given := named[c.Field]; given || m.Index[c.Field] >= 0 { // --columns sub1= leaves a field out
			continue
		}
		if i, ok := byKey[nameKey(c.Name)]; ok && !slices.Contains(m.Index[:], i) {
			m.Index[c.Field], m.Cents[c.Field] = i, c.Cents
		}
	}
	for _, needed := range []Field{ClickID, Time} {
		if m.Index[needed] < 0 {
			return nil, misuse.Errorf("no column of the file is known to be the %s in an export of %s; right would be --columns %s=NAME; the file's columns are %s", needed, t.Name, needed, list(header))
		}
	}
	for i, name := range header {
		if !slices.Contains(m.Index[:], i) {
			m.Unused = append(m.Unused, name)
		}
	}
	return m, nil
}

// nameKey is a column's name without case and without what separates its words.
func nameKey(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
}

// list writes names for an error text.
func list(names []string) string {
	shortened := make([]string, len(names))
	for i, n := range names {
		shortened[i] = shown(n, 40)
	}
	return misuse.List(shortened)
}
