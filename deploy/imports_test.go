package deploy_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mayImport is the direction of the flow as the design draws it: a folder may import itself and these. Folders that are
// not listed may import any.
var mayImport = map[string][]string{
	"schemas":    {},
	"catalog":    {"schemas"},
	"ingest":     {"schemas", "catalog"},
	"attributor": {"schemas"},
	"processor":  {"schemas", "catalog", "attributor"},
	"sink":       {"schemas", "catalog"},
	"report":     {"schemas", "catalog"},
	"console":    {"schemas", "catalog", "report"},
	"deploy":     {"schemas", "catalog", "attributor", "ingest", "processor", "sink", "report", "console"},
	"cli":        {"schemas", "catalog", "attributor", "ingest", "processor", "sink", "report", "console", "deploy"},
	"scripts":    {"schemas", "catalog", "attributor", "ingest", "processor", "sink", "report", "console", "deploy", "cli"},
}

// testMayImport is what a folder's tests may use besides: the stored views, a real engine, a broker's driver, traffic, the
// whole pipeline, the audit.
var testMayImport = []string{"report", "deploy/embedded", "scripts/kafka", "scripts/pipeline", "cli/loadgen", "cli/verify"}

// goFiles visits every Go file of the module.
func goFiles(t *testing.T, visit func(folder, file string, tree *ast.File, set *token.FileSet)) {
	t.Helper()
	root := ".."
	visited := 0
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name := entry.Name(); file != root && (strings.HasPrefix(name, ".") || name == "bin" || name == "data" || name == "node_modules") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(file, ".go") {
			return nil
		}
		relative, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		tree, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution|parser.ParseComments)
		if err != nil {
			return err
		}
		relative = filepath.ToSlash(relative)
		folder, _, nested := strings.Cut(relative, "/")
		if !nested {
			folder = ""
		}
		visited++
		visit(folder, relative, tree, set)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if visited < 50 {
		t.Fatalf("saw only %d Go files; the walk is broken", visited)
	}
}

func imported(spec *ast.ImportSpec) string {
	name, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return spec.Path.Value
	}
	return name
}

func TestImportsFollowTheFlow(t *testing.T) {
	goFiles(t, func(folder, file string, tree *ast.File, set *token.FileSet) {
		for _, spec := range tree.Imports {
			inner, ours := strings.CutPrefix(imported(spec), "tributary/")
			if !ours {
				continue
			}
			target, _, _ := strings.Cut(inner, "/")
			allowed, ruled := mayImport[folder]
			if !ruled || target == folder || slices.Contains(allowed, target) {
				continue
			}
			if strings.HasSuffix(file, "_test.go") && slices.ContainsFunc(testMayImport, func(p string) bool {
				return inner == p || strings.HasPrefix(inner, p+"/")
			}) {
				continue
			}
			t.Errorf("%s: %s may not import %s", set.Position(spec.Pos()), folder, inner)
		}
	})
}

// The attributor is pure: what it answers depends on its arguments alone.
func TestImportsKeepTheAttributorPure(t *testing.T) {
	forbiddenImports := []string{"os", "net", "net/http", "sync", "sync/atomic", "context", "math/rand", "crypto/rand", "io", "log", "database/sql"}
	forbiddenCalls := map[string][]string{
		"time": {"Now", "Since", "Until", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "Sleep"},
		// Sources with a seed of their own are arguments; the package's functions draw from a hidden one.
		"math/rand/v2": {"Int", "IntN", "Int32", "Int32N", "Int64", "Int64N", "Uint", "UintN", "Uint32", "Uint32N", "Uint64", "Uint64N", "Float32", "Float64", "NormFloat64", "ExpFloat64", "Perm", "Shuffle", "N"},
	}
	seen := false
	goFiles(t, func(folder, file string, tree *ast.File, set *token.FileSet) {
		if folder != "attributor" || strings.HasSuffix(file, "_test.go") {
			return
		}
		seen = true
		calls := map[string][]string{} // by the name that the file gives the package
		for _, spec := range tree.Imports {
			name := imported(spec)
			if slices.Contains(forbiddenImports, name) {
				t.Errorf("%s: the attributor may not import %s", set.Position(spec.Pos()), name)
			}
			if forbidden, ok := forbiddenCalls[name]; ok {
				local := strings.TrimSuffix(name, "/v2")
				local = path.Base(local)
				if spec.Name != nil {
					local = spec.Name.Name
				}
				calls[local] = forbidden
			}
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s: the attributor may not start a goroutine", set.Position(n.Pos()))
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && slices.Contains(calls[x.Name], n.Sel.Name) {
					t.Errorf("%s: the attributor may not use %s.%s: time and chance are arguments", set.Position(n.Pos()), x.Name, n.Sel.Name)
				}
			}
			return true
		})
	})
	if !seen {
		t.Error("there is no attributor to look at")
	}
}
