package destination

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestReference holds TEMPLATES.md against what templates and macros are.
func TestReference(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Templates and macros\n\nWritten by `go test ./catalog/destination -run TestReference -update`; how they are used: [docs/outbound.md](../../docs/outbound.md).\n")
	for _, kind := range []struct{ kind, title string }{
		{KindSource, "Traffic sources"}, {KindPlatform, "Ad platforms"}, {KindTracker, "Trackers of affiliates, networks and advertisers"}, {KindFree, "Your own"},
	} {
		fmt.Fprintf(&b, "\n## %s\n", kind.title)
		for _, tmpl := range Templates() {
			if tmpl.Kind == kind.kind {
				describe(&b, tmpl)
			}
		}
	}
	b.WriteString("\n## Macros\n\n| macro | stands for |\n|---|---|\n")
	for _, m := range Macros() {
		fmt.Fprintf(&b, "| `{%s}` | %s |\n", m.Name, m.Doc)
	}
	const path = "TEMPLATES.md"
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != b.String() {
		t.Errorf("%s is not what the templates say (%v): -update writes it anew", path, err)
	}
}

func describe(b *strings.Builder, t *Template) {
	fmt.Fprintf(b, "\n### `%s`: %s\n\n", t.Name, t.Title)
	if t.Note != "" {
		fmt.Fprintf(b, "%s\n\n", t.Note)
	}
	b.WriteString("| | |\n|---|---|\n")
	row := func(name, text string) {
		if text != "" {
			fmt.Fprintf(b, "| %s | %s |\n", name, strings.ReplaceAll(text, "|", "\\|"))
		}
	}
	code := func(text string) string {
		if text == "" {
			return ""
		}
		return "`" + text + "`"
	}
	row("in the ad's link", code(t.Link))
	row("URL", code(t.URL))
	list := func(params []Param) string {
		var out []string
		for _, p := range params {
			text := "`" + p.Name + "` " + p.Doc
			switch {
			case p.Default != "":
				text += " (`" + p.Default + "` when left out)"
			case p.Optional:
				text += " (may be left out)"
			}
			out = append(out, text)
		}
		return strings.Join(out, "; ")
	}
	row("params", list(t.Params))
	row("secrets", list(t.Secrets))
	var fields []string
	for _, f := range t.Fields {
		text := "`" + f.Name + "` " + f.Doc
		if f.Text != "" {
			text += ": `" + f.Text + "`"
		}
		fields = append(fields, text)
	}
	row("fields", strings.Join(fields, "; "))
	row("told in", strings.Join(t.Statuses, ", "))
	row("of a change", changes(t.Restate, "told", t.OwnURL && t.Protocol == ProtocolURL, "restate_url"))
	row("of an end", changes(t.Retract, "told", t.OwnURL && t.Protocol == ProtocolURL, "retract_url"))
	row("under suspicion", cmp.Or(t.Suspicion, SuspicionWait))
	row("currency", t.Currency)
	if t.Window.Length > 0 {
		row("window", fmt.Sprintf("%s from the %s", t.Window.Length, cmp.Or(t.Window.From, "event")))
	}
	if t.Limits.Batch > 0 {
		row("batch", fmt.Sprint(t.Limits.Batch))
	}
	var success []string
	add := func(what string, texts []string) {
		for _, text := range texts {
			success = append(success, what+" `"+text+"`")
		}
	}
	add("taken:", t.Success.Has)
	for _, path := range sortedKeys(t.Success.JSON) {
		success = append(success, "taken: `"+path+"` is `"+t.Success.JSON[path]+"`")
	}
	add("taken before:", t.Success.Done)
	add("refused:", t.Success.Refused)
	row("the answer says", strings.Join(success, "; "))
	row("test mode", code(t.Test))
	var read []string
	for _, r := range t.Read {
		text := r.Where + " (" + r.By + ", " + r.On + ")"
		if r.What != "" {
			text += ": " + r.What
		}
		read = append(read, text)
	}
	row("read", strings.Join(read, "; "))
}

func changes(link, told string, own bool, key string) string {
	switch {
	case own:
		return "nothing, unless `" + key + "` says where"
	case link == "":
		return "nothing: there is no way"
	}
	return told
}

func sortedKeys(m map[string]string) (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
