package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/cespare/xxhash/v2"
)

// compareTables holds each scored topic against its table, by partition and range of offsets.
func (a *auditor) compareTables(ctx context.Context) error {
	ends, err := a.log.extents(ctx, a.scope.audited)
	if err != nil {
		return err
	}
	for _, t := range a.scope.tables {
		a.options.Progress(Progress{What: "table " + t.Name})
		if err := a.compareTable(ctx, t, ends[t.Topic.Name]); err != nil {
			return fmt.Errorf("comparing topic %s with table %s: %w", t.Topic.Name, t.Name, err)
		}
	}
	return nil
}

func (a *auditor) compareTable(ctx context.Context, t *table, ends []extent) error {
	have := map[chunkKey]*chunk{}
	beyond := map[int]int64{}
	older := int64(0)
	text := fmt.Sprintf("SELECT toInt64(_partition), toInt64(intDiv(_offset, %d)), toInt64(count()), sumWithOverflow(%s), toInt64(min(_offset)), toInt64(max(_offset)) FROM %s.%s GROUP BY 1, 2",
		chunkOffsets, t.hash(), a.options.Database, t.Name)
	topic := a.topics[t.Topic.Name]
	edges := map[chunkKey]bool{}
	var tableRows int64
	err := a.query(ctx, text, func(rows driver.Rows) error {
		var partition, number, n, low, high int64
		var sum uint64
		if err := rows.Scan(&partition, &number, &n, &sum, &low, &high); err != nil {
			return err
		}
		tableRows += n
		key := chunkKey{int(partition), number}
		if int(partition) >= len(topic.extents) {
			beyond[int(partition)] += n
			return nil
		}
		e := topic.extents[partition]
		switch {
		case high < e.start:
			older += n
			return nil
		case low >= max(e.end, ends[partition].end):
			beyond[int(partition)] += n
			return nil
		case low < e.start || high >= e.end:
			edges[key] = true
		}
		have[key] = &chunk{n, sum}
		return nil
	})
	if err != nil {
		return err
	}
	a.report.setRows(t.Topic.Name, t.Name, tableRows)
	if older > 0 {
		a.report.Notes = append(a.report.Notes, fmt.Sprintf("table %s has %d rows older than what topic %s still keeps; they were not compared", t.Name, older, t.Topic.Name))
	}
	if err := a.noteArchived(ctx, t.Name); err != nil {
		return err
	}
	for partition, n := range beyond {
		a.differ(fmt.Sprintf("table %s, partition %d", t.Name, partition), fmt.Sprintf("%s at offsets that topic %s does not have", plural(int(n), "row"), t.Topic.Name))
	}
	keys := map[chunkKey]bool{}
	for key := range have {
		keys[key] = true
	}
	for key := range topic.chunks {
		keys[key] = true
	}
	sorted := make([]chunkKey, 0, len(keys))
	for key := range keys {
		sorted = append(sorted, key)
	}
	slices.SortFunc(sorted, func(x, y chunkKey) int {
		return cmp.Or(cmp.Compare(x.partition, y.partition), cmp.Compare(x.chunk, y.chunk))
	})
	for _, key := range sorted {
		want, got := topic.chunks[key], have[key]
		if edges[key] || want == nil || got == nil || *want != *got {
			if err := a.nameRows(ctx, t, key); err != nil {
				return err
			}
		}
	}
	return nil
}

