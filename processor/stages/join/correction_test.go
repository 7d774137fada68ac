package join

import (
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tributary/schemas"
	"tributary/schemas/events"
)

// say sends a postback of transaction t that names a payout, and answers the topics of what comes of it, and the ledger entry.
func (w *world) say(c *events.Click, receipt string, micros int64) (topics []string, entry *events.Conversion) {
	w.t.Helper()
	w.nowMS++
	w.stages.DropOutputs()
	pb := &events.Postback{ReceiptId: receipt, ClickId: c.ClickId, Network: "shopline", Event: "sale", Status: events.Status_STATUS_APPROVED, Txid: "t",
		HasPayout: true, PayoutMicros: micros, Currency: "USD", PayoutBaseMicros: micros, EventMs: c.EventMs + 60_000, ReceivedMs: w.nowMS}
	if err := w.process(schemas.TopicPostbacks, pb); err != nil {
		w.t.Fatal(err)
	}
	for _, o := range w.stages.TakeOutputs(nil) {
		topics = append(topics, o.Topic)
		if o.Topic == schemas.TopicConversions {
			entry = &events.Conversion{}
			if err := entry.UnmarshalVT(o.Value); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	return topics, entry
}

// TestCorrection: a correction waits for its click as any new item does, whatever conversion there is already, and claims no transaction.
func TestCorrection(t *testing.T) {
	w := newWorld(t, vfs.NewMem())
	c := w.click(1)
	if err := w.process(schemas.TopicClicks, c); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		receipt string
		micros  int64
		topics  []string
		kind    events.Conversion_Kind
	}{
		{"a", -5, []string{schemas.TopicConversions}, events.Conversion_KIND_CORRECTION},
		{"b", 5, []string{schemas.TopicConversions, schemas.TopicClaims}, events.Conversion_KIND_CREATED},
		{"c", -7, []string{schemas.TopicConversions}, events.Conversion_KIND_PAYOUT},
		{"d", -7, []string{schemas.TopicDeadLetters}, 0},
	} {
		topics, e := w.say(c, step.receipt, step.micros)
		if !slices.Equal(topics, step.topics) || e.GetKind() != step.kind || e != nil && e.Campaign != c.Campaign {
			t.Errorf("%s %d: %v %v", step.receipt, step.micros, topics, e)
		}
	}

	lost := w.click(2)
	if topics, _ := w.say(lost, "e", 5); !slices.Equal(topics, []string{schemas.TopicParked}) {
		t.Fatalf("before its click: %v", topics)
	}
	w.nowMS += options().GraceMS + 1
	w.stages.DropOutputs()
	if err := w.process(schemas.TopicClicks, w.click(3)); err != nil {
		t.Fatal(err)
	}
	if topics, e := w.say(lost, "f", 6); e.GetKind() != events.Conversion_KIND_PAYOUT {
		t.Fatalf("the conversion without its click is not booked: %v", topics)
	}
	if topics, _ := w.say(lost, "g", -5); !slices.Equal(topics, []string{schemas.TopicParked}) {
		t.Errorf("a correction before its click: %v", topics)
	}
}
