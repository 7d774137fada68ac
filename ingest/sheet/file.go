package sheet

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/transform"
)

// ErrForm is matched by what Open refuses; its text says what would be right.
var ErrForm = errors.New("the file cannot be read as text")

// A FormError is why a file is no text.
type FormError struct{ What, Right string }

// Error implements error.
func (e *FormError) Error() string { return e.What + "; right would be " + e.Right }

// Is tells that it matches ErrForm.
func (e *FormError) Is(target error) bool { return target == ErrForm }

// headBytes is how much of a text is looked at to tell its form; surveyBytes how much from its first letter beyond
// ASCII on.
const (
	headBytes   = 64 << 10
	surveyBytes = 1 << 20
)

// A File is a text with its form.
type File struct {
	// Gzip: it is compressed. BOM: it begins with a byte order mark.
	Gzip, BOM bool
	// Encoding is the character set's name, such as UTF-8, UTF-16LE or windows-1252.
	Encoding string
	// Guessed: nothing says the character set, and it is not UTF-8.
	Guessed bool

	source io.ReaderAt
	size   int64
	// most is how many bytes are unpacked at most; 0 for all.
	most int64
	// decoder is nil for UTF-8; start is where a text begins that is read where it lies.
	decoder encoding.Encoding
	start   int64
	taken   atomic.Int64
}

// Open finds out how size bytes are written. declared is a character set that somebody said they have, empty for none;
// a byte order mark counts before it. The error matches ErrForm unless reading failed.
func Open(source io.ReaderAt, size int64, declared string) (*File, error) {
	return OpenWithin(source, size, declared, 0)
}

