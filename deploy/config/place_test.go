package config

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
)

// TestANewKey counts the places: two, a field with its tags, and its default with its check. What the file, a variable
// and --set read, what is printed, the reference, and the nearest name of a mistyped key follow.
func TestANewKey(t *testing.T) {
	type role struct {
		Listen string        `yaml:"listen" doc:"Address."`
		Grace  time.Duration `yaml:"grace" doc:"How long it waits."`
	}
	c := role{Grace: 5 * time.Second}
	root := reflect.ValueOf(&c).Elem()
	keys := keysOf(root, "role", false, nil)
	if len(keys) != 2 {
		t.Fatalf("%v", keys)
	}
	if k := keys[1]; k.Path != "role.grace" || k.Type != "duration" || k.Doc != "How long it waits." ||
		k.Default != "5s" ||
		k.Variable != "TRIBUTARY_ROLE_GRACE" {
		t.Errorf("the key is %+v", k)
	}
	read := func(text string) *reading {
		var document yaml.Node
		if err := yaml.Unmarshal([]byte(text), &document); err != nil {
			t.Fatal(err)
		}
		r := newReading("tributary.yaml")
		r.section(document.Content[0], root, "role")
		return r
	}
	r := read("grace: 7s\n")
	if len(r.problems) != 0 || c.Grace != 7*time.Second {
		t.Errorf("the file: %s, %v", c.Grace, r.problems)
	}
	if r.environment([]string{"TRIBUTARY_ROLE_GRACE=8s"}, keys, root); len(r.problems) != 0 || c.Grace != 8*time.Second {
		t.Errorf("the variable: %s, %v", c.Grace, r.problems)
	}
	if r.flags([]string{"role.grace=9s"}, keys, root); len(r.problems) != 0 || c.Grace != 9*time.Second {
		t.Errorf("--set: %s, %v", c.Grace, r.problems)
	}
	if r := read("grase: 7s\n"); len(r.problems) != 1 || !strings.Contains(r.problems[0].Error(), "grace") {
		t.Errorf("a mistyped key: %v", r.problems)
	}
}
