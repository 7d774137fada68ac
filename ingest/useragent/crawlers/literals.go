package crawlers

import (
	"regexp/syntax"
	"slices"
	"unicode"
)

// maxTexts limits how many plain texts one expression may be spelt out into.
const maxTexts = 64

// literals are texts of which every match of an expression contains at least one. Exact: the texts
// are all that it matches, so finding one is matching.
type literals struct {
	texts []string
	exact bool
}

// literalsOf spells out an expression. No texts: nothing can be said about what it matches.
func literalsOf(re *syntax.Regexp) literals {
	switch re.Op {
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase != 0 {
			return literalsOfFolded(re.Rune)
		}
		return literals{[]string{string(re.Rune)}, true}
	case syntax.OpEmptyMatch:
		return literals{[]string{""}, true}
	case syntax.OpCharClass:
		return literalsOfClass(re.Rune)
	case syntax.OpCapture:
		return literalsOf(re.Sub[0])
	case syntax.OpPlus:
		sub := literalsOf(re.Sub[0])
		return literals{sub.texts, false}
	case syntax.OpConcat:
		return literalsOfSequence(re.Sub)
	case syntax.OpAlternate:
		return literalsOfChoice(re.Sub)
	default: // anchors, repetition from zero, any character
		return literals{}
	}
}

// literalsOfFolded spells out a text in any case; the parser makes such from [wW].
func literalsOfFolded(runes []rune) literals {
	set := literals{[]string{""}, true}
	for _, first := range runes {
		cases := []string{string(first)}
		for r := unicode.SimpleFold(first); r != first; r = unicode.SimpleFold(r) {
			cases = append(cases, string(r))
		}
		if len(set.texts)*len(cases) > maxTexts {
			return literals{}
		}
		set.texts = product(set.texts, cases)
	}
	return set
}

// literalsOfClass spells out a class such as [wW]. Runes come as pairs of first and last.
func literalsOfClass(pairs []rune) literals {
	var set literals
	for i := 0; i < len(pairs); i += 2 {
		for r := pairs[i]; r <= pairs[i+1]; r++ {
			if len(set.texts) == maxTexts {
				return literals{}
			}
			set.texts = append(set.texts, string(r))
		}
	}
	set.exact = true
	return set
}

func literalsOfChoice(subs []*syntax.Regexp) literals {
	set := literals{exact: true}
	for _, sub := range subs {
		one := literalsOf(sub)
		if len(one.texts) == 0 || len(set.texts)+len(one.texts) > maxTexts {
			return literals{}
		}
		set.texts = append(set.texts, one.texts...)
		set.exact = set.exact && one.exact
	}
	return set
}

// literalsOfSequence joins neighbours while they are exact, and keeps the best run: every run has
// to occur, so one of them is enough to look for.
func literalsOfSequence(subs []*syntax.Regexp) literals {
	whole := true
	empty := literals{[]string{""}, true}
	run, best := empty, literals{}
	closeRun := func() {
		if shortest(run.texts) > shortest(best.texts) {
			best = run
		}
		run = empty
	}
	for _, sub := range subs {
		one := literalsOf(sub)
		joined := len(run.texts) * len(one.texts)
		if one.exact && joined <= maxTexts {
			run = literals{product(run.texts, one.texts), true}
			continue
		}
		whole = false
		closeRun()
		switch {
		case one.exact:
			run = one
		case shortest(one.texts) > shortest(best.texts):
			best = one
		}
	}
	closeRun()
	best.exact = best.exact && whole
	return best
}

func product(heads, tails []string) []string {
	texts := make([]string, 0, len(heads)*len(tails))
	for _, head := range heads {
		for _, tail := range tails {
			texts = append(texts, head+tail)
		}
	}
	return texts
}

// shortest is the length of the shortest text: how much has to be found before anything else is tried.
func shortest(texts []string) int {
	if len(texts) == 0 {
		return 0
	}
	return len(slices.MinFunc(texts, func(a, b string) int { return len(a) - len(b) }))
}
