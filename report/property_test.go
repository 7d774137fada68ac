package report_test

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tributary/report"
	"tributary/schemas"
)

var (
	questions = flag.Int("questions", 0, "how many random questions are asked; default: 100, with -short 40")
	seed      = flag.Uint64("seed", 1, "seed of the random questions")
)

var zones = []string{"UTC", "", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns",
	"Pacific/Chatham", "America/New_York"}

// steady are those of the zones whose clocks never change.
var steady = []string{"UTC", "", "Asia/Kolkata", "Asia/Kathmandu"}

// ask asks random questions and holds each answer against one that was counted row by row.
func (s *sample) ask(t *testing.T) {
	ctx := t.Context()
	s.t = t
	engine := report.New(report.Config{Conn: s.conn, Database: "tributary", CacheBytes: -1})
	n := *questions
	if n == 0 {
		n = 100
		if testing.Short() {
			n = 40
		}
	}
	cuts, empty, failed, began := 0, 0, 0, time.Now()
	for i := range n {
		q := s.question()
		moved := func(_, key string) string { return key }
		before := report.Period{}
		if q.Compare.Kind != "" {
			before, moved = s.before(&q)
		}
		want := s.answer(&q, before, moved)
		got, err := engine.Ask(ctx, q)
		switch {
		case errors.Is(err, report.ErrQuestion) && want.cut:
			cuts++
			continue
		case err != nil:
			t.Errorf("question %d of seed %d, %+v: %v", i, *seed, q, err)
			continue
		case want.cut:
			t.Errorf("question %d of seed %d cuts a day of the archive and is answered: %+v", i, *seed, q)
			continue
		}
		if len(want.groups) == 0 {
			empty++
		}
		if wrong := compare(&q, got, want); wrong != "" {
			sql, _ := engine.SQL(ctx, q)
			t.Errorf("question %d of seed %d, %+v: %s\n%s", i, *seed, q, wrong, sql)
			if failed++; failed > 3 {
				return
			}
		}
	}
	t.Logf("%d questions in %s, of which %d cut a day of the archive and %d have no group", n, time.Since(began).Round(time.Second), cuts, empty)
	if cuts > n/3 || empty > n/2 {
		t.Errorf("%d of %d questions were refused, %d have no groups: they test little", cuts, n, empty)
	}
}

// metricsKnown are those that the naive rows have every part of.
var metricsKnown = func() []string {
	var names []string
	for _, m := range schemas.Metrics {
		names = append(names, m.Name)
	}
	return slices.DeleteFunc(names, func(name string) bool { return strings.Contains(name, "blocked") })
}()

func (s *sample) question() report.Question {
	q := report.Question{Scope: report.Everything, Zone: s.pick(zones), Basis: report.ByClick}
	zone, err := report.Zone(q.Zone)
	if err != nil {
		s.t.Fatal(err)
	}
	dimensions := slices.Clone(timeDimensions)
	for name := range pools {
		dimensions = append(dimensions, name)
	}
	slices.Sort(dimensions)
	for _, kind := range naiveNames {
		dimensions = append(dimensions, kind, kind+"_id", kind)
	}
	for range s.random.IntN(4) {
		if name := s.pick(dimensions); !slices.Contains(q.By, name) {
			q.By = append(q.By, name)
		}
	}
	for range 1 + s.random.IntN(4) {
		if name := s.pick(metricsKnown); !slices.Contains(q.Metrics, name) {
			q.Metrics = append(q.Metrics, name)
		}
	}
	if s.random.IntN(4) == 0 {
		q.Basis = report.ByReceived
	}
	s.period(&q, zone)
	for range s.random.IntN(3) {
		q.Where = append(q.Where, s.filter())
	}
	if s.random.IntN(3) == 0 {
		q.Scope = report.Scope{Campaigns: []uint32{uint32(1 + s.random.IntN(3))}, Buyers: []string{s.pick(pools["buyer"])}}
	}
	if s.random.IntN(4) == 0 {
		q.Known = s.instant()
	}
	if !q.Period.From.IsZero() && s.random.IntN(3) == 0 {
		q.Compare.Kind = s.pick([]string{report.ComparePrevious, report.CompareWeek, report.CompareMonth, report.CompareYear})
		if !slices.Contains(steady, q.Zone) { // where a clock changes between, which hour is meant is ClickHouse's own
			q.By = slices.DeleteFunc(q.By, func(n string) bool { return n == "hour" || n == "quarter" })
		}
	}
	if s.random.IntN(3) == 0 {
		q.Having = append(q.Having, report.Having{Metric: s.figure(&q), Op: s.pick([]string{"<", ">"}),
			Value: s.pick([]string{"0", "3", "0.5", "-1.25"})})
	}
	if s.random.IntN(2) == 0 {
		name := s.figure(&q)
		if len(q.By) > 0 && s.random.IntN(3) == 0 {
			name = s.pick(q.By)
		}
		q.Sort = append(q.Sort, report.Sort{Name: name, Descending: s.random.IntN(2) == 0})
	} else {
		q.Sort = []report.Sort{{Name: q.Metrics[0], Descending: true}}
	}
	if s.random.IntN(3) == 0 {
		q.Limit, q.Offset = 1+s.random.IntN(5), s.random.IntN(4)
	}
	return q
}

