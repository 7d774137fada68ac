package oracle

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"tributary/schemas/events"
)

// tables are the stand-in's at the end of a run.
type tables struct {
	rows map[string][]Row
	odd  []string
}

// maxDifferences bounds the report of one run.
const maxDifferences = 20

// compare holds the tables against the model and answers every difference, none if the ledger is right.
//
// Not compared, because they depend on the order in which partitions are read: scores, the findings behind them, flagged counts, and which
// of several conversions with one transaction ID counts as the later one.
func compare(x *Expected, got tables) []string {
	d := &differences{}
	for _, s := range got.odd {
		d.add("%s", s)
	}
	for _, table := range loadedTables {
		seen := map[string]bool{}
		for _, row := range got.rows[table] {
			place := row["_partition"] + "/" + row["_offset"]
			if seen[place] {
				d.add("%s: the record at %s is in the table twice", table, place)
			}
			seen[place] = true
		}
	}
	d.compareClicks(x, got.rows["clicks"])
	d.compareConversions(x, got.rows["conversions"])
	d.compareLetters(x, got.rows["dead_letters"])
	d.compareAnomalies(x, got)
	d.compareRows("postbacks", x.postbacks, byPlace(got.rows["postbacks"]))
	d.compareParked(x, got.rows["parked"])
	return d.list
}

type differences struct{ list []string }

func (d *differences) add(format string, args ...any) {
	switch {
	case len(d.list) < maxDifferences:
		d.list = append(d.list, fmt.Sprintf(format, args...))
	case len(d.list) == maxDifferences:
		d.list = append(d.list, "and more")
	}
}

