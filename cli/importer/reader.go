package importer

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"tributary/cli/misuse"
	"tributary/ingest/sheet"
)

const (
	// maxRecordBytes bounds one line of the file, quoted line ends included: the longest click, with every text at its limit, has 12 KiB.
	maxRecordBytes = 64 << 10
	// maxColumns bounds the fields of a line.
	maxColumns = 500
	// headBytes is how much of the file tells it from another one.
	headBytes = 64 << 10
)

// A Format is how a file is written.
type Format struct {
	Separator rune
	// Neutral: it is a file of rejected lines, whose cells have an apostrophe where a spreadsheet would see a formula.
	// The reader takes it away.
	Neutral bool
	// Header are the names of its first line.
	Header []string
	// Body is where the lines begin, in bytes of its text.
	Body int64
	// Line is the number of the line at Body, from 1.
	Line int64

	file  *sheet.File
	sheet *sheet.Reader
}

// Detect reads the first line of a file of size bytes. separator 0 and an empty encoding are found out.
func Detect(source io.ReaderAt, size int64, separator rune, encoding string) (*Format, error) {
	f := &Format{}
	var text io.Reader
	var err error
	if f.file, err = sheet.Open(source, size, encoding); err == nil {
		text, err = f.file.Text(f.file.Start())
	}
	if err == nil {
		f.sheet, err = sheet.NewReader(text, f.file.Start(), separator, maxRecordBytes)
	}
	var record *sheet.Record
	if err == nil {
		record, err = f.sheet.Next()
	}
	switch {
	case errors.Is(err, sheet.ErrForm):
		return nil, misuse.Errorf("the file cannot be read: %v", err)
	case errors.Is(err, io.EOF):
		return nil, misuse.Errorf("the file is empty; right would be a CSV file whose first line names the columns")
	case err != nil:
		return nil, fmt.Errorf("reading the first line: %w", err)
	case record.Problem != "" && len(record.Fields[0]) == maxRecordBytes:
		return nil, misuse.Errorf("the first line has more than %d bytes; right would be a line that names the columns",
			maxRecordBytes)
	case record.Problem != "":
		return nil, misuse.Errorf("the first line cannot be read: %s", record.Problem)
	case len(record.Fields) > maxColumns:
		return nil, misuse.Errorf("the first line names %d columns; at most %d can be read", len(record.Fields), maxColumns)
	}
	for _, name := range record.Fields {
		if !utf8.ValidString(name) {
			return nil, misuse.Errorf("the first line is not UTF-8 (column %s); right would be an export, or a copy, in UTF-8, or --encoding", shown(name, 40))
		}
	}
	f.Separator, f.Header = f.sheet.Separator, append([]string(nil), record.Fields...)
	if f.Neutral = isRejected(f.Header); f.Neutral {
		each(f.Header, plain)
	}
	f.Body, f.Line = record.End, record.Next
	return f, nil
}

// A Record is one line of the file. Its fields are good until the next one is read.
type Record = sheet.Record

// reader reads the records of a file from an offset on.
type reader struct {
	format *Format
	sheet  *sheet.Reader
	record Record
}

func newReader(f *Format, at, line int64) (*reader, error) {
	text, err := f.file.Text(at)
	if err != nil {
		return nil, fmt.Errorf("reading the file: %w", err)
	}
	return &reader{format: f, sheet: f.sheet.Resume(text, at, line)}, nil
}

// next answers the next record, io.EOF behind the last one.
func (r *reader) next() (*Record, error) {
	record, err := r.sheet.Next()
	switch {
	case errors.Is(err, io.EOF):
		return nil, io.EOF
	case err != nil:
		return nil, fmt.Errorf("reading the file: %w", err)
	case record.Problem == "" && len(record.Fields) > maxColumns:
		record.Problem = fmt.Sprintf("the line has %d fields; at most %d can be read", len(record.Fields), maxColumns)
		record.Fields = []string{strings.Join(record.Fields, string(r.format.Separator))}
	case record.Problem == "" && r.format.Neutral:
		each(record.Fields, plain)
	}
	r.record = *record
	return record, nil
}