func (s *sample) figure(q *report.Question) string {
	name := s.pick(metricsKnown)
	if q.Compare.Kind != "" {
		name += s.pick([]string{"", report.Before, report.Delta, report.Change})
	}
	return name
}

func (s *sample) instant() time.Time {
	start, _ := time.Parse(time.DateOnly, s.pick(sampleTimes))
	t := start.Add(time.Duration(s.random.Int64N(int64(90 * time.Hour)))).Truncate(time.Millisecond)
	if s.random.IntN(2) == 0 {
		t = t.Truncate(24 * time.Hour)
		if s.random.IntN(2) == 0 {
			t = t.Add(-time.Millisecond)
		}
	}
	return t
}

func (s *sample) period(q *report.Question, zone *time.Location) {
	day := s.instant().In(zone).Format(time.DateOnly)
	text := day
	switch s.random.IntN(7) {
	case 0:
		text = "all"
	case 1:
		text = day + ".." + s.instant().In(zone).AddDate(0, 1, 0).Format(time.DateOnly)
	case 2:
		text = day[:7]
	case 3:
		from := s.instant().Truncate(15 * time.Minute)
		q.Period = report.Period{From: from, To: from.Add(time.Duration(1+s.random.IntN(300)) * 15 * time.Minute)}
		return
	case 4:
		q.Period = report.Period{From: s.instant().Truncate(15 * time.Minute)}
		return
	}
	p, err := report.ParsePeriod(text, time.Now(), zone)
	if err != nil {
		p, err = report.ParsePeriod(day, time.Now(), zone)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	q.Period = p
}

func (s *sample) filter() report.Filter {
	var dimensions []string
	for name := range pools {
		dimensions = append(dimensions, name)
	}
	slices.Sort(dimensions)
	dimensions = append(dimensions, naiveNames...)
	dimensions = append(dimensions, naiveNames...)
	name := s.pick(append(dimensions, "campaign_id", "source_id"))
	value := func() string {
		switch {
		case strings.HasSuffix(name, "_id"):
			return fmt.Sprint(s.random.IntN(4))
		case slices.Contains(naiveNames, name):
			return s.pick([]string{name + " 1", name + " no. 2", name + " no. 3", "said", ""})
		}
		return s.pick(pools[name])
	}
	f := report.Filter{Dimension: name, Op: report.Op(s.pick([]string{"=", "!=", "in", "not in", "like", "not like"})), Values: []string{value()}}
	switch {
	case f.Op == report.In || f.Op == report.NotIn:
		f.Values = append(f.Values, value())
	case strings.HasSuffix(string(f.Op), "like"):
		if blankOf(name) != "" {
			f.Op = report.Is
		} else {
			f.Values[0] = "%" + s.pick([]string{"o", "no", "1", "shoes", "s"}) + "%"
		}
	}
	return f
}

// before is the other period and where its times go, worked out by the calendar.
func (s *sample) before(q *report.Question) (report.Period, func(dimension, key string) string) {
	if q.Period.To.IsZero() {
		q.Period.To = q.Period.From.Add(96 * time.Hour)
	}
	t, err := report.Preview(*q)
	if err != nil {
		s.t.Fatalf("%+v: %v", q, err)
	}
	zone, _ := report.Zone(q.Zone)
	from, then := q.Period.From.In(zone), t.Before.From.In(zone)
	date := func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC) }
	days := int(date(from).Sub(date(then)) / (24 * time.Hour))
	midnights := from.Hour()+from.Minute()+q.Period.To.In(zone).Hour()+q.Period.To.In(zone).Minute() == 0
	months := map[string]int{report.CompareMonth: 1, report.CompareYear: 12}[q.Compare.Kind]
	if q.Compare.Kind == report.CompareWeek {
		days = 7
	} else if !midnights && months == 0 {
		days = int(q.Period.From.Sub(t.Before.From) / (24 * time.Hour))
	}
	return t.Before, func(dimension, key string) string {
		at, err := time.Parse(time.RFC3339, key)
		if err != nil {
			return key
		}
		switch dimension {
		case "hour", "quarter":
			local := at.In(zone)
			switch {
			case months > 0:
				first := time.Date(local.Year(), local.Month()+time.Month(months), 1, local.Hour(), local.Minute(), 0, 0, zone)
				at = first.AddDate(0, 0, min(local.Day(), first.AddDate(0, 1, -1).Day())-1).UTC()
			case q.Compare.Kind == report.CompareWeek || midnights:
				at = local.AddDate(0, 0, days).UTC()
			default:
				at = at.Add(q.Period.From.Sub(t.Before.From))
			}
		case "week":
			d := days
			if months == 12 {
				d = 364
			} else if months == 1 {
				d = 30
			}
			at = at.AddDate(0, 0, (d+3)/7*7)
		case "month":
			m := months
			if m == 0 {
				m = int(float64(days)/30.4 + .5)
				if !midnights && q.Compare.Kind == report.ComparePrevious {
					m = int(q.Period.From.Sub(t.Before.From).Hours()/24/30.4 + .5)
				}
			}
			at = at.AddDate(0, m, 0)
		default:
			if months > 0 {
				first := time.Date(at.Year(), at.Month()+time.Month(months), 1, 0, 0, 0, 0, time.UTC)
				last := first.AddDate(0, 1, -1).Day()
				at = first.AddDate(0, 0, min(at.Day(), last)-1)
			} else {
				at = at.AddDate(0, 0, days)
			}
		}
		return at.Format(time.RFC3339)
	}
}

