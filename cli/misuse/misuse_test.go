package misuse

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
)

func TestMarks(t *testing.T) {
	for _, c := range []struct {
		err  error
		text string
		is   bool
	}{
		{Errorf("--limit %d is out of range", 7), "--limit 7 is out of range", true},
		{Of(fs.ErrNotExist), fs.ErrNotExist.Error(), true},
		{fmt.Errorf("reading: %w", Of(fs.ErrNotExist)), "reading: " + fs.ErrNotExist.Error(), true},
		{errors.Join(errors.New("a"), Errorf("b")), "a\nb", true},
		{errors.New("a"), "a", false},
	} {
		if c.err.Error() != c.text || Is(c.err) != c.is {
			t.Errorf("%q, misuse: %v; want %q, %v", c.err, Is(c.err), c.text, c.is)
		}
	}
	if Of(nil) != nil || Is(nil) {
		t.Error("no error is none that can be put right")
	}
	if err := Errorf("opening: %w", fs.ErrNotExist); !errors.Is(err, fs.ErrNotExist) || !errors.Is(Of(err), fs.ErrNotExist) {
		t.Errorf("%v no longer wraps its cause", err)
	}
}

func TestNear(t *testing.T) {
	names := []string{"summer", "winter", "Spring"}
	for name, want := range map[string]string{
		"sumer": `; did you mean "summer"?`, "SPRING": `; did you mean "Spring"?`, "zzzzzz": "", "x": "", "": "",
	} {
		if got := Near(name, names); got != want {
			t.Errorf("Near(%q) is %q, want %q", name, got, want)
		}
	}
	if got := Near("summer", nil); got != "" {
		t.Errorf("of no names: %q", got)
	}
	if got := Nearest("zzzzzz", names); !slices.Contains(names, got) {
		t.Errorf("Nearest: %q", got)
	}
}

func TestList(t *testing.T) {
	for n, want := range map[int]string{0: "none", 2: "a, a", 42: strings.Repeat("a, ", 40) + "… and 2 more"} {
		if got := List(slices.Repeat([]string{"a"}, n)); got != want {
			t.Errorf("%d names: %q", n, got)
		}
	}
}
