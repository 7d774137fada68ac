package protocol

import (
	"encoding/json"
	"errors"
	"fmt"

	"tributary/schemas/events"
)

// readJSON reads an answer's body into said.
func readJSON(answer *Answer, said any) error {
	if answer.Cut {
		return fmt.Errorf("the answer has more than %d bytes", MaxAnswerBytes)
	}
	if err := json.Unmarshal(answer.Body, said); err != nil {
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) {
			return fmt.Errorf("the answer's %s is no %s", kind.Field, kind.Type)
		}
		return errors.New("the answer is no JSON")
	}
	return nil
}

// unread is the verdict of a success that cannot be read: who answers is not the platform, or it has changed. A later try, which has the
// same IDs, does no harm.
func unread(reqs []*events.OutboundRequest, answer *Answer, err error) []Verdict {
	return all(len(reqs), Verdict{Outcome: Again, Reason: fmt.Sprintf("status %d, but %v: %s", answer.Status, err, beginning(answer))})
}

// wholeCall is the verdict of a call that failed as one, by its status, with what the platform said: what would be final is tried in
// smaller batches first, as the one of the requests that is wrong fails the others.
func wholeCall(reqs []*events.OutboundRequest, answer *Answer, said string) []Verdict {
	v := byStatus(answer)
	if said == "" {
		said = beginning(answer)
	}
	if said != "" {
		v.Reason += ": " + said
	}
	if v.Outcome == Refused && answer.Status/100 == 4 && answer.Status != 404 && answer.Status != 405 {
		return poisoned(len(reqs), v.Reason)
	}
	return all(len(reqs), v)
}

// rowed gives each request the verdict of its row.
type rowed []Verdict

// set says what became of row i, if there is such a row; the first word counts.
func (r rowed) set(i int, v Verdict) bool {
	if i < 0 || i >= len(r) {
		return false
	}
	if r[i].Outcome == 0 {
		v.Reason = short(v.Reason)
		r[i] = v
	}
	return true
}

// fill gives the rows of which nothing was said v.
func (r rowed) fill(v Verdict) []Verdict {
	for i := range r {
		r.set(i, v)
	}
	return r
}
