package dialect

import (
	"flag"
	"fmt"
	"os"
	"slices"
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
		t.Error(file + " is not what the tables say; go test ./catalog/dialect -run TestReference -update writes it")
	}
}

func reference() string {
	var b strings.Builder
	b.WriteString("<!-- Written by go test ./catalog/dialect -run TestReference -update; change the tables instead. -->\n# Dialects\n\n" +
		"How links and postbacks of other trackers and networks are read. Left of an arrow is their name, right of it ours;\n" +
		"every parameter that a page of the sender names is in a table, with what it is taken as and where it was read.\n\n" +
		"- A link is known by its path; the campaign that it names is one's `name` or one of its `aliases`. `catalog.sources[].link_params`\n" +
		"  adds parameters that its owner had named.\n" +
		"- A postback belongs to the network in `/postback/{network}` or in the parameter `network`, else to the one declared network with the\n" +
		"  dialect of its path (`catalog.networks[].dialect`), or the one of them that is named `default`. `params`, `events`, `statuses` and\n" +
		"  `unknown_status` of the network add to its dialect. GET, a form and JSON are read alike.\n" +
		"- A token of the dialect, or the `{key}` in a path, is proved against the network's `trust.tokens`; where none is declared nobody asks for it.\n" +
		"- Where no answer is named, it is the edge's own.\n" +
		"- A payout below 0 is refused where nothing else is said; `negative_payout: correct` of the network makes a correction of it.\n" +
		"- What is not taken is counted in `tributary_ingest_postback_params_not_taken_total` and named in the answer and in the receipt:\n" +
		"  docs/understood.md. A network's `params` takes it, as in `params: {adv_sub: txid}`.\n")
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
		paramTables(&b, d)
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

// paramTables says of each parameter of a dialect's postbacks and links what it is taken as and on which pages it was read.
func paramTables(b *strings.Builder, d *Dialect) {
	pages := documented[d.Name]
	if d.HasPostbacks() {
		b.WriteString("\n| parameter of a postback | taken as | read at |\n|---|---|---|\n")
		var all []parameter
		for _, n := range d.Postback.Names {
			as := n.Param.String()
			switch {
			case n.Param == ParamIgnored:
				as = "not taken: it has no place"
			case n.Form == Second:
				as += ", where no other parameter is it"
			}
			all = append(all, parameter{n.Name, as, readAt(pages, n.Name, func(p documentedAt) string { return p.postback })})
		}
		writeParameters(b, all)
	}
	if d.HasLinks() {
		b.WriteString("\n| parameter of a link | taken as | read at |\n|---|---|---|\n")
		var all []parameter
		for _, n := range d.Link.Names {
			as := n.Field.String()
			if n.Field == Ignored {
				as = "not taken: it has no place"
			}
			if n.Field >= Sub1 {
				as = "the sub-ID of its place"
				if stem := strings.TrimRight(n.Name, "0123456789"); stem == n.Name || n.Name[len(stem):] != strconv.Itoa(int(n.Field-Sub1)+1) {
					as = n.Field.String()
				}
			}
			all = append(all, parameter{n.Name, as, readAt(pages, n.Name, func(p documentedAt) string { return p.link })})
		}
		writeParameters(b, all)
	}
	b.WriteByte('\n')
	for i, p := range pages {
		fmt.Fprintf(b, "%d. %s\n", i+1, p.page)
	}
}

type parameter struct{ name, as, at string }

// readAt are the numbers of the pages that name a parameter.
func readAt(pages []documentedAt, name string, list func(documentedAt) string) string {
	var at []string
	for i, p := range pages {
		if slices.Contains(spread(list(p)), name) {
			at = append(at, strconv.Itoa(i+1))
		}
	}
	if at == nil {
		return "customary"
	}
	return strings.Join(at, ", ")
}

// writeParameters writes a line for each, and one for those that differ in their number alone.
func writeParameters(b *strings.Builder, all []parameter) {
	for i := 0; i < len(all); i++ {
		first := all[i]
		stem := strings.TrimRight(first.name, "0123456789")
		j := i
		for j+1 < len(all) && stem != first.name && strings.TrimRight(all[j+1].name, "0123456789") == stem && all[j+1].as == first.as && all[j+1].at == first.at {
			j++
		}
		name := "`" + first.name + "`"
		if j > i {
			name += " to `" + all[j].name + "`"
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", name, first.as, first.at)
		i = j
	}
}

// TestDocumentedParametersAreKnown: what a sender's page names is in its dialect's table, taken or not.
func TestDocumentedParametersAreKnown(t *testing.T) {
	for _, d := range All {
		pages, ok := documented[d.Name]
		if !ok {
			t.Errorf("%s: no page is named", d.Name)
		}
		for _, p := range pages {
			for _, name := range spread(p.postback) {
				if !slices.ContainsFunc(d.Postback.Names, func(n ParamName) bool { return n.Name == name }) {
					t.Errorf("%s: %s names the postback's parameter %s, which the table lacks", d.Name, p.page, name)
				}
			}
			for _, name := range spread(p.link) {
				if !slices.ContainsFunc(d.Link.Names, func(n FieldName) bool { return n.Name == name }) {
					t.Errorf("%s: %s names the link's parameter %s, which the table lacks", d.Name, p.page, name)
				}
			}
		}
	}
}

// TestEveryDialectTakesACurrency: ten euros are not ten dollars, whoever sends them.
func TestEveryDialectTakesACurrency(t *testing.T) {
	for _, d := range All {
		amount := d.Postback.nameOf(Payout)
		if amount == "" {
			amount = d.Postback.nameOf(SaleAmount)
		}
		_, r, v, problem := readPostback(t, d, Custom{}, d.Postback.nameOf(ClickID)+"=c1&"+amount+"=10&currency=EUR")
		if problem != nil || string(v.Currency) != "EUR" || len(r.Dropped) > 0 {
			t.Errorf("%s: currency %q, dropped %q, %v", d.Name, v.Currency, r.Dropped, problem)
		}
	}
}

func (t *PostbackTable) nameOf(p Param) string {
	for _, n := range t.Names {
		if n.Param == p {
			return n.Name
		}
	}
	return ""
}
