package dialect

import (
	"bytes"
	"strings"
)

// What stands where a value should be, and is none. Macros in marks are in macro.go; here is what people, programs and
// spreadsheets leave behind: "null", "TRANSACTION_ID", "$order->id", "#REF!". It is looked for only where a value is money or
// identity, for a keyword or a sub-ID may well be "null".

// standIn tells whether the value of an amount, of an ID or of a currency is none.
func standIn(value []byte) bool {
	value = bytes.TrimSpace(value)
	if len(value) == 0 || len(value) > maxMarkedBytes || isGUID(value) && !isNilGUID(value) {
		return false
	}
	var buf [maxMarkedBytes]byte
	lower := appendLower(buf[:0], value)
	return absences[string(lower)] || isNilGUID(value) || isMacroName(lower) || !isPlain(value) && isMarkedUp(value, lower)
}

// StandsForNone tells whether the value of an amount, an ID or a currency is none, whoever sent it: a macro in any marks, or what people,
// programs and spreadsheets leave. raw is the value as it came.
func StandsForNone(raw, value []byte) bool { return Native.unfilledValue(raw, value) }

// IsNothing tells whether a value says itself that there is none, unlike a macro that was not replaced.
func IsNothing(value []byte) bool {
	if value = bytes.TrimSpace(value); len(value) > maxMarkedBytes {
		return false
	}
	lower := bytes.ToLower(value)
	return absences[string(lower)] || isNilGUID(value) || isSheetError(lower)
}

// IsRounded tells an ID that is a number in scientific notation; see isRounded.
func IsRounded(value []byte) bool { return isRounded(value) }

// standInWord is the same for an event type or a status: they are words, so that only what is no word of anybody's counts.
func standInWord(value []byte) bool {
	value = bytes.TrimSpace(value)
	if len(value) == 0 || len(value) > maxMarkedBytes {
		return false
	}
	var buf [maxMarkedBytes]byte
	lower := appendLower(buf[:0], value)
	return absences[string(lower)] || !isPlain(value) && isMarkedUp(value, lower) ||
		wordNames[string(lower)] && (string(lower) != string(value) || bytes.IndexByte(value, '_') > 0)
}

// isMarkedUp tells what has a sign in it that says so.
func isMarkedUp(value, lower []byte) bool {
	return isSheetError(lower) || isVariable(value) || isNumbered(value) || isMarkedName(value)
}

// absences are how programs and people write that there is nothing, in lower case.
var absences = setOf("null", "(null)", "<null>", "undefined", "(undefined)", "nil", "<nil>", "none", "(none)", "n/a", "n.a.", "na", "nan", "(nan)", "nat", "<na>",
	"void 0", "[object object]", "[object undefined]", "(not set)", "not set", "not_set", "notset", "(not provided)", "(empty)", "(blank)", "false", "true",
	"-", "--", "---", "–", "—", "_", "?", "??", "???", ".", "..", "...", "…", `""`, `''`, "``", "{}", "[]", "()", "<>", "{{}}", "${}", "%%", "##", "\\n", `\n`)

// wordNames are the names of macros that stand for an event type or a status. In lower case and in one word they may be
// somebody's event type.
var wordNames = setOf("event", "event_id", "event_name", "event_type", "goal", "goal_id", "goal_name", "status", "conversion_status", "conversion_type",
	"your_event", "your_goal", "your_status")

