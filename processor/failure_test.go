package processor

import (
	"errors"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"tributary/processor/stage"
	"tributary/schemas"
)

// moody is a stage of a user's own that fails at every click.
type moody struct{ panics bool }

func (moody) Name() string                          { return "moody" }
func (moody) Inputs() []string                      { return []string{schemas.TopicClicks} }
func (moody) Outputs() []string                     { return nil }
func (m moody) Task(int32) Task                     { return m }
func (moody) Open(*Context) error                   { return nil }
func (moody) OnTimer(*Context, []byte, int64) error { return nil }
func (m moody) Process(*Context, *Record) error {
	if m.panics {
		panic("out of mood")
	}
	return errors.New("out of mood")
}

// A letter says which stage failed, and that it was the stage; the log says it once, not at every record.
func TestAFailingStageIsNamed(t *testing.T) {
	for _, panics := range []bool{true, false} {
		w := newWorld(t, 1)
		part, records := partitionOver(t, w, 3)
		core, logs := observer.New(zap.ErrorLevel)
		part.failures.log = zap.New(core)
		part.stages = stage.NewPartition(0, part.state, []stage.Stage{moody{panics}})
		if err := part.begin(w.clockMS.Load()); err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			letters := checkOutputs(t, outcome(t, part, r))
			if len(letters) != 1 || letters[0].Reason != string(schemas.RejectStageFailed) ||
				letters[0].Stage != "moody" ||
				!strings.Contains(letters[0].Detail, "out of mood") {
				t.Fatalf("letters: %v", letters)
			}
		}
		entries := logs.All()
		if len(entries) != 1 {
			t.Fatalf("%d lines in the log for three failures within a minute", len(entries))
		}
		if fields := entries[0].ContextMap(); fields["stage"] != "moody" || fields["panic"] != panics ||
			fields["topic"] != schemas.TopicClicks {
			t.Errorf("the log says %v", fields)
		}
	}
}

// What is no event of its topic is the record's fault, not the stage's; a panic of ours is the stage's.
func TestABuiltInStageTellsARecordFromAFault(t *testing.T) {
	part, records := partitionOver(t, newWorld(t, 1), 1)
	records[0].Value = []byte("no click")
	letters := checkOutputs(t, outcome(t, part, records[0]))
	if len(letters) != 1 || letters[0].Reason != string(schemas.RejectUndecodable) || letters[0].Stage != "join" {
		t.Errorf("letters: %v", letters)
	}
	if got := part.reasonOf(stage.Failure{Stage: "join", Err: errors.New("x"), Panicked: true}); got != schemas.RejectStageFailed {
		t.Errorf("a panic of the joining stage is %s", got)
	}
}

// tardy is a stage that sets timers at every click and fails at each of them.
type tardy struct{ moody }

func (tardy) Task(int32) Task { return tardy{} }
func (tardy) Process(ctx *Context, _ *Record) error {
	for _, key := range []string{"a", "b", "c"} {
		ctx.SetTimer(ctx.ArrivalMS()+1, []byte(key))
	}
	return nil
}
func (tardy) OnTimer(*Context, []byte, int64) error { return errors.New("forgot it") }

// TestEachFailedTimerHasALetterOfItsOwn: letters of one ID are taken for one.
func TestEachFailedTimerHasALetterOfItsOwn(t *testing.T) {
	w := newWorld(t, 1)
	part, records := partitionOver(t, w, 1)
	part.stages = stage.NewPartition(0, part.state, []stage.Stage{tardy{}})
	if err := part.begin(w.clockMS.Load()); err != nil {
		t.Fatal(err)
	}
	outcome(t, part, records[0])
	ids := map[string]bool{}
	for range 2 { // all fire at the first one
		if err := part.run(w.clockMS.Load()+1000, true, false); err != nil {
			t.Fatal(err)
		}
		for _, l := range checkOutputs(t, part.pending) {
			ids[l.LetterId] = true
		}
		part.committed()
	}
	if len(ids) != 3 {
		t.Errorf("three timers failed, and the letters are %v", ids)
	}
}
