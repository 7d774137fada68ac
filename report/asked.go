package report

import (
	"slices"
	"strings"
	"sync"
	"time"

	"tributary/schemas"
)

// An asked is a dimension that a question may name: one of schemas.Dimensions, a column that the rows of clicks and of
// the ledger have, or a time of the question's zone.
type asked struct {
	name, comment string
	// kind is the type of its values, as ClickHouse writes it.
	kind string
	// of is the definition; nil of a column and of a time.
	of *schemas.Dimension
	// local is what a time is of {q}, a quarter of an hour of UTC, in {zone}; empty of all others.
	local string
}

// localTimes are the times of a question's zone.
var localTimes = []asked{
	{name: "quarter", kind: "DateTime('UTC')", local: "{q}", comment: "Quarter of an hour."},
	// A clock that changes by half an hour does not begin its hours where toStartOfHour thinks.
	{name: "hour", kind: "DateTime('UTC')", local: "{q} - toIntervalMinute(toMinute({q}, '{zone}'))", comment: "Hour of the zone."},
	{name: "day", kind: "Date", local: "toDate({q}, '{zone}')", comment: "Day of the zone."},
	{name: "week", kind: "Date", local: "toMonday(toDate({q}, '{zone}'))", comment: "Week of the zone, by its Monday."},
	{name: "month", kind: "Date", local: "toStartOfMonth(toDate({q}, '{zone}'))", comment: "Month of the zone, by its first day."},
	{name: "weekday", kind: "UInt8", local: "toDayOfWeek(toDate({q}, '{zone}'))",
		comment: "Day of the week in the zone, 1 (Monday) to 7."},
	{name: "hour_of_day", kind: "UInt8", local: "toHour({q}, '{zone}')", comment: "Hour on the zone's clock, 0 to 23."},
}

// notAsked are columns of clicks and ledger that nobody tells figures apart by: what is no property of the traffic, and
// the address, which needs a right of its own.
var notAsked = []string{"click_id", "ip", "currency", "score", "match"}

// askable are all dimensions that a question may name, in the order in which a help shows them.
var askable = sync.OnceValue(func() []asked {
	list := slices.Clone(localTimes)
	for i := range schemas.Dimensions {
		d := &schemas.Dimensions[i]
		if d.Grain == "" && d.Name != "ledger_day" {
			list = append(list, asked{name: d.Name, comment: d.Comment, kind: plain(d.Type), of: d})
		}
	}
	clicks, ledger := tableNamed("clicks"), tableNamed("conversions")
	for i := range clicks.Columns {
		c := &clicks.Columns[i]
		other := ledger.Column(c.Name)
		known := slices.ContainsFunc(list, func(a asked) bool { return a.name == c.Name })
		// What the ledger lacks cannot have revenue.
		if known || other == nil || other.Type != c.Type || c.Name[0] == '_' || slices.Contains(notAsked, c.Name) {
			continue
		}
		switch c.Type {
		case schemas.TypeText, schemas.TypeWord, schemas.TypeUint32, schemas.TypeBool:
			list = append(list, asked{name: c.Name, comment: c.Comment, kind: plain(c.Type)})
		}
	}
	return list
})

func tableNamed(name string) *schemas.Table {
	all := schemas.Tables()
	i := slices.IndexFunc(all, func(t schemas.Table) bool { return t.Name == name })
	if i < 0 {
		return nil
	}
	return &all[i]
}

// DimensionInfo says what a question may tell apart.
type DimensionInfo struct{ Name, Type, Comment string }

// Dimensions lists what a question may name.
func Dimensions() []DimensionInfo {
	list := make([]DimensionInfo, len(askable()))
	for i, a := range askable() {
		list[i] = DimensionInfo{a.name, a.kind, a.comment}
	}
	return list
}

func askedNamed(name string) (*asked, error) {
	list := askable()
	names := make([]string, len(list))
	for i := range list {
		if list[i].name == name {
			return &list[i], nil
		}
		names[i] = list[i].name
	}
	return nil, wrong("there is no dimension %q%s", name, near(name, names))
}

// named: it is the name of a number.
func (a *asked) named() bool { return a.of != nil && a.of.NameOf != "" }

// number is the column of a name's number.
func (a *asked) number() string { return a.of.NameOf }

// A form is how a fact's rows are read.
type form struct {
	fact  *schemas.Fact
	table string
	basis Basis
	zone  *time.Location
}

// quarterIn is the quarter of an hour that a row is booked on.
func (f *form) quarterIn() string {
	switch {
	case f.basis == ByReceived:
		return "toStartOfInterval(received_at, INTERVAL 15 MINUTE)"
	case f.fact.Archive:
		return "quarter"
	}
	return strings.ReplaceAll(schemas.DimensionNamed("quarter").Of, "{at}", f.fact.At)
}

// An expression is what a dimension is of a row.
type expression struct {
	text string
	// constant: the rows have none, and text stands for it.
	constant bool
	// kept: the projection of the sums has it, of its dimensions named.
	kept  bool
	named []string
	// fine: a quarter of an hour tells it, and a day does not.
	fine bool
	// cut: the archive's sums have only the day on which it is.
	cut bool
}

// column is what a column of a dimension is of a fact's row.
func (f *form) column(name string) expression {
	d := schemas.DimensionNamed(name)
	if d != nil {
		if lacking, ok := d.Lacking[f.fact.Name]; ok {
			return expression{text: lacking, constant: true, kept: true}
		}
		if f.fact.Archive && d.Archived != "" {
			return expression{text: d.Archived, kept: true}
		}
		if f.fact.Archive && d.Of == "" || slices.Contains(strings.Fields(f.fact.Kept), name) {
			return expression{text: name, kept: true, named: []string{name}}
		}
	}
	if t := tableNamed(f.fact.Table); t != nil {
		if c := t.Column(name); c != nil {
			return expression{text: name}
		}
	}
	blank := "''"
	if c := tableNamed("clicks").Column(name); c != nil {
		switch c.Type {
		case schemas.TypeUint32:
			blank = "toUInt32(0)"
		case schemas.TypeBool:
			blank = "false"
		}
	}
	return expression{text: blank, constant: true, kept: true}
}

// of a dimension that is no name.
func (f *form) of(a *asked) expression {
	if a.local == "" {
		return f.column(a.name)
	}
	q, local := f.quarterIn(), a.local
	kept := f.basis != ByReceived
	if f.basis == ByReceived && f.zone == time.UTC && strings.Contains(local, "toDate({q}") {
		// The projection has the day of UTC on which a row was accepted.
		day := "toDate(received_at)"
		if f.fact.Archive {
			day = "ledger_day"
		}
		return expression{text: strings.Replace(local, "toDate({q}, '{zone}')", day, 1), kept: true}
	}
	if f.basis == ByReceived && f.fact.Archive {
		q = "toDateTime(ledger_day, 'UTC')"
	}
	fine := true
	if daily := strings.Replace(local, "toDate({q}, '{zone}')", "toDate({q})", 1); f.zone == time.UTC && daily != local {
		local, fine = daily, false
	}
	return expression{text: strings.NewReplacer("{q}", q, "{zone}", f.zone.String()).Replace(local), kept: kept, fine: fine,
		cut: f.basis == ByReceived && f.fact.Archive}
}
