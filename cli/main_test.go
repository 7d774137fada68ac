package cli

import (
	"fmt"
	"os"
	"testing"
)

// TestMain sees that no test left a data folder, which holds passwords, in the folder of the sources.
func TestMain(m *testing.M) {
	code := m.Run()
	if _, err := os.Stat("data"); err == nil {
		fmt.Fprintln(os.Stderr, "FAIL: the tests left data in cli; right would be t.TempDir() as data_dir, or as working directory")
		code = max(code, 1)
	}
	os.Exit(code)
}