func compare(q *report.Question, got *report.Table, want *naiveAnswer) string {
	figures := func(r *report.Row, g *naiveGroup, what string) string {
		for i, m := range got.Metrics {
			if !same(r.Figures[i], g.figures[m.Name]) {
				return fmt.Sprintf("%s of %s is %v, want %v", m.Name, what, r.Figures[i], g.figures[m.Name])
			}
			if q.Compare.Kind != "" && !same(r.Before[i], g.figures[m.Name+report.Before]) {
				return fmt.Sprintf("%s before of %s is %v, want %v", m.Name, what, r.Before[i], g.figures[m.Name+report.Before])
			}
		}
		return ""
	}
	if wrong := figures(&got.Totals, want.total, "the totals"); wrong != "" {
		return wrong
	}
	if len(q.By) == 0 {
		return ""
	}
	if got.Groups != len(want.groups) {
		return fmt.Sprintf("%d groups, want %d", got.Groups, len(want.groups))
	}
	rows := want.groups[min(q.Offset, len(want.groups)):]
	if q.Limit > 0 {
		rows = rows[:min(q.Limit, len(rows))]
	}
	if len(got.Rows) != len(rows) {
		return fmt.Sprintf("%d rows, want %d", len(got.Rows), len(rows))
	}
	for i, r := range got.Rows {
		for j, k := range r.Keys {
			if keyText(k) != rows[i].keys[j] {
				return fmt.Sprintf("row %d has the keys %q, want %q", i, r.Keys, rows[i].keys)
			}
		}
		if wrong := figures(&r, rows[i], fmt.Sprintf("row %d %q", i, r.Keys)); wrong != "" {
			return wrong
		}
	}
	return ""
}
