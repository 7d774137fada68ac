package chdb

import "strings"

// statement is what the server needs to know of a query's text before the engine parses it. It is found with a
// tokenizer that knows comments, strings, quoted names and brackets, and nothing else of SQL.
type statement struct {
	text string
	// verb is the first word in upper case: SELECT, INSERT, CREATE …
	verb string
	// format is the output format the text itself asks for, "" if none.
	format string
	// insert is set for an INSERT whose data follows the text or is the request's body.
	insert *insertion
	// blank is true for a text without any token.
	blank bool
	// several is true when a second statement follows a semicolon.
	several bool
	// outfile is true when the output goes to a file of the engine's machine, infile when the data comes from one.
	outfile, infile bool
	// readsFile is true when the function file() is called. It is right of the engine's own words only, where a function's
	// name and its bracket touch.
	readsFile bool
}

// insertion says where the parts of `INSERT INTO t (a, b) SETTINGS … FORMAT X data` are, as offsets into the text.
type insertion struct {
	format string // of the data
	source int    // where a FROM INFILE clause belongs: after the table and its columns
	head   int    // end of the clauses that stay: before FORMAT or VALUES
	data   int    // where inline data begins; len(text) if there is none
}

// fromFile is the insert with its data taken from the file at path. Path must hold no quote.
func (s *statement) fromFile(path string) string {
	in := s.insert
	return s.text[:in.source] + " FROM INFILE '" + path + "' COMPRESSION 'none' " + s.text[in.source:in.head] + " FORMAT " + in.format
}

// streamable reports whether the engine can hand the output over in chunks that, joined, are the whole output.
func (s *statement) streamable(format string) bool {
	switch s.verb {
	case "SELECT", "WITH", "FROM":
	default:
		return false
	}
	if s.several || s.outfile {
		return false
	}
	switch strings.ToLower(format) {
	case "native", "rowbinary", "tabseparated", "tsv", "tabseparatedraw", "tsvraw", "raw", "csv", "jsoneachrow", "ndjson",
		"jsonlines", "jsoncompacteachrow", "jsonstringseachrow", "lineasstring", "rawblob":
		return true
	}
	return false // a format with a head or a tail would repeat them with each chunk
}

// harmless reports whether the statement changes no stored data.
func (s *statement) harmless() bool {
	switch s.verb {
	case "SELECT", "WITH", "FROM", "SHOW", "DESCRIBE", "DESC", "EXISTS", "EXPLAIN", "SET", "USE":
		return true
	}
	return false
}

func analyse(text string) statement {
	s := statement{text: text, blank: true}
	sc := scanner{text: text}
	first, ok := sc.next()
	for ok && first.is("(") {
		first, ok = sc.next()
	}
	if !ok {
		return s
	}
	s.blank = false
	s.verb = strings.ToUpper(text[first.start:first.end])
	if s.verb == "INSERT" {
		if in, ok := analyseInsert(text, sc); ok {
			s.insert = &in
			return s
		}
	}
	// The last FORMAT at bracket depth 0 that ends the query, or is followed only by settings, names the output format.
	var before, last token
	for {
		t, ok := sc.next()
		if !ok {
			break
		}
		if s.several = s.several || last.is(";"); s.several {
			continue
		}
		if t.depth == 0 && t.word && before.isWord("FORMAT") && last.word {
			if t.isWord("SETTINGS") || t.isWord("INTO") {
				s.format = last.text
			} else {
				s.format = ""
			}
		}
		s.outfile = s.outfile || last.isWord("INTO") && t.isWord("OUTFILE")
		s.infile = s.infile || last.isWord("FROM") && t.isWord("INFILE")
		s.readsFile = s.readsFile || last.isWord("file") && t.is("(") && t.start == last.end
		if t.is(";") && before.isWord("FORMAT") && last.word {
			s.format = last.text
		}
		before, last = last, t
	}
	if before.isWord("FORMAT") && last.word && last.depth == 0 {
		s.format = last.text
	}
	return s
}

