package importer

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Spreadsheets take a cell that begins with one of these for a formula, which may read files and send what it reads
// (OWASP, "CSV Injection"); the last four are the wide forms that some of them take for the same.
const formulaStarts = "=+-@\t\r\n＝＋－＠"

// escape stands before a cell that would be a formula: a spreadsheet shows it and the rest as text.
const escape = '\''

// neutral returns a cell that no spreadsheet takes for a formula. plain returns the cell that it was made of, for every
// one: a cell that begins with the escape itself gets one more.
func neutral(cell string) string {
	first, _ := utf8.DecodeRuneInString(cell)
	if cell == "" || first != escape && !strings.ContainsRune(formulaStarts, first) {
		return cell
	}
	return string(escape) + cell
}

// plain undoes neutral.
func plain(cell string) string {
	rest, escaped := strings.CutPrefix(cell, string(escape))
	if !escaped || neutral(rest) == rest {
		return cell
	}
	return rest
}

// isRejected tells by its header that a file is one of rejected lines, whose cells are neutral.
func isRejected(header []string) bool {
	return slices.Contains(header, rejectedLine) && slices.Contains(header, rejectedReason)
}

func each(cells []string, change func(string) string) {
	for i, cell := range cells {
		cells[i] = change(cell)
	}
}