// nameRows reads one range of offsets on both sides and says which rows are missing, doubled, altered or unknown.
func (a *auditor) nameRows(ctx context.Context, t *table, key chunkKey) error {
	e := a.topics[t.Topic.Name].extents[key.partition]
	from, to := max(e.start, key.chunk*chunkOffsets), min(e.end, (key.chunk+1)*chunkOffsets)
	type side struct {
		id        string
		want, got uint64
		rows      int
		inTopic   bool
	}
	sides := map[int64]*side{} // at most chunkOffsets, and the rows ClickHouse has beside them
	err := a.log.scan(ctx, t.Topic.Name, key.partition, from, to, func(offset int64, value []byte) error {
		r, err := decode(t.Topic.Name, t, offset, value)
		if err != nil {
			return nil // counted at the first reading
		}
		if r.text == "" {
			return nil // it needs no row: it is a dead letter
		}
		sides[offset] = &side{id: r.id, want: xxhash.Sum64String(r.text), inTopic: true}
		return nil
	})
	if err != nil {
		return err
	}
	text := fmt.Sprintf("SELECT toInt64(_offset), any(toString(%s)), min(%s), max(%s), toInt64(count()) FROM %s.%s WHERE _partition = %d AND _offset >= %d AND _offset < %d GROUP BY _offset",
		t.ID, t.hash(), t.hash(), a.options.Database, t.Name, key.partition, from, to)
	err = a.query(ctx, text, func(rows driver.Rows) error {
		var offset, n int64
		var id string
		var low, high uint64
		if err := rows.Scan(&offset, &id, &low, &high, &n); err != nil {
			return err
		}
		s := sides[offset]
		if s == nil {
			s = &side{id: id}
			sides[offset] = s
		}
		s.rows, s.got = int(n), low
		if low != high && low == s.want {
			s.got = high // of two rows one is altered
		}
		return nil
	})
	if err != nil {
		return err
	}
	archived, err := a.archivedOffsets(ctx, t.Name, key.partition, from, to)
	if err != nil {
		return err
	}
	offsets := make([]int64, 0, len(sides))
	for offset := range sides {
		offsets = append(offsets, offset)
	}
	slices.Sort(offsets)
	found := map[string][]string{}
	count := map[string]int{}
	for _, offset := range offsets {
		s := sides[offset]
		what := ""
		switch {
		case !s.inTopic:
			what = "more than the topic has"
			count[what] += s.rows - 1
		case s.rows == 0 && archived[offset]:
			continue
		case s.rows == 0 && a.refused.has(t.Topic.Name, key.partition, offset):
			continue
		case s.rows == 0:
			what = "missing"
		case a.refused.replayed(t.Topic.Name, key.partition, offset):
			what = "there although refused and replayed"
		case s.rows > 1:
			what = "too many"
			count[what] += s.rows - 2
		case s.got != s.want:
			what = "with other contents than their record"
		default:
			continue
		}
		count[what]++
		if len(found[what]) < shownIDs {
			found[what] = append(found[what], fmt.Sprintf("%s (offset %d)", s.id, offset))
		}
	}
	where := fmt.Sprintf("topic %s, partition %d, table %s", t.Topic.Name, key.partition, t.Name)
	for _, what := range []string{"missing", "too many", "there although refused and replayed", "with other contents than their record", "more than the topic has"} {
		if n := count[what]; n > 0 {
			a.differ(where, fmt.Sprintf("%s %s in offsets %d to %d", plural(n, "row"), what, from, to-1), found[what]...)
		}
	}
	return nil
}

// sliceRows is how many rows one query groups by identity, so that ClickHouse's memory stays bounded.
const sliceRows = 4_000_000

// checkLedger looks at what one table must be in itself.
func (a *auditor) checkLedger(ctx context.Context) error {
	a.options.Progress(Progress{What: "click IDs and the ledger"})
	db := a.options.Database
	slices := func(tableName string) uint64 {
		return uint64(a.report.rowsOf(tableName))/sliceRows + 1
	}
	n := slices("clicks")
	for i := range n {
		text := fmt.Sprintf("SELECT click_id, toInt64(count()) AS n FROM %s.clicks WHERE cityHash64(click_id) %% %d = %d GROUP BY click_id HAVING n > 1 ORDER BY n DESC, click_id LIMIT %d", db, n, i, maxNamed)
		ids, err := a.ids(ctx, text)
		if err != nil {
			return fmt.Errorf("looking for click IDs that are counted twice: %w", err)
		}
		if len(ids) > 0 {
			a.differ("table clicks", atLeast(len(ids), "click ID")+" counted more than once", ids...)
		}
	}
	for _, t := range []struct{ Name, ID, what string }{{"impressions", "impression_id", "impression"}, {"landing_clicks", "landing_click_id", "landing click"}} {
		n = slices(t.Name)
		for i := range n {
			text := fmt.Sprintf("SELECT %[1]s, toInt64(countIf(NOT copy)) AS n FROM %[2]s.%[3]s WHERE cityHash64(%[1]s) %% %[4]d = %[5]d GROUP BY %[1]s HAVING n != 1 ORDER BY %[1]s LIMIT %[6]d", t.ID, db, t.Name, n, i, maxNamed)
			ids, err := a.ids(ctx, text)
			if err != nil {
				return fmt.Errorf("looking for copies in %s: %w", t.Name, err)
			}
			if len(ids) > 0 {
				a.differ("table "+t.Name, atLeast(len(ids), t.what)+" of which not exactly one row counts, the others being copies", ids...)
			}
		}
	}
	n = slices("conversions")
	for i := range n {
		// A part that retention removed is the beginning: the numbers left are still without a gap. What has a payout below 0 is a
		// correction from its first entry to its last, and counts as nothing in all of them.
		text := fmt.Sprintf(`SELECT conversion_id, toInt64(countIf(seq > 0)) AS n FROM %s.conversions WHERE cityHash64(conversion_id) %% %d = %d GROUP BY conversion_id
HAVING n != uniqExactIf(seq, seq > 0) OR n != maxIf(seq, seq > 0) - minIf(seq, seq > 0) + 1
OR (minIf(seq, seq > 0) = 1 AND min(payout_original) >= 0 AND (sum(conversions_delta) NOT IN (0, 1) OR sum(conversions_delta) != sum(registered_delta) + sum(pending_delta) + sum(approved_delta)
OR sum(conversions_delta) + sum(rejected_delta) + sum(chargeback_delta) != 1))
OR (min(payout_original) < 0 AND (max(payout_original) >= 0 OR countIf(kind IN ('created', 'rescored') OR conversions_delta != 0 OR registered_delta != 0 OR pending_delta != 0
OR approved_delta != 0 OR rejected_delta != 0 OR chargeback_delta != 0 OR flagged_delta != 0) > 0))
OR (min(payout_original) >= 0 AND countIf(kind = 'correction') > 0) ORDER BY conversion_id LIMIT %d`, db, n, i, maxNamed)
		ids, err := a.ids(ctx, text)
		if err != nil {
			return fmt.Errorf("checking the ledger: %w", err)
		}
		if len(ids) > 0 {
			a.differ("table conversions", atLeast(len(ids), "conversion")+" whose entries have gaps, repeat, or do not add up to one state", ids...)
		}
	}
	return nil
}

// maxNamed bounds what one query answers.
const maxNamed = 1000

func atLeast(n int, what string) string {
	if n == maxNamed {
		return "at least " + plural(n, what)
	}
	return plural(n, what)
}

func (a *auditor) ids(ctx context.Context, text string) (ids []string, err error) {
	err = a.query(ctx, text, func(rows driver.Rows) error {
		var id string
		var n int64
		if err := rows.Scan(&id, &n); err != nil {
			return err
		}
		ids = append(ids, id)
		return nil
	})
	return ids, err
}

func (a *auditor) query(ctx context.Context, text string, scan func(driver.Rows) error) (err error) {
	rows, err := a.options.ClickHouse.Query(ctx, text)
	if err != nil {
		return fmt.Errorf("asking ClickHouse: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return fmt.Errorf("reading ClickHouse's answer: %w", err)
		}
	}
	return rows.Err()
}
