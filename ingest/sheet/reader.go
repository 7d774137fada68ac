package sheet

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// A Record is one of a text's records. Its fields are good until the next one is read.
type Record struct {
	Fields []string
	// Line is the number of its first line, Next that of the line behind it, from 1.
	Line, Next int64
	// End is where it ends, in bytes of the text (see File.Text).
	End int64
	// Problem: it is no record, and Fields has its line as it is. It is empty for one that was read.
	Problem string
}

// What Record.Problem says.
const (
	problemQuote = `a quote (") stands where none can be, or is opened and never closed; right would be quotes around the whole field and each inner one doubled`
)

// Reader reads records in bounded memory.
type Reader struct {
	// Separator stands between fields.
	Separator rune

	text  *bufio.Reader
	limit int
	// macs: lines end with a carriage return alone.
	macs   bool
	at     int64
	line   int64
	mark   []byte // the separator
	raw    []byte // the record at hand
	feed   feeder
	csv    *csv.Reader
	record Record
}

// separators are those that are found out; the first one is that of a line which has none.
var separators = []rune{',', ';', '\t', '|'}

// NewReader reads from the beginning of a text, which is at the offset at. separator 0 finds out: what the first line
// sep= says, else what the first line has most of outside of quotes. A record has at most limit bytes.
func NewReader(text io.Reader, at int64, separator rune, limit int) (*Reader, error) {
	r := &Reader{Separator: separator, text: buffer(text, limit), limit: limit, at: at, line: 1}
	head, err := r.window(limit)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	r.macs = endsLikeMacs(head)
	if said, n := saidSeparator(head, r.macs); n > 0 {
		if _, err := r.text.Discard(n); err != nil {
			return nil, fmt.Errorf("reading the first line: %w", err)
		}
		r.at += int64(n)
		r.line++
		if r.Separator == 0 {
			r.Separator = said
		}
	}
	if r.Separator == 0 {
		r.Separator = commonest(head)
	}
	r.begin()
	return r, nil
}

// Resume reads on from where a record of the same text ended: End and Next of it.
func (r *Reader) Resume(text io.Reader, at, line int64) *Reader {
	next := &Reader{Separator: r.Separator, text: buffer(text, r.limit), limit: r.limit, macs: r.macs, at: at,
		line: line}
	next.begin()
	return next
}

// buffer has room for some records, or for all of a text that is in memory.
func buffer(text io.Reader, limit int) *bufio.Reader {
	room := 4 * limit
	if inMemory, ok := text.(interface{ Len() int }); ok {
		room = min(room, inMemory.Len()+16)
	}
	return bufio.NewReaderSize(text, room)
}

func (r *Reader) begin() {
	r.mark = utf8.AppendRune(nil, r.Separator)
	r.csv = csv.NewReader(&r.feed)
	r.csv.Comma, r.csv.FieldsPerRecord, r.csv.ReuseRecord = r.Separator, -1, true
}

// window answers at least n bytes, unless the text ends before: then also io.EOF.
func (r *Reader) window(n int) ([]byte, error) {
	b, err := r.text.Peek(min(max(n, r.text.Buffered()), r.text.Size()))
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("reading the text: %w", err)
	}
	return b, err
}

// Next returns the next record, io.EOF behind the last one.
func (r *Reader) Next() (*Record, error) {
	want := 1
	for {
		b, err := r.window(want)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		last := err != nil
		if len(b) == 0 {
			return nil, io.EOF
		}
		if n := r.emptyLine(b, last); n > 0 {
			r.take(n, 1)
			want = 1
			continue
		}
		length, fault := r.scan(b[:min(len(b), r.limit+1)], last && len(b) <= r.limit)
		switch {
		case fault == scanMore && len(b) <= r.limit:
			want = min(2*len(b)+1, r.limit+1)
			continue
		case fault == scanMore:
			return r.long(b)
		case fault == scanOpen:
			return r.lone(b, problemQuote), nil
		}
		if record, err := r.parse(b[:length]); record != nil || err != nil {
			return record, err
		}
		want = 1
	}
}

func (r *Reader) take(n int, lines int64) {
	// What was peeked can be discarded.
	r.text.Discard(n)
	r.at += int64(n)
	r.line += lines
}

// emptyLine is the length of a line end at the beginning, 0 for none.
func (r *Reader) emptyLine(b []byte, last bool) int {
	switch {
	case b[0] == '\n':
		return 1
	case b[0] != '\r':
		return 0
	case len(b) > 1 && b[1] == '\n':
		return 2
	case r.macs && (len(b) > 1 || last), len(b) == 1 && last:
		return 1
	}
	return 0
}

type fault uint8

const (
	scanWhole fault = iota
	// scanMore: the record does not end within what is known of the text.
	scanMore
	// scanOpen: the text ends within quotes.
	scanOpen
)