// macroNames are what networks call the macros of IDs and amounts, without what joins their words: whoever sends {click_id},
// CLICK_ID or <your click id> for a value sends none. Taken from the documentation that is named in the tables, and of Affise,
// Adjust, AppMetrica, BitLabs, ClickBank, Everflow, Indoleads, Kuala, PropellerAds, Taboola and TUNE.
var macroNames = setOf("clickid", "clkid", "cid", "cnvid", "subid", "subids", "affsub", "affclickid", "affiliateclickid", "externalid", "extid", "visitorid", "hitid",
	"requestid", "reqid", "refid", "clickref", "clicktoken", "sessionid", "affsessionid", "uclick", "rdtkcid", "transactionid", "transid", "txid", "txnid", "tid",
	"orderid", "ordernumber", "ordernum", "conversionid", "convid", "actionid", "leadid", "saleid", "dealid", "invoiceid", "paymentid", "eventtransactionid", "uniqueid",
	"uuid", "guid", "payout", "payoutamount", "payouttoken", "networktoken", "amount", "saleamount", "orderamount", "ordertotal", "sum", "revenue", "commission",
	"currency", "currencycode", "googleaid", "advertisingid", "idfa", "gaid", "macro", "yourmacro", "token", "value", "placeholder", "replace", "replaceme",
	"replaceorremove", "optional", "required", "insert", "changeme", "fillme", "xxx", "xxxx", "xxxxx")

// politeWords are what stands before such a name in a template that a person is to fill in.
var politeWords = []string{"your", "my", "the", "insert", "enter", "put", "replacewith", "replaceby", "add"}

func setOf(words ...string) map[string]bool {
	set := make(map[string]bool, len(words))
	for _, w := range words {
		set[w] = true
	}
	return set
}

func appendLower(dst, text []byte) []byte {
	for _, c := range text {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		dst = append(dst, c)
	}
	return dst
}

// isMacroName tells whether what is left of a value without its marks is the name of a macro, numbered or not where it is a sub-ID's.
func isMacroName(lower []byte) bool {
	var buf [maxMarkedBytes]byte
	name := buf[:0]
	for _, c := range lower {
		switch {
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
			name = append(name, c)
		case c >= 0x80:
			return false
		}
	}
	for _, word := range politeWords {
		if rest, ok := bytes.CutPrefix(name, []byte(word)); ok && len(rest) > 0 {
			name = rest
			break
		}
	}
	name, _ = bytes.CutSuffix(name, []byte("here"))
	if macroNames[string(name)] {
		return true
	}
	// subid2, aff_sub5: the number must be joined to a name, or every short ID would be one.
	digits := len(name)
	for digits > 0 && name[digits-1] >= '0' && name[digits-1] <= '9' {
		digits--
	}
	if len(name)-digits > 2 || digits == len(name) {
		return false
	}
	return string(name[:digits]) == "subid" || string(name[:digits]) == "affsub"
}

// isVariable tells names of programs' variables: $name, $order->id, ${x, :click_id, @Model.Id and the formats of printf.
func isVariable(value []byte) bool {
	switch value[0] {
	case '$':
		return len(value) > 1 && (isLetter(value[1]) || value[1] == '_' || value[1] == '{' || value[1] == '(')
	case ':':
		return isNameWith(value[1:], "_")
	case '%':
		rest := bytes.TrimLeft(value[1:], "0123456789$.-")
		return len(rest) == 1 && strings.IndexByte("sdifguvxq@", rest[0]) >= 0
	}
	return false
}

// isNumbered tells the numbered places of formats: {0}, ${1}, {{2}}, also within a text.
func isNumbered(value []byte) bool {
	for rest := value; ; {
		i := bytes.IndexByte(rest, '{')
		if i < 0 {
			return false
		}
		rest = rest[i+1:]
		n := 0
		for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
			n++
		}
		if n > 0 && n <= 2 && n < len(rest) && rest[n] == '}' {
			return true
		}
	}
}

