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
