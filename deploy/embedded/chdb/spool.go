package chdb

import (
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"

	"github.com/ClickHouse/ch-go/compress"
	chproto "github.com/ClickHouse/ch-go/proto"
	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// errBodyTooLarge is returned by a capped reader at its limit.
var errBodyTooLarge = errors.New("the body is too large")

// cappedReader refuses to pass on more than limit bytes. It counts decoded bytes too, so a small compressed body cannot
// unfold without bound.
type cappedReader struct {
	source io.Reader
	left   int64
}

func (c *cappedReader) Read(p []byte) (int, error) {
	if c.left <= 0 {
		// One byte more tells a body of just the limit from one beyond it.
		var one [1]byte
		n, err := c.source.Read(one[:])
		if n > 0 {
			return 0, errBodyTooLarge
		}
		return 0, err
	}
	if int64(len(p)) > c.left {
		p = p[:c.left]
	}
	n, err := c.source.Read(p)
	c.left -= int64(n)
	return n, err
}

// decodedBody undoes a request's Content-Encoding and, if blocks is set, ClickHouse's own compressed frames (the
// decompress=1 parameter). The returned function frees the decoders.
func decodedBody(r *http.Request, blocks bool) (body io.Reader, free func(), err error) {
	free = func() {}
	body = r.Body
	switch encoding := r.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
	case "gzip":
		body, err = gzip.NewReader(body)
	case "deflate":
		body, err = zlib.NewReader(body)
	case "br":
		body = brotli.NewReader(body)
	case "lz4":
		body = lz4.NewReader(body)
	case "zstd":
		var decoder *zstd.Decoder
		if decoder, err = zstd.NewReader(body, zstd.WithDecoderConcurrency(1)); err == nil {
			body, free = decoder, decoder.Close
		}
	default:
		return nil, free, refuse(codeUnknownCompression, "UNKNOWN_COMPRESSION_METHOD", "Unknown Content-Encoding '%s': gzip, deflate, br, zstd and lz4 are known", encoding)
	}
	if err != nil {
		return nil, free, fmt.Errorf("opening the compressed body: %w", err)
	}
	if blocks {
		body = &frameReader{frames: compress.NewReader(body)}
	}
	return body, free, nil
}

// frameReader makes the end of the frames an io.EOF: the frame decoder wraps it.
type frameReader struct {
	frames *compress.Reader
}

func (f *frameReader) Read(p []byte) (int, error) {
	n, err := f.frames.Read(p)
	if err != nil && n == 0 && errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, io.EOF
	}
	return n, err
}

// spool keeps an insert's data where the engine can read it as a file, for the time of the insert.
type spool struct {
	file *os.File
	path string // for the engine
	size int64
}

// spools keeps a few used ones: their memory pages are there already, which spares the kernel allocating and clearing
// them for each insert (a third of its part of the work, measured).
type spools struct {
	dir  string
	free chan *spool
}

const (
	keptSpools     = 2
	keptSpoolBytes = 16 << 20 // larger ones are not kept
)

func newSpools(dir string) *spools { return &spools{dir: dir, free: make(chan *spool, keptSpools)} }

func (ss *spools) take() (*spool, error) {
	select {
	case s := <-ss.free:
		if _, err := s.file.Seek(0, io.SeekStart); err != nil {
			s.close()
			return nil, fmt.Errorf("reusing a file for the body: %w", err)
		}
		s.size = 0
		return s, nil
	default:
		return newSpool(ss.dir)
	}
}

func (ss *spools) give(s *spool) {
	if s.size <= keptSpoolBytes {
		select {
		case ss.free <- s:
			return
		default:
		}
	}
	s.close()
}

// drop frees the kept ones.
func (ss *spools) drop() {
	for {
		select {
		case s := <-ss.free:
			s.close()
		default:
			return
		}
	}
}

// copyBuffers are for bodies on their way into a spool. With 256 KiB the copying costs a tenth of the system calls of
// io.Copy's own 32 KiB.
var copyBuffers = sync.Pool{New: func() any { return new([256 << 10]byte) }}

// fill makes the spool hold body, after the part of it that was already read.
func (s *spool) fill(head []byte, body io.Reader) error {
	if _, err := s.file.Write(head); err != nil {
		return spoolError{err}
	}
	buffer := copyBuffers.Get().(*[256 << 10]byte)
	defer copyBuffers.Put(buffer)
	copied, err := io.CopyBuffer(spoolWriter{s.file}, body, buffer[:])
	s.size = int64(len(head)) + copied
	if err != nil {
		return err
	}
	if err := s.file.Truncate(s.size); err != nil { // what a longer body left behind it
		return spoolError{err}
	}
	return nil
}

// spoolWriter tells a failure to keep the body apart from a failure to receive it.
type spoolWriter struct{ file *os.File }

func (w spoolWriter) Write(p []byte) (int, error) {
	n, err := w.file.Write(p)
	if err != nil {
		err = spoolError{err}
	}
	return n, err
}

type spoolError struct{ cause error }

func (e spoolError) Error() string { return "keeping the body for the engine: " + e.cause.Error() }
func (e spoolError) Unwrap() error { return e.cause }

// handshakeBlock is the answer to clickhouse-go's first query, as one Native block in the protocol revision the client
// asked for.
func handshakeBlock(displayName, version, timezone string) []byte {
	var b chproto.Buffer
	chproto.BlockInfo{BucketNum: -1}.Encode(&b)
	b.PutUVarInt(4) // columns
	b.PutUVarInt(1) // rows
	column := func(name, kind string) {
		b.PutString(name)
		b.PutString(kind)
		b.PutBool(false) // no custom serialization
	}
	column("displayName()", "String")
	b.PutString(displayName)
	column("version()", "String")
	b.PutString(version)
	column("revision()", "UInt32")
	b.PutUInt32(0)
	column("timezone()", "String")
	b.PutString(timezone)
	return b.Buf
}
