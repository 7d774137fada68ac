package importer

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
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

// TestLettersAreNotGuessed: what is identity or money in a file that does not say its character set is asked for.
// Nothing of such a line is sent, and nothing is written of it, for the guess would stand there as if it were the ID.
func TestLettersAreNotGuessed(t *testing.T) {
	// "Зима" in windows-1251, which reads as "Çèìà" in windows-1252.
	const word = "\xc7\xe8\xec\xe0"
	for column, c := range map[string]struct {
		line   string
		unsure bool
	}{
		"sub_id": {word + "1;2026-02-20 10:00:00;summer;0,5;s;x;x;1;agent", true}, "campaign": {"k1;2026-02-20 10:00:00;" +
			word + ";0,5;s;x;x;1;agent", true},
		"cost":        {"k1;2026-02-20 10:00:00;summer;\x88 0,5;s;x;x;1;agent", true},
		"ts":          {"k1;2026-02-20 10:00:00;summer;0,5;" + word + ";x;x;1;agent", true},
		"external_id": {"k1;2026-02-20 10:00:00;summer;0,5;s;" + word + ";x;1;agent", true},
		"sub_id_1":    {"k1;2026-02-20 10:00:00;summer;0,5;s;x;x;" + word + ";agent", true},
		"keyword":     {"k1;2026-02-20 10:00:00;summer;0,5;s;x;" + word + ";1;agent", false},
		"user_agent":  {"k1;2026-02-20 10:00:00;summer;0,5;s;x;x;1;" + word, false},
	} {
		text := "sub_id;datetime;campaign;cost;ts;external_id;keyword;sub_id_1;user_agent\n" + c.line + "\n"
		var out bytes.Buffer
		o := options(t, text, &out)
		if err := Run(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(out.String(), "column "+column) && strings.Contains(out.String(),
			"right would be --encoding windows-1252, or another"); got != c.unsure {
			t.Errorf("%s: the report is\n%s", column, out.String())
		}
		if got := strings.Contains(out.String(), "give --encoding") || strings.Contains(out.String(),
			"Nothing can be imported as it is"); got != c.unsure {
			t.Errorf("%s: the report says\n%s", column, out.String())
		}
		sent := 0
		edge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			sent++
			_, _ = io.WriteString(w, `{"clicks":[{}]}`)
		}))
		o.Send, o.Edge, o.Out = true, edge.URL, io.Discard
		err := Run(t.Context(), o)
		edge.Close()
		_, kept := os.Stat(o.File + ".rejected.csv")
		switch {
		case c.unsure && (err == nil || !strings.Contains(err.Error(), "--encoding") || sent > 0 || kept == nil):
			t.Errorf("%s: %v, %d requests, rejected lines: %v", column, err, sent, kept)
		case !c.unsure && (err != nil || sent != 1):
			t.Errorf("%s: %v, %d requests", column, err, sent)
		}
		// Who says what it is has it read so.
		o.Send, o.Encoding, o.Out = false, "windows-1251", &out
		o.CampaignMap = map[string]string{"Зима": "summer"}
		out.Reset()
		if err := Run(t.Context(), o); err != nil || strings.Contains(out.String(), "depend on") {
			t.Errorf("%s, declared: %v\n%s", column, err, out.String())
		}
	}
}
