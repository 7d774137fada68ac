package published

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"tributary/catalog"
	"tributary/catalog/control"
)

// What a difference is.
const (
	Added   = "added"
	Removed = "removed"
	Changed = "changed"
)

// A Difference is one entry that two catalogs have otherwise.
type Difference struct {
	Kind, ID, What string
	was, is        any
}

// Lines say the difference in words, a line a key; secrets are redacted.
func (d *Difference) Lines() []string {
	name := d.Kind + " " + d.ID
	switch d.What {
	case Removed:
		return []string{name + ": removed"}
	case Added:
		return []string{name + ": added, " + shown(d.is)}
	}
	var lines []string
	differing(&lines, name+":", "", d.was, d.is)
	return lines
}

// differing adds a line for each key in which two values differ.
func differing(lines *[]string, name, path string, was, is any) {
	a, aIs := was.(map[string]any)
	b, bIs := is.(map[string]any)
	if (aIs || was == nil) && (bIs || is == nil) && (aIs || bIs) {
		keys := maps.Clone(a)
		if keys == nil {
			keys = map[string]any{}
		}
		maps.Copy(keys, b)
		for _, k := range slices.Sorted(maps.Keys(keys)) {
			full := k
			if path != "" {
				full = path + "." + k
			}
			differing(lines, name, full, a[k], b[k])
		}
		return
	}
	switch {
	case reflect.DeepEqual(was, is):
	case was == nil:
		*lines = append(*lines, fmt.Sprintf("%s %s set to %s", name, path, shown(is)))
	case is == nil:
		*lines = append(*lines, fmt.Sprintf("%s %s no longer set, was %s", name, path, shown(was)))
	default:
		*lines = append(*lines, fmt.Sprintf("%s %s from %s to %s", name, path, shown(was), shown(is)))
	}
}

// shown is a value for a person.
func shown(v any) string {
	raw, err := json.Marshal(masked(v))
	if err != nil {
		return fmt.Sprint(masked(v))
	}
	return string(raw)
}

// masked is a value without its secrets.
func masked(v any) any {
	switch v := v.(type) {
	case clear:
		return redacted
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, inner := range v {
			out[k] = masked(inner)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = masked(inner)
		}
		return out
	}
	return v
}

// Diff returns in what the wanted catalog differs from what is in force.
func Diff(now *control.State, want catalog.Config) ([]Difference, error) {
	want.Networks, want.Destinations = slices.Clone(want.Networks), slices.Clone(want.Destinations)
	if err := keepSecrets(&want, now); err != nil {
		return nil, err
	}
	_, found, err := changesOf(now, &want)
	return found, err
}

// Export returns what is in force as the section "catalog" of a configuration, without the keys of click IDs and the base
// currency. Without secrets those read (redacted), and applying them keeps the ones in force.
func Export(s *control.State, secrets bool) ([]byte, error) {
	section := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for _, l := range lists {
		items := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for _, e := range sorted(s, l.kind) {
			item, err := l.decode(e.ID, e.Value)
			if err != nil {
				return nil, err
			}
			node, err := nodeOf(item, secrets)
			if err != nil {
				return nil, fmt.Errorf("writing the %s %q: %w", l.kind, e.ID, err)
			}
			items.Content = append(items.Content, node)
		}
		if len(items.Content) == 0 {
			items.Style = yaml.FlowStyle
		}
		section.Content = append(section.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: l.key}, items)
	}
	document := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Content: []*yaml.Node{
		{Kind: yaml.ScalarNode, Tag: "!!str", Value: "catalog"}, section,
	}}
	var out strings.Builder
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(document); err != nil {
		return nil, err
	}
	if err := encoder.Close(); err != nil {
		return nil, err
	}
	return []byte(out.String()), nil
}

// nodeOf writes an item with its keys in the order of its declaration.
func nodeOf(item reflect.Value, secrets bool) (*yaml.Node, error) {
	fields, _ := plain(item).(map[string]any)
	node := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for i := range item.NumField() {
		name, _, _ := strings.Cut(item.Type().Field(i).Tag.Get("yaml"), ",")
		value, there := fields[name]
		if !there {
			continue
		}
		if !secrets {
			value = masked(value)
		}
		var inner yaml.Node
		if err := inner.Encode(value); err != nil {
			return nil, err
		}
		node.Content = append(node.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: name}, &inner)
	}
	return node, nil
}
