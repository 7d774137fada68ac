package dlq

import (
	"fmt"
	"time"

	"tributary/cli/terminal"
)

// shown makes text of unknown origin fit for a terminal: one line, without anything that would steer it.
func shown(text string, limit int) string { return terminal.Shown(text, limit) }

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

const clockLayout = "2006-01-02 15:04:05"

// ago is an age as a person says it.
func ago(d time.Duration) string {
	switch {
	case d < 0:
		return "in the future"
	case d < time.Minute:
		return fmt.Sprintf("%d s ago", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 2*day:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d days ago", int(d/day))
}

func plural(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
