package embedded

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io/fs"
	"os"
)

// An entry of a journal: length (4 bytes, little endian) of version and data, checksum of them (4), version (2), data.
// The broker's journals and the one of transactions are framed alike; the data is a JSON object.
const (
	journalHeadBytes    = 8
	journalVersionBytes = 2
	journalVersion      = 1
	// maxJournalEntryBytes is more than any entry takes: a longer one is a damaged length.
	maxJournalEntryBytes = 16 << 20
)

// appendJournalEntry frames data.
func appendJournalEntry(to, data []byte) []byte {
	at := len(to)
	to = append(to, make([]byte, journalHeadBytes+journalVersionBytes)...)
	to = append(to, data...)
	binary.LittleEndian.PutUint32(to[at:], uint32(journalVersionBytes+len(data)))
	binary.LittleEndian.PutUint16(to[at+journalHeadBytes:], journalVersion)
	binary.LittleEndian.PutUint32(to[at+4:], crc32.Checksum(to[at+journalHeadBytes:], castagnoli))
	return to
}

// readJournalEntry returns the entry at the start of raw and its size; whole is false where there is none.
func readJournalEntry(raw []byte) (data []byte, size int, whole bool) {
	if len(raw) < journalHeadBytes+journalVersionBytes {
		return nil, 0, false
	}
	length := int64(binary.LittleEndian.Uint32(raw))
	if length < journalVersionBytes || length > maxJournalEntryBytes || length > int64(len(raw)-journalHeadBytes) {
		return nil, 0, false
	}
	size = journalHeadBytes + int(length)
	if crc32.Checksum(raw[journalHeadBytes:size], castagnoli) != binary.LittleEndian.Uint32(raw[4:]) {
		return nil, 0, false
	}
	return raw[journalHeadBytes+journalVersionBytes : size], size, true
}

// A journal is what could be read of one.
type journal struct {
	entries [][]byte // data of the whole entries, in order
	whole   []byte   // their bytes, frames included
	cut     []byte   // all other bytes
	spots   int      // places that were cut out
	behind  int      // whole entries that follow the first of them
	// unfinished says that the only spot is at the end and looks like an entry whose writer was killed.
	unfinished bool
}

// parseJournal reads every whole entry. Behind a torn one it goes on where the next begins whose length, checksum and
// version hold: the broker goes on appending after a write that failed half-way.
func parseJournal(raw []byte) journal {
	var j journal
	for at := 0; at < len(raw); {
		data, size, whole := readJournalEntry(raw[at:])
		if whole {
			if j.spots > 0 {
				j.behind++
			}
			j.entries = append(j.entries, data)
			j.whole = append(j.whole, raw[at:at+size]...)
			at += size
			continue
		}
		next := at + 1
		for next < len(raw) && !beginsJournalEntry(raw[next:]) {
			next++
		}
		j.unfinished = j.spots == 0 && next == len(raw) && unfinishedEntry(raw[at:])
		j.cut = append(j.cut, raw[at:next]...)
		j.spots++
		at = next
	}
	return j
}

// beginsJournalEntry looks at what is cheap to see before it reads a checksum over what may be megabytes.
func beginsJournalEntry(raw []byte) bool {
	if len(raw) < journalHeadBytes+journalVersionBytes+2 || raw[10] != '{' || binary.LittleEndian.Uint16(raw[8:]) != journalVersion {
		return false
	}
	_, _, whole := readJournalEntry(raw)
	return whole
}

// unfinishedEntry tells whether raw is the start of one entry, or nothing but zeros, as a file system leaves a file
// whose size it had written and whose content it had not.
func unfinishedEntry(raw []byte) bool {
	if allZero(raw) || len(raw) < journalHeadBytes+journalVersionBytes {
		return true
	}
	length := int64(binary.LittleEndian.Uint32(raw))
	return length > int64(len(raw)-journalHeadBytes) && length <= maxJournalEntryBytes && binary.LittleEndian.Uint16(raw[journalHeadBytes:]) == journalVersion
}

func allZero(raw []byte) bool {
	for _, b := range raw {
		if b != 0 {
			return false
		}
	}
	return true
}

// readIfThere returns nothing for a file that does not exist.
func readIfThere(path string) ([]byte, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return raw, err
}

// replaceFile puts a file in place of another, wholly or not at all: its content is on disk before its name is.
func replaceFile(path string, content []byte) error {
	f, err := os.OpenFile(path+".tmp", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}
