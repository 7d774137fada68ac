package sheet

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"tributary/schemas/fuzzbound"
)

func encode(tb testing.TB, name, text string) string {
	tb.Helper()
	e, _ := encodingOf(name)
	if e == nil {
		return text
	}
	if name == "utf-16le" || name == "utf-16be" {
		order := unicode.LittleEndian
		if name == "utf-16be" {
			order = unicode.BigEndian
		}
		e = unicode.UTF16(order, unicode.IgnoreBOM)
	}
	coded, err := e.NewEncoder().String(text)
	if err != nil {
		tb.Fatal(err)
	}
	return coded
}

func pack(tb testing.TB, text string) string {
	tb.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

// whole reads a file's text and form.
func whole(content, declared string) (text string, f *File, err error) {
	if f, err = Open(strings.NewReader(content), int64(len(content)), declared); err != nil {
		return "", nil, err
	}
	r, err := f.Text(f.Start())
	if err != nil {
		return "", f, err
	}
	b, err := io.ReadAll(r)
	return string(b), f, err
}

func TestOpen(t *testing.T) {
	const text = "klick,größe,€\n1,\"Zürich\n2\",3\n"
	long := strings.Repeat("plain,ascii,line\n", 10000)
	for name, c := range map[string]struct {
		content, declared, encoding, want string
		guessed                           bool
	}{
		"UTF-8":                  {text, "", "UTF-8", text, false},
		"UTF-8, BOM":             {"\xef\xbb\xbf" + text, "", "UTF-8", text, false},
		"ASCII":                  {long, "", "UTF-8", long, false},
		"UTF-16LE":               {"\xff\xfe" + encode(t, "utf-16le", text), "", "UTF-16LE", text, false},
		"UTF-16BE":               {"\xfe\xff" + encode(t, "utf-16be", text), "", "UTF-16BE", text, false},
		"UTF-16LE, no BOM":       {encode(t, "utf-16le", text), "", "UTF-16LE", text, false},
		"UTF-16BE, no BOM":       {encode(t, "utf-16be", text), "", "UTF-16BE", text, false},
		"UTF-16, declared":       {encode(t, "utf-16le", text), "utf-16", "UTF-16LE", text, false},
		"windows-1252":           {encode(t, "windows-1252", text), "", "windows-1252", text, true},
		"windows-1252, declared": {encode(t, "windows-1252", text), "CP1252", "windows-1252", text, false},
		"windows-1252, late":     {long + encode(t, "windows-1252", text), "", "windows-1252", long + text, true},
		"windows-1251, declared": {encode(t, "windows-1251", "Привет, мир\n"), "windows-1251", "windows-1251",
			"Привет, мир\n", false},
		"KOI8-R, declared":  {encode(t, "koi8-r", "Привет\n"), "KOI8-R", "KOI8-R", "Привет\n", false},
		"latin 1, declared": {encode(t, "iso-8859-1", "größe\n"), "latin1", "ISO-8859-1", "größe\n", false},
		"a BOM counts before": {"\xff\xfe" + encode(t, "utf-16le", text), "windows-1251", "UTF-16LE", text,
			false},
		"UTF-8 with a broken letter": {text + "ab\xc3\n", "", "UTF-8", text + "ab\xc3\n", false},
		"UTF-8, cut at its end":      {"a,b\n1,größ\xc3", "", "UTF-8", "a,b\n1,größ\xc3", false},
		"gzip":                       {pack(t, text), "", "UTF-8", text, false},
		"gzip, BOM":                  {pack(t, "\xef\xbb\xbf"+text), "", "UTF-8", text, false},
		"gzip, UTF-16":               {pack(t, "\xff\xfe"+encode(t, "utf-16le", text)), "", "UTF-16LE", text, false},
		"gzip, windows-1252":         {pack(t, encode(t, "windows-1252", text)), "", "windows-1252", text, true},
		"gzip, in parts":             {pack(t, text) + pack(t, text), "", "UTF-8", text + text, false},
		"empty":                      {"", "", "UTF-8", "", false},
	} {
		got, f, err := whole(c.content, c.declared)
		if err != nil || got != c.want || f.Encoding != c.encoding || f.Guessed != c.guessed {
			t.Errorf("%s: %.60q %+v %v", name, got, f, err)
			continue
		}
		if f.Taken() < int64(len(c.content))-f.Start() {
			t.Errorf("%s: %d bytes were taken of %d", name, f.Taken(), len(c.content))
		}
	}
	// Letters at every place of the buffers.
	for n := range 70 {
		content := strings.Repeat("x", headBytes-35+n) + "€ß" + strings.Repeat("x", 100)
		if _, f, err := whole(content, ""); err != nil || f.Encoding != "UTF-8" {
			t.Fatalf("a letter at %d: %+v %v", headBytes-35+n, f, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	for content, want := range map[string]string{
		"PK\x03\x04…": ".xlsx", "\xd0\xcf\x11\xe0": ".xls", "%PDF-1": "PDF", "a\x00b": "zero bytes", "\xff\xfe\x00\x00a": "UTF-32", "\xef\xbb\xbfa\x00": "zero bytes",
		"\x1f\x8b\x08": "gzip", pack(t, "a,b\n1,2\n")[:20]: "cut off",
	} {
		if _, _, err := whole(content, ""); !errors.Is(err, ErrForm) || !strings.Contains(err.Error(), want) ||
			!strings.Contains(err.Error(), "; right would be ") {
			t.Errorf("%.20q: %v, want %q", content, err, want)
		}
	}
	if _, _, err := whole("a", "gbk"); !errors.Is(err, ErrForm) || !strings.Contains(err.Error(), "KOI8") {
		t.Errorf("an unknown character set: %v", err)
	}
	for name, e := range encodings {
		if _, canonical := encodingOf(name); canonical == "" || e.name == "" || !IsKnown(strings.ToUpper(name)) {
			t.Errorf("%s is called %q", name, canonical)
		}
	}
	if e, _ := encodingOf("Windows_1252"); e != charmap.Windows1252 {
		t.Error("Windows_1252 is not windows-1252")
	}
}

// lines are the records as "LINE: a|b" or "LINE! problem's line", and where they end.
func lines(tb testing.TB, r *Reader) (list []string, ends, nexts []int64) {
	tb.Helper()
	for {
		record, err := r.Next()
		if errors.Is(err, io.EOF) {
			return list, ends, nexts
		}
		if err != nil {
			tb.Fatal(err)
		}
		mark := ": "
		if record.Problem != "" {
			mark = "! "
		}
		list = append(list, fmt.Sprint(record.Line)+mark+strings.Join(record.Fields, "|"))
		ends, nexts = append(ends, record.End), append(nexts, record.Next)
		if len(list) > 100_000 {
			tb.Fatal("more records than bytes")
		}
	}
}

func read(tb testing.TB, text string, separator rune, limit int) (r *Reader, list []string) {
	tb.Helper()
	r, err := NewReader(strings.NewReader(text), 0, separator, limit)
	if err != nil {
		tb.Fatal(err)
	}
	list, _, _ = lines(tb, r)
	return r, list
}

func TestReader(t *testing.T) {
	const limit = 1000
	long := strings.Repeat("x", limit)
	for name, c := range map[string]struct{ text, want string }{
		"plain":                   {"a,b\n1,2\n3,4\n", "1: a|b\n2: 1|2\n3: 3|4"},
		"no end":                  {"a,b\n1,2", "1: a|b\n2: 1|2"},
		"semicolons":              {"a;b\r\n1;\"2;3\"\r\n", "1: a|b\n2: 1|2;3"},
		"tabs":                    {"a\tb\n1\t2\n", "1: a|b\n2: 1|2"},
		"pipes":                   {"a|b|c\n1|2|3\n", "1: a|b|c\n2: 1|2|3"},
		"sep=":                    {"sep=;\na;b,c\n1;2\n", "2: a|b,c\n3: 1|2"},
		"sep= in quotes, Windows": {"\"sep=;\"\r\na;b\r\n1;2\r\n", "2: a|b\n3: 1|2"},
		"SEP= of a tab":           {"SEP=\t\na\tb,c,d\n", "2: a|b,c,d"},
		"no sep=":                 {"sep=,x\n1,2\n", "1: sep=|x\n2: 1|2"},
		"old Macs":                {"a,b\r1,\"2\r3\"\r4,5\r", "1: a|b\n2: 1|2\r3\n4: 4|5"},
		"old Macs, no end":        {"a,b\r1,2", "1: a|b\n2: 1|2"},
		"old Macs, sep=":          {"sep=;\ra;b\r1;2\r", "2: a|b\n3: 1|2"},
		"a carriage return in it": {"a,b\n1,2\r3\n", "1: a|b\n2: 1|2\r3"},
		"line in it":              {"a,b\n\"1\n1\",2\n3,4\n", "1: a|b\n2: 1\n1|2\n4: 3|4"},
		"lines in it, Windows":    {"a,b\r\n\"1\r\n1\",2\r\n3,4\r\n", "1: a|b\n2: 1\n1|2\n4: 3|4"},
		"quotes in it":            {"a,b\n\"say \"\"hi\"\"\",2\n", "1: a|b\n2: say \"hi\"|2"},
		"a number kept as text":   {"a,b\n=\"001\",=\"2,5\"\n\"=\"\"007\"\"\",4\n", "1: a|b\n2: 001|2,5\n3: 007|4"},
		"a formula is a text":     {"a,b\n=1+1,=A1\n", "1: a|b\n2: =1+1|=A1"},
		"empty lines":             {"a,b\n\n\n1,2\n\r\n3,4\n", "1: a|b\n4: 1|2\n6: 3|4"},
		"carriage returns alone":  {"a,b\n\r\r\n1,2\n", "1: a|b\n3: 1|2"},
		"bare quote":              {"a,b\n1,2\"2\n3,4\n", "1: a|b\n2! 1,2\"2\n3: 3|4"},
		"quote behind":            {"a,b\n\n\"1\"x,2\n3,4\n", "1: a|b\n3! \"1\"x,2\n4: 3|4"},
		"never closed":            {"a,b\n1,\"2\n3,4\n5,6\n", "1: a|b\n2! 1,\"2\n3: 3|4\n4: 5|6"},
		"never closed, Macs":      {"a,b\r1,\"2\r3,4\r", "1: a|b\n2! 1,\"2\n3: 3|4"},
		"too long": {"a,b\n1," + long + long + long + long + long + "\n3,4\n", "1: a|b\n2! 1," +
			long[2:] + "\n3: 3|4"},
		"too long, the last": {"a,b\n1," + long + long, "1: a|b\n2! 1," + long[2:]},
		"as long as may be":  {"a,b\n" + long[3:] + ",1\n3,4\n", "1: a|b\n2: " + long[3:] + "|1\n3: 3|4"},
		"short line":         {"a,b\n1\n", "1: a|b\n2: 1"},
		"one column":         {"id\n1\n2\n", "1: id\n2: 1\n3: 2"},
		"nothing":            {"", ""},
	} {
		if _, got := read(t, c.text, 0, limit); strings.Join(got, "\n") != c.want {
			t.Errorf("%s: got %.200q\nwant %.200q", name, strings.Join(got, "\n"), c.want)
		}
	}
	// A quote that is never closed within the limit costs its line alone.
	_, got := read(t, "a,b\n1,\"2\n"+strings.Repeat("3,4\n", 2*limit)+"5,\"6\"\n", 0, limit)
	if len(got) != 2*limit+3 || got[1] != `2! 1,"2` || got[len(got)-1] != fmt.Sprint(2*limit+3)+": 5|6" {
		t.Errorf("%d records, the last %q", len(got), got[len(got)-1])
	}
	if r, got := read(t, "a¦b\n1¦2,3\n", '¦', limit); got[1] != "2: 1|2,3" || r.Separator != '¦' {
		t.Errorf("another separator: %q", got)
	}
}

// TestEmptyLinesWithoutEnd: a file of nothing but odd line ends is read in a stack of one record, however long it is.
func TestEmptyLinesWithoutEnd(t *testing.T) {
	debug.SetMaxStack(8 << 20)
	defer debug.SetMaxStack(1 << 30)
	r, err := NewReader(strings.NewReader("a,b\n"+strings.Repeat("\r\r\n", 1<<20)+"1,2\n"), 0, 0, 1<<10)
	if err != nil {
		t.Fatal(err)
	}
	if got, _, _ := lines(t, r); len(got) != 2 || got[1] != fmt.Sprint(1<<20+2)+": 1|2" {
		t.Errorf("%d records, the last %q", len(got), got[len(got)-1])
	}
}

// FuzzReader holds that any bytes are read to their end in bounded records, that lines and offsets grow, that what is read on from a record's end
// is what is read without a break, and that it does not matter in what pieces the text comes.
func FuzzReader(f *testing.F) {
	for _, seed := range []string{"a,b\n1,2\n3,4\n", "sep=;\na;b\r\n\"1;\";2", "a\tb\n\"x\ny\"\t2\n\n3",
		"a,b\n1,\"2\n3,4\n", "a\n\"\"\"\n\"x\"y\n\r\n\rz", "a,b\r1,2\r\"3\r4\",5", "a\n=\"001\",=\"", "\r\r\n=", "a,b\n\"\"\"\"\"\"x\r\r\n\r"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		const limit = 64
		text := string(data)
		fuzzbound.Hold(t, 16<<10+400*len(data), func() {
			r, err := NewReader(bytes.NewReader(data), 0, 0, limit)
			for err == nil {
				_, err = r.Next()
			}
		})
		r, err := NewReader(strings.NewReader(text), 0, 0, limit)
		if err != nil {
			t.Fatal(err)
		}
		all, ends, nexts := lines(t, r)
		last, line := int64(0), int64(0)
		for i, end := range ends {
			if end <= last || end > int64(len(data)) || nexts[i] <= line {
				t.Fatalf("record %d ends at %d behind %d, line %d behind %d; the text has %d bytes", i, end, last,
					nexts[i], line, len(data))
			}
			last, line = end, nexts[i]
		}
		slow, err := NewReader(&trickle{text}, 0, 0, limit)
		if err != nil {
			t.Fatal(err)
		}
		if pieces, _, _ := lines(t, slow); strings.Join(pieces, "\x00") != strings.Join(all, "\x00") {
			t.Fatalf("in pieces %q is read as %q, whole as %q", text, pieces, all)
		}
		for at := range ends {
			again, _, _ := lines(t, r.Resume(strings.NewReader(text[ends[at]:]), ends[at], nexts[at]))
			if strings.Join(again, "\x00") != strings.Join(all[at+1:], "\x00") {
				t.Fatalf("from %d on %q is read as %q, whole as %q", ends[at], text, again, all[at+1:])
			}
		}
	})
}

// trickle is a text that comes byte by byte.
type trickle struct{ left string }

func (r *trickle) Read(b []byte) (int, error) {
	if r.left == "" {
		return 0, io.EOF
	}
	b[0], r.left = r.left[0], r.left[1:]
	return 1, nil
}

// FuzzOpen holds that no bytes crash, that the text is valid where it was decoded, and that nothing is unpacked without end.
func FuzzOpen(f *testing.F) {
	for _, seed := range []string{"a,b", "\xff\xfea\x00", "\xfe\xff\x00a\xd8", "\x1f\x8b\x08", pack(f, "a,b\n"),
		"gr\xf6\xdfe", "PK\x03\x04", "\xef\xbb\xbfa"} {
		f.Add([]byte(seed), "")
		f.Add([]byte(seed), "windows-1251")
	}
	f.Fuzz(func(t *testing.T, data []byte, declared string) {
		file, err := Open(bytes.NewReader(data), int64(len(data)), declared)
		if err != nil {
			if !errors.Is(err, ErrForm) {
				t.Fatal(err)
			}
			return
		}
		r, err := file.Text(file.Start())
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(io.LimitReader(r, 1<<20))
		if err != nil && !errors.Is(err, ErrForm) {
			t.Fatal(err)
		}
		if file.Direct() && string(text) != string(data[file.Start():]) {
			t.Fatalf("%q is read as %q", data, text)
		}
	})
}
