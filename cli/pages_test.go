package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"go.yaml.in/yaml/v4"

	"tributary/deploy/config"
)

// A block is a fenced part of a page. Its language says what it is: sh (commands), console (commands behind "$ " and what
// they print), sql, yaml (a piece of the configuration), python, go (held by the test that writes it), ini (a unit); none:
// what is printed, or a picture.
type fenced struct {
	where    string // page and line
	language string
	text     string
}

// fence opens or closes a block; blocks of list items are indented.
var fence = regexp.MustCompile("^( *)```([a-z]*)$")

func blocks(page saying) (out []fenced) {
	var lines []string
	var in *fenced
	indent := ""
	for n, text := range strings.Split(page.text, "\n") {
		match := fence.FindStringSubmatch(text)
		switch {
		case match == nil && in != nil:
			lines = append(lines, strings.TrimPrefix(text, indent))
		case match == nil:
		case in == nil:
			in, indent = &fenced{where: fmt.Sprintf("%s:%d", page.where, n+1), language: match[2]}, match[1]
		default:
			in.text = strings.Join(lines, "\n")
			out = append(out, *in)
			in, lines = nil, nil
		}
	}
	return out
}

// Every block of a page has a language that a test holds; a command hides in none of the others.
func TestPagesHaveKnownBlocks(t *testing.T) {
	_, pages := sayings(t)
	hidden := regexp.MustCompile(`(?m)^ *(?:\$ |(?:bin/)?tributary [a-z]+( |$)|make [a-z]|curl |kcat )`)
	for _, page := range pages {
		for _, b := range blocks(page) {
			switch b.language {
			case "sh", "console", "sql", "yaml", "python", "go", "ini", "proto":
			case "":
				if command := hidden.FindString(b.text); command != "" {
					t.Errorf("%s: the block has a command, %q; right would be ```sh or ```console", b.where, command)
				}
			default:
				t.Errorf("%s: no test knows a block of %q", b.where, b.language)
			}
		}
	}
}

// Every piece of configuration on a page is one: its keys exist.
func TestPagesConfigurationIsRead(t *testing.T) {
	_, pages := sayings(t)
	found := 0
	for _, page := range pages {
		for _, b := range blocks(page) {
			if b.language != "yaml" {
				continue
			}
			found++
			if wrong := checkYAML(t, b.text); wrong != "" {
				t.Errorf("%s: %s", b.where, wrong)
			}
		}
	}
	if found < 5 {
		t.Errorf("only %d pieces were found", found)
	}
	for _, bad := range []string{"networks: [{nmae: x}]", "kafka: {brokes: [x]}", "catalog: {offer: []}"} {
		if checkYAML(t, bad) == "" {
			t.Errorf("%q is not found wrong", bad)
		}
	}
}

// checkYAML says what is wrong with a piece of a configuration file; lists of the catalog may stand alone.
func checkYAML(t *testing.T, text string) string {
	t.Helper()
	var top map[string]any
	if err := yaml.Unmarshal([]byte(text), &top); err != nil {
		return err.Error()
	}
	for name := range top {
		if slices.ContainsFunc(config.Keys(), func(k config.Key) bool {
			return strings.HasPrefix(k.Path, config.SectionCatalog+"."+name+"[]") ||
				strings.HasPrefix(k.Path+".", config.SectionCatalog+"."+name+".")
		}) {
			text = config.SectionCatalog + ":\n  " + strings.ReplaceAll(text, "\n", "\n  ")
			break
		}
	}
	file := filepath.Join(t.TempDir(), "piece.yaml")
	if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(config.Sources{File: file, Sections: []string{}}); err != nil {
		return err.Error()
	}
	return ""
}

var (
	heading = regexp.MustCompile(`^#{1,6} +(.+)$`)
	linked  = regexp.MustCompile(`\]\(([^) ]+)\)`)
	marked  = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
)

