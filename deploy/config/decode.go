package config

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v4"
)

var nodeUnmarshalerType = reflect.TypeFor[yaml.Unmarshaler]()

// reading is one Load at work: where each value came from, and what is wrong so far.
type reading struct {
	file     string
	places   map[string]Place // by path, of keys that were set anywhere
	problems Problems
	unread   map[string]bool // paths whose value could not be decoded: their rules would speak of the default
	// incomplete: what is made, or stands in, for keys that were left out is not there, for something could not be read.
	incomplete bool
}

func newReading(file string) *reading {
	return &reading{file: file, places: map[string]Place{}, unread: map[string]bool{}}
}

// maxProblems is how many problems one reading lists: who wrote 200,000 wrong lines made one mistake, and would not
// read the rest.
const maxProblems = 100

// full tells that enough is wrong to stop reading.
func (r *reading) full() bool { return len(r.problems) >= maxProblems }

func (r *reading) problem(at Place, path, format string, arguments ...any) {
	if r.full() {
		return
	}
	r.problems = append(r.problems, Problem{Place: at, Path: path, Text: fmt.Sprintf(format, arguments...)})
}

func (r *reading) placeOf(n *yaml.Node) Place {
	return Place{Source: r.file, Line: n.Line, Column: n.Column}
}

// section decodes a mapping into a struct: known keys only, each once.
func (r *reading) section(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		// "ingest:" with nothing below it keeps the defaults. Deeper, what stood there may have been commented out, a
		// network's trust for instance, and nobody would see that it is gone.
		if strings.ContainsAny(path, ".[") {
			r.problem(r.placeOf(n), path, "the section is empty: write {} for the defaults, or leave the line out")
		}
		return
	}
	if n.Kind != yaml.MappingNode {
		r.problem(r.placeOf(n), path, "want a section of keys, got %s", got(n))
		return
	}
	fields := fieldsOf(v.Type())
	known := make([]string, len(fields))
	byName := make(map[string]field, len(fields))
	for i, f := range fields {
		known[i], byName[f.name] = f.name, f
	}
	seen := map[string]Place{}
	for i := 0; i+1 < len(n.Content) && !r.full(); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		at := r.placeOf(key)
		if !r.once(seen, key, path) {
			continue
		}
		f, ok := byName[key.Value]
		if !ok {
			r.unknownKey(at, path, key.Value, known)
			continue
		}
		full := join(path, f.name)
		r.places[full] = at
		r.value(value, v.FieldByIndex(f.index), full, f.name, f.secret)
	}
}

// once reports a key that cannot be one or is there a second time.
func (r *reading) once(seen map[string]Place, key *yaml.Node, path string) bool {
	at := r.placeOf(key)
	if key.Kind != yaml.ScalarNode {
		r.problem(at, path, "want a plain name as a key, got %s", got(key))
		return false
	}
	if key.Tag == "!!merge" {
		r.problem(at, path, "merge keys (<<) are not supported: write the keys out")
		return false
	}
	if first, twice := seen[key.Value]; twice {
		r.problem(at, join(path, key.Value), "the key is there twice, first in line %d: keep one", first.Line)
		return false
	}
	seen[key.Value] = at
	return true
}

func (r *reading) unknownKey(at Place, path, name string, known []string) {
	full := join(path, name)
	// A key that exists elsewhere was most likely indented wrongly.
	var elsewhere, sections []string
	for _, k := range Keys() {
		if dot := strings.LastIndexByte(k.Path, '.'); dot > 0 && k.Path[dot+1:] == name && !strings.Contains(k.Path, "[]") {
			elsewhere, sections = append(elsewhere, k.Path), append(sections, k.Path[:dot])
		}
	}
	if len(elsewhere) > 0 && len(elsewhere) <= 4 {
		r.problem(at, full, "unknown key; %q belongs in the section %s (%s)", name, strings.Join(sections, " or "), strings.Join(elsewhere, ", "))
	} else {
		r.problem(at, full, "unknown key; did you mean %q? Known here: %s", nearest(name, known), strings.Join(known, ", "))
	}
}

// value decodes one node into any supported type.
func (r *reading) value(n *yaml.Node, v reflect.Value, path, name string, secret bool) {
	if n.Kind == yaml.AliasNode {
		// A value that stands in several lines could not be reported by its line; and nothing can nest without end.
		r.problem(r.placeOf(n), path, "aliases (*%s) are not supported: write the value out", n.Value)
		return
	}
	if v.Kind() == reflect.Pointer {
		fresh := reflect.New(v.Type().Elem())
		r.value(n, fresh.Elem(), path, name, secret)
		v.Set(fresh)
		return
	}
	switch {
	case isSection(v.Type()):
		r.section(n, v, path)
	case isScalar(v.Type()):
		r.scalar(n, v, path, name, secret)
	case v.Addr().Type().Implements(nodeUnmarshalerType):
		if err := n.Decode(v.Addr().Interface()); err != nil {
			r.loadError(err, r.placeOf(n), path)
		}
	case v.Kind() == reflect.Slice:
		r.list(n, v, path, name, secret)
	case v.Kind() == reflect.Map:
		r.table(n, v, path, name, secret)
	default:
		r.problem(r.placeOf(n), path, "this build cannot read a key of type %s", v.Type())
	}
}

