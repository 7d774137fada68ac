package verify

import (
	"strings"
	"testing"

	"tributary/schemas"
	"tributary/schemas/events"
)

// TestTextsAndExpressions: as many parts on both sides, in one order, for every table; what may be blanked is in
// neither.
func TestTextsAndExpressions(t *testing.T) {
	own, err := schemas.RowTable(schemas.Table{Name: "alarms", Comment: "Alarms.", ID: "click_id",
		OrderBy: []string{"click_id"},
		Topic:   schemas.Topic{Name: "alarms", Key: "none", RetentionMS: 1},
		Columns: []schemas.Column{{Name: "click_id", Type: schemas.TypeText, Comment: "Its click.",
			Privacy: schemas.PrivacyNone},
			{Name: "agent", Type: schemas.TypeText, Comment: "User agent.", Privacy: schemas.PrivacyPersonal},
			{Name: "at", Type: schemas.TypeTime, Comment: "When."},
			{Name: "sure", Type: schemas.TypeBool, Comment: "Whether."},
			{Name: "share", Type: schemas.TypeFloat64, Comment: "Share."}}})
	if err != nil {
		t.Fatal(err)
	}
	scope := newScope(append(schemas.Tables()[:len(schemas.Tables()):len(schemas.Tables())], own))
	for _, table := range scope.tables {
		if text := table.text(7, table.make()); text != "" && strings.Count(text, "|") != strings.Count(table.hash(),
			"'|'") {
			t.Errorf("%s: %q beside %s", table.Name, text, table.hash())
		}
	}
	table := scope.tableOf("alarms")
	row, err := own.NewRow(1, "c", "Firefox", int64(5), true, 0.5)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := table.text(7, row), "7|c|5|1|4602678819172646912"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := table.hash(),
		"xxHash64(concat(toString(_offset), '|', toString(`click_id`), '|', toString(toUnixTimestamp64Milli(`at`)), "+
			"'|', toString(toUInt8(`sure`)), '|', toString(reinterpretAsUInt64(`share`))))"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := table.text(7, &events.Row{Values: []*events.Value{{Number: 1}}}); got != "" {
		t.Errorf("a record that does not fit needs a row: %q", got)
	}
	if got := scope.tableOf(schemas.TopicPostbacks).text(7, &events.Postback{ReceiptId: "r"}); got != "" {
		t.Errorf("a postback without click ID needs a row: %q", got)
	}
	if got := scope.tableOf(schemas.TopicScoredClicks).text(7,
		&events.Click{ClickId: "c", CampaignId: 2, SourceId: 3, EventMs: 4, CostBaseMicros: 5,
			Score: 6}); got != "7|c|4|2|3|5|6" {
		t.Errorf("a click is %q", got)
	}
}
