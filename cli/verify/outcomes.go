package verify

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tributary/schemas"
	"tributary/schemas/events"
)

// maxSuspects bounds the second reading: IDs held at once while looking for the offending ones.
const maxSuspects = 500_000

// timerSlack is how much later than its grace a waiting postback may be decided.
const timerSlack = 10 * time.Second

// compareOutcomes holds what came in against what became of it.
func (a *auditor) compareOutcomes(ctx context.Context) error {
	clicks, scored := a.topics[schemas.TopicClicks], a.topics[schemas.TopicScoredClicks]
	postbacks, ledger := a.topics[schemas.TopicPostbacks], a.topics[schemas.TopicConversions]
	letters := a.topics[schemas.TopicDeadLetters]
	a.summarise()
	for _, t := range a.topics {
		if t.undecodable > 0 && t.name != schemas.TopicClicks && t.name != schemas.TopicPostbacks {
			a.differ("topic "+t.name, fmt.Sprintf("%d records are not the event they should be", t.undecodable))
		}
	}
	if in, out := clicks.undecodable+postbacks.undecodable, letters.letterUndecodable; in != out && !a.shortened() {
		a.differ("topics clicks and postbacks", fmt.Sprintf("%d records cannot be decoded, but %d dead letters say so", in, out))
	}
	if a.shortened() {
		// Retention has removed a part of one side: what is left cannot be held against the other.
		a.report.Notes = append(a.report.Notes, "a topic's retention has removed records: inputs and outcomes are compared from what is left only where both are whole, so not in this run")
		return nil
	}
	if bad := clicks.ids.unequal(&scored.ids, &letters.letterClicks); len(bad) > 0 {
		if err := a.nameClicks(ctx, bad); err != nil {
			return err
		}
	}
	if in, out := clicks.costMicros, scored.costMicros+letters.letterCostMicros; in != out {
		a.differ("topics clicks and scored.clicks", fmt.Sprintf("cost: %s came in, %s came out, %s of it in dead letters", money(in), money(out), money(letters.letterCostMicros)))
	}
	if bad := postbacks.ids.unequal(&ledger.ids, &letters.letterPostbacks); len(bad) > 0 {
		return a.namePostbacks(ctx, bad)
	}
	return nil
}

// wholly are the topics of which inputs are held against outcomes.
var wholly = []string{schemas.TopicClicks, schemas.TopicPostbacks, schemas.TopicScoredClicks, schemas.TopicConversions, schemas.TopicDeadLetters}

// shortened tells whether one of them no longer begins at its beginning.
func (a *auditor) shortened() bool {
	for _, t := range a.topics {
		for _, e := range t.extents {
			if e.start > 0 && slices.Contains(wholly, t.name) {
				return true
			}
		}
	}
	return false
}

// suspect is how often an ID was seen on each side.
type suspect struct {
	in, out    int
	receivedMS int64
	network    string
}

// suspects reads topics again and collects the IDs of the parts that differ.
func (a *auditor) suspects(ctx context.Context, names []string, take func(name string, r row, s func(id string) *suspect)) (map[string]*suspect, error) {
	found := map[string]*suspect{}
	for _, name := range names {
		t := a.topics[name]
		for partition, e := range t.extents {
			a.options.Progress(Progress{What: fmt.Sprintf("topic %s, partition %d again, for the offending IDs", name, partition)})
			err := a.log.scan(ctx, name, partition, e.start, e.end, func(offset int64, value []byte) error {
				if a.refused.replayed(name, partition, offset) {
					return nil
				}
				r, err := decode(name, t.table, offset, value)
				if err != nil {
					return nil // counted at the first reading
				}
				take(name, r, func(id string) *suspect {
					s := found[id]
					if s == nil {
						s = &suspect{}
						if len(found) < maxSuspects {
							found[id] = s
						}
					}
					return s
				})
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

func (a *auditor) nameClicks(ctx context.Context, bad map[int]bool) error {
	found, err := a.suspects(ctx, []string{schemas.TopicClicks, schemas.TopicScoredClicks, schemas.TopicDeadLetters}, func(name string, r row, s func(string) *suspect) {
		switch {
		case r.letter != nil:
			if r.letter.Place == "processor" && r.letter.Kind == events.DeadLetter_KIND_CLICK && bad[bucketOfID(r.letter.ClickId)] {
				s(r.letter.ClickId).out++
			}
		case !bad[bucketOfID(r.id)]:
		case name == schemas.TopicClicks:
			s(r.id).in++
		default:
			s(r.id).out++
		}
	})
	if err != nil {
		return err
	}
	var lost, doubled []string
	for _, id := range slices.Sorted(maps.Keys(found)) {
		switch s := found[id]; {
		case s.in > s.out:
			lost = append(lost, id)
		case s.in < s.out:
			doubled = append(doubled, id)
		}
	}
	if len(lost) > 0 {
		a.differ("topics clicks and scored.clicks", plural(len(lost), "click ID")+" came in more often than they came out: clicks are lost", lost...)
	}
	if len(doubled) > 0 {
		a.differ("topics clicks and scored.clicks", plural(len(doubled), "click ID")+" came out more often than they came in: clicks are counted twice", doubled...)
	}
	return nil
}

func (a *auditor) namePostbacks(ctx context.Context, bad map[int]bool) error {
	found, err := a.suspects(ctx, []string{schemas.TopicPostbacks, schemas.TopicConversions, schemas.TopicDeadLetters}, func(_ string, r row, s func(string) *suspect) {
		if !bad[bucketOfID(r.id)] {
			return
		}
		switch {
		case r.postback != nil:
			one := s(r.id)
			one.in++
			one.receivedMS, one.network = r.postback.ReceivedMs, r.postback.Network
		case r.conversion != nil && r.conversion.Kind != events.Conversion_KIND_RESCORED,
			r.letter != nil && r.letter.Place == "processor" && r.letter.Kind == events.DeadLetter_KIND_POSTBACK:
			s(r.id).out++
		}
	})
	if err != nil {
		return err
	}
	var lost, doubled, invented []string
	waiting := 0
	// Grace runs from the record's time; allow the timer some seconds.
	young := a.now().Add(-a.options.Grace - timerSlack).UnixMilli()
	for _, id := range slices.Sorted(maps.Keys(found)) {
		switch s := found[id]; {
		case s.in == s.out:
		case s.in == 0:
			invented = append(invented, id)
		case s.in > s.out && s.receivedMS > young:
			waiting += s.in - s.out
		case s.in > s.out:
			lost = append(lost, id)
		default:
			doubled = append(doubled, id)
		}
	}
	a.report.Waiting = waiting
	where := "topic postbacks"
	if len(lost) > 0 {
		a.differ(where, fmt.Sprintf("%s are neither in the ledger nor in a dead letter, and no longer wait", plural(len(lost), "receipt")), lost...)
	}
	if len(doubled) > 0 {
		a.differ(where, fmt.Sprintf("%s have more than one outcome", plural(len(doubled), "receipt")), doubled...)
	}
	if len(invented) > 0 {
		a.differ("topics scored.conversions and dead-letters", fmt.Sprintf("%s that belong to no postback", plural(len(invented), "receipt")), invented...)
	}
	if len(found) >= maxSuspects {
		a.report.Notes = append(a.report.Notes, fmt.Sprintf("more than %d receipts differ; only these were looked at", maxSuspects))
	}
	return nil
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	if strings.HasSuffix(what, "y") {
		return fmt.Sprintf("%d %sies", n, what[:len(what)-1])
	}
	return fmt.Sprintf("%d %ss", n, what)
}
