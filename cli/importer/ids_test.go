package importer

import (
	"bytes"
	"strings"
	"testing"

	"tributary/schemas"
)

// TestIDsOfAFileAreWhole: an ID that a spreadsheet made a number of, or that stands for none, is no click's; one that is too long is left
// out and not cut.
func TestIDsOfAFileAreWhole(t *testing.T) {
	var out bytes.Buffer
	o := options(t, "click_id,event_ms,external_id\n1.23457E+15,1771581600123,a\nundefined,1771581600123,a\n#REF!,1771581600123,a\n1E15,1771581600123,b\nx1,1771581600123,null\nx2,1771581600123,"+
		strings.Repeat("e", schemas.MaxExternalID+1)+"\nx3,1771581600123,"+strings.Repeat("e", 330)+"\n", &out)
	o.Tracker, o.Campaign, o.Columns = TrackerByName("native"), "summer", map[Field]string{ClickID: "click_id", Time: "event_ms", ExternalID: "external_id"}
	if err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"scientific notation", `line 3 (and 1 more): column click_id: "undefined"`, "2 clicks with a text that is cleaned or cut"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %s:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), `"1E15"`) {
		t.Errorf("an honest ID is refused:\n%s", out.String())
	}
	c, made := &converter{}, &click{}
	if got := c.cleanID(made, strings.Repeat("e", 330), schemas.MaxExternalID); len(got) != 330 || made.cut {
		t.Errorf("an ID of 330 bytes becomes one of %d", len(got))
	}
	if got := c.cleanID(made, strings.Repeat("e", schemas.MaxExternalID+1), schemas.MaxExternalID); got != "" || !made.cut {
		t.Errorf("too long an ID is cut to %d bytes", len(got))
	}
}
