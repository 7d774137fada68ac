package importer

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

const (
	// maxRecordBytes bounds one line of the file, quoted line ends included: the longest click, with every text at its limit, has 12 KiB.
	maxRecordBytes = 64 << 10
	// maxColumns bounds the fields of a line.
	maxColumns = 500
	// headBytes is how much of the file is looked at to tell its form.
	headBytes = 64 << 10
)

// A Format is how a file is written.
type Format struct {
	Separator rune
	// BOM: it begins with UTF-8's byte order mark.
	BOM bool
	// Neutral: it is a file of rejected lines, whose cells have an apostrophe where a spreadsheet would see a formula.
	// The reader takes it away.
	Neutral bool
	// Header are the names of its first line.
	Header []string
	// Body is where the lines begin, in bytes.
	Body int64
	// Line is the number of the line at Body, from 1.
	Line int64
}

var separators = []rune{',', ';', '\t', '|'}

// Detect reads the first line. separator 0 finds out: the one that the line has most of, outside of quotes.
func Detect(r io.ReaderAt, separator rune) (*Format, error) {
	head := make([]byte, headBytes)
	n, err := r.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the first line: %w", err)
	}
	f := &Format{Separator: separator}
	head, f.BOM = bytes.CutPrefix(head[:n], []byte("\xef\xbb\xbf"))
	start := int64(n - len(head))
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")):
		return nil, misused("the file is UTF-16 (a spreadsheet's \"Unicode text\"); right would be UTF-8: save it as \"CSV UTF-8\"")
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return nil, misused("the file is a ZIP archive or a spreadsheet (.xlsx); right would be the CSV inside, or an export as CSV")
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return nil, misused("the file is compressed (gzip); right would be the CSV inside: gunzip it")
	case bytes.IndexByte(head, 0) >= 0:
		return nil, misused("the file has zero bytes and is no text; right would be a CSV file in UTF-8")
	}
	if f.Separator == 0 {
		f.Separator = commonest(head)
	}
	reader := csv.NewReader(bytes.NewReader(head))
	reader.Comma, reader.FieldsPerRecord, reader.LazyQuotes = f.Separator, -1, true
	header, err := reader.Read()
	switch {
	case errors.Is(err, io.EOF):
		return nil, misused("the file is empty; right would be a CSV file whose first line names the columns")
	case err != nil:
		return nil, misused("the first line cannot be read: %v", err)
	case start+reader.InputOffset() == int64(n) && n == headBytes:
		return nil, misused("the first line has more than %d bytes; right would be a line that names the columns", headBytes)
	case len(header) > maxColumns:
		return nil, misused("the first line names %d columns; at most %d can be read", len(header), maxColumns)
	}
	for _, name := range header {
		if !utf8.ValidString(name) {
			return nil, misused("the first line is not UTF-8 (column %s); right would be an export, or a copy, in UTF-8", shown(name, 40))
		}
	}
	if f.Neutral = isRejected(header); f.Neutral {
		each(header, plain)
	}
	f.Header, f.Body = header, start+reader.InputOffset()
	f.Line = 1 + int64(bytes.Count(head[:reader.InputOffset()], []byte{'\n'}))
	return f, nil
}

// commonest is the separator that the first line has most of.
func commonest(head []byte) rune {
	counts := map[rune]int{}
	quoted := false
	for _, r := range string(head) {
		switch {
		case r == '"':
			quoted = !quoted
		case quoted:
		case r == '\n' || r == '\r':
			head = nil
		default:
			counts[r]++
		}
		if head == nil {
			break
		}
	}
	best := separators[0]
	for _, s := range separators[1:] {
		if counts[s] > counts[best] {
			best = s
		}
	}
	return best
}

// A Record is one line of the file. Its fields are good until the next one is read.
type Record struct {
	Fields []string
	// Line is the number of its first line, from 1.
	Line int64
	// End is where it ends, in bytes.
	End int64
	// Problem: it is no record, and Fields has the line as it is. It is empty for one that was read.
	Problem string
}

// reader reads records in bounded memory. A line that is none (a quote that never ends) is passed over alone: the next one is
// read as if it had not been there.
type reader struct {
	source  io.ReaderAt
	size    int64
	format  *Format
	csv     *csv.Reader
	guard   *guard
	base    int64 // where csv began
	baseRow int64 // its line number
	record  Record
}

