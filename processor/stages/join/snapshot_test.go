package join

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"google.golang.org/protobuf/reflect/protoreflect"

	"tributary/schemas"
	"tributary/schemas/events"
)

// check holds a ledger entry against the click that it must have been made of.
func check(t *testing.T, said string, c *events.Click, e *events.Conversion) {
	t.Helper()
	if e == nil {
		t.Errorf("%s: no ledger entry", said)
		return
	}
	if e.Match != events.Conversion_MATCH_CLICK {
		t.Errorf("%s: the click was not found", said)
		return
	}
	for _, name := range dimensions() {
		got := e.ProtoReflect().Get(e.ProtoReflect().Descriptor().Fields().ByName(name))
		want := c.ProtoReflect().Get(c.ProtoReflect().Descriptor().Fields().ByName(name))
		if !got.Equal(want) {
			t.Errorf("%s: %s is %v, the click's is %v", said, name, got, want)
		}
	}
	if beside := len(c.Goals) > 0 && !slices.Contains(c.Goals, e.Event); e.BesideGoal != beside {
		t.Errorf("%s: beside the goals %q is %v", said, c.Goals, e.BesideGoal)
	}
	got := fmt.Sprint(e.ClickMs, e.PayoutMicros, e.Currency, e.PayoutBaseMicros)
	if want := fmt.Sprint(c.EventMs, c.OfferPayoutMicros, c.OfferCurrency, c.OfferPayoutBaseMicros); got != want {
		t.Errorf("%s:\nis   %s\nwant %s", said, got, want)
	}
}

// dimensions are the fields that a ledger entry has of its click, under the same name.
func dimensions() []protoreflect.Name {
	// Both have these, each its own, or both have the click ID anyhow.
	own := []protoreflect.Name{"click_id", "event_ms", "received_ms", "currency", "foreign", "score", "reasons"}
	var names []protoreflect.Name
	of, in := (&events.Conversion{}).ProtoReflect().Descriptor().Fields(), (&events.Click{}).ProtoReflect().Descriptor().Fields()
	for i := range of.Len() {
		if name := of.Get(i).Name(); in.ByName(name) != nil && !slices.Contains(own, name) {
			names = append(names, name)
		}
	}
	return names
}

// whole fills every dimension of a click, each with a value of its own.
func whole(c *events.Click) {
	m := c.ProtoReflect()
	for i, name := range dimensions() {
		switch f := m.Descriptor().Fields().ByName(name); {
		case f.IsList():
			m.Set(f, protoreflect.ValueOfList(m.NewField(f).List()))
			for j := range 3 {
				m.Mutable(f).List().Append(protoreflect.ValueOfString(fmt.Sprint(name, j)))
			}
		case f.Kind() == protoreflect.StringKind:
			m.Set(f, protoreflect.ValueOfString(fmt.Sprint("the ", name)))
		case f.Kind() == protoreflect.BoolKind:
			m.Set(f, protoreflect.ValueOfBool(true))
		case f.Kind() == protoreflect.Uint32Kind:
			m.Set(f, protoreflect.ValueOfUint32(uint32(1000+i)))
		default:
			panic(fmt.Sprint(name, " is of a kind that this test does not know"))
		}
	}
}

// oddities are clicks that differ from most.
var oddities = map[string]func(*events.Click){
	"as most":                  func(*events.Click) {},
	"nothing but an ID":        func(c *events.Click) { *c = events.Click{ClickId: c.ClickId, EventMs: c.EventMs} },
	"no subs":                  func(c *events.Click) { c.Subs = nil },
	"twenty subs":              func(c *events.Click) { c.Subs = slices.Repeat([]string{"", "x"}, 10) },
	"a long sub":               func(c *events.Click) { c.Subs[0] = strings.Repeat("long", 64) },
	"other alphabets":          func(c *events.Click) { c.Campaign, c.Subs[2] = "кампания", "免费 \x00" },
	"no external ID":           func(c *events.Click) { c.ExternalId = "" },
	"upper-case external ID":   func(c *events.Click) { c.ExternalId = "00FFaa" },
	"odd external ID":          func(c *events.Click) { c.ExternalId = "00ffa" },
	"text as external ID":      func(c *events.Click) { c.ExternalId = "fb.1.1612.IwAR2" },
	"an event time of its own": func(c *events.Click) { c.EventMs -= 5000 },
	"a source of no catalog":   func(c *events.Click) { c.SourceId, c.Source = 0, "unheard-of" },
	"negative payout":          func(c *events.Click) { c.OfferPayoutMicros, c.OfferPayoutBaseMicros = -1, -schemas.MaxMoneyMicros },
	"largest numbers": func(c *events.Click) {
		c.CampaignId, c.OfferId, c.OfferPayoutMicros = 1<<32-1, 1<<32-1, schemas.MaxMoneyMicros
	},
	"every dimension":           whole,
	"names of subs":             func(c *events.Click) { whole(c); c.Zone, c.AdName = c.Subs[0], c.Subs[2] },
	"a goal":                    func(c *events.Click) { c.Goals = []string{"sale", "trial"} },
	"another goal":              func(c *events.Click) { c.Goals = []string{"ftd"} },
	"a tag":                     func(c *events.Click) { c.Tags = []string{"push"} },
	"a place without a country": func(c *events.Click) { c.Country, c.City = "", "Köln" },
	"hosting":                   func(c *events.Click) { c.Hosting = true },
	"blocked":                   func(c *events.Click) { c.Block, c.Blocked, c.OfferId, c.Offer = "b0000000a", true, 0, "" },
	"shadow":                    func(c *events.Click) { c.Block = "b0000000b" },
	"another tracker's":         func(c *events.Click) { c.ClickId, c.Foreign = "u-0123-"+c.ClickId, true },
	"another's that looks ours": func(c *events.Click) { c.Foreign = true },
}

