package processor

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tributary/schemas"
	"tributary/schemas/events"
)

// TestABacklogIsReadInOrder: a processor that comes late finds many clicks and few postbacks. The postbacks must not run ahead
// of their clicks into the parking lot, which is small.
func TestABacklogIsReadInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	cfg := w.config()
	cfg.MaxParked = 20
	cfg.MaxCycleRecords = 100
	const clicks, every = 4000, 10
	var chosen []*events.Click
	for i := range clicks {
		c := w.newClick()
		w.sendClick(c)
		if i%every == 0 {
			chosen = append(chosen, c)
			w.sendPostback(w.newPostback(c.ClickId, fmt.Sprint(i), events.Status_STATUS_APPROVED))
		}
		w.clockMS.Add(100)
	}
	r := w.start(cfg, w.deps(vfs.NewMem()))
	w.caughtUp(cfg.Group)
	out := w.await("every conversion", func(o output) bool { return len(o.conversions)+len(o.letters) >= len(chosen) })
	for _, l := range out.letters {
		if l.Reason == string(schemas.RejectParkingFull) {
			t.Fatalf("a postback whose click lay in Kafka was rejected: %s", l.Detail)
		}
	}
	if len(out.conversions) != len(chosen) {
		t.Errorf("%d conversions of %d postbacks", len(out.conversions), len(chosen))
	}
	r.stop()
}