// scan finds the end of the record at the beginning of b, and copies it to r.raw without the equals signs with which a
// spreadsheet keeps zeros before a number: ="001". last: nothing comes behind b.
func (r *Reader) scan(b []byte, last bool) (length int, f fault) {
	r.raw = r.raw[:0]
	quoted, begins := false, true
	copied := 0
	for i := 0; i < len(b); i++ {
		c := b[i]
		if quoted {
			if c != '"' {
				continue
			}
			if i+1 == len(b) && !last {
				return 0, scanMore
			}
			if i+1 < len(b) && b[i+1] == '"' {
				i++
			} else {
				quoted = false
			}
			continue
		}
		switch {
		case begins && c == '"':
			quoted, begins = true, false
		case begins && c == '=' && i+1 == len(b) && !last:
			return 0, scanMore
		case begins && c == '=' && i+1 < len(b) && b[i+1] == '"':
			r.raw = append(r.raw, b[copied:i]...)
			copied = i + 1
			i++
			quoted, begins = true, false
		case c == '\n', c == '\r' && r.macs, c == '\r' && i+1 < len(b) && b[i+1] == '\n':
			if c == '\r' && r.macs && i+1 == len(b) && !last {
				return 0, scanMore
			}
			r.raw = append(append(r.raw, b[copied:i]...), '\n')
			if c == '\r' && i+1 < len(b) && b[i+1] == '\n' {
				i++
			}
			return i + 1, scanWhole
		case c == '\r' && i+1 == len(b) && !last:
			return 0, scanMore
		case c == r.mark[0] && bytes.HasPrefix(b[i:], r.mark):
			begins = true
			i += len(r.mark) - 1
		default:
			begins = false
		}
	}
	switch {
	case !last:
		return 0, scanMore
	case quoted:
		return 0, scanOpen
	}
	r.raw = append(append(r.raw, b[copied:]...), '\n')
	return len(b), scanWhole
}

// parse has the record at hand taken apart; nil for one that is empty.
func (r *Reader) parse(b []byte) (*Record, error) {
	r.feed.line = r.raw
	fields, err := r.csv.Read()
	if err != nil {
		r.feed.line = nil
		r.begin() // what it had read ahead is of this record
		if errors.Is(err, io.EOF) {
			r.take(len(b), r.lines(b)) // carriage returns and nothing else
			return nil, nil
		}
		return r.lone(b, problemQuote), nil
	}
	for i, f := range fields {
		fields[i] = unquoted(f)
	}
	r.record = Record{Fields: fields, Line: r.line}
	r.take(len(b), r.lines(b))
	r.record.Next, r.record.End = r.line, r.at
	return &r.record, nil
}

// lone answers the line at the beginning of b as one that is no record.
func (r *Reader) lone(b []byte, problem string) *Record {
	length := len(b)
	if i := r.lineEnd(b); i >= 0 {
		length = i
	}
	r.record = Record{Fields: []string{string(bytes.TrimRight(b[:min(length, r.limit)], "\r\n"))}, Line: r.line,
		Problem: problem}
	r.take(length, 1)
	r.record.Next, r.record.End = r.line, r.at
	return &r.record
}

// long answers a line without an end within the limit as no record, and passes over the rest of it.
func (r *Reader) long(b []byte) (*Record, error) {
	problem := fmt.Sprintf("the line has more than %d bytes, perhaps for a quote that is opened and never closed",
		r.limit)
	if r.lineEnd(b[:min(len(b), r.limit)]) >= 0 {
		return r.lone(b, problem), nil
	}
	r.record = Record{Fields: []string{string(b[:min(len(b), r.limit)])}, Line: r.line, Problem: problem}
	for {
		if i := r.lineEnd(b); i >= 0 {
			r.take(i, 1)
			break
		}
		n := len(b)
		if b[n-1] == '\r' {
			n-- // what it is the next byte tells
		}
		r.take(n, 0)
		var err error
		if b, err = r.window(2); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if len(b) < 2 {
			r.take(len(b), 1)
			break
		}
	}
	r.record.Next, r.record.End = r.line, r.at
	return &r.record, nil
}

// lineEnd is where the line at the beginning of b ends, its end included; -1 when it does not.
func (r *Reader) lineEnd(b []byte) int {
	for i, c := range b {
		if c == '\n' {
			return i + 1
		}
		if c == '\r' && r.macs && i+1 < len(b) {
			if b[i+1] == '\n' {
				return i + 2
			}
			return i + 1
		}
	}
	return -1
}

// lines counts the line ends of a record.
func (r *Reader) lines(b []byte) (n int64) {
	for i, c := range b {
		if c == '\n' && (i == 0 || b[i-1] != '\r' || !r.macs) || c == '\r' && r.macs {
			n++
		}
	}
	return max(n, 1)
}

// unquoted takes away what a spreadsheet wrote around a number to keep it a text: ="001".
func unquoted(field string) string {
	if inner, ok := strings.CutPrefix(field, `="`); ok && strings.HasSuffix(inner, `"`) {
		return strings.ReplaceAll(inner[:len(inner)-1], `""`, `"`)
	}
	return field
}

// feeder hands the csv.Reader one record at a time, so that it reads none ahead.
type feeder struct{ line []byte }

func (f *feeder) Read(b []byte) (int, error) {
	if len(f.line) == 0 {
		return 0, io.EOF
	}
	n := copy(b, f.line)
	f.line = f.line[n:]
	return n, nil
}

// endsLikeMacs tells by the end of the first line.
func endsLikeMacs(head []byte) bool {
	quoted := false
	for i, c := range head {
		switch {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '\n':
			return false
		case c == '\r':
			return i+1 < len(head) && head[i+1] != '\n'
		}
	}
	return false
}

// saidSeparator reads a first line that names the separator, as spreadsheets understand and write it: sep=; and its
// length, 0 for none.
func saidSeparator(head []byte, macs bool) (separator rune, length int) {
	end := (&Reader{macs: macs}).lineEnd(head)
	if end < 0 {
		return 0, 0
	}
	line := bytes.Trim(bytes.TrimRight(head[:end], "\r\n"), `"`)
	if len(line) < 5 || !bytes.EqualFold(line[:4], []byte("sep=")) {
		return 0, 0
	}
	c, n := utf8.DecodeRune(line[4:])
	if n != len(line)-4 || c == utf8.RuneError || c == '"' {
		return 0, 0
	}
	return c, end
}

// commonest is the separator that the first line has most of.
func commonest(head []byte) rune {
	counts, quoted := map[rune]int{}, false
scan:
	for _, c := range string(head) {
		switch {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '\n' || c == '\r':
			break scan
		default:
			counts[c]++
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
