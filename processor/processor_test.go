package processor

import (
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"google.golang.org/protobuf/proto"

	"tributary/schemas"
	"tributary/schemas/events"
)

func TestClickPassesThrough(t *testing.T) {
	w := newWorld(t, testPartitions)
	r := w.start(w.config(), w.deps(vfs.NewMem()))
	clean, bot := w.newClick(), w.newClick()
	bot.Bot = "Googlebot"
	w.sendClick(clean)
	w.sendClick(bot)
	w.sendClick(clean)
	out := w.await("two clicks and a duplicate", func(o output) bool { return len(o.clicks) == 2 && len(o.letters) == 1 })
	r.stop()
	if err := r.p.Ready(); err == nil {
		t.Error("a stopped processor is ready")
	}
	for _, c := range out.clicks {
		if c.ClickId == clean.ClickId && !proto.Equal(c, clean) {
			t.Errorf("an unsuspicious click changed: %v", c)
		}
		if c.ClickId == bot.ClickId && (c.Score < schemas.FlagScore || len(c.Reasons) != 1 || c.UserAgent != bot.UserAgent) {
			t.Errorf("a bot's click: %v", c)
		}
	}
	if l := out.letters[0]; l.Reason != string(schemas.RejectDuplicateClick) || l.ClickId != clean.ClickId || l.Place != "processor" || l.SourceTopic != schemas.TopicClicks {
		t.Errorf("the duplicate: %v", l)
	}
	if len(out.anomalies) != 1 || out.anomalies[0].Reason.Code != schemas.SignalUABot {
		t.Errorf("anomalies: %v", out.anomalies)
	}
}

func TestJoinInBothOrders(t *testing.T) {
	w := newWorld(t, testPartitions)
	r := w.start(w.config(), w.deps(vfs.NewMem()))
	first, late := w.newClick(), w.newClick()
	w.sendClick(first)
	w.sendPostback(w.newPostback(first.ClickId, "t1", events.Status_STATUS_PENDING))
	w.sendPostback(w.newPostback(first.ClickId, "t1", events.Status_STATUS_APPROVED))
	w.sendPostback(w.newPostback(first.ClickId, "t1", events.Status_STATUS_APPROVED))
	w.sendPostback(w.newPostback(first.ClickId, "t1", events.Status_STATUS_PENDING))
	// Two postbacks before their click: they wait, and are booked in their order.
	w.sendPostback(w.newPostback(late.ClickId, "t2", events.Status_STATUS_PENDING))
	w.sendPostback(w.newPostback(late.ClickId, "t2", events.Status_STATUS_APPROVED))
	w.caughtUp(r.p.cfg.Group)
	if out := w.read(); len(out.conversions) > 2 {
		t.Errorf("booked before the click came: %s", out.summary())
	}
	w.sendClick(late)
	out := w.await("four entries and two rejects", func(o output) bool { return len(o.conversions) == 4 && len(o.letters) == 2 && len(o.clicks) == 2 })
	r.stop()
	confirmed := map[string]int64{}
	for _, c := range out.conversions {
		confirmed[c.ClickId] += c.RevenueConfirmedDeltaMicros
		if c.Match != events.Conversion_MATCH_CLICK || c.Offer != "casino" || c.Country != "DE" || len(c.Subs) != 2 {
			t.Errorf("an entry lacks its click: %v", c)
		}
	}
	if confirmed[first.ClickId] != 7_000_000 || confirmed[late.ClickId] != 7_000_000 {
		t.Errorf("confirmed revenue: %v", confirmed)
	}
	var reasons []string
	for _, l := range out.letters {
		reasons = append(reasons, l.Reason)
	}
	slices.Sort(reasons)
	if !slices.Equal(reasons, []string{string(schemas.RejectDuplicate), string(schemas.RejectStaleStatus)}) {
		t.Errorf("rejects: %v", reasons)
	}
}

func TestGraceEndsOnAQuietStream(t *testing.T) {
	w := newWorld(t, testPartitions)
	r := w.start(w.config(), w.deps(vfs.NewMem()))
	ours := w.clickID(1, 2)
	foreign := w.newPostback("other-tracker-1", "t2", events.Status_STATUS_APPROVED)
	foreign.Foreign = true
	w.sendPostback(w.newPostback(ours, "t1", events.Status_STATUS_APPROVED))
	w.sendPostback(foreign)
	w.caughtUp(r.p.cfg.Group)
	if out := w.read(); len(out.conversions)+len(out.letters) != 0 {
		t.Fatalf("decided within the grace: %s", out.summary())
	}
	w.clockMS.Add((61 * time.Second).Milliseconds())
	out := w.await("the end of the grace", func(o output) bool { return len(o.conversions) == 1 && len(o.letters) == 1 })
	if c := out.conversions[0]; c.Match != events.Conversion_MATCH_CLICK_ID || c.CampaignId != 1 || c.Campaign != "summer" || c.RevenueConfirmedDeltaMicros != 7_000_000 {
		t.Errorf("a postback without its click: %v", c)
	}
	if l := out.letters[0]; l.Reason != string(schemas.RejectOrphan) || l.LetterId != foreign.ReceiptId {
		t.Errorf("a foreign one: %v", l)
	}
	r.stop()
}

func TestTransactionIDOnTwoClicks(t *testing.T) {
	w := newWorld(t, testPartitions)
	r := w.start(w.config(), w.deps(vfs.NewMem()))
	for range 2 {
		c := w.newClick()
		w.sendClick(c)
		w.sendPostback(w.newPostback(c.ClickId, "same", events.Status_STATUS_APPROVED))
	}
	out := w.await("a rescored entry", func(o output) bool { return len(o.conversions) == 3 && len(o.anomalies) == 1 })
	r.stop()
	n := 0
	for _, c := range out.conversions {
		if c.Kind == events.Conversion_KIND_RESCORED {
			n++
			if c.Reasons[0].Code != schemas.SignalDup || c.RevenueConfirmedDeltaMicros != 0 {
				t.Errorf("%v", c)
			}
		}
	}
	if n != 1 {
		t.Errorf("%d rescored entries", n)
	}
}

func TestGarbageIsADeadLetterAndTheStreamGoesOn(t *testing.T) {
	w := newWorld(t, testPartitions)
	r := w.start(w.config(), w.deps(vfs.NewMem()))
	garbage := []byte("\xff\xff not protobuf")
	for _, topic := range []string{schemas.TopicClicks, schemas.TopicPostbacks, schemas.TopicClaims} {
		w.sendRaw(topic, "k", garbage)
		w.sendRaw(topic, "k", nil)
	}
	good := w.newClick()
	w.sendClick(good)
	out := w.await("six letters and a click", func(o output) bool { return len(o.letters) == 6 && len(o.clicks) == 1 })
	r.stop()
	for _, l := range out.letters {
		if l.Reason != string(schemas.RejectUndecodable) || l.Kind != events.DeadLetter_KIND_RECORD || l.SourceTopic == "" || l.Detail == "" {
			t.Errorf("%v", l)
		}
	}
}
