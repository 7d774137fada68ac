package chdb

import (
	"compress/zlib"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// answer writes one response. Until the first output byte the status is open; an error after that is written into the
// body in the frame clients look for, and the connection is cut so that nobody takes the answer for whole.
type answer struct {
	w        http.ResponseWriter
	control  *http.ResponseController
	timeout  time.Duration
	format   string
	encoding string       // HTTP Content-Encoding, "" for none
	frames   *frameWriter // compress=1: ClickHouse's own frames
	out      io.Writer    // where output goes once begun
	encoder  io.Closer    // of encoding
	tag      string       // of a late error's frame
	version  string       // of the engine, for error texts
	begun    bool
	whole    bool // wait_end_of_query: nothing is sent before all is there
	// most is how many bytes of output there may be, and until when they must be taken; 0: no bound of its own.
	most  int64
	until time.Time
	sent  int64
	// since is when the query came, progress what it has done so far.
	since    time.Time
	progress progress
	watching
}

// bound makes the answer a guest's: the engine's own bounds neither count what is streamed nor the time that a client
// takes to read it.
func (a *answer) bound(g *GuestLimits) { a.most, a.until = g.MaxResultBytes, time.Now().Add(g.MaxTime) }

// lateness is how long after its time a client may take what was sent, which is to know why it ends.
const lateness = 5 * time.Second

// deadline is when the client must have taken what is sent now.
func (a *answer) deadline() time.Time {
	at := time.Now().Add(a.timeout)
	if last := a.until.Add(lateness); !a.until.IsZero() && last.Before(at) {
		return last
	}
	return at
}

// framePayloadBytes is how much output goes into one compressed frame: ClickHouse's max_compress_block_size.
const framePayloadBytes = 1 << 20

type frameWriter struct {
	to         io.Writer
	compressor *compress.Writer
}

func (f *frameWriter) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		part := rest[:min(len(rest), framePayloadBytes)]
		rest = rest[len(part):]
		if err := f.compressor.Compress(part); err != nil {
			return 0, fmt.Errorf("compressing the answer: %w", err)
		}
		if _, err := f.to.Write(f.compressor.Data); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// begin fixes status 200 and the headers.
func (a *answer) begin() error {
	a.summarise()
	a.begun = true
	header := a.w.Header()
	header.Set("Content-Type", contentType(a.format))
	a.tag = strings.ToLower(rand.Text()[:16])
	header.Set("X-ClickHouse-Exception-Tag", a.tag)
	a.out = a.w
	if a.encoding != "" {
		header.Set("Content-Encoding", a.encoding)
		encoder, err := newEncoder(a.encoding, a.w)
		if err != nil {
			return err
		}
		a.out, a.encoder = encoder, encoder
	}
	if a.frames != nil {
		a.frames.to = a.out
		a.out = a.frames
	}
	return nil
}

// write sends a part of the output; the client has the timeout to take it.
func (a *answer) write(part []byte) error {
	if len(part) == 0 {
		return nil
	}
	if !a.begun {
		if err := a.begin(); err != nil {
			return err
		}
	}
	if a.sent += int64(len(part)); a.most > 0 && a.sent > a.most {
		return refuse(codeTooManyRowsOrBytes, "TOO_MANY_ROWS_OR_BYTES", "Limit for result exceeded, max bytes: %d: ask for less, or in parts", a.most)
	}
	if !a.until.IsZero() && time.Now().After(a.until) {
		return refuse(codeTimeoutExceeded, "TIMEOUT_EXCEEDED", "Timeout exceeded: the result was not read within the time that a user who only reads has")
	}
	_ = a.control.SetWriteDeadline(a.deadline())
	if _, err := a.out.Write(part); err != nil {
		return fmt.Errorf("sending the answer: %w", err)
	}
	return nil
}

// end completes a good answer. One without output has Content-Length 0, by which clients know it.
func (a *answer) end() {
	_ = a.control.SetWriteDeadline(time.Now().Add(a.timeout))
	if !a.begun {
		a.summarise()
		a.w.Header().Set("Content-Type", contentType(a.format))
		a.w.Header().Set("Content-Length", "0")
		a.w.WriteHeader(http.StatusOK)
		return
	}
	if a.encoder != nil {
		_ = a.encoder.Close() // the client sees a broken connection for itself
	}
}

// fail reports err to the client: as status, header and text if nothing was sent yet, else inside the body.
func (a *answer) fail(err error) {
	var failure *engineError
	if !errors.As(err, &failure) {
		failure = refuse(codeUnknownException, "UNKNOWN_EXCEPTION", "%s", err)
	}
	text := failure.text
	if !strings.Contains(text, "(version ") || !strings.HasSuffix(text, ")") {
		text += " (version " + a.version + ")"
	}
	_ = a.control.SetWriteDeadline(time.Now().Add(a.timeout))
	if !a.begun {
		a.summarise()
		header := a.w.Header()
		header.Set("Content-Type", "text/plain; charset=UTF-8")
		header.Set("X-ClickHouse-Exception-Code", strconv.Itoa(failure.code))
		header.Del("Content-Encoding")
		a.w.WriteHeader(status(failure.code))
		_, _ = io.WriteString(a.w, text+"\n")
		return
	}
	message := text + "\n"
	_, _ = fmt.Fprintf(a.out, "\r\n__exception__\r\n%s\r\n%s%d %s\r\n__exception__\r\n", a.tag, message, len(message), a.tag)
	if a.encoder != nil {
		_ = a.encoder.Close()
	}
	_ = a.control.Flush()
	panic(http.ErrAbortHandler) // the agreed way to cut a response short; net/http swallows it
}

func newEncoder(encoding string, to io.Writer) (io.WriteCloser, error) {
	switch encoding {
	case "gzip":
		return gzip.NewWriterLevel(to, gzip.BestSpeed)
	case "deflate":
		return zlib.NewWriterLevel(to, zlib.BestSpeed)
	case "br":
		return brotli.NewWriterLevel(to, brotli.BestSpeed), nil
	case "zstd":
		return zstd.NewWriter(to, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	}
	return nil, fmt.Errorf("encoding the answer: unknown encoding %q", encoding)
}

// acceptedEncoding picks the first encoding of an Accept-Encoding header this server speaks.
func acceptedEncoding(header string) string {
	for part := range strings.SplitSeq(header, ",") {
		name, _, _ := strings.Cut(strings.TrimSpace(part), ";")
		switch name {
		case "gzip", "deflate", "br", "zstd":
			return name
		}
	}
	return ""
}

// contentType is what ClickHouse names its formats on HTTP.
func contentType(format string) string {
	lower := strings.ToLower(format)
	switch {
	case strings.HasPrefix(lower, "tabseparated"), strings.HasPrefix(lower, "tsv"):
		return "text/tab-separated-values; charset=UTF-8"
	case strings.HasPrefix(lower, "csv"):
		return "text/csv; charset=UTF-8; header=absent"
	case strings.HasSuffix(lower, "eachrow"), lower == "ndjson", lower == "jsonlines":
		return "application/x-ndjson; charset=UTF-8"
	case strings.HasPrefix(lower, "json"):
		return "application/json; charset=UTF-8"
	case lower == "xml":
		return "application/xml; charset=UTF-8"
	case lower == "html":
		return "text/html; charset=UTF-8"
	case strings.HasPrefix(lower, "pretty"), lower == "vertical", lower == "values", lower == "markdown", lower == "raw", lower == "lineasstring":
		return "text/plain; charset=UTF-8"
	}
	return "application/octet-stream"
}