func (r *reading) scalar(n *yaml.Node, v reflect.Value, path, name string, secret bool) {
	at := r.placeOf(n)
	if n.Kind != yaml.ScalarNode {
		r.problem(at, path, "want %s, got %s", describe(v.Type()), got(n))
		return
	}
	if n.Tag == "!!null" {
		r.problem(at, path, "the key has no value: give it one (%s), or leave the line out to keep the default", describe(v.Type()))
		return
	}
	if err := setText(v, name, n.Value); err != nil {
		r.unread[path] = true
		r.problem(at, path, "%s", refusal(err, n.Value, secret))
	}
}

// refusal adds what was written to what would be right, unless it is nobody's business.
func refusal(err error, written string, secret bool) string {
	if secret {
		return err.Error()
	}
	const longest = 80
	if len(written) > longest {
		written = written[:longest] + "…"
	}
	return fmt.Sprintf("%v, got %q", err, written)
}

func (r *reading) list(n *yaml.Node, v reflect.Value, path, name string, secret bool) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		r.problem(r.placeOf(n), path, "the list is empty: write [] for none, or leave the line out to keep the default")
		return
	}
	if n.Kind != yaml.SequenceNode {
		r.problem(r.placeOf(n), path, "want a %s, such as [a, b], got %s", describe(v.Type()), got(n))
		return
	}
	if len(n.Content) == 0 {
		v.SetZero() // one form of empty, so that readings can be compared
		return
	}
	items := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		if r.full() {
			break
		}
		full := fmt.Sprintf("%s[%d]", path, i)
		r.places[full] = r.placeOf(item)
		r.value(item, items.Index(i), full, name, secret)
	}
	v.Set(items)
}

func (r *reading) table(n *yaml.Node, v reflect.Value, path, name string, secret bool) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		r.problem(r.placeOf(n), path, "the map is empty: write {} for none, or leave the line out to keep the default")
		return
	}
	if n.Kind != yaml.MappingNode {
		r.problem(r.placeOf(n), path, "want a %s, such as {a: b}, got %s", describe(v.Type()), got(n))
		return
	}
	if len(n.Content) == 0 {
		v.SetZero()
		return
	}
	items := reflect.MakeMapWithSize(v.Type(), len(n.Content)/2)
	seen := map[string]Place{}
	for i := 0; i+1 < len(n.Content) && !r.full(); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if !r.once(seen, key, path) {
			continue
		}
		full := join(path, key.Value)
		r.places[full] = r.placeOf(key)
		k := reflect.New(v.Type().Key()).Elem()
		if err := setText(k, "", key.Value); err != nil {
			r.problem(r.placeOf(key), path, "the name %q: %v", key.Value, err)
			continue
		}
		item := reflect.New(v.Type().Elem()).Elem()
		r.value(value, item, full, name, secret)
		items.SetMapIndex(k, item)
	}
	v.Set(items)
}

// override puts the text of a variable or flag into a key.
func (r *reading) override(root reflect.Value, k Key, at Place, written string) {
	v := root
	for _, i := range k.index {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				v.Set(reflect.New(v.Type().Elem()))
			}
			v = v.Elem()
		}
		v = v.Field(i)
	}
	for v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	r.places[k.Path] = at
	name := k.Path[strings.LastIndexByte(k.Path, '.')+1:]
	if err := setJoined(v, name, written); err != nil {
		r.unread[k.Path] = true
		r.problem(at, k.Path, "%s", refusal(err, written, k.Secret))
	}
}

func setJoined(v reflect.Value, name, written string) error {
	if isScalar(v.Type()) {
		return setText(v, name, written)
	}
	var parts []string
	if strings.TrimSpace(written) != "" {
		parts = strings.Split(written, ",")
	}
	if len(parts) == 0 {
		v.SetZero()
		return nil
	}
	if v.Kind() == reflect.Slice {
		items := reflect.MakeSlice(v.Type(), len(parts), len(parts))
		for i, part := range parts {
			if err := setText(items.Index(i), name, strings.TrimSpace(part)); err != nil {
				return fmt.Errorf("item %d: %w", i+1, err)
			}
		}
		v.Set(items)
		return nil
	}
	items := reflect.MakeMapWithSize(v.Type(), len(parts))
	for i, part := range parts {
		left, right, ok := strings.Cut(part, "=")
		if !ok {
			return fmt.Errorf("item %d: want NAME=VALUE between commas", i+1)
		}
		key, item := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		if err := setText(key, "", strings.TrimSpace(left)); err != nil {
			return fmt.Errorf("item %d, the name: %w", i+1, err)
		}
		if err := setText(item, name, strings.TrimSpace(right)); err != nil {
			return fmt.Errorf("item %d: %w", i+1, err)
		}
		items.SetMapIndex(key, item)
	}
	v.Set(items)
	return nil
}

// loadError keeps the line that the YAML library names, which is nearer than ours.
func (r *reading) loadError(err error, at Place, path string) {
	var many *yaml.LoadErrors
	if errors.As(err, &many) {
		for _, one := range many.Errors {
			r.loadError(one, at, path)
		}
		return
	}
	said := strings.TrimPrefix(err.Error(), "yaml: ")
	var one *yaml.LoadError
	if errors.As(err, &one) && one.Mark.Line > 0 {
		at.Line, at.Column = one.Mark.Line, max(one.Mark.Column, 1)
		if _, rest, ok := strings.Cut(said, ": "); ok && strings.HasPrefix(said, "line ") {
			said = rest
		}
	}
	r.problem(at, path, "%s", said)
}

func got(n *yaml.Node) string {
	switch n.Kind {
	case yaml.SequenceNode:
		return "a list"
	case yaml.MappingNode:
		return "a section of keys"
	case yaml.ScalarNode:
		if n.Tag == "!!null" {
			return "nothing"
		}
		return "one value"
	}
	return "something else"
}