// liftSettings takes a SETTINGS clause off the end of a statement in the engine's own words, with or without a FORMAT
// behind it. found is false where there is none, or one in the middle.
func liftSettings(text string) (rest string, settings map[string]string, found bool) {
	sc := scanner{text: text}
	for {
		t, ok := sc.next()
		if !ok {
			return text, nil, false
		}
		if t.depth != 0 || !t.isWord("SETTINGS") {
			continue
		}
		at := sc
		if settings, end, ok := readSettings(&at); ok {
			return text[:t.start] + text[end:], settings, true
		}
	}
}

// readSettings reads NAME = VALUE, … up to the end or to FORMAT.
func readSettings(sc *scanner) (settings map[string]string, end int, ok bool) {
	settings = make(map[string]string)
	for {
		name, named := sc.next()
		equals, _ := sc.next()
		if !named || !name.word || !equals.is("=") {
			return nil, 0, false
		}
		sc.skipBlank()
		start, end, last := sc.at, sc.at, false
		for {
			before := sc.at
			t, more := sc.next()
			if last = !more || t.depth == 0 && t.isWord("FORMAT"); last {
				sc.at = before
				break
			}
			if t.depth == 0 && t.is(",") {
				break
			}
			if t.depth == 0 && t.word && end > start { // a second word: not a value
				return nil, 0, false
			}
			end = t.end
		}
		if end == start {
			return nil, 0, false
		}
		settings[name.text] = unquote(sc.text[start:end])
		if last {
			return settings, sc.at, true
		}
	}
}

var unquoted = strings.NewReplacer(`\\`, `\`, `\'`, `'`, `\n`, "\n", `\t`, "\t", `\r`, "\r", `\0`, "\x00", `\b`, "\b", `\f`, "\f")

// unquote is the value of a string literal as the engine writes it, or the text itself.
func unquote(text string) string {
	if len(text) >= 2 && text[0] == '\'' && text[len(text)-1] == '\'' {
		return unquoted.Replace(text[1 : len(text)-1])
	}
	return text
}

// literals are the string literals of a text in the engine's own words.
func literals(text string) (values []string) {
	sc := scanner{text: text}
	for t, ok := sc.next(); ok; t, ok = sc.next() {
		if t.quoted && t.text[0] == '\'' {
			values = append(values, unquote(t.text))
		}
	}
	return values
}

// named is a setting that a statement sets.
type named struct {
	name  string
	value string // in the engine's own words
}

// settingsIn are the settings that a statement in the engine's own words sets, in SETTINGS clauses at any depth and as a SET
// statement.
func settingsIn(text string) (found []named) {
	sc := scanner{text: text}
	for t, ok := sc.next(); ok; t, ok = sc.next() {
		if !t.isWord("SETTINGS") && !(t.isWord("SET") && t.start == 0) {
			continue
		}
		at := sc
		for {
			name, first, ok := setting(&at)
			if !ok {
				break
			}
			end := valueEnd(&at, first)
			found = append(found, named{name, text[first.start:end]})
			if comma, _ := at.next(); !comma.is(",") {
				break
			}
		}
	}
	return found
}

// setting reads NAME = and the first token of a value. A name may be quoted, and have dots.
func setting(sc *scanner) (name string, value token, ok bool) {
	for {
		part, more := sc.next()
		if !more || !part.word && !part.quoted {
			return "", token{}, false
		}
		name += strings.Trim(part.text, "`\"")
		between, _ := sc.next()
		if between.is("=") {
			value, more = sc.next()
			return name, value, more
		}
		if !between.is(".") {
			return "", token{}, false
		}
		name += "."
	}
}

// valueEnd reads on to the end of a value that begins with the token first: what touches it, and what its brackets hold.
func valueEnd(sc *scanner, first token) int {
	end := first.end
	for {
		ahead := *sc
		t, ok := ahead.next()
		inside := t.depth > first.depth || t.depth == first.depth && (t.is(")") || t.is("]") || t.is("}"))
		if !ok || !inside && (t.start != end || t.is(",") || t.is(";") || t.depth < first.depth) {
			return end
		}
		end, *sc = t.end, ahead
	}
}

