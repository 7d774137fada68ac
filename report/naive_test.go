package report_test

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"tributary/report"
	"tributary/schemas"
)

// A naiveRow is a row of a fact as a person would count it: what it is told apart by, and what it adds to each sum.
type naiveRow struct {
	fact         string // that of schemas.Facts which has it now
	base         string // the table that it was of
	at, received time.Time
	values       map[string]string
	sums         map[string]decimal.Decimal
	press        string // the click of a press of a button
}

// A naive answers questions from rows, one after another.
type naive struct {
	rows   []naiveRow
	latest map[string]map[string]string // kind, number, name
}

// name is the latest name of a row's number, or what the row says of number 0.
func (n *naive) name(r *naiveRow, kind string) string {
	id := r.values[kind+"_id"]
	if id == "" || id == "0" {
		return r.values[kind]
	}
	return n.latest[kind][id]
}

var naiveNames = []string{"campaign", "source", "offer", "landing"}

// value of a dimension that is no time.
func (n *naive) value(r *naiveRow, dimension string) string {
	if slices.Contains(naiveNames, dimension) {
		return n.name(r, dimension)
	}
	return r.values[dimension]
}

func blankOf(dimension string) string {
	switch {
	case strings.HasSuffix(dimension, "_id"), dimension == "asn":
		return "0"
	case dimension == "hosting":
		return "false"
	}
	return ""
}

// local is a time dimension of an instant, as text that sorts.
func local(dimension string, at time.Time, zone *time.Location) string {
	t := at.Truncate(15 * time.Minute).In(zone)
	day := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	switch dimension {
	case "quarter":
		return t.UTC().Format(time.RFC3339)
	case "hour":
		return t.Add(-time.Duration(t.Minute()) * time.Minute).UTC().Format(time.RFC3339)
	case "day":
		return day.Format(time.RFC3339)
	case "week":
		return day.AddDate(0, 0, -(int(day.Weekday())+6)%7).Format(time.RFC3339)
	case "month":
		return day.AddDate(0, 0, 1-day.Day()).Format(time.RFC3339)
	case "weekday":
		return strconv.Itoa((int(day.Weekday())+6)%7 + 1)
	}
	return strconv.Itoa(t.Hour())
}

var timeDimensions = []string{"quarter", "hour", "day", "week", "month", "weekday", "hour_of_day"}

// A naiveGroup is a group's sums of both periods.
type naiveGroup struct {
	keys    []string
	sums    [2]map[string]decimal.Decimal
	presses [2]map[string]bool
	figures map[string]any // by name with suffix
}

func newGroup(keys []string) *naiveGroup {
	g := &naiveGroup{keys: keys}
	for i := range g.sums {
		g.sums[i], g.presses[i] = map[string]decimal.Decimal{}, map[string]bool{}
	}
	return g
}

func (g *naiveGroup) add(r *naiveRow, era int) {
	for name, amount := range r.sums {
		g.sums[era][name] = g.sums[era][name].Add(amount)
	}
	if r.press != "" {
		if key := r.fact + " " + r.press; !g.presses[era][key] {
			g.presses[era][key] = true
			g.sums[era]["landing_pressed"] = g.sums[era]["landing_pressed"].Add(decimal.NewFromInt(1))
		}
	}
}

// figure evaluates a metric by its definition.
func (g *naiveGroup) figure(m *schemas.Metric, era int) any {
	var value func(f *schemas.Formula) (exact decimal.Decimal, ratio float64, isRatio, null bool)
	of := func(m *schemas.Metric) (decimal.Decimal, float64, bool, bool) {
		if m.Formula == "" {
			return g.sums[era][m.Name], 0, false, false
		}
		f, err := schemas.ParseFormula(m.Formula)
		if err != nil {
			panic(err)
		}
		return value(f)
	}
	value = func(f *schemas.Formula) (decimal.Decimal, float64, bool, bool) {
		switch {
		case f.Op == 0 && f.Name != "":
			return of(schemas.MetricNamed(f.Name))
		case f.Op == 0:
			return decimal.NewFromInt(f.Number), 0, false, false
		}
		a, _, _, _ := value(f.Left)
		b, _, _, _ := value(f.Right)
		switch f.Op {
		case '+':
			return a.Add(b), 0, false, false
		case '-':
			return a.Sub(b), 0, false, false
		case '*':
			return a.Mul(b), 0, false, false
		}
		if b.IsZero() {
			return decimal.Zero, 0, true, true
		}
		return decimal.Zero, a.InexactFloat64() / b.InexactFloat64(), true, false
	}
	exact, ratio, isRatio, null := of(m)
	switch {
	case null:
		return nil
	case isRatio:
		return ratio
	case m.Type == schemas.FigureCount:
		return exact.IntPart()
	}
	return exact
}

