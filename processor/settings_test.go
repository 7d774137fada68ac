package processor

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/twmb/franz-go/pkg/kadm"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"tributary/processor/stage"
	"tributary/schemas"
	"tributary/schemas/events"
)

// decides are the settings that enter decisions, by their key, each with a change that the stream of busy shows.
var decides = map[string]func(*Config){
	"window":               func(c *Config) { c.Window = time.Hour },
	"grace":                func(c *Config) { c.Grace = 10 * time.Minute },
	"book_retention":       func(c *Config) { c.BookRetention = 60 * 24 * time.Hour },
	"claim_window":         func(c *Config) { c.ClaimWindow = 10 * 24 * time.Hour },
	"max_parked":           func(c *Config) { c.MaxParked = 1 },
	"fast_conversion":      func(c *Config) { c.FastConversion = time.Minute },
	"clock_skew":           func(c *Config) { c.ClockSkew = time.Second },
	"ip_clicks_per_minute": func(c *Config) { c.IPClicksPerMinute = 1000 },
}

// decidesNot are the others: which records are taken together is in the Cycle, and the rest is memory, time and
// place.
var decidesNot = []string{"group", "instance_id", "state_dir", "max_cycle_records", "fetch_max_bytes", "cache_bytes",
	"memtable_bytes", "session_timeout", "transaction_timeout", "stall_after", "workers", "checkpoint"}

// TestEverySettingIsSaidToDecideOrNot: a new key of the configuration has to be in one of the two lists, and where it
// decides, in the settings of a cycle.
func TestEverySettingIsSaidToDecideOrNot(t *testing.T) {
	offered := func(c Config) string {
		p, err := New(c, Deps{})
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, s := range p.stages {
			all = append(all, fmt.Sprintf("%x", s.(stage.Configured).Settings()))
		}
		return strings.Join(all, " ")
	}
	for i := range reflect.TypeFor[Config]().NumField() {
		key := reflect.TypeFor[Config]().Field(i).Tag.Get("yaml")
		change := decides[key]
		if (change == nil) != slices.Contains(decidesNot, key) {
			t.Errorf("%s is in both lists or in none: does the same record on the same state become something else by it?", key)
		}
		if change == nil {
			continue
		}
		c := Defaults()
		change(&c)
		if offered(c) == offered(Defaults()) {
			t.Errorf("%s decides, and is not in the settings of a cycle", key)
		}
	}
}

// busy sends what each of decides makes something else of, and waits until it is processed.
func (w *world) busy(r *running, cfg Config) {
	w.t.Helper()
	convert := func(c *events.Click, after time.Duration, txid string) {
		pb := w.newPostback(c.ClickId, txid, events.Status_STATUS_PENDING)
		pb.EventMs, pb.Foreign = c.EventMs+after.Milliseconds(), c.Foreign
		w.sendPostback(pb)
	}
	click := func(change func(*events.Click)) *events.Click {
		c := w.newClick()
		change(c)
		w.sendClick(c)
		w.clockMS.Add(10)
		return c
	}
	var late []*events.Click
	for i := range 3 {
		convert(click(func(c *events.Click) { c.IpClicksPerMinute = 100 }), 2*time.Hour, fmt.Sprint("a", w.receipt))
		convert(click(func(*events.Click) {}), -3*time.Second, "")
		convert(click(func(*events.Click) {}), 15*time.Second, fmt.Sprint("twice", i))
		convert(click(func(*events.Click) {}), 30*time.Minute, fmt.Sprint("twice", i))
		convert(click(func(c *events.Click) { c.Foreign, c.ClickId = true, "foreign-"+c.ClickId }), time.Minute, "x")
		late = append(late, w.newClick())
		convert(late[i], time.Minute, "early") // before its click
		w.clockMS.Add(10)
	}
	w.done(r, cfg)
	// The clock goes on until the first grace is over; the second is not.
	for range 14 {
		w.clockMS.Add(5000)
		click(func(*events.Click) {})
		w.caughtUp(cfg.Group)
	}
	for _, c := range late {
		w.sendClick(c)
		convert(c, time.Minute, "early")
		w.clockMS.Add(10)
	}
	w.done(r, cfg)
}

