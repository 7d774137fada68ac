package main

import (
	"fmt"
	"os"
	"path/filepath"

	"tributary/schemas"
)

// home is where the loader's code is, from the module's root.
const home = "sink/clickhouse"

func main() {
	files, err := generate(schemas.Tables())
	if err == nil {
		err = write(home, files)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "tables:", err)
		os.Exit(1)
	}
}

// write makes the folder's generated files those of files, and no other.
func write(folder string, files map[string][]byte) error {
	old, err := filepath.Glob(filepath.Join(folder, "*_gen.go"))
	if err != nil {
		return fmt.Errorf("listing the generated files: %w", err)
	}
	for _, path := range old {
		if files[filepath.Base(path)] == nil {
			if err := os.Remove(path); err != nil {
				return fmt.Errorf("removing a table's code that is declared no longer: %w", err)
			}
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o644); err != nil {
			return fmt.Errorf("writing a table's code: %w", err)
		}
	}
	return nil
}
