package outbound

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tributary/catalog"
	"tributary/catalog/destination"
	"tributary/processor/stage"
	"tributary/processor/state"
	"tributary/schemas"
	"tributary/schemas/events"
)

const (
	noonMS = int64(1_795_000_000_000)
	keptMS = 120 * 24 * hourMS
)

// world is one partition of the stage, a clock, and a catalog.
type world struct {
	t      testing.TB
	stage  *Stage
	store  *state.Store
	view   *state.Partition
	stages *stage.Partition
	nowMS  int64
	offset int64
	// before are the settings that decided last.
	before *events.CycleSettings
}

func newWorld(t testing.TB, list ...destination.Config) *world {
	t.Helper()
	store, err := state.Open(state.Options{Dir: "s", FS: vfs.NewMem(), CacheBytes: 1 << 20, MemtableBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	w := &world{t: t, stage: New(nil), store: store, nowMS: noonMS}
	w.declare(list...)
	w.open()
	return w
}

// declare has the stage decide by these destinations from the next record on.
func (w *world) declare(list ...destination.Config) {
	w.t.Helper()
	c, err := catalog.Build(catalog.Config{
		BaseCurrency: "USD", ClickIDKeys: catalog.KeysConfig{Active: 1, Keys: map[int]catalog.Secret{1: "0123456789abcdef0123456789abcdef"}},
		Sources:       []catalog.SourceConfig{{ID: 1, Name: "push"}, {ID: 2, Name: "native"}},
		Offers:        []catalog.OfferConfig{{ID: 1, Name: "tea", URL: "https://offer.example/"}},
		Campaigns:     []catalog.CampaignConfig{{ID: 1, Name: "summer", Offers: []string{"tea"}}, {ID: 2, Name: "winter", Offers: []string{"tea"}}},
		Networks:      []catalog.NetworkConfig{{Name: "acme"}},
		ExchangeRates: []catalog.RateConfig{{Currency: "EUR", Date: "2026-01-01", Rate: "1.25"}, {Currency: "EUR", Date: "2027-01-01", Rate: "2"}},
		Destinations:  list,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.stage.Declare(c, keptMS, time.UnixMilli(w.nowMS)); err != nil {
		w.t.Fatal(err)
	}
	if w.stages != nil {
		w.configure(w.stages.Offered(w.before))
	}
}

func (w *world) configure(now *events.CycleSettings) {
	w.t.Helper()
	if err := w.stages.Configure(w.before, now); err != nil {
		w.t.Fatal(err)
	}
	w.before = now
}

// open is a start of the processor on the state that there is.
func (w *world) open() {
	w.t.Helper()
	w.view = w.store.Partition(0)
	was := int64(0)
	if w.stages != nil {
		was = w.stages.WatermarkMS()
	}
	w.stages = stage.NewPartition(0, w.view, []stage.Stage{w.stage})
	if err := w.stages.Open(was, w.nowMS); err != nil {
		w.t.Fatal(err)
	}
	w.configure(w.stages.Offered(nil))
}

func (w *world) restart() {
	w.t.Helper()
	if err := w.view.Flush(); err != nil {
		w.t.Fatal(err)
	}
	w.stages.Close()
	w.open()
}

// at moves the clock and the stream.
func (w *world) at(ms int64) {
	w.t.Helper()
	w.nowMS = ms
	w.stages.SetNow(ms)
	if err := w.stages.Advance(ms, func(f stage.Failure) { w.t.Error(f.Err) }); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) process(topic string, m interface{ MarshalVT() ([]byte, error) }) {
	w.t.Helper()
	value, err := m.MarshalVT()
	if err != nil {
		w.t.Fatal(err)
	}
	w.sendTo(topic, value)
}

// send gives a record of scored.conversions to the stage.
func (w *world) send(value []byte) { w.t.Helper(); w.sendTo(schemas.TopicConversions, value) }

func (w *world) sendTo(topic string, value []byte) {
	w.t.Helper()
	w.offset++
	w.stages.SetNow(w.nowMS)
	rec := &stage.Record{Topic: topic, Offset: w.offset, Value: value, TimestampMS: w.nowMS}
	if err := w.stages.Process(rec, func(f stage.Failure) { w.t.Error(f.Err) }); err != nil {
		w.t.Fatal(err)
	}
}

// requests are those that were decided since the last call.
func (w *world) requests() (list []*events.OutboundRequest) {
	w.t.Helper()
	for _, o := range w.stages.TakeOutputs(nil) {
		r := &events.OutboundRequest{}
		if err := r.UnmarshalVT(o.Value); err != nil || o.Topic != schemas.TopicOutboundRequests || string(o.Key) != r.Destination {
			w.t.Fatalf("an output of %s under %q: %v", o.Topic, o.Key, err)
		}
		list = append(list, r)
	}
	return list
}

// say writes requests in short: destination, what, event, amount, the reason where it is skipped.
func say(list []*events.OutboundRequest) string {
	var lines []string
	for _, r := range list {
		line := fmt.Sprintf("%s %s %s", r.Destination, destination.ToldWord(r.Told), r.Event)
		if r.HasAmount {
			line += fmt.Sprintf(" %s%s", r.Values["payout"], r.Currency)
		}
		if r.Skip != "" {
			line += " " + r.Skip
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "; ")
}

// ledger makes the entries of one conversion.
type ledger struct {
	w    *world
	last events.Conversion
	seq  uint32
}

func (w *world) conversion(n int) *ledger {
	return &ledger{w: w, last: events.Conversion{
		ConversionId: fmt.Sprintf("%032x", n), Kind: events.Conversion_KIND_CREATED, ReceiptId: "r1", ClickId: fmt.Sprintf("click-%d", n),
		Network: "acme", Event: "sale", Status: events.Status_STATUS_APPROVED, PayoutMicros: 10 * schemas.Micros, Currency: "USD",
		PayoutBaseMicros: 10 * schemas.Micros, PayoutSource: events.Conversion_PAYOUT_SOURCE_POSTBACK,
		EventMs: w.nowMS, ReceivedMs: w.nowMS, ClickMs: w.nowMS - hourMS, Match: events.Conversion_MATCH_CLICK,
		CampaignId: 1, Campaign: "summer", SourceId: 1, Source: "push", OfferId: 1, Offer: "tea", Country: "DE", ExternalId: "ext",
		Subs: []string{"one", "two"},
	}}
}

// entry sends the next entry after a change to the last one.
func (l *ledger) entry(kind events.Conversion_Kind, change func(e *events.Conversion)) string {
	l.w.t.Helper()
	return say(l.send(kind, change))
}

func (l *ledger) send(kind events.Conversion_Kind, change func(e *events.Conversion)) []*events.OutboundRequest {
	l.w.t.Helper()
	e := &l.last
	e.Kind, e.DecidedMs = kind, l.w.nowMS
	if kind != events.Conversion_KIND_RESCORED {
		l.seq++
	}
	e.PreviousStatus, e.Seq = e.Status, l.seq
	if kind == events.Conversion_KIND_RESCORED {
		e.Seq = 0
	}
	if change != nil {
		change(e)
	}
	l.w.process(schemas.TopicConversions, e)
	return l.w.requests()
}

func (l *ledger) created(change func(e *events.Conversion)) string {
	l.w.t.Helper()
	return l.entry(events.Conversion_KIND_CREATED, change)
}

func (l *ledger) status(s events.Status) string {
	l.w.t.Helper()
	return l.entry(events.Conversion_KIND_STATUS, func(e *events.Conversion) { e.Status = s })
}

func (l *ledger) payout(micros int64) string {
	l.w.t.Helper()
	return l.entry(events.Conversion_KIND_PAYOUT, func(e *events.Conversion) { e.PayoutMicros, e.PayoutBaseMicros = micros, micros })
}

func (l *ledger) rescored(score uint32) string {
	l.w.t.Helper()
	return l.entry(events.Conversion_KIND_RESCORED, func(e *events.Conversion) { e.Score = score })
}