// TestALedgerEntryHasTheClickWhole: whatever a click was like, its conversion says so: at once, after the cycle, after
// a restart, and when the words of its day are no longer in memory.
func TestALedgerEntryHasTheClickWhole(t *testing.T) {
	for name, change := range oddities {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, vfs.NewMem())
			var clicks []*events.Click
			for i := range 12 { // the first ones are written out, the later ones refer to words
				c := w.click(i)
				change(c)
				if c.Foreign {
					c.ClickId += fmt.Sprint(i)
				}
				if err := w.process(schemas.TopicClicks, c); err != nil {
					t.Fatal(err)
				}
				clicks = append(clicks, c)
			}
			check(t, "at once", clicks[0], w.convert(clicks[0]))
			check(t, "a word, at once", clicks[11], w.convert(clicks[11]))
			w.flush()
			check(t, "after the cycle", clicks[10], w.convert(clicks[10]))
			w.flush()
			w.reopen(w.fs)
			check(t, "after a restart", clicks[1], w.convert(clicks[1]))
			check(t, "a word, after a restart", clicks[9], w.convert(clicks[9]))
			w.nowMS += 3 * dayMS
			late := w.click(99)
			if err := w.process(schemas.TopicClicks, late); err != nil {
				t.Fatal(err)
			}
			check(t, "days later", clicks[2], w.convert(clicks[2]))
			check(t, "a word, days later", clicks[8], w.convert(clicks[8]))
			check(t, "again", clicks[8], w.convert(clicks[8]))
			check(t, "of the new day", late, w.convert(late))
		})
	}
}

// TestAFailedCallTakesItsWordsBack: clicks that come after it must not refer to words that the state does not have.
func TestAFailedCallTakesItsWordsBack(t *testing.T) {
	w := newWorld(t, vfs.NewMem())
	if err := w.process(schemas.TopicClicks, w.click(1)); err != nil {
		t.Fatal(err)
	}
	*w.fail = true
	if err := w.process(schemas.TopicClicks, w.click(1)); err == nil {
		t.Fatal("the call did not fail")
	}
	if len(w.task.words.list) == 0 {
		t.Fatal("the call that failed made no words: it shows nothing")
	}
	c := w.click(1)
	if err := w.process(schemas.TopicClicks, c); err != nil {
		t.Fatal(err)
	}
	w.flush()
	w.reopen(w.fs)
	check(t, "after the failure and a restart", c, w.convert(c))
}

// TestAfterACrashEveryClickReads: what a crash leaves of the state has the words of every click that it has.
func TestAfterACrashEveryClickReads(t *testing.T) {
	found := 0
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 7))
		fs := vfs.NewCrashableMem()
		w := newWorld(t, fs)
		var clicks []*events.Click
		for range 6 {
			for range 1 + rng.IntN(30) {
				c := w.click(rng.IntN(50))
				c.Campaign, c.Country = fmt.Sprint("campaign", rng.IntN(8)), fmt.Sprint(rng.IntN(90))
				*w.fail = rng.IntN(4) == 0
				if err := w.process(schemas.TopicClicks, c); err == nil {
					clicks = append(clicks, c)
				}
			}
			w.flush()
			if rng.IntN(2) == 0 {
				if err := w.store.Sync(); err != nil {
					t.Fatal(err)
				}
			}
			w.nowMS += rng.Int64N(dayMS)
			if rng.IntN(2) == 0 {
				fs = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(100), RNG: rng})
				w.reopen(fs)
			}
		}
		for _, c := range clicks {
			if e := w.convert(c); e != nil && e.Match == events.Conversion_MATCH_CLICK {
				found++
				check(t, fmt.Sprint("seed ", seed), c, e)
			}
		}
		if t.Failed() {
			return
		}
	}
	if found < 300 {
		t.Errorf("%d clicks were left by all crashes together, so little was shown", found)
	}
}

