package published

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"tributary/catalog"
	"tributary/catalog/control"
	"tributary/catalog/trust"
)

// TestEveryKeyTravels: whatever an item declares comes back from its entry; a key that is added later too.
func TestEveryKeyTravels(t *testing.T) {
	for _, l := range lists {
		item := reflect.New(l.items(&catalog.Config{}).Type().Elem()).Elem()
		fill(item, 0)
		value, err := encode(item)
		if err != nil {
			t.Fatal(err)
		}
		got, err := l.decode(l.name(item), value)
		if err != nil {
			t.Fatalf("%s: %v\n%s", l.kind, err, value)
		}
		if !reflect.DeepEqual(got.Interface(), item.Interface()) {
			t.Errorf("%s: %+v, want %+v", l.kind, got, item)
		}
		again, err := encode(got)
		if err != nil || !bytes.Equal(again, value) {
			t.Errorf("%s: written again %s, %v", l.kind, again, err)
		}
		// As YAML it is what a configuration has.
		node, err := nodeOf(item, true)
		if err != nil {
			t.Fatal(err)
		}
		back := reflect.New(item.Type())
		text, err := yaml.Marshal(node)
		if err != nil {
			t.Fatal(err)
		}
		decoder := yaml.NewDecoder(bytes.NewReader(text))
		decoder.KnownFields(true)
		if err := decoder.Decode(back.Interface()); err != nil || !reflect.DeepEqual(back.Elem().Interface(), item.Interface()) {
			t.Errorf("%s: as YAML %v:\n%s", l.kind, err, text)
		}
	}
}

// fill gives every field a value of its own.
func fill(v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), depth+i+1)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(1), depth+1) // and one that is nothing
		if v.Type().Elem().Kind() != reflect.Struct {
			fill(v.Index(0), depth+2)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, depth+1)
		v.SetMapIndex(key, value) // of nothing: a weight of 0
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	case reflect.String:
		v.SetString("text: \"é\" " + strings.Repeat("x", depth))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int64:
		if v.Type() == reflect.TypeFor[time.Duration]() {
			v.SetInt(int64(time.Duration(depth+1) * time.Minute))
			return
		}
		v.SetInt(int64(depth + 1))
	case reflect.Int:
		v.SetInt(int64(depth + 1))
	default:
		panic("a catalog has a key of the kind " + v.Kind().String() + ": say how it travels (plain)")
	}
}

// TestOrderMeansNothing: lists come back by name.
func TestOrderMeansNothing(t *testing.T) {
	a := catalog.SourceConfig{ID: 2, Name: "b"}
	b := catalog.SourceConfig{ID: 1, Name: "a"}
	var want [2]string
	for i, list := range [][]catalog.SourceConfig{{a, b}, {b, a}} {
		_, found, err := changesOf(&control.State{}, &catalog.Config{Sources: list})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, d := range found {
			names = append(names, d.ID)
		}
		slices.Sort(names)
		want[i] = strings.Join(names, " ")
	}
	if want[0] != want[1] {
		t.Errorf("%q", want)
	}
}

// TestSecretsAreNotShown in what a person reads, and are told apart all the same.
func TestSecretsAreNotShown(t *testing.T) {
	network := func(secret string) any {
		return plain(reflect.ValueOf(catalog.NetworkConfig{Name: "acme", Trust: catalog.TrustConfig{Tokens: map[string]trust.Secret{"one": trust.Secret(secret)}}}))
	}
	d := Difference{Kind: "network", ID: "acme", What: Changed, was: network("the first secret"), is: network("the second secret")}
	if lines := d.Lines(); len(lines) != 1 || lines[0] != `network acme: trust.tokens.one from "(redacted)" to "(redacted)"` {
		t.Errorf("%q", lines)
	}
	d = Difference{Kind: "network", ID: "acme", What: Added, is: network("the first secret")}
	if lines := d.Lines(); len(lines) != 1 || strings.Contains(lines[0], "secret") {
		t.Errorf("%q", lines)
	}
}
