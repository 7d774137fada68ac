package oracle

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go/proto"
)

// The statements of the sink, as the stand-in reads them. Anything else is an error, and a difference of the run.
const (
	ofTable = ` FROM (\w+)\.(\w+) WHERE `
	place   = `_partition = (\d+) AND _offset BETWEEN (\d+) AND (\d+) AND received_at BETWEEN fromUnixTimestamp64Milli\((\d+), 'UTC'\) AND fromUnixTimestamp64Milli\((\d+), 'UTC'\)`
)

var (
	insertInto    = regexp.MustCompile(`^INSERT INTO (\w+)\.(\w+) \(([^)]*)\)\s+FORMAT Native\s*$`)
	wherePlace    = regexp.MustCompile(place)
	selectCount   = regexp.MustCompile(`^SELECT count\(\)` + ofTable + place + `$`)
	selectOffsets = regexp.MustCompile(`^SELECT _offset` + ofTable + place + `$`)
	selectMonths  = regexp.MustCompile(`^SELECT count\(\), toUnixTimestamp64Milli\(min\(received_at\)\), toUnixTimestamp64Milli\(max\(received_at\)\)` + ofTable +
		`_partition = (\d+) AND _offset BETWEEN (\d+) AND (\d+) GROUP BY toYYYYMM\(received_at\)$`)
	selectBlocks  = regexp.MustCompile(`^SELECT toInt64\(maxIf\(max_block_number, table = .* FROM system\.parts WHERE database = '(\w+)'$`)
	blockTable    = regexp.MustCompile(`table = '(\w+)'`)
	selectTallies = regexp.MustCompile(`^SELECT toUInt32\((.*)\) AS at, campaign_id, source_id, offer_id, toInt64\((.*)\) AS n, (.*) AS a, (.*) AS b` + ofTable +
		`(.*) GROUP BY at, campaign_id, source_id, offer_id$`)
	atTimes       = regexp.MustCompile(`^toYYYYMM\((?:received_at|ledger_day)\) = (\d+) AND at IN \(([\d,]*)\)(?: AND _layout >= 1)?$`)
	selectRunning = regexp.MustCompile(`^SELECT count\(\) FROM system\.processes WHERE query_kind = 'Insert' AND elapsed > ([\d.]+)$`)
	selectView    = regexp.MustCompile(`^SELECT as_select FROM system\.tables WHERE database = '\w+' AND name = '(\w+)'$`)
	selectColumns = regexp.MustCompile(`^SELECT groupArray\(name\) FROM \(SELECT name FROM system\.columns WHERE database = '\w+' AND table = '(\w+)' ORDER BY position\)$`)
	fillRollup    = regexp.MustCompile(`^INSERT INTO (\w+)\.(rollup_\w+) \(all\) SELECT all FROM (\w+) SETTINGS additional_table_filters = \{'\w+\.(\w+)': '(.*)'\}, insert_deduplicate = 0,`)
	dropTable     = regexp.MustCompile(`^DROP TABLE (?:IF EXISTS )?(\w+)\.(\w+_graft_\d+)$`)
	createLike    = regexp.MustCompile(`^CREATE TABLE (\w+)\.(\w+_graft_\d+) AS (\w+)\.(\w+)$`)
	attachFrom    = regexp.MustCompile(`^ALTER TABLE (\w+)\.(\w+) ATTACH PARTITION ID '(\d+)' FROM (\w+)\.(\w+)$`)
)

