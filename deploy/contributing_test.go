package deploy_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// mostPlaces is how many places of the code a new thing may touch, generated texts and its tests apart.
var mostPlaces = map[string]int{
	"column": 2, "metric": 1, "topic with a table": 2, "config key": 2, "view": 1, "dialect": 1, "signal": 2,
}

// TestPlacesAreCounted: the walk of CONTRIBUTING names the places of each new thing, no more than it may touch, and a
// test that is there and shows that they are enough.
func TestPlacesAreCounted(t *testing.T) {
	text, err := os.ReadFile("../CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	place, counted := regexp.MustCompile(`\(\d\) `), regexp.MustCompile("^`(Test\\w+)` in `([a-z/]+)`$")
	walked := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		kind := strings.TrimSpace(cells[0])
		most, ok := mostPlaces[kind]
		if !ok || len(cells) != 4 {
			continue
		}
		walked[kind] = true
		if n := len(place.FindAllString(cells[1], -1)); n < 1 || n > most {
			t.Errorf("a new %s touches %d places, %d at most would be right", kind, n, most)
		}
		by := counted.FindStringSubmatch(strings.TrimSpace(cells[2]))
		if by == nil {
			t.Errorf("a new %s: %q names no test", kind, cells[2])
			continue
		}
		if !hasTest(t, filepath.Join("..", by[2]), by[1]) {
			t.Errorf("a new %s: %s has no %s", kind, by[2], by[1])
		}
	}
	for kind := range mostPlaces {
		if !walked[kind] {
			t.Errorf("no walk for a new %s", kind)
		}
	}
}

func hasTest(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "func "+name+"(t ") {
			return true
		}
	}
	return false
}
