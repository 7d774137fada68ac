package config

import (
	"bytes"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Redacted stands in a printout where a secret is.
const Redacted = "(redacted)"

// Print is the configuration as it is in force, in the file's own form, with a comment at every key that says where its
// value came from. Secrets that are set read Redacted.
func (l *Loaded) Print() ([]byte, error) {
	node := l.node(rootOf(&l.Config), "", "", false)
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(node); err != nil {
		return nil, fmt.Errorf("printing the configuration: %w", err)
	}
	if err := encoder.Close(); err != nil {
		return nil, fmt.Errorf("printing the configuration: %w", err)
	}
	return out.Bytes(), nil
}

// origin is the comment of one key: "default", "file:12", "TRIBUTARY_LOG_LEVEL", "--set".
func (l *Loaded) origin(path string) string {
	place, ok := l.places[path]
	switch {
	case !ok && strings.HasPrefix(path, keysPath) && len(l.Config.Catalog.ClickIDKeys.Keys) > 0:
		return "made by tributary up"
	case !ok && l.StoodIn && strings.HasPrefix(path, SectionCatalog+"."):
		return "built-in example"
	case !ok:
		return "default"
	case place.Line > 0:
		return fmt.Sprintf("file, line %d", place.Line)
	case strings.HasPrefix(place.Source, "--set "):
		return "--set"
	}
	return place.Source
}

func (l *Loaded) node(v reflect.Value, path, name string, secret bool) *yaml.Node {
	if v.Kind() == reflect.Pointer && v.IsNil() {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
	}
	v = settled(v)
	switch {
	case isSection(v.Type()):
		mapping := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		for _, f := range fieldsOf(v.Type()) {
			full := join(path, f.name)
			key := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: f.name}
			value := l.node(v.FieldByIndex(f.index), full, f.name, f.secret)
			// Items of a list share the comment of their list: one list has one origin.
			if !isSection(f.typ) && !strings.Contains(path, "[") {
				if value.Kind == yaml.ScalarNode || value.Style&yaml.FlowStyle != 0 {
					value.LineComment = l.origin(full)
				} else {
					key.HeadComment = l.origin(full)
				}
			}
			mapping.Content = append(mapping.Content, key, value)
		}
		return mapping
	case isScalar(v.Type()):
		return scalarNode(v, name, secret)
	case v.Kind() == reflect.Slice:
		sequence := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		if isScalar(v.Type().Elem()) || v.Len() == 0 {
			sequence.Style = yaml.FlowStyle
		}
		for i := range v.Len() {
			sequence.Content = append(sequence.Content, l.node(v.Index(i), fmt.Sprintf("%s[%d]", path, i), name, secret))
		}
		return sequence
	case v.Kind() == reflect.Map:
		mapping := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		if isScalar(v.Type().Elem()) || v.Len() == 0 {
			mapping.Style = yaml.FlowStyle
		}
		for _, k := range sortedKeys(v) {
			key := scalarNode(k, "", false)
			mapping.Content = append(mapping.Content, key, l.node(v.MapIndex(k), join(path, key.Value), name, secret))
		}
		return mapping
	}
	var node yaml.Node
	if err := node.Encode(v.Interface()); err != nil {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: fmt.Sprint(v.Interface())}
	}
	return &node
}

func scalarNode(v reflect.Value, name string, secret bool) *yaml.Node {
	node := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str"}
	if secret && !v.IsZero() {
		node.Value = Redacted
		return node
	}
	node.Value = text(v, name)
	switch {
	case v.Type() == durationType, reflect.PointerTo(v.Type()).Implements(textUnmarshalerType):
	case v.Kind() == reflect.Bool:
		node.Tag = "!!bool"
	case v.Kind() == reflect.Float32, v.Kind() == reflect.Float64:
		node.Tag = "!!float"
	case v.CanInt(), v.CanUint():
		if _, err := strconv.ParseInt(node.Value, 10, 64); err == nil { // not a size with its unit
			node.Tag = "!!int"
		}
	}
	return node
}
