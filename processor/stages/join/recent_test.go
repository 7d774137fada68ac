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

// TestAClickOlderThanMemoryIsRefused: a click that comes again when it is no longer remembered must not count a second time, whether
// its trace has been removed from the disk already or not; it becomes a row that a user can find.
func TestAClickOlderThanMemoryIsRefused(t *testing.T) {
	w := newWorld(t, vfs.NewMem())
	old := w.click(1)
	if err := w.process(schemas.TopicClicks, old); err != nil {
		t.Fatal(err)
	}
	w.flush()
	for _, days := range []int64{31, 1, 40} {
		w.nowMS += days * dayMS
		if err := w.process(schemas.TopicClicks, w.click(2+int(days))); err != nil {
			t.Fatal(err)
		}
		w.stages.DropOutputs()
		if err := w.process(schemas.TopicClicks, old); err != nil {
			t.Fatal(err)
		}
		out := w.stages.TakeOutputs(nil)
		var letter events.DeadLetter
		if len(out) != 1 || out[0].Topic != schemas.TopicDeadLetters || letter.UnmarshalVT(out[0].Value) != nil || letter.Reason != string(schemas.RejectOutsideWindow) {
			t.Fatalf("%d days later: %v", days, out)
		}
	}
}

// TestExpiryFreesTheDisk: clicks older than the window go from the disk soon, without a new one to push them out.
func TestExpiryFreesTheDisk(t *testing.T) {
	w := newWorld(t, vfs.NewMem())
	const clicks = 200_000
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
	if before < clicks*20 {
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
