package join

import (
	"errors"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tributary/attributor"
	"tributary/processor/stage"
	"tributary/processor/state"
	"tributary/schemas"
	"tributary/schemas/events"
	"tributary/schemas/id"
)

const (
	hourMS = 60 * 60 * 1000
	dayMS  = 24 * hourMS
)

// world is one partition of the stage over a state in memory, a clock, and what makes clicks.
type world struct {
	t      testing.TB
	fs     vfs.FS
	store  *state.Store
	view   *state.Partition
	stages *stage.Partition
	fail   *bool // the next call of the task does its work and then fails
	task   *task
	ctx    *stage.Context
	nowMS  int64
	offset int64
	ring   *id.Keyring
	minter *id.Minter
}

func options() Options {
	return Options{Rules: attributor.Rules{WindowMS: 30 * dayMS, Scoring: attributor.DefaultScoring()}, GraceMS: 15 * 60 * 1000, BookRetentionMS: 120 * dayMS, MaxParked: 1000}
}

func newWorld(t testing.TB, fs vfs.FS) *world {
	t.Helper()
	ring, err := id.NewKeyring(1, map[uint8][]byte{1: []byte("0123456789abcdef")})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, fs: fs, nowMS: 1_795_000_000_000, ring: ring, minter: id.NewMinter(), fail: new(bool)}
	w.open()
	t.Cleanup(func() { w.store.Close() })
	return w
}

func (w *world) open() {
	w.t.Helper()
	var err error
	if w.store, err = state.Open(state.Options{Dir: "state", FS: w.fs, CacheBytes: 1 << 20, MemtableBytes: 1 << 20}); err != nil {
		w.t.Fatal(err)
	}
	w.view = w.store.Partition(1)
	w.stages = stage.NewPartition(1, w.view, []stage.Stage{&unsteady{New(options()), w}})
	if err := w.stages.Open(0, w.nowMS); err != nil {
		w.t.Fatal(err)
	}
}

// reopen is a restart after a clean end, or on what a crash left.
func (w *world) reopen(fs vfs.FS) {
	w.t.Helper()
	if err := w.store.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.fs = fs
	w.open()
}

// unsteady is the stage, with calls that fail when they are told to.
type unsteady struct {
	*Stage
	w *world
}

func (u *unsteady) Task(partition int32) stage.Task {
	u.w.task = u.Stage.Task(partition).(*task)
	return &unsteadyTask{u.w.task, u.w}
}

type unsteadyTask struct {
	*task
	w *world
}

func (u *unsteadyTask) Open(ctx *stage.Context) error {
	u.w.ctx = ctx
	return u.task.Open(ctx)
}

var errMade = errors.New("made by the test")

func (u *unsteadyTask) Process(ctx *stage.Context, rec *stage.Record) error {
	err := u.task.Process(ctx, rec)
	if *u.w.fail {
		*u.w.fail = false
		return errors.Join(err, errMade)
	}
	return err
}

// click answers a click as most are; number makes it differ from its neighbours.
func (w *world) click(number int) *events.Click {
	w.nowMS++
	return &events.Click{ClickId: w.minter.Click(w.ring, w.nowMS, 7, 3).String(), EventMs: w.nowMS, ReceivedMs: w.nowMS, CampaignId: 7, Campaign: "de-reels-push",
		SourceId: 3, Source: "popwave", OfferId: 2, Offer: "slim-tea", Subs: []string{fmt.Sprintf("zone%d", number%40), "", "ad1"}, ExternalId: fmt.Sprintf("%016x", uint64(number+1)*0x9e3779b97f4a7c15),
		OfferPayoutMicros: 18_400_000, OfferCurrency: "USD", OfferPayoutBaseMicros: 18_400_000, Country: "DE", Device: "mobile", Os: "Android", Browser: "Chrome", IpClicksPerMinute: 1}
}

func (w *world) process(topic string, m stage.Message) error {
	w.t.Helper()
	value := make([]byte, m.SizeVT())
	if _, err := m.MarshalToSizedBufferVT(value); err != nil {
		w.t.Fatal(err)
	}
	w.offset++
	w.stages.SetNow(w.nowMS)
	var failure error
	failed := func(f stage.Failure) { failure = errors.Join(failure, f.Err) }
	if err := w.stages.Advance(w.nowMS, failed); err != nil {
		w.t.Fatal(err)
	}
	if err := w.stages.Process(&stage.Record{Topic: topic, Offset: w.offset, TimestampMS: w.nowMS, Value: value}, failed); err != nil {
		w.t.Fatal(err)
	}
	return failure
}

func (w *world) flush() {
	w.t.Helper()
	if err := w.view.Flush(); err != nil {
		w.t.Fatal(err)
	}
}

// convert sends a postback for a click and answers the ledger entry, nil when there is none.
func (w *world) convert(c *events.Click) *events.Conversion {
	w.t.Helper()
	w.nowMS++
	w.stages.DropOutputs()
	pb := &events.Postback{ReceiptId: fmt.Sprint("r", w.offset), ClickId: c.ClickId, Foreign: c.Foreign, Network: "shopline", Event: "sale", Status: events.Status_STATUS_APPROVED,
		Txid: fmt.Sprint("t", w.offset), EventMs: c.EventMs + 60_000, ReceivedMs: w.nowMS}
	if err := w.process(schemas.TopicPostbacks, pb); err != nil {
		w.t.Fatal(err)
	}
	for _, o := range w.stages.TakeOutputs(nil) {
		if o.Topic == schemas.TopicConversions {
			e := &events.Conversion{}
			if err := e.UnmarshalVT(o.Value); err != nil {
				w.t.Fatal(err)
			}
			return e
		}
	}
	return nil
}
