package dialect

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"tributary/schemas"
	"tributary/schemas/events"
)

// Dialect is how one tracker or network writes links and postbacks. It is data and never changes.
type Dialect struct {
	// Name in configuration and on the command line.
	Name     string
	Link     LinkTable
	Postback PostbackTable
	// Placeholders are values that the system's own documentation leaves in a URL for a person to replace.
	Placeholders []string
	// Marks are ways to write a macro that mean one in this dialect and could be ordinary text elsewhere.
	Marks []Mark
	// Sends has the macros with which the system fills in the URLs that it calls itself.
	Sends []Macro
	// Pages are the public pages that the tables were taken from.
	Pages []string
	// Customary is what users of the system do and its own public pages do not say, or say only in pictures.
	Customary []string

	turn int
}

// LinkTable is a dialect's click links; one without paths has none.
type LinkTable struct {
	Paths []Path
	Names []FieldName
	// Free: the owner of the other tracker names parameters freely, so that Names has only the customary ones and a
	// configuration has to add the others.
	Free bool
}

// PostbackTable is a dialect's postbacks; one without names has none.
type PostbackTable struct {
	Paths []Path
	Names []ParamName
	// Words are its status words in lower case, beside the five of events.Status.
	Words []Word
	// Default is the status of a postback that names none.
	Default events.Status
	// Spaced: its event types are free text; a space in one becomes an underscore.
	Spaced bool
	// Events renames its event types, both in lower case.
	Events []Rename
	// Deletes are payouts, as text, that take the conversion back.
	Deletes []string
	// TxIDPerClick: its transaction IDs tell the conversions of one click apart and come again on other clicks;
	// else one is one conversion, whatever the click. docs/identity.md has what its documentation says.
	TxIDPerClick bool
	// Corrects: any other payout below 0 is deducted from the revenue; else it is refused.
	Corrects bool
	// Accepted and Refused are what the sender expects; with Status 0 the edge answers in its own way, with an empty Body in
	// its own words.
	Accepted, Refused Reply
}

// Path is a pattern of a path: literal but for at most one segment, {campaign} or {key}. A slash at the end does not matter.
type Path struct {
	Pattern string
	// Shape is what the captured segment looks like.
	Shape Shape
	// Has are parameters that must be in the query.
	Has []string
	// Campaign are the parameters that may name the campaign, the best first.
	Campaign []string
}

// Shape is what a captured segment looks like.
type Shape uint8

const (
	// Segment is any of a-z A-Z 0-9 _ - at least once.
	Segment Shape = iota
	// UUID is 8-4-4-4-12 hexadecimal digits.
	UUID
	// Hex24 is 24 hexadecimal digits.
	Hex24
)

// FieldName is a name of a link's parameter.
type FieldName struct {
	Name  string
	Field Field
	Form  Form
}

// ParamName is a name of a postback's parameter.
type ParamName struct {
	Name  string
	Param Param
	Form  Form
}

// Form is how a value is written when it is not plain.
type Form uint8

const (
	Plain Form = iota
	// Dollar: a dollar sign may stand before the amount.
	Dollar
	// Mille: "cpm_" before the amount says that it is the price of a thousand.
	Mille
	// Comma: a comma before the last one or two digits is the decimal point.
	Comma
	// Second: another name of the same meaning counts before this one where a postback has both: a plain one, or a
	// second one that stands earlier in the table.
	Second
)

// Word is a status word, lower case.
type Word struct {
	Word   string
	Status events.Status
}

// Rename gives something another name.
type Rename struct{ From, To string }

// Mark is what stands before and behind a macro's name.
type Mark struct{ Open, Shut string }

// Macro is how a system that calls our postback writes a value of its own.
type Macro struct {
	Param Param
	Text  string
}

// Reply is an answer. In Body, {receipt_id}, {detail} and {return} are replaced.
type Reply struct {
	Status      int
	ContentType string
	Body        string
}

// All are the dialects in the order of their turns, the native one first.
var All []*Dialect

// add puts a dialect into All, beside its table: a new one is one place. The turn says who is asked first where two
// write links or postbacks alike.
func add(turn int, d *Dialect) int {
	byTurn := func(have *Dialect, turn int) int { return cmp.Compare(have.turn, turn) }
	at, _ := slices.BinarySearchFunc(All, turn, byTurn)
	d.turn = turn
	All = slices.Insert(All, at, d)
	return turn
}

// ByName returns the dialect of that name, nil when there is none.
func ByName(name string) *Dialect {
	for _, d := range All {
		if d.Name == name {
			return d
		}
	}
	return nil
}

// Names lists the dialects for error texts.
func Names() string {
	text := ""
	for i, d := range All {
		if i > 0 {
			text += ", "
		}
		text += d.Name
	}
	return text
}

// HasLinks tells whether the dialect has click links.
func (d *Dialect) HasLinks() bool { return len(d.Link.Paths) > 0 }

// HasPostbacks tells whether the dialect has postbacks.
func (d *Dialect) HasPostbacks() bool { return len(d.Postback.Names) > 0 }

// KeyInPath tells whether a postback's path has a secret in it.
func (d *Dialect) KeyInPath() bool {
	for i := range d.Postback.Paths {
		if strings.Contains(d.Postback.Paths[i].Pattern, "{key}") {
			return true
		}
	}
	return false
}

// subs names a range of sub-IDs: prefix1 to prefix<last>. Those beyond schemas.MaxSubs are known and have no place.
func subs(prefix string, last int) []FieldName {
	names := make([]FieldName, last)
	for i := range names {
		f := Ignored
		if i < schemas.MaxSubs {
			f = Sub(i + 1)
		}
		names[i] = FieldName{Name: prefix + strconv.Itoa(i+1), Field: f}
	}
	return names
}

// ignored names a range of a postback's parameters that have no place: prefix1 to prefix<last>.
func ignored(prefix string, last int) []ParamName {
	names := make([]ParamName, last)
	for i := range names {
		names[i] = ParamName{Name: prefix + strconv.Itoa(i+1), Param: ParamIgnored}
	}
	return names
}

func join[T any](lists ...[]T) []T {
	var all []T
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}
