package join

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"

	"tributary/processor/stage"
	"tributary/schemas"
	"tributary/schemas/events"
)

// seed makes hashes of this process; they are never stored.
var seed = maphash.MakeSeed()

// A waiting postback's value is its deadline, 8 bytes big endian Unix ms, and the postback as it came.
const deadlineBytes = 8

// Timers of the stage carry keys of the state: of a waiting postback, of a foreign click or book to be removed, or expiry itself.
var expiryTimer = []byte{'!'}

// expiryEveryMS is how often what is too old is removed.
const expiryEveryMS = 60 * 60 * 1000

// Open counts the waiting postbacks, finds the latest click, and sees to expiry.
func (t *task) Open(ctx *stage.Context) error {
	t.gaugeWords(0)
	t.waiting, t.count, t.words = map[uint64]int32{}, 0, words{}
	if err := t.openFloors(ctx); err != nil {
		return err
	}
	for _, kind := range []byte{kindParked, foreignParked} {
		if err := ctx.State.Scan([]byte{kind}, nil, func(key, _ []byte) bool {
			t.waiting[maphash.Bytes(seed, parkedID(key))]++
			t.count++
			return true
		}); err != nil {
			return err
		}
	}
	t.parked.Add(float64(t.count))
	latest, ok, err := ctx.State.Last([]byte{kindClick})
	if err != nil {
		return err
	}
	latestMS := int64(-1)
	if ok {
		latestMS = keyTimeMS(latest)
	}
	t.recent.reset(latestMS, recentClicks)
	t.scheduleExpiry(ctx, max(ctx.WatermarkMS(), ctx.NowMS()))
	return nil
}

// Close takes this partition's waiting postbacks and words out of the gauges.
func (t *task) Close() {
	t.parked.Add(-float64(t.count))
	t.gaugeWords(0)
	t.waiting, t.count = nil, 0
}

// scheduleExpiry sets the timer to a whole multiple, so that setting it at every start leaves one timer.
func (t *task) scheduleExpiry(ctx *stage.Context, fromMS int64) {
	ctx.SetTimer((fromMS/expiryEveryMS+1)*expiryEveryMS, expiryTimer)
}

// hash is of the ID in t.id as it stands in a parked key.
func (t *task) hash() uint64 {
	if len(t.waiting) == 0 {
		return 0
	}
	t.buf = t.id.key(t.buf, kindParked)
	return maphash.Bytes(seed, t.buf)
}

// parkedID is the part of a parked key before the offset.
func parkedID(key []byte) []byte { return key[:max(len(key)-8, 0)] }

func (t *task) park(ctx *stage.Context, rec *stage.Record, pb *events.Postback) error {
	if t.count >= t.opts.MaxParked {
		return t.deadLetter(ctx, pb, schemas.RejectParkingFull, fmt.Sprintf("%d postbacks wait for their click in partition %d", t.count, ctx.Partition()))
	}
	deadline := ctx.ArrivalMS() + t.opts.GraceMS
	// First, for it may fail, and what a failure takes back is the state, not what this task counts.
	if err := ctx.EmitMessage(schemas.TopicParked, []byte(pb.ClickId), &events.Parked{
		ReceiptId: pb.ReceiptId, ClickId: pb.ClickId, Network: pb.Network, Event: pb.Event, Txid: pb.Txid,
		ReceivedMs: pb.ReceivedMs, ParkedMs: ctx.NowMS(), UntilMs: deadline,
	}); err != nil {
		return err
	}
	t.key = t.id.key(t.key, kindParked)
	id := maphash.Bytes(seed, t.key)
	t.key = binary.BigEndian.AppendUint64(t.key, uint64(rec.Offset))
	v := ctx.State.PutSized(t.key, deadlineBytes+len(rec.Value))
	binary.BigEndian.PutUint64(v, uint64(deadline))
	copy(v[deadlineBytes:], rec.Value)
	ctx.SetTimer(deadline, t.key)
	t.waiting[id]++
	t.count++
	t.parked.Inc()
	return nil
}

// unpark forgets a waiting postback.
func (t *task) unpark(ctx *stage.Context, key []byte) {
	ctx.State.Delete(key)
	id := maphash.Bytes(seed, parkedID(key))
	if t.waiting[id]--; t.waiting[id] <= 0 {
		delete(t.waiting, id)
	}
	t.count--
	t.parked.Dec()
}

type waitingPostback struct {
	key      []byte
	deadline int64
	postback events.Postback
}