// analyseInsert reads on after INSERT. It reports false for INSERT … SELECT and for what it does not understand, which
// the engine then judges.
func analyseInsert(text string, sc scanner) (insertion, bool) {
	t, ok := sc.next()
	if ok && t.isWord("INTO") {
		t, ok = sc.next()
	}
	// A table may be called "table": the word is the optional keyword only when a name follows.
	if ok && (t.isWord("TABLE") || t.isWord("FUNCTION")) {
		peek := sc
		if name, more := peek.next(); more && (name.word || name.quoted) && !name.isWord("FORMAT") && !name.isWord("VALUES") {
			t, sc = name, peek
		}
	}
	if !ok || !t.word && !t.quoted {
		return insertion{}, false
	}
	in := insertion{source: -1}
	afterDot := false
	for {
		t, ok := sc.next()
		if !ok {
			return insertion{}, false
		}
		if t.depth != 0 || !t.word {
			afterDot = t.is(".")
			continue
		}
		if afterDot { // db.table
			afterDot = false
			continue
		}
		switch {
		case t.isWord("SETTINGS") && in.source < 0:
			in.source = t.start
		case t.isWord("VALUES"):
			in.format, in.head, in.data = "Values", t.start, t.end
		case t.isWord("FORMAT"):
			name, ok := sc.next()
			if !ok || !name.word {
				return insertion{}, false
			}
			in.format, in.head, in.data = name.text, t.start, lineEnd(text, name.end)
			if strings.EqualFold(name.text, "Values") {
				in.data = name.end
			}
		case t.isWord("SELECT"), t.isWord("WITH"), t.isWord("FROM"), t.isWord("WATCH"):
			return insertion{}, false
		}
		if in.format != "" {
			if in.source < 0 {
				in.source = in.head
			}
			return in, true
		}
	}
}

// lineEnd skips what may stand between a format's name and inline data: blanks and one line break.
func lineEnd(text string, at int) int {
	for at < len(text) && (text[at] == ' ' || text[at] == '\t' || text[at] == '\f') {
		at++
	}
	if at < len(text) && text[at] == '\r' {
		at++
	}
	if at < len(text) && text[at] == '\n' {
		at++
	}
	return at
}

type token struct {
	text       string
	start, end int
	depth      int // of brackets around it
	word       bool
	quoted     bool // a name in backquotes or double quotes
}

func (t token) is(text string) bool     { return t.text == text && !t.quoted }
func (t token) isWord(word string) bool { return t.word && strings.EqualFold(t.text, word) }

// scanner is copied to look ahead.
type scanner struct {
	text  string
	at    int
	depth int
}

func (sc *scanner) next() (token, bool) {
	sc.skipBlank()
	if sc.at >= len(sc.text) {
		return token{}, false
	}
	t := token{start: sc.at, depth: sc.depth}
	switch c := sc.text[sc.at]; {
	case c == '\'' || c == '"' || c == '`':
		t.quoted = true
		sc.at = quoteEnd(sc.text, sc.at)
	case wordByte(c):
		t.word = true
		for sc.at < len(sc.text) && wordByte(sc.text[sc.at]) {
			sc.at++
		}
	case c == '(' || c == '[' || c == '{':
		sc.depth++
		sc.at++
	case c == ')' || c == ']' || c == '}':
		sc.depth--
		t.depth = sc.depth
		sc.at++
	default:
		sc.at++
	}
	t.end = sc.at
	t.text = sc.text[t.start:t.end]
	return t, true
}

func (sc *scanner) skipBlank() {
	for sc.at < len(sc.text) {
		rest := sc.text[sc.at:]
		switch {
		case rest[0] == ' ' || rest[0] >= '\t' && rest[0] <= '\r':
			sc.at++
		case strings.HasPrefix(rest, "--"), strings.HasPrefix(rest, "# "), strings.HasPrefix(rest, "#!"):
			end := strings.IndexByte(rest, '\n')
			if end < 0 {
				end = len(rest) - 1
			}
			sc.at += end + 1
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest[2:], "*/")
			if end < 0 {
				sc.at = len(sc.text)
				return
			}
			sc.at += 2 + end + 2
		default:
			return
		}
	}
}

// quoteEnd is the offset after the quoted text that begins at start; an unclosed one ends the text. A doubled quote
// inside reads as two adjacent quoted texts, which is the same to this scanner.
func quoteEnd(text string, start int) int {
	for at := start + 1; at < len(text); at++ {
		switch text[at] {
		case '\\':
			at++
		case text[start]:
			return at + 1
		}
	}
	return len(text)
}

func wordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}
