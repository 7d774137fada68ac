package cli

import (
	"fmt"
	"strings"

	"github.com/agnivade/levenshtein"
)

// didYouMean suggests the nearest of a list of names, where one is near.
func didYouMean(name string, names []string) string {
	best, distance := "", 1+len([]rune(name))/3
	for _, n := range names {
		if d := levenshtein.ComputeDistance(strings.ToLower(name), strings.ToLower(n)); d <= distance && d < len([]rune(name)) {
			best, distance = n, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}
