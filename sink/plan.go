package sink

import (
	"fmt"
	"strconv"
	"strings"
)

// A plan says what the next insert of a partition carries. It is written as the metadata of a committed offset before the
// insert: a loader that dies afterwards leaves it to the next one, which reads the same records and makes the same insert.
type plan struct {
	// first and last are the offsets of the first and the last record, both included; records between them that are
	// aborted or belong to transactions are not part of it.
	first, last int64
	// records is how many records it had.
	records int
	// split: a row was refused, and the rows are being inserted in pieces.
	split bool
}

// planMark starts the metadata; its number is the format's version.
const planMark = "tributary-plan:1:"

// planSplit ends the metadata of a plan whose rows are being inserted in pieces.
const planSplit = ":split"

// metadata is the plan's text, such as tributary-plan:1:100:299:200.
func (p plan) metadata() string {
	text := fmt.Sprintf("%s%d:%d:%d", planMark, p.first, p.last, p.records)
	if p.split {
		text += planSplit
	}
	return text
}

// parsePlan reads the metadata of an offset committed by a loader. found is false where it has no plan: then everything
// before the offset has landed.
func parsePlan(offset int64, metadata string) (p plan, found bool, err error) {
	if !strings.HasPrefix(metadata, "tributary-plan:") {
		return plan{}, false, nil
	}
	text, ok := strings.CutPrefix(metadata, planMark)
	if !ok {
		return plan{}, false, fmt.Errorf("reading the batch plan %q: it was written by a newer version of this program; start that one", metadata)
	}
	text, split := strings.CutSuffix(text, planSplit)
	fields := strings.Split(text, ":")
	if len(fields) != 3 {
		return plan{}, false, fmt.Errorf("reading the batch plan %q: want three numbers", metadata)
	}
	var numbers [3]int64
	for i, field := range fields {
		if numbers[i], err = strconv.ParseInt(field, 10, 64); err != nil {
			return plan{}, false, fmt.Errorf("reading the batch plan %q: %w", metadata, err)
		}
	}
	p = plan{first: numbers[0], last: numbers[1], records: int(numbers[2]), split: split}
	if p.first != offset || p.last < p.first || p.records < 1 || int64(p.records) > p.last-p.first+1 {
		return plan{}, false, fmt.Errorf("reading the batch plan %q at offset %d: its numbers do not fit", metadata, offset)
	}
	return p, true, nil
}

// token names one insert. A replay of the same rows by any member of the group makes the same token; other rows make
// another.
func token(group, topic string, partition int32, first, last int64, month int32, digest uint64) string {
	return fmt.Sprintf("%s/%s/%d/%d-%d/%d/%016x", group, topic, partition, first, last, month, digest)
}