func (d *differences) compareRows(table string, want, got map[string]Row) {
	for _, key := range slices.Sorted(maps.Keys(want)) {
		row, ok := got[key]
		if !ok {
			d.add("%s: lost: %s", table, key)
			continue
		}
		for _, column := range slices.Sorted(maps.Keys(want[key])) {
			if row[column] != want[key][column] {
				d.add("%s: %s: %s is %q, %q would be right", table, key, column, row[column], want[key][column])
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if want[key] == nil {
			d.add("%s: should not be there: %s", table, key)
		}
	}
}

func (d *differences) compareClicks(x *Expected, rows []Row) {
	got := map[string]Row{}
	for _, row := range rows {
		if got[row["click_id"]] != nil {
			d.add("clicks: counted twice: %s", row["click_id"])
		}
		got[row["click_id"]] = row
	}
	d.compareRows("clicks", x.clicks, got)
}

func (d *differences) compareConversions(x *Expected, rows []Row) {
	got := map[string]Row{}
	rescored := map[string]map[string]int{}
	for _, row := range rows {
		if row["kind"] == "rescored" {
			key := row["network"] + "/" + row["txid"]
			if rescored[key] == nil {
				rescored[key] = map[string]int{}
			}
			rescored[key][row["conversion_id"]]++
			for _, name := range deltaSums {
				if n := row.number(name); n != 0 {
					d.add("conversions: the rescored entry of %s changes %s by %d", row["conversion_id"], name, n)
				}
			}
			d.compareRescored(x, row)
			continue
		}
		key := row["conversion_id"] + "/" + row["seq"]
		if got[key] != nil {
			d.add("conversions: counted twice: %s", key)
		}
		got[key] = row
	}
	d.compareRows("conversions", x.conversions, got)
	for key, conversions := range x.claims {
		if len(conversions) < 2 || strings.Contains(key, "/"+poison) {
			continue
		}
		known := map[string]bool{}
		for _, id := range conversions {
			known[id] = true
		}
		total := 0
		for id, n := range rescored[key] {
			total += n
			if n > 1 {
				d.add("conversions: rescored %d times for transaction %s: %s", n, key, id)
			}
			if !known[id] {
				d.add("conversions: rescored for transaction %s that is not its own: %s", key, id)
			}
		}
		if total != len(conversions)-1 {
			d.add("conversions: transaction %s is used on %d clicks and %d of them are rescored", key, len(conversions), total)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(rescored)) {
		if len(x.claims[key]) < 2 {
			d.add("conversions: rescored although transaction %s is used on one click only", key)
		}
	}
}

// compareRescored: an entry that changes the score alone says of its click what the conversion's first one says.
func (d *differences) compareRescored(x *Expected, row Row) {
	first := x.conversions[row["conversion_id"]+"/1"]
	if first == nil {
		return // told elsewhere, or refused
	}
	for _, name := range slices.Sorted(maps.Keys(described(nil).with(Row{"beside_goal": "", "confirmed_only": ""}))) {
		if row[name] != first[name] {
			d.add("conversions: the rescored entry of %s: %s is %q, %q would be right", row["conversion_id"],
				name, row[name], first[name])
		}
	}
}

func (d *differences) compareLetters(x *Expected, rows []Row) {
	got := map[string]int{}
	refused := map[string]bool{}
	for _, row := range rows {
		if row["place"] == "sink" {
			key := refusedKey(row)
			if refused[key] = true; !x.refused[key] {
				d.add("dead_letters: the sink put aside what it should not: %s (%s)", key, row["detail"])
			}
			continue
		}
		click := row["click_id"]
		if row["kind"] == "record" {
			click = ""
		}
		got[letterText(row["letter_id"], row["kind"], row["reason"], row["network"], click, row["event"], row["txid"])]++
	}
	for _, key := range slices.Sorted(maps.Keys(x.letters)) {
		if got[key] != x.letters[key] {
			d.add("dead_letters: %d rows of %s, %d would be right", got[key], key, x.letters[key])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if x.letters[key] == 0 {
			d.add("dead_letters: should not be there: %s", key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(x.refused)) {
		if !refused[key] {
			d.add("dead_letters: lost: the refused row %s", key)
		}
	}
}

// refusedKey reads which row a letter of the sink is about from the record it quotes.
func refusedKey(row Row) string {
	raw := []byte(row["raw"])
	switch row["source_topic"] {
	case "scored.clicks":
		c := &events.Click{}
		if c.UnmarshalVT(raw) == nil {
			return "click/" + c.ClickId
		}
	case "scored.conversions":
		c := &events.Conversion{}
		if c.UnmarshalVT(raw) == nil {
			return fmt.Sprintf("conversion/%s/%d", c.ConversionId, c.Seq)
		}
	}
	return row["letter_id"]
}

func byPlace(rows []Row) map[string]Row {
	places := map[string]Row{}
	for _, row := range rows {
		places[row["_partition"]+"/"+row["_offset"]] = row
	}
	return places
}

// compareParked: which postbacks wait depends on the order in which clicks and postbacks are read. But each waits at most once for each of its
// records, and one that ends as an orphan has waited.
func (d *differences) compareParked(x *Expected, rows []Row) {
	waited := map[string]int{}
	for _, row := range rows {
		waited[row["receipt_id"]]++
		if row["until_at"] <= row["received_at"] {
			d.add("parked: %s waits until %s, it came at %s", row["receipt_id"], row["until_at"], row["received_at"])
		}
	}
	accepted := map[string]int{}
	for _, row := range x.postbacks {
		accepted[row["receipt_id"]]++
	}
	for _, id := range slices.Sorted(maps.Keys(waited)) {
		if waited[id] > accepted[id] {
			d.add("parked: %s waited %d times and came %d times", id, waited[id], accepted[id])
		}
	}
	for _, id := range slices.Sorted(maps.Keys(x.orphans)) {
		if waited[id] != x.orphans[id] {
			d.add("parked: %s waited %d times, %d would be right: it is an orphan", id, waited[id], x.orphans[id])
		}
	}
}

// compareAnomalies holds the findings against the rows they are about: which there are depends on order, that each is there once does not.
func (d *differences) compareAnomalies(x *Expected, got tables) {
	want := map[string]int{}
	for _, row := range got.rows["clicks"] {
		for _, code := range strings.FieldsFunc(row["reason_codes"], func(r rune) bool { return r == '|' }) {
			want[row["click_id"]+"-"+code]++
		}
	}
	for _, row := range got.rows["conversions"] {
		for _, code := range strings.FieldsFunc(row["reason_codes"], func(r rune) bool { return r == '|' }) {
			if row["kind"] == "created" || row["kind"] == "rescored" && code == "DUP" {
				want[row["conversion_id"]+"-"+code]++
			}
		}
	}
	have := map[string]int{}
	for _, row := range got.rows["anomalies"] {
		if x.refused["conversion/"+row["conversion_id"]+"/1"] || row["subject"] == "click" && x.refused["click/"+row["click_id"]] {
			continue // its row is a dead letter
		}
		have[row["anomaly_id"]]++
	}
	for _, id := range slices.Sorted(maps.Keys(want)) {
		if have[id] != want[id] {
			d.add("anomalies: %d rows of %s, %d would be right", have[id], id, want[id])
		}
	}
	for _, id := range slices.Sorted(maps.Keys(have)) {
		if want[id] == 0 {
			d.add("anomalies: should not be there: %s", id)
		}
	}
}
