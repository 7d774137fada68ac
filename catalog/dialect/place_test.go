package dialect

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestANewDialect counts the places: one, its table with its turn. Names in errors, the command line and the router
// have it.
func TestANewDialect(t *testing.T) {
	was := slices.Clone(All)
	defer func() { All = was }()
	d := Dialect{Name: "another", Link: LinkTable{Paths: []Path{{Pattern: "/go/{campaign}/another"}}, Names: subs("s", 3)}}
	add(Binom.turn+1, &d)
	if at := slices.Index(All, &d); at < 1 || All[at-1] != &Binom || All[at+1] != &RedTrack {
		t.Errorf("it is at %d of %s", at, Names())
	}
	if ByName("another") != &d || !strings.Contains(Names(), "binom, another, redtrack") {
		t.Errorf("it is not among %s", Names())
	}
	router, err := NewRouter(slices.DeleteFunc(slices.Clone(All), func(d *Dialect) bool { return !d.HasLinks() }), nil)
	if err != nil {
		t.Fatal(err)
	}
	if m, ok := router.Match([]byte("/go/summer/another"), nil); !ok || m.Dialect != &d || string(m.Campaign) != "summer" {
		t.Errorf("its link is %+v, %v", m, ok)
	}
}

// TestEveryTableIsAdded: a table that nobody asks is a mistake, and so are two of one turn, of which the order would be
// chance.
func TestEveryTableIsAdded(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	declared := regexp.MustCompile(`(?m)^var (\w+) = Dialect\{`)
	added := regexp.MustCompile(`(?m)^var _ = add\(\d+, &(\w+)\)`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		names := func(of *regexp.Regexp) (list []string) {
			for _, m := range of.FindAllStringSubmatch(string(text), -1) {
				list = append(list, m[1])
			}
			return list
		}
		if d, a := names(declared), names(added); !slices.Equal(d, a) {
			t.Errorf("%s has the tables %v and adds %v", file, d, a)
		}
	}
	for i, d := range All[1:] {
		if d.turn <= All[i].turn {
			t.Errorf("%s has turn %d, which is %s's already", d.Name, d.turn, All[i].Name)
		}
	}
	if len(All) < 11 || All[0] != &Native {
		t.Errorf("they are %s", Names())
	}
}
