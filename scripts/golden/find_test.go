package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("a/one_test.go", "package a\nvar again = flag.Bool(\"update\", false, \"\")\nfunc golden() { if *again {} }\nfunc TestMain() { TestDirect() }\nfunc TestDirect() { golden() }")
	write("a/two_test.go", "package a\nfunc helper() { golden() }\nfunc TestFar() { helper() }\nfunc TestOther() { }\nfunc BenchmarkX() { golden() }")
	write("b/b_test.go", "package b\nvar x = flag.Bool(\"other\", false, \"\")\nfunc TestX() { _ = x }")
	write("a/testdata/c/c_test.go", "package c\nvar update = flag.Bool(\"update\", false, \"\")")
	got, err := find(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].dir != filepath.Join(dir, "a") || !slices.Equal(got[0].tests, []string{"TestDirect", "TestFar"}) {
		t.Errorf("%+v", got)
	}
	write("d/d_test.go", "package d\nvar update = flag.Bool(\"update\", false, \"\")\nfunc TestX() {}")
	if _, err := find(dir); err == nil || !strings.Contains(err.Error(), "read by no test") {
		t.Errorf("a flag that no test reads: %v", err)
	}
}

// Whatever the module's tests say about -update, make generate runs it.
func TestModule(t *testing.T) {
	got, err := find("../..")
	if err != nil {
		t.Fatal(err)
	}
	var dirs []string
	for _, p := range got {
		dirs = append(dirs, filepath.ToSlash(p.dir))
	}
	for _, dir := range []string{"../../schemas", "../../schemas/clickhouse", "../../ingest", "../../deploy/config"} {
		if !slices.Contains(dirs, dir) {
			t.Errorf("%s is not among %q", dir, dirs)
		}
	}
}