// TestARebuildDecidesUnderTheSettingsOfThen: each setting is changed amid the stream and back, and the state is lost.
// What is built again is what was lost, tells nobody anything twice, and knows what is booked.
func TestARebuildDecidesUnderTheSettingsOfThen(t *testing.T) {
	for key, change := range decides {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 1)
			cfg := w.config()
			changed := cfg
			change(&changed)
			fs := vfs.NewMem()
			for _, c := range []Config{cfg, changed} {
				r := w.start(c, w.deps(fs))
				w.busy(r, c)
				r.stop()
			}
			w.rebuiltIsTheSame(t, cfg, fs)
		})
	}
}

// rebuiltIsTheSame loses the state and has it built again under cfg.
func (w *world) rebuiltIsTheSame(t *testing.T, cfg Config, fs vfs.FS) {
	t.Helper()
	published, kept := w.publishedLedger(), contents(t, fs)
	again := vfs.NewMem()
	r := w.start(cfg, w.deps(again))
	w.awaitReplayed(r)
	if n := valueOf(r.p.metrics.guessedSettings); n != 0 {
		t.Errorf("the settings of %v cycles were guessed", n)
	}
	r.stop()
	sameContents(t, contents(t, again), kept)
	sameLedger(t, w.publishedLedger(), published)
	w.knowsItsBooks(t, cfg, again)
}

// all changes every setting that decides.
func all(c Config) Config {
	for _, change := range decides {
		change(&c)
	}
	return c
}

// TestAGapIsClosedUnderTheSettingsOfThen: a state that stayed behind, over two changes of every setting and under a
// third configuration.
func TestAGapIsClosedUnderTheSettingsOfThen(t *testing.T) {
	w := newWorld(t, testPartitions)
	cfg := w.config()
	fs := vfs.NewCrashableMem()
	r := w.start(cfg, w.deps(fs))
	w.busy(r, cfg)
	r.stop()
	behind := fs.CrashClone(vfs.CrashCloneCfg{})
	for _, c := range []Config{all(cfg), cfg} {
		r = w.start(c, w.deps(fs))
		w.busy(r, c)
		r.stop()
	}
	third := all(cfg)
	third.Window, third.Grace = 2*time.Hour, 2*time.Minute
	r = w.start(third, w.deps(behind))
	w.awaitReplayed(r)
	r.stop()
	sameContents(t, contents(t, behind), contents(t, fs))
}

// TestSettingsChangedAtACrash: the processor dies amid a cycle under the settings of before, which is sent again, or
// was committed, and goes on under others; later the state is lost.
func TestSettingsChangedAtACrash(t *testing.T) {
	for _, step := range []string{stepFlushed, stepSynced, stepEnded} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, testPartitions)
			cfg := w.config()
			c := &crasher{step: step, nth: 4, fs: vfs.NewCrashableMem()}
			r := w.start(cfg, w.deps(c.fs))
			w.busy(r, cfg)
			r.stop()
			deps := w.deps(c.fs)
			deps.fault = c.at
			r = w.start(cfg, deps)
			for range 10 {
				click := w.newClick()
				w.sendClick(click)
				w.says("usd", click.ClickId, "1", events.Status_STATUS_PENDING, 5)
				w.clockMS.Add(10)
				if len(r.done) == 0 {
					w.caughtUpOrEnded(r, cfg.Group)
				}
			}
			if err := r.wait(); !errors.Is(err, errCrash) {
				t.Fatalf("it ended with %v", err)
			}
			r = w.start(all(cfg), w.deps(c.saved))
			w.busy(r, cfg)
			r.stop()
			w.rebuiltIsTheSame(t, cfg, c.saved)
		})
	}
}

// caughtUpOrEnded is caughtUp of a processor that may crash.
func (w *world) caughtUpOrEnded(r *running, group string) {
	w.t.Helper()
	adm := kadm.NewClient(w.client)
	deadline := time.Now().Add(patience)
	for ; len(r.done) == 0 && time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		ends, err := adm.ListEndOffsets(w.t.Context(), schemas.TopicClicks, schemas.TopicPostbacks)
		if err != nil {
			w.t.Fatal(err)
		}
		commits, err := adm.FetchOffsets(w.t.Context(), group)
		behind := err != nil
		ends.Each(func(o kadm.ListedOffset) {
			c, ok := commits.Lookup(o.Topic, o.Partition)
			behind = behind || o.Offset > 0 && (!ok || c.At < o.Offset)
		})
		if !behind {
			return
		}
	}
}

