package dialect

import (
	"bytes"
	"errors"
	"sort"

	"tributary/catalog/query"
	"tributary/schemas"
)

// LinkParams is what a configuration adds to a dialect's link: the parameters that the owner of the other tracker named, each
// with the native name of what it means (FieldNames). It also gives one of the dialect's own names another meaning.
type LinkParams map[string]string

// maxParams bounds what one configuration adds.
const maxParams = 100

// Link reads click links of one dialect.
type Link struct {
	dialect *Dialect
	names   map[string]linkName
	// knows is what query.ScanFor asks.
	knows func(name []byte) bool
}

type linkName struct {
	field Field
	form  Form
}

// NewLink compiles the links of d with the names that a configuration adds. The error has one line a problem.
func NewLink(d *Dialect, extra LinkParams) (*Link, error) {
	if !d.HasLinks() {
		return nil, errors.New("the dialect " + d.Name + " has no click links")
	}
	l := &Link{dialect: d, names: make(map[string]linkName, len(d.Link.Names)+len(extra))}
	l.knows = func(name []byte) bool { return l.names[string(name)].field > Ignored }
	for _, n := range d.Link.Names {
		l.names[n.Name] = linkName{n.Field, n.Form}
	}
	var problems []error
	if len(extra) > maxParams {
		problems = append(problems, errTooMany)
	}
	for _, name := range sortedKeys(extra) {
		field, ok := ParseField(extra[name])
		switch {
		case !ok:
			problems = append(problems, errors.New(name+": "+extra[name]+" is not a part of a click; one of "+FieldNames))
		case name == "" || len(name) > schemas.MaxNameBytes:
			problems = append(problems, errors.New("a parameter's name has 1 to 64 bytes"))
		}
		// The dialect's way of writing it stays where its meaning does.
		if l.names[name].field != field {
			l.names[name] = linkName{field: field}
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return l, nil
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// Dialect is the one whose links it reads.
func (l *Link) Dialect() *Dialect { return l.dialect }

// Click is what a link says about its click. It points into the query and into the text that Read was given.
type Click struct {
	// Values are decoded; nil for a field that the link does not name, empty for one that it names without a value in it.
	Values [Fields][]byte
	// PerMille: the cost is that of a thousand clicks.
	PerMille bool
	// IgnoredParams and UnknownParams count parameters that a click has no place for.
	IgnoredParams, UnknownParams int

	unfilled uint64
	// twice has the fields that one parameter gave two values; first is the parameter of each field that has one value at most.
	twice uint64
	first [3][]byte
}

// Twice tells whether one parameter of the link gave f two values: which of them is right nobody can tell, and none is kept. Only what
// is money or the source's own ID is looked at.
func (c *Click) Twice(f Field) bool { return c.twice>>f&1 != 0 }

// oneValue is the place in Click.first of a field that has one value at most, -1 for any other field.
func oneValue(f Field) int {
	switch f {
	case ExternalID:
		return 0
	case Cost:
		return 1
	case Currency:
		return 2
	}
	return -1
}

// Unfilled tells whether the link named f and had a macro or a placeholder in it, which is not kept.
func (c *Click) Unfilled(f Field) bool { return c.unfilled>>f&1 != 0 }

// AnyUnfilled tells whether Unfilled is true of any field.
func (c *Click) AnyUnfilled() bool { return c.unfilled != 0 }

var _ [64 - Fields]struct{} // unfilled has a bit a field

// Joined tells whether a value has another parameter of the link in it, which its sender encoded as if it were a part
// of it.
func (l *Link) Joined(value []byte) bool { return !isPlain(value) && query.Joined(value, l.knows) }

// Scan walks over the parameters of a query as Read does.
func (l *Link) Scan(rawQuery []byte) query.Scanner { return query.ScanFor(rawQuery, l.knows) }

// Read reads a link's query, still encoded, into c, which it clears before. Decoded text is appended to text, which it
// returns; it allocates when text has no room for it, at most len(rawQuery) bytes.
func (l *Link) Read(c *Click, rawQuery, text []byte) []byte {
	*c = Click{}
	for scan := query.ScanFor(rawQuery, l.knows); ; {
		key, raw, ok := scan.Next()
		if !ok {
			return text
		}
		if query.Encoded(key) {
			start := len(text)
			text = query.Decode(text, key)
			key = text[start:]
		}
		if len(raw) == 0 {
			if _, _, ok := query.Unequal(key); ok {
				c.UnknownParams++
			}
			continue
		}
		name := l.names[string(key)]
		switch {
		case name.field == Unknown:
			c.UnknownParams++
			continue
		case name.field == Ignored:
			c.IgnoredParams++
			continue
		}
		f := name.field
		again := c.Values[f] != nil
		one := oneValue(f)
		if again && (one < 0 || c.Twice(f) || c.Unfilled(f) || string(c.first[max(one, 0)]) != string(key)) {
			continue
		}
		value := raw
		if query.Encoded(raw) {
			start := len(text)
			if f == ExternalID {
				text = query.DecodeID(text, raw)
			} else {
				text = query.Decode(text, raw)
			}
			value = text[start:len(text):len(text)]
		}
		if again {
			if !bytes.Equal(value, c.Values[f]) && !l.dialect.unfilledField(f, raw, value) && name.form == Plain {
				c.Values[f] = raw[:0]
				c.twice |= 1 << f
			}
			continue
		}
		if one >= 0 {
			c.first[one] = key
		}
		if l.dialect.unfilledField(f, raw, value) {
			c.Values[f] = raw[:0]
			c.unfilled |= 1 << f
			continue
		}
		whole := len(value)
		switch name.form {
		case Dollar:
			value = bytes.TrimLeft(value, "$")
		case Mille:
			value, c.PerMille = bytes.CutPrefix(value, []byte("cpm_"))
		}
		// The macro may stand behind the prefix.
		if len(value) < whole && l.dialect.unfilledField(f, value, value) {
			value = raw[:0]
			c.unfilled |= 1 << f
		}
		c.Values[f] = value
	}
}

// unfilledField is strict where the field is money or identity.
func (d *Dialect) unfilledField(f Field, raw, value []byte) bool {
	switch f {
	case Cost, Currency, ExternalID:
		return d.unfilledValue(raw, value)
	case Campaign, Source:
		return d.unfilled(raw, value, true)
	case Keyword:
		return d.isPlaceholder(value) || !isPlain(value) && query.IsMacro(raw, value)
	}
	return d.unfilled(raw, value, false)
}