func newReader(source io.ReaderAt, size int64, f *Format, at, line int64) *reader {
	r := &reader{source: source, size: size, format: f}
	r.begin(at, line)
	return r
}

func (r *reader) begin(at, line int64) {
	r.base, r.baseRow = at, line
	r.guard = &guard{from: io.NewSectionReader(r.source, at, max(0, r.size-at)), limit: maxRecordBytes}
	r.csv = csv.NewReader(r.guard)
	r.csv.Comma, r.csv.FieldsPerRecord, r.csv.ReuseRecord = r.format.Separator, -1, true
}

var errLong = errors.New("the line is too long")

// guard ends the reading of a record that is too long: csv.Reader would hold all of it.
type guard struct {
	from  io.Reader
	given int64
	// start is where the record at hand begins; limit is what it may have, with what csv.Reader reads ahead.
	start, limit int64
}

func (g *guard) Read(b []byte) (int, error) {
	if g.given-g.start > g.limit {
		return 0, errLong
	}
	n, err := g.from.Read(b)
	g.given += int64(n)
	return n, err
}

// next answers the next record, io.EOF behind the last one.
func (r *reader) next() (*Record, error) {
	start := r.csv.InputOffset()
	r.guard.start = start
	fields, err := r.csv.Read()
	switch {
	case err == nil && len(fields) > maxColumns:
		return r.skip(r.base+start, fmt.Sprintf("the line has %d fields; at most %d can be read", len(fields), maxColumns))
	case err == nil:
		line, _ := r.csv.FieldPos(0)
		if r.format.Neutral {
			each(fields, plain)
		}
		r.record = Record{Fields: fields, Line: r.baseRow + int64(line) - 1, End: r.base + r.csv.InputOffset()}
		return &r.record, nil
	case errors.Is(err, io.EOF):
		return nil, io.EOF
	case errors.Is(err, errLong):
		return r.skip(r.base+start, fmt.Sprintf("the line has more than %d bytes, perhaps for a quote that is opened and never closed", maxRecordBytes))
	case errors.Is(err, csv.ErrQuote), errors.Is(err, csv.ErrBareQuote):
		return r.skip(r.base+start, "a quote (\") stands where none can be; right would be quotes around the whole field and each inner one doubled")
	}
	return nil, fmt.Errorf("reading the file: %w", err)
}

// skip answers the line at an offset as one that is no record, and goes on behind its end.
func (r *reader) skip(at int64, problem string) (*Record, error) {
	line := r.lineAt(at)
	raw := make([]byte, 0, 4096)
	end, buf := at, make([]byte, 4096)
	started := false // empty lines before it are none of it
	for end < r.size {
		n, err := r.source.ReadAt(buf[:min(int64(len(buf)), r.size-end)], end)
		if n == 0 && err != nil {
			return nil, fmt.Errorf("reading the file: %w", err)
		}
		part := buf[:n]
		if !started {
			rest := bytes.TrimLeft(part, "\r\n")
			line += int64(bytes.Count(part[:n-len(rest)], []byte{'\n'}))
			end += int64(n - len(rest))
			if part, started = rest, len(rest) > 0; !started {
				continue
			}
		}
		i := bytes.IndexByte(part, '\n')
		if i >= 0 {
			part = part[:i+1]
		}
		end += int64(len(part))
		raw = append(raw, part[:min(len(part), maxRecordBytes-len(raw))]...)
		if i >= 0 {
			break
		}
	}
	r.record = Record{Fields: []string{string(bytes.TrimRight(raw, "\r\n"))}, Line: line, End: end, Problem: problem}
	r.begin(end, line+1)
	return &r.record, nil
}

// lineAt is the number of the line that begins at an offset of what csv has read.
func (r *reader) lineAt(at int64) int64 {
	line, buf := r.baseRow, make([]byte, 4096)
	for from := r.base; from < at; {
		n, err := r.source.ReadAt(buf[:min(int64(len(buf)), at-from)], from)
		line += int64(bytes.Count(buf[:n], []byte{'\n'}))
		from += int64(n)
		if err != nil {
			break
		}
	}
	return line
}