// release attributes, in the order they came, the postbacks that waited for the click in t.id.
func (t *task) release(ctx *stage.Context, c *events.Click) error {
	all, err := t.parkedOf(ctx, t.id.key(nil, kindParked))
	if err != nil {
		return err
	}
	for i := range all {
		w := &all[i]
		f, err := t.file(ctx)
		if err != nil {
			return err
		}
		if f.click == nil {
			return errors.New("releasing a postback: the click just stored is not there")
		}
		if err := t.attribute(ctx, f, &w.postback); err != nil {
			return err
		}
		ctx.CancelTimer(w.deadline, w.key)
	}
	for i := range all {
		t.unpark(ctx, all[i].key)
	}
	return nil
}

func (t *task) parkedOf(ctx *stage.Context, prefix []byte) (all []waitingPostback, err error) {
	var damaged error
	err = ctx.State.Scan(prefix, nil, func(key, value []byte) bool {
		if len(value) < deadlineBytes || len(key) < 8 {
			damaged = errors.New("reading a waiting postback: the state is damaged")
			return false
		}
		all = append(all, waitingPostback{key: append([]byte(nil), key...), deadline: int64(binary.BigEndian.Uint64(value))})
		if err := all[len(all)-1].postback.UnmarshalVT(value[deadlineBytes:]); err != nil {
			damaged = fmt.Errorf("reading a waiting postback: %w", err)
			return false
		}
		return true
	})
	return all, errors.Join(err, damaged)
}

// OnTimer ends the wait of a postback, or removes what is too old.
func (t *task) OnTimer(ctx *stage.Context, key []byte, atMS int64) error {
	if err := t.words.enter(ctx, ctx.ArrivalMS()); err != nil {
		return err
	}
	switch {
	case len(key) == 0:
		return nil
	case key[0] == kindParked || key[0] == foreignParked:
		return t.giveUp(ctx, key)
	case key[0] == foreignClick || key[0] == foreignBook:
		ctx.State.Delete(key)
		return nil
	case key[0] == expiryTimer[0]:
		t.expire(ctx)
		t.scheduleExpiry(ctx, ctx.WatermarkMS())
	}
	return nil
}

// giveUp attributes a postback whose click did not come.
func (t *task) giveUp(ctx *stage.Context, key []byte) error {
	all, err := t.parkedOf(ctx, key)
	if err != nil || len(all) == 0 {
		return err
	}
	pb := &all[0].postback
	t.id.identify(pb.ClickId, pb.Foreign)
	f, err := t.file(ctx)
	if err != nil {
		return err
	}
	if err := t.attribute(ctx, f, pb); err != nil {
		return err
	}
	t.unpark(ctx, all[0].key)
	return nil
}

// clickHorizonMS is the event time before which clicks are no longer remembered. It never goes back.
func (t *task) clickHorizonMS(ctx *stage.Context) int64 {
	return max(t.opts.clickHorizonMS(ctx.WatermarkMS()), t.floors.clicksMS)
}

// lateMS is how far before its removal a place is not used any more for what comes new, so that two copies which come within this time of
// each other find each other: of what the edge sends twice, the second one follows within its spool's age, a day.
const lateMS = 24 * 60 * 60 * 1000

// remembered tells where a native click's kind may lie: in the place of its time, and in that of what came late. What is beyond its
// horizon is not looked at, whether it has been removed yet or not: a rebuilt state removes it at other times.
func (t *task) remembered(horizonMS int64) (inTime, late bool) {
	if t.id.foreign {
		return true, false
	}
	return t.id.timeMS >= horizonMS, t.id.timeMS < horizonMS+lateMS
}

// bookHorizonMS is the same for the conversions of a click.
func (t *task) bookHorizonMS(ctx *stage.Context) int64 {
	return max(t.opts.bookHorizonMS(ctx.WatermarkMS()), t.floors.booksMS)
}

// expire removes clicks, books and words that are too old, from the very beginning, so that late ones written again go too.
func (t *task) expire(ctx *stage.Context) {
	ctx.State.DeleteRange([]byte{kindClick}, timeBound(kindClick, t.clickHorizonMS(ctx)))
	ctx.State.DeleteRange([]byte{kindBook}, timeBound(kindBook, t.bookHorizonMS(ctx)))
	// The timers of what is foreign or late were set under the settings of then.
	t.words.expire(ctx, ctx.WatermarkMS()-max(t.opts.keptMS(), t.floors.keptMS)-expiryEveryMS-wordsEpochMS)
}
