package importer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"tributary/cli/misuse"
)

// readAll reads a text from an offset and line on, as lines "LINE: a|b" or "LINE! problem".
func readAll(tb testing.TB, text string, f *Format, at, line int64) (lines []string, ends []int64) {
	tb.Helper()
	r, err := newReader(f, at, line)
	if err != nil {
		tb.Fatal(err)
	}
	for {
		record, err := r.next()
		if errors.Is(err, io.EOF) {
			return lines, ends
		}
		if err != nil {
			tb.Fatal(err)
		}
		if record.Problem != "" {
			lines = append(lines, fmt.Sprintf("%d! %s", record.Line, record.Fields[0]))
		} else {
			lines = append(lines, fmt.Sprintf("%d: %s", record.Line, strings.Join(record.Fields, "|")))
		}
		ends = append(ends, record.End)
		if len(lines) > len(text)+1 {
			tb.Fatal("more records than bytes")
		}
	}
}

func TestReader(t *testing.T) {
	long := strings.Repeat("x", maxRecordBytes/2)
	for name, c := range map[string]struct{ text, want string }{
		"plain":        {"a,b\n1,2\n3,4\n", "2: 1|2\n3: 3|4"},
		"no end":       {"a,b\n1,2", "2: 1|2"},
		"semicolons":   {"a;b\r\n1;\"2;3\"\r\n", "2: 1|2;3"},
		"tabs, BOM":    {"\xef\xbb\xbfa\tb\n1\t2\n", "2: 1|2"},
		"line in it":   {"a,b\n\"1\n1\",2\n3,4\n", "2: 1\n1|2\n4: 3|4"},
		"empty lines":  {"a,b\n\n\n1,2\n\n3,4\n", "4: 1|2\n6: 3|4"},
		"bare quote":   {"a,b\n1,2\"2\n3,4\n", "2! 1,2\"2\n3: 3|4"},
		"quote behind": {"a,b\n\n\"1\"x,2\n3,4\n", "3! \"1\"x,2\n4: 3|4"},
		"never closed": {"a,b\n1,\"2\n3,4\n5,6\n", "2! 1,\"2\n3: 3|4\n4: 5|6"},
		"too long":     {"a,b\n1," + long + long + long + "\n3,4\n", "2! 1," + (long + long)[2:] + "\n3: 3|4"},
		"long, quoted": {"a,b\n1,2\n\"" + strings.Repeat(long[:1000]+"\n", 200) + "\",5\n6,7\n", ""},
		"short line":   {"a,b\n1\n", "2: 1"},
		"header alone": {"a,b\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := Detect(strings.NewReader(c.text), int64(len(c.text)), 0, "")
			if err != nil {
				t.Fatal(err)
			}
			lines, _ := readAll(t, c.text, f, f.Body, f.Line)
			if name == "long, quoted" { // the lines inside come one by one, and what is behind is read
				if len(lines) < 200 || lines[0] != "2: 1|2" || lines[len(lines)-1] != "204: 6|7" {
					t.Errorf("%d lines, %.40q … %.40q", len(lines), lines[0], lines[len(lines)-1])
				}
				return
			}
			if got := strings.Join(lines, "\n"); got != c.want {
				t.Errorf("got %.200q\nwant %.200q", got, c.want)
			}
		})
	}
}

func TestDetectRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "the file is empty",
		"\xff\xfe\x00\x00":                    "UTF-32",
		"PK\x03\x04…":                         ".xlsx",
		"\x1f\x8b\x08":                        "gzip",
		"a\x00b":                              "zero bytes",
		strings.Repeat("a", maxRecordBytes+1): "more than 65536 bytes",
		strings.Repeat("a,", maxColumns) + "": "at most 500",
	} {
		if _, err := Detect(strings.NewReader(text), int64(len(text)), 0, ""); !misuse.Is(err) ||
			!strings.Contains(err.Error(), want) || !strings.Contains(want, "at most") &&
			!strings.Contains(err.Error(), "right would be") {
			t.Errorf("%.20q: %v, want %q", text, err, want)
		}
	}
}

// FuzzReader holds that a file of any bytes is read to its end in bounded records, that lines and offsets grow, and that what
// is read from any record's end on is what is read without a break.
func FuzzReader(f *testing.F) {
	for _, seed := range []string{"a,b\n1,2\n3,4\n", "a;b\r\n\"1;\";2", "\xef\xbb\xbfa\tb\n\"x\ny\"\t2\n\n3", "a,b\n1,\"2\n3,4\n", "a\n\"\"\"\n\"x\"y\n\r\n\rz"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		format, err := Detect(bytes.NewReader(data), int64(len(data)), 0, "")
		if err != nil {
			if !misuse.Is(err) {
				t.Fatal(err)
			}
			return
		}
		text := string(data)
		whole, ends := readAll(t, text, format, format.Body, format.Line)
		last := format.Body
		for i, end := range ends {
			if end <= last || format.file.Direct() && end > int64(len(data)) {
				t.Fatalf("record %d ends at %d behind %d, the file has %d bytes", i, end, last, len(data))
			}
			last = end
		}
		if len(ends) == 0 {
			return
		}
		at := len(ends) / 2
		again, _ := readAll(t, text, format, ends[at], 1)
		if len(again) != len(whole)-at-1 {
			t.Fatalf("from %d on there are %d records, not %d: %q, all: %q", ends[at], len(again), len(whole)-at-1, again, whole)
		}
		for i := range again {
			_, a, _ := strings.Cut(again[i], " ")
			if _, w, _ := strings.Cut(whole[at+1+i], " "); a != w {
				t.Fatalf("from %d on record %d is %q, not %q", ends[at], i, a, w)
			}
		}
	})
}
