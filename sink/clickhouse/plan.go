package clickhouse

import (
	"fmt"
	"strconv"
	"strings"
)

// A plan says what the next inserts of a partition carry. It is written as the metadata of a committed offset before the
// first of them: a loader that dies afterwards leaves it to the next one, which reads the same records and decides about
// the same rows.
type plan struct {
	// first and last are the offsets of the first and the last record, both included; records between them that are
	// aborted or belong to transactions are not part of it.
	first, last int64
	// records is how many records it had.
	records int
	// at is set once the batch is no longer inserted as a whole. It names the one insert whose outcome may be unknown: of
	// all other rows of the batch, those in the table are complete and those that are not have yet to be inserted.
	at *piece
}

// piece is a part of a batch that is one insert: the rows of a month from offset first to last, both included.
type piece struct {
	month       int32
	first, last int64
	// tokenSpent: ClickHouse remembers the insert's token without having its rows.
	tokenSpent bool
}

// noPiece stands for a batch in pieces none of which was tried yet.
var noPiece = piece{first: 0, last: -1}

// planMark starts the metadata; its number is the format's version.
const planMark = "tributary-plan:2:"

// metadata is the plan's text, such as tributary-plan:2:100:299:200:, with :202610.100.149 while it is in pieces. Its fourth field had block
// numbers, by which older versions knew how old a token was; they read an empty one as too old.
func (p plan) metadata() string {
	b := fmt.Appendf(nil, "%s%d:%d:%d:", planMark, p.first, p.last, p.records)
	if p.at != nil {
		b = fmt.Appendf(b, ":%d.%d.%d", p.at.month, p.at.first, p.at.last)
		if p.at.tokenSpent {
			b = append(b, ".1"...)
		}
	}
	return string(b)
}

// parsePlan reads the metadata of an offset committed by a loader. found is false where it has no plan: then everything
// before the offset has landed.
func parsePlan(offset int64, metadata string) (p plan, found bool, err error) {
	if !strings.HasPrefix(metadata, "tributary-plan:") {
		return plan{}, false, nil
	}
	text, ok := strings.CutPrefix(metadata, planMark)
	if !ok {
		return plan{}, false, fmt.Errorf("reading the batch plan %q: another version of this program wrote it, want %s…; start that one until it has caught up, then this one", metadata, planMark)
	}
	fields := strings.Split(text, ":")
	if len(fields) != 4 && len(fields) != 5 {
		return plan{}, false, fmt.Errorf("reading the batch plan %q: it has %d fields, want 4 or 5", metadata, len(fields))
	}
	numbers, err := parseInts(fields[:3])
	if err == nil && fields[3] != "" {
		_, err = parseInts(strings.Split(fields[3], "."))
	}
	if err != nil {
		return plan{}, false, fmt.Errorf("reading the batch plan %q: %w", metadata, err)
	}
	p.first, p.last, p.records = numbers[0], numbers[1], int(numbers[2])
	if p.first != offset || p.last < p.first || p.records < 1 || int64(p.records) > p.last-p.first+1 {
		return plan{}, false, fmt.Errorf("reading the batch plan %q at offset %d: its numbers do not fit", metadata, offset)
	}
	if len(fields) == 5 {
		n, err := parseInts(strings.Split(fields[4], "."))
		if err != nil || len(n) < 3 || len(n) > 4 || n[0] < 0 || n[0] > 1<<30 || len(n) == 4 && n[3] != 1 {
			return plan{}, false, fmt.Errorf("reading the batch plan %q: %q is no piece, want month.first.last, or month.first.last.1", metadata, fields[4])
		}
		p.at = &piece{month: int32(n[0]), first: n[1], last: n[2], tokenSpent: len(n) == 4}
	}
	return p, true, nil
}

func parseInts(fields []string) ([]int64, error) {
	numbers := make([]int64, len(fields))
	for i, field := range fields {
		var err error
		if numbers[i], err = strconv.ParseInt(field, 10, 64); err != nil {
			return nil, err
		}
	}
	return numbers, nil
}

// token names one insert. A replay of the same rows by any member of the group makes the same token; other rows make
// another.
func token(group, topic string, partition int32, first, last int64, month int32, digest uint64) string {
	return fmt.Sprintf("%s/%s/%d/%d-%d/%d/%016x", group, topic, partition, first, last, month, digest)
}
