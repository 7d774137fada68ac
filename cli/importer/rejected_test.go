package importer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tributary/cli/misuse"
)

// TestRejectedFileGoesOn: rejected lines are appended behind those of the run before. Where the file is not what that run
// left, nothing is made up in their place.
func TestRejectedFileGoesOn(t *testing.T) {
	reject := func(path string, bytes int64) (int64, error) {
		file := &rejectedFile{path: path, format: &Format{Separator: ',', Header: []string{"id"}}}
		if bytes > 0 {
			if err := file.open(bytes); err != nil {
				return 0, err
			}
		}
		if err := file.add(&rejection{line: 7, problem: "wrong", record: []string{"a"}}); err != nil {
			return 0, err
		}
		n, err := file.flush()
		if err != nil {
			return 0, err
		}
		return n, file.close()
	}
	path := filepath.Join(t.TempDir(), "rejected.csv")
	lines := func(want int) {
		t.Helper()
		content, err := os.ReadFile(path)
		text := string(content)
		if err != nil || strings.Count(text, "\n") != want || strings.Contains(text, "\x00") ||
			strings.Count(text, rejectedLine) != 1 {
			t.Errorf("%v, %q; want a header and %d lines", err, content, want-1)
		}
	}
	first, err := reject(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reject(path, first); err != nil {
		t.Fatal(err)
	}
	lines(3)
	// Moved away, to be mended and imported.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := reject(path, first); err != nil {
		t.Fatal(err)
	}
	lines(2)
	if err := os.Truncate(path, first-1); err != nil {
		t.Fatal(err)
	}
	if _, err := reject(path, first); !misuse.Is(err) || !strings.Contains(err.Error(), "--restart") {
		t.Errorf("a file that lost lines: %v", err)
	}
}
