package report_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/shopspring/decimal"

	"tributary/schemas"
)

// A sample is a database with rows of every fact, some of them in each archive, and the same rows for naive.
type sample struct {
	naive
	random *rand.Rand
	t      testing.TB
	conn   driver.Conn
}

// pools are the values of dimensions. Some are hostile, some blank.
var pools = map[string][]string{
	"country": {"DE", "US", "IN", ""}, "device": {"mobile", "desktop"}, "os": {"Android", "iOS"},
	"browser": {"Chrome", "Safari"}, "buyer": {"ann", "bob", ""}, "team": {"red", ""},
	"zone": {"z1", "z'2", `z\3`, ""}, "keyword": {"shoes", "red shoes", "a%b", "x_y\n", ""}, "sub1": {"s1", "s2", "s3", ""},
	"sub2": {"t1", "t2", ""}, "city": {"Berlin", "Pune", ""}, "language": {"de", "en", ""}, "asn": {"0", "64500", "64501"},
	"hosting": {"true", "false"}, "network": {"n1", "n2"}, "event": {"sale", "lead", schemas.EventRebill},
}

// lacking are the dimensions that rows of a fact do not have.
var lacking = map[string]string{
	"clicks": "network event", "impressions": "offer_id offer landing_id landing network event city asn hosting",
	"landing_clicks": "network event zone keyword sub1 sub2 city asn hosting",
	"archive_sums":   "zone keyword sub1 sub2 city language asn hosting",
	"archive":        "zone keyword sub1 sub2 city language asn hosting buyer team landing_id landing network event",
}

// bounds of the times of clicks: around the changes of clocks of the zones that are asked for.
var sampleTimes = []string{"2026-03-06", "2026-03-28", "2026-04-04", "2026-09-26", "2026-10-03", "2026-10-24", "2026-10-31"}

// archivedMonth is the month of receipt that is archived.
const archivedMonth = 202604

func (s *sample) pick(values []string) string { return values[s.random.IntN(len(values))] }

// row draws one of a fact.
func (s *sample) row(fact string) naiveRow {
	start, err := time.Parse(time.DateOnly, s.pick(sampleTimes))
	if err != nil {
		s.t.Fatal(err)
	}
	at := start.Add(time.Duration(s.random.Int64N(int64(60 * time.Hour)))).Truncate(time.Millisecond)
	if s.random.IntN(3) == 0 {
		at = at.Truncate(15 * time.Minute)
	}
	r := naiveRow{fact: fact, base: fact, at: at, values: map[string]string{}, sums: map[string]decimal.Decimal{}}
	r.received = at.Add(time.Duration(s.random.Int64N(int64(10 * time.Second)))).Truncate(time.Millisecond)
	if fact == "conversions" || s.random.IntN(5) == 0 {
		r.received = at.Add(time.Duration(s.random.Int64N(int64(200 * time.Hour)))).Truncate(time.Millisecond)
	}
	for _, name := range slices.Sorted(maps.Keys(pools)) { // a seed draws the same rows always
		r.values[name] = s.pick(pools[name])
	}
	for _, kind := range naiveNames {
		id := s.random.IntN(4)
		if kind == "campaign" && id == 0 {
			id = 1
		}
		name := fmt.Sprintf("%s %d", kind, id)
		if r.received.Month() > time.June { // it was renamed
			name = fmt.Sprintf("%s no. %d", kind, id)
		}
		if id == 0 {
			name = s.pick([]string{"", "said", "campaign 1"})
		}
		r.values[kind+"_id"], r.values[kind] = strconv.Itoa(id), name
	}
	return r
}

func (r *naiveRow) lack(fact string) {
	for name := range strings.FieldsSeq(lacking[fact]) {
		r.values[name] = blankOf(name)
	}
}

func (r *naiveRow) u32(name string) uint32 {
	n, _ := strconv.ParseUint(r.values[name], 10, 32)
	return uint32(n)
}

func (r *naiveRow) count(name string, n int64) {
	r.sums[name] = r.sums[name].Add(decimal.NewFromInt(n))
}

// columns of dimensions that each table of rows has, and their values.
func (r *naiveRow) columns(fact string) (names []string, values []any) {
	skip := " " + lacking[fact] + " "
	for _, kind := range naiveNames {
		if !strings.Contains(skip, " "+kind+" ") {
			names, values = append(names, kind+"_id", kind), append(values, r.u32(kind+"_id"), r.values[kind])
		}
	}
	for _, name := range []string{"country", "device", "os", "browser", "buyer", "team", "zone", "keyword", "city", "language",
		"asn", "hosting", "network", "event"} {
		if strings.Contains(skip, " "+name+" ") {
			continue
		}
		names = append(names, name)
		switch name {
		case "asn":
			values = append(values, r.u32(name))
		case "hosting":
			values = append(values, r.values[name] == "true")
		default:
			values = append(values, r.values[name])
		}
	}
	if !strings.Contains(skip, " sub1 ") {
		names, values = append(names, "subs"), append(values, []string{r.values["sub1"], r.values["sub2"]})
	}
	return append(names, "received_at"), append(values, r.received)
}