func (g *naiveGroup) evaluate(metrics []*schemas.Metric, compared bool) {
	g.figures = map[string]any{}
	for _, m := range metrics {
		now := g.figure(m, 0)
		g.figures[m.Name] = now
		if !compared {
			continue
		}
		then := g.figure(m, 1)
		g.figures[m.Name+report.Before] = then
		r := report.Row{Figures: []any{now}, Before: []any{then}}
		g.figures[m.Name+report.Delta], g.figures[m.Name+report.Change] = r.Delta(0), r.Change(0)
	}
}

// uses are the names of the sums that metrics are made of.
func uses(metrics []*schemas.Metric) map[string]bool {
	names := map[string]bool{}
	var use func(m *schemas.Metric)
	use = func(m *schemas.Metric) {
		if m.Formula == "" {
			names[m.Name] = true
			return
		}
		f, err := schemas.ParseFormula(m.Formula)
		if err != nil {
			panic(err)
		}
		f.Names(func(name string) { use(schemas.MetricNamed(name)) })
	}
	for _, m := range metrics {
		use(m)
	}
	return names
}

// counted: the fact has some of the sums.
func counted(r *naiveRow, parts map[string]bool) bool {
	for name := range parts {
		if _, has := schemas.MetricNamed(name).Over(r.base); has {
			return true
		}
	}
	return false
}

func (n *naive) takes(r *naiveRow, q *report.Question) bool {
	if s := q.Scope; !s.All {
		id, _ := strconv.ParseUint(r.values["campaign_id"], 10, 32)
		if !slices.Contains(s.Campaigns, uint32(id)) &&
			!(r.values["buyer"] != "" && slices.Contains(s.Buyers, r.values["buyer"])) &&
			!(r.values["team"] != "" && slices.Contains(s.Teams, r.values["team"])) {
			return false
		}
	}
	for _, f := range q.Where {
		value, ok := n.value(r, f.Dimension), false
		switch f.Op {
		case report.Is, report.In, report.IsNot, report.NotIn:
			ok = slices.Contains(f.Values, value)
		default:
			ok = strings.Contains(value, strings.Trim(f.Values[0], "%")) // patterns of the test are %text%
		}
		if strings.HasPrefix(string(f.Op), "not") || f.Op == report.IsNot {
			ok = !ok
		}
		if !ok {
			return false
		}
	}
	return true
}

// naiveAnswer is what a question must be answered.
type naiveAnswer struct {
	groups []*naiveGroup // in order, all of them after Having
	total  *naiveGroup
	// cut: sums of a day that the question cuts are among them.
	cut bool
}

func (n *naive) answer(q *report.Question, before report.Period, moved func(dimension, key string) string) *naiveAnswer {
	zone, _ := report.Zone(q.Zone)
	metrics := asked(q)
	parts := uses(metrics)
	compared := q.Compare.Kind != ""
	groups, answer := map[string]*naiveGroup{}, &naiveAnswer{total: newGroup(nil)}
	for i := range n.rows {
		r := &n.rows[i]
		if !counted(r, parts) {
			continue
		}
		booked := r.at
		if q.Basis == report.ByReceived {
			booked = r.received
		}
		takes := n.takes(r, q)
		for era, p := range []report.Period{q.Period, before} {
			if era == 1 && !compared {
				continue
			}
			answer.cut = answer.cut || takes && strings.HasPrefix(r.fact, "archive") && n.cuts(r, q, p)
			if !takes || !within(booked, p) || !q.Known.IsZero() && r.received.After(q.Known) {
				continue
			}
			keys := n.keys(r, q, booked, zone)
			if era == 1 {
				for i, k := range keyNames(q) {
					keys[i] = moved(k, keys[i])
				}
			}
			id := strings.Join(keys, "\x00")
			if groups[id] == nil {
				groups[id] = newGroup(keys)
			}
			groups[id].add(r, era)
			answer.total.add(r, era)
		}
	}
	answer.total.evaluate(metrics, compared)
	for _, g := range groups {
		g.evaluate(metrics, compared)
		if having(g, q) {
			answer.groups = append(answer.groups, g)
		}
	}
	n.sort(answer.groups, q)
	return answer
}

// asked are all metrics that a question has to do with.
func asked(q *report.Question) []*schemas.Metric {
	var list []*schemas.Metric
	add := func(name string) {
		for _, suffix := range []string{report.Before, report.Delta, report.Change} {
			if schemas.MetricNamed(name) == nil {
				name = strings.TrimSuffix(name, suffix)
			}
		}
		if m := schemas.MetricNamed(name); m != nil && !slices.Contains(list, m) {
			list = append(list, m)
		}
	}
	for _, name := range q.Metrics {
		add(name)
	}
	for _, h := range q.Having {
		add(h.Metric)
	}
	for _, s := range q.Sort {
		add(s.Name)
	}
	return list
}