// nameMarks stand around the name of a macro somewhere. Between them stands a name, not any text: an ID may be "(A)-1(B)".
var nameMarks = []Mark{
	{"(", ")"}, {"((", "))"}, {"@", "@"}, {"@@", "@@"}, {"@{", "}"}, {"#", "#"}, {"##", "##"}, {"#{", "}"}, {"%", "%"}, {"%%", "%%"}, {"%{", "}"}, {"%(", ")s"},
	{"__", "__"}, {"*", "*"}, {"**", "**"}, {"*|", "|*"}, {"!!!", "!!!"}, {"!!", "!!"}, {"[%", "%]"}, {"{%", "%}"}, {"{$", "}"}, {"[$", "]"}, {"[[", "]]"}, {"[", "]"},
	{"{{", "}}"}, {"{", "}"}, {"<", ">"}, {"<<", ">>"}, {"<%", "%>"}, {"<%=", "%>"}, {"«", "»"}, {"‹", "›"}, {"$(", ")"}, {"${", "}"}, {"$$", "$$"}, {"^", "^"},
	{"~", "~"}, {"=", "="}, {"`", "`"}, {"&", ";"}, {"{!", "}"}, {"|", "|"}, {"||", "||"},
}

func isMarkedName(value []byte) bool {
	for i := range nameMarks {
		m := &nameMarks[i]
		if n := len(value) - len(m.Open) - len(m.Shut); n > 0 && string(value[:len(m.Open)]) == m.Open && string(value[len(value)-len(m.Shut):]) == m.Shut &&
			isNameWith(bytes.TrimSpace(value[len(m.Open):len(m.Open)+n]), "_-.: ") {
			return true
		}
	}
	return false
}

// isNameWith tells a letter, then letters, digits and what joins words.
func isNameWith(text []byte, joins string) bool {
	if len(text) == 0 || !isLetter(text[0]) {
		return false
	}
	for _, c := range text[1:] {
		if !isLetter(c) && (c < '0' || c > '9') && strings.IndexByte(joins, c) < 0 {
			return false
		}
	}
	return true
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// isSheetError tells what a spreadsheet writes into a cell that has no value, in lower case: #REF!, #N/A, ####.
func isSheetError(lower []byte) bool {
	switch string(lower) {
	case "#ref!", "#n/a", "#name?", "#value!", "#num!", "#null!", "#div/0!", "#spill!", "#calc!", "#getting_data", "err:502", "err:508", "err:522":
		return true
	}
	return len(lower) > 2 && len(bytes.TrimLeft(lower, "#")) == 0
}

// isGUID tells the forms of a GUID in braces and parentheses, which honest IDs have.
func isGUID(value []byte) bool {
	if len(value) != 38 || !(value[0] == '{' && value[37] == '}' || value[0] == '(' && value[37] == ')') {
		return false
	}
	return UUID.matches(value[1:37])
}

// isNilGUID tells the GUID of zeros alone, which is nobody's: what a device says that may not be followed, and a
// program's GUID that was never set.
func isNilGUID(value []byte) bool {
	if len(value) == 38 && isGUID(value) {
		value = value[1:37]
	}
	return len(value) == 36 && value[0] == '0' && string(value) == "00000000-0000-0000-0000-000000000000"
}

// isRounded tells an ID that is a number in scientific notation, 1.23457E+15: a spreadsheet or a program took it for a number, and
// its last digits are lost. "1E15" may be an ID, and so may any hexadecimal digits: only what has a sign or a point is one. A plus
// sign that was not encoded came as a space.
func isRounded(value []byte) bool {
	digits := func(text []byte) (n int) {
		for n < len(text) && text[n] >= '0' && text[n] <= '9' {
			n++
		}
		return n
	}
	if len(value) == 0 || isLetter(value[0]) {
		return false
	}
	value = bytes.TrimPrefix(bytes.TrimSpace(value), []byte("-"))
	whole := digits(value)
	if whole == 0 {
		return false
	}
	rest, point := value[whole:], false
	if len(rest) > 0 && (rest[0] == '.' || rest[0] == ',') {
		n := digits(rest[1:])
		if n == 0 {
			return false
		}
		rest, point = rest[1+n:], true
	}
	if len(rest) < 2 || rest[0]|0x20 != 'e' {
		return false
	}
	rest = rest[1:]
	switch {
	case rest[0] == '+', rest[0] == ' ', rest[0] == '-' && point:
		rest = rest[1:]
	case !point:
		return false
	}
	n := digits(rest)
	return n > 0 && n <= 3 && n == len(rest)
}
