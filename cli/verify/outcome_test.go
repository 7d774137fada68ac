package verify

import (
	"testing"

	"tributary/schemas"
	"tributary/schemas/events"
)

// A letter of a stage of one's own is no outcome of the click: that was counted. One of the joining stage is.
func TestLettersOfFailedStages(t *testing.T) {
	click, err := (&events.Click{ClickId: "c1", CostBaseMicros: 7}).MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	postback, err := (&events.Postback{ReceiptId: "r1"}).MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	letters := newTopic(schemas.TopicDeadLetters, nil, nil)
	add := func(stage, topic string, raw []byte) {
		value, err := (&events.DeadLetter{LetterId: topic + "-0-0-" + stage, Kind: events.DeadLetter_KIND_RECORD, Place: "processor",
			Reason: string(schemas.RejectStageFailed), Stage: stage, SourceTopic: topic, Raw: raw}).MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		letters.add(0, 0, value, false)
	}
	add("moody", schemas.TopicClicks, click)
	add("moody", schemas.TopicClicks, []byte("no click"))
	if letters.letterUndecodable != 0 || letters.letterClickCount != 0 || letters.letterCostMicros != 0 {
		t.Errorf(
			"a stage of one's own: %d undecodable, %d clicks of %d micros",
			letters.letterUndecodable,
			letters.letterClickCount,
			letters.letterCostMicros,
		)
	}
	add(joining, schemas.TopicClicks, click)
	add(joining, schemas.TopicPostbacks, postback)
	if letters.letterClickCount != 1 || letters.letterCostMicros != 7 || letters.letterPBCount != 1 {
		t.Errorf(
			"the joining stage: %d clicks of %d micros, %d postbacks",
			letters.letterClickCount,
			letters.letterCostMicros,
			letters.letterPBCount,
		)
	}
}

// A record that is an event, and not one that the joining stage takes, has come to its end in its letter all the same; one of another
// topic than clicks and postbacks is none that came in.
func TestLettersOfWhatIsNotTaken(t *testing.T) {
	letters, clicks, postbacks := newTopic(schemas.TopicDeadLetters, nil, nil), newTopic(schemas.TopicClicks, nil, nil), newTopic(schemas.TopicPostbacks, nil, nil)
	add := func(topic string, m interface{ MarshalVT() ([]byte, error) }, raw []byte) {
		t.Helper()
		if m != nil {
			var err error
			if raw, err = m.MarshalVT(); err != nil {
				t.Fatal(err)
			}
		}
		value, err := (&events.DeadLetter{LetterId: topic + "-0-0-join", Kind: events.DeadLetter_KIND_RECORD, Place: "processor",
			Reason: string(schemas.RejectUndecodable), Stage: joining, SourceTopic: topic, Raw: raw}).MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		letters.add(0, 0, value, false)
		switch topic {
		case schemas.TopicClicks:
			clicks.add(0, 0, raw, false)
		case schemas.TopicPostbacks:
			postbacks.add(0, 0, raw, false)
		}
	}
	add(schemas.TopicClicks, &events.Click{CostBaseMicros: 7}, nil)    // without an ID
	add(schemas.TopicPostbacks, &events.Postback{ReceiptId: "r"}, nil) // without one
	add(schemas.TopicClicks, nil, []byte("\xff"))
	add(schemas.TopicPostbacks, nil, []byte("\xff"))
	add(schemas.TopicClaims, nil, []byte("\xff"))
	if in := clicks.undecodable + postbacks.undecodable; in != 2 || letters.letterUndecodable != in {
		t.Errorf("%d records cannot be decoded, %d letters say so", in, letters.letterUndecodable)
	}
	none := newTopic("none", nil, nil)
	if bad := clicks.ids.unequal(&none.ids, &letters.letterClicks); len(bad) > 0 || clicks.costMicros != letters.letterCostMicros {
		t.Errorf("clicks in %d parts, %d micros in and %d out", len(bad), clicks.costMicros, letters.letterCostMicros)
	}
	if bad := postbacks.ids.unequal(&none.ids, &letters.letterPostbacks); len(bad) > 0 {
		t.Errorf("postbacks in %d parts", len(bad))
	}
}
