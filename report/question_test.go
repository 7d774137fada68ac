package report

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var asOf = time.Date(2026, 12, 1, 11, 7, 30, 0, time.UTC) // a Tuesday

// TestPeriods: words become days of the zone, those of 23, 24.5 and 25 hours included.
func TestPeriods(t *testing.T) {
	for _, test := range []struct{ text, zone, from, to string }{
		{"today", "UTC", "2026-12-01T00:00Z", "2026-12-02T00:00Z"},
		{"today", "Pacific/Kiritimati", "2026-12-01T10:00Z", "2026-12-02T10:00Z"},
		{"Yesterday", "Asia/Kolkata", "2026-11-29T18:30Z", "2026-11-30T18:30Z"},
		{"last7days", "UTC", "2026-11-25T00:00Z", "2026-12-02T00:00Z"},
		{"last2hours", "UTC", "2026-12-01T09:15Z", "2026-12-01T11:15Z"},
		{"this-week", "UTC", "2026-11-30T00:00Z", "2026-12-07T00:00Z"},
		{"last-week", "UTC", "2026-11-23T00:00Z", "2026-11-30T00:00Z"},
		{"this-month", "Europe/Berlin", "2026-11-30T23:00Z", "2026-12-31T23:00Z"},
		{"last-month", "Europe/Berlin", "2026-10-31T23:00Z", "2026-11-30T23:00Z"},
		{"last3months", "UTC", "2026-10-01T00:00Z", "2027-01-01T00:00Z"},
		{"this-year", "UTC", "2026-01-01T00:00Z", "2027-01-01T00:00Z"},
		{"last-year", "UTC", "2025-01-01T00:00Z", "2026-01-01T00:00Z"},
		{"2026-03-29", "Europe/Berlin", "2026-03-28T23:00Z", "2026-03-29T22:00Z"}, // 23 hours
		{"2026-10-25", "Europe/Berlin", "2026-10-24T22:00Z", "2026-10-25T23:00Z"}, // 25 hours
		{"2026-04-05", "Australia/Lord_Howe", "2026-04-04T13:00Z", "2026-04-05T13:30Z"},
		{"2026-09-06", "America/Santiago", "2026-09-06T04:00Z", "2026-09-07T03:00Z"}, // there is no midnight
		{"2026-11", "UTC", "2026-11-01T00:00Z", "2026-12-01T00:00Z"},
		{"2026-11-01..2026-11-30", "UTC", "2026-11-01T00:00Z", "2026-12-01T00:00Z"},
		{"2026-11-01 .. today", "UTC", "2026-11-01T00:00Z", "2026-12-02T00:00Z"},
		{"2026-11-05T06:30..2026-11-05T12:00", "Asia/Kathmandu", "2026-11-05T00:45Z", "2026-11-05T06:15Z"},
	} {
		zone, err := Zone(test.zone)
		if err != nil {
			t.Fatal(err)
		}
		p, err := ParsePeriod(test.text, asOf, zone)
		if err != nil {
			t.Errorf("%s in %s: %v", test.text, test.zone, err)
			continue
		}
		const layout = "2006-01-02T15:04Z07:00"
		if from, to := p.From.UTC().Format(layout), p.To.UTC().Format(layout); from != test.from || to != test.to {
			t.Errorf("%s in %s is %s to %s, want %s to %s", test.text, test.zone, from, to, test.from, test.to)
		}
	}
}

