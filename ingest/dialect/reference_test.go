package dialect

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"tributary/schemas/events"
)

var update = flag.Bool("update", false, "write DIALECTS.md")

// TestReference keeps DIALECTS.md, which people read, what the tables say.
func TestReference(t *testing.T) {
	const file = "DIALECTS.md"
	got := reference()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Error(file + " is not what the tables say; go test ./ingest/dialect -run TestReference -update writes it")
	}
}

func reference() string {
	var b strings.Builder
	b.WriteString("<!-- Written by go test ./ingest/dialect -run TestReference -update; change the tables instead. -->\n# Dialects\n\n" +
		"How links and postbacks of other trackers and networks are read. Left of an arrow is their name, right of it ours;\n" +
		"names that are read and have no place here are left out.\n\n" +
		"- A link is known by its path; the campaign that it names is one's `name` or one of its `aliases`. `catalog.sources[].link_params`\n" +
		"  adds parameters that its owner had named.\n" +
		"- A postback belongs to the network in `/postback/{network}` or in the parameter `network`, else to the one declared network with the\n" +
		"  dialect of its path (`catalog.networks[].dialect`), or the one of them that is named `default`. `params`, `events`, `statuses` and\n" +
		"  `unknown_status` of the network add to its dialect. GET, a form and JSON are read alike.\n" +
		"- A token of the dialect, or the `{key}` in a path, is proved against the network's `trust.tokens`; where none is declared nobody asks for it.\n" +
		"- Where no answer is named, it is the edge's own.\n" +
		"- A payout below 0 is refused where nothing else is said; `negative_payout: correct` of the network makes a correction of it.\n")
	for _, d := range All {
		fmt.Fprintf(&b, "\n## %s\n\n| | |\n|---|---|\n", d.Name)
		if d.HasLinks() {
			row(&b, "link", paths(d.Link.Paths))
			row(&b, "link parameters", fields(d.Link.Names))
			if d.Link.Free {
				row(&b, "", "its owner may have named others; a source's configuration adds them")
			}
		}
		if t := &d.Postback; d.HasPostbacks() {
			row(&b, "postback", paths(t.Paths))
			var names []string
			for _, n := range t.Names {
				if n.Param < Params {
					names = append(names, "`"+n.Name+"` → "+n.Param.String())
				}
			}
			row(&b, "postback parameters", strings.Join(names, ", "))
			var words []string
			for _, w := range t.Words {
				words = append(words, "`"+w.Word+"` → "+statusName(w.Status))
			}
			row(&b, "status words", strings.Join(words, ", "))
			row(&b, "without a status", statusName(t.Default))
			if len(t.Deletes) > 0 {
				row(&b, "taken back by", "payout `"+strings.Join(t.Deletes, "`, `")+"`")
			}
			if t.Corrects {
				row(&b, "payout below 0", "a correction, unless the network's `negative_payout` is refuse")
			}
			if t.Accepted.Status != 0 {
				row(&b, "answer, accepted", reply(t.Accepted))
			}
			if t.Refused.Status != 0 {
				row(&b, "answer, refused", reply(t.Refused))
			}
		}
		if len(d.Placeholders) > 0 {
			row(&b, "placeholders", "`"+strings.Join(d.Placeholders, "`, `")+"`")
		}
		if len(d.Pages) > 0 {
			row(&b, "from", strings.Join(d.Pages, " "))
		}
		row(&b, "customary, not documented", strings.Join(d.Customary, "; "))
	}
	return b.String()
}

func row(b *strings.Builder, name, text string) {
	if text != "" {
		fmt.Fprintf(b, "| %s | %s |\n", name, text)
	}
}

func reply(r Reply) string {
	if r.Body == "" {
		return strconv.Itoa(r.Status)
	}
	return strconv.Itoa(r.Status) + " `" + r.Body + "`"
}

func statusName(s events.Status) string {
	return strings.ToLower(strings.TrimPrefix(s.String(), "STATUS_"))
}

func paths(list []Path) string {
	var all []string
	for _, p := range list {
		text := p.Pattern
		if len(p.Has) > 0 {
			text += "?" + strings.Join(p.Has, "=…&") + "=…"
		}
		text = "`" + text + "`"
		switch p.Shape {
		case UUID:
			text += " (UUID)"
		case Hex24:
			text += " (24 hexadecimal digits)"
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

// fields writes ranges of sub-IDs as such.
func fields(names []FieldName) string {
	var all []string
	for i := 0; i < len(names); i++ {
		n := names[i]
		if n.Field == Ignored {
			continue
		}
		prefix := strings.TrimRight(n.Name, "0123456789")
		j := i
		for j+1 < len(names) && n.Field >= Sub1 && names[j+1].Name == prefix+strconv.Itoa(j+2-i) && names[j+1].Field == n.Field+Field(j+1-i) && n.Name == prefix+"1" {
			j++
		}
		if j > i {
			all = append(all, "`"+n.Name+"` to `"+names[j].Name+"` → "+n.Field.String()+" to "+names[j].Field.String())
		} else {
			all = append(all, "`"+n.Name+"` → "+n.Field.String())
		}
		i = j
	}
	return strings.Join(all, ", ")
}
