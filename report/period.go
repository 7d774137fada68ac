package report

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Period is the time from From on and before To. Both begin a quarter of an hour. Zero: no bound.
type Period struct {
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
}

// A Compare names the period that figures are compared with; the zero value: none.
type Compare struct {
	// Kind is one of the constants Compare…; "" is none.
	Kind string `json:"kind,omitempty"`
	// Period is that of CompareWith.
	Period Period `json:"period,omitzero"`
}

// Kinds of Compare.
const (
	ComparePrevious = "previous"  // as many days or months, just before
	CompareWeek     = "week"      // a week earlier
	CompareMonth    = "month"     // a month earlier
	CompareYear     = "last-year" // the same dates a year earlier
	CompareWith     = "with"      // Period
)

var compareKinds = []string{ComparePrevious, CompareWeek, CompareMonth, CompareYear}

// Zone returns the location of an IANA name; "" is UTC.
func Zone(name string) (*time.Location, error) {
	switch name {
	case "", "UTC":
		return time.UTC, nil
	case "Local":
		return nil, wrong(`the zone "Local" is another one on each machine; name it, such as Europe/Berlin`)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		hint := "; right would be an IANA name such as Europe/Berlin, Asia/Kolkata or UTC"
		if names := zoneNames(); len(names) > 0 {
			if h := near(name, names); strings.Contains(h, "did you mean") {
				hint = h
			}
		}
		return nil, wrong("there is no zone %q%s", name, hint)
	}
	return zone, nil
}

// zoneNames are those that the system has, for a hint.
func zoneNames() []string {
	var names []string
	for _, area := range []string{"Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian",
		"Pacific"} {
		entries, err := os.ReadDir(filepath.Join("/usr/share/zoneinfo", area))
		if err != nil {
			continue
		}
		for _, e := range entries {
			names = append(names, area+"/"+e.Name())
		}
	}
	return names
}

// PeriodNames are the words that ParsePeriod knows, for a help.
var PeriodNames = []string{"today", "yesterday", "last7days", "last30days", "last24hours", "this-week", "last-week", "this-month",
	"last-month", "this-year", "last-year", "all"}

