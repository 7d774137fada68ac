package join

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tributary/processor/stage"
	"tributary/schemas"
	"tributary/schemas/events"
)

// TestRecentNeverCallsAStoredClickUnseen: in any order of times, over many generations and restarts; and of the new clicks that come
// nearly in order it calls nearly all unseen.
func TestRecentNeverCallsAStoredClickUnseen(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 3))
		var r recent
		r.reset(-1, 64)
		stored := map[string]int64{}
		latest, cheap, fresh := int64(-1), 0, 0
		id := func(ms int64, number uint64) []byte {
			return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(ms)), number)
		}
		for i := range 3000 {
			ms := int64(i)*10 + int64(rng.IntN(300))
			switch rng.IntN(100) {
			case 0:
				ms -= int64(rng.IntN(20_000)) // very late
			case 1:
				ms += int64(rng.IntN(500)) // of a clock that is ahead
			case 2:
				if rng.IntN(3) == 0 {
					r.reset(latest, 64)
				}
			}
			ms = max(ms, 0)
			b := id(ms, uint64(i))
			fresh++
			if r.unseen(b, ms) {
				cheap++
			}
			r.add(b, ms)
			stored[string(b)] = ms
			latest = max(latest, ms)
			for _, some := range [][]byte{b} {
				if r.unseen(some, stored[string(some)]) {
					t.Fatalf("seed %d: the click just stored is called unseen", seed)
				}
			}
			if i%97 == 0 {
				for b, ms := range stored {
					if r.unseen([]byte(b), ms) {
						t.Fatalf("seed %d: after %d clicks the stored one of time %d is called unseen (floor %d)", seed, i, ms, r.floorMS)
					}
				}
			}
		}
		if cheap < fresh*8/10 {
			t.Errorf("seed %d: %d of %d new clicks needed no read, at least eight in ten would be right", seed, cheap, fresh)
		}
	}
}

// TestAClickIsCountedOnce: sent again at once, in a later cycle, after a restart, and after a long time.
func TestAClickIsCountedOnce(t *testing.T) {
	w := newWorld(t, vfs.NewMem())
	again := func(said string, c *events.Click, want int) {
		t.Helper()
		w.stages.DropOutputs()
		if err := w.process(schemas.TopicClicks, c); err != nil {
			t.Fatal(err)
		}
		scored := 0
		for _, o := range w.stages.TakeOutputs(nil) {
			if o.Topic == schemas.TopicScoredClicks {
				scored++
			}
		}
		if scored != want {
			t.Errorf("%s: counted %d times, want %d", said, scored, want)
		}
	}
	early, first := w.click(1), w.click(2)
	again("the first time", first, 1)
	again("at once", first, 0)
	w.flush()
	again("in a later cycle", first, 0)
	again("an earlier one, late", early, 1)
	w.flush()
	w.reopen(w.fs)
	again("after a restart", first, 0)
	again("after a restart, the earlier one", early, 0)
	later := w.click(3)
	again("a new one", later, 1)
	*w.fail = true
	failed := w.click(4)
	if err := w.process(schemas.TopicClicks, failed); err == nil {
		t.Fatal("the call did not fail")
	}
	again("one whose first call failed", failed, 1)
	w.nowMS += 10 * dayMS
	again("days later", w.click(5), 1)
	again("days later, an old one", first, 0)
}

