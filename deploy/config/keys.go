package config

import (
	"reflect"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// A field is one key of a section: a struct field with a `yaml` tag.
type field struct {
	name   string
	doc    string
	secret bool
	index  []int
	typ    reflect.Type
}

// fieldsOf lists the keys of a section in the order of its struct. A field tagged `yaml:",inline"` adds its own.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if options == "inline" && deref(f.Type).Kind() == reflect.Struct {
			for _, inner := range fieldsOf(deref(f.Type)) {
				inner.index = append([]int{i}, inner.index...)
				fields = append(fields, inner)
			}
			continue
		}
		if name == "" || name == "-" || !f.IsExported() {
			continue
		}
		fields = append(fields, field{
			name: name, doc: f.Tag.Get("doc"), secret: f.Tag.Get("secret") == "true" || holdsSecret(f.Type), index: []int{i}, typ: f.Type,
		})
	}
	return fields
}

// holdsSecret recognizes the roles' own types for texts that are never printed: they are called Secret.
func holdsSecret(t reflect.Type) bool {
	switch t = deref(t); t.Kind() {
	case reflect.Slice, reflect.Map:
		return holdsSecret(t.Elem())
	case reflect.String:
		return t.Name() == "Secret"
	}
	return false
}

func deref(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// isSection tells a struct of keys from a struct that is one value (it reads itself from text).
func isSection(t reflect.Type) bool {
	t = deref(t)
	return t.Kind() == reflect.Struct && !reflect.PointerTo(t).Implements(textUnmarshalerType) && !reflect.PointerTo(t).Implements(nodeUnmarshalerType)
}

func isScalar(t reflect.Type) bool {
	t = deref(t)
	if t == durationType || reflect.PointerTo(t).Implements(textUnmarshalerType) {
		return true
	}
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	}
	return false
}

// fitsOneText tells whether a variable or flag can carry the key's value: a scalar, scalars between commas, or NAME=scalar
// between commas.
func fitsOneText(t reflect.Type) bool {
	t = deref(t)
	switch {
	case isScalar(t):
		return true
	case t.Kind() == reflect.Slice:
		return isScalar(t.Elem())
	case t.Kind() == reflect.Map:
		return isScalar(t.Key()) && isScalar(t.Elem())
	}
	return false
}

// A Key is one setting that a variable and --set can change, or one list of sections that only the file can hold.
type Key struct {
	Path   string // "kafka.brokers"
	Type   string // "duration", "list of texts", …
	Doc    string
	Secret bool
	// Variable is the environment variable's name; empty for a list of sections.
	Variable string
	// Default is the built-in value as a person would write it; empty when it is the empty value or a secret.
	Default string

	index []int
	typ   reflect.Type
}

// VariablePrefix starts the name of every environment variable that Tributary reads.
const VariablePrefix = "TRIBUTARY_"

func variable(path string) string {
	return VariablePrefix + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}

// Keys lists every key in the order of the structs, lists of sections with their own keys as "catalog.offers[].name".
func Keys() []Key {
	defaults := Defaults()
	return keysOf(rootOf(&defaults), "", false, nil)
}

func keysOf(v reflect.Value, path string, inList bool, index []int) []Key {
	var keys []Key
	for _, f := range fieldsOf(v.Type()) {
		at := slices.Concat(index, f.index)
		full := join(path, f.name)
		value := v.FieldByIndex(f.index)
		if isSection(f.typ) {
			keys = append(keys, keysOf(settled(value), full, inList, at)...)
			continue
		}
		k := Key{Path: full, Type: describe(f.typ), Doc: f.doc, Secret: f.secret, index: at, typ: f.typ}
		switch {
		case inList:
		case fitsOneText(f.typ):
			k.Variable = variable(full)
			if !f.secret {
				k.Default = joined(value, f.name)
			}
		}
		keys = append(keys, k)
		if t := deref(f.typ); t.Kind() == reflect.Slice && isSection(t.Elem()) {
			keys = append(keys, keysOf(reflect.New(deref(t.Elem())).Elem(), full+"[]", true, nil)...)
		}
	}
	return keys
}

// settled follows pointers, standing in a zero value for nil.
func settled(v reflect.Value) reflect.Value {
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v = reflect.New(v.Type().Elem())
		}
		v = v.Elem()
	}
	return v
}

// joined is a value in the form a variable takes.
func joined(v reflect.Value, name string) string {
	v = settled(v)
	switch {
	case isScalar(v.Type()):
		return text(v, name)
	case v.Kind() == reflect.Slice:
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = text(v.Index(i), name)
		}
		return strings.Join(parts, ",")
	case v.Kind() == reflect.Map:
		parts := make([]string, 0, v.Len())
		for _, k := range sortedKeys(v) {
			parts = append(parts, text(k, "")+"="+text(v.MapIndex(k), name))
		}
		return strings.Join(parts, ",")
	}
	return ""
}

func sortedKeys(m reflect.Value) []reflect.Value {
	keys := m.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int {
		if a.CanInt() {
			return int(a.Int() - b.Int())
		}
		if a.CanUint() {
			return int(a.Uint()) - int(b.Uint())
		}
		return strings.Compare(text(a, ""), text(b, ""))
	})
	return keys
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// nearest is the known name with the smallest edit distance; of equals the first.
func nearest(name string, known []string) string {
	best, least := "", 0
	for _, k := range known {
		if d := levenshtein.ComputeDistance(strings.ToLower(name), strings.ToLower(k)); best == "" || d < least {
			best, least = k, d
		}
	}
	return best
}

var configType = reflect.TypeFor[Config]()
