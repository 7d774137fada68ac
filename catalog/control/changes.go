package control

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/schemas/events"
)

// told returns the record that tells the history of a change; nil where the kind has none, or what ends had ended before.
// It goes into the first partition, so that the history has the order of the changes.
func (a *attempt) told(c *Change, now time.Time) (*kgo.Record, error) {
	kind := a.follow.fold.kinds[c.Kind]
	if a.cfg.Changes == "" || kind.Says == nil {
		return nil, nil
	}
	value := c.Value
	if was, there := a.follow.fold.get(c.Kind, c.ID); there && c.Delete {
		value = was.Value
	}
	m := events.ControlChange{Kind: c.Kind, Id: c.ID, Author: c.Author, Reason: c.Reason, ReceivedMs: now.UnixMilli()}
	if value != nil { // nil: what there never was ends
		m.Says, m.Ended = kind.Says(c.ID, value)
	}
	if c.Delete {
		if m.Ended {
			return nil, nil
		}
		m.Ended = true
	} else {
		m.UntilMs = millis(c.Expires)
	}
	raw, err := m.MarshalVT()
	if err != nil {
		return nil, fmt.Errorf("writing the history of %s: %w", c.Key(), err)
	}
	return &kgo.Record{Topic: a.cfg.Changes, Key: []byte(c.Key()), Value: raw}, nil
}