// TestWordsAreBounded: parts that never come again take no room, and a flood of parts takes no more than its share.
func TestWordsAreBounded(t *testing.T) {
	w := newWorld(t, vfs.NewMem())
	var last *events.Click
	for i := range 3 * maxWords {
		c := w.click(i)
		c.Subs = []string{fmt.Sprint("once", i), fmt.Sprint("flood", i/2)}
		if err := w.process(schemas.TopicClicks, c); err != nil {
			t.Fatal(err)
		}
		last = c
	}
	if n := len(w.task.words.list); n > maxWords || n < maxWords/4 {
		t.Errorf("%d words, at most %d would be right, and most of the floods'", n, maxWords)
	}
	if w.task.words.bytes > maxWordsBytes {
		t.Errorf("%d bytes of words, at most %d would be right", w.task.words.bytes, maxWordsBytes)
	}
	for word := range w.task.words.numbers {
		if strings.HasPrefix(word, "once") {
			t.Fatalf("%q is a word; it came once", word)
		}
	}
	check(t, "after the flood", last, w.convert(last))
}

// TestSnapshotAllocatesNothing: once the words are known, neither does a look at the recent clicks.
func TestSnapshotAllocatesNothing(t *testing.T) {
	w := newWorld(t, vfs.NewMem())
	ctx := w.ctx
	var c *events.Click
	for range 3 {
		c = w.click(1)
		if err := w.process(schemas.TopicClicks, c); err != nil {
			t.Fatal(err)
		}
	}
	w.task.id.identify(c.ClickId, false)
	buf := make([]byte, 0, 256)
	if n := testing.AllocsPerRun(100, func() { buf = w.task.appendSnapshot(ctx, buf[:0], c) }); n != 0 {
		t.Errorf("%v allocations a snapshot, 0 would be right", n)
	}
	if len(buf) > 32 {
		t.Errorf("a snapshot has %d bytes, 32 would be many", len(buf))
	}
	id := w.task.id
	if n := testing.AllocsPerRun(100, func() { w.task.recent.add(id.bytes, id.timeMS); w.task.recent.unseen(id.bytes, id.timeMS) }); n != 0 {
		t.Errorf("%v allocations a look at the recent clicks, 0 would be right", n)
	}
}

// FuzzSnapshot: no bytes make the reader crash, and what can be read can be written again and reads the same.
func FuzzSnapshot(f *testing.F) {
	w := newWorld(f, vfs.NewMem())
	t, ctx := w.task, w.ctx
	if err := t.words.enter(ctx, w.nowMS); err != nil {
		f.Fatal(err)
	}
	click := w.click(1)
	for _, change := range oddities {
		c := w.click(1)
		change(c)
		t.id.identify(click.ClickId, false)
		for range 3 {
			f.Add(t.appendSnapshot(ctx, nil, c))
		}
	}
	f.Fuzz(func(tt *testing.T, b []byte) {
		t.id.identify(click.ClickId, false)
		c, err := t.readSnapshot(ctx, b)
		if err != nil {
			return
		}
		again, err := t.readSnapshot(ctx, t.appendSnapshot(ctx, nil, c))
		if err != nil || again.String() != c.String() {
			tt.Errorf("written again it reads %v, %v; want %v", again, err, c)
		}
	})
}

// TestReadsTheFirstVersion: a click that was remembered before a snapshot had every dimension.
func TestReadsTheFirstVersion(t *testing.T) {
	w := newWorld(t, vfs.NewMem())
	c := w.click(1)
	if err := w.process(schemas.TopicClicks, c); err != nil {
		t.Fatal(err)
	}
	inline := func(dst, part []byte) []byte { return appendText(append(dst, partInline), string(part)) }
	campaign := appendText(binary.AppendUvarint(nil, uint64(c.CampaignId)), c.Campaign)
	campaign = appendText(binary.AppendUvarint(campaign, uint64(c.OfferId)), c.Offer)
	campaign = appendText(binary.AppendVarint(campaign, c.OfferPayoutMicros), c.OfferCurrency)
	campaign = binary.AppendVarint(campaign, c.OfferPayoutBaseMicros)
	b := binary.AppendVarint([]byte{snapshotVersion1 | snapshotTextID}, 0)
	b = inline(b, campaign)
	b = inline(b, appendText(binary.AppendUvarint(nil, uint64(c.SourceId)), c.Source))
	b = inline(b, []byte(c.Country))
	b = inline(b, appendText(appendText(appendText(appendText(nil, c.Device), c.Os), c.Browser), c.Bot))
	b = appendText(b, c.ExternalId)
	b = append(b, byte(len(c.Subs)))
	for _, sub := range c.Subs {
		b = inline(b, []byte(sub))
	}
	w.ctx.State.Put(w.task.id.key(nil, kindClick), b)
	check(t, "of the first version", c, w.convert(c))
}
