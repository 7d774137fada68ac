package config

import (
	"fmt"
	"strings"
)

// Reference is the table of every key as Markdown, made from the structs: what deploy/CONFIG.md and the README hold.
func Reference() string {
	var b strings.Builder
	section := "\x00"
	for _, k := range Keys() {
		top, _, nested := strings.Cut(k.Path, ".")
		if !nested {
			top = ""
		}
		if list, _, ok := strings.Cut(k.Path, "[]"); ok {
			top = list + "[]"
		}
		if top != section {
			section = top
			switch {
			case top == "":
				fmt.Fprintf(&b, "\n### Top level\n\n")
			case strings.HasSuffix(top, "[]"):
				fmt.Fprintf(&b, "\n### Each of `%s`\n\n", strings.TrimSuffix(top, "[]"))
			default:
				fmt.Fprintf(&b, "\n### `%s`\n\n", top)
			}
			if strings.HasSuffix(top, "[]") {
				b.WriteString("| key | value | meaning |\n|---|---|---|\n")
			} else {
				b.WriteString("| key | value | default | meaning |\n|---|---|---|---|\n")
			}
		}
		if strings.HasSuffix(section, "[]") {
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", strings.TrimPrefix(k.Path, section+"."), k.Type, cell(k.Doc))
			continue
		}
		standard := ""
		if k.Default != "" {
			standard = "`" + k.Default + "`"
		}
		if k.Secret {
			k.Doc = strings.TrimPrefix(strings.TrimRight(k.Doc, ". ")+". Secret: never printed.", ". ")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.Path, k.Type, cell(standard), cell(k.Doc))
	}
	return strings.TrimPrefix(b.String(), "\n")
}

func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }
