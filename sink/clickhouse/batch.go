package clickhouse

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"
)

// A batch is the rows of one partition that wait for one plan. Rows are numbered in offset order.
type batch struct {
	table table
	// values are the records the rows were decoded from, row by row: what a dead letter quotes and what the token is
	// derived from. They belong to the Kafka client's fetch and are released with the batch.
	values [][]byte
	// letters are the undecodable records of the batch.
	letters []undecodable
	// passed are its undecodable records that their other reader reports.
	passed int
	// first and last are the offsets of its first and last record, decodable or not; first is -1 while it is empty.
	first, last int64
	// bytes is what the records take; since is when the first came.
	bytes int
	since time.Time
	// oldestMS is the received time of the oldest row.
	oldestMS int64

	// Scratch memory of spans.
	sorted, scratch []sortRow
	deals           []deal
	dealt           map[dealKey]uint32
}

type undecodable struct {
	offset    int64
	timestamp time.Time
	value     []byte
	detail    string
}

// sortRow orders one row within its deal.
type sortRow struct {
	second int64
	row    uint32
	deal   uint32
}

// A deal is the rows of a batch that have the same month and first number of the sorting key.
type deal struct {
	dealKey
	number uint32
	rows   int
}

type dealKey struct {
	month int32
	first uint64
}

func (b *batch) records() int { return len(b.values) + len(b.letters) + b.passed }

func (b *batch) reset() {
	reset(b.table)
	clear(b.values)
	clear(b.letters)
	b.values, b.letters = b.values[:0], b.letters[:0]
	b.passed, b.first, b.last, b.bytes, b.since, b.oldestMS = 0, -1, -1, 0, time.Time{}, 0
}

// add takes a record's value, which must stay unchanged until reset.
func (b *batch) add(value []byte, timestamp time.Time, partition int32, offset int64, now time.Time) {
	if b.records() == 0 {
		b.first, b.since = offset, now
	}
	b.last = offset
	b.bytes += len(value)
	if err := b.table.add(value, partition, offset); errors.Is(err, errReported) {
		b.passed++
		return
	} else if err != nil {
		b.letters = append(b.letters, undecodable{offset, timestamp, value, err.Error()})
		return
	}
	b.values = append(b.values, value)
	if ms := b.table.receivedMS(uint32(len(b.values) - 1)); len(b.values) == 1 || ms < b.oldestMS {
		b.oldestMS = ms
	}
}

// month is the ClickHouse partition of a row, toYYYYMM(received_at).
func month(ms int64) int32 {
	year, month, _ := time.UnixMilli(ms).UTC().Date()
	return int32(year*100 + int(month))
}

// A span is the part of a batch that one insert carries: the rows from..to (row numbers, to excluded) of one month.
type span struct {
	month    int32
	from, to uint32
	// order has the span's rows in the table's sorting order.
	order []uint32
}

