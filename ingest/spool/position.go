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
)

// position is the place of the first frame that is not confirmed.
type position struct {
	segment uint64
	offset  int64
}

// A slot is generation, segment, offset (8 bytes each), CRC-32C of these, and 4 bytes of nothing.
const slotBytes = 32

// positionFile keeps the newest position in one of two slots, so that a torn write leaves the one before.
type positionFile struct {
	f          *os.File
	generation uint64
	// damaged: neither slot could be read, and the file is not new.
	damaged bool
}

func openPosition(dir string) (*positionFile, position, error) {
	f, err := os.OpenFile(filepath.Join(dir, "position"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, position{}, fmt.Errorf("opening the spool's position: %w", err)
	}
	p := &positionFile{f: f}
	var raw [2 * slotBytes]byte
	n, err := f.ReadAt(raw[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		f.Close()
		return nil, position{}, fmt.Errorf("reading the spool's position: %w", err)
	}
	if n < len(raw) {
		// Room for both slots now: a disk that is full later must not keep the position from moving.
		_, _ = f.WriteAt(raw[n:], int64(n))
	}
	var at position
	// What was just filled up counts as it will when it is read again.
	for slot := raw[:]; len(slot) > 0; slot = slot[slotBytes:] {
		generation := binary.LittleEndian.Uint64(slot)
		if generation > p.generation && crc32.Checksum(slot[:24], castagnoli) == binary.LittleEndian.Uint32(slot[24:]) {
			p.generation = generation
			at = position{binary.LittleEndian.Uint64(slot[8:]), int64(binary.LittleEndian.Uint64(slot[16:]))}
		}
	}
	p.damaged = p.generation == 0 && len(bytes.Trim(raw[:], "\x00")) > 0
	return p, at, nil
}

// save writes the older slot. It does not wait for the disk: a position lost in a power cut means reading again, not losing.
func (p *positionFile) save(at position) error {
	var slot [slotBytes]byte
	binary.LittleEndian.PutUint64(slot[:], p.generation+1)
	binary.LittleEndian.PutUint64(slot[8:], at.segment)
	binary.LittleEndian.PutUint64(slot[16:], uint64(at.offset))
	binary.LittleEndian.PutUint32(slot[24:], crc32.Checksum(slot[:24], castagnoli))
	if _, err := p.f.WriteAt(slot[:], int64((p.generation+1)%2)*slotBytes); err != nil {
		return fmt.Errorf("writing the spool's position: %w", err)
	}
	p.generation++
	return nil
}

func (p *positionFile) close() error { return errors.Join(p.f.Sync(), p.f.Close()) }
