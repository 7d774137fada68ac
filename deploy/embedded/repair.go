package embedded

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.uber.org/zap"
)

// Of a record batch (Kafka message format 2) the parts that the repair reads: its first 61 bytes are the header.
const (
	batchHeaderBytes  = 61
	batchLengthAt     = 8  // int32: bytes after this field
	batchEpochAt      = 12 // int32: leader epoch
	batchAttributesAt = 21 // int16
	batchMaxTimeAt    = 35 // int64: largest timestamp, Unix milliseconds

	attributeTransactional = 1 << 4
	attributeControl       = 1 << 5
)

// An entry of kfake's index, one a batch: version, checksum, leader epoch, largest timestamp so far, in a transaction.
const (
	indexEntryBytes   = 15
	indexEntryVersion = 1
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// repair makes the broker's files agree with each other after a kill. A batch is written to the log first and to the index second,
// and only the index says to the broker whether a batch is part of a transaction: a kill in between would make an open transaction's
// batch visible, and shift the flags of every batch that is written afterwards by one. The batch's own header says the same,
// so the index is written anew where it differs. A torn end of a journal is cut off: the broker skips it at its start, but
// would append behind it what it could never read again. Nothing complete is changed.
func repair(dir string, logger *zap.Logger) error {
	for _, journal := range []string{"groups.log", "pids.log"} {
		cut, err := cutJournal(filepath.Join(dir, journal))
		if err != nil {
			return fmt.Errorf("repairing the embedded Kafka's %s: %w", journal, err)
		}
		if cut > 0 {
			logger.Info("cut off what a killed broker had not finished writing", zap.String("file", journal), zap.Int64("bytes", cut))
		}
	}
	indexes := 0
	err := filepath.WalkDir(filepath.Join(dir, "partitions"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".dat" {
			return err
		}
		changed, err := repairIndex(path)
		if changed {
			indexes++
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("repairing the embedded Kafka's log: %w", err)
	}
	if indexes > 0 {
		logger.Info("completed the index of logs that a killed broker had not finished writing", zap.Int("files", indexes))
	}
	return nil
}

// repairIndex writes the index beside a segment anew if a batch's transaction flag in it is missing or wrong.
func repairIndex(segment string) (changed bool, err error) {
	want, err := indexOf(segment)
	if err != nil {
		return false, err
	}
	path := strings.TrimSuffix(segment, ".dat") + ".idx"
	have, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	if sameFlags(have, want) {
		return false, nil
	}
	if err := os.WriteFile(path+".tmp", want, 0o600); err != nil {
		return false, err
	}
	return true, os.Rename(path+".tmp", path)
}

// sameFlags tells whether each entry is whole and says the same of its batch's transaction.
func sameFlags(have, want []byte) bool {
	if len(have) != len(want) {
		return false
	}
	for at := 0; at < len(want); at += indexEntryBytes {
		entry := have[at : at+indexEntryBytes]
		if entry[1] != byte(crc32.Checksum(entry[2:], castagnoli)) || entry[14] != want[at+14] {
			return false
		}
	}
	return true
}

// indexOf makes the index of a segment's whole batches from their headers.
func indexOf(segment string) ([]byte, error) {
	f, err := os.Open(segment)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	var index []byte
	var latestMS int64
	r := bufio.NewReaderSize(f, 64<<10)
	header := make([]byte, batchHeaderBytes)
	for at := int64(0); at+batchHeaderBytes <= info.Size(); {
		if _, err := io.ReadFull(r, header); err != nil {
			return nil, fmt.Errorf("reading %s at %d: %w", segment, at, err)
		}
		size := int64(binary.BigEndian.Uint32(header[batchLengthAt:])) + batchLengthAt + 4
		if size < batchHeaderBytes || at+size > info.Size() {
			break // torn: the broker cuts it off
		}
		if _, err := r.Discard(int(size) - batchHeaderBytes); err != nil {
			return nil, fmt.Errorf("reading %s at %d: %w", segment, at, err)
		}
		at += size
		latestMS = max(latestMS, int64(binary.BigEndian.Uint64(header[batchMaxTimeAt:])))
		attributes := binary.BigEndian.Uint16(header[batchAttributesAt:])
		entry := make([]byte, indexEntryBytes)
		entry[0] = indexEntryVersion
		binary.LittleEndian.PutUint32(entry[2:], binary.BigEndian.Uint32(header[batchEpochAt:]))
		binary.LittleEndian.PutUint64(entry[6:], uint64(latestMS))
		if attributes&attributeTransactional != 0 && attributes&attributeControl == 0 {
			entry[14] = 1
		}
		entry[1] = byte(crc32.Checksum(entry[2:], castagnoli))
		index = append(index, entry...)
	}
	return index, nil
}

// An entry of a journal: length (4 bytes, little endian) of version and data, checksum of them (4), version (2), data.
const journalHeadBytes = 8

// cutJournal cuts a journal off after its last whole entry and answers how many bytes that took.
func cutJournal(path string) (int64, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	at := 0
	for at+journalHeadBytes <= len(raw) {
		length := int(binary.LittleEndian.Uint32(raw[at:]))
		if length < 2 || at+journalHeadBytes+length > len(raw) {
			break
		}
		if crc32.Checksum(raw[at+journalHeadBytes:at+journalHeadBytes+length], castagnoli) != binary.LittleEndian.Uint32(raw[at+4:]) {
			break
		}
		at += journalHeadBytes + length
	}
	if at == len(raw) {
		return 0, nil
	}
	return int64(len(raw) - at), os.Truncate(path, int64(at))
}
