package join

import (
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tributary/schemas"
	"tributary/schemas/events"
)

// refusals are the reasons of the dead letters among what the stage emitted, each of which must have the input's own
// name.
func (w *world) refusals() (reasons []string) {
	w.t.Helper()
	for _, o := range w.stages.TakeOutputs(nil) {
		if o.Topic != schemas.TopicDeadLetters {
			reasons = append(reasons, o.Topic)
			continue
		}
		letter := &events.DeadLetter{}
		if err := letter.UnmarshalVT(o.Value); err != nil {
			w.t.Fatal(err)
		}
		if letter.LetterId == "" || letter.Detail == "" || letter.ClickId == "" || letter.Place != "processor" {
			w.t.Errorf("nobody finds %v", letter)
		}
		reasons = append(reasons, letter.Reason)
	}
	return reasons
}

// TestProcessorHoldsTheMoneyBound: what is produced past the edge is refused with a row, and the bound of a network is
// kept over a restart, for it is in the postback and what was made in the state.
func TestProcessorHoldsTheMoneyBound(t *testing.T) {
	w := newWorld(t, vfs.NewMem())
	rich := w.click(1)
	rich.OfferPayoutMicros = 5_000_000_000 * schemas.Micros
	if err := w.process(schemas.TopicClicks, rich); err != nil {
		t.Fatal(err)
	}
	if got := w.refusals(); !slices.Equal(got, []string{"amount_out_of_range"}) {
		t.Fatalf("a click whose offer pays five billion: %v", got)
	}
	c := w.click(2)
	if err := w.process(schemas.TopicClicks, c); err != nil {
		t.Fatal(err)
	}
	w.stages.DropOutputs()
	for i, step := range []struct {
		txid   string
		micros int64
		most   uint32
		want   string
	}{
		{"a", 5_000_000_000 * schemas.Micros, 2, "amount_out_of_range"},
		{"a", 5, 2, schemas.TopicConversions},
		{"b", 5, 2, schemas.TopicConversions},
		{"c", 5, 2, "too_many_conversions"},
		{"b", -5_000_000_000 * schemas.Micros, 2, "amount_out_of_range"},
		{"c", 5, 2, "too_many_conversions"},
		{"c", 5, 3, schemas.TopicConversions},
	} {
		if i == 3 {
			w.flush()
			w.reopen(w.fs)
		}
		pb := &events.Postback{ReceiptId: string(rune('A' + i)), ClickId: c.ClickId, Network: "acme", Event: "sale", Status: events.Status_STATUS_APPROVED, Txid: step.txid,
			HasPayout: true, PayoutMicros: step.micros, PayoutBaseMicros: step.micros, Currency: "USD", EventMs: c.EventMs + 60_000, ReceivedMs: w.nowMS, MaxConversions: step.most}
		if err := w.process(schemas.TopicPostbacks, pb); err != nil {
			t.Fatal(err)
		}
		if got := w.refusals(); len(got) == 0 || got[0] != step.want {
			t.Errorf("step %d: %v, want %s", i, got, step.want)
		}
	}
}
