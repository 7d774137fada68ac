package join

import (
	"errors"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tributary/processor/stage"
	"tributary/schemas"
	"tributary/schemas/events"
)

// TestWhatCannotBeParkedIsNotCounted: a postback that fails while it is parked leaves no trace in the state, and none in what
// the task counts: it would take a place for ever, and make later postbacks of its click wait for it.
func TestWhatCannotBeParkedIsNotCounted(t *testing.T) {
	w := newWorld(t, vfs.NewMem())
	pb := &events.Postback{ReceiptId: "r", ClickId: strings.Repeat("x", 500<<10), Foreign: true, EventMs: w.nowMS, ReceivedMs: w.nowMS}
	if err := w.process(schemas.TopicPostbacks, pb); !errors.Is(err, stage.ErrOutputTooLarge) {
		t.Fatalf("it is parked: %v", err)
	}
	if w.task.count != 0 || len(w.task.waiting) != 0 {
		t.Errorf("%d wait, of %d clicks", w.task.count, len(w.task.waiting))
	}
}