func within(t time.Time, p report.Period) bool {
	return (p.From.IsZero() || !t.Before(p.From)) && (p.To.IsZero() || t.Before(p.To))
}

// cuts: a bound of the question's receipt lies within the day of a row of the archive.
func (n *naive) cuts(r *naiveRow, q *report.Question, p report.Period) bool {
	day := r.received.Truncate(24 * time.Hour)
	in := func(t time.Time) bool {
		return !t.IsZero() && t.After(day) && t.Before(day.Add(24*time.Hour))
	}
	until := time.Time{}
	if !q.Known.IsZero() {
		until = q.Known.Add(time.Millisecond)
	}
	if q.Basis != report.ByReceived {
		return in(until) && within(r.at, p)
	}
	if !until.IsZero() && (p.To.IsZero() || until.Before(p.To)) {
		p.To = until
	}
	if !p.From.IsZero() && !p.To.IsZero() && !p.From.Before(p.To) {
		return false
	}
	for _, name := range q.By {
		utc := (q.Zone == "" || q.Zone == "UTC") && slices.Contains([]string{"day", "week", "month", "weekday"}, name)
		if slices.Contains(timeDimensions, name) && !utc && within(r.received, p) {
			return true
		}
	}
	return in(p.From) || in(p.To)
}

func keyNames(q *report.Question) []string {
	var list []string
	for _, name := range q.By {
		if slices.Contains(naiveNames, name) {
			list = append(list, name+"_id")
		}
		list = append(list, name)
	}
	return list
}

func (n *naive) keys(r *naiveRow, q *report.Question, booked time.Time, zone *time.Location) []string {
	var keys []string
	for _, name := range keyNames(q) {
		if slices.Contains(timeDimensions, name) {
			keys = append(keys, local(name, booked, zone))
		} else {
			keys = append(keys, n.value(r, name))
		}
	}
	return keys
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case decimal.Decimal:
		return v.InexactFloat64(), true
	case float64:
		return v, true
	}
	return 0, false
}

func having(g *naiveGroup, q *report.Question) bool {
	for _, h := range q.Having {
		value, ok := number(g.figures[h.Metric])
		bound, _ := strconv.ParseFloat(h.Value, 64)
		if !ok || h.Op == ">" && value <= bound || h.Op == "<" && value >= bound {
			return false
		}
	}
	return true
}

// sort orders as the question says, and then by the keys.
func (n *naive) sort(groups []*naiveGroup, q *report.Question) {
	names := keyNames(q)
	byKey := func(a, b *naiveGroup, i int) int {
		x, errX := strconv.Atoi(a.keys[i])
		y, errY := strconv.Atoi(b.keys[i])
		numeric := blankOf(names[i]) == "0" || names[i] == "weekday" || names[i] == "hour_of_day"
		if numeric && errX == nil && errY == nil {
			return x - y
		}
		return strings.Compare(a.keys[i], b.keys[i])
	}
	sort.Slice(groups, func(i, j int) bool {
		a, b := groups[i], groups[j]
		for _, s := range q.Sort {
			sign := 1
			if s.Descending {
				sign = -1
			}
			if k := slices.Index(names, s.Name); k >= 0 {
				if c := byKey(a, b, k); c != 0 {
					return c*sign < 0
				}
				continue
			}
			x, okX := number(a.figures[s.Name])
			y, okY := number(b.figures[s.Name])
			if okX != okY {
				return okX
			}
			if x != y {
				return (x < y) == (sign > 0)
			}
		}
		for k := range names {
			if c := byKey(a, b, k); c != 0 {
				return c < 0
			}
		}
		return false
	})
}

// keyText is a key of the engine's answer as the naive one has it.
func keyText(v any) string {
	switch v := v.(type) {
	case time.Time:
		return v.Format(time.RFC3339)
	case report.Date:
		return v.String() + "T00:00:00Z"
	case string:
		return v
	}
	return fmt.Sprint(v)
}

// same compares figures: counts and money to the micro, ratios as floats.
func same(got, want any) bool {
	switch want := want.(type) {
	case decimal.Decimal:
		g, ok := got.(decimal.Decimal)
		return ok && g.Equal(want)
	case float64:
		g, ok := got.(float64)
		return ok && math.Abs(g-want) <= 1e-9*math.Max(1, math.Abs(want))
	}
	return got == want
}
