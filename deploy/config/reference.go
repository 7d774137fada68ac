package config

import (
	"fmt"
	"strings"
)

// Reference is the table of every key as Markdown, made from the structs: what docs/configuration.md holds. Each section has
// its keys, then those of the entries of its lists.
func Reference() string {
	var order []string
	sections := map[string][]Key{}
	for _, k := range Keys() {
		section := group(k.Path)
		if sections[section] == nil {
			order = append(order, section)
		}
		sections[section] = append(sections[section], k)
	}
	var b strings.Builder
	for _, section := range order {
		if list, is := strings.CutSuffix(section, "[]"); is {
			fmt.Fprintf(&b, "\n### Each of `%s`\n\n| key | value | meaning |\n|---|---|---|\n", list)
			for _, k := range sections[section] {
				fmt.Fprintf(&b, "| `%s` | %s | %s |\n", strings.TrimPrefix(k.Path, section+"."), k.Type, cell(k.Doc))
			}
			continue
		}
		heading := "Top level"
		if section != "" {
			heading = "`" + section + "`"
		}
		fmt.Fprintf(&b, "\n## %s\n\n| key | value | default | meaning |\n|---|---|---|---|\n", heading)
		for _, k := range sections[section] {
			standard := ""
			if k.Default != "" {
				standard = "`" + k.Default + "`"
			}
			if k.Secret {
				k.Doc = strings.TrimPrefix(strings.TrimRight(k.Doc, ". ")+". Secret: never printed.", ". ")
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.Path, k.Type, cell(standard), cell(k.Doc))
		}
	}
	return strings.TrimPrefix(b.String(), "\n")
}

// group returns the section that a key's path is in: "" at the top level, and "list[]" of an entry of a list.
func group(path string) string {
	if list, _, is := strings.Cut(path, "[]"); is {
		return list + "[]"
	}
	section, _, nested := strings.Cut(path, ".")
	if !nested {
		return ""
	}
	return section
}

func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }
