package join

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tributary/processor/stage"
	"tributary/schemas"
	"tributary/schemas/events"
)

// TestSettingsAreReadAsWritten: every field that decides, and damage is refused.
func TestSettingsAreReadAsWritten(t *testing.T) {
	want := options()
	want.Rules.WindowMS, want.MaxParked, want.Rules.Scoring.IPClicksPerMinute = 1<<40, 1<<30, 1<<31
	b := want.appendSettings(nil)
	got := Options{}
	if err := got.readSettings(b); err != nil || got != want {
		t.Errorf("%+v is read as %+v: %v", want, got, err)
	}
	for n := range b {
		if err := new(Options).readSettings(b[:n]); err == nil {
			t.Errorf("settings cut at %d of %d bytes are read", n, len(b))
		}
	}
	if err := new(Options).readSettings(append(b, 0)); err == nil {
		t.Error("settings with a byte too many are read")
	}
}

// configured has the stage decide under other options from here on.
func (w *world) configured(before, now Options) {
	w.t.Helper()
	as := func(o Options) *events.CycleSettings {
		return &events.CycleSettings{Stages: []*events.StageSettings{{Stage: "join", Value: o.appendSettings(nil)}}}
	}
	if err := w.stages.Configure(as(before), as(now)); err != nil {
		w.t.Fatal(err)
	}
}

// TestALongerWindowBringsNothingBack: a click that is beyond the horizon of a shorter window stays so under a longer
// one, whether it has been removed or not, also after a restart; and what is remembered then goes by the longer one.
func TestALongerWindowBringsNothingBack(t *testing.T) {
	for name, removed := range map[string]bool{"removed": true, "not removed": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, vfs.NewMem())
			long, short := options(), options()
			short.Rules.WindowMS, short.BookRetentionMS = 2*dayMS, 3*dayMS
			w.configured(long, short)
			old := w.click(0)
			if err := w.process(schemas.TopicClicks, old); err != nil {
				t.Fatal(err)
			}
			w.nowMS += 4 * dayMS
			if !removed { // as in a state that is built again much later, whose timer is of then
				w.ctx.CancelTimer((w.nowMS-4*dayMS)/expiryEveryMS*expiryEveryMS+expiryEveryMS, expiryTimer)
			}
			young := w.click(1)
			if err := w.process(schemas.TopicClicks, young); err != nil {
				t.Fatal(err)
			}
			w.configured(short, long)
			w.flush()
			w.reopen(w.fs)
			w.configured(long, long)
			w.nowMS += 10 * dayMS
			if e := w.convert(young); e == nil || e.Match != events.Conversion_MATCH_CLICK {
				t.Errorf("the conversion of a click within the longer window is %v", e)
			}
			if e := w.convert(old); e == nil || e.Match != events.Conversion_MATCH_CLICK_ID {
				t.Errorf("the conversion of a click that went under the shorter window is %v", e)
			}
		})
	}
}

// TestWordsOutliveLongerRetentionsOfBefore: a foreign click's conversions stay until the timer that was set under a
// longer retention, and can be read all that time.
func TestWordsOutliveLongerRetentionsOfBefore(t *testing.T) {
	w := newWorld(t, vfs.NewMem())
	foreign := func(n int) *events.Click {
		c := w.click(n)
		c.Foreign, c.ClickId = true, "foreign-"+c.ClickId
		return c
	}
	var clicks []*events.Click
	for n := range 4 {
		c := foreign(n)
		if err := w.process(schemas.TopicClicks, c); err != nil {
			t.Fatal(err)
		}
		clicks = append(clicks, c)
		if w.convert(c) == nil {
			t.Fatal("no conversion")
		}
	}
	short := options()
	short.Rules.WindowMS, short.BookRetentionMS = dayMS, dayMS
	w.configured(options(), short)
	for range 10 {
		w.nowMS += dayMS
		if err := w.process(schemas.TopicClicks, w.click(9)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range clicks {
		pb := &events.Postback{ReceiptId: "later", ClickId: c.ClickId, Foreign: true, Network: "other", Event: "sale",
			Status: events.Status_STATUS_APPROVED, Txid: "t", EventMs: c.EventMs, ReceivedMs: w.nowMS}
		if err := w.process(schemas.TopicPostbacks, pb); err != nil {
			t.Error(err)
		}
	}
}

var _ stage.Configurable = (*task)(nil)
