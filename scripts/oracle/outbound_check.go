package oracle

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tributary/schemas/events"
)

// history is what became of one request: its rows, and its arrivals at the receiver.
type history struct {
	request  *events.OutboundRequest
	rows     []*events.OutboundAttempt
	arrivals []arrival
}

func (h *history) final() *events.OutboundAttempt {
	for _, a := range h.rows {
		if a.Final {
			return a
		}
	}
	return nil
}

func (h *history) heard(said string) bool {
	return slices.ContainsFunc(h.arrivals, func(a arrival) bool { return a.said == said })
}

// compareOutbound holds what receivers got against what was asked, naively: it knows the requests, what each receiver wrote down, and the rows.
func (w *World) compareOutbound(asked map[string]*events.OutboundRequest, rows map[string][]*events.OutboundAttempt) (differences []string) {
	say := func(format string, args ...any) { differences = append(differences, fmt.Sprintf(format, args...)) }
	// Bytes on their way take as long as the slowest link holds them back.
	slack := 2 * time.Second
	for _, f := range w.scenario.Faults {
		if f.Kind == faultFreeze {
			slack += f.For
		}
	}
	of := map[string]*history{}
	for id, req := range asked {
		of[id] = &history{request: req, rows: rows[id]}
	}
	for _, name := range slices.Sorted(maps.Keys(w.receivers)) {
		for _, a := range w.receivers[name].arrivals {
			h := of[a.id]
			switch {
			case h == nil:
				say("%s was told %q, which nobody asked for", name, a.id)
				continue
			case h.request.Destination != name:
				say("%s was told %s, which is for %s", name, a.id, h.request.Destination)
			case a.at.UnixMilli() < h.request.DueMs:
				say("%s was told %s %s before it was due", name, a.id, time.UnixMilli(h.request.DueMs).Sub(a.at))
			case a.at.After(time.UnixMilli(h.request.ExpiresMs).Add(slack)):
				say("%s was told %s %s after its window", name, a.id, a.at.Sub(time.UnixMilli(h.request.ExpiresMs)))
			}
			if len(h.arrivals) > 0 && h.arrivals[0].text != a.text {
				say("%s was told %s as %q and then as %q", name, a.id, h.arrivals[0].text, a.text)
			}
			h.arrivals = append(h.arrivals, a)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(of)) {
		for _, difference := range w.judge(of, of[id]) {
			say("%s: %s", id, difference)
		}
	}
	return differences
}

// judge says what is wrong with one request's history.
func (w *World) judge(of map[string]*history, h *history) (differences []string) {
	say := func(format string, args ...any) { differences = append(differences, fmt.Sprintf(format, args...)) }
	final := h.final()
	if final == nil {
		say("it has no final attempt")
		return differences
	}
	poisoned := strings.Contains(h.request.ConversionId, poisonNote)
	switch final.Outcome {
	case "delivered":
		// The second of two answers is taken for that of the next call on its connection (docs/gotchas.md).
		if !h.heard("yes") && !w.answersTwice(h.request.Destination) {
			say("it is delivered, and %s never said so", h.request.Destination)
		}
	case "refused":
		if !h.heard("no") || !poisoned {
			say("it is refused, and %s never refused it: %s", h.request.Destination, final.Reason)
		}
	case "expired":
		// A minute before the end there is a last try.
		if early := h.request.ExpiresMs - final.ReceivedMs; early > (2 * time.Minute).Milliseconds() {
			say("it expired %d ms early", early)
		}
		if w.couldBeTold(h) {
			say("it expired although %s was well and nothing else was wrong for long enough: %s", h.request.Destination, final.Reason)
		}
	case "skipped":
		first := of[h.request.FirstRequestId]
		if h.request.Seq == 1 || first == nil || first.heard("yes") || first.final().Outcome == "delivered" {
			say("it is skipped, and what it changes was told: %s", final.Reason)
		}
	default:
		say("it ended as %s", final.Outcome)
	}
	// What was to be tried again later was not tried before. A zombie's try has a number of its own.
	byTry := slices.Clone(h.rows)
	slices.SortStableFunc(byTry, func(a, b *events.OutboundAttempt) int { return int(a.ReceivedMs - b.ReceivedMs) })
	for i := 1; i < len(byTry); i++ {
		before, next := byTry[i-1], byTry[i]
		if w.scenario.has(faultFreeze) || before.Outcome != "again" || next.Batch == 0 || next.Try != before.Try+1 {
			continue
		}
		if began := next.ReceivedMs - int64(next.TookMs); began < before.NextDueMs {
			say("try %d began %d ms before it was due", next.Try, before.NextDueMs-began)
		}
	}
	// Order: nothing is told of a conversion before what was decided earlier is over.
	if h.request.Seq > 1 && len(h.arrivals) > 0 {
		before := of[fmt.Sprintf("%s-%d", h.request.ConversionId, h.request.Seq-1)]
		if before != nil && before.final() != nil {
			if len(before.arrivals) > 0 && h.arrivals[0].at.Before(before.arrivals[0].at) {
				say("it came before %s", before.request.RequestId)
			}
			if h.arrivals[0].at.UnixMilli() < before.final().ReceivedMs {
				say("it came before %s was over", before.request.RequestId)
			}
		}
	}
	return differences
}

// answersTwice tells of a receiver that does, at some time of the run.
func (w *World) answersTwice(name string) bool {
	return slices.ContainsFunc(w.scenario.Faults, func(f Fault) bool { return f.Target == name+"/"+illTwice })
}

// has tells whether a kind of fault strikes.
func (s *Scenario) has(kind string) bool {
	return slices.ContainsFunc(s.Faults, func(f Fault) bool { return f.Kind == kind })
}

// couldBeTold tells of a request with a short window whether it should have been told within it: nothing befell anybody from well before it was
// decided to its end.
func (w *World) couldBeTold(h *history) bool {
	from, to := time.UnixMilli(h.request.DecidedMs).Add(-5*time.Minute), time.UnixMilli(h.request.ExpiresMs)
	if h.request.ExpiresMs-h.request.DueMs < (30 * time.Second).Milliseconds() {
		return false
	}
	if h.request.Seq > 1 {
		return false
	}
	for _, f := range w.scenario.Faults {
		at := w.began.Add(f.At)
		if at.Before(to) && at.Add(f.For).After(from) {
			return false
		}
	}
	for _, r := range w.scenario.Receivers {
		if r.PerSecond > 0 {
			return false
		}
	}
	return true
}
