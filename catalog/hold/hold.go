// Package hold is what people say about destinations beside the catalog: nothing is to be sent to one, or it is to be sent to again.
//
// Place in the flow: a kind of the topic control; `tributary outbound pause` and `resume` write it, every deliverer reads it within a second.
//
// Concurrency: all is immutable. Not responsible for: what a destination is (catalog/destination), delivery (sink/outbound).
package hold

import (
	"errors"
	"fmt"

	"tributary/catalog/control"
	"tributary/schemas"
	"tributary/schemas/events"
)

// Kind of the entries; their ID is the destination's name.
const Kind = "outbound"

// A Hold is what is in force of one destination.
type Hold struct {
	// Paused says why nothing is sent to it; empty: a person has resumed it.
	Paused string
	// AtMS is when that was said, Unix milliseconds.
	AtMS int64
}

// Entries is the kind of the topic control that holds are.
func Entries() control.Kind { return control.Kind{Name: Kind, Check: check, Says: says} }

func check(id string, value []byte) error {
	var v events.OutboundHold
	if err := v.UnmarshalVT(value); err != nil {
		return fmt.Errorf("the value is no OutboundHold: %w", err)
	}
	if len(id) > schemas.MaxNameBytes {
		return errors.New("the ID is longer than a destination's name can be")
	}
	return nil
}

func says(_ string, value []byte) (text string, ended bool) {
	var v events.OutboundHold
	if err := v.UnmarshalVT(value); err != nil {
		return "", false // check has refused it
	}
	if v.Resumed {
		return "resumed", true
	}
	return "paused", false
}

// Value is an entry's.
func Value(resumed bool) []byte {
	b, err := (&events.OutboundHold{Resumed: resumed}).MarshalVT()
	if err != nil {
		panic(err) // it has no text
	}
	if b == nil {
		b = []byte{}
	}
	return b
}

// InForce are the holds of a state, by destination.
func InForce(state *control.State) map[string]Hold {
	holds := map[string]Hold{}
	for e := range state.Each(Kind) {
		var v events.OutboundHold
		if v.UnmarshalVT(e.Value) != nil {
			continue
		}
		h := Hold{AtMS: e.At.UnixMilli()}
		if !v.Resumed {
			h.Paused = "paused by " + e.Author
			if e.Reason != "" {
				h.Paused += ": " + e.Reason
			}
		}
		holds[e.ID] = h
	}
	return holds
}