// spans sorts the batch and cuts it by month: nearly always into one.
//
// Few campaigns and sources make up a batch, and the rows of each came in about the order of their times. So rows are dealt
// out by the first number of the key and only looked through within it; what is out of order there is sorted.
func (b *batch) spans() []span {
	rows := len(b.values)
	b.sorted = b.sorted[:0]
	var last struct {
		day   int64
		month int32
	}
	var previous dealKey
	number := uint32(0)
	b.deals = b.deals[:0]
	clear(b.dealt)
	if b.dealt == nil {
		b.dealt = make(map[dealKey]uint32)
	}
	for row := range uint32(rows) {
		ms := b.table.receivedMS(row)
		if day := ms / dayMS; day != last.day || row == 0 {
			last.day, last.month = day, month(ms)
		}
		first, second := b.table.sortKey(row)
		if k := (dealKey{last.month, first}); k != previous || row == 0 {
			n, ok := b.dealt[k]
			if !ok {
				n = uint32(len(b.deals))
				b.dealt[k], b.deals = n, append(b.deals, deal{dealKey: k, number: n})
			}
			previous, number = k, n
		}
		b.deals[number].rows++
		b.sorted = append(b.sorted, sortRow{second, row, number})
	}
	slices.SortFunc(b.deals, func(x, y deal) int { return cmp.Or(cmp.Compare(x.month, y.month), cmp.Compare(x.first, y.first)) })
	starts := make([]int, len(b.deals)) // where the next row of a deal goes, by its number
	at := 0
	for _, d := range b.deals {
		starts[d.number], at = at, at+d.rows
	}
	b.scratch = append(b.scratch[:0], b.sorted...)
	for _, r := range b.scratch {
		b.sorted[starts[r.deal]] = r
		starts[r.deal]++
	}
	compare := func(x, y sortRow) int {
		if x.second != y.second {
			return cmp.Compare(x.second, y.second)
		}
		if tie := b.table.tie(x.row, y.row); tie != 0 {
			return tie
		}
		return cmp.Compare(x.row, y.row)
	}
	var spans []span
	order := make([]uint32, rows)
	at = 0
	for i, d := range b.deals {
		group := b.sorted[at : at+d.rows]
		if !slices.IsSortedFunc(group, compare) {
			slices.SortFunc(group, compare)
		}
		if i == 0 || d.month != b.deals[i-1].month {
			spans = append(spans, span{month: d.month, from: group[0].row})
		}
		s := &spans[len(spans)-1]
		for j, r := range group {
			order[at+j] = r.row
			s.from, s.to = min(s.from, r.row), max(s.to, r.row+1)
		}
		start := at - len(s.order)
		at += d.rows
		s.order = order[start:at:at]
	}
	return spans
}

const dayMS = 24 * 60 * 60 * 1000

// halve cuts a span of at least two rows into two by offset.
func (s span) halve() (span, span) {
	rows := slices.Clone(s.order)
	slices.Sort(rows)
	middle := rows[len(rows)/2]
	low, high := span{month: s.month, from: s.from, to: rows[len(rows)/2-1] + 1}, span{month: s.month, from: middle, to: s.to}
	for _, row := range s.order {
		if row < middle {
			low.order = append(low.order, row)
		} else {
			high.order = append(high.order, row)
		}
	}
	return low, high
}

// without cuts the rows that skip names out of a span: what is left are runs of rows next to each other, so that a run is
// known by its first and last offset alone.
func (s span) without(skip func(row uint32) bool) []span {
	rows := slices.Clone(s.order)
	slices.Sort(rows)
	run := make(map[uint32]int, len(rows)) // row to the number of its run
	var runs []span
	open := false
	for _, row := range rows {
		if skip(row) {
			open = false
			continue
		}
		if !open {
			runs, open = append(runs, span{month: s.month, from: row}), true
		}
		run[row] = len(runs) - 1
		runs[len(runs)-1].to = row + 1
	}
	for _, row := range s.order {
		if n, ok := run[row]; ok {
			runs[n].order = append(runs[n].order, row)
		}
	}
	return runs
}

// digest is a hash of the records behind a span, in offset order: part of its token, so that a token is never reused for
// other bytes.
func (b *batch) digest(s span) uint64 {
	var h xxhash.Digest
	h.Reset()
	whole := len(s.order) == int(s.to-s.from)
	for row := s.from; row < s.to; row++ {
		if whole || month(b.table.receivedMS(row)) == s.month {
			_, _ = h.Write(b.values[row]) // never fails
		}
	}
	return h.Sum64()
}

// bounds are the received times of a span's earliest and latest row.
func (b *batch) bounds(s span) (minMS, maxMS int64) {
	minMS = b.table.receivedMS(s.order[0])
	maxMS = minMS
	for _, row := range s.order {
		ms := b.table.receivedMS(row)
		minMS, maxMS = min(minMS, ms), max(maxMS, ms)
	}
	return minMS, maxMS
}
