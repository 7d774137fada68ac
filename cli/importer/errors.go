package importer

import (
	"errors"
	"fmt"

	"tributary/cli/terminal"
)

// ErrUsage is matched when the command line or the file's form must be put right before anything can be done.
var ErrUsage = errors.New("wrong usage")

// usageError is an ErrUsage whose text is its own.
type usageError struct{ text string }

func (e *usageError) Error() string        { return e.text }
func (e *usageError) Is(target error) bool { return target == ErrUsage }

func misused(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// shown makes text of a file fit for a terminal: one line of at most limit characters, without anything that would steer it.
func shown(text string, limit int) string { return terminal.Shown(text, limit) }

func plural(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return grouped(n) + " " + what + "s"
}

// grouped writes a number with its thousands apart: 1,234,567.
func grouped(n int64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
