package moment

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Order is how a date without a month's name and without a year in front is meant.
type Order uint8

const (
	// OrderUnknown refuses dates that can be read both ways.
	OrderUnknown Order = iota
	DayFirst
	MonthFirst
)

// Orders are the orders by the names that settings and flags give them.
var Orders = map[string]Order{"dmy": DayFirst, "mdy": MonthFirst}

// OrderNames lists them for error texts.
const OrderNames = "dmy (31/01/2026) or mdy (01/31/2026)"

// Rules say what a text leaves open.
type Rules struct {
	// Zone is that of times that name none; nil refuses them.
	Zone  *time.Location
	Order Order
}

// A Time is what was read, Unix milliseconds.
type Time struct {
	MS int64
	// EndMS is MS, or the day's last millisecond where only a day is named: MS is then its first.
	EndMS int64
}

// Errors of Read. Each says what is wrong with a text; what would be right depends on the rules, which the caller
// knows.
var (
	ErrSyntax = errors.New("no time")
	ErrZone   = errors.New("the time names no zone, and none is declared for it")
	ErrOrder  = errors.New("the day or the month may come first")
	// ErrSmall is of a number: a spreadsheet's own count of days is one.
	ErrSmall = errors.New("a number too small for seconds since 1970")
	ErrLarge = errors.New("a number with more digits than nanoseconds since 1970 have")
	// ErrLetters is of an abbreviation such as EST, CST or MSK.
	ErrLetters = errors.New("the letters behind the time are no zone that means one thing")
)

// Right is what is read whatever the rules are, for error texts.
const Right = "Unix seconds, Unix milliseconds or RFC 3339, such as 2026-01-31T12:00:00Z"

// maxTextBytes bounds the work for one time.
const maxTextBytes = 80

// Read reads one time. Spaces around it do not matter.
func Read(text string, r Rules) (Time, error) {
	text = strings.TrimSpace(spaces.Replace(text))
	if text == "" || len(text) > maxTextBytes {
		return Time{}, ErrSyntax
	}
	if strings.Trim(text, "0123456789.") == "" && strings.Count(text, ".") < 2 {
		return number(text, r)
	}
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return instant(at)
	}
	found := shape.FindStringSubmatch(strings.ToLower(text))
	if found == nil {
		if lettered.MatchString(strings.ToLower(text)) {
			return Time{}, ErrLetters
		}
		return Time{}, ErrSyntax
	}
	part := func(name string) string { return found[shape.SubexpIndex(name)] }
	w, err := date(part, r.Order)
	if err != nil {
		return Time{}, err
	}
	if part("hour") == "" {
		return day(w, r.Zone)
	}
	w.hour, w.minute, w.second = small(part("hour")), small(part("minute")), small(part("second"))
	if fraction := part("fraction"); fraction != "" {
		w.millis = small((fraction + "00")[:3])
	}
	if half := part("half"); half != "" {
		if w.hour < 1 || w.hour > 12 {
			return Time{}, ErrSyntax
		}
		w.hour %= 12
		if half[0] == 'p' {
			w.hour += 12
		}
	}
	if w.hour > 23 || w.minute > 59 || w.second > 59 {
		return Time{}, ErrSyntax
	}
	zone := r.Zone
	switch named := part("zone"); {
	case named != "":
		zone = offset(strings.TrimPrefix(strings.TrimPrefix(named, "utc"), "gmt"))
	case part("bare") != "":
		zone = offset("+" + part("bare"))
	}
	switch {
	case zone == nil && r.Zone == nil && part("zone")+part("bare") == "":
		return Time{}, ErrZone
	case zone == nil:
		return Time{}, ErrSyntax
	}
	return instant(w.in(zone))
}

// spaces are those that software puts between digits and behind them: ICU writes a narrow one before PM.
var spaces = strings.NewReplacer("\u00a0", " ", "\u202f", " ", "\u2009", " ")

// shape is a date and perhaps a time of day. A zone's plus sign that was not percent-encoded came as a space: bare.
var shape = regexp.MustCompile(`^(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6}\.?,? +)?` +
	`(?:(?P<year>\d{4})(?P<m1>[-/.])(?P<month>\d{1,2})(?P<m2>[-/.])(?P<day>\d{1,2})` +
	`|(?P<first>\d{1,2})(?P<n1>[-/.])(?P<next>\d{1,2})(?P<n2>[-/.])(?P<last>\d{4}|\d{2})` +
	`|(?P<dday>\d{1,2})(?:st|nd|rd|th)?[ -](?P<dname>[a-z]{3,9})\.?,?[ -](?P<dyear>\d{4}|\d{2})` +
	`|(?P<ename>[a-z]{3,9})\.? (?P<eday>\d{1,2})(?:st|nd|rd|th)?,? (?P<eyear>\d{4}))` +
	`(?:(?:,? +(?:at +)?|t)(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?` +
	` ?(?P<half>[ap]\.?m\.?)?(?: ?(?P<zone>z|(?:utc|gmt)?[+-]\d{1,2}(?::?\d{2})?|utc|gmt)| (?P<bare>\d{2}:\d{2}))?(?: \([^()]*\))?)?$`)

// lettered is a time with letters behind it that are no zone.
var lettered = regexp.MustCompile(`\d:\d{2}.* [a-z]{2,5}$`)

// wall is what a clock on a wall and a calendar show.
type wall struct{ year, month, day, hour, minute, second, millis int }

var months = [...]string{"january", "february", "march", "april", "may", "june", "july", "august", "september",
	"october", "november", "december"}

