package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"tributary/schemas"
)

// TestGenerated: the loader's code is what the declarations say.
func TestGenerated(t *testing.T) {
	files, err := generate(schemas.Tables())
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join("..", "..", home)
	there, err := filepath.Glob(filepath.Join(folder, "*_gen.go"))
	if err != nil {
		t.Fatal(err)
	}
	if len(there) != len(files) {
		t.Errorf("there are %d generated files, want %d: go run ./scripts/tables", len(there), len(files))
	}
	for name, want := range files {
		if got, err := os.ReadFile(filepath.Join(folder, name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what its declaration says: go run ./scripts/tables (%v)", name, err)
		}
	}
}

func TestWrite(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"gone_gen.go", "hand.go"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("package x\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := write(folder, map[string][]byte{"new_gen.go": []byte("package x\n")}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"gone_gen.go": false, "hand.go": true, "new_gen.go": true} {
		if _, err := os.Stat(filepath.Join(folder, name)); (err == nil) != want {
			t.Errorf("%s is there: %v, want %v", name, err == nil, want)
		}
	}
}