// anchors are the names of a page's headings, as GitHub makes them.
func anchors(text string) map[string]bool {
	out := map[string]bool{}
	inside := false
	for line := range strings.SplitSeq(text, "\n") {
		if fence.MatchString(line) {
			inside = !inside
		}
		match := heading.FindStringSubmatch(line)
		if inside || match == nil {
			continue
		}
		var name strings.Builder
		for _, r := range strings.ToLower(marked.ReplaceAllString(match[1], "$1")) {
			switch {
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				name.WriteRune(r)
			case r == ' ':
				name.WriteByte('-')
			}
		}
		anchor := name.String()
		for n := 1; out[anchor]; n++ {
			anchor = fmt.Sprintf("%s-%d", name.String(), n)
		}
		out[anchor] = true
	}
	return out
}

// Every link of a page leads to a file that is there, and to a heading that it has.
func TestPagesLinksLeadSomewhere(t *testing.T) {
	_, pages := sayings(t)
	byPath := map[string]map[string]bool{}
	for _, page := range pages {
		byPath[filepath.Clean(page.where)] = anchors(page.text)
	}
	found := 0
	for _, page := range pages {
		for _, match := range linked.FindAllStringSubmatch(page.text, -1) {
			path, anchor, anchored := strings.Cut(match[1], "#")
			if strings.Contains(path, ":") { // another site's
				continue
			}
			found++
			target := filepath.Clean(page.where)
			if path != "" {
				target = filepath.Join(filepath.Dir(page.where), path)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s: %v", page.where, match[1], err)
				continue
			}
			if anchored && !byPath[target][anchor] {
				t.Errorf("%s links to %s, which has no such heading", page.where, match[1])
			}
		}
	}
	if found < 100 {
		t.Errorf("only %d links were found", found)
	}
	for name, want := range map[string]string{
		"# `POST /v1/clicks` without a token": "post-v1clicks-without-a-token",
		"## What *durable* means":             "what-durable-means",
		"### [a](b.md), c":                    "a-c",
	} {
		if !anchors(name)[want] {
			t.Errorf("%q has the anchors %v", name, anchors(name))
		}
	}
}

// docs/README.md leads to every page of docs, and the README stays as short as it is meant to be.
func TestPagesIndex(t *testing.T) {
	index, err := os.ReadFile(filepath.Join(repository, "docs", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob(filepath.Join(repository, "docs", "*.md"))
	if err != nil || len(pages) < 20 {
		t.Fatal(pages, err)
	}
	for _, page := range pages {
		if name := filepath.Base(page); name != "README.md" && !strings.Contains(string(index), "("+name+")") {
			t.Errorf("docs/README.md does not name %s", name)
		}
	}
	readme, err := os.ReadFile(filepath.Join(repository, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(readme), "\n"); lines > 120 || len(readme) > 10_000 {
		t.Errorf("README.md has %d lines and %d bytes: two screens are 120 and 10,000; the rest belongs into docs",
			lines, len(readme))
	}
}

// Every test that a page names is there, so that a promise does not outlive its test.
func TestPagesTestsExist(t *testing.T) {
	names := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Example)\w+)\(`)
	for _, pattern := range []string{"*", "*/*", "*/*/*", "*/*/*/*", "*/*/*/*/*"} {
		files, err := filepath.Glob(filepath.Join(repository, pattern+"_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range declared.FindAllStringSubmatch(string(text), -1) {
				names[match[1]] = true
			}
		}
	}
	_, pages := sayings(t)
	named := regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z]\w+`)
	found := 0
	for _, page := range pages {
		for _, name := range named.FindAllString(page.text, -1) {
			found++
			if !names[name] {
				t.Errorf("%s names %s, which there is none of", page.where, name)
			}
		}
	}
	if found < 100 {
		t.Errorf("only %d tests were found", found)
	}
}

// quaint are words that a reader stumbles over: plain English has another one for each.
var quaint = regexp.MustCompile(`(?i)\b(anew|mourn\w*|lest|hither|thither|thereof|whoso\w*|(newer|later|older) word)\b`)

// Help and messages are in plain words.
func TestMessagesArePlain(t *testing.T) {
	texts, _ := sayings(t)
	seen := 0
	for _, s := range texts {
		path, err := filepath.Rel(repository, s.where)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(path, "scripts/") || strings.HasPrefix(path, "cli/loadgen/") {
			continue
		}
		seen++
		if found := quaint.FindString(s.text); found != "" {
			t.Errorf("%s says %q: %s", s.where, found, s.text)
		}
	}
	if seen < 2000 {
		t.Errorf("only %d texts were seen", seen)
	}
}
