package stage_test

import (
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tributary/processor/stage"
	"tributary/processor/state"
)

// counting is a stage whose state has a version; 0 tells none.
type counting struct {
	version  uint32
	migrates bool
	from     *uint32
}

func (counting) Name() string      { return "counting" }
func (counting) Inputs() []string  { return []string{"clicks"} }
func (counting) Outputs() []string { return nil }
func (c counting) Task(int32) stage.Task {
	if c.migrates {
		return migrating{from: c.from}
	}
	return task{}
}

type versioned struct{ counting }

func (v versioned) StateVersion() uint32 { return v.version }

type task struct{}

func (task) Open(*stage.Context) error                   { return nil }
func (task) OnTimer(*stage.Context, []byte, int64) error { return nil }
func (task) Process(ctx *stage.Context, _ *stage.Record) error {
	ctx.State.Put([]byte("n"), []byte{1})
	return nil
}

type migrating struct {
	task
	from *uint32
}

func (m migrating) Migrate(ctx *stage.Context, from uint32) error {
	*m.from = from
	ctx.State.Put([]byte("n"), []byte{2})
	return nil
}

func TestAStateOfAnotherVersionIsNotRead(t *testing.T) {
	store, err := state.Open(state.Options{Dir: "s", FS: vfs.NewMem(), CacheBytes: 8 << 20, MemtableBytes: 16 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	open := func(s stage.Stage) error {
		p := store.Partition(0)
		work := stage.NewPartition(0, p, []stage.Stage{s})
		if err := work.Open(0, 0); err != nil {
			return err
		}
		if err := work.Process(&stage.Record{Topic: "clicks"}, func(f stage.Failure) { t.Error(f.Err) }); err != nil {
			return err
		}
		return p.Flush()
	}
	var from uint32
	for _, step := range []struct {
		name    string
		stage   stage.Stage
		refused bool
		from    uint32
	}{
		{"no version yet", counting{}, false, 0},
		{"the first version of a state that is there", versioned{counting{version: 1}}, false, 0},
		{"again", versioned{counting{version: 1}}, false, 0},
		{"a later one that cannot read it", versioned{counting{version: 2}}, true, 0},
		{"a later one that can", versioned{counting{version: 3, migrates: true, from: &from}}, false, 1},
		{"again", versioned{counting{version: 3, migrates: true, from: &from}}, false, 0},
		{"an earlier one", versioned{counting{version: 1, migrates: true, from: &from}}, true, 0},
	} {
		from = 0
		if err := open(step.stage); errors.Is(err, stage.ErrStateVersion) != step.refused ||
			!step.refused && err != nil ||
			from != step.from {
			t.Errorf("%s: %v, migrated from %d", step.name, err, from)
		}
	}
}
