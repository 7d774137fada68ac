// Package sheet reads files as spreadsheets, networks and trackers write them: CSV and other lines of text, in any of
// the forms that they come in. Uploads to the edge and the importer read with it, so that one file says the same to
// both.
//
// Place in the flow: before the edge's uploads and cli/importer read a line.
//
//   - Open finds out how a text is written (gzip, a byte order mark, UTF-8, UTF-16, an 8-bit character set) and returns
//     it as UTF-8.
//   - Reader reads records: any separator, a first line sep=;, line ends of Unix, Windows and old Macs, line ends
//     inside quotes, ="001".
//
// Invariants:
//   - What is not text (a ZIP, a spreadsheet's own file, zero bytes) is refused with what would be right, never read as
//     something else.
//   - A file that is not UTF-8 and does not say what it is (File.Guessed) may be read wrong: windows-1252 is the
//     likeliest. Whoever takes identity or money from it must refuse letters that another character set writes
//     otherwise (IsSure).
//   - A line that is no record is answered as such, alone: the next one is read as if it had not been there.
//   - Memory does not grow with the file: a record is bounded, and gzip is unpacked as it is read.
//
// Concurrency: a Reader belongs to one goroutine. A File is immutable; its texts can be read at the same time.
//
// Not responsible for: what a column means.
package sheet
