package terminal

import "testing"

func TestShown(t *testing.T) {
	for text, want := range map[string]string{
		"plain":           "plain",
		"größe":           "größe",
		"a\u202eb":        `a\u202eb`,
		"a\u200bb\u2066c": `a\u200bb\u2066c`,
		"a\x1b[2Jb\nc":    `a\x1b[2Jb\nc`,
		"a\xffb":          `a\xffb`,
		"\ufeffa":         `\ufeffa`,
	} {
		if got := Shown(text, 80); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
	if got := Shown("abcdef", 3); got != "abc…" {
		t.Errorf("a long text is shown as %q", got)
	}
}
