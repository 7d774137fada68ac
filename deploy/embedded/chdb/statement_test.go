package chdb

import (
	"strings"
	"testing"
)

func TestAnalyse(t *testing.T) {
	for _, test := range []struct {
		text, verb, format string
		insert             string // "format|rewritten|data"
		blank, several     bool
	}{
		{text: "", blank: true},
		{text: " -- nothing\n/* here */ # either", blank: true},
		{text: "select 1", verb: "SELECT"},
		{text: "SELECT 1;", verb: "SELECT"},
		{text: "SELECT 1; -- done\n", verb: "SELECT"},
		{text: "SELECT ';' ; SELECT 2", verb: "SELECT", several: true},
		{text: "SELECT 1 FORMAT JSON", verb: "SELECT", format: "JSON"},
		{text: "SELECT 1 FORMAT JSON;", verb: "SELECT", format: "JSON"},
		{text: "SELECT 1 format JSON SETTINGS max_threads = 1", verb: "SELECT", format: "JSON"},
		{text: "SELECT 1 SETTINGS max_threads = 1 FORMAT Null", verb: "SELECT", format: "Null"},
		{text: "SELECT format FROM t", verb: "SELECT"},
		{text: "SELECT 'FORMAT JSON'", verb: "SELECT"},
		{text: "SELECT 1 AS `FORMAT` -- FORMAT JSON", verb: "SELECT"},
		{text: "SELECT * FROM (SELECT 1 FORMAT JSON)", verb: "SELECT"},
		{text: "((SELECT 1)) UNION ALL SELECT 2 FORMAT CSV", verb: "SELECT", format: "CSV"},
		{text: "SHOW TABLES FORMAT TSV", verb: "SHOW", format: "TSV"},
		{text: "INSERT INTO t FORMAT Native", verb: "INSERT", insert: "Native|INSERT INTO t  FROM INFILE 'p' COMPRESSION 'none'  FORMAT Native|"},
		{text: "INSERT INTO t FORMAT TSV\n1\n2", verb: "INSERT", insert: "TSV|INSERT INTO t  FROM INFILE 'p' COMPRESSION 'none'  FORMAT TSV|1\n2"},
		{text: "INSERT INTO t FORMAT RowBinary \r\n\n\x00", verb: "INSERT", insert: "RowBinary|INSERT INTO t  FROM INFILE 'p' COMPRESSION 'none'  FORMAT RowBinary|\n\x00"},
		{text: "insert t values (1)", verb: "INSERT", insert: "Values|insert t  FROM INFILE 'p' COMPRESSION 'none'  FORMAT Values| (1)"},
		{text: "INSERT INTO TABLE d.t (`values`, b) SETTINGS async_insert = 1 VALUES ('x')", verb: "INSERT",
			insert: "Values|INSERT INTO TABLE d.t (`values`, b)  FROM INFILE 'p' COMPRESSION 'none' SETTINGS async_insert = 1  FORMAT Values| ('x')"},
		{text: "INSERT INTO table VALUES (1)", verb: "INSERT", insert: "Values|INSERT INTO table  FROM INFILE 'p' COMPRESSION 'none'  FORMAT Values| (1)"},
		{text: "INSERT INTO d.values VALUES (1)", verb: "INSERT", insert: "Values|INSERT INTO d.values  FROM INFILE 'p' COMPRESSION 'none'  FORMAT Values| (1)"},
		{text: "INSERT INTO FUNCTION null('a UInt8') VALUES (1)", verb: "INSERT", insert: "Values|INSERT INTO FUNCTION null('a UInt8')  FROM INFILE 'p' COMPRESSION 'none'  FORMAT Values| (1)"},
		{text: "INSERT INTO t SELECT 1 FORMAT Null", verb: "INSERT", format: "Null"},
		{text: "INSERT INTO t (a) WITH 1 AS x SELECT x", verb: "INSERT"},
		{text: "INSERT INTO t FROM INFILE 'x' FORMAT CSV", verb: "INSERT", format: "CSV"},
		{text: "INSERT INTO", verb: "INSERT"},
		{text: "INSERT INTO t FORMAT", verb: "INSERT"},
		{text: "SELECT 'unclosed", verb: "SELECT"},
		{text: "/* unclosed", blank: true},
	} {
		s := analyse(test.text)
		insert := ""
		if s.insert != nil {
			insert = s.insert.format + "|" + s.fromFile("p") + "|" + test.text[s.insert.data:]
		}
		if s.verb != test.verb || s.format != test.format || insert != test.insert || s.blank != test.blank || s.several != test.several {
			t.Errorf("%q: verb %q format %q insert %q blank %v several %v", test.text, s.verb, s.format, insert, s.blank, s.several)
		}
	}
}

func FuzzAnalyse(f *testing.F) {
	f.Add("INSERT INTO TABLE d.t (`a`, b) SETTINGS x = 'y' FORMAT Native\n\x00")
	f.Add("WITH 1 AS x SELECT [x, {a:UInt8}] /* c */ FORMAT JSON SETTINGS y = 1; -- z")
	f.Add("insert values values(')')")
	f.Fuzz(func(t *testing.T, text string) {
		s := analyse(text)
		if s.blank && s.verb != "" {
			t.Errorf("blank with verb %q", s.verb)
		}
		if in := s.insert; in != nil {
			if in.source < 0 || in.source > in.head || in.head > in.data || in.data > len(text) {
				t.Errorf("parts out of order: %+v of %d bytes", *in, len(text))
			}
			if !strings.Contains(s.fromFile("p"), "FROM INFILE 'p'") {
				t.Error("the rewritten insert reads no file")
			}
		}
	})
}

func TestConfigNeedsADirectory(t *testing.T) {
	if _, err := (ServerConfig{LibPath: "x"}).withDefaults(); err == nil || !strings.Contains(err.Error(), "DataDir") {
		t.Errorf("got %v", err)
	}
}

func TestSettingsIn(t *testing.T) {
	for text, want := range map[string]string{
		"SELECT 1": "",
		"SELECT settings, settings = 1 FROM settings AS settings WHERE settings = 2":                    "",
		"SELECT 'SETTINGS a = 1', `SETTINGS` = 1":                                                       "",
		"SELECT 1 SETTINGS a = 1":                                                                       "a=1",
		"SELECT 1 SETTINGS a = -1.5, b = 1e-5, c = 'x, y = 2', d = DEFAULT FORMAT TSV":                  "a=-1.5|b=1e-5|c='x, y = 2'|d=DEFAULT",
		"SELECT * FROM (SELECT 1 SETTINGS a = 1) SETTINGS b = 2":                                        "a=1|b=2",
		"SELECT 1 SETTINGS a = 1 UNION ALL SELECT 1 SETTINGS `b` = 2":                                   "a=1|b=2",
		"SELECT 1 SETTINGS a = map('x', 'y'), b = {'x':'1 = 2', 'y':'(', 'z':'3'}, c = [1, 2], d = (1)": "a=map('x', 'y')|b={'x':'1 = 2', 'y':'(', 'z':'3'}|c=[1, 2]|d=(1)",
		"SELECT (SELECT 1 SETTINGS custom.a = 1)":                                                       "custom.a=1",
		"SELECT 1 IN (SELECT 1 SETTINGS a = {'x':'1'}, b = 2), 3 AS c":                                  "a={'x':'1'}|b=2",
		"SET a = 1, b = 'x'": "a=1|b='x'",
	} {
		var found []string
		for _, set := range settingsIn(text) {
			found = append(found, set.name+"="+set.value)
		}
		if got := strings.Join(found, "|"); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
