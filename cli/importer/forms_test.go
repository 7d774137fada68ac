package importer

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// TestForms holds that a file in any form is imported whole, also when it is broken off behind any line and taken up again.
func TestForms(t *testing.T) {
	const text = "sub_id;datetime;campaign;cost;sub_id_1\r\n\"=\"\"0012\"\"\";31.01.2026 12:00;Zürich;1,5;\"two\r\nlines\"\r\n0013;31.01.2026 12:01;Zürich;$2,5;x\r\n\r\n0014;31.01.2026 12:02;Zürich;3,5;x\r\n"
	const want = `2: 0012|31.01.2026 12:00|Zürich|1,5|two
lines
4: 0013|31.01.2026 12:01|Zürich|$2,5|x
6: 0014|31.01.2026 12:02|Zürich|3,5|x`
	must := func(text string, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	packed := func(text string) string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		w.Write([]byte(text))
		w.Close()
		return b.String()
	}
	little := must(unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewEncoder().String(text))
	latin := must(charmap.Windows1252.NewEncoder().String(text))
	for name, content := range map[string]string{
		"UTF-8": text, "BOM": "\ufeff" +
			text, "UTF-16": little, "windows-1252": latin, "gzip": packed(text), "gzip, UTF-16": packed(little), "gzip, windows-1252": packed(latin), "gzip, BOM": packed("\ufeff" + text),
		"old Macs": strings.ReplaceAll(text, "\r\n", "\r"),
	} {
		f, err := Detect(strings.NewReader(content), int64(len(content)), 0, "")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		all, ends := readAll(t, content, f, f.Body, f.Line)
		if got := strings.ReplaceAll(strings.Join(all, "\n"), "\r", "\n"); got != want || f.Separator != ';' {
			t.Errorf("%s: %q %+v", name, got, f)
		}
		r, err := newReader(f, f.Body, f.Line)
		if err != nil {
			t.Fatal(err)
		}
		for i := range ends {
			record, err := r.next()
			if err != nil {
				t.Fatal(err)
			}
			if again, _ := readAll(t, content, f, record.End, record.Next); strings.Join(again,
				"\n") != strings.Join(all[i+1:], "\n") {
				t.Errorf("%s: behind record %d there is %q, want %q", name, i, again, all[i+1:])
			}
		}
	}
}

// TestMapForms is the same of a file with names.
func TestMapForms(t *testing.T) {
	latin, err := charmap.Windows1252.NewEncoder().String("sep=;\r\nZürich;summer\r\n\"a;b\";winter\r\n")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "map.csv")
	if err := os.WriteFile(path, []byte(latin), 0o600); err != nil {
		t.Fatal(err)
	}
	if m, err := ParseMap("--campaign-map", []string{"@" + path}); err == nil || !strings.Contains(err.Error(),
		"line 2 has letters that depend on the file's character set") {
		t.Errorf("a name is guessed: %v, %v", m, err)
	}
	if err := os.WriteFile(path, []byte("sep=;\r\nZürich;summer\r\n\"a;b\";winter\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := ParseMap("--campaign-map", []string{"@" + path})
	if err != nil || m["Zürich"] != "summer" || m["a;b"] != "winter" || len(m) != 2 {
		t.Errorf("%v, %v", m, err)
	}
}
