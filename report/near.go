package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// near is the end of a sentence that names the nearest of some names, or all of them where none is near.
func near(name string, names []string) string {
	best, least := "", 0
	for _, n := range names {
		if d := levenshtein.ComputeDistance(strings.ToLower(name), strings.ToLower(n)); best == "" || d < least {
			best, least = n, d
		}
	}
	// A third of the letters may be wrong, and never all of them.
	if letters := len([]rune(name)); best != "" && least <= 1+letters/3 && least < letters {
		return fmt.Sprintf("; did you mean %q?", best)
	}
	sorted := slices.Sorted(slices.Values(names))
	return "; there are " + strings.Join(sorted, ", ")
}
