package processor_test

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the example into docs/stages.md")

// docs/stages.md shows the stages of the example as they are: what stands between its imports and the function that runs it.
func TestStagesPage(t *testing.T) {
	const begin, end = "TestStagesPage -update -->\n", "<!-- example: end -->\n"
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "example_test.go", nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	from, to := 0, 0
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.GenDecl:
			if d.Tok == token.IMPORT {
				from = set.Position(d.End()).Offset
			}
		case *ast.FuncDecl:
			if d.Name.Name == "Example_stage" {
				to = set.Position(d.Doc.Pos()).Offset
			}
		}
	}
	if from == 0 || to <= from {
		t.Fatal("example_test.go has no imports, or no Example_stage with a comment")
	}
	want := "\n```go\n" + strings.TrimSpace(string(code[from:to])) + "\n```\n\n"

	path := filepath.Join("..", "docs", "stages.md")
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, opened := strings.Cut(string(page), begin)
	got, after, closed := strings.Cut(rest, end)
	if !opened || !closed {
		t.Fatalf("docs/stages.md lacks the marks %q and %q around the example", begin, end)
	}
	if *update {
		if err := os.WriteFile(path, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != want {
		t.Error("the example of docs/stages.md is not that of processor/example_test.go; run `make generate`")
	}
}
