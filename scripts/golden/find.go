package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// A target is a package with golden files and the tests that write them.
type target struct {
	dir   string
	tests []string
}

// find looks for targets below root.
func find(root string) ([]target, error) {
	files := map[string][]string{} // test files by folder
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && path != root && (strings.HasPrefix(e.Name(), ".") || e.Name() == "testdata" || e.Name() == "bin"):
			return filepath.SkipDir
		case strings.HasSuffix(path, "_test.go"):
			files[filepath.Dir(path)] = append(files[filepath.Dir(path)], path)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var out []target
	for _, dir := range slices.Sorted(maps.Keys(files)) {
		tests, err := writers(files[dir])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", dir, err)
		}
		if tests != nil {
			out = append(out, target{dir, tests})
		}
	}
	return out, nil
}

// writers returns the tests among files that come to read the flag "update", nil where the flag is not declared.
func writers(files []string) ([]string, error) {
	uses := map[string]map[string]bool{} // names that a function mentions, by its own
	variable := ""
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, d := range file.Decls {
			switch d := d.(type) {
			case *ast.GenDecl:
				if name := declared(d); name != "" {
					variable = name
				}
			case *ast.FuncDecl:
				names := uses[d.Name.Name]
				if names == nil {
					names = map[string]bool{}
					uses[d.Name.Name] = names
				}
				ast.Inspect(d, func(n ast.Node) bool {
					if id, ok := n.(*ast.Ident); ok {
						names[id.Name] = true
					}
					return true
				})
			}
		}
	}
	if variable == "" {
		return nil, nil
	}
	reach := map[string]bool{variable: true}
	for grown := true; grown; {
		grown = false
		for function, names := range uses {
			for name := range names {
				if reach[name] && !reach[function] {
					reach[function], grown = true, true
				}
			}
		}
	}
	var tests []string
	for function := range uses {
		if reach[function] && strings.HasPrefix(function, "Test") && function != "TestMain" {
			tests = append(tests, function)
		}
	}
	if len(tests) == 0 {
		return nil, fmt.Errorf("the tests' flag -update is read by no test")
	}
	slices.Sort(tests)
	return tests, nil
}

// declared returns the name of the variable that holds the flag "update", if d declares it.
func declared(d *ast.GenDecl) string {
	for _, spec := range d.Specs {
		v, ok := spec.(*ast.ValueSpec)
		if !ok || len(v.Values) != 1 {
			continue
		}
		call, ok := v.Values[0].(*ast.CallExpr)
		if !ok || len(call.Args) == 0 {
			continue
		}
		function, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || function.Sel.Name != "Bool" {
			continue
		}
		if text, ok := call.Args[0].(*ast.BasicLit); ok && text.Value == `"update"` {
			return v.Names[0].Name
		}
	}
	return ""
}