// TestCompared: what a period is compared with keeps to the calendar.
func TestCompared(t *testing.T) {
	zone, _ := Zone("Europe/Berlin")
	for _, test := range []struct{ period, compare, from, to string }{
		{"2026-10-25", ComparePrevious, "2026-10-24T00:00+02:00", "2026-10-25T00:00+02:00"},
		{"2026-03-01..2026-03-31", ComparePrevious, "2026-02-01T00:00+01:00", "2026-03-01T00:00+01:00"},
		{"2026-03-02..2026-03-31", ComparePrevious, "2026-01-31T00:00+01:00", "2026-03-02T00:00+01:00"},
		{"2026-03-30", CompareWeek, "2026-03-23T00:00+01:00", "2026-03-24T00:00+01:00"},
		{"2026-11-30", CompareYear, "2025-11-30T00:00+01:00", "2025-12-01T00:00+01:00"},
		{"2026-11-05T06:30..2026-11-05T12:00", ComparePrevious, "2026-11-05T01:00+01:00", "2026-11-05T06:30+01:00"},
		{"today", "2026-11-01", "2026-11-01T00:00+01:00", "2026-11-02T00:00+01:00"},
	} {
		p, err := ParsePeriod(test.period, asOf, zone)
		if err != nil {
			t.Fatal(err)
		}
		c, err := ParseCompare(test.compare, asOf, zone)
		if err != nil {
			t.Fatal(err)
		}
		before, _, err := c.before(p, zone)
		if err != nil {
			t.Fatal(err)
		}
		const layout = "2006-01-02T15:04-07:00"
		if from, to := before.From.In(zone).Format(layout), before.To.In(zone).Format(layout); from != test.from || to != test.to {
			t.Errorf("%s, %s: %s to %s, want %s to %s", test.period, test.compare, from, to, test.from, test.to)
		}
	}
}