var (
	lastDays  = regexp.MustCompile(`^last-?([0-9]{1,4})-?(days?|hours?|weeks?|months?)$`)
	dayText   = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)
	monthText = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}$`)
	yearText  = regexp.MustCompile(`^[0-9]{4}$`)
)

// ParsePeriod reads a period as people write it: a word of PeriodNames, lastNdays, lastNhours, a day, a month, a year,
// or two of these or of times (2026-11-01T06:30) with .. between them. The last day of a range belongs to it, a time at
// its end does not. Days are those of the zone.
func ParsePeriod(text string, now time.Time, zone *time.Location) (Period, error) {
	text = strings.ToLower(strings.TrimSpace(text))
	first, last, ranged := strings.Cut(text, "..")
	if ranged {
		a, err := ParsePeriod(strings.TrimSpace(first), now, zone)
		if err != nil {
			return Period{}, err
		}
		b, err := ParsePeriod(strings.TrimSpace(last), now, zone)
		if err != nil {
			return Period{}, err
		}
		if a.From.IsZero() || b.To.IsZero() {
			return Period{}, wrong("the period %q has no first or no last day", text)
		}
		if !a.From.Before(b.To) {
			return Period{}, wrong("the period %q ends before it begins; right would be %s..%s", text, last, first)
		}
		return Period{a.From, b.To}, nil
	}
	day := startOfDay(now.In(zone), 0)
	months := func(n, length int) Period {
		first := time.Date(day.Year(), day.Month()+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
		return datesIn(zone, first, first.AddDate(0, length, 0))
	}
	week := startOfDay(day, -(int(day.Weekday())+6)%7)
	switch text {
	case "today":
		return Period{day, startOfDay(day, 1)}, nil
	case "yesterday":
		return Period{startOfDay(day, -1), day}, nil
	case "this-week":
		return Period{week, startOfDay(week, 7)}, nil
	case "last-week":
		return Period{startOfDay(week, -7), week}, nil
	case "this-month":
		return months(0, 1), nil
	case "last-month":
		return months(-1, 1), nil
	case "this-year", "last-year":
		first := time.Date(day.Year(), 1, 1, 0, 0, 0, 0, time.UTC)
		if text == "last-year" {
			first = first.AddDate(-1, 0, 0)
		}
		return datesIn(zone, first, first.AddDate(1, 0, 0)), nil
	case "all":
		return Period{}, nil
	}
	if m := lastDays.FindStringSubmatch(text); m != nil {
		n, err := strconv.Atoi(m[1])
		if err != nil || n == 0 {
			return Period{}, wrong("the period %q has no days", text)
		}
		switch m[2][0] {
		case 'h':
			to := ceilQuarter(now)
			return Period{to.Add(-time.Duration(n) * time.Hour), to}, nil
		case 'w':
			n *= 7
		case 'm':
			return Period{months(1-n, 0).From, months(1, 0).From}, nil
		}
		return Period{startOfDay(day, 1-n), startOfDay(day, 1)}, nil
	}
	return datePeriod(text, zone)
}

// datesIn are the days of a zone from one date on and before another.
func datesIn(zone *time.Location, from, to time.Time) Period {
	start := func(t time.Time) time.Time {
		y, m, d := t.Date()
		return startOfDay(time.Date(y, m, d, 12, 0, 0, 0, zone), 0)
	}
	return Period{start(from), start(to)}
}

// datePeriod reads a day, month, year or time.
func datePeriod(text string, zone *time.Location) (Period, error) {
	bad := func() (Period, error) {
		hint := near(text, PeriodNames)
		return Period{}, wrong("there is no period %q%s; right would also be lastNdays, a day (2026-11-05), a month (2026-11), "+
			"2026-11-01..2026-11-30 or 2026-11-05T06:30..2026-11-05T12:00", text, hint)
	}
	switch {
	case dayText.MatchString(text):
		d, err := time.Parse(time.DateOnly, text)
		if err != nil {
			return bad()
		}
		return datesIn(zone, d, d.AddDate(0, 0, 1)), nil
	case monthText.MatchString(text):
		d, err := time.Parse("2006-01", text)
		if err != nil {
			return bad()
		}
		return datesIn(zone, d, d.AddDate(0, 1, 0)), nil
	case yearText.MatchString(text):
		d, err := time.Parse("2006", text)
		if err != nil {
			return bad()
		}
		return datesIn(zone, d, d.AddDate(1, 0, 0)), nil
	}
	for _, layout := range []string{"2006-01-02t15:04", "2006-01-02 15:04", "2006-01-02t15:04:05", "2006-01-02t15:04z07:00",
		"2006-01-02t15:04:05z07:00"} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return Period{t, t}, nil
		}
	}
	return bad()
}

// ParseInstant reads a time of a zone, such as 2026-11-30T12:00; a day alone is its end, of which all is known.
func ParseInstant(text string, zone *time.Location) (time.Time, error) {
	p, err := datePeriod(strings.ToLower(strings.TrimSpace(text)), zone)
	switch {
	case err != nil:
		return time.Time{}, wrong("%q is no time; right would be 2026-11-30T12:00, or a day", text)
	case p.From.Equal(p.To):
		return p.From, nil
	}
	return p.To.Add(-time.Millisecond), nil
}

// startOfDay is the first instant of a day, some days on. A clock that jumps over midnight begins the day later.
func startOfDay(t time.Time, days int) time.Time {
	y, m, d := t.Date()
	start := time.Date(y, m, d+days, 0, 0, 0, 0, t.Location())
	// time.Date of a midnight that the clock left out is an hour before or after the day's first instant.
	want := time.Date(y, m, d+days, 12, 0, 0, 0, t.Location()).Day()
	for i := 0; start.Day() != want && i < 2*96; i++ { // a day that a place left out altogether is never found
		start = start.Add(quarter)
	}
	for before := start.Add(-quarter); before.Day() == want; before = start.Add(-quarter) {
		start = before
	}
	return start
}

const quarter = 15 * time.Minute

func ceilQuarter(t time.Time) time.Time {
	if f := t.Truncate(quarter); f.Before(t) {
		return f.Add(quarter)
	}
	return t.Truncate(quarter)
}

// check refuses bounds that do not begin a quarter, and zones whose days do not.
func (p Period) check(zone *time.Location) error {
	for _, t := range []time.Time{p.From, p.To} {
		if t.IsZero() {
			continue
		}
		if f := t.Truncate(quarter); !f.Equal(t) {
			return wrong("a period begins and ends with a quarter of an hour, and %s does not; right would be %s or %s",
				t.In(zone).Format(time.RFC3339), f.In(zone).Format(time.RFC3339), f.Add(quarter).In(zone).Format(time.RFC3339))
		}
		if _, offset := t.In(zone).Zone(); offset%900 != 0 {
			return wrong("the clock of %s was at %s in %s: sums are kept by quarters of an hour", zone,
				t.In(zone).Format("-07:00:00"), t.In(zone).Format("2006"))
		}
		if t.Year() < 1971 || t.Year() > 2104 {
			return wrong("the year %d is not one that times are kept of: 1971 to 2104", t.Year())
		}
	}
	if !p.From.IsZero() && !p.To.IsZero() && !p.From.Before(p.To) {
		return wrong("the period ends at %s, before it begins at %s", p.To.In(zone).Format(time.RFC3339),
			p.From.In(zone).Format(time.RFC3339))
	}
	return nil
}

// A shift is how far a compared period lies before: months, or days and a rest.
type shift struct {
	months, days int
	rest         time.Duration
}

// before is the period that is compared, and how far it lies before.
func (c Compare) before(p Period, zone *time.Location) (Period, shift, error) {
	if c.Kind == "" {
		return Period{}, shift{}, nil
	}
	if p.From.IsZero() || p.To.IsZero() {
		return Period{}, shift{}, wrong("all time has nothing to be compared with: name a period")
	}
	from, to := p.From.In(zone), p.To.In(zone)
	whole := from.Equal(startOfDay(from, 0)) && to.Equal(startOfDay(to, 0))
	days := daysBetween(from, to)
	move := func(t time.Time, months, days int) time.Time {
		if t.Equal(startOfDay(t, 0)) {
			y, m, d := t.Date()
			return startOfDay(time.Date(y, m+time.Month(months), d, 12, 0, 0, 0, zone), days)
		}
		return t.AddDate(0, months, days)
	}
	switch c.Kind {
	case ComparePrevious:
		if whole && from.Day() == 1 && to.Day() == 1 {
			months := int(to.Month()) - int(from.Month()) + 12*(to.Year()-from.Year())
			b := Period{move(from, -months, 0), p.From}
			return b, shift{days: daysBetween(b.From.In(zone), from)}, nil
		}
		if whole {
			return Period{move(from, 0, -days), p.From}, shift{days: days}, nil
		}
		length := p.To.Sub(p.From)
		return Period{p.From.Add(-length), p.From}, shift{rest: length}, nil
	case CompareWeek:
		return Period{move(from, 0, -7), move(to, 0, -7)}, shift{days: 7}, nil
	case CompareMonth:
		return Period{move(from, -1, 0), move(to, -1, 0)}, shift{months: 1}, nil
	case CompareYear:
		return Period{move(from, -12, 0), move(to, -12, 0)}, shift{months: 12}, nil
	case CompareWith:
		b := c.Period
		if b.From.IsZero() || b.To.IsZero() {
			return b, shift{}, wrong("the period to compare with has no beginning or no end")
		}
		if !b.From.Before(p.From) {
			return b, shift{}, wrong("the period to compare with must begin before the other")
		}
		f := b.From.In(zone)
		if whole && f.Equal(startOfDay(f, 0)) {
			return b, shift{days: daysBetween(f, from)}, b.check(zone)
		}
		return b, shift{rest: p.From.Sub(b.From)}, b.check(zone)
	}
	return Period{}, shift{}, wrong("there is no comparison %q%s", c.Kind, near(c.Kind, compareKinds))
}

// daysBetween counts dates.
func daysBetween(a, b time.Time) int {
	utc := func(t time.Time) time.Time { y, m, d := t.Date(); return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }
	return int(utc(b).Sub(utc(a)) / (24 * time.Hour))
}

// ParseCompare reads previous, week, month, last-year, or a period.
func ParseCompare(text string, now time.Time, zone *time.Location) (Compare, error) {
	text = strings.ToLower(strings.TrimSpace(text))
	if text == "" || slices.Contains(compareKinds, text) {
		return Compare{Kind: text}, nil
	}
	p, err := ParsePeriod(text, now, zone)
	if err != nil {
		return Compare{}, wrong("there is no comparison %q%s, or a period such as 2026-10-01..2026-10-31", text,
			near(text, compareKinds))
	}
	return Compare{Kind: CompareWith, Period: p}, nil
}

// instant writes a time as SQL; of a quarter's column without milliseconds.
func instant(t time.Time, fine bool) string {
	if fine {
		return fmt.Sprintf("fromUnixTimestamp64Milli(%d, 'UTC')", t.UnixMilli())
	}
	return "toDateTime('" + t.UTC().Format(time.DateTime) + "', 'UTC')"
}
