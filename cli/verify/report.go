package verify

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"tributary/schemas"
)

// A Report is what the audit found. It is in order when it has no Differences.
type Report struct {
	Topics      []TopicLine
	Differences []Difference
	// Waiting is how many postbacks wait for their click.
	Waiting int
	// Notes say what could not be compared.
	Notes []string
	Took  time.Duration

	// Sums are named amounts of the inputs and outcomes, in order.
	Sums []Sum
}

// TopicLine is one topic beside its table.
type TopicLine struct {
	Topic   string
	Records int64
	// Table is empty for a topic that has none.
	Table string
	Rows  int64
}

// Sum is one amount that was found equal, or not, on its way.
type Sum struct {
	Name  string
	Value string
}

// OK tells whether everything adds up.
func (r *Report) OK() bool { return len(r.Differences) == 0 }

func (a *auditor) summarise() {
	for _, name := range a.scope.audited {
		a.report.Topics = append(a.report.Topics, TopicLine{Topic: name, Records: a.topics[name].records})
	}
	clicks, scored, ledger, letters := a.topics[schemas.TopicClicks], a.topics[schemas.TopicScoredClicks], a.topics[schemas.TopicConversions], a.topics[schemas.TopicDeadLetters]
	add := func(name, format string, args ...any) {
		a.report.Sums = append(a.report.Sums, Sum{name, fmt.Sprintf(format, args...)})
	}
	add("cost accepted", "%s, of it %s counted, %s of clicks re-sent", money(clicks.costMicros), money(scored.costMicros), money(letters.letterCostMicros))
	n := ledger.amounts
	add("conversions", "%d: %d registered, %d pending, %d approved; beside them %d rejected, %d charged back", n["conversions"], n["registered"], n["pending"], n["approved"], n["rejected"], n["chargeback"])
	add("revenue", "%s on hold, %s confirmed", money(n["revenue_hold"]), money(n["revenue_confirmed"]))
	add("ledger entries", "%d, and %d scores changed later", n["ledger entries"], ledger.records-ledger.undecodable-n["ledger entries"])
	var reasons []string
	for _, info := range schemas.RejectReasons {
		if count := letters.amounts[string(info.Reason)]; count > 0 {
			reasons = append(reasons, fmt.Sprintf("%d %s", count, info.Reason))
		}
	}
	if len(reasons) == 0 {
		reasons = []string{"none"}
	}
	add("dead letters", "%s", strings.Join(reasons, ", "))
}

func (r *Report) setRows(topic, table string, rows int64) {
	for i := range r.Topics {
		if r.Topics[i].Topic == topic {
			r.Topics[i].Table, r.Topics[i].Rows = table, rows
		}
	}
}

func (r *Report) rowsOf(table string) int64 {
	i := slices.IndexFunc(r.Topics, func(t TopicLine) bool { return t.Table == table })
	if i < 0 {
		return 0
	}
	return r.Topics[i].Rows
}

// Print writes the report for a person.
func (r *Report) Print(out io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%-20s %12s   %-14s %12s\n", "topic", "records", "table", "rows")
	for _, t := range r.Topics {
		rows := ""
		if t.Table != "" {
			rows = fmt.Sprint(t.Rows)
		}
		fmt.Fprintf(&b, "%-20s %12d   %-14s %12s\n", t.Topic, t.Records, t.Table, rows)
	}
	b.WriteString("\n")
	for _, s := range r.Sums {
		fmt.Fprintf(&b, "%-15s %s\n", s.Name, s.Value)
	}
	fmt.Fprintf(&b, "%-15s %d postbacks wait for their click\n\n", "still open", r.Waiting)
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	took := r.Took.Round(10 * time.Millisecond)
	if r.OK() {
		fmt.Fprintf(&b, "Everything adds up (%s).\n", took)
	} else {
		fmt.Fprintf(&b, "%s (%s):\n", plural(len(r.Differences), "difference"), took)
		for i, d := range r.Differences {
			fmt.Fprintf(&b, "%3d. %s\n", i+1, d)
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// money writes micros of the base currency.
func money(micros int64) string {
	sign := ""
	if micros < 0 {
		sign, micros = "-", -micros
	}
	return fmt.Sprintf("%s%d.%06d", sign, micros/1_000_000, micros%1_000_000)
}
