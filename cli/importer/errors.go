package importer

import (
	"fmt"

	"tributary/cli/terminal"
)

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