// OpenWithin is Open for what a stranger sent: of a compressed text nothing is unpacked behind its first most bytes, for a
// few of them may become thousands of times as many. 0 is no bound.
func OpenWithin(source io.ReaderAt, size int64, declared string, most int64) (*File, error) {
	f := &File{source: source, size: size, Encoding: "UTF-8", most: most}
	magic := make([]byte, 4)
	n, err := source.ReadAt(magic, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the beginning: %w", err)
	}
	switch magic = magic[:n]; {
	case bytes.HasPrefix(magic, []byte("PK\x03\x04")):
		return nil, &FormError{"it is a ZIP archive or a spreadsheet (.xlsx)", "the CSV inside, or an export as CSV"}
	case bytes.HasPrefix(magic, []byte("\xd0\xcf\x11\xe0")):
		return nil, &FormError{"it is a spreadsheet (.xls)", "an export as CSV"}
	case bytes.HasPrefix(magic, []byte("%PDF")):
		return nil, &FormError{"it is a PDF", "an export as CSV"}
	case bytes.HasPrefix(magic, []byte("\x1f\x8b")):
		f.Gzip = true
	}
	raw, err := f.unpacked()
	if err != nil {
		return nil, err
	}
	room := headBytes
	if !f.Gzip {
		room = int(min(headBytes, size+16))
	}
	buffered := bufio.NewReaderSize(raw, room)
	head, err := buffered.Peek(room)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, f.broken(err)
	}
	if err := f.form(head, declared); err != nil {
		return nil, err
	}
	if f.Encoding == "UTF-8" && !f.BOM && declared == "" {
		if err := f.survey(buffered); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// form tells by the beginning, and by what was declared.
func (f *File) form(head []byte, declared string) error {
	mark := func(text string) bool { return bytes.HasPrefix(head, []byte(text)) }
	switch {
	case mark("\xff\xfe\x00\x00"), mark("\x00\x00\xfe\xff"):
		return &FormError{"it is UTF-32", "UTF-8"}
	case mark("\xef\xbb\xbf"):
		f.BOM, f.start = true, 3
		return f.zeros(head)
	case mark("\xff\xfe"):
		f.BOM = true
		f.use("UTF-16LE")
		return nil
	case mark("\xfe\xff"):
		f.BOM = true
		f.use("UTF-16BE")
		return nil
	}
	if declared != "" {
		if !f.use(declared) {
			return &FormError{fmt.Sprintf("its character set %q is not known", declared), EncodingNames}
		}
		if f.decoder != nil {
			return nil
		}
	} else if name := wide(head); name != "" {
		f.use(name)
		return nil
	}
	return f.zeros(head)
}

func (f *File) zeros(head []byte) error {
	if bytes.IndexByte(head, 0) >= 0 {
		return &FormError{"it has zero bytes and is no text", "a CSV file in UTF-8"}
	}
	return nil
}

// wide tells UTF-16 without a mark: in a text of mostly Latin letters every other byte is zero.
func wide(head []byte) string {
	if len(head) < 4 {
		return ""
	}
	head = head[:min(len(head), 1024)&^1]
	var zeros [2]int
	for i, c := range head {
		if c == 0 {
			zeros[i&1]++
		}
	}
	switch half := len(head) / 2; {
	case zeros[1]*3 >= half && zeros[0]*20 < half:
		return "UTF-16LE"
	case zeros[0]*3 >= half && zeros[1]*20 < half:
		return "UTF-16BE"
	}
	return ""
}

// survey tells UTF-8 from an 8-bit character set by the letters beyond ASCII: where more of them are no UTF-8 than are,
// it is none. A text cut in the middle of a letter, as user agents are, stays UTF-8.
func (f *File) survey(r *bufio.Reader) error {
	good, bad, left := 0, 0, -1
	for left != 0 {
		part, err := r.Peek(max(1, r.Buffered()))
		if err != nil && !errors.Is(err, io.EOF) {
			return f.broken(err)
		}
		if len(part) == 0 {
			break
		}
		if whole, _ := r.Peek(r.Size()); len(whole) > len(part) {
			part = whole
		}
		at := 0
		for at < len(part) && left != 0 {
			if part[at] < utf8.RuneSelf {
				at++
			} else if c, n := utf8.DecodeRune(part[at:]); n > 1 {
				good++
				at += n
			} else if c == utf8.RuneError && !utf8.FullRune(part[at:]) && len(part) == r.Size() {
				break // it goes on behind this part
			} else {
				bad++
				at++
			}
			if left < 0 && good+bad > 0 {
				left = surveyBytes
			}
		}
		if left > 0 {
			left = max(0, left-at)
		}
		if _, err := r.Discard(max(at, 1)); err != nil {
			return f.broken(err)
		}
	}
	if bad > good {
		f.use("windows-1252")
		f.Guessed = true
	}
	return nil
}

// use sets the character set by its name.
func (f *File) use(name string) bool {
	e, canonical := encodingOf(name)
	if canonical == "" {
		return false
	}
	f.Encoding, f.decoder = canonical, e
	return true
}

// Direct tells whether offsets of the text are those of the file.
func (f *File) Direct() bool { return !f.Gzip && f.decoder == nil }

// Start is the offset at which the text begins.
func (f *File) Start() int64 {
	if f.Direct() {
		return f.start
	}
	return 0
}

// Taken is how many bytes of the file were read so far, by all of its texts.
func (f *File) Taken() int64 { return f.taken.Load() }

// Text is the text as UTF-8 from an offset on, which is Start or one that a Reader answered.
func (f *File) Text(from int64) (io.Reader, error) {
	if f.Direct() {
		return &counted{io.NewSectionReader(f.source, from, max(0, f.size-from)), &f.taken}, nil
	}
	text, err := f.unpacked()
	if err != nil {
		return nil, err
	}
	if f.decoder == nil && f.BOM {
		buffered := bufio.NewReader(text)
		if _, err := buffered.Discard(int(f.start)); err != nil {
			return nil, f.broken(err)
		}
		text = buffered
	}
	if f.decoder != nil {
		text = transform.NewReader(text, f.decoder.NewDecoder())
	}
	if _, err := io.CopyN(io.Discard, text, from); err != nil && !errors.Is(err, io.EOF) {
		return nil, f.broken(err)
	}
	return &told{text, f}, nil
}

// unpacked is the file without its compression.
func (f *File) unpacked() (io.Reader, error) {
	var raw io.Reader = &counted{io.NewSectionReader(f.source, 0, f.size), &f.taken}
	if !f.Gzip {
		return raw, nil
	}
	packed, err := gzip.NewReader(bufio.NewReader(raw))
	if err != nil {
		return nil, f.broken(err)
	}
	if f.most > 0 {
		return io.LimitReader(packed, f.most), nil
	}
	return packed, nil
}

// broken says what is wrong with a packed file; any other error stays.
func (f *File) broken(err error) error {
	if f.Gzip && (errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) ||
		errors.Is(err, io.ErrUnexpectedEOF) || isCorrupt(err)) {
		return &FormError{"it is compressed (gzip) and damaged or cut off: " + err.Error(),
			"the whole file, or the CSV inside"}
	}
	return fmt.Errorf("reading the text: %w", err)
}

// told gives the errors of a packed text their words.
type told struct {
	io.Reader
	file *File
}

func (t *told) Read(b []byte) (int, error) {
	n, err := t.Reader.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		err = t.file.broken(err)
	}
	return n, err
}

// counted counts what is read.
type counted struct {
	io.Reader
	n *atomic.Int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n.Add(int64(n))
	return n, err
}
