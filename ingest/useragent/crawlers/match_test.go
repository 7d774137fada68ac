package crawlers

import (
	_ "embed"
	"regexp"
	"strings"
	"sync"
	"testing"

	"tributary/cli/loadgen/useragents"
)

//go:embed testdata/instances.tsv
var instancesTable string

type instance struct{ pattern, ua string }

func instances(t testing.TB) []instance {
	t.Helper()
	var all []instance
	for line := range strings.Lines(instancesTable) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		pattern, ua, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if !ok {
			t.Fatalf("line %q has no tab", line)
		}
		all = append(all, instance{pattern, ua})
	}
	return all
}

// expressions are the naive model: every pattern of the list, tried in order.
var expressions = sync.OnceValue(func() []*regexp.Regexp {
	var all []*regexp.Regexp
	for _, c := range All() {
		all = append(all, regexp.MustCompile(c.Pattern))
	}
	return all
})

func naive(ua string) (Crawler, bool) {
	for i, e := range expressions() {
		if e.MatchString(ua) {
			return All()[i], true
		}
	}
	return Crawler{}, false
}

func compare(t *testing.T, ua string) {
	t.Helper()
	got, gotOK := Match(ua)
	want, wantOK := naive(ua)
	if got != want || gotOK != wantOK {
		t.Errorf("%q: got %+v %v, every expression in order says %+v %v", ua, got, gotOK, want, wantOK)
	}
}

