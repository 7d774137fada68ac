package spool

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// frameHead is marker, length of the payload, checksum: 4 bytes each, numbers little endian.
const frameHead = 12

// marker starts a frame; it is no UTF-8, so that text in a payload cannot look like it.
var marker = [4]byte{0xF7, 'T', 'F', 0xFE}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum covers where the frame stands, its length and its payload. place is the caller's scratch.
func checksum(place *[16]byte, segment uint64, offset int64, length, payload []byte) uint32 {
	binary.LittleEndian.PutUint64(place[:8], segment)
	binary.LittleEndian.PutUint64(place[8:], uint64(offset))
	sum := crc32.Update(0, castagnoli, place[:])
	sum = crc32.Update(sum, castagnoli, length)
	return crc32.Update(sum, castagnoli, payload)
}

func (r *Record) payloadBytes() int {
	return 8 + 1 + len(r.Topic) + 1 + len(r.ID) + 2 + len(r.Key) + len(r.Value)
}

// appendFrame appends a frame whose checksum is still missing: where it will stand is not known yet.
func appendFrame(dst []byte, r *Record) []byte {
	dst = append(dst, marker[:]...)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(r.payloadBytes()))
	dst = append(dst, 0, 0, 0, 0)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(r.TimeMS))
	dst = append(append(dst, byte(len(r.Topic))), r.Topic...)
	dst = append(append(dst, byte(len(r.ID))), r.ID...)
	dst = append(binary.LittleEndian.AppendUint16(dst, uint16(len(r.Key))), r.Key...)
	return append(dst, r.Value...)
}

// signFrames adds the checksums of frames that will stand from offset on.
func signFrames(frames []byte, segment uint64, offset int64) {
	var place [16]byte
	for len(frames) > 0 {
		n := frameHead + int(binary.LittleEndian.Uint32(frames[4:]))
		binary.LittleEndian.PutUint32(frames[8:], checksum(&place, segment, offset, frames[4:8], frames[frameHead:n]))
		frames, offset = frames[n:], offset+int64(n)
	}
}

var errPayload = errors.New("the payload is no record")

// readPayload answers a record that points into the payload. An empty key is none. topic is a likely one, whose memory is shared.
func readPayload(p []byte, topic string) (Record, error) {
	var r Record
	if len(p) < 8+1 {
		return r, errPayload
	}
	r.TimeMS = int64(binary.LittleEndian.Uint64(p))
	p = p[8:]
	n := int(p[0])
	if len(p) < 1+n+1 || n == 0 {
		return r, errPayload
	}
	if r.Topic = topic; string(p[1:1+n]) != topic {
		r.Topic = string(p[1 : 1+n])
	}
	p = p[1+n:]
	n = int(p[0])
	if len(p) < 1+n+2 {
		return r, errPayload
	}
	r.ID, p = p[1:1+n:1+n], p[1+n:]
	n = int(binary.LittleEndian.Uint16(p))
	if len(p) < 2+n {
		return r, errPayload
	}
	if n > 0 {
		r.Key = p[2 : 2+n : 2+n]
	}
	r.Value = p[2+n:]
	return r, nil
}

// readBytes is what a cursor reads at once; any frame fits.
const readBytes = 1 << 20

// maxResyncBytes bounds what is summed up in search of the next frame after damage, where a payload might be made of markers.
const maxResyncBytes = 64 << 20

// cursor reads the frames of one segment.
type cursor struct {
	src     io.ReaderAt
	segment uint64
	off     int64  // of the next frame
	end     int64  // of what may be read
	topic   string // of the last frame
	buf     []byte
	at      int64 // where buf stands
	place   [16]byte
}

// frame is one that is valid. Its record points into the cursor's buffer.
type frame struct {
	record Record
	off    int64
	next   int64
}

// gap is a range before a frame, or before the end, that holds no frame.
type gap struct {
	off, end int64
	// zero: nothing but zeros, which reserved space is.
	zero bool
}

func (g gap) empty() bool { return g.end <= g.off }

// next answers the next valid frame and the gap before it; at the end io.EOF and the gap before that.
func (c *cursor) next() (frame, gap, error) {
	g := gap{off: c.off, end: c.off, zero: true}
	summed := 0
	for c.off < c.end {
		window, err := c.window()
		if err != nil {
			return frame{}, gap{}, err
		}
		f, tried, ok := c.read(window)
		if ok {
			c.off = f.next
			return f, g, nil
		}
		if !g.empty() {
			summed += tried
		}
		var skip int
		if summed > maxResyncBytes {
			skip = len(window)
		} else if i := bytes.Index(window[1:], marker[:]); i >= 0 {
			skip = 1 + i
		} else if c.off+int64(len(window)) >= c.end {
			skip = len(window)
		} else {
			// The window's last bytes may begin a marker.
			skip = max(1, len(window)-len(marker)+1)
		}
		g.zero = g.zero && len(bytes.TrimLeft(window[:skip], "\x00")) == 0
		c.off += int64(skip)
		g.end = c.off
	}
	return frame{}, g, io.EOF
}

// read answers the frame at the beginning of the window, and how many bytes were summed up.
func (c *cursor) read(window []byte) (f frame, tried int, ok bool) {
	if len(window) < frameHead || !bytes.Equal(window[:4], marker[:]) {
		return f, 0, false
	}
	n := int64(binary.LittleEndian.Uint32(window[4:]))
	if n > maxPayloadBytes || n > int64(len(window)-frameHead) {
		return f, 0, false
	}
	payload := window[frameHead : frameHead+n]
	if checksum(&c.place, c.segment, c.off, window[4:8], payload) != binary.LittleEndian.Uint32(window[8:]) {
		return f, len(payload), false
	}
	r, err := readPayload(payload, c.topic)
	if err != nil {
		return f, len(payload), false
	}
	c.topic = r.Topic
	return frame{record: r, off: c.off, next: c.off + frameHead + n}, len(payload), true
}

// window answers the bytes from off on: a whole frame at least, or all up to the end.
func (c *cursor) window() ([]byte, error) {
	need := min(int64(maxFrameBytes), c.end-c.off)
	if c.off < c.at || c.off+need > c.at+int64(len(c.buf)) {
		if cap(c.buf) == 0 {
			c.buf = make([]byte, 0, readBytes)
		}
		n := min(int64(cap(c.buf)), c.end-c.off)
		c.buf = c.buf[:n]
		if _, err := c.src.ReadAt(c.buf, c.off); err != nil {
			c.buf = c.buf[:0]
			return nil, fmt.Errorf("reading %d bytes at %d of segment %d: %w", n, c.off, c.segment, err)
		}
		c.at = c.off
	}
	return c.buf[c.off-c.at:], nil
}

// held tells whether the next frame can be read without moving the buffer, that is, without invalidating earlier records.
func (c *cursor) held() bool {
	return c.off < c.end && c.off >= c.at && c.off+min(int64(maxFrameBytes), c.end-c.off) <= c.at+int64(len(c.buf))
}
