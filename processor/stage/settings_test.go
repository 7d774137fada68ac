package stage_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tributary/processor/stage"
	"tributary/processor/state"
	"tributary/schemas/events"
)

// threshold are the settings of a stage of one's own.
type threshold struct {
	Most   uint64
	Names  map[string]int
	List   []string
	Key    string `secret:"true"`
	Nested struct{ Depth int }
}

// over remembers by which settings each record came.
type over struct{ threshold }

func (over) Name() string                                { return "over" }
func (over) Inputs() []string                            { return []string{"clicks"} }
func (over) Outputs() []string                           { return nil }
func (o over) Task(int32) stage.Task                     { return o }
func (over) Open(*stage.Context) error                   { return nil }
func (over) OnTimer(*stage.Context, []byte, int64) error { return nil }
func (o over) Process(ctx *stage.Context, rec *stage.Record) error {
	ctx.State.Put(rec.Key, fmt.Appendf(nil, "%d %v %v %s %d", o.Most, o.Names, o.List, o.Key, o.Nested.Depth))
	return nil
}

// TestAMadeStageIsMadeUnderTheSettingsOfThen: without doing anything for it; its secrets are today's and are not
// written, and what it declares as defaults is not written into.
func TestAMadeStageIsMadeUnderTheSettingsOfThen(t *testing.T) {
	defaults := threshold{Names: map[string]int{"by itself": 1}, List: []string{"a", "b"}}
	undo := stage.Register(stage.Declaration[threshold]{Name: "over", Defaults: defaults,
		New: func(s threshold) (stage.Stage, error) { return over{s}, nil }})
	defer undo()
	made := func(s threshold) stage.Stage {
		all, err := stage.Make(map[string]any{"over": &s})
		if err != nil {
			t.Fatal(err)
		}
		return all[0]
	}
	then := made(threshold{Most: 3, Names: map[string]int{"x": 2}, List: []string{"c"}, Key: "of then",
		Nested: struct{ Depth int }{4}})
	now := made(threshold{Most: 5, Key: "of now"})
	settings := then.(stage.Configured).Settings()
	if bytes.Contains(settings, []byte("of then")) {
		t.Errorf("a secret is in the settings: %s", settings)
	}
	if err := stage.CheckConfigured(then); err != nil {
		t.Error(err)
	}

	store, err := state.Open(state.Options{Dir: "s", FS: vfs.NewMem(), CacheBytes: 8 << 20, MemtableBytes: 16 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	view := store.Partition(0)
	p := stage.NewPartition(0, view, []stage.Stage{now})
	if err := p.Open(0, 0); err != nil {
		t.Fatal(err)
	}
	today := p.Offered(nil)
	as := func(value []byte) *events.CycleSettings {
		return &events.CycleSettings{Stages: []*events.StageSettings{{Stage: "over", Value: value}}}
	}
	for i, step := range []struct {
		settings *events.CycleSettings
		want     string
	}{
		{today, "5 map[] [] of now 0"},
		{as(settings), "3 map[x:2] [c] of now 4"},
		{as([]byte("\x01{\"Most\":7}")), "7 map[] [] of now 0"},
		{&events.CycleSettings{}, ""},
		{today, "5 map[] [] of now 0"},
	} {
		if err := p.Configure(nil, step.settings); err != nil {
			t.Fatal(err)
		}
		key := fmt.Append(nil, i)
		if err := p.Process(&stage.Record{Topic: "clicks", Key: key}, func(f stage.Failure) { t.Error(f.Err) }); err != nil {
			t.Fatal(err)
		}
		if got, _, _ := view.Namespace("over").Get(key); string(got) != step.want {
			t.Errorf("step %d was decided by %q, %q would be right", i, got, step.want)
		}
	}
	if defaults.Names["x"] != 0 || defaults.List[0] != "a" {
		t.Errorf("the defaults were written into: %v", defaults)
	}
	if p.Offered(today) != today {
		t.Error("settings that did not change are others")
	}
	if err := p.Configure(today, as([]byte{2})); !errors.Is(err, stage.ErrNewerSettings) {
		t.Errorf("settings of a newer form: %v, %v would be right", err, stage.ErrNewerSettings)
	}
	if err := p.Configure(nil, as([]byte("\x01{"))); err == nil || !strings.Contains(err.Error(), "over") {
		t.Errorf("damaged settings: %v", err)
	}
}

// deaf has settings that its task cannot be given.
type deaf struct {
	counting
	settings []byte
}

func (d deaf) Settings() []byte { return d.settings }

type listening struct {
	deaf
	task
}

func (l listening) Task(int32) stage.Task                        { return l }
func (listening) Configure(*stage.Context, []byte, []byte) error { return nil }

func TestAStageWithSettingsIsChecked(t *testing.T) {
	for name, c := range map[string]struct {
		stage stage.Stage
		right bool
	}{
		"no settings":            {counting{}, true},
		"a task that lacks them": {deaf{settings: []byte{1}}, false},
		"no version":             {listening{}, false},
		"as it should be":        {listening{deaf: deaf{settings: []byte{1}}}, true},
	} {
		if err := stage.CheckConfigured(c.stage); (err == nil) != c.right {
			t.Errorf("%s: %v", name, err)
		}
	}
}
