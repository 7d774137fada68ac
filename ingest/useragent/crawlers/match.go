package crawlers

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"sync"
)

// Match returns the first crawler of the list whose pattern matches the user agent. It reads the
// text once and allocates nothing, save where one of the few true expressions has to be tried.
func Match(ua string) (Crawler, bool) {
	m := matcherOfList()
	if i := m.first(ua); i >= 0 {
		return All()[i], true
	}
	return Crawler{}, false
}

var matcherOfList = sync.OnceValue(func() *matcher {
	patterns := make([]string, len(All()))
	for i, c := range All() {
		patterns[i] = c.Pattern
	}
	m, err := newMatcher(patterns)
	if err != nil {
		panic(fmt.Sprintf("crawlers: the embedded list: %v", err)) // the build is broken
	}
	return m
})

// matcher finds the first of many regular expressions that matches.
type matcher struct {
	// needles are found first: needle i says that rules[i] may match.
	needles *automaton
	rules   []rule
}

type rule struct {
	order int            // of the pattern in the list
	check *regexp.Regexp // nil where the needle alone decides
}

func newMatcher(patterns []string) (*matcher, error) {
	m := &matcher{}
	var needles []string
	for order, pattern := range patterns {
		parsed, err := syntax.Parse(pattern, syntax.Perl)
		if err != nil {
			return nil, fmt.Errorf("reading pattern %d %q: %w", order, pattern, err)
		}
		set := literalsOf(parsed)
		if len(set.texts) == 0 {
			return nil, fmt.Errorf("pattern %d %q matches without any text to look for", order, pattern)
		}
		r := rule{order: order}
		if !set.exact {
			r.check = regexp.MustCompile(pattern)
		}
		for _, text := range set.texts {
			needles = append(needles, text)
			m.rules = append(m.rules, r)
		}
	}
	var err error
	if m.needles, err = newAutomaton(needles); err != nil {
		return nil, err
	}
	return m, nil
}

// first returns the place in the list of the first pattern that matches, -1 if none does.
func (m *matcher) first(text string) int {
	best := len(m.rules)
	state := uint16(0)
	for i := 0; i < len(text); i++ {
		state = m.needles.next(state, text[i])
		// Needles that end here: the longest, then the shorter ones that are its endings.
		for end := m.needles.ends[state]; end != 0; end = m.needles.ends[m.needles.fails[end]] {
			for _, needle := range m.needles.found[end] {
				r := &m.rules[needle]
				if r.order < best && (r.check == nil || r.check.MatchString(text)) {
					best = r.order
				}
			}
		}
	}
	if best == len(m.rules) {
		return -1
	}
	return best
}