func date(part func(string) string, order Order) (wall, error) {
	var w wall
	switch {
	case part("year") != "":
		if part("m1") != part("m2") {
			return w, ErrSyntax
		}
		w.year, w.month, w.day = small(part("year")), small(part("month")), small(part("day"))
	case part("first") != "":
		if part("n1") != part("n2") {
			return w, ErrSyntax
		}
		var err error
		if w, err = ordered(small(part("first")), small(part("next")), part("last"), part("n1"), order); err != nil {
			return w, err
		}
	case part("dday") != "":
		w.year, w.month, w.day = fullYear(part("dyear")), named(part("dname")), small(part("dday"))
	default:
		w.year, w.month, w.day = small(part("eyear")), named(part("ename")), small(part("eday"))
	}
	if w.year < 1970 || w.month < 1 || w.month > 12 || w.day < 1 || w.day > daysIn(w.year, w.month) {
		return w, ErrSyntax
	}
	return w, nil
}

// ordered reads a date whose year is last. Points are written day first wherever they are written, unless the order
// says otherwise.
func ordered(first, next int, year, mark string, order Order) (wall, error) {
	if len(year) == 2 && order == OrderUnknown {
		return wall{}, ErrOrder // the year may come first, too
	}
	w := wall{year: fullYear(year), month: next, day: first}
	switch {
	case order == MonthFirst, order == OrderUnknown && mark != "." && next > 12:
		w.month, w.day = first, next
	case order == OrderUnknown && mark != "." && first <= 12 && first != next:
		return w, ErrOrder
	}
	return w, nil
}

// number is a count since 1970, or a date without marks: 20260131, 20260131120000.
func number(text string, r Rules) (Time, error) {
	whole, fraction, _ := strings.Cut(text, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	switch {
	case whole == "":
		return Time{}, ErrSyntax
	case err != nil || len(whole) > 19:
		return Time{}, ErrLarge
	}
	switch len(whole) {
	case 14:
		return marked(whole[:8], whole[8:], r)
	case 8:
		if fraction == "" && (whole[:2] == "19" || whole[:2] == "20") {
			return marked(whole, "", r)
		}
	case 16: // microseconds
		n, fraction = n/1000, ""
	case 19: // nanoseconds
		n, fraction = n/1e6, ""
	}
	switch {
	case len(whole) >= 16 && n < FirstMS:
		return Time{}, ErrSmall
	case n < 100_000_000:
		return Time{}, ErrSmall
	case n < FirstMS:
		ms := n*1000 + int64(small((fraction + "000")[:3]))
		return Time{ms, ms}, nil
	case n < FirstMS*100:
		return Time{n, n}, nil
	}
	return Time{}, ErrLarge
}

// FirstMS is the first number that is taken for milliseconds instead of seconds: 1973 as the one, 5138 as the other.
const FirstMS = 100_000_000_000

func marked(date, clock string, r Rules) (Time, error) {
	text := date[:4] + "-" + date[4:6] + "-" + date[6:]
	if clock != "" {
		text += " " + clock[:2] + ":" + clock[2:4] + ":" + clock[4:]
	}
	return Read(text, r)
}

// day is a whole one.
func day(w wall, zone *time.Location) (Time, error) {
	if zone == nil {
		return Time{}, ErrZone
	}
	from, err := instant(w.in(zone))
	if err != nil {
		return Time{}, err
	}
	next := time.Date(w.year, time.Month(w.month), w.day+1, 0, 0, 0, 0, time.UTC)
	until := wall{year: next.Year(), month: int(next.Month()), day: next.Day()}.in(zone)
	return Time{from.MS, until.UnixMilli() - 1}, nil
}

// in is the instant of a wall time in a zone, see the package's invariant.
func (w wall) in(zone *time.Location) time.Time {
	utc := time.Date(w.year, time.Month(w.month), w.day, w.hour, w.minute, w.second, w.millis*int(time.Millisecond),
		time.UTC)
	_, before := utc.Add(-36 * time.Hour).In(zone).Zone()
	_, after := utc.Add(36 * time.Hour).In(zone).Zone()
	// The larger offset is the earlier instant.
	for _, offset := range [...]int{max(before, after), min(before, after)} {
		at := utc.Add(-time.Duration(offset) * time.Second)
		if _, here := at.In(zone).Zone(); here == offset {
			return at
		}
	}
	return utc.Add(-time.Duration(before) * time.Second)
}

func instant(at time.Time) (Time, error) {
	ms := at.UnixMilli()
	if ms <= 0 {
		return Time{}, ErrSyntax
	}
	return Time{ms, ms}, nil
}

// offset reads "", "z", "+01", "+01:00" or "-0330"; nil for what no zone has.
func offset(text string) *time.Location {
	if text == "" || text == "z" {
		return time.UTC
	}
	digits := strings.ReplaceAll(text[1:], ":", "")
	if len(digits) == 1 || len(digits) == 3 {
		digits = "0" + digits
	}
	minutes := small(digits[:2]) * 60
	if len(digits) == 4 {
		minutes += small(digits[2:])
	}
	if minutes > 18*60 || len(digits) == 4 && small(digits[2:]) > 59 {
		return nil
	}
	if text[0] == '-' {
		minutes = -minutes
	}
	return time.FixedZone("", minutes*60)
}

// named is the number of a month by its English name or the first letters of it; 0 for none.
func named(text string) int {
	for i, name := range months {
		if name == text || len(text) <= 4 && strings.HasPrefix(name, text) {
			return i + 1
		}
	}
	return 0
}

func fullYear(text string) int {
	if len(text) == 2 {
		return 2000 + small(text)
	}
	return small(text)
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month+1), 0, 0, 0, 0, 0, time.UTC).Day()
}

// small reads digits of which there are few; "" is 0.
func small(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}
