package wiring_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/zap"

	"tributary/deploy/config"
	"tributary/processor/stage"
	"tributary/schemas"
	"tributary/schemas/events"
)

// noteSettings are what stages.notes of the configuration may say.
type noteSettings struct {
	Text string `yaml:"text" doc:"What is noted of every click."`
}

// Validate is called by config check.
func (s *noteSettings) Validate() error {
	if s.Text == "" {
		return &schemas.FieldError{Field: "text", Problem: "is empty; say what is to be noted"}
	}
	return nil
}

var notesTable = func() schemas.Table {
	t, err := schemas.RowTable(schemas.Table{
		Name: "click_notes", Comment: "A note of each click.", ID: "click_id", OrderBy: []string{"note", "click_id"},
		Topic: schemas.Topic{Name: "click-notes", Key: "click ID", RetentionMS: 24 * 60 * 60 * 1000},
		Columns: []schemas.Column{
			{Name: "click_id", Type: schemas.TypeText, Comment: "The click.", Privacy: schemas.PrivacyNone},
			{Name: "note", Type: schemas.TypeWord, Comment: "The note.", Privacy: schemas.PrivacyNone},
			{Name: "cost", Type: schemas.TypeMoney, Comment: "Cost of the click, base currency."},
			{Name: "agent", Type: schemas.TypeText, Comment: "User agent.", Privacy: schemas.PrivacyPersonal},
		},
	})
	if err != nil {
		panic(err)
	}
	return t
}()

// notes is a stage of somebody's own: it writes a row a click, and of the keyword "bad" one that does not fit.
type notes struct{ text string }

func (notes) Name() string            { return "notes" }
func (notes) Inputs() []string        { return []string{schemas.TopicClicks} }
func (notes) Outputs() []string       { return []string{notesTable.Topic.Name} }
func (s notes) Task(int32) stage.Task { return noteTask(s) }

type noteTask struct{ text string }

func (noteTask) Open(*stage.Context) error                   { return nil }
func (noteTask) OnTimer(*stage.Context, []byte, int64) error { return nil }
func (t noteTask) Process(ctx *stage.Context, rec *stage.Record) error {
	var c events.Click
	if err := c.UnmarshalVT(rec.Value); err != nil {
		return fmt.Errorf("reading a click: %w", err)
	}
	if c.Keyword == "bad" {
		row := &events.Row{ReceivedMs: c.ReceivedMs,
			Values: []*events.Value{{Text: c.ClickId}, {Text: "x"}, {Text: "no money"}}}
		return ctx.EmitMessage(notesTable.Topic.Name, rec.Key, row)
	}
	return ctx.EmitRow(&notesTable, rec.Key, c.ReceivedMs, c.ClickId, t.text, c.CostBaseMicros, c.UserAgent)
}

func registerNotes(t *testing.T) {
	t.Helper()
	t.Cleanup(stage.Register(stage.Declaration[noteSettings]{Name: "notes", Defaults: noteSettings{Text: "seen"},
		Tables: []schemas.Table{notesTable},
		New:    func(s noteSettings) (stage.Stage, error) { return notes{s.Text}, nil }}))
}

// TestStageWithATable: a stage of one's own declares a table, and each row it emits is there once, over a restart
// too; what does not fit is a dead letter, and the auditor knows of both.
func TestStageWithATable(t *testing.T) {
	registerNotes(t)
	dir, c := t.TempDir(), newOwnCatalog(t)
	u := startLogged(t, dir, c.file, zap.NewNop(), "stages.notes.text=hello")
	for range 3 {
		u.click("summer")
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Get("http://" + u.edge + "/c/summer?source=pushads&keyword=bad")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	rows := "SELECT count(), uniqExact(click_id), any(note), countIf(cost > 0) FROM tributary.click_notes"
	eventually(t, "rows", func() (bool, string) {
		got := u.query(rows)
		return strings.HasPrefix(got, "3\t3\thello"), got
	})
	letters := "SELECT count(), any(source_topic), any(detail LIKE '%column cost of table click_notes is Decimal(18, 6): want a whole number%') FROM tributary.dead_letters WHERE place = 'sink' AND reason = 'undecodable_record'"
	eventually(t, "the dead letter", func() (bool, string) {
		got := u.query(letters)
		return got == "1\tclick-notes\t1", got
	})
	if got := u.query("SELECT comment FROM system.columns WHERE database = 'tributary' AND table = 'click_notes' AND name = 'cost'"); got != "Cost of the click, base currency." {
		t.Errorf("the column says %q", got)
	}
	if report := u.audit(dir, c.file); !report.OK() {
		t.Errorf("differences of nothing: %v", report.Differences)
	}
	u.end()

	u = startLogged(t, dir, c.file, zap.NewNop(), "stages.notes.text=again")
	defer u.end()
	u.click("summer")
	eventually(t, "rows after a restart", func() (bool, string) {
		got := u.query(rows)
		return strings.HasPrefix(got, "4\t4\t"), got
	})
	u.query("ALTER TABLE tributary.click_notes DELETE WHERE note = 'again' SETTINGS mutations_sync = 2")
	report := u.audit(dir, c.file)
	if len(report.Differences) != 1 || !strings.Contains(report.Differences[0].String(),
		"table click_notes: 1 row missing") {
		t.Errorf("a row that is gone: %v", report.Differences)
	}
}

// TestStageSettings: the section of a stage is as strict as any other.
func TestStageSettings(t *testing.T) {
	registerNotes(t)
	load := func(set ...string) (*config.Loaded, error) {
		return config.Load(config.Sources{Sections: []string{config.SectionProcessor}, Set: set})
	}
	loaded, err := load("stages.notes.text=hello")
	if err != nil {
		t.Fatal(err)
	}
	if got := loaded.Config.Stages["notes"].(*noteSettings).Text; got != "hello" {
		t.Errorf("the stage is told %q", got)
	}
	if text, err := loaded.Print(); err != nil || !strings.Contains(string(text),
		"stages:\n  notes:\n    text: hello # --set") {
		t.Errorf("%v\n%s", err, text)
	}
	for set, want := range map[string]string{
		"stages.notes.texts=x": `did you mean "stages.notes.text"?`,
		"stages.note.text=x":   `did you mean "stages.notes.text"?`,
		"stages.notes.text=":   "stages.notes.text: is empty; say what is to be noted",
	} {
		var problems config.Problems
		if _, err := load(set); !errors.As(err, &problems) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", set, err, want)
		}
	}
}