// TestCyclesThatDoNotSayTheirSettings: an upgrade from a program whose cycles say nothing of settings. What they
// decided is decided again under today's, and that is said once; what came after it, under its own.
func TestCyclesThatDoNotSayTheirSettings(t *testing.T) {
	w := newWorld(t, testPartitions)
	cfg := w.config()
	fs := vfs.NewMem()
	silent := w.deps(fs)
	silent.unsaid = true
	r := w.start(cfg, silent)
	w.busy(r, cfg)
	r.stop()
	for _, c := range w.cycles() {
		if c.SettingsHash != 0 || c.Settings != nil {
			t.Fatalf("a cycle says its settings: %v", c)
		}
	}
	for _, c := range []Config{cfg, all(cfg), cfg} {
		r = w.start(c, w.deps(fs))
		w.busy(r, c)
		r.stop()
	}
	published, kept := w.publishedLedger(), contents(t, fs)

	core, logs := observer.New(zap.WarnLevel)
	deps := w.deps(vfs.NewMem())
	deps.Logger = zap.New(core)
	r = w.start(cfg, deps)
	w.awaitReplayed(r)
	if n := valueOf(r.p.metrics.guessedSettings); n == 0 {
		t.Error("no cycle's settings are counted as guessed")
	}
	r.stop()
	sameContents(t, contents(t, deps.FS), kept)
	sameLedger(t, w.publishedLedger(), published)
	if n := logs.FilterMessageSnippet("do not tell the settings").Len(); n != 1 {
		t.Errorf("it is said %d times that settings are guessed, once would be right", n)
	}
	r = w.start(all(cfg), w.deps(vfs.NewMem())) // which may come to another state, and has to come to one
	w.awaitReplayed(r)
	r.stop()
}

// cycles are all that readers see.
func (w *world) cycles() (list []*events.Cycle) {
	w.t.Helper()
	for _, r := range w.read(schemas.TopicCycles).other {
		c := &events.Cycle{}
		if err := c.UnmarshalVT(r.Value); err != nil {
			w.t.Fatal(err)
		}
		list = append(list, c)
	}
	return list
}

// TestRetentionLeavesEachCycleItsSettings: wherever the topic begins, the settings of its cycles are found: those of
// a stretch that ended in the cycle behind it, those of the last stretch in one of its last 64 cycles.
func TestRetentionLeavesEachCycleItsSettings(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	cfg := w.config()
	fs := vfs.NewMem()
	changed := all(cfg)
	for _, c := range []Config{cfg, changed} {
		r := w.start(c, w.deps(fs))
		w.busy(r, c)
		for range settingsEvery {
			w.sendClick(w.newClick())
			w.clockMS.Add(10)
			w.caughtUp(c.Group)
		}
		r.stop()
	}
	full := 0
	for _, c := range w.cycles() {
		if c.Settings != nil {
			full++
		}
		if c.SettingsHash == 0 {
			t.Fatalf("cycle %d does not say its settings", c.Seq)
		}
	}
	if n := len(w.cycles()); full < 4 || full > 2+2+n/settingsEvery {
		t.Errorf("%d of %d cycles have their settings in full", full, n)
	}
	records := w.read(schemas.TopicCycles).other
	// The last place is behind the last cycle of the first stretch that has its settings: the cycle behind the stretch
	// tells them.
	cuts := []int{1, 5, 20, 0}
	all := w.cycles()
	for i, c := range all {
		if c.SettingsHash != all[0].SettingsHash {
			break
		}
		if c.Settings != nil {
			cuts[3] = i + 1
		}
	}
	for _, cut := range append(cuts, len(records)-settingsEvery) {
		before := kadm.Offsets{schemas.TopicCycles: {0: {Topic: schemas.TopicCycles, At: records[cut].Offset}}}
		if _, err := kadm.NewClient(w.client).DeleteRecords(t.Context(), before); err != nil {
			t.Fatal(err)
		}
		again := vfs.NewMem()
		r := w.start(changed, w.deps(again))
		w.awaitReplayed(r)
		if n := valueOf(r.p.metrics.guessedSettings); n != 0 {
			t.Errorf("from cycle %d on: the settings of %v cycles were guessed", cut, n)
		}
		r.stop()
	}
}

