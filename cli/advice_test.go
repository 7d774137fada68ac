package cli

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tributary/deploy/config"
	"tributary/schemas"
)

// A saying is a text that somebody reads and follows: a string of the program, or a page.
type saying struct{ where, text string }

// sayings are all strings of the program and all pages.
func sayings(t *testing.T) (strings_, pages []saying) {
	t.Helper()
	err := filepath.WalkDir(repository, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		switch {
		case entry.IsDir():
			if path != repository &&
				(strings.HasPrefix(name, ".") || slices.Contains([]string{"bin", "data", "testdata", "node_modules", "scripts"}, name)) {
				return filepath.SkipDir
			}
		case strings.HasSuffix(name, ".md"):
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			pages = append(pages, saying{path, string(text)})
		case strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") && !strings.HasSuffix(name, ".pb.go"):
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				literal, is := n.(*ast.BasicLit)
				if !is || literal.Kind != token.STRING {
					return true
				}
				if text, err := strconv.Unquote(literal.Value); err == nil {
					strings_ = append(strings_, saying{set.Position(literal.Pos()).String(), text})
				}
				return true
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(strings_) < 5000 || len(pages) < 8 {
		t.Fatalf("saw only %d strings and %d pages; the walk is broken", len(strings_), len(pages))
	}
	return strings_, pages
}

var (
	// quoted is a command between backquotes, or on a line of a shell block or of a help text's examples.
	quoted = regexp.MustCompile("`((?:bin/)?tributary [^`\n]+)`")
	line   = regexp.MustCompile(`(?m)^(?:\$ |  |\tExecStart=)?((?:bin/)?tributary [a-z][^\n]*)$`)
	// started is a command of a unit.
	started = regexp.MustCompile(`(?m)^ExecStart(?:Pre)?=/usr/local/bin/(tributary .*)$`)
	// key is a setting with its section.
	key = regexp.MustCompile(`\b(?:log|ops|kafka|clickhouse|ingest|processor|sink|catalog)(?:\.[a-z_]+[a-z])+`)
)

// words cuts a command as a shell does, up to a comment, a pipe or a redirection.
func words(command string) (out []string) {
	var word strings.Builder
	in, quote := false, rune(0)
	end := func() {
		if in {
			out = append(out, word.String())
		}
		word.Reset()
		in = false
	}
	for _, r := range command {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote, in = r, true
		case quote == 0 && (r == ' ' || r == '\t'):
			end()
		case quote == 0 && !in && (r == '#' || r == '|' || r == '>' || r == '<' || r == '&'):
			return out
		default:
			word.WriteRune(r)
			in = true
		}
	}
	end()
	return out
}

// checkCommand says what is wrong with an advised command: a command, a flag or a setting that there is none of.
func checkCommand(command string) string {
	args := words(command)[1:]
	for len(args) > 0 && (args[len(args)-1] == "…" || args[len(args)-1] == "...") {
		args = args[:len(args)-1]
	}
	root := newRoot(&environment{})
	root.InitDefaultHelpCmd()
	root.InitDefaultVersionFlag()
	cmd, rest, err := root.Find(args)
	if err != nil {
		return err.Error()
	}
	cmd.InitDefaultHelpFlag()
	if err := cmd.ParseFlags(rest); err != nil {
		return err.Error()
	}
	if left := cmd.Flags().Args(); cmd.HasSubCommands() && len(left) > 0 {
		return cmd.CommandPath() + " has no command " + left[0]
	}
	settings, _ := cmd.Flags().GetStringArray("set")
	for _, setting := range settings {
		if path, _, _ := strings.Cut(setting, "="); !isKey(path) {
			return "there is no setting " + path
		}
	}
	// That of a dead letter is one of a list; anybody's else is a sentence.
	if flag := cmd.Flags().Lookup("reason"); flag != nil && flag.Changed && strings.HasPrefix(cmd.CommandPath(), "tributary dlq") {
		reason := strings.Trim(flag.Value.String(), "[]")
		if reason != "%s" &&
			!slices.ContainsFunc(
				schemas.RejectReasons,
				func(r schemas.RejectInfo) bool { return string(r.Reason) == reason },
			) {
			return "there is no reason " + reason
		}
	}
	return ""
}

// isKey tells whether a path is a setting or a section of settings.
func isKey(path string) bool {
	return slices.ContainsFunc(
		config.Keys(),
		func(k config.Key) bool { return k.Path == path || strings.HasPrefix(k.Path, path+".") },
	)
}

// Whatever a text of the program or a page tells to type can be typed: its command, flags and settings exist.
func TestAdvisedCommandsExist(t *testing.T) {
	texts, pages := sayings(t)
	found := 0
	for _, s := range append(texts, pages...) {
		commands := append(quoted.FindAllStringSubmatch(s.text, -1), line.FindAllStringSubmatch(s.text, -1)...)
		for _, match := range commands {
			// Prose that begins a line with the program's name is no command.
			if args := words(match[1]); len(args) < 2 || strings.ContainsAny(args[1], "%…,:.()") ||
				match[1] == "tributary pass" {
				continue // the last is the words of a key's derivation
			}
			found++
			if wrong := checkCommand(match[1]); wrong != "" {
				t.Errorf("%s advises %q: %s", s.where, match[1], wrong)
			}
		}
	}
	units, err := filepath.Glob(filepath.Join(repository, "deploy/systemd/*.service"))
	if err != nil || len(units) < 2 {
		t.Fatal(units, err)
	}
	for _, unit := range units {
		text, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range started.FindAllStringSubmatch(string(text), -1) {
			for _, role := range []string{"ingest", "process", "sink"} {
				if wrong := checkCommand(strings.ReplaceAll(match[1], "%i", role)); wrong != "" {
					t.Errorf("%s starts %q: %s", unit, match[1], wrong)
				}
			}
		}
	}
	if found < 150 {
		t.Errorf("only %d commands were found", found)
	}
	for _, bad := range []string{"tributary dlq lst", "tributary tail clicks --folow", "tributary up --set kafka.broker=x", "tributary dlq list --reason none"} {
		if checkCommand(bad) == "" {
			t.Errorf("%q is not found wrong", bad)
		}
	}
}

// noSettings look like settings and are something else: Kafka's own settings, files, a class.
var noSettings = []string{
	"log.cleaner.backoff.ms",
	"log.segment.bytes",
	"log.compact.bytes",
	"kafka.common.security.scram",
	"kafka.md",
	"ops.md",
}

// Every setting that a message or a page names exists.
func TestAdvisedSettingsExist(t *testing.T) {
	texts, pages := sayings(t)
	found := map[string]bool{}
	for _, s := range append(texts, pages...) {
		for _, path := range key.FindAllString(s.text, -1) {
			if slices.Contains(noSettings, path) || strings.Contains(s.text, path+"/") {
				continue
			}
			found[path] = true
			if !isKey(path) && !isListKey(path) {
				t.Errorf("%s names the setting %s, which there is none of", s.where, path)
			}
		}
	}
	if len(found) < 60 {
		t.Errorf("only %d settings were found", len(found))
	}
}

// variable is one of the environment that the program reads.
var variable = regexp.MustCompile(`\bTRIBUTARY_[A-Z0-9]+(?:_[A-Z0-9]+)*\b`)

// Every variable that a message or a page names is read.
func TestAdvisedVariablesExist(t *testing.T) {
	texts, pages := sayings(t)
	for _, s := range append(texts, pages...) {
		for _, name := range variable.FindAllString(s.text, -1) {
			if name == "TRIBUTARY_KEY" { // stands for any
				continue
			}
			if _, err := config.Load(config.Sources{Environ: []string{name + "=x"}, Sections: []string{}}); err != nil &&
				strings.Contains(err.Error(), "unknown variable") {
				t.Errorf("%s names %s: %v", s.where, name, err)
			}
		}
	}
}

// isListKey tells whether the end of a path is a key of the entries of a list, such as catalog.networks[].trust.
func isListKey(path string) bool {
	section, rest, _ := strings.Cut(path, ".")
	return section == config.SectionCatalog &&
		strings.Contains(config.Reference(), "`"+rest[strings.LastIndex(rest, ".")+1:]+"`")
}

var (
	target = regexp.MustCompile("`make ([a-z-]+)|(?m)^make ([a-z-]+)")
	// page is a document that a message names.
	page = regexp.MustCompile(`(?:^|[^/a-zA-Z0-9_.-])((?:docs|deploy)/[a-zA-Z0-9_./-]+\.(?:md|yaml|yml))\b`)
)

// Every target, page and file that a message or a page names is there.
func TestAdvisedPagesAndTargetsExist(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(repository, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	texts, pages := sayings(t)
	for _, s := range append(texts, pages...) {
		for _, match := range target.FindAllStringSubmatch(s.text, -1) {
			if name := match[1] + match[2]; !strings.Contains(string(makefile), "\n"+name+":") {
				t.Errorf("%s names make %s, which there is none of", s.where, name)
			}
		}
		for _, match := range page.FindAllStringSubmatch(s.text, -1) {
			name := match[1]
			if _, err := os.Stat(filepath.Join(repository, name)); err != nil && !strings.Contains(s.where, ".md") {
				t.Errorf("%s names %s: %v", s.where, name, err)
			}
		}
	}
}