// TestWrongQuestions: what cannot be answered is told with what would be right.
func TestWrongQuestions(t *testing.T) {
	filter := func(dimension string, op Op, values ...string) func(*Question) {
		return func(q *Question) { q.Where = []Filter{{dimension, op, values}} }
	}
	for name, test := range map[string]struct {
		spoil func(*Question)
		says  string
	}{
		"dimension":         {func(q *Question) { q.By = []string{"contry"} }, `"contry"; did you mean "country"?`},
		"far dimension":     {func(q *Question) { q.By = []string{"xyzzyx"} }, "there are ad, ad_campaign"},
		"ip":                {func(q *Question) { q.By = []string{"ip"} }, `there is no dimension "ip"`},
		"twice":             {func(q *Question) { q.By = []string{"os", "os"} }, "os is named twice"},
		"too many":          {func(q *Question) { q.By = make([]string, 9) }, "9 dimensions are more than 8"},
		"metric":            {func(q *Question) { q.Metrics = []string{"clics"} }, `did you mean "clicks"?`},
		"metric twice":      {func(q *Question) { q.Metrics = []string{"roi", "roi"} }, "roi is named twice"},
		"filter":            {filter("contry", Is, "DE"), `did you mean "country"?`},
		"op":                {filter("country", "~", "DE"), `there is no "~" in a filter of country`},
		"no value":          {filter("country", In), "0 values"},
		"two values":        {filter("country", Is, "DE", "AT"), `2 values; "=" takes one`},
		"number":            {filter("campaign_id", Is, "summer"), `campaign_id is a whole number from 0 on, and "summer" is none`},
		"like of a number":  {filter("asn", Like, "6%"), "asn is no text"},
		"truth":             {filter("hosting", Is, "yes"), `true or false, and "yes" is neither`},
		"time":              {filter("hour", Is, "2026-11-01"), "name the period instead"},
		"day":               {filter("day", Is, "November"), "a day such as 2026-11-05"},
		"having":            {func(q *Question) { q.Having = []Having{{"click", ">", "1"}} }, `did you mean "clicks"?`},
		"having op":         {func(q *Question) { q.Having = []Having{{"clicks", "like", "1"}} }, `there is no "like"`},
		"having value":      {func(q *Question) { q.Having = []Having{{"clicks", ">", "1) OR 1"}} }, "a number such as 50"},
		"having places":     {func(q *Question) { q.Having = []Having{{"cost", ">", "1.2345678"}} }, "6 decimal places"},
		"having of nothing": {func(q *Question) { q.Having = []Having{{"cost_delta", ">", "1"}} }, "the question names none"},
		"sort":              {func(q *Question) { q.Sort = []Sort{{Name: "proft"}} }, `did you mean "profit"?`},
		"sort by another":   {func(q *Question) { q.Sort = []Sort{{Name: "country"}} }, "not told apart by"},
		"zone":              {func(q *Question) { q.Zone = "Europe/Atlantis" }, `there is no zone "Europe/Atlantis"`},
		"local zone":        {func(q *Question) { q.Zone = "Local" }, "another one on each machine"},
		"old zone": {func(q *Question) {
			q.Zone = "Africa/Monrovia"
			q.Period.From = time.Date(1971, 5, 1, 0, 0, 0, 0, time.UTC)
		},
			"sums are kept by quarters"},
		"basis":    {func(q *Question) { q.Basis = "clik" }, `did you mean "click"?`},
		"edge":     {func(q *Question) { q.Period.From = asOf }, "right would be 2026-12-01T11:00:00Z or 2026-12-01T11:15:00Z"},
		"backward": {func(q *Question) { q.Period = Period{q.Period.To, q.Period.From} }, "before it begins"},
		"compare":  {func(q *Question) { q.Compare.Kind = "previos" }, `did you mean "previous"?`},
		"compare all time": {func(q *Question) { q.Period, q.Compare.Kind = Period{}, ComparePrevious },
			"all time has nothing to be compared with"},
		"limit":       {func(q *Question) { q.Limit = -1 }, "0 to 1000000"},
		"scope":       {func(q *Question) { q.Scope = Scope{} }, "the scope names nothing"},
		"far in time": {func(q *Question) { q.Period = Period{To: time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC)} }, "1971 to 2104"},
	} {
		q := Question{By: []string{"campaign"}, Scope: Everything, Period: Period{asOf.Truncate(day), asOf.Truncate(day).Add(day)}}
		test.spoil(&q)
		_, err := newPlan(q, planning{})
		if err == nil || !errors.Is(err, ErrQuestion) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, want %q", name, err, test.says)
		}
	}
	for _, text := range []string{"yesterdy", "2026-13-01", "2026-02-30", "2026-11-30..2026-11-01", "all..today", "last0days", "5"} {
		if _, err := ParsePeriod(text, asOf, time.UTC); !errors.Is(err, ErrQuestion) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestSQL holds the SQL of a few questions against the committed ones.
func TestSQL(t *testing.T) {
	names := Names{"campaign": {1: "summer", 2: "winter"}, "source": {1: "push's"}}
	day1 := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	month := Period{day1, day1.AddDate(0, 1, 0)}
	var b bytes.Buffer
	for _, test := range []struct {
		what string
		q    Question
	}{
		{"totals", Question{Period: month}},
		{"local days, compared", Question{By: []string{"day"}, Period: month, Zone: "Asia/Kathmandu", Metrics: []string{"profit", "roi"},
			Compare: Compare{Kind: ComparePrevious}, Having: []Having{{"profit_delta", "<", "-5.5"}}}},
		{"sub-IDs of a campaign", Question{By: []string{"source", "sub1"}, Metrics: []string{"clicks", "lp_ctr"}, Period: month,
			Where: []Filter{{"campaign", Is, []string{"summer"}}, {"keyword", NotLike, []string{"%it's%"}}}, Limit: 10, Offset: 20,
			Sort: []Sort{{Name: "source"}}}},
		{"cash", Question{By: []string{"campaign"}, Metrics: []string{"revenue"}, Basis: ByReceived,
			Period: Period{month.From.Add(-time.Hour), month.To.Add(-time.Hour)}}},
		{"known", Question{By: []string{"network"}, Metrics: []string{"conversions"}, Period: month, Known: month.To.Add(90 * time.Minute)}},
	} {
		test.q.Scope = Everything
		if test.what == "cash" {
			test.q.Scope = Scope{Campaigns: []uint32{1}, Buyers: []string{"ann"}}
		}
		plan, err := newPlan(test.q, planning{names: names})
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString("-- " + test.what + ": " + strings.Join(plan.Reads, ", ") + "\n" + plan.SQL + ";\n\n")
	}
	const golden = "testdata/questions.golden.sql"
	if *update {
		if err := os.WriteFile(golden, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, b.Bytes()) {
		t.Errorf("%s differs from what is written: go test ./report -update", golden)
	}
}

// TestScopeIsInEveryPart: no part of any statement reads rows that the scope does not name.
func TestScopeIsInEveryPart(t *testing.T) {
	for _, metrics := range [][]string{metricNames(), {"clicks"}, {"lp_ctr"}} {
		for _, q := range []Question{{}, {By: []string{"sub1"}}, {By: []string{"campaign", "network"}, Known: asOf},
			{Basis: ByReceived, Period: Period{From: asOf.Truncate(quarter)}}} {
			q.Metrics, q.Scope = metrics, Scope{Campaigns: []uint32{4242}}
			plan, err := newPlan(q, planning{})
			if err != nil {
				t.Fatal(err)
			}
			scoped, parts := strings.Count(plan.SQL, "campaign_id IN (4242)"), strings.Count(plan.SQL, "FROM {database}.")-1
			if scoped != parts || parts < 1 {
				t.Errorf("%+v: %d of %d parts have the scope:\n%s", q, scoped, parts, plan.SQL)
			}
		}
	}
	q := Question{Scope: Scope{Buyers: []string{""}}}
	plan, err := newPlan(q, planning{})
	if err != nil || !strings.Contains(plan.SQL, "WHERE 0") {
		t.Errorf("a blank buyer sees %v, %v", plan, err)
	}
}

// TestKeysTellScopesApart: questions of two scopes are never one.
func TestKeysTellScopesApart(t *testing.T) {
	scopes := []Scope{Everything, {Campaigns: []uint32{1}}, {Campaigns: []uint32{1, 2}}, {Buyers: []string{"1"}},
		{Teams: []string{"1"}}, {Campaigns: []uint32{1}, Buyers: []string{"1"}}}
	var keys []string
	for _, s := range scopes {
		q := Question{Scope: s}
		key, err := q.key()
		if err != nil || slices.Contains(keys, key) {
			t.Errorf("%+v has the key %s, %v", s, key, err)
		}
		keys = append(keys, key)
	}
	a := Question{Scope: Scope{Campaigns: []uint32{2, 1, 2}}, Period: Period{From: asOf}}
	b := Question{Scope: Scope{Campaigns: []uint32{1, 2}}, Zone: "UTC", Basis: ByClick, Period: Period{From: asOf.In(time.FixedZone("", 3600))}}
	one, _ := a.key()
	if other, _ := b.key(); one != other {
		t.Errorf("the same question has the keys %s and %s", one, other)
	}
}

// TestCacheIsBounded: the oldest answers go, and one that is large is not kept.
func TestCacheIsBounded(t *testing.T) {
	c := cache{max: 8 * 1000}
	for i := range 100 {
		key := strings.Repeat("k", i+1)
		c.put(key, &Table{}, asOf.Add(time.Minute), asOf)
		if c.bytes > c.max {
			t.Fatalf("%d bytes are kept, of %d", c.bytes, c.max)
		}
		if c.get(key, asOf) == nil {
			t.Fatalf("the newest answer, number %d, is not kept", i)
		}
	}
	if c.get("k", asOf) != nil || len(c.byKey) != c.order.Len() {
		t.Error("the oldest is still there")
	}
	c.put("large", &Table{Rows: make([]Row, 1000)}, asOf.Add(time.Minute), asOf)
	if c.get("large", asOf) != nil {
		t.Error("an answer that is larger than an eighth of all is kept")
	}
	c.put("old", &Table{}, asOf.Add(time.Minute), asOf)
	if c.get("old", asOf.Add(time.Minute)) != nil {
		t.Error("an old answer is given")
	}
}

// TestSlotsGoRound: who asks much does not hold up who asks little, and no turn is lost by one who leaves.
func TestSlotsGoRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(1, 8)
		give, err := s.take(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		var served []string
		take := func(ctx context.Context, asker string) {
			go func() {
				give, err := s.take(ctx, asker)
				if err != nil {
					served = append(served, asker+" left")
					return
				}
				served = append(served, asker)
				give()
			}()
			synctest.Wait()
		}
		leaving, leave := context.WithCancel(t.Context())
		for _, asker := range []string{"ann", "ann", "ann"} {
			take(t.Context(), asker)
		}
		take(leaving, "cat")
		take(t.Context(), "bob")
		leave()
		synctest.Wait()
		for range 4 {
			take(t.Context(), "dan")
		}
		if _, err := s.take(t.Context(), "eve"); !errors.Is(err, ErrBusy) {
			t.Errorf("one too many is told %v", err)
		}
		give()
		synctest.Wait()
		if got := strings.Join(served, " "); got != "cat left ann bob dan ann dan ann dan dan" {
			t.Errorf("served were %s", got)
		}
		if free, waiting := s.usage(); free != 1 || waiting != 0 {
			t.Errorf("%d are free and %d wait", free, waiting)
		}
	})
}