// TestWhatAShorterWindowDroppedStaysDropped: a click that went, or would have gone, under a window of two days is not
// known under a longer one, in the state that saw it go and in one that is built again at another time.
func TestWhatAShorterWindowDroppedStaysDropped(t *testing.T) {
	for name, lose := range map[string]bool{"in the state that saw it go": false, "in a state that is built again": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 1)
			long := w.config()
			short := long
			short.Window = 2 * 24 * time.Hour
			fs := vfs.NewMem()
			r := w.start(short, w.deps(fs))
			old := w.newClick()
			w.sendClick(old)
			w.caughtUp(short.Group)
			for range 5 {
				w.clockMS.Add(24 * time.Hour.Milliseconds())
				w.sendClick(w.newClick())
				w.caughtUp(short.Group)
			}
			r.stop()
			r = w.start(long, w.deps(fs))
			w.sendClick(w.newClick())
			w.caughtUp(long.Group)
			r.stop()
			if lose {
				fs = vfs.NewMem()
				r = w.start(long, w.deps(fs))
				w.awaitReplayed(r)
				r.stop()
			}
			r = w.start(long, w.deps(fs))
			w.sendPostback(w.newPostback(old.ClickId, "1", events.Status_STATUS_APPROVED))
			out := w.await("the conversion", func(o output) bool { return len(o.conversions) == 1 })
			if m := out.conversions[0].Match; m != events.Conversion_MATCH_CLICK_ID {
				t.Errorf("the conversion of a click that is gone is matched by %s", m)
			}
			r.stop()
		})
	}
}

// limit is a stage with settings that change while it runs, as rules and holds do. It remembers under which each
// click came.
type limit struct{ now func() []byte }

func (limit) Name() string            { return "limit" }
func (limit) Inputs() []string        { return []string{schemas.TopicClicks} }
func (limit) Outputs() []string       { return nil }
func (l limit) Settings() []byte      { return l.now() }
func (l limit) Task(int32) stage.Task { return &limitTask{} }

type limitTask struct{ now string }

func (t *limitTask) Open(*Context) error                   { return nil }
func (t *limitTask) OnTimer(*Context, []byte, int64) error { return nil }
func (t *limitTask) Configure(_ *Context, _, now []byte) error {
	t.now = string(now[1:])
	return nil
}
func (t *limitTask) Process(ctx *Context, rec *Record) error {
	ctx.State.Put(rec.Key, []byte(t.now))
	return nil
}

// TestSettingsThatChangeAmidARun: each cycle has those that it was decided under, also from one to the next; a stage
// that was not there yet does not see what came before it; and settings of a newer form are refused.
func TestSettingsThatChangeAmidARun(t *testing.T) {
	w := newWorld(t, 1)
	cfg := w.config()
	fs := vfs.NewMem()
	rule := "\x01none"
	version := make(chan string, 1)
	version <- rule
	with := func(fs vfs.FS) Deps {
		deps := w.deps(fs)
		deps.Stages = []Stage{limit{func() []byte { now := <-version; version <- now; return []byte(now) }}}
		return deps
	}
	set := func(to string) { <-version; version <- to }
	var want []string
	click := func() {
		w.sendClick(w.newClick())
		w.clockMS.Add(10)
		w.caughtUp(cfg.Group)
	}
	r := w.start(cfg, w.deps(fs))
	for range 3 {
		click()
	}
	r.stop()
	r = w.start(cfg, with(fs))
	for i := range 6 {
		set(fmt.Sprintf("\x01rule %d", i/2))
		want = append(want, fmt.Sprintf("rule %d", i/2))
		click()
	}
	r.stop()
	kept := contents(t, fs)
	var got []string
	for key, value := range kept {
		if strings.Contains(key, "limit\x00") {
			got = append(got, value)
		}
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("the clicks came under %q, %q would be right", got, want)
	}
	set("\x01today's")
	again := vfs.NewMem()
	r = w.start(cfg, with(again))
	w.awaitReplayed(r)
	r.stop()
	sameContents(t, contents(t, again), kept)

	set("\x02of a newer program")
	r = w.start(cfg, with(fs))
	click()
	r.stop()
	set("\x01today's")
	for name, fs := range map[string]vfs.FS{"with its state": fs, "without": vfs.NewMem()} {
		r := w.start(cfg, with(fs))
		w.sendClick(w.newClick())
		if err := r.wait(); !errors.Is(err, ErrNewerDecisions) {
			t.Errorf("%s: it ended with %v, %v would be right", name, err, ErrNewerDecisions)
		}
	}
}