// TestOldClicksCountOnceToo: history brought in from elsewhere is older than clicks are kept by their own time. It counts, once for all
// copies that come within a day, and its conversions know it; whatever the moment at which old state is removed.
func TestOldClicksCountOnceToo(t *testing.T) {
	for _, age := range []int64{29 * dayMS, 30 * dayMS, 30*dayMS + hourMS, 30*dayMS + hourMS + 14*60_000, 31 * dayMS, 32 * dayMS, 119 * dayMS, 120 * dayMS, 121 * dayMS, 500 * dayMS} {
		for _, gap := range []int64{0, 60_000, 2 * hourMS, 23 * hourMS} {
			w := newWorld(t, vfs.NewMem())
			if err := w.process(schemas.TopicClicks, w.click(0)); err != nil {
				t.Fatal(err)
			}
			now := w.nowMS
			w.nowMS -= age
			old := w.click(1)
			pb := &events.Postback{ReceiptId: "r1", ClickId: old.ClickId, Network: "acme", Event: "sale", Txid: "t", Status: events.Status_STATUS_APPROVED,
				EventMs: w.nowMS + 1000, ReceivedMs: now, HasPayout: true, PayoutMicros: 5, Currency: "USD", PayoutBaseMicros: 5}
			w.nowMS = now
			w.stages.DropOutputs()
			for round := range 3 {
				if err := w.process(schemas.TopicClicks, old); err != nil {
					t.Fatal(err)
				}
				if round == 0 {
					if err := w.process(schemas.TopicPostbacks, pb); err != nil {
						t.Fatal(err)
					}
				}
				w.flush()
				w.nowMS += gap / 2
				if err := w.process(schemas.TopicClicks, w.click(2+round)); err != nil { // moves the time on
					t.Fatal(err)
				}
			}
			pb.ReceiptId = "r2"
			if err := w.process(schemas.TopicPostbacks, pb); err != nil {
				t.Fatal(err)
			}
			counted, entries := 0, 0
			for _, o := range w.stages.TakeOutputs(nil) {
				switch o.Topic {
				case schemas.TopicScoredClicks:
					var c events.Click
					if c.UnmarshalVT(o.Value) == nil && c.ClickId == old.ClickId {
						counted++
					}
				case schemas.TopicConversions:
					entries++
					var e events.Conversion
					if e.UnmarshalVT(o.Value) != nil || e.Match != events.Conversion_MATCH_CLICK {
						t.Errorf("age %d h, gap %d min: the conversion does not know its click: %v", age/hourMS, gap/60_000, e.Match)
					}
				}
			}
			if counted != 1 || entries != 1 {
				t.Errorf("age %d h, gap %d min: the click counts %d times, its conversion %d times", age/hourMS, gap/60_000, counted, entries)
			}
		}
	}
}

// TestExpiryFreesTheDisk: clicks older than the window go from the disk soon, without a new one to push them out.
func TestExpiryFreesTheDisk(t *testing.T) {
	w := newWorld(t, vfs.NewMem())
	const clicks = 400_000 // more than the 4 MiB from which on the disk is freed at once
	for i := range clicks {
		w.nowMS += 5
		if err := w.process(schemas.TopicClicks, w.click(i)); err != nil {
			t.Fatal(err)
		}
		if i%5000 == 0 {
			w.flush()
		}
	}
	w.flush()
	if err := w.store.Settle(); err != nil {
		t.Fatal(err)
	}
	before := w.store.TableBytes()
	if before < clicks*10 {
		t.Fatalf("%d bytes for %d clicks: the test shows nothing", before, clicks)
	}
	w.nowMS += 31 * dayMS
	if err := w.stages.Advance(w.nowMS, func(f stage.Failure) { t.Error(f.Err) }); err != nil {
		t.Fatal(err)
	}
	w.flush()
	deadline := time.Now().Add(30 * time.Second)
	for w.store.TableBytes() > before/10 {
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes of %d are left after the window\n%s", w.store.TableBytes(), before, w.store.Describe())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// BenchmarkClick is one new click through the stage: read, told to be new, scored, remembered, sent on.
func BenchmarkClick(b *testing.B) {
	w := newWorld(b, vfs.NewMem())
	const batch = 20_000
	records := make([]stage.Record, batch)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		i := n % batch
		if i == 0 {
			b.StopTimer()
			w.flush()
			w.stages.DropOutputs()
			for i := range records {
				c := w.click(i)
				value, err := c.MarshalVT()
				if err != nil {
					b.Fatal(err)
				}
				records[i] = stage.Record{Topic: schemas.TopicClicks, Offset: int64(n + i), TimestampMS: w.nowMS, Value: value}
			}
			w.stages.SetNow(w.nowMS)
			b.StartTimer()
		}
		if err := w.stages.Process(&records[i], func(f stage.Failure) { b.Error(f.Err) }); err != nil {
			b.Fatal(err)
		}
	}
}
