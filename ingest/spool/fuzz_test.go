package spool

import (
	"bytes"
	"io"
	"testing"

	"tributary/schemas/fuzzbound"
)

// FuzzSegment reads arbitrary bytes as a segment: no panic, every byte is in a frame or in a gap, in order, and what a frame
// holds is valid where it stands.
func FuzzSegment(f *testing.F) {
	var frames []byte
	for n := range 3 {
		frames = appendFrame(frames, &Record{Topic: "clicks", ID: []byte{byte('a' + n)}, Key: []byte("k"), Value: []byte("value"), TimeMS: 1_700_000_000_000})
	}
	signFrames(frames, 1, segmentHead)
	good := append(header(1, 1_700_000_000_000), frames...)
	f.Add(good)
	f.Add(append(bytes.Clone(good), make([]byte, 100)...))
	f.Add(good[:len(good)-3])
	damaged := bytes.Clone(good)
	damaged[segmentHead+20] ^= 1
	f.Add(damaged)
	f.Add(bytes.Repeat(append(marker[:], 4, 0, 0, 0), 50))
	f.Fuzz(func(t *testing.T, data []byte) {
		// The reader has a window of a mebibyte.
		fuzzbound.Hold(t, 1<<20+2*maxFrameBytes+64*len(data), func() {
			_, _ = headed(data, 1)
			c := cursor{src: bytes.NewReader(data), segment: 1, off: segmentHead, end: int64(len(data))}
			for err := error(nil); err == nil; {
				_, _, err = c.next()
			}
		})
		c := cursor{src: bytes.NewReader(data), segment: 1, off: segmentHead, end: int64(len(data))}
		at := int64(segmentHead)
		for {
			got, g, err := c.next()
			if g.off != at && !(g.empty() && err == io.EOF && at >= int64(len(data))) {
				t.Fatalf("a gap begins at %d, want %d", g.off, at)
			}
			if err == io.EOF {
				if end := max(g.end, at); end < int64(len(data)) {
					t.Fatalf("%d of %d bytes are told of", end, len(data))
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if g.end != got.off || got.next <= got.off {
				t.Fatalf("a gap to %d, then a frame from %d to %d", g.end, got.off, got.next)
			}
			again := appendFrame(nil, &got.record)
			signFrames(again, 1, got.off)
			if !bytes.Equal(again, data[got.off:got.next]) {
				t.Fatalf("the frame at %d does not make the same bytes again", got.off)
			}
			at = got.next
		}
	})
}
