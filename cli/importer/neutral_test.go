package importer

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// formulas are cells that a stranger may have left in the clicks of another tracker.
var formulas = []string{
	"=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "'=1", "''", "'", "＝1", "-5", "", "x=1", " =1", "it's", "ü",
}

// TestRejectedCellsAreNoFormulas: what a person opens in a spreadsheet runs nothing, and an import of the same file
// reads what was there.
func TestRejectedCellsAreNoFormulas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clicks.csv.rejected.csv")
	header := []string{"sub_id", "=HYPERLINK(\"https://evil.example\")", "campaign"}
	file := &rejectedFile{path: path, format: &Format{Separator: ';', Header: header}}
	for i, cell := range formulas {
		if err := file.add(&rejection{line: int64(i), column: "=x", value: cell, problem: "wrong", record: []string{cell, cell, "summer"}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := file.close(); err != nil {
		t.Fatal(err)
	}
	if about, err := os.Stat(path); err != nil || about.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", about.Mode(), err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	raw := csv.NewReader(bytes.NewReader(content))
	raw.Comma = ';'
	rows, err := raw.ReadAll()
	if err != nil || len(rows) != len(formulas)+1 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.ContainsRune(formulaStarts, []rune(cell)[0]) {
				t.Errorf("a spreadsheet takes %q for a formula", cell)
			}
		}
	}
	format, err := Detect(bytes.NewReader(content), int64(len(content)), 0, "")
	if err != nil || !format.Neutral || !slices.Equal(format.Header[:3], header) {
		t.Fatalf("%+v, %v", format, err)
	}
	reader, err := newReader(format, format.Body, format.Line)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range formulas {
		record, err := reader.next()
		if err != nil {
			t.Fatal(err)
		}
		if record.Fields[0] != want || record.Fields[1] != want {
			t.Errorf("read again: %q, want %q", record.Fields[:2], want)
		}
	}
	// Another file's apostrophes are its own.
	other, err := Detect(strings.NewReader("sub_id,campaign\n'=1,x\n"), 21, 0, "")
	if err != nil || other.Neutral {
		t.Errorf("%+v, %v", other, err)
	}
}

func FuzzNeutral(f *testing.F) {
	for _, cell := range formulas {
		f.Add(cell)
	}
	f.Fuzz(func(t *testing.T, cell string) {
		safe := neutral(cell)
		if safe != "" && strings.ContainsRune(formulaStarts, []rune(safe)[0]) {
			t.Errorf("%q became %q", cell, safe)
		}
		if got := plain(safe); got != cell {
			t.Errorf("%q became %q and %q again", cell, safe, got)
		}
	})
}
