package forget

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestClickIDs(t *testing.T) {
	const signed = "06h08g6c4g000400040jb7ba0004hvg95gavgwc9"
	got, err := idsOf([]string{strings.ToUpper(signed), "another tracker's", signed})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.exact, []string{signed, "another tracker's", signed}) || !slices.Equal(got.signed, []string{signed, signed}) {
		t.Errorf("%+v", got)
	}
	for _, wrong := range []string{"", strings.Repeat("x", 65), "a\nb", "a\x00", "\xff"} {
		if _, err := idsOf([]string{signed, wrong}); err == nil || !strings.Contains(err.Error(), "is not a click ID") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if _, err := idsOf(make([]string, maxIDs+1)); err == nil {
		t.Error("too many are taken")
	}
}

// A foreign ID is the sender's text: it must not end the statement.
func TestQuoting(t *testing.T) {
	if got := list([]string{`a' OR 1=1 --`, `b\`, `a' OR 1=1 --`}); got != `'a\' OR 1=1 --', 'b\\'` {
		t.Error(got)
	}
	// A short foreign ID is in many a text: raw requests are not searched for it.
	raw := table{hasRaw: true}
	if got := raw.where(ids{exact: []string{"1"}}); got != "click_id IN ('1')" {
		t.Error(got)
	}
}

// ClickHouse looks for 255 texts at once; more IDs are more searches.
func TestManyIDsAreManySearches(t *testing.T) {
	var many ids
	for n := range maxIDs {
		many.signed = append(many.signed, fmt.Sprint("id", n))
	}
	many.exact = many.signed
	text := (&table{hasRaw: true}).where(many)
	if got, want := strings.Count(text, "multiSearchAny("), 4; got != want {
		t.Errorf("%d searches, want %d", got, want)
	}
	for search := range strings.SplitSeq(text, "multiSearchAny(") {
		if n := strings.Count(search, ","); strings.HasPrefix(search, "lower(raw)") && n > maxNeedles {
			t.Errorf("a search for %d texts", n)
		}
	}
}
