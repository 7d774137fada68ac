package spool

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// segmentHead is magic (8), version (2), nothing (2), CRC-32C of the rest (4), number (8), time of making in Unix ms (8).
const segmentHead = 32

// segmentVersion is of the frames' layout.
const segmentVersion = 1

var magic = [8]byte{'T', 'R', 'I', 'B', 'S', 'P', 'O', 'L'}

const segmentSuffix = ".segment"

// segment is one file. Its fields belong to the Spool's mutex.
type segment struct {
	number uint64
	path   string
	// size is how far the frames reach that are durable; of a sealed segment the file's size.
	size   int64
	sealed bool
}

func segmentPath(dir string, number uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%020d%s", number, segmentSuffix))
}

func header(number uint64, nowMS int64) []byte {
	h := make([]byte, segmentHead)
	copy(h, magic[:])
	binary.LittleEndian.PutUint16(h[8:], segmentVersion)
	binary.LittleEndian.PutUint64(h[16:], number)
	binary.LittleEndian.PutUint64(h[24:], uint64(nowMS))
	binary.LittleEndian.PutUint32(h[12:], headerSum(h))
	return h
}

func headerSum(h []byte) uint32 {
	return crc32.Update(crc32.Checksum(h[:12], castagnoli), castagnoli, h[16:segmentHead])
}

// headed tells whether a segment's header is whole. A whole one of another version is an error: its frames cannot be read.
func headed(h []byte, number uint64) (bool, error) {
	if len(h) < segmentHead || !bytes.Equal(h[:8], magic[:]) || headerSum(h) != binary.LittleEndian.Uint32(h[12:]) {
		return false, nil
	}
	if v := binary.LittleEndian.Uint16(h[8:]); v != segmentVersion {
		return false, fmt.Errorf("segment %d has layout %d, this program reads %d; drain it with the program that wrote it", number, v, segmentVersion)
	}
	return binary.LittleEndian.Uint64(h[16:]) == number, nil
}

// listSegments answers the numbers of the folder's segments, upwards.
func listSegments(dir string) ([]uint64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("listing the spool's segments: %w", err)
	}
	var numbers []uint64
	for _, e := range entries {
		text, ok := strings.CutSuffix(e.Name(), segmentSuffix)
		if !ok {
			continue
		}
		number, err := strconv.ParseUint(text, 10, 64)
		if err != nil || number == 0 {
			return nil, fmt.Errorf("%s is in the spool's folder and no segment's name; move it away", e.Name())
		}
		numbers = append(numbers, number)
	}
	slices.Sort(numbers)
	return numbers, nil
}

// survey is what a segment holds from an offset on.
type survey struct {
	records int64
	// end is behind the last valid frame.
	end int64
	// tail is what follows the last valid frame, reserved space left out.
	tail int64
	size int64
}

// inspect reads a segment of an earlier process.
func inspect(path string, number uint64, from int64) (survey, error) {
	var s survey
	f, err := os.Open(path)
	if err != nil {
		return s, fmt.Errorf("opening a segment: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return s, fmt.Errorf("opening a segment: %w", err)
	}
	s.size = info.Size()
	head := make([]byte, min(s.size, segmentHead))
	if _, err := f.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return s, fmt.Errorf("reading the head of segment %d: %w", number, err)
	}
	if _, err := headed(head, number); err != nil {
		return s, err
	}
	// A damaged head says nothing about the frames, which prove themselves.
	c := cursor{src: f, segment: number, off: max(from, segmentHead), end: s.size}
	s.end = min(c.off, s.size)
	for {
		got, g, err := c.next()
		if err != nil && !errors.Is(err, io.EOF) {
			return s, err
		}
		if errors.Is(err, io.EOF) {
			if !g.zero {
				s.tail = g.end - g.off
			}
			return s, nil
		}
		s.records++
		s.end = got.next
	}
}
