// Package misuse marks errors that the person at the command line can put right, and finds the word that was meant.
//
// Place in the flow: package cli and the packages below it return such errors; cli ends the process with the exit code
// for them. The text is the person's: what was wrong, where, and what would be right.
//
// Functions are pure and safe for concurrent use. Not responsible for: printing, exit codes (cli).
package misuse

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

type misused struct{ error }

func (m misused) Unwrap() error { return m.error }

// Errorf is fmt.Errorf of a misuse.
func Errorf(format string, args ...any) error { return misused{fmt.Errorf(format, args...)} }

// Of marks an error as a misuse; nil stays nil.
func Of(err error) error {
	if err == nil {
		return nil
	}
	return misused{err}
}

// Is tells whether an error, or one that it wraps, is a misuse.
func Is(err error) bool {
	var m misused
	return errors.As(err, &m)
}

// Near suggests the nearest of the names, as the continuation of a sentence: `; did you mean "x"?`. It is empty where
// none is near.
func Near(name string, names []string) string {
	best := Nearest(name, names)
	// A third of the letters may be wrong, and never all of them.
	if d := distance(name, best); best == "" || d > 1+len([]rune(name))/3 || d >= len([]rune(name)) {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// Nearest returns the nearest of the names, the first of several, however far it is; empty where there are none.
func Nearest(name string, names []string) string {
	if len(names) == 0 {
		return ""
	}
	return slices.MinFunc(names, func(a, b string) int { return distance(name, a) - distance(name, b) })
}

func distance(a, b string) int {
	return levenshtein.ComputeDistance(strings.ToLower(a), strings.ToLower(b))
}

// maxListed is how many names an error text has.
const maxListed = 40

// List writes names for an error text.
func List(names []string) string {
	switch {
	case len(names) == 0:
		return "none"
	case len(names) > maxListed:
		return strings.Join(names[:maxListed], ", ") + fmt.Sprintf(", … and %d more", len(names)-maxListed)
	}
	return strings.Join(names, ", ")
}