func TestMatch(t *testing.T) {
	for _, test := range []struct{ ua, name string }{
		{"", ""},
		{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36", ""},
		{"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Googlebot"},
		{"googlebot/2.1", ""}, // the list is case-sensitive
		{"Wget/1.21", "wget"},
		{"wget/1.21", "wget"},
		{"curl/8.5.0", "curl"},
		{"not curl/8.5.0", ""}, // anchored at the start
		{"GoogleAssociationService", "GoogleAssociationService"},
		{"GoogleAssociationService 2", ""},               // anchored at the end
		{"AdsBot-Google", "AdsBot-Google"},               // the end after it
		{"AdsBot-Google-Mobile", "AdsBot-Google-Mobile"}, // [^-] after it: another pattern
		{"Silk/44.1", "Silk"},
		{"Mozilla/5.0 (Linux; Android 11) AppleWebKit/537.36 Silk/44.1 Chrome/100.0 Safari/537.36", ""},
		{"ContextualBot\n\xff outcomes.net", "ContextualBot"},
		{"\xff\xfeGooglebot/\x00", "Googlebot"},
	} {
		got, ok := Match(test.ua)
		if got.Name != test.name || ok != (test.name != "") {
			t.Errorf("%q: got %q %v, want %q", test.ua, got.Name, ok, test.name)
		}
		compare(t, test.ua)
	}
}

// Each example of the list, as it is and with its end cut off, answers as all expressions would.
func TestMatchAnswersAsEveryExpressionInOrder(t *testing.T) {
	all := instances(t)
	if len(all) < 2000 {
		t.Fatalf("%d examples, want over 2000", len(all))
	}
	for i, in := range all {
		if _, ok := Match(in.ua); !ok {
			t.Errorf("%q, an example of %q, is not found", in.ua, in.pattern)
		}
		if i%4 != 0 && testing.Short() {
			continue // the model is what takes the time
		}
		compare(t, in.ua)
		compare(t, in.ua[:len(in.ua)*3/4])
	}
}

// A list entry must be found in its own right, not because another entry matches first.
func TestEveryPatternFindsItsExamples(t *testing.T) {
	byPattern := map[string][]string{}
	for _, in := range instances(t) {
		byPattern[in.pattern] = append(byPattern[in.pattern], in.ua)
	}
	for _, c := range All() {
		m, err := newMatcher([]string{c.Pattern})
		if err != nil {
			t.Fatal(err)
		}
		for _, ua := range byPattern[c.Pattern] {
			if m.first(ua) != 0 {
				t.Errorf("%q is not found in its example %q", c.Pattern, ua)
			}
		}
	}
}

func TestRealBrowsersAreNotCrawlers(t *testing.T) {
	for _, p := range useragents.All() {
		if c, ok := Match(p.UA); ok {
			t.Errorf("%q, seen with weight %v, is taken for %q", p.UA, p.Weight, c.Name)
		}
	}
}

func TestListIsFitForReports(t *testing.T) {
	if len(All()) != 1500 {
		t.Errorf("%d patterns, want the 1500 of the pinned package", len(All()))
	}
	checked := 0
	for _, c := range All() {
		if len(c.Name) > MaxNameLength || strings.TrimSpace(c.Name) != c.Name || strings.ContainsAny(c.Name, "\\^$[]*") {
			t.Errorf("pattern %q has the name %q", c.Pattern, c.Name)
		}
	}
	for _, r := range matcherOfList().rules {
		if r.check != nil {
			checked++
		}
	}
	if checked > 60 {
		t.Errorf("%d needles need their expression tried: the rest should be plain texts", checked)
	}
}

func TestParseRefusesALineItCannotRead(t *testing.T) {
	for _, table := range []string{"bot\n", "bot\tBot\n", "\tBot\thttp://x\n", "bot\t\thttp://x\n", "a\tb\tc\td\n"} {
		if _, err := parse(table); err == nil {
			t.Errorf("%q was read", table)
		}
	}
}

func TestMatcherOfOtherExpressions(t *testing.T) {
	for _, pattern := range []string{
		"ab|abc", "a(b|cd)e", "(?i)BoT", "[sSk]x", "x+y", "a{2,3}b", "(a|b)(c|d)*e", "^a$", `\bbot\b`, "she|he|hers|his", "(ab)?cd", "a.c", "é[lL]",
	} {
		m, err := newMatcher([]string{pattern})
		if err != nil {
			t.Errorf("%q: %v", pattern, err)
			continue
		}
		e := regexp.MustCompile(pattern)
		for _, text := range []string{"", "a", "ab", "abc", "acde", "abe", "bot", "BOT", "robots", "a bot", "ſx", "Sx", "kx", "xxxy", "y",
			"aab", "aaab", "acce", "be", "ushers", "hi", "cd", "abcd", "a\nc", "a\xffc", "éL", "\xc3"} {
			if got, want := m.first(text) == 0, e.MatchString(text); got != want {
				t.Errorf("%q on %q: got %v, want %v", pattern, text, got, want)
			}
		}
	}
	for _, pattern := range []string{"(", ".*", "a?", "^", "(?i)abcdefgh"} {
		if _, err := newMatcher([]string{pattern}); err == nil {
			t.Errorf("%q was taken", pattern)
		}
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	uas := []string{useragents.All()[0].UA, "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}
	for _, ua := range uas {
		Match(ua)
		if n := testing.AllocsPerRun(100, func() { Match(ua) }); n != 0 {
			t.Errorf("%q: %v allocations, want none", ua, n)
		}
	}
}

func FuzzMatch(f *testing.F) {
	for i, in := range instances(f) {
		if i%20 == 0 {
			f.Add(in.ua)
		}
	}
	f.Fuzz(compare)
}

func BenchmarkMatch(b *testing.B) {
	profiles := useragents.All()
	Match("")
	b.ReportAllocs()
	bytes := 0
	for i := 0; b.Loop(); i++ {
		ua := profiles[i%len(profiles)].UA
		bytes += len(ua)
		Match(ua)
	}
	b.SetBytes(int64(bytes / b.N))
}

// BenchmarkMatchNaive is what Match saves: every expression, one after the other.
func BenchmarkMatchNaive(b *testing.B) {
	profiles := useragents.All()
	expressions()
	for i := 0; b.Loop(); i++ {
		naive(profiles[i%len(profiles)].UA)
	}
}

func BenchmarkBuild(b *testing.B) {
	patterns := make([]string, len(All()))
	for i, c := range All() {
		patterns[i] = c.Pattern
	}
	b.ReportAllocs()
	for b.Loop() {
		m, err := newMatcher(patterns)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(m.needles.table)*2), "table-bytes")
	}
}