func (s *sample) money() decimal.Decimal { return decimal.New(s.random.Int64N(5_000_000), -6) }

func boolean(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// more draws what is counted of a row, and returns its columns.
func (s *sample) more(r *naiveRow, i int) (names []string, values []any) {
	switch r.fact {
	case "clicks":
		cost, score, unique, bot := s.money(), uint32(s.random.IntN(100)), s.random.IntN(2) == 0, s.pick([]string{"", "bot"})
		r.sums["cost"] = cost
		r.count("clicks", 1)
		r.count("flagged_clicks", boolean(score >= 50))
		r.count("unique_clicks", boolean(unique))
		r.count("landing_views", boolean(r.values["landing_id"] != "0"))
		r.count("bot_clicks", boolean(bot != ""))
		r.count("click_score_sum", int64(score))
		return []string{"click_id", "event_at", "cost", "score", "unique", "bot", "_layout"},
			[]any{"c" + strconv.Itoa(i), r.at, cost, score, unique, bot, uint8(1)}
	case "impressions":
		cost, bot := s.money(), s.pick([]string{"", "bot"})
		r.sums["cost"], r.sums["impression_cost"] = cost, cost
		r.count("impressions", 1)
		r.count("bot_impressions", boolean(bot != ""))
		return []string{"impression_id", "event_at", "cost", "bot", "copy"}, []any{"i" + strconv.Itoa(i), r.at, cost, bot, false}
	case "landing_clicks":
		r.press = "c" + strconv.Itoa(s.random.IntN(40))
		r.count("landing_clicks", 1)
		return []string{"landing_click_id", "event_at", "click_at", "click_id", "copy"},
			[]any{"l" + strconv.Itoa(i), r.at, r.at, r.press, false}
	}
	hold, confirmed := s.money().Sub(s.money()), s.money().Sub(s.money())
	created, beside, only, score := s.random.IntN(2) == 0, s.random.IntN(4) == 0, s.random.IntN(3) == 0, uint32(s.random.IntN(100))
	kind := "status"
	if created {
		kind = "created"
		r.count("created", 1)
		r.count("created_score_sum", int64(score))
	}
	r.count("entries", 1)
	r.sums["revenue_hold"], r.sums["revenue_confirmed"] = hold, confirmed
	if !only {
		r.sums["revenue_hold_counted"] = hold
	}
	values = []any{"v" + strconv.Itoa(i), r.at, r.at, kind, score, hold, confirmed, beside, only}
	names = []string{"conversion_id", "event_at", "click_at", "kind", "score", "revenue_hold_delta", "revenue_confirmed_delta",
		"beside_goal", "confirmed_only"}
	for _, d := range []struct{ column, goal, all string }{{"conversions", "conversions", "events"},
		{"registered", "registered", "events_registered"}, {"pending", "pending", "events_pending"},
		{"approved", "approved", "events_approved"}, {"rejected", "rejected", "events_rejected"},
		{"chargeback", "chargebacks", "events_chargebacks"}, {"flagged", "flagged", ""}} {
		n := int32(s.random.IntN(3) - 1)
		names, values = append(names, d.column+"_delta"), append(values, n)
		if d.all == "" || !beside && r.values["event"] != schemas.EventRebill {
			r.count(d.goal, int64(n))
		}
		if d.all != "" {
			r.count(d.all, int64(n))
		}
	}
	return names, values
}

// fill makes rows of every fact, and copies, which do not count.
func (s *sample) fill(ctx context.Context, sizes map[string]int) {
	s.latest = map[string]map[string]string{}
	said := map[string]time.Time{}
	for _, fact := range []string{"clicks", "conversions", "impressions", "landing_clicks"} {
		var batch driver.Batch
		for i := range sizes[fact] {
			r := s.row(fact)
			r.lack(fact)
			columns, values := r.columns(fact)
			names, more := s.more(&r, i)
			columns, values = append(columns, names...), append(values, more...)
			if batch == nil {
				var err error
				query := "INSERT INTO tributary." + fact + " (" + strings.Join(columns, ", ") + ")"
				if batch, err = s.conn.PrepareBatch(ctx, query); err != nil {
					s.t.Fatal(err)
				}
			}
			copied := fact != "clicks" && fact != "conversions" && s.random.IntN(10) == 0
			if copied {
				values[len(values)-1] = true
			}
			if err := batch.Append(values...); err != nil {
				s.t.Fatal(err)
			}
			for _, kind := range naiveNames {
				id, name := r.values[kind+"_id"], r.values[kind]
				if id != "0" && name != "" && (fact == "clicks" || fact == "impressions") && r.received.After(said[kind+id]) {
					if s.latest[kind] == nil {
						s.latest[kind] = map[string]string{}
					}
					said[kind+id], s.latest[kind][id] = r.received, name
				}
			}
			if !copied {
				s.rows = append(s.rows, r)
			}
		}
		if err := batch.Send(); err != nil {
			s.t.Fatal(err)
		}
	}
	s.archive(ctx)
	s.formerly(ctx)
}

func (s *sample) exec(ctx context.Context, query string) {
	s.t.Helper()
	if err := s.conn.Exec(ctx, strings.ReplaceAll(query, "{database}", "tributary")); err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
}

// archive moves the rows of a month, as `tributary archive` does, and takes most of them out of their tables.
func (s *sample) archive(ctx context.Context) {
	for i := range schemas.Facts {
		f := &schemas.Facts[i]
		if f.Archive {
			continue
		}
		archiving := schemas.ArchivingOf(f)
		columns, query := slices.Clone(archiving.Keys), archiving.Query
		for _, m := range archiving.Figures {
			columns = append(columns, m.Name)
		}
		month := fmt.Sprintf("toYYYYMM(received_at) = %d", archivedMonth)
		s.exec(ctx, fmt.Sprintf("INSERT INTO {database}.archive_sums (base, month, run, attempt, %s) SELECT '%s', %d, 7, 1, * FROM (%s)",
			strings.Join(columns, ", "), f.Table, archivedMonth, strings.ReplaceAll(query, "{where}", month)))
		// An attempt that was killed.
		s.exec(ctx, fmt.Sprintf("INSERT INTO {database}.archive_sums (base, month, run, attempt, %s) SELECT '%s', %d, 7, 2, * FROM (%s)",
			strings.Join(columns, ", "), f.Table, archivedMonth, strings.ReplaceAll(query, "{where}", month)))
		s.exec(ctx, fmt.Sprintf("INSERT INTO {database}.archive_months (base, month, run, attempt) VALUES ('%s', %d, 7, 1)", f.Table, archivedMonth))
		s.exec(ctx, "ALTER TABLE {database}."+f.Table+" UPDATE _archived = 7 WHERE "+month+" SETTINGS mutations_sync = 2")
		s.exec(ctx, "ALTER TABLE {database}."+f.Table+" DELETE WHERE "+month+
			" AND cityHash64(received_at) % 2 = 0 SETTINGS mutations_sync = 2")
	}
	for kind, names := range s.latest {
		for id, name := range names {
			s.exec(ctx, fmt.Sprintf("INSERT INTO {database}.names (kind, id, name, at) VALUES ('%s', %s, '%s', '2026-06-01 00:00:00')",
				kind, id, name))
		}
	}
	for i := range s.rows {
		if r := &s.rows[i]; r.received.Year()*100+int(r.received.Month()) == archivedMonth {
			r.fact = "archive_sums"
			r.lack("archive_sums")
		}
	}
}

// formerly makes rows of the archives of former versions.
func (s *sample) formerly(ctx context.Context) {
	for i := range 60 {
		r := s.row("clicks")
		r.at, r.fact = r.at.Truncate(15*time.Minute), "archive"
		r.received = r.received.Truncate(24 * time.Hour)
		r.lack("archive")
		table, sums := "archive_quarter", map[string]string{"clicks": "clicks", "cost": "cost", "entries": "entries",
			"conversions": "conversions", "approved": "approved", "revenue_hold": "revenue_hold", "revenue_confirmed": "revenue_confirmed"}
		if i%2 == 1 {
			r.base = schemas.FactArchiveTraffic
			table, sums = "archive_quarter_traffic", map[string]string{"impressions": "impressions", "impression_cost": "impression_cost",
				"unique_clicks": "unique_clicks", "landing_clicks": "landing_clicks"}
		} else {
			r.base = schemas.FactArchive
		}
		var columns, values []string
		for _, name := range []string{"campaign_id", "campaign", "source_id", "source", "offer_id", "offer", "country", "device",
			"os", "browser"} {
			columns, values = append(columns, name), append(values, "'"+r.values[name]+"'")
		}
		for _, sum := range slices.Sorted(maps.Keys(sums)) {
			column := sums[sum]
			amount := decimal.NewFromInt(s.random.Int64N(50))
			if strings.Contains(sum, "cost") || strings.Contains(sum, "revenue") {
				amount = s.money()
			}
			columns, values = append(columns, column), append(values, amount.String())
			r.sums[sum] = amount
			switch sum { // what the definitions make of the old columns
			case "conversions", "approved":
				r.sums[map[string]string{"conversions": "events", "approved": "events_approved"}[sum]] = amount
			case "revenue_hold":
				r.sums["revenue_hold_counted"] = amount
			case "impression_cost":
				r.sums["cost"] = amount
			case "landing_clicks":
				r.sums["landing_pressed"] = amount
			}
		}
		s.exec(ctx, fmt.Sprintf("INSERT INTO {database}.%s (ledger_day, quarter, %s) VALUES ('%s', '%s', %s)", table,
			strings.Join(columns, ", "), r.received.Format(time.DateOnly), r.at.Format(time.DateTime), strings.Join(values, ", ")))
		s.rows = append(s.rows, r)
	}
}