// answer is to everything but inserts of rows.
func (s *standin) answer(query string) ([]byte, error) {
	switch query {
	case "SELECT 1":
		return answerBlock(proto.InputColumn{Name: "1", Data: &proto.ColUInt8{1}}), nil
	case "SELECT displayName(), version(), revision(), timezone()":
		return answerBlock(textColumn("displayName()", "standin"), textColumn("version()", "26.5.1.1"),
			proto.InputColumn{Name: "revision()", Data: &proto.ColUInt32{protocolRevision}}, textColumn("timezone()", "UTC")), nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, try := range []func(string) ([]byte, bool, error){s.answerPlace, s.answerTallies, s.answerSystem, s.change} {
		if answer, known, err := try(query); known || err != nil {
			return answer, err
		}
	}
	s.odd = append(s.odd, "the stand-in cannot answer "+query)
	return nil, &exception{62, "the stand-in cannot answer " + query}
}

func textColumn(name, text string) proto.InputColumn {
	c := new(proto.ColStr)
	c.Append(text)
	return proto.InputColumn{Name: name, Data: c}
}

// within reads the five numbers of a place.
func within(row Row, place []string) bool {
	var n [5]int64
	for i := range n {
		n[i], _ = strconv.ParseInt(place[i], 10, 64)
	}
	offset, received := row.number("_offset"), row.number("received_at")
	return row.number("_partition") == n[0] && offset >= n[1] && offset <= n[2] && received >= n[3] && received <= n[4]
}

// answerPlace is to questions about the rows of some offsets. The caller holds s.mu.
func (s *standin) answerPlace(query string) ([]byte, bool, error) {
	if m := selectCount.FindStringSubmatch(query); m != nil {
		t, err := s.table(m[1], m[2])
		if err != nil {
			return nil, true, err
		}
		n := proto.ColUInt64{0}
		for _, row := range t.rows {
			if within(row, m[3:]) {
				n[0]++
			}
		}
		s.trace.add("standin", "%s has %d rows at partition %s offsets %s-%s", m[2], n[0], m[3], m[4], m[5])
		return answerBlock(proto.InputColumn{Name: "count()", Data: &n}), true, nil
	}
	if m := selectOffsets.FindStringSubmatch(query); m != nil {
		t, err := s.table(m[1], m[2])
		if err != nil {
			return nil, true, err
		}
		var offsets proto.ColUInt64
		for _, row := range t.rows {
			if within(row, m[3:]) {
				offsets = append(offsets, uint64(row.number("_offset")))
			}
		}
		s.trace.add("standin", "%s has offsets %v of partition %s", m[2], offsets, m[3])
		return answerBlock(proto.InputColumn{Name: "_offset", Data: &offsets}), true, nil
	}
	if m := selectMonths.FindStringSubmatch(query); m != nil {
		t, err := s.table(m[1], m[2])
		if err != nil {
			return nil, true, err
		}
		var months []int
		var count proto.ColUInt64
		var low, high proto.ColInt64
		for _, row := range t.rows {
			ms := row.number("received_at")
			if !within(row, []string{m[3], m[4], m[5], "0", "99999999999999"}) {
				continue
			}
			i := slices.Index(months, month(ms))
			if i < 0 {
				i = len(months)
				months, count, low, high = append(months, month(ms)), append(count, 0), append(low, ms), append(high, ms)
			}
			count[i]++
			low[i], high[i] = min(low[i], ms), max(high[i], ms)
		}
		return answerBlock(proto.InputColumn{Name: "count()", Data: &count}, proto.InputColumn{Name: "min", Data: &low}, proto.InputColumn{Name: "max", Data: &high}), true, nil
	}
	return nil, false, nil
}

// tally is one row of a comparison of a table with its rollup.
type tally struct{ at, campaign, source, offer, n, a, b int64 }

// moneyOf is which of the sums a column's sum is in; -1 for none.
func moneyOf(expression string) int {
	for i, name := range rollupSums {
		if strings.Contains(expression, "sum("+name+")") || strings.Contains(expression, "sum("+name+"_delta)") {
			return i
		}
	}
	return -1
}

// answerTallies is to the comparison of tables with rollups. The caller holds s.mu.
func (s *standin) answerTallies(query string) ([]byte, bool, error) {
	m := selectTallies.FindStringSubmatch(query)
	if m == nil {
		return nil, false, nil
	}
	table, where := m[6], m[7]
	times := atTimes.FindStringSubmatch(where)
	at := wherePlace.FindStringSubmatch(where)
	if times == nil && at == nil {
		return nil, false, nil
	}
	rollup := "rollup_minute"
	if strings.Contains(strings.ToLower(m[1]), "hour") {
		rollup = "rollup_hour"
	}
	if strings.HasSuffix(where, "_layout >= 1") {
		rollup += "_traffic"
	}
	all := map[string]sums{}
	monthOf := func(day string) int {
		t, _ := time.Parse("2006-01-02", day)
		return month(t.UnixMilli())
	}
	if t := s.tables[table]; t != nil { // of a base table
		var rows []Row
		for _, row := range t.rows {
			if at == nil || within(row, at[1:]) {
				rows = append(rows, row)
			}
		}
		addRollup(all, rollup, table, rows)
	} else {
		from := "conversions"
		if strings.Contains(m[2], "clicks") {
			from = "clicks"
		}
		all = s.tables[from].rollup[table]
	}
	found := map[[4]int64]*tally{}
	var order []*tally
	for _, key := range sortedKeys(all) {
		v := all[key]
		part := strings.Split(key, "|")
		bucket, _ := time.Parse("2006-01-02T15:04", part[1])
		if times != nil && (strconv.Itoa(monthOf(part[0])) != times[1] || !slices.Contains(strings.Split(times[2], ","), strconv.FormatInt(bucket.Unix(), 10))) {
			continue
		}
		var k [4]int64
		k[0] = bucket.Unix()
		for i, p := range []int{2, 4, 6} {
			k[i+1], _ = strconv.ParseInt(part[p], 10, 64)
		}
		if found[k] == nil {
			found[k] = &tally{at: k[0], campaign: k[1], source: k[2], offer: k[3]}
			order = append(order, found[k])
		}
		t := found[k]
		t.n += v[0] + v[5] // clicks or entries: one of them is none
		if i := moneyOf(m[3]); i >= 0 {
			t.a += v[i]
		}
		if i := moneyOf(m[4]); i >= 0 {
			t.b += v[i]
		}
	}
	var words [4]proto.ColUInt32
	var numbers [3]proto.ColInt64
	for _, t := range order {
		for i, v := range []int64{t.at, t.campaign, t.source, t.offer} {
			words[i] = append(words[i], uint32(v))
		}
		for i, v := range []int64{t.n, t.a, t.b} {
			numbers[i] = append(numbers[i], v)
		}
	}
	s.trace.add("standin", "%d tallies of %s by %s", len(order), table, rollup)
	return answerBlock(proto.InputColumn{Name: "at", Data: &words[0]}, proto.InputColumn{Name: "campaign_id", Data: &words[1]}, proto.InputColumn{Name: "source_id", Data: &words[2]},
		proto.InputColumn{Name: "offer_id", Data: &words[3]}, proto.InputColumn{Name: "n", Data: &numbers[0]}, proto.InputColumn{Name: "a", Data: &numbers[1]},
		proto.InputColumn{Name: "b", Data: &numbers[2]}), true, nil
}

// answerSystem is to questions about the engine itself. The caller holds s.mu.
func (s *standin) answerSystem(query string) ([]byte, bool, error) {
	if selectBlocks.MatchString(query) {
		var columns []proto.InputColumn
		for i, m := range blockTable.FindAllStringSubmatch(query, -1) {
			n := int64(0)
			if t := s.tables[m[1]]; t != nil {
				n = t.numbers[""]
			} else {
				n = s.tables["clicks"].numbers[m[1]] + s.tables["conversions"].numbers[m[1]]
			}
			columns = append(columns, proto.InputColumn{Name: fmt.Sprint("n", i), Data: &proto.ColInt64{n}})
		}
		return answerBlock(columns...), true, nil
	}
	if m := selectRunning.FindStringSubmatch(query); m != nil {
		longer, _ := strconv.ParseFloat(m[1], 64)
		n := proto.ColUInt64{0}
		for _, began := range s.running {
			if time.Since(began).Seconds() > longer {
				n[0]++
			}
		}
		return answerBlock(proto.InputColumn{Name: "count()", Data: &n}), true, nil
	}
	if m := selectView.FindStringSubmatch(query); m != nil {
		return answerBlock(textColumn("as_select", "SELECT all FROM "+m[1])), true, nil
	}
	if m := selectColumns.FindStringSubmatch(query); m != nil {
		names := new(proto.ColStr).Array()
		names.Append([]string{"all"})
		return answerBlock(proto.InputColumn{Name: "groupArray(name)", Data: names}), true, nil
	}
	return nil, false, nil
}

// change carries out what the sink does to mend an insert that went wrong. The caller holds s.mu.
func (s *standin) change(query string) ([]byte, bool, error) {
	if m := fillRollup.FindStringSubmatch(query); m != nil {
		t, err := s.table(m[1], m[4])
		if err != nil {
			return nil, true, err
		}
		at := wherePlace.FindStringSubmatch(strings.ReplaceAll(m[5], `\'`, "'"))
		if at == nil || m[3] != m[2]+"_from_"+m[4] {
			return nil, false, nil
		}
		var rows []Row
		for _, row := range t.rows {
			if within(row, at[1:]) {
				rows = append(rows, row)
			}
		}
		s.trace.add("standin", "%s is filled with %d rows of %s", m[2], len(rows), m[4])
		t.numbers[m[2]]++
		addRollup(t.rollup[m[2]], m[2], m[4], rows)
		return nil, true, nil
	}
	if m := dropTable.FindStringSubmatch(query); m != nil {
		delete(s.tables, m[2])
		return nil, true, nil
	}
	if m := createLike.FindStringSubmatch(query); m != nil {
		if s.tables[m[2]] != nil {
			return nil, true, &exception{57, "there is a table " + m[2]}
		}
		t := newStandinTable()
		t.scratch = true
		s.tables[m[2]] = t
		return nil, true, nil
	}
	if m := attachFrom.FindStringSubmatch(query); m != nil {
		into, err := s.table(m[1], m[2])
		if err != nil {
			return nil, true, err
		}
		from, err := s.table(m[4], m[5])
		if err != nil {
			return nil, true, err
		}
		n := 0
		for _, row := range from.rows {
			if strconv.Itoa(month(row.number("received_at"))) == m[3] {
				into.rows = append(into.rows, row)
				n++
			}
		}
		into.numbers[""]++
		s.trace.add("standin", "%s takes %d rows over from %s", m[2], n, m[5])
		return nil, true, nil
	}
	return nil, false, nil
}
