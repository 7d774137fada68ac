package oracle

import (
	"regexp"
	"strconv"

	"github.com/ClickHouse/ch-go/proto"
)

// The statements of the sink, as the stand-in reads them. Anything else is an error, and a difference of the run.
const (
	ofTable = ` FROM (\w+)\.(\w+) WHERE `
	place   = `_partition = (\d+) AND _offset BETWEEN (\d+) AND (\d+) AND received_at BETWEEN fromUnixTimestamp64Milli\((\d+), 'UTC'\) AND fromUnixTimestamp64Milli\((\d+), 'UTC'\)`
)

var (
	insertInto    = regexp.MustCompile(`^INSERT INTO (\w+)\.(\w+) \(([^)]*)\)\s+FORMAT Native\s*$`)
	selectCount   = regexp.MustCompile(`^SELECT count\(\)` + ofTable + place + `$`)
	selectOffsets = regexp.MustCompile(`^SELECT _offset` + ofTable + place + `$`)
	selectAny     = regexp.MustCompile(`^SELECT count\(\)` + ofTable + `_partition = (\d+) AND _offset BETWEEN (\d+) AND (\d+)$`)
	// selectGone asks the archive by month, which the stand-in has none of.
	selectGone = regexp.MustCompile(`^SELECT DISTINCT arrayJoin\(bitmapToArray\(.* FROM \w+\.archive_offsets WHERE `)
	dropTable  = regexp.MustCompile(`^DROP TABLE (?:IF EXISTS )?(\w+)\.(\w+_graft_\d+)$`)
	createLike = regexp.MustCompile(`^CREATE TABLE (\w+)\.(\w+_graft_\d+) AS (\w+)\.(\w+)$`)
	attachFrom = regexp.MustCompile(`^ALTER TABLE (\w+)\.(\w+) ATTACH PARTITION ID '(\d+)' FROM (\w+)\.(\w+)$`)
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
	for _, try := range []func(string) ([]byte, bool, error){s.answerPlace, s.change} {
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
	if selectGone.MatchString(query) {
		return answerBlock(proto.InputColumn{Name: "_offset", Data: new(proto.ColUInt64)}), true, nil
	}
	if m := selectAny.FindStringSubmatch(query); m != nil {
		t, err := s.table(m[1], m[2])
		if err != nil {
			return nil, true, err
		}
		n := proto.ColUInt64{0}
		for _, row := range t.rows {
			if within(row, []string{m[3], m[4], m[5], "0", "99999999999999"}) {
				n[0]++
			}
		}
		return answerBlock(proto.InputColumn{Name: "count()", Data: &n}), true, nil
	}
	return nil, false, nil
}

// change carries out what the sink does to mend an insert that went wrong. The caller holds s.mu.
func (s *standin) change(query string) ([]byte, bool, error) {
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
		for _, l := range from.loaded {
			l.Table = m[2]
			s.loaded = append(s.loaded, l)
		}
		s.trace.add("standin", "%s takes %d rows over from %s", m[2], n, m[5])
		return nil, true, nil
	}
	return nil, false, nil
}
