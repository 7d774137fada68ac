package processor_test

import (
	"os"
	"strings"
	"testing"
)

// TestTheWalkIsTheExample: what docs/tables.md shows of a stage with a table is the example that runs.
func TestTheWalkIsTheExample(t *testing.T) {
	page, err := os.ReadFile("../docs/tables.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(page), "```go\n")
	shown, _, _ := strings.Cut(rest, "```")
	if !found || !strings.Contains(string(example), shown) {
		t.Errorf("docs/tables.md shows this, which is not in example_test.go:\n%s", shown)
	}
}
